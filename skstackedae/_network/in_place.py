"""Functions that overwrite their argument if it is a numpy array.

The array API standard has in-place operators (``A *= B``), but no in-place functions:
for other libraries, the result gets new memory. Numpy's temporaries stay in the cache.
"""

import numpy as np

from .._array_api import Array, array_namespace


def exp(Z: Array) -> Array:
    """Return exp(Z)."""
    xp = array_namespace(Z)
    return xp.exp(Z, out=Z) if xp is np else xp.exp(Z)


def tanh(Z: Array) -> Array:
    """Return tanh(Z)."""
    xp = array_namespace(Z)
    return xp.tanh(Z, out=Z) if xp is np else xp.tanh(Z)


def reciprocal(Z: Array) -> Array:
    """Return 1 / Z."""
    xp = array_namespace(Z)
    # numpy's own reciprocal is slower than a division.
    return xp.divide(1.0, Z, out=Z) if xp is np else 1.0 / Z


def divide(A: Array, B: Array) -> Array:
    """Return A / B, written over B."""
    xp = array_namespace(B)
    return xp.divide(A, B, out=B) if xp is np else A / B


def complement(A: Array) -> Array:
    """Return 1 - A."""
    xp = array_namespace(A)
    return xp.subtract(1.0, A, out=A) if xp is np else 1.0 - A
