"""Rows on a cluster: chunks of a dask array stay on its workers, sums come back.

Consecutive chunks are joined into parts. An evaluation consists of a task for each
part, which sums its rows block by block like rows in memory, and of a tree of
additions. Parts and tree depend only on the chunks, so results are the same, bit for
bit, on every number of workers. If a worker is lost, the scheduler repeats its tasks.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from hashlib import blake2b
from importlib import import_module
from itertools import pairwise
from math import inf
from time import monotonic
from typing import Any, Self

import numpy as np
from scipy import sparse
from sklearn import get_config

from .._array_api import Array, DType, to_numpy
from .blocks import Draw, Kernel, RowsInBlocks, dense, is_one_number
from .selection import SelectedRows
from .threads import Threads

# Consecutive chunks are joined up to this size, because each task costs the scheduler a
# millisecond, and beyond it if there would be more parts than this.
PART_BYTES = 64 * 2**20
MOST_PARTS = 4096

# Number of results that one task adds, and of workers that get their parameters from
# one of them.
TREE_WIDTH = 8

LARGE_GRAPH = "distributed.admin.large-graph-warning-threshold"

NOT_FINITE = "Input X contains NaN, infinity or a value too large for its type."

# Seconds between two checks that there are still workers.
PATIENCE = 5.0


def same(X: Any) -> Any:
    """Return X, for rows that pass through no layer, and for copies."""
    return X


def is_on_cluster(X: Any) -> bool:
    """Tell whether X is a collection of dask."""
    library = type(X).__module__.partition(".")[0]
    # In older versions, frames come from dask_expr.
    return library in ("dask", "dask_expr") and hasattr(X, "dask")


def computed(values: Any) -> Any:
    """Compute a dask collection; return any other value itself."""
    return values.compute() if is_on_cluster(values) else values


def whole_rows(X: Any) -> Any:
    """Return a dask array of numbers whose chunks are whole rows."""
    if hasattr(X, "to_dask_array"):
        X = X.to_dask_array()
    if not hasattr(X, "map_blocks") or not hasattr(X, "chunks"):
        raise TypeError(
            f"X is a {type(X).__name__}, but of the dask collections only arrays and "
            "data frames are supported."
        )
    if X.ndim != 2:
        raise ValueError(f"Expected 2D array, got {X.ndim}D array instead.")
    if X.dtype.kind == "O":
        X = X.astype(np.float64)
    if np.ma.isMaskedArray(X._meta) or X.dtype.kind not in "biuf":
        raise ValueError(
            f"X has chunks of the type {X.dtype}, masked or not: pass numbers without "
            "masked entries. Complex data not supported."
        )
    return X if X.numblocks[1] == 1 else X.rechunk({1: -1})


def on_workers(X: Any) -> Any:
    """Return a dask array whose chunks are on the workers, of known sizes."""
    client = _current_client()
    X = client.persist(X)
    _wait(client, import_module("distributed").futures_of(X))
    if any(np.isnan(size) for size in X.chunks[0]):
        X = X.compute_chunk_sizes()
    if 0 in X.shape:
        raise ValueError(
            f"Found array with {X.shape[0]} sample(s) and {X.shape[1]} feature(s) "
            f"(shape={X.shape}) while a minimum of 1 is required."
        )
    return X


def map_lazily(function: Callable[..., Array], X: Any, *args: Any, dtype: DType) -> Any:
    """Return the dask array of function(X, *args)."""
    probe = function(np.zeros((1, X.shape[1]), dtype=dtype), *args)
    shape: dict[str, Any] = {"drop_axis": 1}
    if probe.ndim == 2:
        shape = {"chunks": (X.chunks[0], (probe.shape[1],))}
    return X.map_blocks(
        _map_chunk, function, dtype.str, args, dtype=probe.dtype, **shape
    )


@dataclass(frozen=True)
class ChunkedArray:
    """An array whose parts, consecutive rows, are on the workers of a cluster."""

    client: Any
    parts: tuple[Any, ...]
    sizes: tuple[int, ...]
    n_columns: int

    @classmethod
    def from_dask(cls, X: Any) -> "ChunkedArray":
        """Take the chunks of a dask array that `on_workers` has returned."""
        client = _current_client()
        chunks = X.to_delayed().ravel()
        row_bytes = X.shape[1] * X.dtype.itemsize
        most_rows = max(1, PART_BYTES // row_bytes)
        parts, sizes = [], []
        for group in _grouped(X.chunks[0], most_rows, X.shape[0] // MOST_PARTS):
            given = [client.compute(chunks[number]) for number in group]
            parts.append(_submit(client, _joined, given))
            sizes.append(int(sum(X.chunks[0][number] for number in group)))
        rows = cls(client, tuple(parts), tuple(sizes), int(X.shape[1]))
        if X.dtype.kind == "f" and not get_config()["assume_finite"]:
            rows.check_is_finite()
        return rows

    def check_is_finite(self) -> None:
        """Check that no entry is infinite or NaN, on the workers."""
        checks = [_submit(self.client, _is_finite, part) for part in self.parts]
        _wait(self.client, checks)
        if not all(check.result() for check in checks):
            raise ValueError(NOT_FINITE)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and columns."""
        return sum(self.sizes), self.n_columns

    @property
    def slices(self) -> list[slice]:
        """The rows of each part."""
        bounds = [0, *np.cumsum(self.sizes, dtype=np.int64).tolist()]
        return [slice(*pair) for pair in pairwise(bounds)]

    def take(self, indices: Array) -> "ChunkedArray":
        """Return the rows at these positions, in ascending order."""
        parts, sizes = [], []
        for part, cut in zip(self.parts, self.slices, strict=True):
            first, last = np.searchsorted(indices, [cut.start, cut.stop])
            if last > first:
                rows = indices[first:last] - cut.start
                parts.append(_submit(self.client, _rows_of_part, part, rows))
                sizes.append(int(last - first))
        return replace(self, parts=tuple(parts), sizes=tuple(sizes))


