"""Objectives: theta -> (value, gradient), pure functions of theta and a mini-batch.

Conventions
-----------
theta is the flat vector of a ParameterLayout, in any precision. The kernels compute in
the precision of the rows; the gradient has the precision of theta. Sums over many
blocks, mean activations and penalties are float64. The weights sum to 1 over all
rows. A mini-batch has the indices of its rows and a number that determines its noise;
its loss is an estimate of the loss of all rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .._array_api import Array, array_namespace, cast
from .._network import kernels
from .._network.activations import IDENTITY, Activation
from .._network.layers import Layer, make_layers
from .._network.layout import ParameterLayout
from .._network.losses import SOFTMAX, Loss, ReconstructionLoss
from .._network.penalties import (
    MeanPenalty,
    RowPenalty,
    limit_norms,
    normalize_rows,
)
from .._rows.noise import DropoutMasks, Emphasis
from .._rows.rows import Rows
from .batches import Batch, Sampler
from .decay import WeightDecay
from .pseudo_labels import PseudoLabels


@dataclass(frozen=True)
class AutoencoderObjective:
    """Sparse autoencoder: reconstruction, weight decay, a penalty on activations.

    J = sum_i w_i loss(xhat_i, x_i) + alpha/2 (||W_1||^2 + ||W_2||^2) + penalty

    Rows have no targets: the reconstruction is compared with the rows without noise.
    With emphasis, the loss of a row is a sum whose terms are weighted.
    """

    rows: Rows
    layout: ParameterLayout
    activation: Activation
    loss: ReconstructionLoss
    alpha: float
    mean_penalty: MeanPenalty | None = None
    row_penalty: RowPenalty | None = None
    emphasis: Emphasis | None = None
    has_unit_norms: bool = False
    idle_weight: float = 0.0

    def layers(self, theta: Array) -> list[Layer]:
        """Encoder and decoder; the decoder's activation belongs to the loss."""
        parts = self.layout.unpack(self.rows.place(theta))
        return make_layers(*parts, (self.activation, IDENTITY))

    def value_and_gradient(
        self, theta: Array, batch: Batch | None = None
    ) -> tuple[Any, Array]:
        """Evaluate J and its gradient, on all rows or on a mini-batch."""
        rows, layers = _rows_of_batch(self.rows, batch), self.layers(theta)
        if self.idle_weight > 0:
            penalty, sums = 0.0, self._with_idle_units(rows, layers)
        elif self.mean_penalty is None:
            penalty = 0.0
            sums = rows.sum(
                kernels.reconstruct,
                *(layers, self.loss, self.row_penalty),
                draw=self.emphasis,
            )
        elif rows.can_keep(rows.n_rows * self.layout.sizes[1] * rows.dtype.itemsize):
            penalty, sums = self._in_two_passes(rows, layers)
        else:
            penalty, sums = self._in_one_pass(rows, layers)
        value, *gradients = sums
        return self._decay.add(value + penalty, gradients, theta)

    def sampler(self, batch_size: int | str, shuffle: bool) -> Sampler:
        """Return what draws mini-batches of the rows."""
        return Sampler(
            *(self.rows.n_rows, batch_size, shuffle), permute=self.rows.permutation
        )

    def sample(self, n_rows: int) -> Batch:
        """Return a mini-batch of about this many rows, which is always the same."""
        return Batch(_sample(self.rows, n_rows), 0)

    def project(self, theta: Array) -> None:
        """Scale the decoder's weights of each unit to norm 1, if asked for."""
        if self.has_unit_norms:
            normalize_rows(self.layout.unpack(theta)[0][1])

    @cached_property
    def _decay(self) -> WeightDecay:
        # Tied weights count twice, once for each layer.
        alphas = (2 * self.alpha,) if self.layout.tied else (self.alpha, self.alpha)
        return WeightDecay(self.layout, alphas, self.rows.place)

    def _with_idle_units(self, rows: Rows, layers: Sequence[Layer]) -> list[Any]:
        """Add the loss that the units share that are off in all these rows."""
        encoded, (counts,) = rows.keep(kernels.encode_and_count, layers[0])
        is_idle = counts == 0
        if not bool(array_namespace(is_idle).any(is_idle)):
            return rows.sum(
                kernels.reconstruct_from,
                *(layers, self.loss, None),
                kept=encoded,
                draw=self.emphasis,
            )
        return rows.sum(
            kernels.reconstruct_with_idle_units,
            *(layers, self.loss, is_idle, self.idle_weight),
            kept=encoded,
            draw=self.emphasis,
        )

    def _in_two_passes(
        self, rows: Rows, layers: Sequence[Layer]
    ) -> tuple[Any, list[Any]]:
        """Return the penalty, and the sums of the reconstruction with its gradient.

        Backpropagation needs the derivative of the penalty, which needs the mean
        activations of all rows. The activations are kept in between.
        """
        encoded, (totals, total_weight) = rows.keep(kernels.encode, layers[0])
        penalty, activity_error = self._sparsity(totals, total_weight)
        sums = rows.sum(
            kernels.reconstruct_from,
            layers,
            self.loss,
            activity_error,
            kept=encoded,
            draw=self.emphasis,
        )
        return penalty, sums

    def _in_one_pass(
        self, rows: Rows, layers: Sequence[Layer]
    ) -> tuple[Any, list[Any]]:
        """Return the same results up to rounding, without keeping activations.

        The derivative of the penalty is a factor of its gradient, so it can be applied
        after the sum over the rows, which costs one more matrix product.
        """
        *sums, totals, total_weight, W_slopes, b_slopes = rows.sum(
            kernels.reconstruct_with_slopes, layers, self.loss, draw=self.emphasis
        )
        penalty, activity_error = self._sparsity(totals, total_weight)
        _, W_grad, _, b_grad, _ = sums
        W_grad += W_slopes * activity_error
        b_grad += b_slopes * activity_error
        return penalty, sums

    def _sparsity(self, totals: Array, total_weight: Any) -> tuple[Any, Array]:
        """Return the penalty, and its derivative by each unit's weighted activation."""
        assert self.mean_penalty is not None
        mean = self.activation.mean_activation(totals / total_weight)
        value, derivative = self.mean_penalty.of_means(mean)
        error = derivative / (self.activation.span * total_weight)
        return value, cast(error, self.rows.dtype)


