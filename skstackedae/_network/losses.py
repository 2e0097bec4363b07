"""Losses on raw predictions: value, error and prediction, composed into objectives.

Conventions
-----------
Z : (n_rows, n_outputs)
    Raw predictions of the output layer, before any link; logits for the softmax.
w : (n_rows,)
    Sample weights, which already include the 1/n of a mean.
value_and_delta(Z, target, w) -> (number, (n_rows, n_outputs))
    sum_i w_i loss_i in float64, and its derivative by Z in the precision of Z. All
    methods may overwrite Z.
value_and_delta(Z, target, w, emphasis)
    The same for a loss that is a sum over outputs, each of them weighted by emphasis
    (n_rows, n_outputs).
predict(Z) -> (n_rows, n_outputs)
    The prediction of the network: the reconstruction, or the class probabilities.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from .._array_api import Array, arange_like, array_namespace, copied
from .activations import Activation


class Loss(Protocol):
    """The loss at the output of the network, as objectives use it."""

    def predict(self, Z: Array) -> Array:
        """Turn raw predictions into predicted values."""

    def value_and_delta(self, Z: Array, target: Array, w: Array) -> tuple[Any, Array]:
        """Weighted sum of the rows' losses, and its derivative by Z."""


class ReconstructionLoss(Protocol):
    """A loss that is a sum over outputs, optionally weighted, and scores rows."""

    def predict(self, Z: Array) -> Array:
        """Turn raw predictions into predicted values."""

    def value_and_delta(
        self, Z: Array, target: Array, w: Array, emphasis: Array | None = None
    ) -> tuple[Any, Array]:
        """Weighted sum of the rows' losses, and its derivative by Z."""

    def row_losses(self, Z: Array, target: Array) -> Array:
        """Return the loss of each row."""

    def entry_losses(self, Z: Array, target: Array) -> Array:
        """Return the loss of each entry; their sums over columns are `row_losses`."""


def _weighted_sum(row_losses: Array, w: Array) -> Any:
    xp = array_namespace(row_losses)
    # Line searches compare losses that differ in the last digits of float32.
    return xp.sum(row_losses * w, dtype=xp.float64)


def _squared_norms(E: Array) -> Array:
    xp = array_namespace(E)
    # vecdot needs one pass; numpy has it from 2.0 on.
    return xp.vecdot(E, E) if hasattr(xp, "vecdot") else xp.sum(E * E, axis=1)


@dataclass(frozen=True)
class SquaredError:
    """1/2 ||f(z) - x||^2 for each row, f the activation of the output units."""

    activation: Activation

    def predict(self, Z: Array) -> Array:
        """Apply the output units' activation."""
        return self.activation.function(Z)

    def row_losses(self, Z: Array, target: Array) -> Array:
        """Return half the squared distance of each row to its target."""
        return 0.5 * _squared_norms(self.predict(Z) - target)

    def entry_losses(self, Z: Array, target: Array) -> Array:
        """Return half the squared error of each entry."""
        error = self.predict(Z) - target
        return 0.5 * error * error

    def value_and_delta(
        self, Z: Array, target: Array, w: Array, emphasis: Array | None = None
    ) -> tuple[Any, Array]:
        """Weighted sum of the rows' losses, and its derivative by Z."""
        prediction = self.predict(Z)
        error = prediction - target
        if emphasis is None:
            value = 0.5 * _weighted_sum(_squared_norms(error), w)
        else:
            xp = array_namespace(Z)
            value = 0.5 * _weighted_sum(xp.sum(error * error * emphasis, axis=1), w)
            error *= emphasis
        error *= w[:, None]
        return value, self.activation.backward(error, prediction)


