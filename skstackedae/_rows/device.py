"""Rows on a device: an array of a library other than numpy; kernels run on its device.

Labels, weights and the order of mini-batches are prepared in memory, as for all rows,
and copied to the device where kernels need them. The solver decides where parameters
are: `place` brings them to the rows.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from sklearn import get_config

from .._array_api import (
    Array,
    array_like,
    array_namespace,
    cast,
    device_of,
    is_beside,
    to_numpy,
)
from .blocks import Draw, Kernel, cut_evenly, without_fp_warnings
from .selection import SelectedRows

# Size of a block in all layers together: large, because a device works on all of it at
# once.
BLOCK_BYTES = 256 * 2**20


@dataclass(frozen=True)
class RowsOnDevice(SelectedRows):
    """Rows of an array on a device, on which kernels run in large blocks.

    Targets and weights are in memory, or on the device.
    """

    has_canonical_form = False
    has_batches = True

    @cached_property
    def slices(self) -> list[slice]:
        """The blocks."""
        row_bytes = (self.row_width or self.n_features) * self.dtype.itemsize
        return cut_evenly(self.n_rows, -(-self.n_rows * row_bytes // BLOCK_BYTES))

    def place(self, values: Any) -> Any:
        """Copy an array to the device, in the precision of the computation."""
        if is_beside(values, self.X):
            return cast(values, self.dtype)
        return array_like(to_numpy(values), self.X, self.dtype)

    def sum(
        self, kernel: Kernel, *args: Any, kept: Any = None, draw: Draw | None = None
    ) -> list[Any]:
        """Sum the kernel's tuple over all rows, in a fixed order."""
        results = self._run(kernel, args, kept, draw)
        totals = list(next(results))
        for parts in results:
            totals = [total + part for total, part in zip(totals, parts, strict=True)]
        return totals

    def keep(self, kernel: Kernel, *args: Any) -> tuple[Any, list[Any]]:
        """Keep the kernel's first result of each block; sum the others as float64."""
        kept, *columns = zip(*self._run(kernel, args), strict=True)
        totals = []
        for column in columns:
            first, *others = (cast(part, np.float64) for part in column)
            totals.append(sum(others, start=first))
        return kept, totals

    def map(self, function: Callable[..., Any], *args: Any) -> Any:
        """Return function(X, *args) for all rows, stacked in their order."""
        blocks = list(self._run(lambda X, y, w: function(X, *args), ()))
        xp = array_namespace(self.X)
        return blocks[0] if len(blocks) == 1 else xp.concat(blocks, axis=0)

    def propagate(self, function: Callable[..., Any], *args: Any) -> Self:
        """Return the rows with function(X, *args) in place of X."""
        return self._with_data(self.map(function, *args))

    def batch(self, indices: Array, number: int) -> Self:
        """Return the rows of a mini-batch, weighted to represent all rows."""
        factor = self.n_rows / len(indices)
        X, y, w = self._selected(self._stored_positions(indices))
        rows = replace(self, X=X, y=y, weights=w * factor, indices=None)
        return replace(rows, batch_number=number)

    def permutation(self, random_state: np.random.RandomState) -> Array:
        """Return a random order of the rows, for mini-batches."""
        return random_state.permutation(self.n_rows)

    def can_keep(self, n_bytes: int) -> bool:
        """Tell whether results of this size, for all rows, may be kept."""
        return bool(n_bytes <= get_config()["working_memory"] * 2**20)

    def key(self) -> Any:
        """Return a key that determines X, for caches."""
        library = array_namespace(self.X).__name__
        return to_numpy(self.X), library, str(device_of(self.X))

    def take(self, indices: Array) -> Self:
        """Return the rows at these positions, or where a mask is true."""
        if indices.dtype == bool:
            indices = np.flatnonzero(indices)
        y = None if self.y is None else self.y[indices]
        X = array_namespace(self.X).take(self.X, self._positions(indices), axis=0)
        return replace(self, X=X, y=y, weights=self.weights[indices])

    def value_range(self) -> tuple[float, float]:
        """Smallest and largest entry of X; a view also considers all stored rows."""
        xp = array_namespace(self.X)
        rows = replace(self, noise=None, indices=None, feature_map=None)
        blocks = [rows.load(cut)[0] for cut in rows.slices]
        lows, highs = zip(*((xp.min(X), xp.max(X)) for X in blocks), strict=True)
        return min(map(float, lows)), max(map(float, highs))

    def load(self, cut: slice) -> tuple[Any, Any, Any]:
        """Return X, y and w of a block, as a kernel gets them."""
        if self.indices is None:
            X, y, w = self.X[cut, :], self._placed_y, self._placed_weights
            y, w = (None if part is None else part[cut, ...] for part in (y, w))
        else:
            X, y, w = self._selected(self.indices[cut])
        X = cast(X, self.dtype)
        X, y = self._mapped(X, y)
        return self._corrupted(X, cut.start), y, w

    def _selected(self, positions: Array) -> tuple[Any, Any, Any]:
        """Return the rows at these positions of X."""
        xp, rows = array_namespace(self.X), self._positions(positions)
        y = None if self.y is None else xp.take(self._placed_y, rows, axis=0)
        return xp.take(self.X, rows, axis=0), y, xp.take(self._placed_weights, rows)

    @cached_property
    def _placed_y(self) -> Any:
        """Targets on the device; codes of classes stay integers."""
        if isinstance(self.y, np.ndarray):
            return array_like(self.y, self.X)
        return self.y

    @cached_property
    def _placed_weights(self) -> Any:
        return None if self.weights is None else self.place(self.weights)

    def _positions(self, indices: Array) -> Any:
        return array_like(indices, self.X, np.int64)

    def _run(
        self,
        kernel: Kernel,
        args: Sequence[Any],
        kept: Any = None,
        draw: Draw | None = None,
    ) -> Iterator[Any]:
        args = [self._placed(argument) for argument in args]
        for number, cut in enumerate(self.slices):
            given = [*self.load(cut)]
            if kept is not None:
                given.append(kept[number])
            given += args
            if draw is not None:
                drawn = draw(self.batch_number, cut.start, cut.stop - cut.start)
                given.append(self._placed(drawn))
            yield without_fp_warnings(kernel, *given)

    def _placed(self, argument: Any) -> Any:
        """Copy numpy arrays to the device, also those in a list."""
        if isinstance(argument, np.ndarray):
            return array_like(argument, self.X)
        if type(argument) is list:
            return [self._placed(part) for part in argument]
        return argument
