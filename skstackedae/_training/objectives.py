"""Objectives: theta -> (value, gradient), summed over blocks of rows.

Conventions
-----------
theta is the flat vector of a ParameterLayout, in any precision; the kernels see the
precision of the data, and the gradient comes back in that of theta. Sums over many
blocks, mean activations and the KL penalty are float64. The rows' weights sum to 1 over
all rows; ``rows`` given to an objective are the indices of a mini-batch, whose loss
stands for that of all rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .._array_api import Array, array_namespace
from .._network.activations import IDENTITY, Activation
from .._network.layers import Layer, backward, forward, make_layers, output
from .._network.layout import ParameterLayout
from .._network.losses import SOFTMAX, Loss
from .._network.penalties import kl_sparsity, weight_decay
from .._rows.blocks import Block, RowBlocks


@dataclass(frozen=True)
class AutoencoderObjective:
    """Sparse autoencoder: reconstruction, weight decay and KL sparsity.

    J = sum_i w_i loss(xhat_i, x_i) + alpha/2 (||W_1||^2 + ||W_2||^2)
        + sparsity_weight * sum_j KL(sparsity_target || rate_j)

    Rows are reconstructed from ``data.X``, which may be corrupted; ``data.y`` is what
    they should be.
    """

    data: RowBlocks
    layout: ParameterLayout
    activation: Activation
    loss: Loss
    alpha: float
    sparsity_target: float
    sparsity_weight: float

    def layers(self, theta: Array) -> list[Layer]:
        """Encoder and decoder; the decoder's activation belongs to the loss."""
        parts = self.layout.unpack(theta.astype(self.data.X.dtype, copy=False))
        return make_layers(*parts, (self.activation, IDENTITY))

    def value_and_gradient(
        self, theta: Array, rows: Array | None = None
    ) -> tuple[float, Array]:
        """Evaluate J and its gradient, on all rows or on a mini-batch."""
        data = self.data if rows is None else self.data.batch(rows)
        layers = self.layers(theta)
        # The penalty's derivative needs the mean activations of all rows before the
        # first row goes backward: hence two passes, with the activations kept.
        encoded = list(data.map(_encode, layers[0]))
        penalty, activity_error = self._sparsity(encoded)
        weights = self.layout.weights(theta)
        value, *gradients = data.sum(
            _reconstruct,
            layers,
            self.loss,
            activity_error,
            each=[H for H, *_ in encoded],
        )
        return _add_decay(
            float(value) + penalty,
            gradients,
            theta,
            self.layout,
            # Weights that both layers share count twice.
            alphas=[2 * self.alpha / len(weights) for _ in weights],
        )

    def mean_loss(self, theta: Array) -> float:
        """Weighted mean of the rows' losses, without penalties."""
        data = self.data.without_noise()
        (total,) = data.sum(_reconstruction_loss, self.layers(theta), self.loss)
        return float(total)

    def _sparsity(
        self, encoded: list[tuple[Array, Array, Array]]
    ) -> tuple[float, Array | None]:
        if self.sparsity_weight == 0:
            return 0.0, None
        _, totals, weights = zip(*encoded, strict=True)
        total_weight = _ordered_sum(weights)
        mean = _ordered_sum(totals) / total_weight
        rate = self.activation.rate(mean)
        divergence, derivative = kl_sparsity(rate, self.sparsity_target)
        error = (
            self.sparsity_weight * derivative / (self.activation.span * total_weight)
        )
        value = self.sparsity_weight * float(divergence.sum())
        return value, error.astype(self.data.X.dtype)


