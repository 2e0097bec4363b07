"""Rows on disk, which are read, converted and transformed on demand."""

import math
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Any, Self, TypeAlias

import numpy as np
from scipy.sparse import issparse

from .._array_api import Array, DType
from .files import (
    Positions,
    Reference,
    numpy_dtype,
    read_rows,
    reference_to,
    select,
)

# Smaller data are read into memory, where everything is faster. Mini-batches come from
# a buffer of this size, which is made of chunks that are read one after the other.
CHUNK_BYTES = 2 * 2**20
CHUNKS_IN_BUFFER = 16
BUFFER_BYTES = CHUNKS_IN_BUFFER * CHUNK_BYTES

#: A function of a block of rows that returns as many rows.
Transform: TypeAlias = Callable[[Array], Any]


class StoredRows:
    """All or some rows of an array on disk; `RowsOnDisk` wraps this class.

    Parameters
    ----------
    array, dtype, transform
        As in `RowsOnDisk`.
    is_buffered : bool
        Whether to keep as little as possible in memory and to take mini-batches from a
        buffer. If False, results are those of the same array in memory, bit for bit.
    """

    def __init__(
        self,
        array: Any,
        dtype: Any,
        transform: Transform | None = None,
        *,
        is_buffered: bool = True,
    ) -> None:
        if dtype not in ("float32", "float64", np.float32, np.float64):
            raise ValueError(
                f"dtype={dtype!r} is invalid: pass 'float32' or 'float64'."
            )
        self.dtype: DType = np.dtype(dtype)
        _check_array(array)
        if transform is not None and not callable(transform):
            raise TypeError(
                f"transform={transform!r} is not a function of a block of rows."
            )
        self.transform = transform
        self._array = array
        self._positions: Positions = range(array.shape[0])
        self.is_buffered = is_buffered
        self._value_range: tuple[float, float] | None = None
        self._has_missing = False
        self._chunks: OrderedDict[int, Array] = OrderedDict()
        self._n_columns = self._count_columns()

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and columns."""
        return len(self), self._n_columns

    @property
    def n_bytes(self) -> int:
        """Size of all rows in memory."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def is_finite(self) -> bool:
        """Whether no entry is infinite or NaN; it may read all rows."""
        if self.transform is None and numpy_dtype(self._array).kind in "biu":
            return True
        low, high = self.value_range()
        return math.isfinite(low) and math.isfinite(high) and not self._has_missing

    @property
    def has_infinity(self) -> bool:
        """Whether an entry is infinite; NaN is not."""
        return any(map(math.isinf, self.value_range()))

    def __len__(self) -> int:
        return len(self._positions)

    def take(self, rows: slice | Array) -> Self:
        """Return the rows at these positions, or where a mask is true, unread."""
        taken = object.__new__(type(self))
        vars(taken).update(vars(self))
        taken._positions = select(self._positions, rows)
        taken._value_range, taken._chunks = None, OrderedDict()
        taken._has_missing = False
        return taken

    def read(self, rows: slice | Array) -> Array:
        """Return the rows at these positions."""
        return self._load(select(self._positions, rows))

    def gathers(self, n_rows: int) -> bool:
        """Tell whether mini-batches of this size come from the buffer."""
        row_bytes = self._n_columns * self.dtype.itemsize
        return self.is_buffered and fits_buffer(n_rows * row_bytes)

    def gather(self, rows: Array) -> Array:
        """Return rows from the buffer, after reading the missing chunks into it."""
        gathered = np.empty((len(rows), self._n_columns), dtype=self.dtype)
        numbers = rows // self.chunk_rows
        for number in np.unique(numbers):
            is_here = numbers == number
            first_row = number * self.chunk_rows
            gathered[is_here] = self._chunk(int(number))[rows[is_here] - first_row]
        return gathered

    def shuffled(
        self, rows: Array | None, random_state: np.random.RandomState
    ) -> Array:
        """Shuffle these rows, or all, so that `gather` reads each chunk once.

        Return an order of the rows.
        """
        chunks = _cut_chunks(rows, len(self), self.chunk_rows)
        n_rows = len(self) if rows is None else len(rows)
        if len(chunks) <= CHUNKS_IN_BUFFER:
            return random_state.permutation(n_rows)
        order = np.empty(n_rows, dtype=np.intp)
        chunk_order = random_state.permutation(len(chunks))
        n_done = 0
        for start in range(0, len(chunks), CHUNKS_IN_BUFFER):
            chosen = chunk_order[start : start + CHUNKS_IN_BUFFER]
            buffer = np.concatenate([chunks[number] for number in chosen])
            random_state.shuffle(buffer)
            order[n_done : n_done + len(buffer)] = buffer
            n_done += len(buffer)
        return order

    @property
    def chunk_rows(self) -> int:
        """Number of rows in a chunk of the buffer."""
        return max(1, CHUNK_BYTES // (self._n_columns * self.dtype.itemsize))

    def value_range(self) -> tuple[float, float]:
        """Smallest and largest entry except NaN; computed once and cached."""
        if self._value_range is None:
            ranges = []
            for start in range(0, len(self), self.chunk_rows):
                chunk = self.read(slice(start, start + self.chunk_rows))
                low, high = chunk.min(), chunk.max()
                if np.isnan(low):
                    self._has_missing = True
                    low, high = np.fmin.reduce(chunk, None), np.fmax.reduce(chunk, None)
                ranges.append((low, high))
            lows, highs = np.array(ranges, dtype=np.float64).T
            low, high = np.fmin.reduce(lows), np.fmax.reduce(highs)
            self._value_range = float(low), float(high)
        return self._value_range

    def digest(self) -> str:
        """Return a digest of all rows."""
        what = self.shape, self.dtype, self.is_buffered
        content = blake2b(f"{what}".encode(), digest_size=16)
        for start in range(0, len(self), self.chunk_rows):
            content.update(self.read(slice(start, start + self.chunk_rows)).data)
        return content.hexdigest()

    def __getstate__(self) -> dict[str, Any]:
        state = {**vars(self), "_chunks": OrderedDict(), "_value_range": None}
        state["_array"] = reference_to(self._array)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if isinstance(self._array, Reference):
            self._array = self._array.open()

    def _chunk(self, number: int) -> Array:
        chunk = self._chunks.get(number)
        if chunk is None:
            first_row = number * self.chunk_rows
            # A copy, because a transform may reuse its memory.
            chunk = np.array(self.read(slice(first_row, first_row + self.chunk_rows)))
            self._chunks[number] = chunk
            # A mini-batch may be on the border of two buffers.
            if len(self._chunks) > 2 * CHUNKS_IN_BUFFER:
                self._chunks.popitem(last=False)
        else:
            self._chunks.move_to_end(number)
        return chunk

    def _load(self, positions: Positions) -> Array:
        block = read_rows(self._array, positions)
        # A transform may overwrite its block, which must not change the file.
        is_copied = self.transform is not None
        with np.errstate(over="ignore", invalid="ignore"):
            block = block.astype(self.dtype, order="C", copy=is_copied)
            if self.transform is None:
                return block
            rows = self._transformed(block)
        self._check_shape(block, rows)
        return rows

    def _transformed(self, block: Array) -> Array:
        assert self.transform is not None
        with np.errstate(over="ignore", invalid="ignore"):
            rows = self.transform(block)
        if issparse(rows) or np.ma.isMaskedArray(rows):
            raise TypeError(
                f"transform returned a {type(rows).__name__}: return an array of "
                "numbers, without masked entries."
            )
        rows = np.asarray(rows)
        if rows.dtype.kind not in "biuf":
            raise TypeError(
                f"transform returned an array of the type {rows.dtype}: return numbers."
            )
        return rows.astype(self.dtype, order="C", copy=False)

    def _check_shape(self, block: Array, rows: Array) -> None:
        if rows.shape != (len(block), self._n_columns):
            raise ValueError(
                f"transform returned an array of shape {rows.shape} for a block of "
                f"shape {block.shape}: return an array of shape (rows of the block, "
                "columns)."
            )

    def _count_columns(self) -> int:
        """Count the columns, after the transform of the first row."""
        shape = tuple(self._array.shape)
        if self.transform is not None and shape[0] > 0:
            first = _read_first(self._array, self.dtype)
            rows = self._transformed(first)
            self._n_columns = rows.shape[-1] if rows.ndim else 0
            self._check_shape(first, rows)
            return self._n_columns
        if len(shape) != 2:
            raise ValueError(
                f"The array has the shape {shape}, but needs 2 dimensions: reshape "
                "blocks to (rows, columns) in transform."
            )
        return int(shape[1])


def _read_first(array: Any, dtype: DType) -> Array:
    return read_rows(array, range(1)).astype(dtype)


def read_if_small(rows: StoredRows) -> Any:
    """Read rows that take no more memory than the buffer."""
    return in_memory(rows) if fits_buffer(rows.n_bytes) else rows


def in_memory(X: Any) -> Any:
    """Read rows that are on disk; return any other X itself."""
    return X.read(slice(None)) if isinstance(X, StoredRows) else X


def fits_buffer(n_bytes: int) -> bool:
    """Tell whether data of this size fit into the buffer."""
    return n_bytes <= BUFFER_BYTES


def write_rows(
    blocks: Iterable[Array], shape: tuple[int, int], dtype: DType, is_buffered: bool
) -> StoredRows:
    """Write blocks of rows to a temporary file; return the rows on disk.

    The file has no name and disappears with the last reference to it, even if the
    process is killed.
    """
    with tempfile.TemporaryFile() as file:
        for block in blocks:
            # Not with a memmap, because a full disk would kill the process.
            block.tofile(file)
        array = np.memmap(file, dtype, mode="r", shape=shape)
    return StoredRows(array, dtype, is_buffered=is_buffered)


def _check_array(array: Any) -> None:
    if issparse(array) or np.ma.isMaskedArray(array):
        raise TypeError(
            f"A {type(array).__name__} is not an array of numbers on disk: pass it "
            "directly as X."
        )
    missing = [
        name for name in ("shape", "dtype", "__getitem__") if not hasattr(array, name)
    ]
    if missing:
        raise TypeError(
            f"A {type(array).__name__} has no {', '.join(missing)}: pass an array on "
            "disk, such as numpy.memmap(path, dtype, mode='r', shape=shape)."
        )
    if len(array.shape) == 0:
        raise ValueError("The array has no rows, because its shape is ().")
    try:
        is_number = numpy_dtype(array).kind in "biuf"
    except TypeError:
        is_number = False
    if not is_number:
        raise ValueError(
            f"The array has the type {array.dtype}, but needs a numeric type that "
            "numpy has."
        )


def _cut_chunks(
    rows: Array | None, n_rows: int, chunk_rows: int
) -> list[range] | list[Array]:
    """Return the positions of the rows of each chunk, among the rows or among all."""
    if rows is None:
        starts = range(0, n_rows, chunk_rows)
        return [range(start, min(start + chunk_rows, n_rows)) for start in starts]
    numbers = rows // chunk_rows
    order = np.argsort(numbers, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1)
