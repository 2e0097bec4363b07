"""Kernels: the sums over rows that training needs.

Conventions
-----------
A kernel is a pure function ``(X, y, w, ...) -> tuple`` of dense arrays in one
precision, written in operations of the Python array API standard. X is (n, n_features),
y the targets of the n rows, w (n,) their weights. A kernel returns new arrays and
numbers, because the caller that sums them may overwrite them. It overwrites its
temporaries but not its arguments, because a block may be computed again. Equal weights
may be a view of one number: numpy multiplies by such a view as fast as by the number.
"""

from collections.abc import Sequence
from typing import Any

from .._array_api import Array, array_namespace, copied, is_numpy
from . import sparse_codes
from .activations import ACTIVATIONS, top_k_where, with_top_k
from .layers import Layer, backward, drop_units, forward, forward_output
from .losses import SOFTMAX, Loss, ReconstructionLoss
from .penalties import RowPenalty


def encode(X: Array, y: Array, w: Array, encoder: Layer) -> tuple[Array, Array, Array]:
    """Hidden activations, their weighted sum, and the sum of the weights."""
    H = forward_output(X, [encoder])
    return H, _weighted_sum(H, w), _total(w)


def reconstruct(
    X: Array,
    y: Array,
    w: Array,
    layers: Sequence[Layer],
    loss: ReconstructionLoss,
    penalty: RowPenalty | None = None,
    emphasis: Array | None = None,
) -> tuple[float | Array, ...]:
    """Loss of the reconstructions, and its gradients by all weights and biases.

    ``penalty`` is one on the activations in each row, ``emphasis`` (n, n_features) are
    weights of the entries of X.
    """
    is_sparse = layers[0].activation.top_k is not None
    if is_sparse and penalty is None and is_numpy(X):
        return sparse_codes.reconstruct_sparse(X, y, w, layers, loss, emphasis)
    H = forward_output(X, layers[:1])
    if penalty is None:
        return _reconstruct(X, y, w, H, layers, loss, None, emphasis)
    penalty_value, error, decoder_error = penalty.of_rows(H, w, layers[1].W)
    value, *gradients = _reconstruct(X, y, w, H, layers, loss, error, emphasis)
    gradients[1] += decoder_error
    return value + penalty_value, *gradients


def reconstruct_with_slopes(
    X: Array,
    y: Array,
    w: Array,
    layers: Sequence[Layer],
    loss: ReconstructionLoss,
    emphasis: Array | None = None,
) -> tuple[float | Array, ...]:
    """Like `reconstruct`, with the sums that a penalty on mean activations needs.

    The last results are the weighted sum of the hidden activations, the sum of the
    weights, and the derivatives of the activations' sum by W_1 and b_1. The gradients
    of the penalty are these derivatives times the derivative of the penalty by each
    unit's mean activation.
    """
    xp = array_namespace(X)
    H = forward_output(X, layers[:1])
    totals = xp.asarray(_weighted_sum(H, w), dtype=xp.float64)
    slopes = layers[0].activation.backward(w[:, None] * xp.ones_like(H), copied(H))
    sums = _reconstruct(X, y, w, H, layers, loss, None, emphasis)
    return *sums, totals, _total(w), X.T @ slopes, xp.sum(slopes, axis=0)


def reconstruct_from(
    X: Array,
    y: Array,
    w: Array,
    H: Any,
    layers: Sequence[Layer],
    loss: ReconstructionLoss,
    activity_error: Array | None,
    emphasis: Array | None = None,
) -> tuple[float | Array, ...]:
    """Like `reconstruct`, from hidden activations H, which may be sparse.

    ``activity_error`` is the derivative of a penalty by each unit's weighted sum of
    activations.
    """
    if is_numpy(X) and not is_numpy(H):
        return sparse_codes.reconstruct_from(X, y, w, H, layers, loss, emphasis)
    error = None if activity_error is None else w[:, None] * activity_error
    return _reconstruct(X, y, w, copied(H), layers, loss, error, emphasis)


