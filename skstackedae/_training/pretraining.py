"""Pretraining: the hidden layers of a stack, trained from the input up."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.utils.validation import check_memory

from .._array_api import Array
from .._network.layers import Layer
from .._rows.rows import Rows
from .._version import __version__
from .autoencoder import AutoencoderSettings, TrainedAutoencoder, train_autoencoder
from .callbacks import Task
from .propagation import propagate
from .stage import RunSettings, Stage


@dataclass(frozen=True)
class LayerToTrain:
    """Settings and seed for training a hidden layer."""

    settings: AutoencoderSettings
    run: RunSettings
    seed: int
    verbose: int


#: A layer to train, or an encoder that stays as it is.
HiddenLayer = LayerToTrain | Layer


def check_layers(hidden: Sequence[HiddenLayer]) -> None:
    """Check that layers agree with each other, before the first layer is trained."""
    below = "logistic"
    for layer in hidden:
        if isinstance(layer, Layer):
            below = layer.activation.name
            continue
        layer.settings.check()
        if layer.settings.loss == "log_loss" and below != "logistic":
            raise ValueError(
                f"loss='log_loss' needs values in [0, 1], but the layer below has "
                f"{below} units: set loss='squared_error', or activation='logistic' "
                "there."
            )
        below = layer.settings.activation


def pretrains_by_lbfgs_alone(hidden: Sequence[HiddenLayer]) -> bool:
    """Tell whether 'lbfgs' trains all layers that are trained."""
    trained = [layer for layer in hidden if isinstance(layer, LayerToTrain)]
    return all(layer.run.solver == "lbfgs" for layer in trained)


def pretrain(
    hidden: Sequence[HiddenLayer], rows: Rows, *, memory: Any, task: Task
) -> tuple[list[Layer], list[TrainedAutoencoder | None]]:
    """Train one autoencoder after the other, each on the activations below.

    Rows are prepared and have no targets. Return the encoders and the trained
    autoencoders, with None for each frozen layer.
    """
    encoders: list[Layer] = []
    trained: list[TrainedAutoencoder | None] = []
    for number, layer in enumerate(hidden, start=1):
        found = None
        if isinstance(layer, LayerToTrain):
            found = _train(layer, propagate(rows, encoders), number, memory, task)
        encoder = found.layers[0] if found is not None else layer
        assert isinstance(encoder, Layer)
        trained.append(found)
        # A frozen layer may have another precision.
        encoders.append(encoder.astype(rows.dtype))
    return encoders, trained


def initial_encoders(
    hidden: Sequence[HiddenLayer], n_features: int, dtype: Any
) -> list[Layer]:
    """Return the layers from which pretraining would start."""
    encoders: list[Layer] = []
    for layer in hidden:
        if isinstance(layer, LayerToTrain):
            layer = layer.settings.initial_encoder(n_features, layer.seed)
        encoders.append(layer.astype(dtype))
        n_features = len(layer.b)
    return encoders


@dataclass
class _Call:
    """Arguments that do not change the result of training, and the result."""

    rows: Rows
    stage: Stage
    task: Task
    trained: TrainedAutoencoder | None = None


class _StoppedByCallback(Exception):  # noqa: N818 - not an error
    """Keeps the cache from storing an unfinished layer, which later fits would get."""


def _train(
    layer: LayerToTrain, rows: Rows, number: int, memory: Any, task: Task
) -> TrainedAutoencoder:
    """Train a layer, or take it from the cache."""
    stage = Stage("pretraining", number, layer.run, layer.verbose)
    max_iter = layer.run.options.max_iter
    call = _Call(rows, stage, task.subtask(stage.title, max_subtasks=max_iter))
    location = os.fspath(memory) if isinstance(memory, os.PathLike) else memory
    train = check_memory(location).cache(_train_uncached, ignore=["call"])
    try:
        trained = train(
            layer.settings,
            layer.run,
            layer.seed,
            rows.X,
            rows.weights,
            str(rows.dtype),
            __version__,
            call=call,
        )
    except _StoppedByCallback:
        trained = call.trained
    if layer.verbose and call.trained is None:
        print(f"[{stage.title}] taken from the cache", flush=True)
    call.task.end()
    # The cached layer may have had another number.
    record = replace(trained.record, layer=number)
    layers = [
        Layer(_in_memory(W), _in_memory(b), activation)
        for W, b, activation in trained.layers
    ]
    return TrainedAutoencoder(layers, _in_memory(trained.mean_activations), record)


def _train_uncached(
    settings: AutoencoderSettings,
    run: RunSettings,
    seed: int,
    X: Any,
    weights: Array,
    dtype: str,
    version: str,
    *,
    call: _Call,
) -> TrainedAutoencoder:
    """Train a layer; the result depends on all arguments except the last."""
    random_state = np.random.RandomState(seed)
    call.trained = train_autoencoder(
        call.rows, settings, call.stage, random_state, task=call.task
    )
    if call.task.was_stopped:
        raise _StoppedByCallback
    return call.trained


def _in_memory(array: Array) -> Array:
    """Copy an array that the cache has mapped from a file."""
    return np.array(array) if isinstance(array, np.memmap) else array
