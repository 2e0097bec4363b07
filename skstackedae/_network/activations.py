"""Activation functions: each with its derivative and its range, in one table.

Conventions
-----------
``function`` maps pre-activations Z to activations A = f(Z), elementwise.
``backward`` maps an error dJ/dA and the activations A to dJ/dZ = dJ/dA * f'(Z). It
takes A and not Z, because f' is cheaper to compute from A for every function here.
Both may overwrite their arguments: their callers do not need them any more.
``lower`` and ``upper`` bound the range of f.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from .._array_api import Array, array_namespace, kth_largest, native_logistic
from . import in_place

# Between the name of a function and k in the name of an activation with k units on.
TOP = ", top "


@dataclass(frozen=True)
class Activation:
    """An elementwise function, its step of backpropagation, and its range."""

    name: str
    function: Callable[[Array], Array]
    backward: Callable[[Array, Array], Array]
    lower: float
    upper: float
    top_k: int | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        # By name, because the functions may move to other modules.
        return activation_of, (self.name,)

    @property
    def base_name(self) -> str:
        """Name of the elementwise function, without the k of the units that are on."""
        return self.name.partition(TOP)[0]

    @property
    def is_bounded(self) -> bool:
        """Whether a unit has a mean activation that the KL penalty can compare."""
        return math.isfinite(self.lower) and math.isfinite(self.upper)

    @property
    def span(self) -> float:
        """Width of the range; 1 where the range is unbounded and sets no scale."""
        return self.upper - self.lower if self.is_bounded else 1.0

    def mean_activation(self, mean: Array) -> Array:
        """Map mean activations to [0, 1]: 0 for always off, 1 for always on.

        Return the mean itself if the range is unbounded.
        """
        return (mean - self.lower) / self.span if self.is_bounded else mean


def with_top_k(activation: Activation, k: int) -> Activation:
    """Return the activation of the k units with the largest inputs; others are 0 [1]_.

    Units whose inputs are equal to the next largest one are off, too, so that never
    more than k are on, wherever ties are.

    References
    ----------
    .. [1] Alireza Makhzani and Brendan Frey, "k-Sparse Autoencoders", International
       Conference on Learning Representations, 2014.
    """

    def function(Z: Array) -> Array:
        if k >= Z.shape[1]:
            return activation.function(Z)
        xp = array_namespace(Z)
        is_on = xp.asarray(kth_largest(Z, k + 1) < Z, dtype=Z.dtype)
        A = activation.function(Z)
        A *= is_on
        return A

    def backward(error: Array, A: Array) -> Array:
        error *= array_namespace(A).asarray(A != 0, dtype=error.dtype)
        return activation.backward(error, A)

    return Activation(
        name_of_top_k(activation.name, k),
        function,
        backward,
        min(activation.lower, 0.0),
        max(activation.upper, 0.0),
        k,
    )


def top_k_where(activation: Activation, Z: Array, mask: Array, k: int) -> Array:
    """Return the activations of the k units of a mask with the largest inputs."""
    xp = array_namespace(Z)
    candidates = xp.where(mask, Z, xp.full_like(Z, -math.inf))
    # Without that many candidates, -inf is below all of them.
    is_on = kth_largest(candidates, min(k + 1, Z.shape[1])) < candidates
    A = activation.function(Z)
    A *= xp.asarray(is_on, dtype=A.dtype)
    return A


def with_dropout(activation: Activation, mask: Array, probability: float) -> Activation:
    """Return the activation of one forward pass that keeps units where mask is true."""
    kept = 1.0 - probability

    def select(values: Array) -> Array:
        values *= array_namespace(values).asarray(mask, dtype=values.dtype)
        values /= kept
        return values

    def function(Z: Array) -> Array:
        return select(activation.function(Z))

    def backward(error: Array, A: Array) -> Array:
        # A * kept is f(Z) where the unit is kept, and elsewhere the error is 0.
        A *= kept
        return activation.backward(select(error), A)

    return replace(activation, function=function, backward=backward)


def _logistic(Z: Array) -> Array:
    fused = native_logistic(Z)
    if fused is not None:
        return fused
    # exp may overflow to infinity, whose reciprocal is the right limit; blocks run with
    # numpy's overflow warning turned off. 1/2 + tanh(z/2) / 2 can be faster, but rounds
    # small activations to 0: units that are off would stop learning.
    Z *= -1.0
    A = in_place.exp(Z)
    A += 1.0
    return in_place.reciprocal(A)


def _logistic_backward(error: Array, A: Array) -> Array:
    error *= A
    error *= in_place.complement(A)
    return error


def _tanh_backward(error: Array, A: Array) -> Array:
    A *= A
    error *= in_place.complement(A)
    return error


def _relu(Z: Array) -> Array:
    xp = array_namespace(Z)
    return xp.maximum(Z, xp.zeros_like(Z))


def _relu_backward(error: Array, A: Array) -> Array:
    # A product, because a choice between two values takes ten times as long if the
    # processor cannot predict the signs.
    error *= array_namespace(A).asarray(A > 0, dtype=error.dtype)
    return error


def _identity(Z: Array) -> Array:
    return Z


def _identity_backward(error: Array, A: Array) -> Array:
    return error


IDENTITY = Activation("identity", _identity, _identity_backward, -math.inf, math.inf)

ACTIVATIONS = {
    "logistic": Activation("logistic", _logistic, _logistic_backward, 0.0, 1.0),
    "tanh": Activation("tanh", in_place.tanh, _tanh_backward, -1.0, 1.0),
    "relu": Activation("relu", _relu, _relu_backward, 0.0, math.inf),
    "identity": IDENTITY,
}


def activation_of(name: str) -> Activation:
    """Return an activation by its name; 'relu, top 8' keeps 8 units of each row."""
    base, _, k = name.partition(TOP)
    activation = ACTIVATIONS[base]
    return with_top_k(activation, int(k)) if k else activation


def name_of_top_k(name: str, k: int) -> str:
    """Return the name of the activation that keeps k units of each row."""
    return f"{name}{TOP}{k}"
