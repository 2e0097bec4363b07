"""Input checks that the estimators share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from types import MethodType
from typing import Any, TypeVar, cast

import numpy as np
from scipy.sparse import issparse
from sklearn import get_config
from sklearn.base import _fit_context
from sklearn.utils import (
    assert_all_finite,
    check_random_state,
    check_X_y,
    column_or_1d,
)
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from ._array_api import (
    Array,
    Weights,
    array_namespace,
    device_of,
    dtype_of,
    is_numpy,
    is_on_device,
    to_numpy,
)
from ._rows.cluster import computed, is_on_cluster
from ._rows.stored import StoredRows

# X of any other type is converted to one of these.
FLOAT_DTYPES = (np.float64, np.float32)

# Arrays of these types are stored as they are; blocks are converted one by one.
INTEGER_DTYPES = [np.dtype(code) for code in np.typecodes["AllInteger"]]
STORED_DTYPES = (*FLOAT_DTYPES, np.bool_, *INTEGER_DTYPES, np.float16)


class Count(Interval):
    """An integer of 1 or more, but not True, which is an int in Python."""

    def __init__(self) -> None:
        super().__init__(Integral, 1, None, closed="left")

    def is_satisfied_by(self, val: Any) -> bool:
        return not isinstance(val, bool) and bool(super().is_satisfied_by(val))


COUNT = Count()

# Beyond this, the rounding error of the penalty exceeds the loss of the rows.
PENALTY = Interval(Real, 0, 1e15, closed="both")

# str() of the type of a float32 column: in numpy, in polars and nullable pandas, and in
# pyarrow.
FLOAT32_COLUMNS = {"float32", "Float32", "float[pyarrow]"}

# How str() of types of dates, times and durations begins, in lower case: in numpy,
# pandas, polars and pyarrow.
TIME_TYPES = ("date", "time", "duration", "period")

Method = TypeVar("Method", bound=Callable[..., Any])


@contextmanager
def conversion_to_float(name: str) -> Iterator[None]:
    """Wrap scikit-learn's checks, which report numbers that became infinite."""
    try:
        with np.errstate(over="ignore"):
            yield
    except OverflowError as error:
        raise ValueError(f"{name} contains a number too large for a float.") from error


def check_is_not_masked(values: Any, name: str, filler: str = "0") -> None:
    """Reject masked entries, which numpy would use like all others."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ValueError(
            f"{name} is a masked array, but its mask would be ignored: "
            f"fill its masked entries, for example with {name}.filled({filler})."
        )


def check_is_numeric(values: Any, name: str) -> None:
    """Reject masked entries, and dates and times, which numpy converts to numbers."""
    check_is_not_masked(values, name)
    if getattr(getattr(values, "dtype", None), "kind", "M") in "biufc":
        return  # most arrays; the type names below take longer to check
    is_frame = hasattr(values, "columns")
    types = values.dtypes if is_frame else [getattr(values, "dtype", None)]
    for dtype in map(str, types):
        if dtype.lower().startswith(TIME_TYPES):
            found = f"columns of type {dtype}" if is_frame else f"the type {dtype}"
            raise ValueError(
                f"{name} has {found}: convert dates and times to numbers, for example "
                "to days since the first date."
            )


def check_kind_of_rows(X: Any) -> None:
    """Reject types that scikit-learn's check of X would accept or not explain."""
    if hasattr(X, "collect_schema") and hasattr(X, "collect"):
        raise ValueError("X is a lazy data frame: pass X.collect().")
    if hasattr(X, "columns") and len(X.columns) == 0:
        raise ValueError("X is a data frame without columns.")
    check_is_numeric(X, "X")


def check_is_finite(X: StoredRows, *, allow_nan: bool = False) -> None:
    """Check rows that stay on disk, as scikit-learn checks arrays."""
    if get_config()["assume_finite"]:
        return
    if allow_nan and X.has_infinity:
        raise ValueError(
            f"Input X contains infinity or a value too large for {X.dtype!r}: replace "
            "such values, for example in the transform of RowsOnDisk."
        )
    if not (allow_nan or X.is_finite):
        raise ValueError(
            f"Input X contains NaN, infinity or a value too large for {X.dtype!r}: "
            "replace such values, for example in the transform of RowsOnDisk."
        )


