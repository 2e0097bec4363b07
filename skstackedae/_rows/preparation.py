"""Rows are prepared: weights that sum to 1, canonical form, held-out rows."""

from hashlib import blake2b
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.model_selection import train_test_split

from .._array_api import Array
from .blocks import Block, dense

# Data up to these sizes is brought into canonical form: beyond them sorting costs more
# than users who compare weighted with repeated rows would want to pay.
CANONICAL_ROWS = 1024
CANONICAL_ENTRIES = 2**20


def prepare_rows(X: Any, y: Any, sample_weight: Array, *, canonical: bool) -> Block:
    """Rows that count, and their weights (in X's precision), which sum to 1.

    L-BFGS amplifies rounding from one iteration to the next, so that problems which
    are equal on paper (other row order, repeated instead of weighted rows) part. The
    ``canonical`` form makes them equal bit for bit on small data: rows sorted, equal
    rows merged.
    """
    X, y, sample_weight = _with_weight(X, y, sample_weight)
    n_rows, n_features = X.shape
    small = n_rows <= CANONICAL_ROWS and n_rows * n_features <= CANONICAL_ENTRIES
    if canonical and small:
        X, y, sample_weight = _merge_equal_rows(X, y, sample_weight)
    # Divided twice, because the sum of huge weights may overflow.
    weights = sample_weight / sample_weight.max()
    # Once more, because in float32 a tiny weight may be none.
    return _with_weight(X, y, (weights / weights.sum()).astype(X.dtype))


def train_validation_split(
    rows: Array,
    fraction: float,
    random_state: np.random.RandomState,
    stratify: Array | None = None,
) -> tuple[Array, Array]:
    """Split indices of rows into those to learn from and those to be scored on."""
    try:
        train, held_out = train_test_split(
            rows, test_size=fraction, random_state=random_state, stratify=stratify
        )
    except ValueError as error:
        raise ValueError(
            f"early_stopping=True cannot hold out validation_fraction={fraction} of "
            f"{len(rows)} rows: {error} Pass more rows, change validation_fraction, or "
            "set early_stopping=False."
        ) from error
    return np.sort(train), np.sort(held_out)


def _with_weight(X: Any, y: Any, weights: Array) -> Block:
    keep = weights > 0
    if keep.all():
        return Block(X, y, weights)
    return Block(X[keep], None if y is None else y[keep], weights[keep])


def _merge_equal_rows(X: Any, y: Any, sample_weight: Array) -> Block:
    _, first, inverse = np.unique(
        _digests(X, y), return_index=True, return_inverse=True
    )
    # Equal rows add up from the lightest on, whatever order they came in.
    order = np.lexsort((sample_weight, inverse))
    weights = np.bincount(inverse[order], weights=sample_weight[order])
    X = X[first]
    if not issparse(X):
        X = X + X.dtype.type(0)
    return Block(X, None if y is None else y[first], weights)


def _digests(X: Any, y: Any) -> Array:
    """Digest each row and its target: equal ones are alike, and any order will do.

    Digests need no dense X, and are sorted faster than rows.
    """
    digests = np.empty((X.shape[0], 16), dtype=np.uint8)
    for row, digest in enumerate(digests):
        # Adding 0 turns -0.0 into 0.0: the two are equal and must look it.
        content = blake2b(dense(X[[row]]) + X.dtype.type(0), digest_size=16)
        if y is not None:
            content.update(y[row].tobytes())
        digest[:] = np.frombuffer(content.digest(), dtype=np.uint8)
    return digests.view("V16").ravel()
