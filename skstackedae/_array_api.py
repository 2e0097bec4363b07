"""The array type of the numerical code, and operations on arrays of every library.

Arrays belong to numpy, or to another library that follows the Python array API standard
[1]_ and may keep them on a device. Only this module depends on particular libraries and
on scikit-learn's tools for them.

References
----------
.. [1] https://data-apis.org/array-api/latest
"""

from functools import cache
from importlib import import_module
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import get_config

#: The kernels take any array that follows the Python array API standard.
Array: TypeAlias = NDArray[Any]
DType: TypeAlias = np.dtype[Any]
Weights: TypeAlias = ArrayLike | None

# Their arrays do not follow the standard to the letter; array_api_compat helps.
INCOMPLETE_LIBRARIES = ("torch", "cupy")


def is_numpy(array: Any) -> bool:
    """Tell whether an array is a numpy array."""
    return isinstance(array, np.ndarray)


def array_namespace(array: Any) -> Any:
    """Return the array API namespace of an array; numpy if the array has none."""
    if is_numpy(array):
        return np
    kind: Any = type(array)
    return _namespace_of_type(kind) or array.__array_namespace__()


@cache
def _namespace_of_type(kind: Any) -> Any:
    library = kind.__module__.partition(".")[0]
    if library in INCOMPLETE_LIBRARIES:
        return import_module(f"{_compat().__name__}.{library}")
    return None if hasattr(kind, "__array_namespace__") else np


@cache
def _compat() -> Any:
    """Return array_api_compat: scikit-learn's copy, or the package itself."""
    try:
        return import_module("sklearn.externals.array_api_compat")
    except ImportError:  # pragma: no cover - before scikit-learn 1.7
        return import_module("array_api_compat")


def is_on_device(array: Any) -> bool:
    """Tell whether computations on an array must run on its own device.

    This holds for arrays of libraries other than numpy, if scikit-learn's configuration
    has array_api_dispatch=True.
    """
    if is_numpy(array) or not get_config().get("array_api_dispatch"):
        return False
    kind: Any = type(array)
    is_array = _namespace_of_type(kind) is not np
    return is_array and hasattr(array, "shape")


def device_of(array: Any) -> Any:
    """Return the device of an array."""
    return None if is_numpy(array) else _compat().device(array)


def to_numpy(array: Any) -> Any:
    """Copy an array of any library to memory; return other objects unchanged."""
    if is_numpy(array) or not hasattr(array, "__dlpack__"):
        return array
    library = type(array).__module__.partition(".")[0]
    if library == "torch":
        return array.detach().cpu().numpy()
    if library == "cupy":  # pragma: no cover - needs a GPU
        return array.get()
    if library == "array_api_strict":  # pragma: no branch - the only other one here
        xp = array_namespace(array)
        array = xp.asarray(array, device=xp.Device("CPU_DEVICE"))
    return np.asarray(array)


def array_like(values: Any, array: Any, dtype: Any = None) -> Any:
    """Copy numpy values to the library and the device of another array."""
    if is_numpy(array):
        return np.array(values, dtype=dtype)
    xp = array_namespace(array)
    values = np.ascontiguousarray(values)
    dtype = getattr(xp, np.dtype(dtype or values.dtype).name)
    return xp.asarray(values, dtype=dtype, device=device_of(array), copy=True)


def cast(array: Any, dtype: Any) -> Any:
    """Return an array with this numpy dtype, without a copy if it already has it."""
    if isinstance(array, np.generic) or is_numpy(array):
        return array.astype(dtype, copy=False)
    xp = array_namespace(array)
    return xp.astype(array, getattr(xp, np.dtype(dtype).name), copy=False)


def dtype_of(array: Any) -> DType:
    """Return the numpy dtype of an array."""
    if isinstance(array.dtype, np.dtype):
        return array.dtype
    return np.dtype(str(array.dtype).rpartition(".")[2])


def check_on_device(X: Any) -> Any:
    """Check that the device of X can compute the sums; return X without its graph.

    A PyTorch tensor may record operations for gradients, which are not needed here.
    """
    if getattr(X, "is_sparse", False) or getattr(X, "is_sparse_csr", False):
        raise ValueError(
            "X is a sparse tensor: pass X.to_dense(), or a sparse matrix of scipy."
        )
    try:
        is_number = dtype_of(X).kind in "biuf"
    except TypeError:
        is_number = False
    if not is_number:
        raise ValueError(
            f"X has the type {X.dtype}: convert it to float32 or float64. Complex data "
            "not supported."
        )
    xp = array_namespace(X)
    types = xp.__array_namespace_info__().dtypes(device=device_of(X))
    if "float64" not in types:
        raise ValueError(
            f"The device of X, {device_of(X)}, does not support float64, which sums "
            "need: move X to another device."
        )
    return X.detach() if hasattr(X, "detach") else X


def is_beside(array: Any, other: Any) -> bool:
    """Tell whether two arrays have the same library and device."""
    if is_numpy(array) or is_numpy(other):
        return is_numpy(array) and is_numpy(other)
    same_library = array_namespace(array) is array_namespace(other)
    return same_library and device_of(array) == device_of(other)


def copied(array: Array) -> Array:
    """Return a contiguous copy of an array."""
    if is_numpy(array):
        # numpy's asarray copies from numpy 2 on.
        return array.copy()
    return array_namespace(array).asarray(array, copy=True)


def kth_largest(array: Any, k: int) -> Any:
    """Return the k-th largest value of each row of a matrix, as a column.

    The array API standard knows only complete sorting.
    """
    position = array.shape[1] - k
    library = type(array).__module__.partition(".")[0]
    if library == "torch":
        return array.topk(k, dim=1, sorted=True).values[:, -1:]
    if library in ("numpy", "cupy"):
        xp = array_namespace(array)
        return xp.partition(array, position, axis=1)[:, position : position + 1]
    return array_namespace(array).sort(array, axis=1)[:, position : position + 1]


def native_logistic(array: Any) -> Any:
    """Return 1 / (1 + exp(-array)) if the library has a function for it, else None.

    One operation on a device takes less time than five.
    """
    library = type(array).__module__.partition(".")[0]
    return array.sigmoid() if library == "torch" else None


def arange_like(n: int, array: Array) -> Array:
    """Return 0, ..., n - 1 on the device of an array."""
    if is_numpy(array):
        return np.arange(n)
    return array_namespace(array).arange(n, device=device_of(array))


@cache
def compute_dtype(dtype: DType) -> DType:
    """Return the precision of computations on data of this type.

    It is float32 for float32 and for types that float32 represents exactly (bool,
    float16, integers of up to 16 bits), and float64 for all others.
    """
    return np.dtype(np.float32 if np.can_cast(dtype, np.float32) else np.float64)
