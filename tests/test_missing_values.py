"""Missing entries: filled for the network, left out of the loss, imputed."""

import pickle

import numpy as np
import pandas as pd
import pytest
from helpers import (
    SOLVERS,
    assert_same_weights,
    finite_difference,
    rows_in_blocks,
    small_autoencoder,
    small_classifier,
)
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import get_tags

from skstackedae import (
    RowsOnDisk,
    SparseAutoencoder,
    StackedAutoencoder,
    StackedAutoencoderRegressor,
)
from skstackedae._input_checks import check_is_finite
from skstackedae._network.activations import ACTIVATIONS
from skstackedae._network.losses import RECONSTRUCTION_LOSSES, ObservedEntries
from skstackedae._rows.stored import StoredRows
from skstackedae._training.autoencoder import AutoencoderSettings
from skstackedae._training.settings import from_parameters

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stopped after max_iter",
    "ignore:Most units of the",
    "ignore:The input of the",
)


def make(**settings):
    defaults = {"missing_values": np.nan, "max_iter": 15, "sparsity_weight": 0.1}
    return small_autoencoder(8, **defaults | settings)


def with_gaps(X, rng, fraction=0.1):
    return np.where(rng.rand(*X.shape) < fraction, np.nan, X)


@pytest.fixture
def X(few_digits, rng):
    return with_gaps(few_digits[0], rng)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"loss": "log_loss"},
        {"corruption": 0.3, "emphasis": 0.5},
        {"standardize": True, "decoder_activation": "identity"},
        {"tied_weights": True, "activation": "tanh"},
    ],
    ids=str,
)
def test_gradients(settings, rng):
    X, w = with_gaps(rng.rand(20, 6), rng, 0.3), rng.rand(20)
    model = make(n_components=4, **settings)
    given = from_parameters(AutoencoderSettings, model.get_params())
    rows = rows_in_blocks(X, None, w / w.sum())
    rows = rows.with_feature_map(given.measure_features(rows))
    objective = given.objective(rows, given.corruption_of(rows, rng))
    theta = given.initial_theta(6, rng)
    _, gradient = objective.value_and_gradient(theta)
    numeric = finite_difference(lambda t: objective.value_and_gradient(t)[0], theta)
    assert_allclose(gradient, numeric, atol=1e-6)


@pytest.mark.parametrize("solver", SOLVERS)
def test_losses_are_those_of_observed_entries(solver, X):
    model = make(solver=solver, alpha=0, sparsity_weight=0).fit(X)
    filled = np.where(np.isnan(X), np.nanmean(X, axis=0), X)
    assert_allclose(model.feature_means_, np.nanmean(X, axis=0))
    assert_allclose(model.transform(X), model.transform(filled))
    reconstructed = model.inverse_transform(model.transform(filled))
    errors = 0.5 * np.nan_to_num(reconstructed - X) ** 2
    assert_allclose(model.reconstruction_errors(X), errors, atol=1e-12)
    assert_allclose(model.score_samples(X), -errors.sum(axis=1))
    if solver == "lbfgs":
        assert model.loss_ == pytest.approx(-model.score(X))


def test_the_loss_predicts_as_the_loss_below(rng):
    Z = rng.randn(3, 2)
    below = RECONSTRUCTION_LOSSES["squared_error"](ACTIVATIONS["tanh"])
    assert_array_equal(ObservedEntries(below).predict(Z.copy()), np.tanh(Z))


def test_means_are_weighted(X, rng):
    weights = rng.rand(len(X))
    model = make().fit(X, sample_weight=weights)
    observed = ~np.isnan(X) * weights[:, None]
    expected = (np.nan_to_num(X) * observed).sum(axis=0) / observed.sum(axis=0)
    assert_allclose(model.feature_means_, expected)


def test_weights_equal_repeated_rows(X, rng):
    weights = rng.randint(0, 3, len(X))
    weighted = make().fit(X, sample_weight=weights)
    repeated = make().fit(np.repeat(X, weights, axis=0))
    assert_allclose(weighted.transform(X), repeated.transform(X), atol=1e-7)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("settings", [{}, {"tied_weights": True}])
