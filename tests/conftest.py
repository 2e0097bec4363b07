"""Data sets and seeds that several test modules share.

Tests that draw data or hand on a seed take `global_random_seed`, in the manner of
scikit-learn, or `rng`, which starts from it. What they hold must hold for every seed.
The environment variable SKSTACKEDAE_TESTS_GLOBAL_RANDOM_SEED chooses: unset, one fixed
seed; a number, that seed; "all", the seeds from 0 to 9; "any", a seed by chance, which
the head of pytest's report names.
"""

import functools
import os
import random
from importlib.util import find_spec

import hypothesis
import numpy as np
import pytest
from sklearn.datasets import load_digits

# Displays open no windows here, nor in the docstrings' examples.
os.environ["MPLBACKEND"] = "Agg"

SEED_VARIABLE = "SKSTACKEDAE_TESTS_GLOBAL_RANDOM_SEED"
DEFAULT_SEED = 42
ALL_SEEDS = range(10)
MAX_SEED = 2**31 - 1  # room for seeds counted up from it

# Few examples, the same in every run; --hypothesis-profile=thorough draws others. No
# deadlines, because machines differ.
PROFILE = hypothesis.settings(
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    database=None,
)
hypothesis.settings.register_profile("few", PROFILE, max_examples=15, derandomize=True)
hypothesis.settings.register_profile("thorough", PROFILE, max_examples=200)
hypothesis.settings.load_profile("few")


@functools.cache
def global_random_seeds():
    """Read which seeds to test with; cached, because "any" is one for the whole run."""
    value = os.environ.get(SEED_VARIABLE)
    if value is None:
        return [DEFAULT_SEED]
    if value == "all":
        return list(ALL_SEEDS)
    if value == "any":
        return [random.randint(0, MAX_SEED)]
    try:
        seed = int(value)
    except ValueError:
        seed = -1
    if not 0 <= seed <= MAX_SEED:
        raise pytest.UsageError(
            f"{SEED_VARIABLE} must be 'all', 'any' or an integer from 0 to "
            f"{MAX_SEED}, got {value!r}."
        )
    return [seed]


def pytest_configure(config):
    """Refuse a wrong seed at once, and take slow disks for what they are."""
    global_random_seeds()
    # joblib's cache warns where writing to it takes long; no test is about that.
    config.addinivalue_line("filterwarnings", "ignore:Persisting input arguments took")


def pytest_report_header():
    return f"global random seeds: {', '.join(map(str, global_random_seeds()))}"


def pytest_generate_tests(metafunc):
    # One instance of a test for each seed, as scikit-learn has it.
    if "global_random_seed" in metafunc.fixturenames:
        metafunc.parametrize(
            "global_random_seed", global_random_seeds(), scope="session"
        )


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
def rng(global_random_seed):
    return np.random.RandomState(global_random_seed)


def pytest_collection_modifyitems(items):
    """Skip the examples of callbacks where scikit-learn has none."""
    if find_spec("sklearn.callback") is not None:
        return
    for item in items:
        if item.path.stem == "callbacks":
            item.add_marker(pytest.mark.skip(reason="callbacks: scikit-learn 1.9"))