def check_targets(estimator: Any, X: Any, y: Any) -> Any:
    """Check and return y for an X that scikit-learn does not check."""
    if y is None or isinstance(y, str):
        return y
    check_is_not_masked(y, "y")
    # One column takes the place of X, which must not be read.
    _, y = check_X_y(np.zeros((X.shape[0], 1), dtype=bool), y, estimator=estimator)
    return y


def check_same_place(
    estimator: Any, X: Any, method: str, *, called: Any = None
) -> None:
    """Check that X is on the device of the weights of a fitted estimator.

    ``called`` is the estimator whose method was called, if it is another one.
    """
    coefs = estimator.coefs_[0]
    if is_numpy(coefs) and not is_on_device(X):
        return
    place_of_X, place_of_coefs = map(_place, (X, coefs))
    if place_of_X != place_of_coefs:
        raise ValueError(
            f"Inputs passed to {type(called or estimator).__name__}.{method}() must "
            "use the same namespace and the same device as those passed to fit(). X is "
            f"an array of {place_of_X}, but coefs_ are arrays of {place_of_coefs}. "
            "Convert X, or move the estimator with "
            "sklearn.utils._array_api.move_estimator_to."
        )


def check_can_be_sparse(X: Any) -> None:
    """Check that the codes of X can be a sparse matrix."""
    if is_on_device(X) or is_on_cluster(X):
        raise ValueError(
            "sparse_output=True needs X in memory or on disk: set sparse_output=False "
            "for X on a device or on a cluster."
        )


def check_is_complete(X: Any) -> None:
    """Reject missing entries of X on a device, and say where they are allowed."""
    if dtype_of(X).kind == "f" and bool(array_namespace(X).any(X != X)):
        raise ValueError(
            "Input X contains NaN: missing_values=np.nan needs X in memory or on disk."
        )


def check_beside(X_val: Any, X: Any) -> None:
    """Check that validation rows are on the device of X, if X is on a device."""
    if (is_on_device(X_val) or is_on_device(X)) and _place(X_val) != _place(X):
        raise ValueError(
            f"X_val is an array of {_place(X_val)}, but X is an array of {_place(X)}: "
            "pass both in the same namespace and on the same device."
        )


def _place(array: Any) -> str:
    """Name the library and the device of an array."""
    if is_numpy(array) or not hasattr(array, "__dlpack__"):
        return "numpy"
    return f"{array_namespace(array).__name__} on {device_of(array)}"


def input_options(X: Any) -> dict[str, Any]:
    """Return the options for scikit-learn's check of X.

    A data frame becomes one array of floats. scikit-learn recognizes float32 only in
    pandas columns of numpy types, so this function inspects the columns itself.
    """
    dtype: Any = STORED_DTYPES
    if hasattr(X, "columns"):
        columns = {str(dtype) for dtype in X.dtypes}
        is_float32 = columns and columns <= FLOAT32_COLUMNS
        dtype = np.float32 if is_float32 else FLOAT_DTYPES
    elif isinstance(getattr(X, "dtype", None), np.dtype):
        # STORED_DTYPES have native byte order; the other order has the same precision.
        native = X.dtype.newbyteorder("=")
        if native in STORED_DTYPES:
            dtype = native
        # scipy cannot slice sparse arrays of float16.
        if issparse(X) and native == np.float16:
            dtype = np.float32
    return {"accept_sparse": "csr", "order": "C", "dtype": dtype}


def validates_parameters(method: Method) -> Method:
    """Wrap a fit as scikit-learn does, to check parameters; keep the type hints."""
    return cast(Method, _fit_context(prefer_skip_nested_validation=True)(method))


class available_if:  # noqa: N801 - a decorator, named as scikit-learn's
    """Make a method available only if the check passes.

    Unlike scikit-learn's decorator, it shows the error message of the check.
    """

    def __init__(self, check: Callable[[Any], None]) -> None:
        self._check = check

    def __call__(self, method: Method) -> Method:
        return cast(Method, _Conditional(self._check, method))


