"""Makers, formulas and lists of options that several test modules share.

Makers take settings as keywords; modules whose numbers depend on settings of their own
fix these by `functools.partial`.
"""

import os

import numpy as np
import pytest

from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier
from skstackedae._array_api import compute_dtype, device_of
from skstackedae._rows.blocks import RowsInBlocks

ACTIVATION_NAMES = ["logistic", "tanh", "relu", "identity"]
SOLVERS = ["lbfgs", "adam"]
DTYPES = [np.float32, np.float64]


def small_autoencoder(n_components=None, /, **settings):
    """Make an autoencoder of few units, with a fixed seed unless one is given."""
    if n_components is not None:
        settings["n_components"] = n_components
    return SparseAutoencoder(**{"n_components": 10, "random_state": 0} | settings)


def small_classifier(sizes=None, /, *, pretraining=None, **settings):
    """Make a classifier of small layers, with a fixed seed unless one is given.

    `pretraining` has the settings of a prototype for all layers, which is made anew for
    each classifier. A given `autoencoder` takes its place.
    """
    if sizes is not None:
        settings["hidden_layer_sizes"] = sizes
    if pretraining is not None:
        settings.setdefault("autoencoder", SparseAutoencoder(**pretraining))
    defaults = {"hidden_layer_sizes": (10, 8), "random_state": 0}
    return StackedAutoencoderClassifier(**defaults | settings)


def rows_in_blocks(X, y=None, w=None, **options):
    """Make rows as they are, with weights that are all equal unless some are given."""
    if w is None:
        w = np.full(X.shape[0], 1 / X.shape[0], dtype=compute_dtype(X.dtype))
    return RowsInBlocks(X, y, w, compute_dtype(X.dtype), **options)


def assert_same_weights(one, other):
    """Hold two fitted models to the same weights, bit for bit."""
    for part, other_part in zip(one.coefs_, other.coefs_, strict=True):
        np.testing.assert_array_equal(part, other_part)


def finite_difference(function, x, h=1e-6):
    """Derivative of a scalar function by each entry of x, by central differences."""
    numeric = np.empty_like(x)
    for index in np.ndindex(x.shape):
        above, below = x.copy(), x.copy()
        above[index] += h
        below[index] -= h
        numeric[index] = (function(above) - function(below)) / (2 * h)
    return numeric


LIBRARIES = ["array_api_strict", "torch"]
if os.environ.get("SKSTACKEDAE_TESTS_GPU") == "1":
    LIBRARIES += ["torch on cuda", "cupy"]


def library_of(name):
    """Return a function that makes an array of another library from one of numpy."""
    name, _, device = name.partition(" on ")
    library = pytest.importorskip(name)
    if device:
        return lambda array: library.asarray(np.array(array), device=device)
    try:
        device_of(library.asarray([1.0]))
    except ImportError as error:  # scikit-learn 1.6 brings no array_api_compat
        pytest.skip(str(error))
    if name == "torch":
        # Its threads take longer for small arrays, most of all beside other work.
        library.set_num_threads(1)
    return lambda array: library.asarray(np.array(array))
