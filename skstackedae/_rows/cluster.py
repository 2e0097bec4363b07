"""Rows on a cluster: chunks of a dask array stay on its workers, sums come back.

Consecutive chunks are joined to parts. Each evaluation is a task for each part, which
sums its rows block by block as rows in memory do, and a tree of additions. Parts and
tree depend on the chunks alone, so results are the same, bit for bit, on every number
of workers. All tasks can be computed again: if a worker is lost, the scheduler does so.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from hashlib import blake2b
from importlib import import_module
from itertools import pairwise
from typing import Any, Self

import numpy as np
from scipy import sparse

from .._array_api import Array, DType, to_numpy
from .blocks import Draw, Kernel, RowsInBlocks, dense
from .selection import SelectedRows
from .threads import Threads

# Consecutive chunks are joined up to this size, because each task takes a millisecond
# of the scheduler.
PART_BYTES = 64 * 2**20

# So many results are added in one task.
TREE_WIDTH = 8

# Seconds between two looks at whether there are workers at all.
PATIENCE = 5.0


def is_on_cluster(X: Any) -> bool:
    """Tell whether X is a collection of dask."""
    return type(X).__module__.partition(".")[0] == "dask" and hasattr(X, "dask")


def computed(values: Any) -> Any:
    """Return the array of a collection of dask; return any other value itself."""
    return values.compute() if is_on_cluster(values) else values


def whole_rows(X: Any) -> Any:
    """Return a dask array of whole rows, whose number is known."""
    if hasattr(X, "to_dask_array"):
        X = X.to_dask_array(lengths=True)
    if X.ndim != 2:
        raise ValueError(f"Expected 2D array, got {X.ndim}D array instead.")
    if any(np.isnan(size) for sizes in X.chunks for size in sizes):
        X = X.compute_chunk_sizes()
    return X if X.numblocks[1] == 1 else X.rechunk({1: -1})


def is_finite(X: Any) -> bool:
    """Tell whether a dask array has no infinite or NaN entry."""
    if X.dtype.kind in "biu":
        return True
    checks = X.map_blocks(_is_finite, dtype=bool, chunks=(1, 1))
    return bool(checks.all().compute())


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
        """Take the chunks of a dask array of whole rows."""
        client = _current_client()
        chunks = [client.persist(part) for part in X.to_delayed().ravel()]
        row_bytes = X.shape[1] * X.dtype.itemsize
        parts, sizes = [], []
        for group in _grouped(X.chunks[0], max(1, PART_BYTES // row_bytes)):
            given = [client.compute(chunks[number]) for number in group]
            parts.append(_submit(client, _joined, given))
            sizes.append(int(sum(X.chunks[0][number] for number in group)))
        return cls(client, tuple(parts), tuple(sizes), int(X.shape[1]))

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and columns."""
        return sum(self.sizes), self.n_columns

    @property
    def slices(self) -> list[slice]:
        """The rows of each part."""
        bounds = [0, *np.cumsum(self.sizes).tolist()]
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
            given = submit(_given, kernel, args, draw)
            columns = [] if kept is None else [kept]
            results = self._on_parts(submit, _sum_of_part, given, *columns)
            return self._added(submit, results)

    def keep(self, kernel: Kernel, *args: Any) -> tuple[Any, list[Any]]:
        """Keep the kernel's first results on the workers; sum the others as float64."""
        with self._tasks() as submit:
            given = submit(_given, kernel, args, None)
            kept = self._on_parts(submit, _keep_of_part, given)
            # The results alone travel, and not what is kept with them.
            sums = [submit(_second, pair) for pair in kept]
            return kept, self._added(submit, sums)

    def propagate(self, function: Callable[..., Array], *args: Any) -> Self:
        """Return the rows with function(X, *args) in the place of X."""
        with self._tasks() as submit:
            given = submit(_given, function, args, None)
            parts = self._on_parts(submit, _map_of_part, given)
            n_columns = self._result(submit(_n_columns, parts[0]))
        return self._with_data(replace(self.X, parts=tuple(parts), n_columns=n_columns))

    def batch(self, indices: Array, number: int) -> Self:
        """Return the rows of a mini-batch, weighted so that they stand for all rows."""
        rows = self.take(np.sort(indices))
        factor = self.n_rows / len(indices)
        return replace(rows, weights=rows.weights * factor, batch_number=number)

    def permutation(self, random_state: np.random.RandomState) -> Array:
        """Return the rows in a random order; no solver asks for it."""
        return random_state.permutation(self.n_rows)

    def can_keep(self, n_bytes: int) -> bool:
        """Tell whether results of all rows may be kept: if they are half of X at most.

        The number of workers does not count, because it must not change the result.
        """
        return 2 * n_bytes <= self.n_rows * self.n_features * self.dtype.itemsize

    def key(self) -> Any:
        """Return what determines X, for caches."""
        with self._tasks() as submit:
            digests = [submit(_digest, part) for part in self.X.parts]
            return [self._result(digest) for digest in digests]

    def take(self, indices: Array) -> Self:
        """Return the rows at these positions, or where a mask is true."""
        if indices.dtype == bool:
            indices = np.flatnonzero(indices)
        y = None if self.y is None else self.y[indices]
        X = self.X.take(indices)
        return replace(self, X=X, y=y, weights=self.weights[indices])

    def value_range(self) -> tuple[float, float]:
        """Least and largest entry of X."""
        with self._tasks() as submit:
            ranges = [submit(_range, part) for part in self.X.parts]
            lows, highs = zip(*map(self._result, ranges), strict=True)
        return min(lows), max(highs)

    def load(self, cut: slice) -> tuple[Array, Any, Any]:
        """Return X, y and w of some rows, as a kernel gets them."""
        rows = self.take(np.arange(self.n_rows)[cut])
        with rows._tasks() as submit:
            loaded = [submit(_load, part) for part in rows._rows_of_parts]
            X, y, w = zip(*map(rows._result, loaded), strict=True)
        return np.concatenate(X), np.concatenate(y), np.concatenate(w)

    @cached_property
    def _rows_of_parts(self) -> list[Any]:
        """The parts as rows in memory, each on the worker of its data."""
        futures = []
        for part, cut in zip(self.X.parts, self.X.slices, strict=True):
            y = None if self.y is None else np.asarray(self.y[cut])
            w = None if self.weights is None else np.array(self.weights[cut])
            options = {"row_width": self.row_width, "noise": self.noise}
            options["first_row"] = cut.start
            given = y, w, self.dtype, options
            futures.append(_submit(self.X.client, _rows_of, part, *given))
        wait = import_module("distributed").wait
        self._patiently(lambda seconds: wait(futures, timeout=seconds))
        return futures

    def _on_parts(
        self,
        submit: Callable[..., Any],
        function: Callable[..., Any],
        given: Any,
        *columns: Sequence[Any],
    ) -> list[Any]:
        """Submit a task for each part, to the worker that has it."""
        # Without a wish the scheduler may give most of the parts to one worker.
        places = self.X.client.who_has(self._rows_of_parts)
        return [
            submit(
                *(function, rows, given, *others),
                workers=list(places.get(rows.key, ()))[:1] or None,
            )
            for rows, *others in zip(self._rows_of_parts, *columns, strict=True)
        ]

    @contextmanager
    def _tasks(self) -> Iterator[Callable[..., Any]]:
        """Hand out a function that submits tasks; an error cancels all of them."""
        futures: list[Any] = []

        def submit(
            function: Callable[..., Any], *args: Any, workers: Any = None
        ) -> Any:
            futures.append(_submit(self.X.client, function, *args, workers=workers))
            return futures[-1]

        try:
            yield submit
        except BaseException:
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
        return self._patiently(lambda seconds: future.result(timeout=seconds))

    def _patiently(self, wait: Callable[[float], Any]) -> Any:
        """Wait for results, as long as there are workers."""
        timeout_error = import_module("distributed").TimeoutError
        while True:
            try:
                return wait(PATIENCE)
            except timeout_error:
                if not self.X.client.nthreads():
                    raise RuntimeError(
                        "The cluster has no workers any more: start some and fit again."
                    ) from None