@dataclass(frozen=True)
class LogLoss:
    """-sum_j x_j log p_j + (1 - x_j) log(1 - p_j) for each row, p = 1 / (1 + exp(-z)).

    Targets lie in [0, 1]. Value and derivative are computed from the logits z, so the
    value is finite and the derivative exact even if p rounds to 0 or 1.
    """

    activation: Activation

    def predict(self, Z: Array) -> Array:
        """Apply the logistic function."""
        return self.activation.function(Z)

    def row_losses(self, Z: Array, target: Array) -> Array:
        """Return the cross-entropy of each row."""
        return self._row_losses(Z, self.predict(copied(Z)), target)

    def entry_losses(self, Z: Array, target: Array) -> Array:
        """Return the cross-entropy of each entry."""
        return self._entry_losses(Z, self.predict(copied(Z)), target)

    def value_and_delta(
        self, Z: Array, target: Array, w: Array, emphasis: Array | None = None
    ) -> tuple[Any, Array]:
        """Weighted sum of the rows' losses, and its derivative by Z."""
        P = self.predict(copied(Z))
        value = _weighted_sum(self._row_losses(Z, P, target, emphasis), w)
        delta = P - target
        if emphasis is not None:
            delta *= emphasis
        delta *= w[:, None]
        return value, delta

    def _row_losses(
        self, Z: Array, P: Array, target: Array, emphasis: Array | None = None
    ) -> Array:
        losses = self._entry_losses(Z, P, target)
        if emphasis is not None:
            losses *= emphasis
        return array_namespace(Z).sum(losses, axis=1)

    def _entry_losses(self, Z: Array, P: Array, target: Array) -> Array:
        xp = array_namespace(Z)
        # log(1 + exp(z)) = max(z, 0) - log(max(p, 1 - p)), where max(p, 1 - p) lies
        # between 1/2 and 1.
        losses = xp.maximum(Z, xp.zeros_like(Z))
        losses -= Z * target
        losses -= xp.log(xp.maximum(P, 1.0 - P))
        return losses


@dataclass(frozen=True)
class ObservedEntries:
    """A loss of reconstruction that counts only entries whose target is not NaN."""

    loss: ReconstructionLoss

    def predict(self, Z: Array) -> Array:
        """Apply the output units' activation."""
        return self.loss.predict(Z)

    def row_losses(self, Z: Array, target: Array) -> Array:
        """Return the loss of each row: the sum over its observed entries."""
        return array_namespace(Z).sum(self.entry_losses(Z, target), axis=1)

    def entry_losses(self, Z: Array, target: Array) -> Array:
        """Return the loss of each entry, 0 for missing ones."""
        target, is_observed = _observed(target)
        return self.loss.entry_losses(Z, target) * is_observed

    def value_and_delta(
        self, Z: Array, target: Array, w: Array, emphasis: Array | None = None
    ) -> tuple[Any, Array]:
        """Weighted sum of the rows' losses, and its derivative by Z."""
        target, is_observed = _observed(target)
        if emphasis is not None:
            is_observed *= emphasis
        return self.loss.value_and_delta(Z, target, w, is_observed)


def _observed(target: Array) -> tuple[Array, Array]:
    """Return targets with 0 in place of NaN, and 1 for those that are not NaN."""
    xp = array_namespace(target)
    is_missing = xp.isnan(target)
    filled = xp.where(is_missing, xp.zeros_like(target), target)
    return filled, xp.asarray(~is_missing, dtype=target.dtype)


#: Losses of reconstruction by name; each takes the activation of the output units.
RECONSTRUCTION_LOSSES: dict[str, Callable[[Activation], ReconstructionLoss]] = {
    "squared_error": SquaredError,
    "log_loss": LogLoss,
}


@dataclass(frozen=True)
class SoftmaxCrossEntropy:
    """-log P[i, y_i] for each row, P the softmax of the logits; targets are codes."""

    def log_predict(self, Z: Array) -> Array:
        """Log-probabilities by log-sum-exp, finite for every finite logit."""
        xp = array_namespace(Z)
        shifted = Z - xp.max(Z, axis=1, keepdims=True)
        return shifted - xp.log(xp.sum(xp.exp(shifted), axis=1, keepdims=True))

    def predict(self, Z: Array) -> Array:
        """Class probabilities; they sum to 1 in every row."""
        xp = array_namespace(Z)
        P = xp.exp(Z - xp.max(Z, axis=1, keepdims=True))
        P /= xp.sum(P, axis=1, keepdims=True)
        return P

    def value_and_delta(self, Z: Array, target: Array, w: Array) -> tuple[Any, Array]:
        """Weighted sum of the rows' losses, and its derivative by Z."""
        xp = array_namespace(Z)
        Z -= xp.max(Z, axis=1, keepdims=True)
        P = xp.exp(Z)
        totals = xp.sum(P, axis=1, keepdims=True)
        P /= totals
        is_label = target[:, None] == arange_like(Z.shape[1], Z)[None, :]
        label_logits = xp.sum(xp.where(is_label, Z, xp.zeros_like(Z)), axis=1)
        value = _weighted_sum(xp.log(totals[:, 0]) - label_logits, w)
        P -= xp.asarray(is_label, dtype=Z.dtype)
        P *= w[:, None]
        return value, P


SOFTMAX = SoftmaxCrossEntropy()