def encode_and_count(X: Array, y: Array, w: Array, encoder: Layer) -> tuple[Any, Array]:
    """Hidden activations, sparse in memory, and in how many rows each unit is on."""
    if is_numpy(X):
        return sparse_codes.encode_and_count(X, encoder)
    H = forward_output(X, [encoder])
    xp = array_namespace(H)
    return H, xp.sum(xp.asarray(H != 0, dtype=xp.int64), axis=0)


def reconstruct_with_idle_units(
    X: Array,
    y: Array,
    w: Array,
    H: Any,
    layers: Sequence[Layer],
    loss: ReconstructionLoss,
    is_idle: Array,
    weight: float,
    emphasis: Array | None = None,
) -> tuple[float | Array, ...]:
    """Like `reconstruct` from activations H, with a loss that idle units share.

    ``weight`` times the loss of the reconstruction by the units of H and as many of the
    idle ones is added, so that these learn to reconstruct what the others leave, as
    with the auxiliary loss of [1]_. Unlike there, it has a gradient by all weights.

    References
    ----------
    .. [1] Leo Gao et al., "Scaling and Evaluating Sparse Autoencoders", International
       Conference on Learning Representations, 2025.
    """
    if is_numpy(X):
        return sparse_codes.reconstruct_with_idle_units(
            X, y, w, H, layers, loss, is_idle, weight, emphasis
        )
    encoder, decoder = layers
    k = encoder.activation.top_k
    assert k is not None
    base = ACTIVATIONS[encoder.activation.base_name]
    A = top_k_where(base, X @ encoder.W + encoder.b, is_idle, k)
    Z = H @ decoder.W + decoder.b
    together, idle_delta = loss.value_and_delta(Z + A @ decoder.W, y, w, emphasis)
    idle_delta *= weight
    value, delta = loss.value_and_delta(Z, y, w, emphasis)
    delta += idle_delta
    decoder_grad = H.T @ delta + A.T @ idle_delta
    # No unit is in both: each entry of the error comes from one of the two.
    error = encoder.activation.backward(delta @ decoder.W.T, copied(H))
    error += with_top_k(base, k).backward(idle_delta @ decoder.W.T, A)
    intercept_grads = (array_namespace(X).sum(part, axis=0) for part in (error, delta))
    return value + weight * together, X.T @ error, decoder_grad, *intercept_grads


def _reconstruct(
    X: Array,
    y: Array,
    w: Array,
    H: Array,
    layers: Sequence[Layer],
    loss: ReconstructionLoss,
    activity_error: Array | None,
    emphasis: Array | None,
) -> tuple[float | Array, ...]:
    """Do the same, and overwrite H; the activities' error is that of each row."""
    activations = [X, *forward(H, layers[1:])]
    value, delta = loss.value_and_delta(activations[-1], y, w, emphasis)
    coef_grads, intercept_grads = backward(activations, layers, delta, activity_error)
    return value, *coef_grads, *intercept_grads


def predict(
    X: Array,
    y: Array,
    w: Array,
    layers: Sequence[Layer],
    loss: Loss,
    dropout: float = 0.0,
    masks: Sequence[Array] | None = None,
) -> tuple[float | Array, ...]:
    """Loss of the network's predictions, and its gradients by weights and biases.

    With masks, hidden units are dropped, each with the probability ``dropout``.
    """
    if masks is not None:
        layers = drop_units(layers, masks, dropout)
    activations = forward(X, layers)
    # Step 2: the delta of the output layer.
    value, delta = loss.value_and_delta(activations[-1], y, w)
    coef_grads, intercept_grads = backward(activations, layers, delta)
    return value, *coef_grads, *intercept_grads


def predict_clean(
    X: Array, clean_X: Array, w: Array, layers: Sequence[Layer]
) -> tuple[Array, Array, Array]:
    """Log-probabilities of rows without noise, summed probabilities, sum of weights."""
    log_P = SOFTMAX.log_predict(forward_output(clean_X, layers))
    xp = array_namespace(log_P)
    return log_P, _weighted_sum(xp.exp(log_P), w), _total(w)