def _current_client() -> Any:
    try:
        distributed = import_module("distributed")
    except ImportError as error:
        raise ImportError(
            "X is a collection of dask, which needs the extra dask: pip install "
            "'skstackedae[dask]'."
        ) from error
    try:
        return distributed.get_client()
    except ValueError as error:
        raise ValueError(
            "X is a collection of dask, but there is no cluster. Start one: from "
            "dask.distributed import Client, LocalCluster; client = "
            "Client(LocalCluster())."
        ) from error


def _submit(
    client: Any, function: Callable[..., Any], *args: Any, workers: Any = None
) -> Any:
    # Not pure: results of other fits must not take the place of these. Workers are a
    # wish: they may be lost.
    where = {"workers": workers, "allow_other_workers": True} if workers else {}
    return client.submit(function, *args, pure=False, **where)


def _grouped(sizes: Sequence[int], most_rows: int) -> list[list[int]]:
    """Group the numbers of consecutive chunks into parts of about this many rows."""
    groups: list[list[int]] = []
    n_rows = 0
    for number, size in enumerate(sizes):
        if size == 0:
            continue
        if not groups or n_rows + size > most_rows:
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


def _is_finite(chunk: Any) -> Array:
    values = chunk.data if sparse.issparse(chunk) else chunk
    return np.array([[bool(np.isfinite(values).all())]])


def _map_chunk(
    chunk: Any, function: Callable[..., Array], dtype: str, args: Sequence[Any]
) -> Array:
    if not _is_finite(chunk)[0, 0]:
        raise ValueError("Input X contains NaN or infinity.")
    with np.errstate(all="ignore"):
        return function(dense(chunk).astype(dtype, copy=False), *args)


def _rows_of_part(part: Any, rows: Array) -> Any:
    return part[rows]


def _rows_of(
    part: Any, y: Any, w: Any, dtype: DType, options: dict[str, Any]
) -> RowsInBlocks:
    return RowsInBlocks(part, y, w, dtype, **options)


def _given(*values: Any) -> Any:
    """Return what all parts get: one task, which can be computed again."""
    return values


def _sum_of_part(rows: RowsInBlocks, given: Any, *kept: Any) -> list[Any]:
    kernel, args, draw = given
    handle = kept[0][0] if kept else None
    # The worker has threads of its own; this one keeps those of BLAS away.
    with closing(Threads(1)) as threads, threads:
        rows = replace(rows, threads=threads)
        sums = rows.sum(kernel, *args, kept=handle, draw=draw)
    return [np.asarray(part, dtype=np.float64) for part in sums]


def _keep_of_part(rows: RowsInBlocks, given: Any) -> Any:
    kernel, args, _ = given
    with closing(Threads(1)) as threads, threads:
        return replace(rows, threads=threads).keep(kernel, *args)


def _map_of_part(rows: RowsInBlocks, given: Any) -> Array:
    function, args, _ = given
    with closing(Threads(1)) as threads, threads:
        return replace(rows, threads=threads).map(function, *args)


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


def _load(rows: RowsInBlocks) -> tuple[Array, Any, Any]:
    return rows.load(slice(0, rows.n_rows))
