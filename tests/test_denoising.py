"""Masking noise and denoising autoencoders: what noise does, and where it is not."""

from functools import partial

import numpy as np
import pytest
from helpers import (
    SOLVERS,
    assert_same_weights,
    rows_in_blocks,
    small_autoencoder,
    small_classifier,
)
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV

from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier
from skstackedae._training.autoencoder import AutoencoderSettings
from skstackedae._training.settings import from_parameters

pytestmark = pytest.mark.filterwarnings("ignore:Stopped after max_iter")

small = partial(small_autoencoder, n_components=20, sparsity_weight=0.1, max_iter=60)
classifier = partial(
    small_classifier,
    hidden_layer_sizes=(20,),
    pretraining={"sparsity_weight": 0.1, "max_iter": 30},
    max_iter=20,
)


@pytest.mark.parametrize("solver", SOLVERS)
def test_denoising_restores_what_is_missing(solver, digits, rng, global_random_seed):
    X = digits[0]
    settings = {"solver": solver, "max_iter": 80, "learning_rate_init": 0.01}
    noisy = X * (rng.rand(*X.shape) > 0.3)

    def error(model):
        return np.mean((model.inverse_transform(model.transform(noisy)) - X) ** 2)

    plain = small(
        50, sparsity_weight=0, **settings, random_state=global_random_seed
    ).fit(X)
    denoising = small(
        50,
        sparsity_weight=0,
        corruption=0.3,
        **settings,
        random_state=global_random_seed,
    ).fit(X)
    assert error(denoising) < 0.8 * error(plain)


@pytest.mark.parametrize("solver", SOLVERS)
def test_noise_follows_the_seed_and_not_the_threads(
    solver, few_digits, global_random_seed
):
    X, y = few_digits
    settings = {"corruption": 0.3, "solver": solver, "max_iter": 5}
    models = [
        classifier(
            autoencoder=small(**settings),
            n_jobs=n_jobs,
            random_state=global_random_seed + offset,
            **settings,
        ).fit(X, y)
        for n_jobs, offset in ((1, 0), (2, 0), (1, 1))
    ]
    for W, same, other in zip(*(model.coefs_ for model in models), strict=True):
        assert_array_equal(W, same)
        assert (other != W).any()


def test_what_a_fitted_model_says_is_without_noise(few_digits, global_random_seed):
    X, y = few_digits
    model = small(corruption=0.5, random_state=global_random_seed).fit(X)
    assert_allclose(model.mean_activations_, model.transform(X).mean(axis=0))
    network = classifier(corruption=0.5, random_state=global_random_seed).fit(X, y)
    assert network.history_[-1]["accuracy"] == pytest.approx(network.score(X, y))


def test_noise_is_in_fine_tuning_alone(few_digits, global_random_seed):
    X, y = few_digits
    plain, noisy = (
        classifier(random_state=global_random_seed).fit(X, y),
        classifier(corruption=0.5, random_state=global_random_seed).fit(X, y),
    )
    assert_array_equal(
        plain.autoencoders_[0].coefs_[0], noisy.autoencoders_[0].coefs_[0]
    )
    assert plain.history_[1]["loss_curve"] == noisy.history_[1]["loss_curve"]
    assert plain.history_[2]["loss_curve"] != noisy.history_[2]["loss_curve"]
    alone = classifier(
        corruption=0.5, fine_tune=False, random_state=global_random_seed
    ).fit(X, y)
    assert_array_equal(
        alone.coefs_[-1],
        classifier(fine_tune=False, random_state=global_random_seed)
        .fit(X, y)
        .coefs_[-1],
    )


def test_partial_fit_draws_noise_too(few_digits, global_random_seed):
    X = few_digits[0]
    settings = {"solver": "adam", "max_iter": 1}
    same, noisy = (
        small(corruption=c, **settings, random_state=global_random_seed).partial_fit(X)
        for c in (0, 0.4)
    )
    assert (same.coefs_[0] != noisy.coefs_[0]).any()
    fitted = small(corruption=0.4, **settings, random_state=global_random_seed).fit(X)
    assert_array_equal(noisy.coefs_[0], fitted.coefs_[0])


