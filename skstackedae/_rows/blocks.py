"""How rows are cut into blocks, and in which order their results are summed.

The cut and the order depend on the data alone: results are the same, bit for bit, for
every number of threads that the blocks run on.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from functools import partial
from itertools import count, pairwise
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse

from .._array_api import Array
from .noise import MaskingNoise
from .threads import Threads

# What one block's rows may fill in all layers together: little enough to stay near a
# core's cache.
BLOCK_BYTES = 2 * 2**20

# Wide networks get at least this many rows a block: matrix products with fewer rows
# are slower (784-200: by a tenth with 100 rows, by a quarter with 64).
MIN_BLOCK_ROWS = 256

# Up to a few blocks, small data and mini-batches are cut finer, so that they too keep
# more than one core busy, if a block has enough to do to be worth the hand-off: on
# virtual machines that wakes a core and takes up to half a millisecond.
FEW_BLOCKS = 4
SPLIT_BYTES = 2**20
MIN_SPLIT_ROWS = 100

# Partial sums of this many blocks are added in the precision of X, those of such runs
# in float64: adding a wide layer's float32 gradients to float64 takes a twentieth of an
# evaluation if it is done for each block.
RUN_LENGTH = 8

# So many runs, if there are blocks enough, keep as many cores busy.
MIN_RUNS = 32


class Block(NamedTuple):
    """Some rows of a data set: the unit of work of a kernel, to which X is dense.

    y and w are None where the data set has no targets or weights.
    """

    X: Array
    y: Any
    w: Any


class RowBlocks:
    """A data set cut into blocks of rows, on which kernels run.

    Parameters
    ----------
    X : ndarray or CSR matrix or array of shape (n_rows, n_features)
        What the blocks hold; each block as ndarray.
    y, weights : ndarray of shape (n_rows,) or None
        Targets and weights of the rows.
    row_width : int
        Number of entries that one row has in all layers together.
    threads : Threads or None
        Where blocks run; None for this thread.
    corruption : MaskingNoise or None
        Noise in the blocks' X. y may be X itself: then it is their X without noise.
    indices : ndarray of int or None
        Rows of a mini-batch, whose weights then stand for those of all rows.
    batch_number : int
        Counts mini-batches, each of which has noise of its own.
    """

    def __init__(
        self,
        X: Array,
        y: Any = None,
        weights: Any = None,
        *,
        row_width: int,
        threads: Threads | None = None,
        corruption: MaskingNoise | None = None,
        indices: Array | None = None,
        batch_number: int = 0,
    ) -> None:
        self.X, self.y, self.weights = X, y, weights
        self.row_width, self.threads, self.indices = row_width, threads, indices
        self.corruption, self.batch_number = corruption, batch_number
        self._batch_numbers = count(1)
        n_rows = X.shape[0] if indices is None else len(indices)
        self.slices = cut_rows(n_rows, row_width * X.dtype.itemsize)

    def __len__(self) -> int:
        """Count the blocks."""
        return len(self.slices)

    def batch(self, indices: Array) -> "RowBlocks":
        """Return the rows of a mini-batch, weighted so that they stand for all rows."""
        return RowBlocks(
            self.X,
            self.y,
            self.weights,
            row_width=self.row_width,
            threads=self.threads,
            corruption=self.corruption,
            indices=indices,
            batch_number=next(self._batch_numbers),
        )

    def without_noise(self) -> "RowBlocks":
        """Return the same rows as they are."""
        rows = copy(self)
        rows.corruption = None
        return rows

    def map(
        self,
        kernel: Callable[..., Any],
        *common: Any,
        each: Iterable[Any] | None = None,
    ) -> Iterator[Any]:
        """Yield kernel(block, [item of each,] *common) in the order of the rows."""
        calls = self._calls(kernel, common, each)
        return self._run([partial(_quietly, call) for call in calls])

    def sum(
        self,
        kernel: Callable[..., Any],
        *common: Any,
        each: Iterable[Any] | None = None,
    ) -> list[Any]:
        """Sum the tuples that a kernel returns, in the rows' order.

        A few blocks are added in the precision of X, runs of blocks in float64. The
        arrays must be the kernel's own: sums are written over them.
        """
        calls = self._calls(kernel, common, each)
        runs = [calls[run] for run in cut_runs(len(calls))]
        results = self._run([partial(_quietly, _sum_of_run, run) for run in runs])
        if len(calls) <= RUN_LENGTH:
            return _quietly(_added, results)
        totals = [np.array(part, dtype=np.float64) for part in next(results)]
        for parts in results:
            for total, part in zip(totals, parts, strict=True):
                total += part
        return totals

    def stack(self, function: Callable[..., Array], *common: Any) -> Array:
        """Return function(rows of X, *common) of all blocks, one below the other."""
        results = self.map(_on_rows_of_X, function, *common)
        if len(self) == 1:
            return next(results)
        stacked: Array | None = None
        for cut, rows in zip(self.slices, results, strict=True):
            if stacked is None:
                n_rows = self.slices[-1].stop
                stacked = np.empty((n_rows, *rows.shape[1:]), dtype=rows.dtype)
            stacked[cut] = rows
        assert stacked is not None
        return stacked

    def _calls(
        self,
        kernel: Callable[..., Any],
        common: tuple[Any, ...],
        each: Iterable[Any] | None,
    ) -> list[Callable[[], Any]]:
        """Bind the kernel to each block, which is taken when the call is made."""

        def call(cut: slice, *item: Any) -> Any:
            return kernel(self._take(cut), *item, *common)

        columns = [self.slices] if each is None else [self.slices, each]
        return [partial(call, *items) for items in zip(*columns, strict=True)]

    def _run(self, tasks: Sequence[Callable[[], Any]]) -> Iterator[Any]:
        if self.threads is None:
            return (task() for task in tasks)
        return self.threads.run(tasks)

    def _take(self, cut: slice) -> Block:
        rows = cut if self.indices is None else self.indices[cut]
        X = dense(self.X[rows])
        y = X if self.y is self.X else self.y
        if y is not None and y is not X:
            y = y[rows]
        if self.corruption is not None:
            X = self.corruption.apply(X, self.batch_number, cut.start)
        weights = None if self.weights is None else self.weights[rows]
        if weights is not None and self.indices is not None:
            weights *= weights.dtype.type(self.X.shape[0] / len(self.indices))
        return Block(X, y, weights)


def dense(X: Any) -> Array:
    return X.toarray() if issparse(X) else X


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


def _quietly(function: Callable[..., Any], *arguments: Any) -> Any:
    # Solvers turn what is not finite into an error of their own. Set here because
    # threads do not inherit numpy's error state.
    with np.errstate(all="ignore"):
        return function(*arguments)


def _sum_of_run(calls: Sequence[Callable[[], Sequence[Any]]]) -> list[Any]:
    return _added(call() for call in calls)


def _added(results: Iterator[Sequence[Any]]) -> list[Any]:
    totals = list(next(results))
    for parts in results:
        for position, part in enumerate(parts):
            totals[position] += part
    return totals


def _on_rows_of_X(block: Block, function: Callable[..., Array], *common: Any) -> Array:
    return function(block.X, *common)


def map_rows(
    function: Callable[..., Array],
    X: Any,
    *common: Any,
    row_width: int,
    n_jobs: int | None,
) -> Array:
    """Apply a function to the rows of X outside of a fit; one block runs right here."""
    rows = RowBlocks(X, row_width=row_width)
    if len(rows) == 1:
        return _quietly(function, dense(X), *common)
    with Threads(n_jobs) as threads:
        rows.threads = threads
        return rows.stack(function, *common)
