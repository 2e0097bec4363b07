"""The flat parameter vector: its order, stated once, and its views as layers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from .._array_api import Array, array_namespace, cast


@dataclass(frozen=True)
class ParameterLayout:
    """Order of all parameters of a network in one vector theta.

    Conventions
    -----------
    sizes = (n_0, n_1, ..., n_L), the widths of the layers, input and output included.
    theta = [W_1, ..., W_L, b_1, ..., b_L], each W_l (n_{l-1}, n_l) row by row, each
    b_l (n_l,): all weights, then all biases, from the input to the output.

    ``tied`` is for autoencoders, sizes = (n_0, n_1, n_0), whose decoder is the encoder
    transposed: theta = [W, b_1, b_2]; the layers have the weights W and W.T, a view of
    the same numbers.
    """

    sizes: tuple[int, ...]
    tied: bool = False

    @cached_property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the pieces of theta, in their order."""
        weights: list[tuple[int, ...]] = list(pairwise(self.sizes))
        return weights[: self._n_weights] + [(width,) for width in self.sizes[1:]]

    @property
    def n_parameters(self) -> int:
        """Length of theta."""
        return sum(math.prod(shape) for shape in self.shapes)

    def weights(self, theta: Array) -> list[Array]:
        """Views of the weights, each once, for weight decay."""
        return self._pieces(theta)[: self._n_weights]

    def biases(self, theta: Array) -> list[Array]:
        """Views of the biases."""
        return self._pieces(theta)[self._n_weights :]

    def weight_gradients(self, coef_grads: Sequence[Array]) -> list[Array]:
        """Gradients of `weights` from those of all layers' weights."""
        return merge_tied_gradients(*coef_grads) if self.tied else list(coef_grads)

    def unpack(self, theta: Array) -> tuple[list[Array], list[Array]]:
        """Weights and biases as views of theta: writing to them writes to theta."""
        pieces = self._pieces(theta)
        coefs, intercepts = pieces[: self._n_weights], pieces[self._n_weights :]
        return ([*coefs, coefs[0].T] if self.tied else coefs), intercepts

    def pack(
        self,
        coefs: Sequence[Array],
        intercepts: Sequence[Array],
        dtype: Any = np.float64,
    ) -> Array:
        """Copy all weights and biases into a new theta; tied weights only once."""
        parts = [*coefs[: self._n_weights], *intercepts]
        xp = array_namespace(parts[0])
        if xp is not np:
            flat = xp.concat([xp.reshape(part, (-1,)) for part in parts])
            return cast(flat, dtype)
        theta = np.empty(self.n_parameters, dtype=dtype)
        for view, value in zip(self._pieces(theta), parts, strict=True):
            view[...] = value
        return theta

    def initialize(self, random_state: np.random.RandomState) -> Array:
        """Draw W_l ~ U(-r, r), r = sqrt(6 / (n_{l-1} + n_l + 1)); biases are 0."""
        theta: Array = np.zeros(self.n_parameters)
        for W in self.weights(theta):
            r = np.sqrt(6.0 / (sum(W.shape) + 1))
            W[...] = random_state.uniform(-r, r, size=W.shape)
        return theta

    def tie_directions(self, theta: Array, norm: float) -> None:
        """Give each hidden unit the same incoming and outgoing weights, of this norm.

        For autoencoders: a unit then starts as a direction in the space of the inputs,
        which is what its code is multiplied by [1]_.

        References
        ----------
        .. [1] Leo Gao et al., "Scaling and Evaluating Sparse Autoencoders",
           International Conference on Learning Representations, 2025.
        """
        encoder, *others = self.weights(theta)
        encoder *= norm / np.sqrt((encoder * encoder).sum(axis=0))
        for decoder in others:
            decoder[...] = encoder.T

    def center(self, theta: Array, mean: Array, is_linear: bool) -> None:
        """Set biases so that an autoencoder encodes the differences from a mean.

        Otherwise all rows would turn on the units that are closest to the mean. Linear
        decoders add the mean again.
        """
        coefs, (hidden, output) = self.unpack(theta)
        hidden -= mean @ coefs[0]
        if is_linear:
            output += mean

    @property
    def _n_weights(self) -> int:
        return 1 if self.tied else len(self.sizes) - 1

    def _pieces(self, theta: Array) -> list[Array]:
        xp = array_namespace(theta)
        pieces, start = [], 0
        for shape in self.shapes:
            stop = start + math.prod(shape)
            piece = theta[start:stop]
            # The method is faster than numpy's function.
            pieces.append(
                piece.reshape(shape) if xp is np else xp.reshape(piece, shape)
            )
            start = stop
        return pieces


def merge_tied_gradients(encoder: Array, decoder: Array) -> list[Array]:
    """Gradient of shared weights: the sum of the gradients of both layers."""
    return [encoder + decoder.T]
