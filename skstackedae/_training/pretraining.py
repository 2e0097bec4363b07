"""Pretraining: the hidden layers of a stack, trained from the input up."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from .._network.layers import Layer
from .._rows.rows import Rows
from .autoencoder import AutoencoderSettings, TrainedAutoencoder
from .callbacks import Task
from .layer_cache import LayerCache
from .propagation import place, propagate
from .stage import RunSettings, Stage


@dataclass(frozen=True)
class LayerToTrain:
    """Settings and seed for training a hidden layer."""

    settings: AutoencoderSettings
    run: RunSettings
    seed: int
    verbose: int


#: Encoder and decoder of a layer.
LayerPair = tuple[Layer, Layer]

#: A layer to train, or one that stays as it is.
HiddenLayer = LayerToTrain | LayerPair


def check_layers(hidden: Sequence[HiddenLayer]) -> None:
    """Check that layers agree with each other, before the first layer is trained."""
    below = "logistic"
    for layer in hidden:
        if not isinstance(layer, LayerToTrain):
            below = layer[0].activation.name
            continue
        layer.settings.check()
        if layer.settings.loss == "log_loss" and below != "logistic":
            raise ValueError(
                f"loss='log_loss' needs values in [0, 1], but the layer below has "
                f"{below} units: set loss='squared_error', or activation='logistic' "
                "in the layer below."
            )
        below = layer.settings.activation


def pretrains_by_lbfgs_alone(hidden: Sequence[HiddenLayer]) -> bool:
    """Tell whether 'lbfgs' trains all layers that are trained."""
    trained = [layer for layer in hidden if isinstance(layer, LayerToTrain)]
    return all(layer.run.solver == "lbfgs" for layer in trained)


def pretrain(
    hidden: Sequence[HiddenLayer], rows: Rows, *, memory: Any, task: Task
) -> tuple[list[LayerPair], list[TrainedAutoencoder | None]]:
    """Train one autoencoder after the other, each on the activations below.

    Rows are prepared and have no targets. Return the layers and the trained
    autoencoders, with None for each frozen layer.
    """
    cache = LayerCache(memory)
    pairs: list[LayerPair] = []
    trained: list[TrainedAutoencoder | None] = []
    for number, layer in enumerate(hidden, start=1):
        found = None
        if isinstance(layer, LayerToTrain):
            encoders = [encoder for encoder, _ in pairs]
            found = _train(layer, propagate(rows, encoders), number, cache, task)
            pairs.append(_placed(found.layers, rows))
        else:
            # It may be on another device or in another precision.
            pairs.append(_placed(layer, rows))
        trained.append(found)
    return pairs, trained


def initial_layers(hidden: Sequence[HiddenLayer], rows: Rows) -> list[LayerPair]:
    """Return the layers from which pretraining would start."""
    pairs: list[LayerPair] = []
    n_features = rows.n_features
    for layer in hidden:
        layers: Sequence[Layer]
        if isinstance(layer, LayerToTrain):
            layers = layer.settings.initial_layers(rows, n_features, layer.seed)
        else:
            layers = layer
        pairs.append(_placed(layers, rows))
        n_features = layers[0].b.shape[0]
    return pairs


def _placed(layers: Sequence[Layer], rows: Rows) -> LayerPair:
    encoder, decoder = (place(layer, rows) for layer in layers)
    return encoder, decoder


def _train(
    layer: LayerToTrain, rows: Rows, number: int, cache: LayerCache, task: Task
) -> TrainedAutoencoder:
    stage = Stage("pretraining", number, layer.run, layer.verbose)
    subtask = task.subtask(stage.title, max_subtasks=layer.run.options.max_iter)
    trained = cache.train(rows, layer.settings, stage, layer.seed, subtask)
    subtask.end()
    # The cached layer may have had another number.
    return replace(trained, record=replace(trained.record, layer=number))
