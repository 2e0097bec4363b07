"""What displays ask of a fitted estimator: its layers, and what samples do in them."""

from typing import Any, NamedTuple

import numpy as np

from .._array_api import Array
from .._input_checks import check_fitted_instance
from .._network.layers import Layer, forward_output
from .._network.losses import SOFTMAX
from .._rows.blocks import map_rows
from .._sparse_autoencoder import SparseAutoencoder
from .._stacked_classifier import StackedAutoencoderClassifier


class LayerActivations(NamedTuple):
    """Activations of a layer, the range of its units, the scale of their spread."""

    values: Array
    limits: tuple[float, float]
    scale: float

    @classmethod
    def of(cls, estimator: Any, X: Any, layer: int) -> "LayerActivations":
        """Take samples through a fitted estimator up to this layer."""
        *below, top = layers_up_to(estimator, layer)
        X = estimator._validated(X)
        width = X.shape[1] + sum(len(part.b) for part in below)
        inputs = map_rows(
            forward_output, X, below, row_width=width, n_jobs=estimator.n_jobs
        )
        values = forward_output(inputs, [top])
        if is_output(estimator, layer):
            return cls(SOFTMAX.predict(values), (0.0, 1.0), 1.0)
        activation = top.activation
        scale = activation.span
        if not activation.is_bounded:
            # As SparseAutoencoder.diagnose does.
            scale = float(np.sqrt(np.mean(inputs.var(axis=0, dtype=np.float64))))
        return cls(values, (activation.lower, activation.upper), scale)

    @property
    def use(self) -> Array:
        """Standard deviation of each unit, as a part of the scale."""
        return self.values.std(axis=0, dtype=np.float64) / (self.scale or 1.0)


def layers_up_to(estimator: Any, layer: Any) -> list[Layer]:
    check_fitted_instance(estimator, SparseAutoencoder, StackedAutoencoderClassifier)
    layers = estimator._layers()
    if isinstance(estimator, SparseAutoencoder):
        layers = layers[:1]
    if layer not in range(1, len(layers) + 1):
        raise ValueError(
            f"layer={layer!r} does not exist: layers of this "
            f"{type(estimator).__name__} are numbered from 1 to {len(layers)}."
        )
    return layers[: int(layer)]


def is_output(estimator: Any, layer: int) -> bool:
    is_classifier = isinstance(estimator, StackedAutoencoderClassifier)
    return is_classifier and layer == len(estimator.coefs_)


def feature_names_of(names: Any, estimator: Any) -> Any:
    return getattr(estimator, "feature_names_in_", None) if names is None else names