@dataclass(frozen=True)
class RowsOnCluster(SelectedRows):
    """Rows on the workers of a dask cluster; targets and weights are in memory."""

    has_canonical_form = False
    has_batches = False

    def place(self, values: Any) -> Array:
        """Return an array in the precision of the computation."""
        return np.asarray(to_numpy(values)).astype(self.dtype, copy=False)

    def sum(
        self, kernel: Kernel, *args: Any, kept: Any = None, draw: Draw | None = None
    ) -> list[Any]:
        """Sum the kernel's tuple over all rows, in a fixed order, as float64."""
        with self._tasks() as submit:
            given = self._handed_out(submit, kernel, args, draw)
            columns = [] if kept is None else [kept]
            results = self._on_parts(submit, _sum_of_part, given, *columns)
            return self._added(submit, results)

    def keep(self, kernel: Kernel, *args: Any) -> tuple[Any, list[Any]]:
        """Keep the kernel's first results on the workers; sum the others as float64."""
        with self._tasks() as submit:
            given = self._handed_out(submit, kernel, args, None)
            kept = self._on_parts(submit, _keep_of_part, given)
            # Only the sums travel, not the kept results.
            sums = [submit(_second, pair) for pair in kept]
            return kept, self._added(submit, sums)

    def propagate(self, function: Callable[..., Array], *args: Any) -> Self:
        """Return the rows with function(X, *args) in place of X."""
        with self._tasks() as submit:
            given = self._handed_out(submit, function, args, None)
            parts = self._on_parts(submit, _map_of_part, given)
            n_columns = self._result(submit(_n_columns, parts[0]))
        return self._with_data(replace(self.X, parts=tuple(parts), n_columns=n_columns))

    def batch(self, indices: Array, number: int) -> Self:
        """Return the rows of a mini-batch, weighted to represent all rows."""
        rows = self.take(np.sort(indices))
        factor = self.n_rows / len(indices)
        return replace(rows, weights=rows.weights * factor, batch_number=number)

    def permutation(self, random_state: np.random.RandomState) -> Array:
        """Return a random order of the rows, for mini-batches."""
        return random_state.permutation(self.n_rows)

    def can_keep(self, n_bytes: int) -> bool:
        """Tell whether results of all rows may be kept: at most half the size of X.

        The size of X is that of an array in the precision of the computation. The
        number of workers has no influence, because it must not change the result.
        """
        return 2 * n_bytes <= self.n_rows * self.n_features * self.dtype.itemsize

    def key(self) -> Any:
        """Return a key that determines X, for caches."""
        with self._tasks() as submit:
            digests = [submit(_digest, part) for part in self.X.parts]
            return [self._result(digest) for digest in digests]

    def take(self, indices: Array) -> Self:
        """Return the rows at ascending positions, or where a mask is true."""
        if indices.dtype == bool:
            indices = np.flatnonzero(indices)
        y = None if self.y is None else self.y[indices]
        X = self.X.take(indices)
        return replace(self, X=X, y=y, weights=self.weights[indices])

    def value_range(self) -> tuple[float, float]:
        """Smallest and largest entry of X."""
        with self._tasks() as submit:
            ranges = [submit(_range, part) for part in self.X.parts]
            lows, highs = zip(*map(self._result, ranges), strict=True)
        return min(lows), max(highs)

    @cached_property
    def _rows_of_parts(self) -> list[Any]:
        """The parts as rows in memory, each on the worker of its data."""
        futures = []
        for part, cut in zip(self.X.parts, self.X.slices, strict=True):
            y = None if self.y is None else _narrowed(np.asarray(self.y[cut]))
            w = self.weights[cut]
            w = w[0] if is_one_number(w) else np.asarray(w)
            options: dict[str, Any]
            options = {"row_width": self.row_width, "noise": self.noise}
            # Parts are summed in parallel, but the runs of a part are not.
            options |= {"first_row": cut.start, "min_runs": 1}
            options["feature_map"] = self.feature_map
            given = y, w, self.dtype, options
            futures.append(_submit(self.X.client, _rows_of, part, *given))
        _wait(self.X.client, futures)
        return futures

    @cached_property
    def _places(self) -> "_Places":
        return _Places(self.X.client, self._rows_of_parts)

    def _handed_out(self, submit: Callable[..., Any], *given: Any) -> Any:
        """Return the common arguments of all parts as one task, which can be repeated.

        For few parts it is cheaper to send the arguments with each task.
        """
        is_few = len(self._rows_of_parts) <= TREE_WIDTH
        arguments = _Given(*given)
        return arguments if is_few else submit(same, arguments)

    def _on_parts(
        self,
        submit: Callable[..., Any],
        function: Callable[..., Any],
        given: Any,
        *columns: Sequence[Any],
    ) -> list[Any]:
        """Submit a task for each part, to the worker that has it."""
        # Without a preference, the scheduler may give most of the parts to one worker.
        workers = self._places.workers()
        copies = _copies(submit, given, {worker for worker in workers if worker})
        return [
            submit(function, rows, copies.get(worker, given), *others, worker=worker)
            for worker, rows, *others in zip(
                workers, self._rows_of_parts, *columns, strict=True
            )
        ]

    @contextmanager
    def _tasks(self) -> Iterator[Callable[..., Any]]:
        """Yield a function that submits tasks; an error cancels all of them."""
        futures: list[Any] = []

        def submit(
            function: Callable[..., Any], *args: Any, worker: str | None = None
        ) -> Any:
            futures.append(_submit(self.X.client, function, *args, worker=worker))
            return futures[-1]

        try:
            yield submit
        except BaseException:
            # A client that is closed cannot cancel.
            with suppress(Exception):
                self.X.client.cancel(futures)
            raise

    def _added(self, submit: Callable[..., Any], results: list[Any]) -> list[Any]:
        while len(results) > 1:
            groups = range(0, len(results), TREE_WIDTH)
            results = [
                submit(_add, results[first : first + TREE_WIDTH]) for first in groups
            ]
        return self._result(results[0])

    def _result(self, future: Any) -> Any:
        return _fetched(self.X.client, future)


