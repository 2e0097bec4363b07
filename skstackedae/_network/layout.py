"""The flat parameter vector: its order, stated once, and its views as layers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from .._array_api import Array


@dataclass(frozen=True)
class ParameterLayout:
    """Order of all parameters of a network in one vector theta.

    Conventions
    -----------
    sizes = (n_0, n_1, ..., n_L), the widths of the layers, input and output included.
    theta = [W_1, ..., W_L, b_1, ..., b_L], each W_l (n_{l-1}, n_l) row by row, each
    b_l (n_l,): all weights, then all biases, from the input to the output.
    """

    sizes: tuple[int, ...]

    @cached_property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the pieces of theta, in their order."""
        weights: list[tuple[int, ...]] = list(pairwise(self.sizes))
        return weights + [(width,) for width in self.sizes[1:]]

    @property
    def n_parameters(self) -> int:
        """Length of theta."""
        return sum(math.prod(shape) for shape in self.shapes)

    def weights(self, theta: Array) -> list[Array]:
        """Views of the weights, each once: what decay is about."""
        return self.unpack(theta)[0]

    def fold(self, coef_grads: Sequence[Array]) -> list[Array]:
        """Gradients of `weights` from those of all layers' weights."""
        return list(coef_grads)

    def unpack(self, theta: Array) -> tuple[list[Array], list[Array]]:
        """Weights and biases as views of theta: writing to them writes to theta."""
        pieces, start = [], 0
        for shape in self.shapes:
            stop = start + math.prod(shape)
            pieces.append(theta[start:stop].reshape(shape))
            start = stop
        n_layers = len(self.sizes) - 1
        return pieces[:n_layers], pieces[n_layers:]

    def pack(
        self,
        coefs: Sequence[Array],
        intercepts: Sequence[Array],
        dtype: Any = np.float64,
    ) -> Array:
        """Copy weights and biases into a new theta."""
        theta: Array = np.empty(self.n_parameters, dtype=dtype)
        for piece, values in zip(self.unpack(theta), (coefs, intercepts), strict=True):
            for view, value in zip(piece, values, strict=True):
                view[...] = value
        return theta

    def initialize(self, random_state: np.random.RandomState) -> Array:
        """Draw W_l ~ U(-r, r), r = sqrt(6 / (n_{l-1} + n_l + 1)); biases are 0."""
        theta: Array = np.zeros(self.n_parameters)
        for W in self.weights(theta):
            r = np.sqrt(6.0 / (sum(W.shape) + 1))
            W[...] = random_state.uniform(-r, r, size=W.shape)
        return theta


class TiedLayout(ParameterLayout):
    """Order of an autoencoder's parameters whose decoder is the encoder transposed.

    Conventions
    -----------
    sizes = (n_0, n_1, n_0); theta = [W, b_1, b_2], W (n_0, n_1). Its layers have the
    weights W and W.T, a view of the same numbers.
    """

    @cached_property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the pieces of theta, in their order."""
        return [self.sizes[:2], *((width,) for width in self.sizes[1:])]

    def weights(self, theta: Array) -> list[Array]:
        """View of the weights that both layers share."""
        return self.unpack(theta)[0][:1]

    def fold(self, coef_grads: Sequence[Array]) -> list[Array]:
        """Gradient of W: it counts in both layers."""
        encoder, decoder = coef_grads
        return [encoder + decoder.T]

    def unpack(self, theta: Array) -> tuple[list[Array], list[Array]]:
        """Weights and biases as views of theta: writing to them writes to theta."""
        n_in, n_out, _ = self.sizes
        size = n_in * n_out
        W = theta[:size].reshape(n_in, n_out)
        return [W, W.T], [theta[size : size + n_out], theta[size + n_out :]]

    def pack(
        self,
        coefs: Sequence[Array],
        intercepts: Sequence[Array],
        dtype: Any = np.float64,
    ) -> Array:
        """Copy the encoder's weights and all biases into a new theta."""
        parts = [np.ravel(coefs[0]), *intercepts]
        return np.concatenate(parts).astype(dtype, copy=False)
