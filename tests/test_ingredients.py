"""Options of training, as users of both estimators see them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit
from sklearn.base import clone

from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier

pytestmark = pytest.mark.filterwarnings("ignore:Stopped after max_iter")


def small(n_components=20, **changes):
    settings = {"sparsity_weight": 0.1, "max_iter": 60, "random_state": 0}
    return SparseAutoencoder(n_components, **settings | changes)


def classifier(**changes):
    settings = {
        "hidden_layer_sizes": (20,),
        "autoencoder": SparseAutoencoder(sparsity_weight=0.1, max_iter=30),
        "max_iter": 20,
        "random_state": 0,
    }
    return StackedAutoencoderClassifier(**settings | changes)


# Cross-entropy ----------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
@pytest.mark.parametrize("tied_weights", [False, True])
def test_log_loss_is_what_is_minimised(solver, tied_weights, few_digits):
    X = few_digits[0]
    model = small(loss="log_loss", solver=solver, tied_weights=tied_weights).fit(X)
    Z = np.log(model.inverse_transform(model.transform(X)))
    H = expit(X @ model.coefs_[0] + model.intercepts_[0])
    P = expit(H @ model.coefs_[1] + model.intercepts_[1])
    assert_allclose(np.exp(Z), P)
    rows = np.sum(X * np.log(P) + (1 - X) * np.log(1 - P), axis=1)
    assert_allclose(model.score_samples(X), rows)
    untrained = small(loss="log_loss", solver="adam", max_iter=1).fit(X)
    assert model.score(X) > untrained.score(X)


@pytest.mark.parametrize("high", [1.5, 16.0])
def test_log_loss_needs_values_between_0_and_1(high, few_digits):
    with pytest.raises(ValueError, match=r"loss='log_loss' needs values in \[0, 1\]"):
        small(loss="log_loss").fit(few_digits[0] * high)
    # Rounding of a scaler is no mistake.
    small(loss="log_loss", max_iter=2).fit(few_digits[0] * (1 + 1e-9))


@pytest.mark.parametrize("decoder", ["tanh", "relu", "identity"])
def test_log_loss_needs_a_logistic_decoder(decoder, few_digits):
    model = small(loss="log_loss", decoder_activation=decoder)
    with pytest.raises(ValueError, match="set decoder_activation='logistic'"):
        model.fit(few_digits[0])
    with pytest.raises(ValueError, match="set decoder_activation='logistic'"):
        classifier(autoencoder=model).fit(*few_digits)


def test_log_loss_needs_logistic_units_below(few_digits, capsys):
    model = small(loss="log_loss", activation="tanh", verbose=1)
    network = classifier(hidden_layer_sizes=(8, 6), autoencoder=model, verbose=1)
    with pytest.raises(ValueError, match="the layer below has tanh units"):
        network.fit(*few_digits)
    assert capsys.readouterr().out == ""


def test_samples_are_scored_by_the_loss_that_was_fitted(few_digits):
    X = few_digits[0]
    model = small().fit(X)
    before = model.score_samples(X)
    assert_array_equal(model.set_params(loss="log_loss").score_samples(X), before)


# Masking noise ----------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_denoising_restores_what_is_missing(solver, digits):
    X = digits[0]
    settings = {"solver": solver, "max_iter": 80, "learning_rate_init": 0.01}
    rng = np.random.RandomState(5)
    noisy = X * (rng.rand(*X.shape) > 0.3)

    def error(model):
        return np.mean((model.inverse_transform(model.transform(noisy)) - X) ** 2)

    plain = small(50, sparsity_weight=0, **settings).fit(X)
    denoising = small(50, sparsity_weight=0, corruption=0.3, **settings).fit(X)
    assert error(denoising) < 0.8 * error(plain)


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_noise_follows_the_seed_and_not_the_threads(solver, few_digits):
    X, y = few_digits
    settings = {"corruption": 0.3, "solver": solver, "max_iter": 5}
    models = [
        classifier(
            autoencoder=small(**settings), n_jobs=n_jobs, random_state=seed, **settings
        ).fit(X, y)
        for n_jobs, seed in ((1, 0), (2, 0), (1, 1))
    ]
    for W, same, other in zip(*(model.coefs_ for model in models), strict=True):
        assert_array_equal(W, same)
        assert (other != W).any()


def test_a_model_without_noise_is_the_same_as_before_there_was_noise(few_digits):
    X, y = few_digits
    one, other = classifier().fit(X, y), classifier(corruption=1e-9).fit(X, y)
    # Rounded to no noise at all.
    assert_array_equal(one.coefs_[0], other.coefs_[0])


def test_what_a_fitted_model_says_is_without_noise(few_digits):
    X, y = few_digits
    model = small(corruption=0.5).fit(X)
    assert_allclose(model.mean_activations_, model.transform(X).mean(axis=0))
    network = classifier(corruption=0.5).fit(X, y)
    assert network.history_[-1]["accuracy"] == pytest.approx(network.score(X, y))


def test_noise_is_in_fine_tuning_alone(few_digits):
    X, y = few_digits
    plain, noisy = classifier().fit(X, y), classifier(corruption=0.5).fit(X, y)
    assert_array_equal(
        plain.autoencoders_[0].coefs_[0], noisy.autoencoders_[0].coefs_[0]
    )
    assert plain.history_[1]["loss_curve"] == noisy.history_[1]["loss_curve"]
    assert plain.history_[2]["loss_curve"] != noisy.history_[2]["loss_curve"]
    alone = classifier(corruption=0.5, fine_tune=False).fit(X, y)
    assert_array_equal(
        alone.coefs_[-1], classifier(fine_tune=False).fit(X, y).coefs_[-1]
    )


def test_partial_fit_draws_noise_too(few_digits):
    X = few_digits[0]
    settings = {"solver": "adam", "max_iter": 1}
    same, noisy = (small(corruption=c, **settings).partial_fit(X) for c in (0, 0.4))
    assert (same.coefs_[0] != noisy.coefs_[0]).any()
    fitted = small(corruption=0.4, **settings).fit(X)
    assert_array_equal(noisy.coefs_[0], fitted.coefs_[0])


def test_softmax_regression_has_no_noise(few_digits):
    X, y = few_digits
    one, other = (classifier(hidden_layer_sizes=(), corruption=c) for c in (0, 0.5))
    assert_array_equal(one.fit(X, y).coefs_[0], other.fit(X, y).coefs_[0])


# Shared weights ---------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_tied_weights_are_tied(solver, few_digits):
    X = few_digits[0]
    model = small(tied_weights=True, solver=solver).fit(X)
    encoder, decoder = model.coefs_
    assert encoder.shape == (64, 20)
    assert_array_equal(encoder.T, decoder)
    assert not np.shares_memory(encoder, decoder)
    assert len(model.intercepts_[1]) == 64
    again = clone(model).set_params(warm_start=True, max_iter=3)
    again.fit(X)
    again.fit(X)
    assert_array_equal(again.coefs_[0].T, again.coefs_[1])


@pytest.mark.parametrize("tied", [False, True])
def test_tying_cannot_change_on_the_way(tied, few_digits):
    X = few_digits[0]
    model = small(tied_weights=tied, max_iter=3, warm_start=True).fit(X)
    with pytest.raises(ValueError, match=f"tied_weights={not tied}"):
        model.set_params(tied_weights=not tied).fit(X)


def test_a_stack_of_tied_layers_decodes(few_digits):
    X, y = few_digits
    prototype = small(tied_weights=True, loss="log_loss", corruption=0.2)
    model = classifier(hidden_layer_sizes=(16, 12), autoencoder=prototype)
    model.fit(X, y)
    assert model.inverse_transform(model.transform(X)).shape == X.shape


# Diagnostics ------------------------------------------------------------------------


def test_diagnostics_are_their_definitions(few_digits, rng):
    X, w = few_digits[0], rng.rand(400)
    model = small().fit(X)
    found = model.diagnose(X, sample_weight=w)
    H, reconstructed = model.transform(X), model.inverse_transform(model.transform(X))
    mean = np.average(H, axis=0, weights=w)
    assert_allclose(found["mean_activations"], mean)
    std = np.sqrt(np.average((H - mean) ** 2, axis=0, weights=w))
    assert_allclose(found["std_activations"], std)
    assert found["dead"] == np.mean((std < 0.01) & (mean < 0.5))
    assert found["saturated"] == np.mean((std < 0.01) & (mean >= 0.5))
    explained = explained_variance(X, reconstructed, w)
    assert found["explained_variance"] == pytest.approx(explained)
    assert 0 < found["explained_variance"] < 1


def explained_variance(X, reconstructed, w):
    residual = np.average(np.sum((X - reconstructed) ** 2, axis=1), weights=w)
    mean = np.average(X, axis=0, weights=w)
    return 1 - residual / np.average(np.sum((X - mean) ** 2, axis=1), weights=w)


def test_diagnostics_of_float32_data_far_from_0(rng):
    X = 1e4 + rng.randn(500, 3)
    model = small(
        2,
        activation="identity",
        decoder_activation="identity",
        sparsity_weight=0,
        max_iter=5,
    ).fit(X.astype(np.float32))
    found = model.diagnose(X.astype(np.float32))["explained_variance"]
    assert found == pytest.approx(
        explained_variance(
            X, model.inverse_transform(model.transform(X)), np.ones(500)
        ),
        rel=1e-3,
    )


@pytest.mark.filterwarnings("ignore:Most units of the")
@pytest.mark.parametrize("activation", ["logistic", "tanh", "relu", "identity"])
def test_dead_and_saturated_units_are_found(activation, few_digits):
    X = few_digits[0]
    model = small(10, activation=activation, sparsity_weight=0, max_iter=5).fit(X)
    W, b = model.coefs_[0], model.intercepts_[0]
    W[:, :3] = 0
    b[:2], b[2] = -50, 50
    found = model.diagnose(X)
    bounded = activation in ("logistic", "tanh")
    if activation != "identity":
        assert found["dead"] >= 0.2
    assert found["saturated"] >= (0.1 if bounded else 0)
    assert found["dead"] + found["saturated"] >= 0.3


# Schedules --------------------------------------------------------------------------


def test_a_linear_schedule_comes_to_rest(few_digits):
    X, y = few_digits
    settings = {
        "pretrain": False,
        "solver": "adam",
        "learning_rate_init": 0.1,
        "tol": 0,
        "n_iter_no_change": 100,
    }

    curves = [
        classifier(learning_rate=schedule, max_iter=20, **settings)
        .fit(X, y)
        .loss_curve_
        for schedule in ("constant", "linear")
    ]
    # The last epochs differ less from each other.
    constant, linear = (np.ptp(curve[-3:]) for curve in curves)
    assert linear < constant


@pytest.mark.parametrize("make", [small, classifier])
def test_streams_have_no_last_epoch(make, few_digits):
    model = make(solver="adam", learning_rate="linear")
    with pytest.raises(ValueError, match="set learning_rate='constant'"):
        model.partial_fit(*few_digits)


@pytest.mark.parametrize(
    ("name", "value"),
    [("corruption", 1.0), ("corruption", -0.1), ("learning_rate", "invscaling")],
)
@pytest.mark.parametrize("make", [small, classifier])
def test_wrong_values_are_told(make, name, value, few_digits):
    with pytest.raises(ValueError, match=f"'{name}' parameter"):
        make(**{name: value}).fit(*few_digits)