def test_nothing_changes_without_missing_entries(settings, solver, few_digits):
    X = few_digits[0]
    model = make(solver=solver, **settings).fit(X)
    other = clone(model).set_params(missing_values=None).fit(X)
    for part, expected in zip(model.coefs_, other.coefs_, strict=True):
        assert_allclose(part, expected, atol=1e-6)
    assert_array_equal(model.impute(X), X)


@pytest.mark.parametrize("settings", [{}, {"standardize": True}], ids=str)
def test_imputes_better_than_the_mean(settings, digits, rng):
    X = digits[0]
    gaps = with_gaps(X, rng, 0.2)
    model = make(
        n_components=40,
        max_iter=200,
        decoder_activation="identity",
        corruption=0.2,
        **settings,
    ).fit(gaps[::2])
    imputed, is_missing = model.impute(gaps[1::2]), np.isnan(gaps[1::2])
    assert_array_equal(imputed[~is_missing], X[1::2][~is_missing])
    by_mean = np.nanmean(gaps[::2], axis=0)
    errors = [
        np.square(X[1::2] - other)[is_missing].mean() for other in (imputed, by_mean)
    ]
    # 0.56 to 0.61 of the mean's error for seeds from 0 to 9.
    assert errors[0] < 0.7 * errors[1]


@pytest.mark.parametrize("solver", SOLVERS)
def test_masked_entries_look_like_missing_ones(solver, X):
    model = make(solver=solver, corruption=0.3, corruption_kind="masking")
    settings = from_parameters(AutoencoderSettings, model.get_params())
    rows = rows_in_blocks(X)
    rows = rows.with_feature_map(settings.measure_features(rows))
    noise = settings.corruption_of(rows, np.random.RandomState(0))
    noisy, targets, _ = rows.with_noise(noise).load(slice(0, 50))
    masked = noise.is_corrupted(0, 0, noisy.shape)
    filled = np.where(np.isnan(X), np.nanmean(X, axis=0), X)[:50]
    expected = np.where(masked, np.nanmean(X, axis=0), filled)
    assert_allclose(noisy, expected)
    assert_array_equal(targets, X[:50])


def test_features_without_any_entry(X):
    X[:, 3] = np.nan
    model = make().fit(X)
    assert model.feature_means_[3] == 0
    assert np.isfinite(model.impute(X)).all()
    X[5] = np.nan
    assert np.isfinite(make().fit(X).impute(X)).all()
    assert make().fit(X).score_samples(X)[5] == 0


def test_the_default_refuses_missing_entries(X):
    with pytest.raises(ValueError, match="Input X contains NaN"):
        make(missing_values=None).fit(X)
    assert not get_tags(SparseAutoencoder()).input_tags.allow_nan
    assert get_tags(make()).input_tags.allow_nan
    assert get_tags(StackedAutoencoder(autoencoder=make())).input_tags.allow_nan
    with pytest.raises(AttributeError, match=r"set missing_values=np\.nan"):
        make(missing_values=None).impute(X)


def test_a_network_of_complete_rows_refuses_missing_entries(X, few_digits):
    model = make(missing_values=None).fit(few_digits[0])
    model.set_params(missing_values=np.nan)
    for method in ("transform", "score_samples", "diagnose"):
        with pytest.raises(ValueError, match="Input X contains NaN"):
            getattr(model, method)(X)
    with pytest.raises(AttributeError, match="before fit"):
        model.impute(X)


def test_infinity_is_not_missing(X, tmp_path):
    X[0, 0] = np.inf
    with pytest.raises(ValueError, match="Input X contains infinity"):
        make().fit(X)
    np.save(tmp_path / "X.npy", X)
    big = RowsOnDisk(np.load(tmp_path / "X.npy", mmap_mode="r"), dtype="float64")
    with pytest.raises(ValueError, match="Input X contains infinity"):
        make().fit(big)


def test_rows_that_stay_on_disk_are_checked(X):
    X[3, 4] = -np.inf
    rows = StoredRows(X, "float64")
    with pytest.raises(ValueError, match="Input X contains infinity"):
        check_is_finite(rows, allow_nan=True)
    with config_context(assume_finite=True):
        check_is_finite(rows)
    X[3, 4] = 0
    check_is_finite(StoredRows(X, "float64"), allow_nan=True)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        check_is_finite(StoredRows(X, "float64"))


