"""The rows that a network is trained on, as they pass from layer to layer."""

from collections.abc import Callable
from typing import Any, NamedTuple

from .._array_api import Array
from .blocks import RowBlocks
from .noise import MaskingNoise
from .threads import Threads


class TrainingRows(NamedTuple):
    """Rows that count, their weights, and threads for them."""

    X: Any
    y: Array
    weights: Array
    threads: Threads

    def blocks(
        self, row_width: int, corruption: MaskingNoise | None = None
    ) -> RowBlocks:
        """Cut the rows for a network of this width."""
        return RowBlocks(
            self.X,
            self.y,
            self.weights,
            row_width=row_width,
            threads=self.threads,
            corruption=corruption,
        )

    def propagate(
        self, function: Callable[..., Array], *args: Any, row_width: int
    ) -> "TrainingRows":
        """Put function(X, *args) in the place of X."""
        return self._replace(X=self.blocks(row_width).stack(function, *args))
