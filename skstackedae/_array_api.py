"""The array type of the numerical code, and the namespace of its operations."""

from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: The kernels take any array that follows the Python array API standard; today all
#: arrays are numpy arrays.
Array: TypeAlias = NDArray[Any]
DType: TypeAlias = np.dtype[Any]
Weights: TypeAlias = ArrayLike | None


def copied(array: Array) -> Array:
    """Return a copy of an array, which is contiguous."""
    xp = array_namespace(array)
    # numpy's asarray copies from numpy 2 on.
    return array.copy() if xp is np else xp.asarray(array, copy=True)


def array_namespace(array: Array) -> Any:
    """Return the array API namespace of an array; numpy if the array has none."""
    # numpy arrays have a namespace from numpy 2 on.
    if hasattr(array, "__array_namespace__"):
        return array.__array_namespace__()
    return np


@cache
def compute_dtype(dtype: DType) -> DType:
    """Return the precision of computations on data of this type.

    It is float32 for float32 and for types that float32 holds exactly (bool, float16,
    integers of up to 16 bits), and float64 for all others.
    """
    return np.dtype(np.float32 if np.can_cast(dtype, np.float32) else np.float64)
