"""Propagation of rows through trained layers, as input of the next stage."""

from collections.abc import Sequence

from .._network.layers import Layer, forward_output
from .._rows.rows import AnyRows


def propagate(rows: AnyRows, layers: Sequence[Layer]) -> AnyRows:
    """Return rows whose X is the output of these layers; the same rows without any."""
    if not layers:
        return rows
    row_width = rows.n_features + sum(len(layer.b) for layer in layers)
    return rows.cut_for(row_width).propagate(forward_output, layers)
