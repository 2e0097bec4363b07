"""Forward pass and backpropagation, on layers without any objective."""

from itertools import pairwise

import numpy as np
import pytest
from helpers import finite_difference
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit

from skstackedae._network.activations import ACTIVATIONS, IDENTITY
from skstackedae._network.layers import (
    Layer,
    backward,
    forward,
    forward_output,
    make_layers,
)

LOGISTIC, TANH = ACTIVATIONS["logistic"], ACTIVATIONS["tanh"]


@pytest.fixture
def layers(rng):
    sizes = (4, 3, 5, 2)
    coefs = [rng.randn(*pair) for pair in pairwise(sizes)]
    intercepts = [rng.randn(width) for width in sizes[1:]]
    return make_layers(coefs, intercepts, [LOGISTIC, TANH, IDENTITY])


def test_forward_gives_the_rows_and_the_output_of_every_layer(layers, rng):
    X = rng.randn(6, 4)
    before = X.copy()
    given, H, T, Z = forward(X, layers)
    assert given is X
    assert_array_equal(X, before)
    assert_allclose(H, expit(X @ layers[0].W + layers[0].b))
    assert_allclose(T, np.tanh(H @ layers[1].W + layers[1].b))
    assert_allclose(Z, T @ layers[2].W + layers[2].b)
    assert_array_equal(forward_output(X, layers), Z)
    assert forward_output(X, []) is X


def test_backward_is_the_derivative_with_a_penalty_on_the_last_hidden_layer(
    layers, rng
):
    X, weights, slopes = rng.randn(6, 4), rng.randn(6, 2), rng.randn(6, 5)

    def value(part, position, name):
        changed = list(layers)
        changed[position] = changed[position]._replace(**{name: part})
        activations = forward(X, changed)
        return np.sum(weights * activations[-1]) + np.sum(slopes * activations[-2])

    gradients = backward(forward(X, layers), layers, weights, slopes)
    for name, found in zip(("W", "b"), gradients, strict=True):
        for position, gradient in enumerate(found):
            numeric = finite_difference(
                lambda part, position=position, name=name: value(part, position, name),
                getattr(layers[position], name),
            )
            assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-8)


def test_a_layer_in_its_own_precision_is_not_copied(layers):
    layer = layers[0]
    same, single = layer.astype(np.float64), layer.astype(np.float32)
    assert same.W is layer.W
    assert same.b is layer.b
    assert single.W.dtype == single.b.dtype == np.float32
    assert_array_equal(single.W, layer.W.astype("f4"))
    assert_array_equal(single.b, layer.b.astype("f4"))
    assert single.activation is layer.activation


def test_lists_of_different_lengths_make_no_layers():
    W, b = np.zeros((2, 2)), np.zeros(2)
    assert make_layers([W], [b], [TANH]) == [Layer(W, b, TANH)]
    for counts in ((2, 1, 1), (1, 2, 1), (1, 1, 2)):
        parts = [[part] * n for part, n in zip((W, b, TANH), counts, strict=True)]
        with pytest.raises(ValueError, match="zip"):
            make_layers(*parts)
