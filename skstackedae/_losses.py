"""Losses on raw predictions: value, error and prediction, composed into objectives.

Conventions
-----------
Z : (n_rows, n_outputs)
    Raw predictions of the output layer, before any link; logits for the softmax.
w : (n_rows,)
    Sample weights; they already carry the 1/n of a mean.
value_and_delta(Z, target, w) -> (float, (n_rows, n_outputs))
    sum_i w_i loss_i in float64, and its derivative by Z in the precision of Z.
predict(Z) -> (n_rows, n_outputs)
    What the network says: the reconstruction, or the class probabilities.
"""

from dataclasses import dataclass
from typing import Protocol

from ._activations import Activation
from ._arrays import Array, array_namespace


class Loss(Protocol):
    """What an objective asks of the loss at the network's output."""

    def predict(self, Z: Array) -> Array:
        """Turn raw predictions into what the network says."""
        ...

    def value_and_delta(self, Z: Array, target: Array, w: Array) -> tuple[float, Array]:
        """Weighted sum of the rows' losses, and its derivative by Z."""
        ...


def _weighted_sum(row_losses: Array, w: Array) -> float:
    xp = array_namespace(row_losses)
    # Line searches compare losses that differ in the last digits of float32.
    return float(xp.sum(row_losses * w, dtype=xp.float64))


@dataclass(frozen=True)
class SquaredError:
    """1/2 ||f(z) - x||^2 for each row, f the activation of the output units."""

    activation: Activation

    def predict(self, Z: Array) -> Array:
        """Apply the output units' activation."""
        return self.activation.function(Z)

    def row_losses(self, prediction: Array, target: Array) -> Array:
        """Return half the squared distance of each row to its target."""
        E = prediction - target
        return 0.5 * array_namespace(E).sum(E * E, axis=1)

    def value_and_delta(self, Z: Array, target: Array, w: Array) -> tuple[float, Array]:
        """Weighted sum of the rows' losses, and its derivative by Z."""
        prediction = self.predict(Z)
        value = _weighted_sum(self.row_losses(prediction, target), w)
        error = w[:, None] * (prediction - target)
        return value, self.activation.delta(error, prediction)


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
        return array_namespace(Z).exp(self.log_predict(Z))

    def value_and_delta(self, Z: Array, target: Array, w: Array) -> tuple[float, Array]:
        """Weighted sum of the rows' losses, and its derivative by Z."""
        xp = array_namespace(Z)
        log_P = self.log_predict(Z)
        P = xp.exp(log_P)
        is_label = target[:, None] == xp.arange(Z.shape[1])[None, :]
        row_losses = -xp.sum(xp.where(is_label, log_P, xp.zeros_like(Z)), axis=1)
        delta = w[:, None] * xp.where(is_label, P - 1.0, P)
        return _weighted_sum(row_losses, w), delta


SOFTMAX = SoftmaxCrossEntropy()
