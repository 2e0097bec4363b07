"""Data sets and small helpers that several test modules share."""

import os
from importlib.util import find_spec

import numpy as np
import pytest
from sklearn.datasets import load_digits

# Displays open no windows here, nor in the docstrings' examples.
os.environ["MPLBACKEND"] = "Agg"


@pytest.fixture(scope="session")
def digits():
    """Scikit-learn's digits with pixels in [0, 1]."""
    X, y = load_digits(return_X_y=True)
    return X / 16, y


@pytest.fixture(scope="session")
def few_digits(digits):
    """The first 400 of them, for tests that hold at any size."""
    X, y = digits
    return X[:400], y[:400]


@pytest.fixture
def rng():
    return np.random.RandomState(0)


def pytest_collection_modifyitems(items):
    """Skip the page on callbacks where scikit-learn has none."""
    if find_spec("sklearn.callback") is not None:
        return
    for item in items:
        if item.path.name == "callbacks.rst":
            item.add_marker(pytest.mark.skip(reason="callbacks: scikit-learn 1.9"))
