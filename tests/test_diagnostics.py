"""What `diagnose` says of a fitted autoencoder."""

from functools import partial

import numpy as np
import pytest
from helpers import small_autoencoder
from numpy.testing import assert_allclose

pytestmark = pytest.mark.filterwarnings("ignore:Stopped after max_iter")

small = partial(small_autoencoder, n_components=20, sparsity_weight=0.1, max_iter=60)


def test_diagnostics_are_their_definitions(few_digits, rng, global_random_seed):
    X, w = few_digits[0], rng.rand(400)
    model = small(random_state=global_random_seed).fit(X)
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


def test_diagnostics_of_float32_data_far_from_0(rng, global_random_seed):
    X = 1e4 + rng.randn(500, 3)
    model = small(
        2,
        activation="identity",
        decoder_activation="identity",
        sparsity_weight=0,
        max_iter=5,
        random_state=global_random_seed,
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
def test_dead_and_saturated_units_are_found(activation, few_digits, global_random_seed):
    X = few_digits[0]
    model = small(
        10,
        activation=activation,
        sparsity_weight=0,
        max_iter=5,
        random_state=global_random_seed,
    ).fit(X)
    W, b = model.coefs_[0], model.intercepts_[0]
    W[:, :3] = 0
    b[:2], b[2] = -50, 50
    found = model.diagnose(X)
    bounded = activation in ("logistic", "tanh")
    if activation != "identity":
        assert found["dead"] >= 0.2
    assert found["saturated"] >= (0.1 if bounded else 0)
    assert found["dead"] + found["saturated"] >= 0.3


@pytest.mark.filterwarnings("ignore:Most units of the")
@pytest.mark.parametrize("activation", ["logistic", "tanh", "relu", "identity"])
def test_all_units_are_inactive_above_constant_rows(activation, global_random_seed):
    model = small(
        5,
        activation=activation,
        sparsity_weight=0,
        max_iter=5,
        random_state=global_random_seed,
    )
    constant = np.full((30, 4), 0.3)
    with pytest.warns(UserWarning, match="Most units of the sparse autoencoder"):
        model.fit(constant)
    found = model.diagnose(constant)
    assert found["dead"] + found["saturated"] == 1.0
