"""Rows cut into blocks, whose results are summed in a fixed order.

The cut and the order depend only on the data, so results are the same, bit for bit, for
every number of threads.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import chain, pairwise
from typing import Any, Self, TypeAlias

import numpy as np
from scipy.sparse import issparse, vstack
from sklearn import get_config

from .._array_api import Array, DType, to_numpy
from .selection import SelectedRows
from .stored import StoredRows, fits_buffer, in_memory, read_if_small, write_rows
from .threads import Threads

# Size of a block in all layers together, small enough to stay near the cache of a core.
BLOCK_BYTES = 4 * 2**20

# Wide networks get at least this many rows per block: matrix products with fewer rows
# are slower (784-200: by a tenth with 100 rows, by a quarter with 64).
MIN_BLOCK_ROWS = 256

# Small data and mini-batches are cut finer, into up to FEW_BLOCKS blocks, so that they
# keep several cores busy, too. A block needs enough work to be worth the hand-off to a
# thread, which on virtual machines wakes a core and takes up to half a millisecond.
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
class RowsInBlocks(SelectedRows):
    """Rows of an array, a CSR matrix or a file, on which kernels run block by block.

    Parameters
    ----------
    threads : Threads or None
        Threads that run the blocks; None for the calling thread.
    block_rows : int or None
        Rows in a block; None chooses by `row_width`.
    min_runs : int
        Minimum number of runs of blocks, which are summed in parallel.
    """

    threads: Threads | None = None
    block_rows: int | None = None
    min_runs: int = MIN_RUNS

    has_canonical_form = True
    has_batches = True

    def __sizeof__(self) -> int:
        # Dask decides by this size what it moves between workers.
        return object.__sizeof__(self) + int(getattr(self.X, "nbytes", 0))

    @cached_property
    def slices(self) -> list[slice]:
        """The blocks."""
        if self.block_rows is not None:
            return cut_evenly(self.n_rows, -(-self.n_rows // self.block_rows))
        row_width = self.row_width or self.n_features
        return cut_rows(self.n_rows, row_width * self.dtype.itemsize)

    def place(self, values: Array) -> Array:
        """Return an array in the precision of the computation."""
        return to_numpy(values).astype(self.dtype, copy=False)

    def sum(
        self, kernel: Kernel, *args: Any, kept: Any = None, draw: Draw | None = None
    ) -> list[Any]:
        """Sum the kernel's tuple over all rows, in a fixed order.

        A few blocks are added in the precision of X, runs of blocks in float64.
        """
        calls = self._calls(kernel, args, kept, draw)
        runs = [calls[run] for run in cut_runs(len(calls), self.min_runs)]
        results = self._run([partial(_sum_of_run, run) for run in runs])
        if len(calls) <= RUN_LENGTH:
            return without_fp_warnings(_accumulate, results)
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
        """Return the rows with function(X, *args) in place of X."""
        blocks = self._map_blocks(function, args)
        first = next(blocks)
        blocks = chain([first], blocks)
        is_small = self.can_keep(self.n_rows * first[0].nbytes)
        if isinstance(self.X, StoredRows) and not is_small:
            shape = self.n_rows, first.shape[1]
            written = write_rows(blocks, shape, self.dtype, self.X.is_buffered)
            return self._with_data(written)
        return self._with_data(self._stack(blocks))

    def batch(self, indices: Array, number: int) -> Self:
        """Return the rows of a mini-batch, weighted to represent all rows."""
        X, y, weights = self.X, self.y, self.weights
        factor = self.n_rows / len(indices)
        positions = self._stored_positions(indices)
        selected: Array | None = positions
        if isinstance(X, StoredRows) and X.gathers(len(indices)):
            X, selected = X.gather(positions), None
            y = None if y is None else y[positions]
            weights = as_one_number(weights[positions])
        # Not with replace, which takes three times as long: there are many batches.
        return type(self)(
            *(X, y, weights, self.dtype, self.row_width, self.noise),
            *(selected, number, factor, 0, self.feature_map),
            *(self.threads, self.block_rows),
        )

    def permutation(self, random_state: np.random.RandomState) -> Array:
        """Return a random order of the rows, for mini-batches."""
        if isinstance(self.X, StoredRows) and self.X.is_buffered:
            return self.X.shuffled(self.indices, random_state)
        return random_state.permutation(self.n_rows)

    def can_keep(self, n_bytes: int) -> bool:
        """Tell whether results of this size, for all rows, may be kept in memory."""
        if isinstance(self.X, StoredRows) and self.X.is_buffered:
            return fits_buffer(n_bytes)
        return bool(n_bytes <= get_config()["working_memory"] * 2**20)

    def key(self) -> Any:
        """Return a key that determines X, for caches."""
        return self.X.digest() if isinstance(self.X, StoredRows) else self.X

    def take(self, indices: Array) -> Self:
        """Return the rows at these positions, or where a mask is true."""
        y = None if self.y is None else self.y[indices]
        X = take(self.X, indices)
        return replace(self, X=X, y=y, weights=self.weights[indices])

    def value_range(self) -> tuple[float, float]:
        """Smallest and largest entry of X; a view also considers all stored rows."""
        if isinstance(self.X, StoredRows):
            return self.X.value_range()
        if issparse(self.X):
            return float(self.X.nanmin()), float(self.X.nanmax())
        return float(np.nanmin(self.X)), float(np.nanmax(self.X))

    def load(self, cut: slice) -> tuple[Array, Any, Any]:
        """Return X, y and w of a block, as a kernel gets them."""
        rows = cut if self.indices is None else self.indices[cut]
        X = read(self.X, rows, self.dtype)
        X, y = self._mapped(X, None if self.y is None else self.y[rows])
        X = self._corrupted(X, self.first_row + cut.start)
        return X, y, self._load_weights(rows, len(X))

    def _map_blocks(
        self, function: Callable[..., Array], args: Sequence[Any]
    ) -> Iterator[Array]:
        return self._run_quietly(self._calls(lambda X, y, w: function(X, *args), ()))

    def _stack(self, blocks: Iterator[Array]) -> Array:
        first = next(blocks)
        if len(self.slices) == 1:
            return first
        if issparse(first):
            return vstack([first, *blocks], format="csr")
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
            first_row = self.first_row + cut.start
            drawn = draw(self.batch_number, first_row, cut.stop - cut.start)
            return kernel(*given, drawn)

        columns = [self.slices] if kept is None else [self.slices, kept]
        return [partial(call, *items) for items in zip(*columns, strict=True)]

    def _run_quietly(self, tasks: Sequence[BlockCall]) -> Iterator[Any]:
        return self._run([partial(without_fp_warnings, task) for task in tasks])

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
    """Return some rows as a dense array of this dtype, without a copy if possible."""
    block = X.read(rows) if isinstance(X, StoredRows) else dense(X[rows])
    return block.astype(dtype, copy=False)


def take(X: Any, rows: Array) -> Any:
    """Return some rows of X; many rows on disk stay there."""
    return read_if_small(X.take(rows)) if isinstance(X, StoredRows) else X[rows]


def dense(X: Any) -> Array:
    """Return an array of rows that may be sparse or on disk."""
    return X.toarray() if issparse(X) else in_memory(X)


def cut_rows(n_rows: int, row_bytes: int) -> list[slice]:
    """Cut rows into nearly equal blocks of about BLOCK_BYTES, few rows finer."""
    block_rows = max(MIN_BLOCK_ROWS, BLOCK_BYTES // row_bytes)
    finer = max(MIN_SPLIT_ROWS, SPLIT_BYTES // row_bytes)
    n_blocks = max(-(-n_rows // block_rows), min(FEW_BLOCKS, n_rows // finer))
    return cut_evenly(n_rows, n_blocks)


def cut_runs(n_blocks: int, min_runs: int = MIN_RUNS) -> list[slice]:
    """Cut blocks into runs of up to RUN_LENGTH, but into enough runs for many cores."""
    run_length = min(RUN_LENGTH, max(1, n_blocks // min_runs))
    return cut_evenly(n_blocks, -(-n_blocks // run_length))


def cut_evenly(n: int, n_parts: int) -> list[slice]:
    """Cut n rows into parts that are nearly equal."""
    bounds = [n * i // n_parts for i in range(n_parts + 1)]
    return [slice(*pair) for pair in pairwise(bounds)]


def without_fp_warnings(function: Callable[..., Any], *args: Any) -> Any:
    """Call a function whose results are checked elsewhere."""
    # Solvers raise their own error for values that are not finite. The state is
    # set here, because threads do not inherit numpy's error state.
    with np.errstate(all="ignore"):
        return function(*args)


def _sum_of_run(calls: Sequence[Callable[[], Sequence[Any]]]) -> list[Any]:
    return without_fp_warnings(_accumulate, (call() for call in calls))


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
