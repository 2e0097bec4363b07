"""The log-loss of autoencoders, as users see it."""

from functools import partial

import numpy as np
import pytest
from helpers import SOLVERS, small_autoencoder, small_classifier
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit

pytestmark = pytest.mark.filterwarnings("ignore:Stopped after max_iter")

small = partial(small_autoencoder, n_components=20, sparsity_weight=0.1, max_iter=60)
classifier = partial(
    small_classifier,
    hidden_layer_sizes=(20,),
    pretraining={"sparsity_weight": 0.1, "max_iter": 30},
    max_iter=20,
)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("tied_weights", [False, True])
def test_log_loss_is_what_is_minimized(
    solver, tied_weights, few_digits, global_random_seed
):
    X = few_digits[0]
    model = small(
        loss="log_loss",
        solver=solver,
        tied_weights=tied_weights,
        random_state=global_random_seed,
    ).fit(X)
    Z = np.log(model.inverse_transform(model.transform(X)))
    H = expit(X @ model.coefs_[0] + model.intercepts_[0])
    P = expit(H @ model.coefs_[1] + model.intercepts_[1])
    assert_allclose(np.exp(Z), P)
    rows = np.sum(X * np.log(P) + (1 - X) * np.log(1 - P), axis=1)
    assert_allclose(model.score_samples(X), rows)
    untrained = small(
        loss="log_loss", solver="adam", max_iter=1, random_state=global_random_seed
    ).fit(X)
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


def test_samples_are_scored_by_the_loss_that_was_fitted(few_digits, global_random_seed):
    X = few_digits[0]
    model = small(random_state=global_random_seed).fit(X)
    before = model.score_samples(X)
    assert_array_equal(model.set_params(loss="log_loss").score_samples(X), before)
