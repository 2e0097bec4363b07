"""Layers brought to the rows, and rows propagated to the next stage."""

from collections.abc import Sequence

from .._network.layers import Layer, forward_output
from .._rows.rows import AnyRows, Rows


def place(layer: Layer, rows: Rows) -> Layer:
    """Return the layer where the rows are, in their precision."""
    return Layer(rows.place(layer.W), rows.place(layer.b), layer.activation)


def propagate(rows: AnyRows, layers: Sequence[Layer]) -> AnyRows:
    """Return rows whose X is the output of these layers; the same rows without any."""
    if not layers:
        return rows
    row_width = rows.n_features + sum(layer.b.shape[0] for layer in layers)
    return rows.cut_for(row_width).propagate(forward_output, layers)
