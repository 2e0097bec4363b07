"""A fit holds its data no longer than it runs, also without garbage collection.

Data in a reference cycle stay in memory until the next collection. In parallel searches
joblib also waits a second for arrays on disk that a worker still holds.
"""

import gc
import weakref

import numpy as np
import pytest

from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier

# Fits of two iterations warn, and a warning looks at the frames that hold the data.
pytestmark = pytest.mark.filterwarnings("ignore")

OPTIONS = {
    "autoencoder, lbfgs": SparseAutoencoder(4, max_iter=2, n_jobs=2),
    "autoencoder, adam": SparseAutoencoder(4, max_iter=2, solver="adam"),
    "classifier, lbfgs": StackedAutoencoderClassifier((4, 3), max_iter=2),
    "classifier, adam": StackedAutoencoderClassifier(
        (4,), max_iter=2, solver="adam", early_stopping=True, class_weight="balanced"
    ),
    "pseudo-labels": StackedAutoencoderClassifier.for_few_labels(
        (4,), max_iter=2, unlabeled_label=2
    ),
}


class Data(np.ndarray):
    """An array that weak references can watch."""


def make_data(rng):
    X = np.ascontiguousarray(rng.rand(300, 5).astype(np.float32)).view(Data)
    return X, np.arange(300) % 3, weakref.ref(X)


@pytest.fixture
def no_collection():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("model", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.usefixtures("no_collection")
def test_a_fit_leaves_its_data(model, rng, tmp_path):
    for options in ({}, {"memory": tmp_path}):
        if options and isinstance(model, SparseAutoencoder):
            continue
        X, y, watched = make_data(rng)
        model.set_params(**options).fit(X, y)
        del X
        assert watched() is None


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("method", ["transform", "score"])
def test_other_methods_leave_their_data(method, rng):
    for model in OPTIONS.values():
        X, y, watched = make_data(rng)
        fitted = model.fit(X.copy(), y)
        getattr(fitted, method)(X, y) if method == "score" else fitted.transform(X)
        del X
        assert watched() is None


@pytest.mark.usefixtures("no_collection")
def test_partial_fit_leaves_its_data(rng):
    X, y, watched = make_data(rng)
    SparseAutoencoder(4, solver="adam").partial_fit(X)
    StackedAutoencoderClassifier((4,), solver="adam").partial_fit(X, y, [0, 1, 2])
    del X
    assert watched() is None
