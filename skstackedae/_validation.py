"""Checks of input that both estimators share."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import _check_sample_weight

from ._arrays import Array

#: Precisions that a fit keeps; everything else becomes the first.
FLOAT_DTYPES = (np.float64, np.float32)


def check_sample_weight(sample_weight: ArrayLike | None, X: Any) -> Array:
    """Return float64 weights of the rows of X: not negative, not all zero."""
    weights = _check_sample_weight(
        sample_weight, X, dtype=np.float64, ensure_non_negative=True
    )
    if not weights.any():
        raise ValueError(
            "sample_weight is zero for every row: at least one row must count."
        )
    return weights


def check_no_early_stopping(estimator: Any) -> None:
    """Tell users of partial_fit that there is no run that could stop early."""
    if estimator.early_stopping:
        raise ValueError(
            "partial_fit goes over its rows once and cannot stop early: set "
            "early_stopping=False."
        )
