"""The rows that a network is trained on, as they pass from layer to layer."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from .._array_api import Array
from .noise import Corruption
from .._network.layers import Layer, output
from .blocks import RowBlocks
from .threads import Workers


class TrainingRows(NamedTuple):
    """Rows that count, their weights, and threads for them."""

    X: Any
    y: Array
    weights: Array
    workers: Workers

    def blocks(self, row_width: int, corruption: Corruption | None = None) -> RowBlocks:
        """Cut the rows for a network of this width."""
        return RowBlocks(
            self.X,
            self.y,
            self.weights,
            row_width=row_width,
            workers=self.workers,
            corruption=corruption,
        )

    def through(self, layers: Sequence[Layer]) -> "TrainingRows":
        """Put the activations of the last of these layers in the place of X."""
        if not layers:
            return self
        row_width = self.X.shape[1] + sum(len(layer.b) for layer in layers)
        return self._replace(X=self.blocks(row_width).stack(output, layers))
