"""Pretraining: the hidden layers of a stack, trained from the input up."""

import copy
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_memory

from ._array_api import Array
from ._layer_prototypes import LayerAutoencoder
from ._network.layers import Layer
from ._rows.threads import Threads
from ._rows.training_rows import TrainingRows
from ._sparse_autoencoder import SparseAutoencoder
from ._training.callbacks import Task
from ._training.stage import Stage
from ._training.supervised import propagate_rows
from ._version import __version__

# Parameters that change nothing about a trained layer.
NOT_IN_CACHE_KEY = ("n_jobs", "verbose")


class PretrainedLayers(NamedTuple):
    """The encoders of a stack, what they came from, and the records of its stages."""

    encoders: list[Layer]
    autoencoders: list[SparseAutoencoder]
    history: list[dict[str, Any]]


def pretrained_layers(
    autoencoders: Sequence[LayerAutoencoder],
    rows: TrainingRows,
    *,
    memory: Any,
    task: Task,
) -> PretrainedLayers:
    """Train one autoencoder after the other, each on the activations below."""
    _check_parameters_of(autoencoders)
    layers = PretrainedLayers([], [], [])
    for number, autoencoder in enumerate(autoencoders, start=1):
        if isinstance(autoencoder, FrozenEstimator):
            # A copy, because a refit elsewhere must not change this model.
            autoencoder = copy.deepcopy(autoencoder.estimator)
        else:
            below = propagate_rows(rows, layers.encoders)
            record = _train(autoencoder, below, number, memory, task)
            layers.history.append(record)
        layers.autoencoders.append(autoencoder)
        # A frozen layer may come in another precision.
        layers.encoders.append(autoencoder._encoder().astype(rows.X.dtype))
    return layers


def initial_layers(
    autoencoders: Sequence[LayerAutoencoder], n_features: int, dtype: Any
) -> list[Layer]:
    """Return the layers from which pretraining would start; frozen ones as they are."""
    layers: list[Layer] = []
    for autoencoder in autoencoders:
        if isinstance(autoencoder, FrozenEstimator):
            autoencoder = autoencoder.estimator
        else:
            autoencoder._initialize(len(layers[-1].b) if layers else n_features)
        layers.append(autoencoder._encoder().astype(dtype))
    return layers


def _check_parameters_of(autoencoders: Sequence[LayerAutoencoder]) -> None:
    # Before the first layer is trained, not when the wrong one's turn comes.
    below = "logistic"
    for autoencoder in autoencoders:
        if isinstance(autoencoder, FrozenEstimator):
            below = autoencoder.estimator.activations_[0]
            continue
        autoencoder._check_parameters()
        if autoencoder.loss == "log_loss" and below != "logistic":
            raise ValueError(
                f"loss='log_loss' needs values in [0, 1], but the layer below has "
                f"{below} units: set loss='squared_error', or activation='logistic' "
                "there."
            )
        below = autoencoder.activation


def _train(
    autoencoder: SparseAutoencoder,
    rows: TrainingRows,
    number: int,
    memory: Any,
    task: Task,
) -> dict[str, Any]:
    """Train a layer, or take it from the cache; return its record."""
    stage = Stage.of(autoencoder, "pretraining", number)
    layer_task = task.subtask(stage.title, max_subtasks=autoencoder.max_iter)
    parameters = autoencoder.get_params()
    for name in NOT_IN_CACHE_KEY:
        del parameters[name]
    location = os.fspath(memory) if isinstance(memory, os.PathLike) else memory
    train = check_memory(location).cache(
        _trained_attributes, ignore=["autoencoder", "stage", "threads", "task"]
    )
    try:
        attributes, record = train(
            parameters,
            rows.X,
            rows.weights,
            __version__,
            autoencoder=autoencoder,
            stage=stage,
            threads=rows.threads,
            task=layer_task,
        )
    except _StoppedByCallback as stopped:
        attributes, record = stopped.result
    if autoencoder.verbose and not hasattr(autoencoder, "coefs_"):
        print(f"[{stage.title}] taken from the cache", flush=True)
    autoencoder.__dict__.update(
        {name: _in_memory(value) for name, value in attributes.items()}
    )
    layer_task.end()
    # In the cache it may have been another layer.
    return {**record, "layer": number}


def _trained_attributes(
    parameters: dict[str, Any],
    X: Any,
    weights: Array,
    version: str,
    *,
    autoencoder: SparseAutoencoder,
    stage: Stage,
    threads: Threads,
    task: Task,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Train a layer; return what fit would leave on it, and the stage's record.

    The first four arguments say all that the result depends on.
    """
    record = autoencoder._train(X, weights, stage, threads, task)
    attributes = {name: v for name, v in vars(autoencoder).items() if name[-1] == "_"}
    if task.was_stopped:
        raise _StoppedByCallback(attributes, record)
    return attributes, record


class _StoppedByCallback(Exception):  # noqa: N818 - not an error
    """Carries a result past the cache, which must not keep it: others would get it."""

    def __init__(self, *result: dict[str, Any]) -> None:
        super().__init__()
        self.result = result


def _in_memory(value: Any) -> Any:
    """Copy arrays that a cache may have mapped from a file."""
    if isinstance(value, list):
        return [_in_memory(item) for item in value]
    return np.array(value) if isinstance(value, np.memmap) else value