@dataclass(frozen=True)
class NetworkObjective:
    """Softmax classifier on any number of hidden layers, zero included.

    J = -sum_i w_i log P[i, y_i] + alpha/2 ||W_out||^2 + hidden_alpha/2 sum_l ||W_l||^2
    """

    data: RowBlocks
    layout: ParameterLayout
    activations: tuple[Activation, ...]
    alpha: float
    hidden_alpha: float
    loss: Loss = SOFTMAX

    def layers(self, theta: Array) -> list[Layer]:
        """Hidden layers and the layer of the logits."""
        parts = self.layout.unpack(theta.astype(self.data.X.dtype, copy=False))
        return make_layers(*parts, (*self.activations, IDENTITY))

    def value_and_gradient(
        self, theta: Array, rows: Array | None = None
    ) -> tuple[float, Array]:
        """Evaluate J and its gradient, on all rows or on a mini-batch."""
        data = self.data if rows is None else self.data.batch(rows)
        value, *gradients = data.sum(_classify, self.layers(theta), self.loss)
        alphas = (*(self.hidden_alpha for _ in self.activations), self.alpha)
        return _add_decay(float(value), gradients, theta, self.layout, alphas=alphas)

    def mean_loss(self, theta: Array) -> float:
        """Weighted mean of the rows' losses, without penalties."""
        data = self.data.without_noise()
        (total,) = data.sum(_classification_loss, self.layers(theta), self.loss)
        return float(total)

    def accuracy(self, theta: Array) -> float:
        """Weight of the rows whose most probable class is their own."""
        hits, total = self.data.without_noise().sum(_hits, self.layers(theta))
        return float(hits / total)


def _encode(block: Block, encoder: Layer) -> tuple[Array, Array, Array]:
    """Kernel: hidden activations of the block, their weighted sum, and the weights'."""
    H = output(block.X, [encoder])
    xp = array_namespace(H)
    return H, block.w @ H, xp.sum(block.w, dtype=xp.float64)


def _reconstruct(
    block: Block,
    H: Array,
    layers: Sequence[Layer],
    loss: Loss,
    activity_error: Array | None,
) -> tuple[float | Array, ...]:
    """Kernel: loss of the block's reconstructions from H, and its gradients."""
    activations = [block.X, *forward(H, layers[1:])]
    value, delta = loss.value_and_delta(activations[-1], block.y, block.w)
    if activity_error is not None:
        activity_error = block.w[:, None] * activity_error
    coef_grads, intercept_grads = backward(activations, layers, delta, activity_error)
    return value, *coef_grads, *intercept_grads


def _classify(
    block: Block, layers: Sequence[Layer], loss: Loss
) -> tuple[float | Array, ...]:
    """Kernel: loss of the block's class probabilities, and its gradients."""
    activations = forward(block.X, layers)
    # Step 2: the delta of the output layer.
    value, delta = loss.value_and_delta(activations[-1], block.y, block.w)
    coef_grads, intercept_grads = backward(activations, layers, delta)
    return value, *coef_grads, *intercept_grads


def _reconstruction_loss(
    block: Block, layers: Sequence[Layer], loss: Loss
) -> tuple[float]:
    """Kernel: loss of the block's reconstructions."""
    return (loss.value_and_delta(output(block.X, layers), block.y, block.w)[0],)


def _classification_loss(
    block: Block, layers: Sequence[Layer], loss: Loss
) -> tuple[float]:
    """Kernel: loss of the block's class probabilities."""
    return (loss.value_and_delta(output(block.X, layers), block.y, block.w)[0],)


def _hits(block: Block, layers: Sequence[Layer]) -> tuple[Array, Array]:
    """Kernel: weight of the rows that are classified rightly, and of all rows."""
    xp = array_namespace(block.X)
    is_hit = xp.argmax(output(block.X, layers), axis=1) == block.y
    # The same sum twice, so that all rows right is 1 to the last digit.
    hits = xp.where(is_hit, block.w, xp.zeros_like(block.w))
    return xp.sum(hits, dtype=xp.float64), xp.sum(block.w, dtype=xp.float64)


def _ordered_sum(parts: Sequence[Array]) -> Array:
    total = np.array(parts[0], dtype=np.float64)
    for part in parts[1:]:
        total += part
    return total


def _add_decay(
    value: float,
    gradients: Sequence[Array],
    theta: Array,
    layout: ParameterLayout,
    *,
    alphas: Sequence[float],
) -> tuple[float, Array]:
    """Add the weights' decay (biases have none) and put the gradient in one vector."""
    n_layers = len(gradients) // 2
    gradient = np.empty_like(theta)
    for W, alpha, part, weight_grad in zip(
        layout.weights(theta),
        alphas,
        layout.fold(gradients[:n_layers]),
        layout.weights(gradient),
        strict=True,
    ):
        decay, decay_grad = weight_decay(W, alpha)
        value += decay
        np.add(part, decay_grad, out=weight_grad)
    _, intercept_grads = layout.unpack(gradient)
    for part, grad in zip(gradients[n_layers:], intercept_grads, strict=True):
        grad[...] = part
    return value, gradient
