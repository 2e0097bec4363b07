"""Checks of input that the public modules share."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from ._array_api import Array

#: Precisions that a fit keeps; everything else becomes the first.
FLOAT_DTYPES = (np.float64, np.float32)


# What str() makes of the type of a column of float32: numpy's, that of polars and of
# pandas' nullable columns, and pyarrow's.
FLOAT32_COLUMNS = {"float32", "Float32", "float[pyarrow]"}


def float_dtypes(X: Any) -> Any:
    """Return the precisions from which scikit-learn is to choose that of X.

    Of data frames it finds float32 only in pandas' columns of numpy's types.
    """
    if not hasattr(X, "columns"):
        return FLOAT_DTYPES
    columns = {str(dtype) for dtype in X.dtypes}
    return np.float32 if columns and columns <= FLOAT32_COLUMNS else FLOAT_DTYPES


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


def by_adam(estimator: Any) -> bool:
    """Tell whether partial_fit is there: scikit-learn shows the error to users."""
    if estimator.solver == "adam":
        return True
    raise AttributeError(
        f"partial_fit needs solver='adam': solver={estimator.solver!r} uses all rows "
        "in each iteration."
    )


def check_passes(estimator: Any) -> None:
    """Check the parameters that go with partial_fit, which knows no last iteration."""
    # scikit-learn checks them in the first call only.
    estimator._validate_params()
    if estimator.early_stopping:
        raise ValueError(
            "partial_fit goes over its rows once and cannot stop early: set "
            "early_stopping=False."
        )
    if estimator.learning_rate != "constant":
        raise ValueError(
            f"learning_rate={estimator.learning_rate!r} needs to know the last epoch, "
            "which partial_fit does not: set learning_rate='constant'."
        )


def check_fitted_instance(estimator: Any, *expected: type) -> None:
    """Check that an estimator is one of ours, and fitted."""
    if not isinstance(estimator, expected):
        names = " or ".join(cls.__name__ for cls in expected)
        raise TypeError(
            f"A fitted {names} is needed, got {type(estimator).__name__}. Of a "
            "pipeline or a search pass the fitted step that is one."
        )
    check_is_fitted(estimator)
