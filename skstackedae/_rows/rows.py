"""The interface between training and the storage of the rows."""

from collections.abc import Callable
from contextlib import closing
from typing import Any, Protocol, Self, TypeVar

import numpy as np

from .._array_api import Array, DType, compute_dtype, dtype_of, is_on_device
from .blocks import (
    Draw,
    Kernel,
    RowsInBlocks,
    cut_rows,
    read,
    without_fp_warnings,
)
from .cluster import ChunkedArray, RowsOnCluster, is_on_cluster, map_lazily
from .device import RowsOnDevice
from .feature_maps import FeatureMap
from .noise import Corruption
from .threads import Threads


class Rows(Protocol):
    """A data set for training: it applies kernels to the rows and returns sums.

    A kernel gets X, y and w of some rows, dense and in the precision of the
    computation. If the rows have no targets, y is X without noise.
    """

    @property
    def X(self) -> Any:
        """The data as they are stored."""

    @property
    def n_rows(self) -> int:
        """Number of rows."""

    @property
    def n_features(self) -> int:
        """Number of columns of X."""

    @property
    def dtype(self) -> DType:
        """Precision of the computation; the stored X may have another type."""

    @property
    def y(self) -> Array | None:
        """Targets of the rows."""

    @property
    def feature_map(self) -> FeatureMap | None:
        """What happens to the entries of X before a kernel gets them."""

    @property
    def weights(self) -> Array:
        """Weights of the rows."""

    @property
    def has_canonical_form(self) -> bool:
        """Whether rows can be sorted, and equal rows merged."""

    @property
    def has_batches(self) -> bool:
        """Whether mini-batches can be taken from the rows."""

    def place(self, values: Any) -> Any:
        """Bring an array to the rows, in the precision of the computation."""

    def sum(
        self, kernel: Kernel, *args: Any, kept: Any = None, draw: Draw | None = None
    ) -> list[Any]:
        """Sum the kernel's tuple over all rows, in a fixed order.

        The kernel gets the kept results of its rows after X, y and w, and the numbers
        that are drawn for its rows after all other arguments. It must return new
        arrays, because the sums may overwrite them.
        """

    def keep(self, kernel: Kernel, *args: Any) -> tuple[Any, list[Array]]:
        """Keep the first result of the kernel with the rows; sum the others.

        Return a handle for `sum`, and the sums as float64.
        """

    def propagate(self, function: Callable[..., Array], *args: Any) -> Self:
        """Return the rows with function(X, *args) in place of X."""

    def batch(self, indices: Array, number: int) -> Self:
        """Return the rows of a mini-batch, weighted to represent all rows.

        The number determines their noise.
        """

    def permutation(self, random_state: np.random.RandomState) -> Array:
        """Return a random order of the rows, for mini-batches."""

    def can_keep(self, n_bytes: int) -> bool:
        """Tell whether results of this size, for all rows, may be kept in memory."""

    def key(self) -> Any:
        """Return a key that determines X, for caches."""

    def cut_for(self, row_width: int) -> Self:
        """Return the rows cut for a network with this many units, inputs included."""

    def with_noise(self, noise: Corruption | None) -> Self:
        """Return the rows with this noise in their X; None removes noise."""

    def with_feature_map(self, feature_map: FeatureMap | None) -> Self:
        """Return the rows with this map of their features; None removes a map."""

    def with_targets(self, y: Array | None, weights: Array) -> Self:
        """Return the rows with other targets and weights."""

    def take(self, indices: Array) -> Self:
        """Return the rows at these positions, or where a mask is true."""

    def view(self, indices: Array) -> Self:
        """Return the rows at these positions without a copy, for mini-batches."""

    def value_range(self) -> tuple[float, float]:
        """Smallest and largest entry of X; missing entries do not count."""


AnyRows = TypeVar("AnyRows", bound=Rows)


def rows_of(
    X: Any, y: Any, weights: Any, threads: Threads | None, dtype: Any = None
) -> RowsInBlocks | RowsOnDevice | RowsOnCluster:
    """Make the kind of rows that suits the type of X.

    ``dtype`` is the precision of the computation; None derives it from X.
    """
    dtype = compute_dtype(dtype_of(X)) if dtype is None else np.dtype(dtype)
    if is_on_cluster(X):
        return RowsOnCluster(ChunkedArray.from_dask(X), y, weights, dtype)
    if is_on_device(X):
        return RowsOnDevice(X, y, weights, dtype)
    return RowsInBlocks(X, y, weights, dtype, threads=threads)


def map_rows(
    function: Callable[..., Array],
    X: Any,
    *args: Any,
    row_width: int,
    n_jobs: int | None,
    dtype: DType | None = None,
) -> Array:
    """Apply a function to the rows of X outside a fit; one block needs no threads."""
    dtype = compute_dtype(dtype_of(X)) if dtype is None else dtype
    if is_on_cluster(X):
        return map_lazily(function, X, *args, dtype=dtype)
    if is_on_device(X):
        return RowsOnDevice(X, None, None, dtype, row_width).map(function, *args)
    if len(cut_rows(X.shape[0], row_width * dtype.itemsize)) == 1:
        X = read(X, slice(None), dtype)
        return without_fp_warnings(function, X, *args)
    with closing(Threads(n_jobs)) as threads, threads:
        rows = RowsInBlocks(X, None, None, dtype, row_width, threads=threads)
        return rows.map(function, *args)
