"""Penalties on parameters and on activations, and constraints on weights.

Each penalty gives its value and its derivative.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .._array_api import Array, array_namespace, cast, copied

# For mean activations closer than this to 0 or 1, the KL penalty becomes its tangent.
MARGIN = 1e-8


def weight_decay(W: Array, alpha: float) -> tuple[Any, Array]:
    """alpha/2 * ||W||^2 and its gradient, in the precision of W."""
    flat = array_namespace(W).reshape(W, (-1,))
    return 0.5 * alpha * cast(flat @ flat, np.float64), alpha * W


def limit_norms(W: Array, max_norm: float) -> None:
    """Shrink the columns of W, the incoming weights of units, to this norm, in place.

    This is the max-norm constraint of [1]_.

    References
    ----------
    .. [1] Nitish Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks
       from Overfitting", Journal of Machine Learning Research 15, 2014.
    """
    xp = array_namespace(W)
    norms = xp.sqrt(xp.sum(W * W, axis=0))
    if bool(xp.any(norms > max_norm)):
        W *= xp.where(norms > max_norm, max_norm / norms, xp.ones_like(norms))


def normalize_rows(W: Array) -> None:
    """Scale the rows of W, the outgoing weights of units, to norm 1, in place.

    Rows of zeros stay as they are.
    """
    xp = array_namespace(W)
    norms = xp.sqrt(xp.sum(W * W, axis=1, keepdims=True))
    W /= xp.where(norms > 0, norms, xp.ones_like(norms))


class MeanPenalty(Protocol):
    """A penalty on the mean activation of each hidden unit over all rows."""

    def of_means(self, means: Array) -> tuple[Any, Array]:
        """Value, and derivative by the mean activations, which are in [0, 1]."""


class RowPenalty(Protocol):
    """A penalty on the activations of hidden units that is a sum over rows."""

    def of_rows(self, A: Array, w: Array, V: Array) -> tuple[Any, Array, Array]:
        """Weighted sum over the rows of A, and its derivatives by A and by V.

        The rows of V are the outgoing weights of the units.
        """


@dataclass(frozen=True)
class KLSparsity:
    """weight * sum_j KL(target || mean activation of unit j)."""

    target: float
    weight: float

    def of_means(self, means: Array) -> tuple[Any, Array]:
        """Value, and derivative by the mean activations."""
        divergence, derivative = kl_sparsity(means, self.target)
        value = self.weight * array_namespace(divergence).sum(divergence)
        return value, self.weight * derivative


@dataclass(frozen=True)
class L1Sparsity:
    """weight * sum_i w_i sum_j |a_ij| ||v_j||, v_j the outgoing weights of a unit.

    These are the lengths of what the units add to the output. A penalty on |a_ij| alone
    would be evaded by small activations and large outgoing weights [1]_.

    References
    ----------
    .. [1] Tom Conerly, Adly Templeton, Trenton Bricken, Jonathan Marcus and Tom
       Henighan, "Update on how we train SAEs", Transformer Circuits Thread, April 2024.
    """

    weight: float

    def of_rows(self, A: Array, w: Array, V: Array) -> tuple[Any, Array, Array]:
        """Weighted sum over the rows of A, and its derivatives by A and by V."""
        xp = array_namespace(A)
        norms = xp.sqrt(xp.sum(V * V, axis=1))
        # A copy of the weights, because BLAS cannot read a view of one number.
        totals = copied(w) @ xp.abs(A)
        value = self.weight * xp.sum(totals * norms, dtype=xp.float64)
        error = (self.weight * w)[:, None] * xp.sign(A)
        error *= norms
        # Weights of 0 have a corner there; 0 is one of its slopes.
        lengths = xp.where(norms > 0, norms, xp.ones_like(norms))
        return value, error, (self.weight * totals / lengths)[:, None] * V


def kl_sparsity(mean_activation: Array, target: float) -> tuple[Array, Array]:
    """KL(target || mean activation) of each unit, and its derivative by the mean.

    Outside [MARGIN, 1 - MARGIN] the divergence continues along its tangent, so that
    value and derivative agree and stay finite.
    """
    xp = array_namespace(mean_activation)
    inside = xp.clip(mean_activation, MARGIN, 1.0 - MARGIN)
    divergence = target * xp.log(target / inside) + (1.0 - target) * xp.log(
        (1.0 - target) / (1.0 - inside)
    )
    derivative = (1.0 - target) / (1.0 - inside) - target / inside
    return divergence + derivative * (mean_activation - inside), derivative