def predict_pseudo_labels(
    X: Array,
    clean_X: Array,
    w: Array,
    log_P: Array,
    layers: Sequence[Layer],
    log_ratios: Array,
    class_weights: Array,
    dropout: float = 0.0,
    masks: Sequence[Array] | None = None,
) -> tuple[float | Array, ...]:
    """Like `predict`, with the most probable classes as labels [1]_.

    ``log_P`` are log-probabilities of the rows without noise; ``log_ratios`` of the
    classes are added to them. The labels are constants in the gradients. A row is
    weighted by its label.

    References
    ----------
    .. [1] D.-H. Lee, "Pseudo-Label: The Simple and Efficient Semi-Supervised Learning
       Method for Deep Neural Networks", ICML 2013 Workshop on Challenges in
       Representation Learning.
    """
    xp = array_namespace(X)
    labels = xp.argmax(log_P + log_ratios, axis=1)
    w = w * xp.take(class_weights, labels)
    return predict(X, labels, w, layers, SOFTMAX, dropout, masks)


def weighted_loss(
    X: Array, y: Array, w: Array, layers: Sequence[Layer], loss: Loss
) -> tuple[float]:
    """Loss of the network's output, without gradients."""
    return (loss.value_and_delta(forward_output(X, layers), y, w)[0],)


def hits(X: Array, y: Array, w: Array, layers: Sequence[Layer]) -> tuple[Array, Array]:
    """Weight of the rows that are classified correctly, and of all rows."""
    xp = array_namespace(X)
    is_hit = xp.argmax(forward_output(X, layers), axis=1) == y
    # Both sums have the same order, so that the accuracy is exactly 1 if all rows hit.
    weights_of_hits = xp.where(is_hit, w, xp.zeros_like(w))
    return xp.sum(weights_of_hits, dtype=xp.float64), _total(w)


def moments(
    X: Array, y: Array, w: Array, layers: Sequence[Layer], scale: float = 1.0
) -> tuple[Array, ...]:
    """Weight of the rows, and weighted sums of the scaled activations over them.

    The sums are those of the activations, of their squares, and of the rows in which
    each of them is not 0.
    """
    xp = array_namespace(X)
    # float64, because the variance is a small difference where means are large.
    H = xp.asarray(forward_output(X, layers), dtype=xp.float64) * scale
    w = xp.asarray(w, dtype=xp.float64)
    is_active = xp.asarray(H != 0, dtype=xp.float64)
    sums = (_weighted_sum(part, w) for part in (H, H * H, is_active))
    return xp.sum(w), *sums


def observed_moments(X: Array, y: Array, w: Array, center: Array) -> tuple[Array, ...]:
    """Weight of each feature's entries that are not NaN, and their first two moments.

    The moments are those of the differences from a center of each feature.
    """
    xp = array_namespace(X)
    is_missing = xp.isnan(X)
    X = xp.asarray(X, dtype=xp.float64) - center
    X = xp.where(is_missing, xp.zeros_like(X), X)
    w = xp.asarray(w, dtype=xp.float64)
    is_observed = xp.asarray(~is_missing, dtype=xp.float64)
    return tuple(_weighted_sum(part, w) for part in (is_observed, X, X * X))


def squared_residuals(
    X: Array, y: Array, w: Array, layers: Sequence[Layer], scale: float = 1.0
) -> tuple[Array, Array]:
    """Weight of the rows, and the squares of their scaled residuals, NaN left out."""
    xp = array_namespace(X)
    residual = xp.asarray(forward_output(X, layers) - y, dtype=xp.float64) * scale
    residual = xp.where(xp.isnan(residual), xp.zeros_like(residual), residual)
    rows = xp.sum(residual * residual, axis=1)
    return _total(w), xp.sum(w * rows, dtype=xp.float64)


def _weighted_sum(A: Array, w: Array) -> Array:
    """Sum the rows of A, each times its weight."""
    # A copy of the weights, because BLAS cannot read a view of one number.
    return copied(w) @ A


def _total(w: Array) -> Array:
    xp = array_namespace(w)
    return xp.sum(w, dtype=xp.float64)
