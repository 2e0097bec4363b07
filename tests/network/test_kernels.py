"""Kernels whose sums training does not differentiate: counts, moments, residuals."""

import copy
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import issparse
from scipy.special import expit

from skstackedae._network import kernels
from skstackedae._network.activations import ACTIVATIONS, IDENTITY, with_top_k
from skstackedae._network.layers import Layer
from skstackedae._network.losses import SOFTMAX, LogLoss, SquaredError
from skstackedae._network.penalties import L1Sparsity

N = 2_000


@pytest.fixture
def rows(rng):
    """Many rows in float32, whose sums in float32 and in float64 differ."""
    w = rng.dirichlet(np.ones(N)).astype("f4")
    return rng.randn(N, 3).astype("f4"), rng.randint(2, size=N), w


@pytest.fixture
def layer(rng):
    W, b = rng.randn(3, 2).astype("f4"), rng.randn(2).astype("f4")
    return Layer(W, b, ACTIVATIONS["logistic"])


def is_double(number, exact):
    assert np.asarray(number).dtype == np.float64
    assert number == pytest.approx(exact, rel=1e-14)


def test_encode(rows, layer):
    X, y, w = rows
    H, totals, total_weight = kernels.encode(X, y, w, layer)
    assert_allclose(H, expit(X @ layer.W + layer.b), rtol=1e-6)
    assert_allclose(totals, w.astype(float) @ H, rtol=1e-5)
    assert H.dtype == totals.dtype == np.float32
    is_double(total_weight, math.fsum(w))


def test_hits(rows, layer):
    X, y, w = rows
    found, total = kernels.hits(X, y, w, [layer])
    is_hit = (X @ layer.W + layer.b).argmax(axis=1) == y
    is_double(found, math.fsum(w[is_hit]))
    is_double(total, math.fsum(w))
    # All rows: the same sum, bit for bit.
    labels = (X @ layer.W + layer.b).argmax(axis=1)
    found, total = kernels.hits(X, labels, w, [layer])
    assert found == total


def test_moments_of_large_numbers(rows):
    X, y, w = rows
    X = X + np.float32(1_000)
    X[5, 1] = 0
    total, first, second, active = kernels.moments(X, y, w, [])
    is_double(total, math.fsum(w))
    doubles, weights = X.astype(float), w.astype(float)
    assert_allclose(first, weights @ doubles, rtol=1e-13)
    assert_allclose(second, weights @ doubles**2, rtol=1e-13)
    assert_allclose(active, weights @ (doubles != 0), rtol=1e-13)


def test_squared_residuals(rows, layer):
    X, _, w = rows
    decoder = Layer(layer.W.T, layer.b[[0, 0, 1]], IDENTITY)
    total, squares = kernels.squared_residuals(X, X, w, [layer, decoder])
    is_double(total, math.fsum(w))
    residuals = expit(X @ layer.W + layer.b) @ decoder.W + decoder.b - X
    expected = w.astype(float) @ np.sum(residuals.astype(float) ** 2, axis=1)
    assert np.asarray(squares).dtype == np.float64
    assert squares == pytest.approx(expected, rel=1e-6)


def test_the_loss_alone_is_that_of_predict(rows, layer):
    (loss,) = kernels.weighted_loss(*rows, [layer], SOFTMAX)
    value, *gradients = kernels.predict(*rows, [layer], SOFTMAX)
    assert loss == value
    assert [part.shape for part in gradients] == [(3, 2), (2,)]


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("make_loss", [SquaredError, LogLoss])
def test_kernels_change_none_of_their_arguments(name, make_loss, rng):
    # Otherwise a block could not be computed again.
    X, w, emphasis = rng.rand(7, 4), rng.rand(7), rng.rand(7, 4)
    sizes = [(4, 3, ACTIVATIONS[name]), (3, 4, IDENTITY)]
    layers = [Layer(rng.randn(i, o), rng.randn(o), f) for i, o, f in sizes]
    H, slopes = kernels.encode(X, X, w, layers[0])[0], rng.rand(3)
    y, masks = rng.randint(4, size=7), [rng.rand(7, 3) > 0.5]
    loss = make_loss(ACTIVATIONS["logistic"])
    arguments = {
        kernels.encode: (X, X, w, layers[0]),
        kernels.reconstruct: (X, X, w, layers, loss, L1Sparsity(0.3), emphasis),
        kernels.reconstruct_with_slopes: (X, X, w, layers, loss, emphasis),
        kernels.reconstruct_from: (X, X, w, H, layers, loss, slopes, emphasis),
        kernels.predict: (X, y, w, layers, SOFTMAX, 0.5, masks),
        kernels.predict_clean: (X, X, w, layers),
        kernels.weighted_loss: (X, X, w, layers, loss),
        kernels.hits: (X, y, w, layers),
        kernels.moments: (X, X, w, layers),
        kernels.squared_residuals: (X, X, w, layers),
    }
    encoder = layers[0]._replace(activation=with_top_k(ACTIVATIONS["tanh"], 1))
    layers = [encoder, *layers[1:]]
    H, _ = kernels.encode_and_count(X, X, w, encoder)
    is_idle = np.array([False, True, False])
    arguments |= {
        kernels.encode_and_count: (X, X, w, encoder),
        kernels.reconstruct_with_idle_units: (
            *(X, X, w, H, layers, loss, is_idle, 0.5, emphasis),
        ),
    }
    for kernel, given in arguments.items():
        before = copy.deepcopy(given)
        first, second = kernel(*given), kernel(*given)
        for one, other in zip(arrays_in(first), arrays_in(second), strict=True):
            assert_array_equal(one, other)
        for one, other in zip(arrays_in(given), arrays_in(before), strict=True):
            assert_array_equal(one, other)


def arrays_in(arguments):
    """Yield the arrays of nested sequences, and numbers as arrays."""
    for part in arguments:
        if issparse(part):
            yield part.toarray()
        elif isinstance(part, np.ndarray | float):
            yield np.asarray(part)
        elif isinstance(part, list | tuple):
            yield from arrays_in(part)
