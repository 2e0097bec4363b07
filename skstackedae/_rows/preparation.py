"""Preparation of rows once per fit: weights of sum 1, canonical form, validation."""

from hashlib import blake2b
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

from .._array_api import Array
from .blocks import as_one_number, is_one_number
from .rows import AnyRows

# Only data up to these sizes are brought into canonical form: sorting larger data would
# take too long, and equal models from weighted and repeated rows are rarely needed.
CANONICAL_ROWS = 1024
CANONICAL_ENTRIES = 2**20


def prepare_rows(rows: AnyRows, *, canonical: bool) -> AnyRows:
    """Return the rows of nonzero weight, with weights (in their precision) of sum 1.

    L-BFGS amplifies rounding from one iteration to the next. Problems that are equal in
    exact arithmetic (another row order, repeated instead of weighted rows) would
    therefore give different models. The ``canonical`` form makes them equal bit for bit
    on small data: it sorts the rows and merges equal rows.
    """
    rows = drop_zero_weights(rows)
    small = (
        rows.n_rows <= CANONICAL_ROWS
        and rows.n_rows * rows.n_features <= CANONICAL_ENTRIES
    )
    if canonical and small and rows.has_canonical_form:
        rows = _merge_equal_rows(rows)
    if is_one_number(rows.weights):
        weight = rows.dtype.type(1 / rows.n_rows)
        return rows.with_targets(rows.y, np.broadcast_to(weight, rows.n_rows))
    # Two divisions, because the sum of huge weights may overflow.
    weights = rows.weights / rows.weights.max()
    weights = (weights / weights.sum()).astype(rows.dtype)
    # Once more, because a tiny weight may become 0 in float32.
    rows = drop_zero_weights(rows.with_targets(rows.y, weights))
    return rows.with_targets(rows.y, as_one_number(rows.weights))


def drop_zero_weights(rows: AnyRows) -> AnyRows:
    """Return the rows of nonzero weight."""
    if is_one_number(rows.weights) and rows.weights[0] > 0:
        return rows
    counts = rows.weights > 0
    return rows if counts.all() else rows.take(counts)


def train_validation_split(
    rows: Array,
    fraction: float,
    random_state: np.random.RandomState,
    stratify: Array | None = None,
) -> tuple[Array, Array]:
    """Split indices of rows into training rows and validation rows."""
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


def _merge_equal_rows(rows: AnyRows) -> AnyRows:
    _, first, inverse = np.unique(
        _digests(rows), return_index=True, return_inverse=True
    )
    # Weights of equal rows are added in ascending order, whatever the row order.
    order = np.lexsort((rows.weights, inverse))
    weights = np.bincount(inverse[order], weights=rows.weights[order])
    merged = rows.take(first)
    return merged.with_targets(merged.y, weights)


def _digests(rows: Any) -> Array:
    """Return a digest of each row and its target; equal rows have equal digests.

    Digests need no dense X and are sorted faster than rows.
    """
    digests = np.empty((rows.n_rows, 16), dtype=np.uint8)
    for row, digest in enumerate(digests):
        X, y, _ = rows.load(slice(row, row + 1))
        # Adding 0 turns -0.0 into 0.0, because equal numbers need equal digests.
        content = blake2b(X + X.dtype.type(0), digest_size=16)
        if rows.y is not None:
            content.update(y[0].tobytes())
        digest[:] = np.frombuffer(content.digest(), dtype=np.uint8)
    return digests.view("V16").ravel()
