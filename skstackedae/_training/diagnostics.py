"""Diagnostics: data out of reach, units without work, variance that is explained."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._array_api import Array, array_namespace
from .._network.activations import Activation
from .._network.layers import Layer, output
from .._rows.blocks import Block, RowBlocks
from .._user_warnings import warn_user

# Units that vary less than this part of their range (if that is unbounded: of how much
# the data vary) tell no rows apart.
FLAT_STD = 0.01

# Scalers miss the ends of their range by rounding.
RANGE_SLACK = 1e-6


@dataclass(frozen=True)
class ActivationStatistics:
    """Weighted mean and standard deviation of each unit over all rows, as float64."""

    mean: Array
    std: Array

    @classmethod
    def of(cls, data: RowBlocks, layers: Sequence[Layer]) -> "ActivationStatistics":
        """Pass over the rows once, through these layers; none means the data itself."""
        sums = data.sum(_moments, layers)
        total, first, second = (np.asarray(part, dtype=np.float64) for part in sums)
        mean = first / total
        return cls(mean, np.sqrt(np.maximum(second / total - mean**2, 0.0)))


def diagnosis(data: RowBlocks, encoder: Layer, decoder: Layer) -> dict[str, Any]:
    """Tell how well rows are reconstructed, and which units do any work."""
    hidden = ActivationStatistics.of(data, [encoder])
    inputs = ActivationStatistics.of(data, [])
    is_flat = hidden.std < least_std(encoder.activation, data)
    rates = encoder.activation.rate(hidden.mean)
    total, squares = data.sum(_squared_residuals, [encoder, decoder])
    variance = float(np.sum(inputs.std**2))
    unexplained = float(squares / total) / variance if variance else math.nan
    return {
        "mean_activations": hidden.mean,
        "std_activations": hidden.std,
        "dead": float(np.mean(is_flat & (rates < 0.5))),
        "saturated": float(np.mean(is_flat & (rates >= 0.5))),
        "explained_variance": 1.0 - unexplained,
    }


def least_std(activation: Activation, data: RowBlocks) -> float:
    """Return the standard deviation below which a unit tells no rows apart."""
    if activation.is_bounded:
        return FLAT_STD * activation.span
    inputs = ActivationStatistics.of(data.without_noise(), [])
    return FLAT_STD * float(np.sqrt(np.mean(inputs.std**2)))


def warn_flat_units(
    units: ActivationStatistics, activation: Activation, data: RowBlocks, title: str
) -> None:
    """Warn if most units are dead or saturated: the same for every row."""
    median = float(np.median(units.std))
    if median > least_std(activation, data):
        return
    warn_user(
        f"Most units of the {title} are dead or saturated: the median "
        "standard deviation of their activations over the training rows is "
        f"{median:.2g}. Lower alpha or sparsity_weight, raise sparsity_target, or "
        "scale the features of X.",
        UserWarning,
    )


def check_range(
    X: Any, decoder: Activation, loss: str, title: str, *, can_be_scaled: bool
) -> None:
    """Check that a decoder reaches the data: else its loss is wrong, or stays high."""
    low, high = float(X.min()), float(X.max())
    if low >= decoder.lower - RANGE_SLACK and high <= decoder.upper + RANGE_SLACK:
        return
    if loss == "log_loss":
        raise ValueError(
            f"The input of the {title} lies in [{low:.6g}, {high:.6g}]; "
            "loss='log_loss' needs values in [0, 1]. Use MinMaxScaler, or "
            "loss='squared_error'."
        )
    remedy = "decoder_activation='identity'"
    if decoder.is_bounded and can_be_scaled:
        limits = f"({decoder.lower:g}, {decoder.upper:g})"
        remedy = f"MinMaxScaler(feature_range={limits}), or {remedy}"
    warn_user(
        f"The input of the {title} lies in [{low:.6g}, {high:.6g}]; "
        f"decoder_activation={decoder.name!r} reconstructs only values "
        f"in [{decoder.lower:g}, {decoder.upper:g}]. Use {remedy}.",
        UserWarning,
    )


def _moments(block: Block, layers: Sequence[Layer]) -> tuple[Array, ...]:
    """Kernel: the block's weight, and the first two moments of its activations."""
    xp = array_namespace(block.X)
    # float64, because the variance is a small difference where means are large.
    H = xp.asarray(output(block.X, layers), dtype=xp.float64)
    w = xp.asarray(block.w, dtype=xp.float64)
    return xp.sum(w), w @ H, w @ (H * H)


def _squared_residuals(block: Block, layers: Sequence[Layer]) -> tuple[Array, Array]:
    """Kernel: the block's weight, and its squared residuals."""
    residual = output(block.X, layers) - block.y
    xp = array_namespace(residual)
    rows = xp.sum(residual * residual, axis=1)
    return xp.sum(block.w, dtype=xp.float64), xp.sum(block.w * rows, dtype=xp.float64)
