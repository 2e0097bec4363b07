"""Sparse X: the same models as from dense X, never dense as a whole."""

import tracemalloc
from functools import partial

import numpy as np
import pytest
from helpers import SOLVERS, assert_same_weights, small_classifier
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from skstackedae import SparseAutoencoder

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stopped after max_iter", "ignore:Most units of the"
)

FORMATS = [
    sparse.csr_matrix,
    sparse.csc_matrix,
    sparse.csr_array,
    sparse.csc_array,
    sparse.coo_array,
]


small = partial(small_classifier, pretraining={"max_iter": 15}, max_iter=10)


def check_same_outputs(one, other, sparse_X, X, methods):
    for method in methods:
        expected = getattr(other, method)(X)
        assert_allclose(getattr(one, method)(sparse_X), expected, rtol=1e-10)
        # Either model takes either kind.
        assert_allclose(getattr(one, method)(X), expected, rtol=1e-10)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("make", FORMATS)
def test_autoencoder_is_that_of_dense_rows(
    make, solver, few_digits, global_random_seed
):
    X = few_digits[0]
    settings = {"solver": solver, "max_iter": 20, "random_state": global_random_seed}
    dense = SparseAutoencoder(8, **settings).fit(X)
    model = SparseAutoencoder(8, **settings).fit(make(X))
    assert_same_weights(model, dense)
    assert_array_equal(model.mean_activations_, dense.mean_activations_)
    check_same_outputs(model, dense, make(X), X, ["transform", "score_samples"])
    H = dense.transform(X)
    assert_array_equal(model.inverse_transform(make(H)), dense.inverse_transform(H))
    assert model.score(make(X)) == pytest.approx(dense.score(X))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("make", FORMATS)
def test_classifier_is_that_of_dense_rows(make, solver, few_digits, global_random_seed):
    X, y = few_digits
    dense = small(solver=solver, random_state=global_random_seed).fit(X, y)
    model = small(solver=solver, random_state=global_random_seed).fit(make(X), y)
    assert_same_weights(model, dense)
    methods = ["transform", "predict_proba", "decision_function", "predict_log_proba"]
    check_same_outputs(model, dense, make(X), X, methods)
    assert_array_equal(model.predict(make(X)), dense.predict(X))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_precision_is_that_of_dense_rows(dtype, few_digits):
    X = (few_digits[0] * 16).round().astype(dtype) / 16
    X = X.astype(dtype)
    model = small(autoencoder=SparseAutoencoder(max_iter=3)).fit(
        sparse.csr_array(X), few_digits[1]
    )
    expected = np.float32 if dtype == np.float32 else np.float64
    assert model.coefs_[0].dtype == expected
    assert model.transform(sparse.csr_array(X)).dtype == expected


def test_every_way_to_fit_takes_sparse_rows(few_digits, tmp_path):
    X, y = sparse.csr_array(few_digits[0]), few_digits[1].copy()
    w = np.arange(400) % 3
    y[300:] = -1
    settings = {"unlabeled_label": -1, "early_stopping": True, "memory": str(tmp_path)}
    models = [
        small(**settings).fit(part, y, sample_weight=w) for part in (X, X.toarray())
    ]
    assert_allclose(models[0].coefs_[0], models[1].coefs_[0], rtol=1e-10)
    models = [
        small(unlabeled_label=-1).fit(part, y, X_val=part[:50], y_val=y[:50])
        for part in (X, X.toarray())
    ]
    assert_allclose(models[0].validation_scores_, models[1].validation_scores_)
    models = [
        small(solver="adam", unlabeled_label=-1).partial_fit(
            part, y, classes=np.arange(10)
        )
        for part in (X, X.toarray())
    ]
    assert_array_equal(models[0].coefs_[0], models[1].coefs_[0])
    models = [
        SparseAutoencoder(5, early_stopping=True, max_iter=5, random_state=0).fit(part)
        for part in (X, X.toarray())
    ]
    assert_array_equal(models[0].coefs_[0], models[1].coefs_[0])


def test_softmax_regression_gives_sparse_rows_back(few_digits):
    X, y = sparse.csr_array(few_digits[0]), few_digits[1]
    model = small(hidden_layer_sizes=()).fit(X, y)
    features = model.transform(X)
    assert sparse.issparse(features)
    assert_array_equal(features.toarray(), X.toarray())
    assert features is not X


def test_values_outside_the_decoder_range_warn_as_elsewhere(rng):
    X = sparse.csr_array(7 * rng.rand(50, 10) * (rng.rand(50, 10) < 0.2))
    with pytest.warns(UserWarning, match=r"lies in \[0, 6"):
        SparseAutoencoder(3, max_iter=2).fit(X)


@pytest.fixture(scope="module")
def wide():
    """6,000 x 4,000 (192 MB if dense), 1 % of it not 0."""
    X = sparse.random(6_000, 4_000, density=0.01, random_state=0, format="csr")
    return X, np.arange(6_000) % 3


@pytest.mark.slow
@pytest.mark.parametrize(
    "work",
    [
        lambda X, y: SparseAutoencoder(5, max_iter=2, random_state=0).fit(X),
        lambda X, y: SparseAutoencoder(5, solver="adam", max_iter=1).fit(X),
        lambda X, y: small(
            hidden_layer_sizes=(5,), autoencoder=SparseAutoencoder(max_iter=2)
        ).fit(X, y),
        lambda X, y: small(hidden_layer_sizes=(), max_iter=3).fit(X, y).predict(X),
    ],
    ids=["lbfgs", "adam", "classifier", "softmax"],
)
def test_memory_stays_below_that_of_dense_rows(work, wide):
    X, y = wide
    tracemalloc.start()
    work(X, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < X.shape[0] * X.shape[1] * 8
