"""Weight decay, added where the gradients of all parameters become one vector."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .._array_api import Array, array_namespace, dtype_of, is_numpy, to_numpy
from .._network.layout import ParameterLayout
from .._network.penalties import weight_decay


@dataclass(frozen=True)
class WeightDecay:
    """alpha/2 ||W||^2 for each of the weights of a layout; biases never decay.

    ``place`` brings an array to the rows.
    """

    layout: ParameterLayout
    alphas: tuple[float, ...]
    place: Callable[[Array], Array]

    def add(
        self, value: Any, gradients: Sequence[Array], theta: Array
    ) -> tuple[Any, Array]:
        """Add the decay to a loss and its gradients, which become one vector.

        Gradients are where the rows are; the vector is where theta is.
        """
        n_layers = len(gradients) // 2
        coef_grads = self.layout.weight_gradients(gradients[:n_layers])
        parts = coef_grads, gradients[n_layers:]
        if not is_numpy(theta):
            return self._add_on_device(value, *parts, theta)
        if not is_numpy(gradients[0]):
            # Packed first, so that a single copy reaches memory.
            packed = to_numpy(self.layout.pack(*parts, theta.dtype))
            parts = self.layout.weights(packed), self.layout.biases(packed)
        return self._add_in_memory(float(value), *parts, theta)

    def _add_in_memory(
        self,
        value: float,
        coef_grads: Sequence[Array],
        intercept_grads: Sequence[Array],
        theta: Array,
    ) -> tuple[float, Array]:
        gradient = np.empty_like(theta)
        for W, alpha, part, weight_grad in zip(
            self.layout.weights(theta),
            self.alphas,
            coef_grads,
            self.layout.weights(gradient),
            strict=True,
        ):
            decay, decay_grad = weight_decay(W, alpha)
            value += float(decay)
            np.add(part, decay_grad, out=weight_grad)
        biases = self.layout.biases(gradient)
        for part, bias_grad in zip(intercept_grads, biases, strict=True):
            bias_grad[...] = part
        return value, gradient

    def _add_on_device(
        self,
        value: Any,
        coef_grads: Sequence[Array],
        intercept_grads: Sequence[Array],
        theta: Array,
    ) -> tuple[Any, Array]:
        """Do the same for all parameters at once: a device is slow to start work."""
        xp = array_namespace(theta)
        gradient = self.layout.pack(coef_grads, intercept_grads, dtype_of(theta))
        if not any(self.alphas):
            return value, gradient
        decay_grad = self._rates * theta
        gradient += decay_grad
        return value + 0.5 * xp.sum(decay_grad * theta, dtype=xp.float64), gradient

    @cached_property
    def _rates(self) -> Array:
        """The alpha of each parameter, beside the rows."""
        rates = np.zeros(self.layout.n_parameters)
        for W, alpha in zip(self.layout.weights(rates), self.alphas, strict=True):
            W[...] = alpha
        return self.place(rates)
