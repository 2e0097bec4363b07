"""Layers and activations of fitted estimators, for the displays."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias, get_args

import numpy as np

from .._array_api import Array
from .._input_checks import check_fitted_instance, check_same_place
from .._network.layers import Layer, forward_output
from .._network.losses import SOFTMAX
from .._sparse_autoencoder import SparseAutoencoder
from .._stacked_autoencoder import StackedAutoencoder
from .._stacked_classifier import StackedAutoencoderClassifier
from .._stacked_regressor import StackedAutoencoderRegressor
from .._training.diagnostics import INACTIVE_STD, unit_scales

Estimator: TypeAlias = (
    SparseAutoencoder
    | StackedAutoencoder
    | StackedAutoencoderClassifier
    | StackedAutoencoderRegressor
)
Names: TypeAlias = Sequence[Any] | Array | None


class LayerActivations(NamedTuple):
    """Activations of a layer, the range of its units, and the scales of their spread.

    A scale is infinite if the inputs of the layer do not vary and the range of its
    units is unbounded. All units of the layer are then inactive.
    """

    values: Array
    limits: tuple[float, float]
    scales: Array

    @classmethod
    def from_estimator(
        cls, estimator: Estimator, X: Any, layer: int
    ) -> "LayerActivations":
        """Pass samples through a fitted estimator up to this layer."""
        *below, top = layers_up_to(estimator, layer)
        X = estimator._validated(X)
        check_same_place(estimator, X, "transform")
        inputs = estimator._map_features(forward_output, X, below)
        values, activation = forward_output(inputs, [top]), top.activation
        if is_output(estimator, layer):
            return cls(SOFTMAX.predict(values), (0.0, 1.0), np.ones(values.shape[1]))
        norms = np.ones(values.shape[1])
        if isinstance(estimator, SparseAutoencoder | StackedAutoencoder):
            decoder = estimator.coefs_[2 * estimator._n_encoders - layer]
            norms = np.linalg.norm(decoder, axis=1)
        active = np.mean(values != 0, axis=0)
        scales = unit_scales(activation, active, norms, _spread(inputs))
        return cls(values, (activation.lower, activation.upper), scales)

    @property
    def relative_std(self) -> Array:
        """Standard deviation of each unit, as a fraction of its scale."""
        return self.values.std(axis=0, dtype=np.float64) / self.scales


def is_inactive(std: Array, threshold: Any = INACTIVE_STD) -> Array:
    """Tell which units vary too little to distinguish samples: dead or saturated."""
    return std < threshold


def check_estimator(estimator: Estimator) -> None:
    check_fitted_instance(estimator, *get_args(Estimator))


def layers_up_to(estimator: Estimator, layer: int) -> list[Layer]:
    check_estimator(estimator)
    layers = estimator._layers()
    if not isinstance(estimator, StackedAutoencoderClassifier):
        layers = layers[: estimator._n_encoders]
    if layer not in range(1, len(layers) + 1):
        raise ValueError(
            f"layer={layer!r} does not exist: layers of this "
            f"{type(estimator).__name__} are numbered from 1 to {len(layers)}."
        )
    return layers[: int(layer)]


def is_output(estimator: Estimator, layer: int) -> bool:
    is_classifier = isinstance(estimator, StackedAutoencoderClassifier)
    return is_classifier and layer == len(estimator.coefs_)


def feature_names_of(names: Names, estimator: Estimator) -> Names:
    return getattr(estimator, "feature_names_in_", None) if names is None else names


def _spread(inputs: Array) -> float:
    """Root mean square of the columns' standard deviations; infinite if that is 0."""
    # Standard deviations of constant columns are not exactly 0, but their ranges are.
    rounding = 10 * np.finfo(inputs.dtype).eps * np.abs(inputs).max(axis=0)
    varies = (np.ptp(inputs, axis=0) > rounding).any()
    variances = inputs.var(axis=0, dtype=np.float64)
    return float(np.sqrt(variances.mean())) if varies else math.inf
