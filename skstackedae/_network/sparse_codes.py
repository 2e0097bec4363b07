"""Forward pass and backpropagation of an autoencoder whose codes have few nonzeros.

If only k of m hidden units are on in each row, all products but the first need only a
fraction k / m of the operations: this module does these, for numpy arrays.
"""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

from .._array_api import Array
from .activations import ACTIVATIONS, with_top_k
from .layers import Layer, forward_output
from .losses import ReconstructionLoss

# Gathered weights of the decoder take at most this much memory.
GATHERED_BYTES = 2**24


def encode_sparse(X: Array, encoder: Layer) -> csr_array:
    """Return the activations of the k largest units of each row."""
    k = encoder.activation.top_k
    assert k is not None
    Z = X @ encoder.W
    Z += encoder.b
    columns, is_on = _largest(Z, k)
    function = ACTIVATIONS[encoder.activation.base_name].function
    values = function(np.take_along_axis(Z, columns, axis=1))
    values *= is_on
    return _csr(values, columns, Z.shape[1])


def _largest(Z: Array, k: int) -> tuple[Array, Array]:
    """Return the columns of the k largest values, and which exceed the next value."""
    first = Z.shape[1] - k
    if first == 0:
        columns = np.broadcast_to(np.arange(k), Z.shape)
        return columns, np.ones(Z.shape, dtype=bool)
    # The first of these is the next value: it is where it would be in sorted rows.
    columns = np.argpartition(Z, first - 1, axis=1)[:, first - 1 :]
    next_value = np.take_along_axis(Z, columns[:, :1], axis=1)
    columns = np.sort(columns[:, 1:], axis=1)
    return columns, np.take_along_axis(Z, columns, axis=1) > next_value


def sparse_output(X: Array, layers: Sequence[Layer]) -> csr_array:
    """Return the output of an encoder as a matrix that has only the nonzero entries."""
    (encoder,) = layers
    if encoder.activation.top_k is None:
        return csr_array(forward_output(X, layers))
    H = encode_sparse(X, encoder)
    H.eliminate_zeros()
    return H


def encode_and_count(X: Array, encoder: Layer) -> tuple[csr_array, Array]:
    """Return the sparse activations, and in how many rows each unit is on."""
    H = encode_sparse(X, encoder)
    return H, np.bincount(H.indices[H.data != 0], minlength=H.shape[1])


def reconstruct_sparse(
    X: Array,
    y: Array,
    w: Array,
    layers: Sequence[Layer],
    loss: ReconstructionLoss,
    emphasis: Array | None = None,
) -> tuple[float | Array, ...]:
    """Loss of the reconstructions, and its gradients by all weights and biases."""
    H = encode_sparse(X, layers[0])
    return reconstruct_from(X, y, w, H, layers, loss, emphasis)


def reconstruct_from(
    X: Array,
    y: Array,
    w: Array,
    H: csr_array,
    layers: Sequence[Layer],
    loss: ReconstructionLoss,
    emphasis: Array | None = None,
) -> tuple[float | Array, ...]:
    """Like `reconstruct_sparse`, from activations H."""
    value, delta = loss.value_and_delta(_decoded(H, layers[1]), y, w, emphasis)
    return value, *_gradients(X, H, layers, delta)


def reconstruct_with_idle_units(
    X: Array,
    y: Array,
    w: Array,
    H: csr_array,
    layers: Sequence[Layer],
    loss: ReconstructionLoss,
    is_idle: Array,
    weight: float,
    emphasis: Array | None = None,
) -> tuple[float | Array, ...]:
    """Like `reconstruct_sparse` from activations H, with a loss that idle units share.

    Only the idle units are computed anew.
    """
    encoder, decoder = layers
    idle = np.flatnonzero(is_idle)
    base = ACTIVATIONS[encoder.activation.base_name]
    k = min(len(idle), H.data.size // len(X))
    part = Layer(encoder.W[:, idle], encoder.b[idle], with_top_k(base, k))
    V, A, Z = decoder.W[idle], forward_output(X, [part]), _decoded(H, decoder)
    together, delta = loss.value_and_delta(Z + A @ V, y, w, emphasis)
    delta *= weight
    idle_delta = part.activation.backward(delta @ V.T, A.copy())
    V_grad = A.T @ delta
    value, own_delta = loss.value_and_delta(Z, y, w, emphasis)
    delta += own_delta
    W_grad, W_out_grad, b_grad, b_out_grad = _gradients(X, H, layers, delta)
    W_grad[:, idle] += X.T @ idle_delta
    W_out_grad[idle] += V_grad
    b_grad[idle] += idle_delta.sum(axis=0)
    return value + weight * together, W_grad, W_out_grad, b_grad, b_out_grad


def _decoded(H: csr_array, decoder: Layer) -> Array:
    """Return the raw predictions."""
    Z: Array = H @ decoder.W
    Z += decoder.b
    return Z


def _gradients(
    X: Array, H: csr_array, layers: Sequence[Layer], delta: Array
) -> tuple[Array, Array, Array, Array]:
    """Gradients by weights and biases from the output's delta."""
    encoder, decoder = layers
    k, n_units = H.data.size // len(X), encoder.W.shape[1]
    columns = H.indices.reshape(-1, k)
    error = _products_at(delta, decoder.W, columns)
    error *= H.data.reshape(-1, k) != 0
    base = ACTIVATIONS[encoder.activation.base_name]
    hidden_delta = base.backward(error, H.data.reshape(-1, k).copy())
    return (
        (_csr(hidden_delta, columns, n_units).T @ X).T,
        H.T @ delta,
        np.bincount(H.indices, hidden_delta.ravel(), n_units).astype(X.dtype),
        delta.sum(axis=0),
    )


def _csr(values: Array, columns: Array, n_columns: int) -> csr_array:
    n_rows, k = columns.shape
    starts = np.arange(0, n_rows * k + 1, k, dtype=np.int32)
    indices = columns.ravel().astype(np.int32, copy=False)
    return csr_array((values.ravel(), indices, starts), shape=(n_rows, n_columns))


def _products_at(delta: Array, W: Array, columns: Array) -> Array:
    """Return the entries of delta @ W.T in these columns of each row."""
    n_rows, k = columns.shape
    step = max(1, GATHERED_BYTES // (k * W.shape[1] * W.itemsize))
    products = np.empty((n_rows, k), dtype=delta.dtype)
    for start in range(0, n_rows, step):
        rows = slice(start, start + step)
        gathered = W[columns[rows]]
        np.matmul(gathered, delta[rows, :, None], out=products[rows, :, None])
    return products