class _Conditional:
    def __init__(self, check: Callable[[Any], None], method: Any) -> None:
        self._check, self._method = check, method
        self.__doc__, self.__module__ = method.__doc__, method.__module__

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self._method
        self._check(instance)
        return MethodType(self._method, instance)


def check_sample_weight(sample_weight: Weights, X: Any) -> Array:
    """Return float64 weights of the rows of X: not negative, not all zero."""
    if sample_weight is None:
        # A view of one number.
        return np.broadcast_to(np.float64(1.0), X.shape[0])
    # One column takes the place of X, whose type scikit-learn may not know.
    X = np.zeros((X.shape[0] if hasattr(X, "shape") else len(X), 1), dtype=bool)
    sample_weight = computed(to_numpy(sample_weight))
    check_is_numeric(sample_weight, "sample_weight")
    with conversion_to_float("sample_weight"):
        weights: Array = _check_sample_weight(
            sample_weight, X, dtype=np.float64, ensure_non_negative=True
        )
    # scikit-learn does not check a single number.
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise ValueError(
            f"sample_weight={sample_weight!r} is negative or not a finite number: pass "
            "weights of 0 or more."
        )
    if not weights.any():  # pragma: no cover - scikit-learn 1.9 says so itself
        raise ValueError(
            "sample_weight is zero for every row: at least one row must count."
        )
    # Divide by a power of two, which is exact, because sums of huge weights overflow.
    return np.ldexp(weights, -np.frexp(weights.max())[1])


def check_labels(y: Any, name: str) -> Array:
    """Return labels as an array of one dimension, without NaN or infinity."""
    check_is_not_masked(y, name)
    y = column_or_1d(y)
    # scikit-learn's other checks of labels warn about NaN before they raise an error.
    assert_all_finite(y, input_name=name)
    return y


def check_supports_partial_fit(estimator: Any) -> None:
    """Check that no parameter needs all rows or the number of epochs."""
    needed = {
        "solver": "adam",
        "early_stopping": False,
        "learning_rate": "constant",
        "pseudo_label_weight": 0,
        "standardize": False,
    }
    changes = [
        f"{name}={value!r}"
        for name, value in needed.items()
        if getattr(estimator, name, value) != value
    ]
    if getattr(estimator, "class_weight", None) == "balanced":
        changes.append("class_weight as a dict or None")
    if changes:
        raise AttributeError(
            f"{type(estimator).__name__} has no partial_fit with these parameters, "
            "which need all rows or the number of epochs. Set "
            f"{', '.join(changes)}."
        )


def check_fills_missing(estimator: Any) -> None:
    """Check that an autoencoder was fitted for missing entries, or will be."""
    if not estimator._accepts_missing(trains=False):
        raise AttributeError(
            f"{type(estimator).__name__} has no impute, because X has no missing "
            "entries: set missing_values=np.nan before fit."
        )


def check_unchanged(pairs: dict[str, tuple[Any, Any]]) -> None:
    """Check that parameters have not changed since the previous fit.

    ``pairs`` maps each name to the values now and before.
    """
    for name, (now, before) in pairs.items():
        if now != before:
            raise ValueError(
                f"{name}={now!r}, but the previous fit used {before!r}: go back to "
                "this value, or call fit with warm_start=False to start over."
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
        *names, last = (cls.__name__ for cls in expected)
        listed = f"{', '.join(names)} or {last}" if names else last
        raise TypeError(
            f"Expected a fitted {listed}, got {type(estimator).__name__}. If it is "
            "inside a pipeline or a search, pass the fitted step itself."
        )
    check_is_fitted(estimator)
    coefs = vars(estimator)["coefs_"][0]
    if not is_numpy(coefs):
        raise ValueError(
            f"The weights are arrays of {_place(coefs)}: move the "
            "estimator to numpy with sklearn.utils._array_api.move_estimator_to("
            "estimator, numpy, 'cpu')."
        )
