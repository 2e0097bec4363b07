"""The array type of the numerical code, and where an array's operations come from."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

#: In the kernels any array that follows the Python array API standard; today numpy's.
Array: TypeAlias = NDArray[Any]


def array_namespace(array: Array) -> Any:
    """Return the array API namespace of an array: numpy where an array names none."""
    # numpy names itself from version 2 on; older arrays know no namespace.
    if hasattr(array, "__array_namespace__"):
        return array.__array_namespace__()
    return np
