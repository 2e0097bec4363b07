"""Rows cut into blocks, whose results are summed in a fixed order.

The cut and the order depend only on the data, so results are the same, bit for bit, for
every number of threads.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import chain, pairwise
from typing import Any, Self, TypeAlias

import numpy as np
from scipy.sparse import issparse
from sklearn import get_config

from .._array_api import Array, DType, compute_dtype
from .noise import Corruption
from .stored import StoredRows, fits_buffer, in_memory, read_if_small, write_rows
from .threads import Threads

# Size of a block in all layers together, small enough to stay near the cache of a core.
BLOCK_BYTES = 4 * 2**20

# Wide networks get at least this many rows a block: matrix products with fewer rows
# are slower (784-200: by a tenth with 100 rows, by a quarter with 64).
MIN_BLOCK_ROWS = 256

# Small data and mini-batches are cut finer, into up to FEW_BLOCKS blocks, so that they
# too keep several cores busy. A block needs enough work to be worth the hand-off to a
# thread: on virtual machines it wakes a core and takes up to half a millisecond.
FEW_BLOCKS = 4
SPLIT_BYTES = 2**20
MIN_SPLIT_ROWS = 100

# Runs of this many blocks are summed in the precision of X, and the sums of the runs in
# float64. Adding the float32 gradients of a wide layer to float64 after each block
# would take a twentieth of an evaluation.
RUN_LENGTH = 8

# Many runs keep many cores busy: with enough blocks there are at least this many runs.
MIN_RUNS = 32


#: A pure function (X, y, w, ...) -> tuple of arrays and numbers, of dense arrays.
Kernel: TypeAlias = Callable[..., Any]

#: A pure function (batch number, first row, number of rows) -> random numbers of rows.
Draw: TypeAlias = Callable[[int, int, int], Any]
BlockCall: TypeAlias = Callable[[], Any]


@dataclass(frozen=True)
class RowsInBlocks:
    """Rows of an array, a CSR matrix or a file, on which kernels run block by block.

    Parameters
    ----------
    X : ndarray, CSR matrix or StoredRows of shape (n_rows, n_features)
        The stored data; a kernel gets its rows dense and in `dtype`.
    y : ndarray of shape (n_rows,) or None
        Targets; None if the rows are their own targets.
    weights : ndarray of shape (n_rows,) or None
        Weights of the rows; equal weights may be a view of one number.
    dtype : dtype
        Precision of the computation.
    threads : Threads or None
        Threads that run the blocks; None for the calling thread.
    row_width : int or None
        Number of entries that one row has in all layers together; None for X alone.
    block_rows : int or None
        Rows in a block; None chooses by `row_width`.
    noise : Corruption or None
        Noise in the kernels' X.
    indices : ndarray of int or None
        Rows of a view or of a mini-batch; None for all rows.
    batch_number : int
        Number of the mini-batch; 0 for all rows.
    weight_factor : float
        Factor of the weights, by which a mini-batch stands for all rows.
    """

    X: Any
    y: Array | None
    weights: Any
    dtype: DType
    threads: Threads | None = None
    row_width: int | None = None
    block_rows: int | None = None
    noise: Corruption | None = None
    indices: Array | None = None
    batch_number: int = 0
    weight_factor: float = 1.0

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.X.shape[0]) if self.indices is None else len(self.indices)

    @property
    def n_features(self) -> int:
        """Number of columns of X."""
        return int(self.X.shape[1])

    @cached_property
    def slices(self) -> list[slice]:
        """The blocks."""
        if self.block_rows is not None:
            return _cut(self.n_rows, -(-self.n_rows // self.block_rows))
        row_width = self.row_width or self.n_features
        return cut_rows(self.n_rows, row_width * self.dtype.itemsize)

    def sum(
        self, kernel: Kernel, *args: Any, kept: Any = None, draw: Draw | None = None
    ) -> list[Any]:
        """Sum the kernel's tuple over all rows, in a fixed order.

        A few blocks are added in the precision of X, runs of blocks in float64.
        """
        calls = self._calls(kernel, args, kept, draw)
        runs = [calls[run] for run in cut_runs(len(calls))]
        results = self._run([partial(_sum_of_run, run) for run in runs])
        if len(calls) <= RUN_LENGTH:
            return _without_fp_warnings(_accumulate, results)
        totals = [np.array(part, dtype=np.float64) for part in next(results)]
        for parts in results:
            for total, part in zip(totals, parts, strict=True):
                total += part
        return totals

    def keep(self, kernel: Kernel, *args: Any) -> tuple[Any, list[Array]]:
        """Keep the kernel's first result of each block; sum the others as float64."""
        results = self._run_quietly(self._calls(kernel, args))
        kept, *columns = zip(*results, strict=True)
        return kept, [_sum_as_float64(column) for column in columns]

    def map(self, function: Callable[..., Array], *args: Any) -> Array:
        """Return function(X, *args) for all rows, stacked in their order."""
        return self._stack(self._map_blocks(function, args))

    def propagate(self, function: Callable[..., Array], *args: Any) -> Self:
        """Return the rows with function(X, *args) in the place of X."""
        y, weights = self.y, self.weights
        if self.indices is not None:
            y = None if y is None else y[self.indices]
            weights = weights[self.indices]
        blocks = self._map_blocks(function, args)
        first = next(blocks)
        blocks = chain([first], blocks)
        is_small = self.can_keep(self.n_rows * first[0].nbytes)
        X: Any = None
        if isinstance(self.X, StoredRows) and not is_small:
            X = write_rows(blocks, (self.n_rows, first.shape[1]), self.X)
        else:
            X = self._stack(blocks)
        return replace(self, X=X, y=y, weights=weights, row_width=None, indices=None)

    def batch(self, indices: Array, number: int) -> Self:
        """Return the rows of a mini-batch, weighted so that they stand for all rows."""
        factor = self.n_rows / len(indices)
        if self.indices is not None:
            indices = self.indices[indices]
        if isinstance(self.X, StoredRows) and self.X.is_buffered:
            return replace(
                self,
                X=self.X.gather(indices),
                y=None if self.y is None else self.y[indices],
                weights=as_one_number(self.weights[indices]),
                indices=None,
                batch_number=number,
                weight_factor=factor,
            )
        # Not by replace, which takes three times as long: there are many mini-batches.
        return type(self)(
            *(self.X, self.y, self.weights, self.dtype, self.threads),
            *(self.row_width, self.block_rows, self.noise, indices),
            *(number, factor),
        )

    def permutation(self, random_state: np.random.RandomState) -> Array:
        """Return the rows in a random order, for mini-batches."""
        if isinstance(self.X, StoredRows) and self.X.is_buffered:
            return self.X.shuffled(self.indices, random_state)
        return random_state.permutation(self.n_rows)

    def can_keep(self, n_bytes: int) -> bool:
        """Tell whether results of all rows, of this size, may be kept in memory."""
        if isinstance(self.X, StoredRows) and self.X.is_buffered:
            return fits_buffer(n_bytes)
        return bool(n_bytes <= get_config()["working_memory"] * 2**20)

    def key(self) -> Any:
        """Return what determines X, for caches."""
        return self.X.digest() if isinstance(self.X, StoredRows) else self.X

    def cut_for(self, row_width: int) -> Self:
        """Return the rows cut for a network with this many units, inputs included."""
        return replace(self, row_width=row_width)

    def with_noise(self, noise: Corruption | None) -> Self:
        """Return the rows with other noise in their X."""
        return replace(self, noise=noise)

    def with_targets(self, y: Array | None, weights: Any) -> Self:
        """Return the rows with other targets and weights."""
        return replace(self, y=y, weights=weights)

    def take(self, indices: Array) -> Self:
        """Return the rows at these positions, or where a mask is true."""
        y = None if self.y is None else self.y[indices]
        X = take(self.X, indices)
        return replace(self, X=X, y=y, weights=self.weights[indices])

    def view(self, indices: Array) -> Self:
        """Return the rows at these positions without a copy, for mini-batches."""
        if self.indices is not None:
            indices = self.indices[indices]
        return replace(self, indices=indices)

    def value_range(self) -> tuple[float, float]:
        """Least and largest entry of X, of all stored rows also in a view."""
        if isinstance(self.X, StoredRows):
            return self.X.value_range()
        return float(self.X.min()), float(self.X.max())

    def load(self, cut: slice) -> tuple[Array, Any, Any]:
        """Return X, y and w of a block, as a kernel gets them."""
        rows = cut if self.indices is None else self.indices[cut]
        X = read(self.X, rows, self.dtype)
        y = X if self.y is None else self.y[rows]
        if self.noise is not None:
            X = self.noise.apply(X, self.batch_number, cut.start)
        return X, y, self._load_weights(rows, len(X))

    def _map_blocks(
        self, function: Callable[..., Array], args: Sequence[Any]
    ) -> Iterator[Array]:
        return self._run_quietly(self._calls(lambda X, y, w: function(X, *args), ()))

    def _stack(self, blocks: Iterator[Array]) -> Array:
        first = next(blocks)
        if len(self.slices) == 1:
            return first
        stacked = np.empty((self.n_rows, *first.shape[1:]), dtype=first.dtype)
        for cut, rows in zip(self.slices, chain([first], blocks), strict=True):
            stacked[cut] = rows
        return stacked

    def _load_weights(self, rows: slice | Array, n_rows: int) -> Any:
        if self.weights is None:
            return None
        factor = self.weights.dtype.type(self.weight_factor)
        if is_one_number(self.weights):
            return np.broadcast_to(self.weights[0] * factor, n_rows)
        weights = self.weights[rows]
        return weights if self.weight_factor == 1 else weights * factor

    def _calls(
        self,
        kernel: Kernel,
        args: tuple[Any, ...],
        kept: Any = None,
        draw: Draw | None = None,
    ) -> list[BlockCall]:
        """Bind the kernel to each block, which is loaded when the call is made."""

        def call(cut: slice, *item: Any) -> Any:
            given = (*self.load(cut), *item, *args)
            if draw is None:
                return kernel(*given)
            drawn = draw(self.batch_number, cut.start, cut.stop - cut.start)
            return kernel(*given, drawn)

        columns = [self.slices] if kept is None else [self.slices, kept]
        return [partial(call, *items) for items in zip(*columns, strict=True)]

    def _run_quietly(self, tasks: Sequence[BlockCall]) -> Iterator[Any]:
        return self._run([partial(_without_fp_warnings, task) for task in tasks])

    def _run(self, tasks: Sequence[BlockCall]) -> Iterator[Any]:
        if self.threads is None:
            return (task() for task in tasks)
        return self.threads.run(tasks)