def test_rows_on_disk(X, tmp_path):
    np.save(tmp_path / "X.npy", np.tile(X, (200, 1)))
    stored = np.load(tmp_path / "X.npy", mmap_mode="r")
    on_disk = RowsOnDisk(stored, dtype="float64")
    model = make(max_iter=3).fit(on_disk)
    assert_same_weights(model, make(max_iter=3).fit(np.asarray(stored)))
    assert_allclose(model.feature_means_, np.nanmean(X, axis=0))
    with pytest.raises(ValueError, match="Input X contains NaN"):
        make(missing_values=None).fit(on_disk)
    imputed = model.impute(on_disk)
    assert_array_equal(imputed[: len(X)], model.impute(X))


def test_sparse_rows_and_data_frames(X):
    model = make().fit(X)
    assert_same_weights(model, make().fit(csr_array(X)))
    assert_array_equal(model.impute(csr_array(X)), model.impute(X))
    names = [f"pixel {number}" for number in range(64)]
    frame = pd.DataFrame(X, columns=names).astype("Float64")
    assert_same_weights(model, make().fit(frame))


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_stacks(early_stopping, frozen, X, few_digits):
    y = few_digits[1]
    prototypes = make(), make(n_components=5)
    if frozen:
        prototypes = FrozenEstimator(make().fit(X)), make(n_components=5)
    settings = {"autoencoder": list(prototypes), "early_stopping": early_stopping}
    settings |= {"solver": "adam", "max_iter": 3, "random_state": 0}
    models = [
        small_classifier((8, 5), **settings),
        StackedAutoencoderRegressor((8, 5), **settings),
        StackedAutoencoder((8, 5), **settings),
    ]
    filled = np.where(np.isnan(X), np.nanmean(X, axis=0), X)
    for model in models:
        model.fit(X, y)
        assert_allclose(model.transform(X), model.transform(filled))
        if hasattr(model, "predict"):
            assert_allclose(model.predict(X), model.predict(filled))
        if not early_stopping:
            assert_allclose(model.feature_means_, np.nanmean(X, axis=0))
        loaded = pickle.loads(pickle.dumps(model))
        assert_array_equal(loaded.transform(X), model.transform(X))
    errors = model.inverse_transform(model.transform(X)) - X
    expected = -0.5 * np.square(np.nan_to_num(errors)).sum(axis=1)
    assert_allclose(model.score_samples(X), expected)
    assert np.isfinite(model.impute(X)).all()
    model.set_params(autoencoder=make(missing_values=None)).fit(filled)
    assert not hasattr(model, "feature_means_")


def test_stack_on_a_frozen_layer_goes_on(X, few_digits):
    frozen = FrozenEstimator(make().fit(X))
    model = small_classifier((8,), autoencoder=[frozen], max_iter=3, warm_start=True)
    loss = model.fit(X, few_digits[1]).loss_
    assert model.fit(X, few_digits[1]).loss_ < loss


def test_stack_with_validation_rows(X, few_digits):
    y = few_digits[1]
    model = small_classifier((8,), autoencoder=make(), max_iter=3)
    model.fit(X[:300], y[:300], X_val=X[300:], y_val=y[300:])
    assert len(model.validation_scores_) == model.n_iter_


@pytest.mark.parametrize("kind", ["autoencoder", "stack"])
def test_passes_keep_the_means_of_the_first(kind, X):
    model = make(solver="adam")
    if kind == "stack":
        model = StackedAutoencoder((6,), autoencoder=model, solver="adam")
    model.partial_fit(X[:100])
    means = model.feature_means_.copy()
    model.partial_fit(X[100:])
    assert_array_equal(model.feature_means_, means)
    assert_allclose(means, np.nanmean(X[:100], axis=0))


def test_diagnose(X):
    model = make(decoder_activation="identity", max_iter=100).fit(X)
    result = model.diagnose(X)
    errors = np.nan_to_num(model.inverse_transform(model.transform(X)) - X)
    centered = np.nan_to_num(X - model.feature_means_)
    expected = 1 - np.square(errors).sum() / np.square(centered).sum()
    assert result["explained_variance"] == pytest.approx(expected)
