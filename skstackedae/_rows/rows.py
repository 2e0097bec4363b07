"""The seam between training and wherever the rows are."""

from collections.abc import Callable
from typing import Any, Protocol, Self

import numpy as np

from .._array_api import Array
from .blocks import RowsInMemory, compute_dtype
from .noise import MaskingNoise
from .threads import Threads

#: A pure function (X, y, w, ...) -> tuple of arrays and numbers, of dense arrays.
Kernel = Callable[..., Any]


class Rows(Protocol):
    """A data set as training sees it: kernels go to the rows, and sums come back.

    A kernel is called with X, y and w of some rows, dense and in the precision of the
    computation. y is X without noise where the rows have no targets.
    """

    @property
    def X(self) -> Any:
        """As it is stored."""

    @property
    def n_rows(self) -> int:
        """Number of rows."""

    @property
    def n_features(self) -> int:
        """Number of columns of X."""

    @property
    def dtype(self) -> "np.dtype[Any]":
        """Precision of the computation, which is not that of the storage."""

    @property
    def y(self) -> Array | None:
        """Targets of the rows."""

    @property
    def weights(self) -> Array:
        """Weights of the rows."""

    def sum(self, kernel: Kernel, *args: Any, kept: Any = None) -> list[Any]:
        """Sum the kernel's tuple over all rows, in a fixed order.

        What was kept of some rows comes after their X, y and w. The arrays must be the
        kernel's own: sums may be written over them.
        """

    def keep(self, kernel: Kernel, *args: Any) -> tuple[Any, list[Array]]:
        """Keep the kernel's first result where the rows are; sum the others.

        Return a handle for `sum`, and the sums as float64.
        """

    def propagate(self, function: Callable[..., Array], *args: Any) -> Self:
        """Return the rows with function(X, *args) in the place of X."""

    def batch(self, indices: Array, number: int) -> Self:
        """Return the rows of a mini-batch, weighted so that they stand for all rows.

        Their noise follows from the number.
        """

    def cut_for(self, row_width: int) -> Self:
        """Return the rows cut for a network with this many units, inputs included."""

    def with_noise(self, noise: MaskingNoise | None) -> Self:
        """Return the rows with other noise in their X; None takes it away."""

    def with_targets(self, y: Array | None, weights: Array) -> Self:
        """Return the rows with other targets and weights."""

    def take(self, indices: Array) -> Self:
        """Return the rows at these positions, or where a mask is true."""

    def load(self, cut: slice) -> tuple[Array, Array, Array]:
        """Return X, y and w of some rows, as a kernel gets them."""

    def value_range(self) -> tuple[float, float]:
        """Least and largest entry of X."""


def rows_of(
    X: Any, y: Array | None, weights: Array, threads: Threads | None, dtype: Any = None
) -> RowsInMemory:
    """Choose the kind of rows by the type of X.

    ``dtype`` is the precision of the computation; None follows from X.
    """
    dtype = compute_dtype(X.dtype) if dtype is None else np.dtype(dtype)
    return RowsInMemory(X, y, weights, dtype, threads)