def test_softmax_regression_has_no_noise(few_digits, global_random_seed):
    X, y = few_digits
    one, other = (
        classifier(hidden_layer_sizes=(), corruption=c, random_state=global_random_seed)
        for c in (0, 0.5)
    )
    assert_array_equal(one.fit(X, y).coefs_[0], other.fit(X, y).coefs_[0])


# Kinds of noise -----------------------------------------------------------------------


def test_noise_has_the_parameters_of_the_estimator(rng):
    X = 4 * rng.rand(30, 5) - 1
    X[0, :2] = -1, 3
    model = small(
        corruption=0.3,
        corruption_kind="salt_and_pepper",
        emphasis=0.4,
        decoder_activation="identity",
    )
    settings = from_parameters(AutoencoderSettings, model.get_params())
    rows = rows_in_blocks(X)
    noise = settings.corruption_of(rows, np.random.RandomState(0))
    assert (noise.probability, noise.values, noise.is_scaled) == (0.3, (-1, 3), False)
    objective = settings.objective(rows, noise)
    assert objective.rows.noise is noise
    assert objective.emphasis.corruption is noise
    assert objective.emphasis.weight_of_others == pytest.approx(0.6)


# autoencoder="denoising" --------------------------------------------------------------


def explicit_denoising(first):
    """The prototypes that the documentation gives for two layers."""
    settings = {
        "activation": "relu",
        "tied_weights": True,
        "corruption": 0.3,
        "sparsity_weight": 0,
        "alpha": 0,
        "solver": "adam",
        "learning_rate": "linear",
        "max_iter": 12,
    }
    linear = {"decoder_activation": "identity"}
    return [SparseAutoencoder(**settings, **last) for last in (first, linear)]


@pytest.mark.parametrize(
    ("scale", "first"),
    [
        (1, {"decoder_activation": "logistic", "loss": "log_loss"}),
        (2, {"decoder_activation": "identity"}),
        (-1, {"decoder_activation": "identity"}),
    ],
)
def test_denoising_prototype_chooses_the_decoder_by_the_range(scale, first, few_digits):
    X, y = few_digits
    X = scale * X
    # A row that does not count may have any value.
    X = np.concatenate([X, np.full_like(X[:1], 9)])
    y, weights = np.append(y, 0), np.append(np.ones(len(y)), 0)
    short, explicit = (
        StackedAutoencoderClassifier(
            (12, 8), autoencoder=autoencoder, max_iter=5, random_state=0
        ).fit(X, y, weights)
        for autoencoder in ("denoising", explicit_denoising(first))
    )
    assert_same_weights(short, explicit)
    for layer, expected in zip(
        short.autoencoders_, explicit.autoencoders_, strict=True
    ):
        assert layer.get_params() == expected.get_params()
        assert_same_weights(layer, expected)


def test_denoising_prototype_by_parts_and_without_pretraining(few_digits):
    X, y = few_digits
    model = StackedAutoencoderClassifier(
        (12,), autoencoder="denoising", solver="adam", random_state=0
    )
    model.partial_fit(X[:50], y[:50], np.unique(y))
    # Later parts may have another range.
    model.partial_fit(2 * X[50:], y[50:])
    assert model.autoencoders_[0].loss == "log_loss"
    assert model.activations_ == ["relu"]
    model.set_params(pretrain=False, warm_start=True).fit(X, y)
    assert model.activations_ == ["relu"]


def test_denoising_prototype_in_a_search(few_digits):
    # It has no parameters of its own to search over.
    with pytest.raises(ValueError, match="autoencoder__alpha cannot be set"):
        small_classifier(autoencoder="denoising").set_params(autoencoder__alpha=0)
    search = GridSearchCV(
        StackedAutoencoderClassifier((12,), max_iter=5, random_state=0),
        {"autoencoder": ["denoising", None]},
        cv=2,
    ).fit(*few_digits)
    assert np.ptp(search.cv_results_["mean_test_score"]) > 0