@dataclass(frozen=True)
class NetworkObjective:
    """Network of any number of hidden layers, zero included, below a loss.

    J = sum_i w_i loss_i + alpha/2 ||W_out||^2 + hidden_alpha/2 sum_l ||W_l||^2

    The loss of a classifier is -log P[i, y_i]. Rows without targets are compared with
    the output of the network, which reconstructs them. With dropout, predictions are
    those of a network without the dropped units. In mini-batches with unlabeled rows,
    the loss of their pseudo-labels is added.
    """

    rows: Rows
    layout: ParameterLayout
    activations: tuple[Activation, ...]
    alpha: float
    hidden_alpha: float
    loss: Loss = SOFTMAX
    dropout: DropoutMasks | None = None
    max_norm: float | None = None
    pseudo_labels: PseudoLabels | None = None

    def layers(self, theta: Array) -> list[Layer]:
        """Hidden layers and the layer of the logits."""
        parts = self.layout.unpack(self.rows.place(theta))
        return make_layers(*parts, (*self.activations, IDENTITY))

    def value_and_gradient(
        self, theta: Array, batch: Batch | None = None
    ) -> tuple[Any, Array]:
        """Evaluate J and its gradient, on all rows or on a mini-batch."""
        layers, rows = self.layers(theta), _rows_of_batch(self.rows, batch)
        probability = self.dropout.probability if self.dropout else 0.0
        sums = rows.sum(
            kernels.predict, layers, self.loss, probability, draw=self.dropout
        )
        if self.pseudo_labels is not None and batch is not None:
            more = self.pseudo_labels.loss_and_gradients(layers, batch)
            if more is not None:
                sums = [a + b for a, b in zip(sums, more, strict=True)]
        value, *gradients = sums
        return self._decay.add(value, gradients, theta)

    def sampler(self, batch_size: int | str, shuffle: bool) -> Sampler:
        """Return what draws mini-batches of labeled and unlabeled rows."""
        if self.pseudo_labels is None:
            return Sampler(
                *(self.rows.n_rows, batch_size, shuffle), permute=self.rows.permutation
            )
        unlabeled = self.pseudo_labels.rows
        return Sampler(
            *(self.rows.n_rows, batch_size, shuffle),
            *(unlabeled.n_rows, self.pseudo_labels.unlabeled_ratio),
            *(self.rows.permutation, unlabeled.permutation),
        )

    def sample(self, n_rows: int) -> Batch:
        """Return a mini-batch of about this many rows of each kind, always the same."""
        unlabeled = None
        if self.pseudo_labels is not None:
            unlabeled = _sample(self.pseudo_labels.rows, n_rows)
        return Batch(_sample(self.rows, n_rows), 0, unlabeled)

    def project(self, theta: Array) -> None:
        """Shrink the incoming weights of hidden units to `max_norm`, in place."""
        if self.max_norm is not None:
            for W in self.layout.weights(theta)[:-1]:
                limit_norms(W, self.max_norm)

    def accuracy(self, theta: Array) -> float:
        """Weighted fraction of the rows that are classified correctly."""
        rows = self.rows.with_noise(None)
        hits, total = rows.sum(kernels.hits, self.layers(theta))
        return float(hits / total)

    @cached_property
    def _decay(self) -> WeightDecay:
        alphas = (*(self.hidden_alpha for _ in self.activations), self.alpha)
        return WeightDecay(self.layout, alphas, self.rows.place)


def _rows_of_batch(rows: Rows, batch: Batch | None) -> Rows:
    return rows if batch is None else rows.batch(batch.indices, batch.number)


def _sample(rows: Rows, n_rows: int) -> Array:
    return np.arange(0, rows.n_rows, -(-rows.n_rows // n_rows))


def mean_loss(
    objective: AutoencoderObjective | NetworkObjective, theta: Array
) -> float:
    """Weighted mean of the rows' losses, without noise and penalties."""
    rows, layers = objective.rows.with_noise(None), objective.layers(theta)
    (total,) = rows.sum(kernels.weighted_loss, layers, objective.loss)
    return float(total)
