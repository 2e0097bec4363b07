"""Checks of input that the estimators share."""

from collections.abc import Callable, Iterable
from numbers import Integral
from typing import Any, TypeVar, cast

import numpy as np
from scipy.sparse import issparse
from sklearn.base import _fit_context
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if as sklearn_available_if
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from ._array_api import Array, Weights

# X of any other type is converted to one of these.
FLOAT_DTYPES = (np.float64, np.float32)

# Arrays of these types are stored as they are; blocks are converted one by one.
INTEGER_DTYPES = [np.dtype(code) for code in np.typecodes["AllInteger"]]
STORED_DTYPES = (*FLOAT_DTYPES, np.bool_, *INTEGER_DTYPES, np.float16)

# str() of the type of a float32 column: in numpy, in polars and nullable pandas, and in
# pyarrow.
FLOAT32_COLUMNS = {"float32", "Float32", "float[pyarrow]"}


Method = TypeVar("Method", bound=Callable[..., Any])


def input_options(X: Any) -> dict[str, Any]:
    """Return the options for scikit-learn's check of X.

    A data frame becomes one array of floats. scikit-learn recognizes float32 only in
    pandas columns of numpy types, so the columns are looked at here.
    """
    # scipy cannot slice sparse arrays of float16, the last of these types.
    dtype: Any = STORED_DTYPES[:-1] if issparse(X) else STORED_DTYPES
    if hasattr(X, "columns"):
        columns = {str(dtype) for dtype in X.dtypes}
        is_float32 = columns and columns <= FLOAT32_COLUMNS
        dtype = np.float32 if is_float32 else FLOAT_DTYPES
    return {"accept_sparse": "csr", "order": "C", "dtype": dtype}


def validates_parameters(method: Method) -> Method:
    """Wrap a fit as scikit-learn does, which checks parameters; types stay known."""
    return cast(Method, _fit_context(prefer_skip_nested_validation=True)(method))


def available_if(check: Callable[[Any], bool]) -> Callable[[Method], Method]:
    """Offer a method only if the check holds: scikit-learn's, with types."""
    return cast(Callable[[Method], Method], sklearn_available_if(check))


def check_sample_weight(sample_weight: Weights, X: Any) -> Array:
    """Return float64 weights of the rows of X: not negative, not all zero."""
    weights: Array = _check_sample_weight(
        sample_weight, X, dtype=np.float64, ensure_non_negative=True
    )
    # scikit-learn does not look at a single number.
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise ValueError(
            f"sample_weight={sample_weight!r} is negative or not a finite number: pass "
            "weights of 0 or more."
        )
    if not weights.any():
        raise ValueError(
            "sample_weight is zero for every row: at least one row must count."
        )
    # By a power of two, which is exact, because sums of huge weights overflow.
    return np.ldexp(weights, -np.frexp(weights.max())[1])


def supports_partial_fit(estimator: Any) -> bool:
    """Tell whether partial_fit exists; scikit-learn shows the error to users."""
    if estimator.solver == "adam":
        return True
    raise AttributeError(
        f"partial_fit needs solver='adam': solver={estimator.solver!r} uses all rows "
        "in each iteration."
    )


def check_partial_fit_params(estimator: Any) -> None:
    """Check the parameters for partial_fit, which does not know the last epoch."""
    # scikit-learn checks them in the first call only.
    estimator._validate_params()
    if estimator.early_stopping:
        raise ValueError(
            "partial_fit makes one pass over its rows and cannot stop early: set "
            "early_stopping=False."
        )
    if estimator.learning_rate != "constant":
        raise ValueError(
            f"learning_rate={estimator.learning_rate!r} depends on the last epoch, "
            "which partial_fit does not know: set learning_rate='constant'."
        )


def check_unchanged(now: dict[str, Any], before: Iterable[Any]) -> None:
    """Check that parameters still fit the network of the previous fit."""
    for (name, value), value_before in zip(now.items(), before, strict=True):
        if value != value_before:
            raise ValueError(
                f"{name}={value!r}, but the previous fit has {value_before!r}: set it "
                "back, or call fit with warm_start=False to start anew."
            )


def random_state_of_pass(random_state: Any, n_passes: int) -> np.random.RandomState:
    """Return the random state for one pass of partial_fit; each pass has its own."""
    if not isinstance(random_state, Integral) or n_passes == 0:
        return check_random_state(random_state)
    seeds = np.random.SeedSequence((int(random_state), n_passes))
    return np.random.RandomState(seeds.generate_state(4))


def check_fitted_instance(estimator: Any, *expected: type) -> None:
    """Check that an estimator belongs to this package and is fitted."""
    if not isinstance(estimator, expected):
        names = " or ".join(cls.__name__ for cls in expected)
        raise TypeError(
            f"A fitted {names} is needed, got {type(estimator).__name__}. If it is "
            "inside a pipeline or a search, pass the fitted step itself."
        )
    check_is_fitted(estimator)
