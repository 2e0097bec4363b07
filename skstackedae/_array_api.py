"""The array type of the numerical code, and the namespace of its operations."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: The kernels take any array that follows the Python array API standard; today all
#: arrays are numpy arrays.
Array: TypeAlias = NDArray[Any]
DType: TypeAlias = np.dtype[Any]
Weights: TypeAlias = ArrayLike | None


def array_namespace(array: Array) -> Any:
    """Return the array API namespace of an array; numpy if the array has none."""
    # numpy arrays have a namespace from numpy 2 on.
    if hasattr(array, "__array_namespace__"):
        return array.__array_namespace__()
    return np
