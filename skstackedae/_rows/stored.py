"""Rows on disk: read, converted and transformed where they are needed."""

import math
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Any, Self, TypeAlias

import numpy as np

from .._array_api import Array, DType
from .files import Positions, Reference, read_rows, reference_to, select

# Smaller data are read into memory, where everything is faster. Mini-batches come from
# a buffer of this size, which is made of chunks that are read one after the other.
CHUNK_BYTES = 2 * 2**20
CHUNKS_IN_BUFFER = 16
BUFFER_BYTES = CHUNKS_IN_BUFFER * CHUNK_BYTES

#: A function of a block of rows that returns as many rows.
Transform: TypeAlias = Callable[[Array], Any]


class StoredRows:
    """Rows of an array on disk, or of some of its positions; what `RowsOnDisk` wraps.

    Parameters
    ----------
    array, dtype, transform
        As those of `RowsOnDisk`.
    is_buffered : bool
        Whether as little as possible is kept in memory, and mini-batches come from a
        buffer. Else, results are those of the same array in memory, bit for bit.
    """

    def __init__(
        self,
        array: Any,
        dtype: Any,
        transform: Transform | None = None,
        *,
        is_buffered: bool = True,
    ) -> None:
        self.dtype: DType = np.dtype(dtype)
        if self.dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
            raise ValueError(f"dtype={dtype!r}: choose 'float32' or 'float64'.")
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
        self._chunks: OrderedDict[int, Array] = OrderedDict()
        first = self._load(range(min(1, len(self))))
        if first.ndim != 2:
            raise ValueError(
                f"The array has the shape {tuple(array.shape)}, but 2 dimensions are "
                "needed: let transform bring blocks to the shape (rows, columns)."
            )
        self._n_columns = first.shape[1]

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
        if self.transform is None and self._array.dtype.kind in "biu":
            return True
        return all(map(math.isfinite, self.value_range()))

    def __len__(self) -> int:
        return len(self._positions)

    def take(self, rows: slice | Array) -> Self:
        """Return the rows at these positions, or where a mask is true, unread."""
        taken = object.__new__(type(self))
        vars(taken).update(vars(self))
        taken._positions = select(self._positions, rows)
        taken._value_range, taken._chunks = None, OrderedDict()
        return taken

    def read(self, rows: slice | Array) -> Array:
        """Return the rows at these positions."""
        return self._load(select(self._positions, rows))

    def gather(self, rows: Array) -> Array:
        """Return rows from the buffer, into which it reads the chunks that lack."""
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
        """Least and largest entry, of which NaN is both; read once and remembered."""
        if self._value_range is None:
            ranges = []
            for start in range(0, len(self), self.chunk_rows):
                chunk = self.read(slice(start, start + self.chunk_rows))
                ranges.append((chunk.min(), chunk.max()))
            lows, highs = np.array(ranges, dtype=np.float64).T
            self._value_range = float(lows.min()), float(highs.max())
        return self._value_range

    def digest(self) -> str:
        """Return a digest of all rows."""
        content = blake2b(f"{self.shape} {self.dtype}".encode(), digest_size=16)
        for start in range(0, len(self), self.chunk_rows):
            content.update(self.read(slice(start, start + self.chunk_rows)).data)
        return content.hexdigest()

    def __getstate__(self) -> dict[str, Any]:
        state = {**vars(self), "_chunks": OrderedDict()}
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
            chunk = self.read(slice(first_row, first_row + self.chunk_rows))
            self._chunks[number] = chunk
            # A mini-batch may be on the border of two buffers.
            if len(self._chunks) > 2 * CHUNKS_IN_BUFFER:
                self._chunks.popitem(last=False)
        else:
            self._chunks.move_to_end(number)
        return chunk

    def _load(self, positions: Positions) -> Array:
        block = read_rows(self._array, positions)
        # A transform may write over its block, which must not change the file.
        is_copied = self.transform is not None
        with np.errstate(over="ignore", invalid="ignore"):
            block = block.astype(self.dtype, order="C", copy=is_copied)
            return block if self.transform is None else self._transformed(block)

    def _transformed(self, block: Array) -> Array:
        assert self.transform is not None
        rows = np.asarray(self.transform(block))
        n_columns = getattr(self, "_n_columns", rows.shape[-1] if rows.ndim else 0)
        if rows.shape != (len(block), n_columns):
            raise ValueError(
                f"transform returned an array of shape {rows.shape} for a block of "
                f"shape {block.shape}: return an array of shape (rows of the block, "
                "columns)."
            )
        return rows.astype(self.dtype, order="C", copy=False)


def read_if_small(rows: StoredRows) -> Any:
    """Read rows that take no more memory than the buffer."""
    return in_memory(rows) if fits_buffer(rows.n_bytes) else rows


def in_memory(X: Any) -> Any:
    """Read rows that are on disk; return any other X itself."""
    return X.read(slice(None)) if isinstance(X, StoredRows) else X


def fits_buffer(n_bytes: int) -> bool:
    """Tell whether data of this size are small."""
    return n_bytes <= BUFFER_BYTES


def write_rows(
    blocks: Iterable[Array], shape: tuple[int, int], like: StoredRows
) -> StoredRows:
    """Write blocks of rows to a temporary file; return the rows on disk.

    The file has no name and vanishes with the last reference to it, also when the
    process is killed.
    """
    with tempfile.TemporaryFile() as file:
        for block in blocks:
            # Not by a memmap, in which a full disk would kill the process.
            block.tofile(file)
        array = np.memmap(file, like.dtype, mode="r", shape=shape)
    return StoredRows(array, like.dtype, is_buffered=like.is_buffered)


def _check_array(array: Any) -> None:
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
    kind = np.dtype(array.dtype).kind
    if kind not in "biuf":
        raise ValueError(f"The array has the type {array.dtype}: numbers are needed.")


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
