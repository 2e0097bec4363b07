"""Arrays in files: reading rows at some positions, and pickles that name the file."""

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, TypeAlias

import numpy as np

from .._array_api import Array, DType

# Rows that are at most this far apart are read together.
GAP_BYTES = 64 * 2**10

# Limit of what is read together, because all of it is in memory at once.
RUN_BYTES = 2 * 2**20

#: Positions of rows: a range if they are evenly spaced, otherwise an array.
Positions: TypeAlias = range | Array


def numpy_dtype(array: Any) -> DType:
    """Return the numpy dtype of an array; tensorstore has dtypes of its own."""
    return np.dtype(getattr(array.dtype, "numpy_dtype", array.dtype))


def rows_of_key(key: Any) -> Any:
    """Return the row index of a key; scikit-learn indexes arrays with (rows, ...)."""
    if isinstance(key, tuple):
        rows, *columns = key
        if columns not in ([], [...], [slice(None)]):
            raise IndexError(
                "RowsOnDisk cannot select columns: select them in transform."
            )
        key = rows
    if isinstance(key, slice | int | np.integer):
        return key
    return np.asarray(key)


def select(positions: Positions, key: slice | Array) -> Positions:
    """Select from positions by a slice, a mask, or an array of integers."""
    if isinstance(key, slice):
        return positions[key]
    if key.dtype == bool:
        if key.shape != (len(positions),):
            raise IndexError(
                f"A mask of shape {key.shape} does not match {len(positions)} rows."
            )
        key = np.flatnonzero(key)
    elif key.ndim != 1 or (key.size and key.dtype.kind not in "iu"):
        raise IndexError("Select rows with a slice, with integers or with a mask.")
    n_rows = len(positions)
    if key.size and not -n_rows <= key.min() <= key.max() < n_rows:
        raise IndexError(f"An index is out of bounds for {n_rows} rows.")
    key = np.where(key < 0, key + n_rows, key).astype(np.intp)
    if isinstance(positions, range):
        return positions.start + positions.step * key
    return positions[key]


def read_rows(array: Any, positions: Positions) -> Array:
    """Read rows of an array that supports at least slices of rows."""
    if isinstance(positions, range):
        if positions.step == 1:
            return np.asarray(array[positions.start : positions.stop])
        positions = np.asarray(positions)
    if isinstance(array, np.ndarray):
        return np.asarray(array[positions])
    return _read_scattered(array, positions)


def _read_scattered(array: Any, positions: Array) -> Array:
    """Read rows with slices only, in ascending order, nearby rows together."""
    row_bytes = max(1, math.prod(array.shape[1:]) * numpy_dtype(array).itemsize)
    order = np.argsort(positions, kind="stable")
    rows: Array | None = None
    for run in _runs(positions[order], row_bytes):
        first, last = (int(positions[order[end]]) for end in (run.start, run.stop - 1))
        read = np.asarray(array[first : last + 1])
        if rows is None:
            rows = np.empty((len(positions), *read.shape[1:]), dtype=read.dtype)
        rows[order[run]] = read[positions[order[run]] - first]
    return np.asarray(array[0:0]) if rows is None else rows


def _runs(ascending: Array, row_bytes: int) -> Iterator[slice]:
    """Cut ascending positions at wide gaps and cut long runs."""
    start = 0
    if not len(ascending):
        return
    most_rows, most_apart = (max(1, n // row_bytes) for n in (RUN_BYTES, GAP_BYTES))
    is_far = np.append(np.diff(ascending) > most_apart, True)
    for stop in np.flatnonzero(is_far) + 1:
        while start < stop:
            end = np.searchsorted(ascending[:stop], ascending[start] + most_rows)
            yield slice(start, int(end))
            start = int(end)


@dataclass(frozen=True)
class Reference:
    """A reference to a file, which replaces an array in a pickle."""

    open: Callable[[], Any]


def reference_to(array: Any) -> Any:
    """Return a reference to the file of an array, or else the array itself."""
    if type(array).__module__.startswith("h5py.") and hasattr(array, "file"):
        path = os.path.abspath(array.file.filename)
        return Reference(partial(_open_dataset, path, array.name))
    if not isinstance(array, np.ndarray):
        return array
    memmap = _memmap_below(array)
    if memmap is None:
        return array
    if memmap.filename is None:
        raise TypeError("Rows in a file without a name cannot be pickled.")
    if memmap.mode == "c":
        raise TypeError(
            "A memmap of mode 'c' cannot be pickled, because its file does not contain "
            "the changes: open it with mode 'r'."
        )
    first_byte = array.__array_interface__["data"][0]
    offset = memmap.offset + first_byte - memmap.__array_interface__["data"][0]
    layout = array.shape, array.dtype, offset, array.strides
    return Reference(partial(_open_memmap, str(memmap.filename), *layout))


def _memmap_below(array: Any) -> Any:
    """Return the memmap of which an array is a view, or None."""
    found = None
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap):
            found = array
        array = array.base
    return found


def _open_memmap(
    path: str,
    shape: tuple[int, ...],
    dtype: DType,
    offset: int,
    strides: tuple[int, ...],
) -> Array:
    file = np.memmap(path, np.uint8, mode="r")
    return np.ndarray(shape, dtype, buffer=file, offset=offset, strides=strides)


def _open_dataset(path: str, name: str) -> Any:
    h5py = import_module("h5py")
    return h5py.File(path, "r")[name]
