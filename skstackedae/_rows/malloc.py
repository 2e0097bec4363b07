"""Makes malloc keep freed memory for the next temporaries.

glibc's malloc returns freed memory to the system if it is more than twice the size of
the largest array that was ever freed. The system then has to zero the memory again,
which took a tenth of a float64 fit of 784-200. Each thread that allocates may keep
twice KEPT_BYTES.

Limits that the environment sets stay fixed instead. Dask sets a low limit for its
workers, with which kernels took twice as long.
"""

import ctypes
import os
import platform
from collections.abc import Iterator
from functools import cache

import numpy as np

KEPT_BYTES = 8 * 2**20

# The limits by their environment variables, their names among GLIBC_TUNABLES and their
# numbers for mallopt: memory that stays at the end of the heap, and the least size of
# an array that gets memory of its own.
VARIABLES = {"MALLOC_TRIM_THRESHOLD_": "trim", "MALLOC_MMAP_THRESHOLD_": "mmap"}
TUNABLES = {
    "glibc.malloc.trim_threshold": "trim",
    "glibc.malloc.mmap_threshold": "mmap",
}
MALLOPT = {"trim": -1, "mmap": -3}
WANTED = {"trim": 2 * KEPT_BYTES, "mmap": KEPT_BYTES}


@cache
def keep_freed_memory() -> None:
    """Raise the limits of malloc, once per process."""
    np.empty(KEPT_BYTES, dtype=np.uint8)
    given = dict(_given_limits())
    is_low = any(limit < WANTED[name] for name, limit in given.items())
    if is_low and platform.libc_ver()[0] == "glibc":
        mallopt = ctypes.CDLL(None).mallopt
        for name, wanted in WANTED.items():
            mallopt(MALLOPT[name], max(wanted, given.get(name, 0)))


def _given_limits() -> Iterator[tuple[str, int]]:
    """Return the limits that the environment sets, in bytes."""
    tunables = os.environ.get("GLIBC_TUNABLES", "").split(":")
    settings = [tunable.partition("=")[::2] for tunable in tunables]
    settings += os.environ.items()
    for variable, value in settings:
        name = (VARIABLES | TUNABLES).get(variable)
        if name is not None:
            yield name, _number(value)


def _number(text: str) -> int:
    try:
        return int(text, base=0)
    except ValueError:
        # glibc also reads it as 0.
        return 0