def as_one_number(weights: Array) -> Array:
    """Return weights that are all equal as a view of one number."""
    is_equal = bool((weights == weights[0]).all())
    return np.broadcast_to(weights[0], weights.shape) if is_equal else weights


def is_one_number(weights: Array) -> bool:
    """Tell whether weights are a view of one number."""
    return weights.strides == (0,)


def read(X: Any, rows: slice | Array, dtype: DType) -> Array:
    """Return some rows dense and in this precision, without a copy if they are so."""
    block = X.read(rows) if isinstance(X, StoredRows) else dense(X[rows])
    return block.astype(dtype, copy=False)


def take(X: Any, rows: Array) -> Any:
    """Return some rows of X, unread if they are on disk and many."""
    return read_if_small(X.take(rows)) if isinstance(X, StoredRows) else X[rows]


def dense(X: Any) -> Array:
    """Return an array of rows that may be sparse or on disk."""
    return X.toarray() if issparse(X) else in_memory(X)


def cut_rows(n_rows: int, row_bytes: int) -> list[slice]:
    """Cut rows into nearly equal blocks of about BLOCK_BYTES, few rows finer."""
    block_rows = max(MIN_BLOCK_ROWS, BLOCK_BYTES // row_bytes)
    finer = max(MIN_SPLIT_ROWS, SPLIT_BYTES // row_bytes)
    n_blocks = max(-(-n_rows // block_rows), min(FEW_BLOCKS, n_rows // finer))
    return _cut(n_rows, n_blocks)


def cut_runs(n_blocks: int) -> list[slice]:
    """Cut blocks into runs of up to RUN_LENGTH, but into enough runs for many cores."""
    run_length = min(RUN_LENGTH, max(1, n_blocks // MIN_RUNS))
    return _cut(n_blocks, -(-n_blocks // run_length))


def _cut(n: int, n_parts: int) -> list[slice]:
    bounds = [n * i // n_parts for i in range(n_parts + 1)]
    return [slice(*pair) for pair in pairwise(bounds)]


def _without_fp_warnings(function: Callable[..., Any], *args: Any) -> Any:
    # Solvers raise an error of their own for values that are not finite. The state is
    # set here, because threads do not inherit numpy's error state.
    with np.errstate(all="ignore"):
        return function(*args)


def _sum_of_run(calls: Sequence[Callable[[], Sequence[Any]]]) -> list[Any]:
    return _without_fp_warnings(_accumulate, (call() for call in calls))


def _accumulate(results: Iterator[Sequence[Any]]) -> list[Any]:
    totals = list(next(results))
    for parts in results:
        for position, part in enumerate(parts):
            totals[position] += part
    return totals


def _sum_as_float64(parts: Sequence[Any]) -> Array:
    total = np.array(parts[0], dtype=np.float64)
    for part in parts[1:]:
        total += part
    return total


def map_rows(
    function: Callable[..., Array],
    X: Any,
    *args: Any,
    row_width: int,
    n_jobs: int | None,
) -> Array:
    """Apply a function to the rows of X outside a fit; one block needs no threads."""
    dtype = compute_dtype(X.dtype)
    if len(cut_rows(X.shape[0], row_width * dtype.itemsize)) == 1:
        X = read(X, slice(None), dtype)
        return _without_fp_warnings(function, X, *args)
    with closing(Threads(n_jobs)) as threads, threads:
        rows = RowsInBlocks(X, None, None, dtype, threads, row_width)
        return rows.map(function, *args)
