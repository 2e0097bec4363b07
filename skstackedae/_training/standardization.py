"""Standardized features: their statistics, and weights that apply to X as it is.

With the means m and the standard deviations s of the features, a network learns from
(x - m) / s. Its encoder sees x through W / s and b - (m / s) W; its linear decoder
returns x through W s and b s + m.
"""

from collections.abc import Sequence

import numpy as np

from .._array_api import Array, cast
from .._network.layers import Layer
from .._rows.feature_maps import FeatureMap
from .._rows.rows import Rows
from .diagnostics import feature_moments
from .propagation import place


def measure_features(
    rows: Rows, *, standardize: bool, fills: bool
) -> FeatureMap | None:
    """Return the map of the features of these rows; None if there is nothing to do."""
    if not (standardize or fills):
        return None
    mean, std = feature_moments(rows.with_feature_map(None))
    # A constant feature is only centered.
    scale = rows.place(np.where(std > 0, std, 1.0)) if standardize else None
    return FeatureMap(rows.place(mean), scale, fills)


def for_raw_features(layers: Sequence[Layer], rows: Rows) -> list[Layer]:
    """Return an encoder and a linear decoder for X as it is, from those for the map."""
    statistics = _mean_and_scale(rows)
    if statistics is None:
        return list(layers)
    mean, scale = statistics
    encoder, decoder = (layer.astype(np.float64) for layer in layers)
    W = encoder.W / scale[:, None]
    raw = (
        encoder._replace(W=W, b=encoder.b - mean @ W),
        decoder._replace(W=decoder.W * scale, b=decoder.b * scale + mean),
    )
    return [place(layer, rows) for layer in raw]


def for_mapped_features(layers: Sequence[Layer], rows: Rows) -> list[Layer]:
    """Undo `for_raw_features`."""
    statistics = _mean_and_scale(rows)
    if statistics is None:
        return list(layers)
    mean, scale = statistics
    encoder, decoder = (layer.astype(np.float64) for layer in layers)
    return [
        encoder._replace(W=encoder.W * scale[:, None], b=encoder.b + mean @ encoder.W),
        decoder._replace(W=decoder.W / scale, b=(decoder.b - mean) / scale),
    ]


def _mean_and_scale(rows: Rows) -> tuple[Array, Array] | None:
    feature_map = rows.feature_map
    if feature_map is None or feature_map.scale is None:
        return None
    return cast(feature_map.mean, np.float64), cast(feature_map.scale, np.float64)
