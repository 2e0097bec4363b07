"""Forward pass and backpropagation of an autoencoder whose codes have few nonzeros.

If only k of m hidden units are on in each row, all products but the first need only a
fraction k / m of the operations: this module does these, for numpy arrays.
"""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

from .._array_api import Array
from .activations import ACTIVATIONS
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
    columns = np.argpartition(Z, Z.shape[1] - k, axis=1)[:, Z.shape[1] - k :]
    columns.sort(axis=1)
    function = ACTIVATIONS[encoder.activation.base_name].function
    values = function(np.take_along_axis(Z, columns, axis=1))
    return _csr(values, columns, Z.shape[1])


def sparse_output(X: Array, layers: Sequence[Layer]) -> csr_array:
    """Return the output of an encoder as a matrix that has only the nonzero entries."""
    (encoder,) = layers
    if encoder.activation.top_k is None:
        return csr_array(forward_output(X, layers))
    H = encode_sparse(X, encoder)
    H.eliminate_zeros()
    return H


def reconstruct_sparse(
    X: Array,
    y: Array,
    w: Array,
    layers: Sequence[Layer],
    loss: ReconstructionLoss,
    emphasis: Array | None = None,
) -> tuple[float | Array, ...]:
    """Loss of the reconstructions, and its gradients by all weights and biases."""
    encoder, decoder = layers
    H = encode_sparse(X, encoder)
    k, n_units = encoder.activation.top_k, encoder.W.shape[1]
    Z = H @ decoder.W
    Z += decoder.b
    value, delta = loss.value_and_delta(Z, y, w, emphasis)
    columns = H.indices.reshape(-1, k)
    error = _products_at(delta, decoder.W, columns)
    values = H.data.reshape(-1, k)
    base = ACTIVATIONS[encoder.activation.base_name]
    hidden_delta = base.backward(error, values.copy())
    by_unit = _csr(hidden_delta, columns, n_units)
    return (
        value,
        (by_unit.T @ X).T,
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
