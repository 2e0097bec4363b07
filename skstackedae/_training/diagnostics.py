"""Values outside the decoder's range, inactive units, explained variance."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._array_api import Array, to_numpy
from .._network import kernels
from .._network.activations import Activation
from .._network.layers import Layer
from .._rows.rows import Rows
from .._user_warnings import warn_user
from .propagation import propagate

# Units are inactive if their standard deviation is less than this fraction of their
# scale: see `unit_scales`.
INACTIVE_STD = 0.01

# Scaled data may exceed the range by rounding.
RANGE_SLACK = 1e-6

# Squares of numbers below two to this power, summed over any data, stay finite.
MAX_SQUARED_EXPONENT = 480


@dataclass(frozen=True)
class ActivationStatistics:
    """Statistics of each unit over all rows, as float64.

    Weighted mean and standard deviation, and the weighted fraction of the rows in which
    the unit is not 0.
    """

    mean: Array
    std: Array
    active: Array

    @classmethod
    def from_rows(
        cls, rows: Rows, layers: Sequence[Layer], scale: float = 1.0
    ) -> "ActivationStatistics":
        """Pass rows through these layers; without layers, describe the data.

        ``scale`` is a factor of the activations.
        """
        sums = rows.with_noise(None).sum(kernels.moments, layers, scale)
        total, first, second, active = (
            np.asarray(to_numpy(part), dtype=np.float64) for part in sums
        )
        with np.errstate(over="ignore", invalid="ignore"):
            mean = first / total
            variance = second / total - mean**2
            # A smaller variance is a rounding error.
            is_constant = variance <= 8 * np.finfo(np.float64).eps * mean**2
        std = np.sqrt(np.where(is_constant, 0.0, variance))
        return cls(mean, std, active / total)

    def inactive_units(
        self, encoder: Layer, decoder: Layer, rows: Rows
    ) -> tuple[Array, Array]:
        """Tell which units are dead and which are saturated: they hardly vary."""
        norms, spread = np.ones(len(self.std)), 1.0
        if not encoder.activation.is_bounded:
            V = np.asarray(to_numpy(decoder.W), dtype=np.float64)
            norms = np.sqrt(np.sum(V * V, axis=1))
            inputs = ActivationStatistics.from_rows(rows, [])
            spread = float(np.sqrt(np.mean(inputs.std**2)))
        limits = INACTIVE_STD * unit_scales(
            encoder.activation, self.active, norms, spread
        )
        is_inactive = self.std < limits
        is_low = low_units(
            encoder.activation.mean_activation(self.mean),
            self.active > 0,
            None if encoder.activation.is_bounded else limits,
        )
        return is_inactive & is_low, is_inactive & ~is_low


def low_units(means: Array, is_ever_on: Array, limits: Array | None) -> Array:
    """Tell which units that hardly vary are dead; the others are saturated.

    ``means`` are mean activations, as fractions of the range if it is bounded. Without
    a bounded range, those closer to 0 than these limits are low.
    """
    is_low: Array = means < 0.5 if limits is None else np.abs(means) < limits
    return is_low | ~is_ever_on


def unit_scales(
    activation: Activation, active: Array, norms: Array, spread: float
) -> Array:
    """Return what the units' standard deviations are measured by.

    The scale of a bounded unit is its range. Any other unit adds its activation times
    its weights in the decoder to the output, so its scale is the spread of the inputs
    divided by the norm of these weights. Scales of units that can be off are multiplied
    by the root of the fraction of rows in which the unit is on, so that a rare unit is
    not called inactive.
    """
    if activation.is_bounded:
        scales = np.full(len(active), activation.span)
    else:
        with np.errstate(divide="ignore"):
            scales = np.divide(spread or math.inf, norms)
    if activation.top_k is not None or activation.lower == 0:
        scales *= np.sqrt(np.where(active > 0, active, 1.0))
    return scales


def feature_moments(rows: Rows) -> tuple[Array, Array]:
    """Return mean and standard deviation of the observed entries of each feature.

    A feature without any entry has the mean 0. A standard deviation that is as small as
    rounding errors of the mean is 0.
    """
    mean = np.zeros(rows.n_features)
    # The second pass has centered data, so that no digits are lost.
    for _ in range(2):
        sums = rows.sum(kernels.observed_moments, mean)
        weights, first, second = (
            np.asarray(to_numpy(part), dtype=np.float64) for part in sums
        )
        shift = first / np.where(weights > 0, weights, 1.0)
        mean = mean + shift
    variance = second / np.where(weights > 0, weights, 1.0) - shift**2
    # The bound of scikit-learn's StandardScaler.
    eps = rows.n_rows * np.finfo(np.float64).eps
    is_constant = variance <= eps * variance + (eps * mean) ** 2
    return mean, np.sqrt(np.where(is_constant, 0.0, variance))


def diagnose(rows: Rows, layers: Sequence[Layer], n_encoders: int) -> dict[str, Any]:
    """Measure how well rows are reconstructed, and how many code units are inactive."""
    encoder, decoder = layers[n_encoders - 1 : n_encoders + 1]
    below = propagate(rows, layers[: n_encoders - 1])
    hidden = ActivationStatistics.from_rows(below, [encoder])
    is_dead, is_saturated = hidden.inactive_units(encoder, decoder, below)
    scale = _safe_scale(rows)
    inputs = ActivationStatistics.from_rows(rows, [], scale)
    total, squares = rows.sum(kernels.squared_residuals, layers, scale)
    variance, error = float(np.sum(inputs.std**2)), float(squares / total)
    # Without variance, the same as scikit-learn's explained_variance_score.
    explained = 1.0 - error / variance if variance else float(error == 0.0)
    return {
        "mean_activations": hidden.mean,
        "std_activations": hidden.std,
        "dead": float(np.mean(is_dead)),
        "saturated": float(np.mean(is_saturated)),
        "mean_active": float(np.sum(hidden.active)),
        "explained_variance": explained,
    }


def _safe_scale(rows: Rows) -> float:
    """Return a power of two that scales the data so that squares do not overflow."""
    exponent = math.frexp(max(map(abs, rows.value_range())))[1]
    return math.ldexp(1.0, -exponent) if exponent > MAX_SQUARED_EXPONENT else 1.0


#: What helps against inactive units, by the kind of sparsity.
REMEDIES = {
    "kl": "Lower alpha or sparsity_weight, raise sparsity_target",
    "l1": "Lower alpha or sparsity_weight",
    "top_k": "Raise idle_weight (to 0.1; it needs solver='adam') or sparsity_target",
}


def warn_inactive_units(
    units: ActivationStatistics,
    layers: Sequence[Layer],
    rows: Rows,
    title: str,
    sparsity: str,
) -> None:
    """Warn if most units are dead or saturated: the same for every row."""
    encoder, decoder = layers
    n_units = len(units.std)
    n_inactive = np.sum(units.inactive_units(encoder, decoder, rows))
    if 2 * n_inactive <= n_units:
        return
    warn_user(
        f"Most units of the {title} are dead or saturated: the activations of "
        f"{n_inactive} of {n_units} units hardly vary over the training rows. "
        f"{REMEDIES[sparsity]}, or scale the features of X.",
        UserWarning,
    )


def is_in_range(low: float, high: float, activation: Activation) -> bool:
    """Tell whether values from low to high lie in the range of an activation."""
    return (
        low >= activation.lower - RANGE_SLACK and high <= activation.upper + RANGE_SLACK
    )


def check_range(
    rows: Rows, decoder: Activation, loss: str, title: str, *, can_be_scaled: bool
) -> None:
    """Check that the data lie in the range of the decoder."""
    low, high = rows.value_range()
    if is_in_range(low, high, decoder):
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
