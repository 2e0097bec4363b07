"""Data sets and small helpers that several test modules share."""

import numpy as np
import pytest
from sklearn.datasets import load_digits


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
