"""Standardized features: the same network as after a StandardScaler, in X's units."""

import numpy as np
import pytest
from helpers import (
    SOLVERS,
    assert_same_weights,
    small_autoencoder,
)
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

from skstackedae import RowsOnDisk, SparseAutoencoder, StackedAutoencoder

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stopped after max_iter", "ignore:Most units of the"
)

SETTINGS = {"decoder_activation": "identity", "sparsity_weight": 0.1, "max_iter": 15}


def make(**settings):
    return small_autoencoder(6, **SETTINGS | {"standardize": True} | settings)


@pytest.fixture(scope="module")
def X():
    """Features of very different scales: from 0.1 to 300."""
    return load_wine().data


@pytest.mark.parametrize(
    ("solver", "settings"),
    [
        *((solver, {}) for solver in SOLVERS),
        *((solver, {"tied_weights": True}) for solver in SOLVERS),
        ("lbfgs", {"activation": "relu", "sparsity_weight": 0}),
        # With 'lbfgs', noise belongs to sorted rows, and their order is another one.
        ("adam", {"corruption": 0.3}),
        ("adam", {"corruption": 0.3, "emphasis": 0.5}),
    ],
    ids=str,
)
def test_the_network_is_that_of_standardized_features(settings, solver, X):
    model = make(solver=solver, **settings).fit(X)
    scaler = StandardScaler().fit(X)
    Z = scaler.transform(X)
    other = clone(model).set_params(standardize=False).fit(Z)
    assert_allclose(model.loss_curve_, other.loss_curve_, rtol=1e-6)
    assert_allclose(model.transform(X), other.transform(Z), atol=1e-6)
    reconstructed = model.inverse_transform(model.transform(X))
    expected = scaler.inverse_transform(other.inverse_transform(other.transform(Z)))
    assert_allclose(reconstructed, expected, rtol=1e-4, atol=1e-4)
    assert_allclose(model.score_samples(X), other.score_samples(Z), rtol=1e-5)
    assert_allclose(
        *(model.reconstruction_errors(X), other.reconstruction_errors(Z)),
        rtol=1e-4,
        atol=1e-7,
    )
    assert_allclose(model.mean_activations_, other.mean_activations_, atol=1e-6)
    assert_allclose(model.feature_scales_, scaler.scale_)


def test_statistics_are_those_of_weighted_rows(X, rng):
    weights = rng.randint(0, 3, len(X))
    model = make().fit(X, sample_weight=weights)
    repeated = make().fit(np.repeat(X, weights, axis=0))
    assert_allclose(model.feature_scales_, repeated.feature_scales_)
    assert_allclose(model.transform(X), repeated.transform(X), atol=1e-6)


def test_statistics_are_those_of_the_training_rows(X, monkeypatch):
    model = make(solver="adam", early_stopping=True, validation_fraction=0.5).fit(X)
    assert len(model.validation_scores_) == model.n_iter_
    # Half of the rows have other standard deviations than all.
    assert np.abs(model.feature_scales_ / X.std(axis=0) - 1).max() > 0.01


def test_constant_features_are_only_centered(X, rng):
    # A number whose sums are rounded.
    X = np.column_stack([X, np.full(len(X), 7.1)])
    model = make(max_iter=200).fit(X, sample_weight=rng.rand(len(X)))
    assert model.feature_scales_[-1] == 1
    assert_allclose(model.inverse_transform(model.transform(X))[:, -1], 7.1, atol=0.1)


def test_float32(X):
    X = X.astype(np.float32)
    model = make().fit(X)
    assert {part.dtype for part in model.coefs_} == {np.dtype(np.float32)}
    assert model.score_samples(X).dtype == np.float32
    expected = make().fit(X.astype(np.float64))
    assert_allclose(model.transform(X), expected.transform(X), atol=1e-2)


@pytest.mark.parametrize("solver", SOLVERS)
def test_warm_start_goes_on(solver, X):
    model = make(solver=solver, warm_start=True, tied_weights=True).fit(X)
    loss = model.loss_
    model.fit(X)
    assert model.loss_curve_[0] < loss * 1.01
    assert model.loss_ < loss
    assert model.set_params(standardize=False, warm_start=False).fit(X)
    assert not hasattr(model, "feature_scales_")


def test_rows_of_other_kinds(X, tmp_path):
    model = make().fit(X)
    np.save(tmp_path / "X.npy", X)
    on_disk = RowsOnDisk(np.load(tmp_path / "X.npy", mmap_mode="r"), dtype="float64")
    assert_same_weights(model, make().fit(on_disk))
    sparse = make().fit(csr_array(X))
    assert_same_weights(model, sparse)
    assert_array_equal(model.score_samples(X), sparse.score_samples(csr_array(X)))


def test_layers_of_a_stack(X, tmp_path):
    stack = StackedAutoencoder(
        (6, 3), autoencoder=make(), fine_tune=False, random_state=0, memory=tmp_path
    )
    first = clone(stack).fit(X)
    layer = first.autoencoders_[0]
    assert_allclose(layer.feature_scales_, X.std(axis=0))
    assert_allclose(layer.transform(X).mean(axis=0), layer.mean_activations_)
    # From the cache.
    assert_same_weights(first, clone(stack).fit(X))


def test_deep_autoencoders_do_not_fine_tune_in_other_units(X):
    stack = StackedAutoencoder((6, 3), autoencoder=make())
    with pytest.raises(ValueError, match="put a StandardScaler before the stack"):
        stack.fit(X)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"decoder_activation": "logistic"}, "set decoder_activation='identity'"),
        (
            {"corruption": 0.1, "corruption_kind": "salt_and_pepper"},
            "set corruption_kind='masking'",
        ),
    ],
)
def test_what_does_not_go_together(settings, message, X):
    with pytest.raises(ValueError, match=message):
        make(**settings).fit(X)


def test_partial_fit_has_no_statistics(X):
    with pytest.raises(AttributeError, match="Set standardize=False"):
        make(solver="adam").partial_fit(X)


def test_models_of_older_versions_have_the_new_parameters(X):
    model = SparseAutoencoder(4, max_iter=3).fit(X / X.max())
    state = model.__getstate__()
    del state["standardize"], state["missing_values"]
    old = SparseAutoencoder.__new__(SparseAutoencoder)
    old.__setstate__(state)
    assert clone(old).get_params() == model.get_params()
