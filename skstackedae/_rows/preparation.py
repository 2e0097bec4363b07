"""Rows, prepared once a fit: weights of sum 1, canonical form, held-out rows."""

from hashlib import blake2b
from typing import TypeVar

import numpy as np
from sklearn.model_selection import train_test_split

from .._array_api import Array
from .rows import Rows

# Data up to these sizes is brought into canonical form: beyond them sorting costs more
# than users who compare weighted with repeated rows would want to pay.
CANONICAL_ROWS = 1024
CANONICAL_ENTRIES = 2**20

AnyRows = TypeVar("AnyRows", bound=Rows)


def prepare_rows(rows: AnyRows, *, canonical: bool) -> AnyRows:
    """Return the rows that count, with weights (in the rows' precision) of sum 1.

    L-BFGS amplifies rounding from one iteration to the next, so that problems which
    are equal on paper (other row order, repeated instead of weighted rows) part. The
    ``canonical`` form makes them equal bit for bit on small data: rows are sorted, and
    equal rows merged.
    """
    rows = _with_weight(rows)
    small = (
        rows.n_rows <= CANONICAL_ROWS
        and rows.n_rows * rows.n_features <= CANONICAL_ENTRIES
    )
    if canonical and small:
        rows = _merge_equal_rows(rows)
    # Divided twice, because the sum of huge weights may overflow.
    weights = rows.weights / rows.weights.max()
    weights = (weights / weights.sum()).astype(rows.dtype)
    # Once more, because in float32 a tiny weight may be none.
    return _with_weight(rows.with_targets(rows.y, weights))


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


def _with_weight(rows: AnyRows) -> AnyRows:
    counts = rows.weights > 0
    return rows if counts.all() else rows.take(counts)


def _merge_equal_rows(rows: AnyRows) -> AnyRows:
    _, first, inverse = np.unique(
        _digests(rows), return_index=True, return_inverse=True
    )
    # Equal rows add up from the lightest on, whatever order they came in.
    order = np.lexsort((rows.weights, inverse))
    weights = np.bincount(inverse[order], weights=rows.weights[order])
    merged = rows.take(first)
    return merged.with_targets(merged.y, weights)


def _digests(rows: Rows) -> Array:
    """Digest each row and its target: equal ones are alike, and any order will do.

    Digests need no dense X, and are sorted faster than rows.
    """
    digests = np.empty((rows.n_rows, 16), dtype=np.uint8)
    for row, digest in enumerate(digests):
        X, y, _ = rows.load(slice(row, row + 1))
        # Adding 0 turns -0.0 into 0.0: the two are equal and must look it.
        content = blake2b(X + X.dtype.type(0), digest_size=16)
        if rows.y is not None:
            content.update(y[0].tobytes())
        digest[:] = np.frombuffer(content.digest(), dtype=np.uint8)
    return digests.view("V16").ravel()
