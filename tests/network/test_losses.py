"""Losses on raw predictions against closed forms and finite differences."""

import math

import numpy as np
import pytest
from helpers import DTYPES, finite_difference
from scipy.special import log_softmax, softmax
from sklearn.metrics import log_loss

from skstackedae._network.activations import ACTIVATIONS
from skstackedae._network.losses import SOFTMAX, LogLoss, SquaredError


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_squared_error(name, rng):
    Z, X, w = rng.randn(6, 4), rng.rand(6, 4), rng.dirichlet(np.ones(6))
    loss = SquaredError(ACTIVATIONS[name])
    value, delta = loss.value_and_delta(Z.copy(), X, w)
    reconstruction = ACTIVATIONS[name].function(Z.copy())
    expected = sum(
        w_i * 0.5 * np.linalg.norm(row) ** 2
        for w_i, row in zip(w, reconstruction - X, strict=True)
    )
    assert value == pytest.approx(expected)
    np.testing.assert_allclose(
        loss.row_losses(Z.copy(), X),
        0.5 * np.linalg.norm(reconstruction - X, axis=1) ** 2,
    )
    numeric = finite_difference(lambda Z: loss.value_and_delta(Z.copy(), X, w)[0], Z)
    np.testing.assert_allclose(delta, numeric, atol=1e-8)


def test_softmax_cross_entropy(rng):
    Z, y, w = rng.randn(6, 3), rng.randint(3, size=6), rng.dirichlet(np.ones(6))
    value, delta = SOFTMAX.value_and_delta(Z.copy(), y, w)
    P = softmax(Z, axis=1)
    assert value == pytest.approx(log_loss(y, P, sample_weight=w, labels=[0, 1, 2]))
    numeric = finite_difference(lambda Z: SOFTMAX.value_and_delta(Z.copy(), y, w)[0], Z)
    np.testing.assert_allclose(delta, numeric, atol=1e-8)
    np.testing.assert_allclose(SOFTMAX.predict(Z), P)
    np.testing.assert_allclose(SOFTMAX.log_predict(Z), np.log(P))


@pytest.mark.parametrize("dtype", DTYPES)
def test_huge_logits_clip_nothing(dtype):
    Z = np.array([[1e4, 0, -1e4], [0, 1e4, 0]], dtype=dtype)
    y, w = np.array([2, 1]), np.array([0.5, 0.5], dtype=dtype)
    value, delta = SOFTMAX.value_and_delta(Z.copy(), y, w)
    # -log P of the first row is 2e4, of the second 0; a clipped loss would say less.
    assert value == pytest.approx(1e4)
    np.testing.assert_allclose(delta, [[0.5, 0, -0.5], [0, 0, 0]], atol=1e-7)
    assert delta.dtype == dtype


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shift", [-1e4, 0, 1e4])
def test_softmax_does_not_overflow(shift, dtype):
    # Rows far from each other, so that each needs a shift of its own.
    Z = np.array([[3e4, 0, -3e4], [-1, 1, 2]]).astype(dtype) + dtype(shift)
    P, log_P = SOFTMAX.predict(Z), SOFTMAX.log_predict(Z)
    assert P.dtype == log_P.dtype == dtype
    # The shift rounds the small logits of float32.
    rtol = 1e-3 if dtype is np.float32 else 1e-11
    np.testing.assert_allclose(P, softmax(Z.astype(float), axis=1), rtol=rtol)
    np.testing.assert_allclose(log_P, log_softmax(Z.astype(float), axis=1), rtol=rtol)
    y, w = np.array([1, 0]), np.array([0.5, 0.5], dtype=dtype)
    value, delta = SOFTMAX.value_and_delta(Z.copy(), y, w)
    assert value == pytest.approx(-(log_P[0, 1] + log_P[1, 0]) / 2)
    np.testing.assert_allclose(delta, (P - np.eye(3)[y]) / 2, atol=1e-7)


def float32_rows(rng):
    """Many rows, whose sums in float32 and in float64 differ."""
    Z, X = rng.randn(2_000, 3).astype("f4"), rng.rand(2_000, 3).astype("f4")
    return Z, X, rng.dirichlet(np.ones(2_000)).astype("f4")


@pytest.mark.parametrize("make", [SquaredError, LogLoss])
def test_losses_of_float32_rows_are_summed_in_float64(make, rng):
    Z, X, w = float32_rows(rng)
    loss = make(ACTIVATIONS["logistic"])
    exact = math.fsum(loss.row_losses(Z.copy(), X) * w)
    assert loss.value_and_delta(Z.copy(), X, w)[0] == pytest.approx(exact, rel=1e-12)


def test_cross_entropies_of_float32_rows_are_summed_in_float64(rng):
    Z, _, w = float32_rows(rng)
    y = rng.randint(3, size=len(Z))
    exact = math.fsum(-SOFTMAX.log_predict(Z)[np.arange(len(y)), y] * w)
    assert SOFTMAX.value_and_delta(Z.copy(), y, w)[0] == pytest.approx(exact, rel=1e-12)


def test_cross_entropy_of_reconstructions(rng):
    Z, X, w = rng.randn(6, 4), rng.rand(6, 4), rng.dirichlet(np.ones(6))
    X[0] = [0, 1, 0, 1]
    loss = LogLoss(ACTIVATIONS["logistic"])
    value, delta = loss.value_and_delta(Z.copy(), X, w)
    P = 1 / (1 + np.exp(-Z))
    rows = -np.sum(X * np.log(P) + (1 - X) * np.log(1 - P), axis=1)
    assert value == pytest.approx(w @ rows)
    np.testing.assert_allclose(loss.row_losses(Z.copy(), X), rows)
    numeric = finite_difference(lambda Z: loss.value_and_delta(Z.copy(), X, w)[0], Z)
    np.testing.assert_allclose(delta, numeric, atol=1e-8)


@pytest.mark.parametrize("dtype", DTYPES)
def test_cross_entropy_of_reconstructions_clips_nothing(dtype):
    Z = np.array([[1e4, -1e4, 1e4, -1e4]], dtype=dtype)
    X, w = np.array([[0, 1, 1, 0]], dtype=dtype), np.ones(1, dtype=dtype)
    with np.errstate(over="ignore"):
        value, delta = LogLoss(ACTIVATIONS["logistic"]).value_and_delta(Z.copy(), X, w)
    assert value == pytest.approx(2e4)
    np.testing.assert_allclose(delta, [[1, -1, 0, 0]], atol=1e-7)
    assert delta.dtype == dtype