@dataclass(frozen=True)
class _Given:
    """The common arguments of all parts.

    Not a tuple: older versions of dask call a tuple that begins with a function.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    draw: Draw | None


class _Places:
    """The workers that have the parts; the answer may be a few seconds old."""

    def __init__(self, client: Any, parts: Sequence[Any]) -> None:
        self._client, self._parts = client, parts
        self._names: list[str | None] = []
        self._asked = -inf

    def workers(self) -> list[str | None]:
        """Return the name of a worker for each part; None if no worker has it now."""
        # The answer takes a few milliseconds, as long as a task of the scheduler.
        if monotonic() - self._asked > PATIENCE:
            places = self._client.who_has(self._parts)
            names = [next(iter(places.get(part.key, ())), None) for part in self._parts]
            self._names, self._asked = names, monotonic()
        return self._names


def _current_client() -> Any:
    try:
        distributed = import_module("distributed")
    except ImportError as error:
        raise ImportError(
            "X is a dask collection, which needs the extra dask: pip install "
            "'skstackedae[dask]'."
        ) from error
    try:
        client = distributed.get_client()
    except ValueError as error:
        raise ValueError(
            "X is a dask collection, but there is no cluster. Start one: from "
            "dask.distributed import Client, LocalCluster; client = "
            "Client(LocalCluster())."
        ) from error
    if client.asynchronous:
        raise ValueError(
            "The dask client is asynchronous: fit needs a synchronous one."
        )
    _leave_worker(distributed)
    return client


def _leave_worker(distributed: Any) -> None:
    """Free the worker thread of a task that calls fit, because its subtasks need it."""
    # Raised in a thread that runs no task or has already left its worker.
    with suppress(ValueError, KeyError):
        distributed.get_worker()
        distributed.secede()


def _wait(client: Any, futures: Sequence[Any]) -> None:
    """Wait until all futures are done or failed; raise an error without workers."""
    distributed = import_module("distributed")
    had_workers = True
    while True:
        try:
            distributed.wait(futures, timeout=PATIENCE)
            return
        except distributed.TimeoutError:
            had_workers = _has_workers(client, had_workers)


def _fetched(client: Any, future: Any) -> Any:
    """Return the result of a task; raise an error without workers."""
    # In a thread: a timeout of distributed would also cancel what later results need.
    pool, had_workers = ThreadPoolExecutor(1), True
    try:
        fetching = pool.submit(future.result)
        while True:
            try:
                return fetching.result(timeout=PATIENCE)
            except TimeoutError:
                if fetching.done():  # pragma: no branch - a matter of time
                    # The error is the task's own.
                    raise
                had_workers = _has_workers(client, had_workers)
    finally:
        pool.shutdown(wait=False)


def _has_workers(client: Any, had_workers: bool) -> bool:
    """Tell whether there are workers; raise an error at the second look without."""
    # Two looks, because workers that were lost may be about to return.
    has_workers = bool(client.nthreads())
    if not (has_workers or had_workers):
        raise RuntimeError(
            "The cluster has no workers: start some and call fit again."
        ) from None
    return has_workers


def _submit(
    client: Any, function: Callable[..., Any], *args: Any, worker: str | None = None
) -> Any:
    # Not pure, because results of other fits must not be reused. The worker is only a
    # preference, because it may be lost.
    where = {"workers": [worker], "allow_other_workers": True} if worker else {}
    # Parameters may be large. The warning about large graphs is meant for data.
    with import_module("dask").config.set({LARGE_GRAPH: "1 TiB"}):
        return client.submit(function, *args, pure=False, **where)


def _copies(
    submit: Callable[..., Any], given: Any, workers: set[str]
) -> dict[str, Any]:
    """Copy the common arguments to one worker of each group, which serves the group.

    Otherwise the worker that has the arguments would have to send them to all others.
    """
    copies: dict[str, Any] = {}
    if len(workers) > TREE_WIDTH:
        names = sorted(workers)
        for first in range(0, len(names), TREE_WIDTH):
            copy = submit(same, given, worker=names[first])
            copies |= dict.fromkeys(names[first : first + TREE_WIDTH], copy)
    return copies


def _narrowed(y: Array) -> Array:
    """Return integers in the smallest type that holds them, which is sent faster."""
    for dtype in (np.int8, np.int16, np.int32) if y.dtype.kind == "i" else ():
        limits = np.iinfo(dtype)
        if limits.min <= y.min() and y.max() <= limits.max:
            return y.astype(dtype)
    return y


def _grouped(
    sizes: Sequence[int], most_rows: int, least_rows: int = 0
) -> list[list[int]]:
    """Group the numbers of consecutive chunks into parts.

    A part has at most `most_rows`, unless it needs more chunks to have `least_rows`.
    """
    groups: list[list[int]] = []
    n_rows = 0
    for number, size in enumerate(sizes):
        if size == 0:
            continue
        if not groups or (n_rows + size > most_rows and n_rows >= least_rows):
            groups.append([])
            n_rows = 0
        groups[-1].append(number)
        n_rows += size
    return groups


# The functions below run on the workers.


def _joined(chunks: list[Any]) -> Any:
    if len(chunks) > 1:
        is_sparse = sparse.issparse(chunks[0])
        chunks = [sparse.vstack(chunks) if is_sparse else np.concatenate(chunks)]
    X = chunks[0]
    return X.tocsr() if sparse.issparse(X) else np.ascontiguousarray(X)


def _is_finite(chunk: Any) -> bool:
    values = chunk.data if sparse.issparse(chunk) else chunk
    return bool(np.isfinite(values).all())


def _map_chunk(
    chunk: Any, function: Callable[..., Array], dtype: str, args: Sequence[Any]
) -> Array:
    if not _is_finite(chunk):
        raise ValueError(NOT_FINITE)
    with np.errstate(all="ignore"):
        return function(dense(chunk).astype(dtype, copy=False), *args)


def _rows_of_part(part: Any, rows: Array) -> Any:
    return part[rows]


def _rows_of(
    part: Any, y: Any, w: Any, dtype: DType, options: dict[str, Any]
) -> RowsInBlocks:
    if y is not None and y.dtype.kind == "i":
        y = y.astype(np.intp)
    w = np.broadcast_to(np.asarray(w), part.shape[:1])
    return RowsInBlocks(part, y, w, dtype, **options)


def _sum_of_part(rows: RowsInBlocks, given: "_Given", *kept: Any) -> list[Any]:
    handle = kept[0][0] if kept else None
    # The worker has its own threads; this call limits BLAS to one thread.
    with closing(Threads(1)) as threads, threads:
        rows = replace(rows, threads=threads)
        sums = rows.sum(given.function, *given.args, kept=handle, draw=given.draw)
    return [np.asarray(part, dtype=np.float64) for part in sums]


def _keep_of_part(rows: RowsInBlocks, given: "_Given") -> Any:
    with closing(Threads(1)) as threads, threads:
        return replace(rows, threads=threads).keep(given.function, *given.args)


def _map_of_part(rows: RowsInBlocks, given: "_Given") -> Array:
    with closing(Threads(1)) as threads, threads:
        return replace(rows, threads=threads).map(given.function, *given.args)


def _second(pair: Any) -> Any:
    return pair[1]


def _add(results: list[list[Any]]) -> list[Any]:
    return reduce(
        lambda a, b: [x + y for x, y in zip(a, b, strict=True)], results[1:], results[0]
    )


def _n_columns(part: Any) -> int:
    return int(part.shape[1])


def _range(part: Any) -> tuple[float, float]:
    return float(part.min()), float(part.max())


def _digest(part: Any) -> str:
    content = blake2b(f"{part.shape} {part.dtype}".encode(), digest_size=16)
    arrays = [part]
    if sparse.issparse(part):
        arrays = [part.data, part.indices, part.indptr]
    for array in arrays:
        content.update(np.ascontiguousarray(array).data)
    return content.hexdigest()
