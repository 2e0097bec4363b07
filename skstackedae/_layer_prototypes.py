"""Assigns an autoencoder to each layer of a stack."""

import copy
from collections.abc import Sequence
from itertools import pairwise
from numbers import Integral
from typing import Any, TypeAlias

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from ._array_api import Array, is_beside, to_numpy
from ._network.activations import ACTIVATIONS
from ._rows.rows import Rows
from ._sparse_autoencoder import SparseAutoencoder, hidden_activation, set_layers
from ._training.autoencoder import AutoencoderSettings, TrainedAutoencoder
from ._training.diagnostics import is_in_range
from ._training.pretraining import HiddenLayer, LayerToTrain
from ._training.propagation import place
from ._training.settings import from_parameters
from ._training.stage import RunSettings

#: A clone to train, or a fitted autoencoder that stays as it is.
LayerAutoencoder: TypeAlias = SparseAutoencoder | FrozenEstimator

#: The prototype that ``autoencoder="denoising"`` means, except for its decoder.
DENOISING: dict[str, Any] = {
    "activation": "relu",
    "tied_weights": True,
    "corruption": 0.3,
    "sparsity_weight": 0,
    "alpha": 0,
    "solver": "adam",
    "learning_rate": "linear",
    "max_iter": 12,
}


def layer_sizes(hidden_layer_sizes: Any) -> tuple[int, ...]:
    """Convert `hidden_layer_sizes`, an int or a sequence of ints, to a tuple."""
    given = hidden_layer_sizes
    # [()] turns an array without dimensions into a scalar.
    sizes = (np.asarray(given)[()],) if np.ndim(given) == 0 else tuple(given)
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, Integral) or size < 1:
            raise ValueError(
                f"hidden_layer_sizes={hidden_layer_sizes!r} contains {size!r}: each "
                "layer needs an int of 1 or more."
            )
    return tuple(int(size) for size in sizes)


def layer_autoencoders(
    given: Any,
    sizes: Sequence[int],
    rows: Rows,
    random_state: np.random.RandomState,
    *,
    n_jobs: int | None,
    verbose: int,
    feature_names: Array | None,
) -> list[LayerAutoencoder]:
    """Make one autoencoder for each layer from the `autoencoder` parameter.

    ``sizes`` are the numbers of hidden units, ``feature_names`` the names of the
    columns of X, if any. A seed is drawn for frozen layers, too, so that layer 1 is the
    same for every number of layers.
    """
    seeds = random_state.randint(np.iinfo(np.int32).max, size=len(sizes))
    autoencoders = []
    prototypes = _one_for_each(given, sizes, rows)
    shapes = pairwise((rows.n_features, *sizes))
    for position, (prototype, (n_in, n_out)) in enumerate(
        zip(prototypes, shapes, strict=True)
    ):
        if isinstance(prototype, FrozenEstimator):
            _check_frozen(prototype, position, n_in, n_out)
            if position == 0 and feature_names is not None:
                _check_frozen_names(prototype, feature_names)
            autoencoders.append(prototype)
            continue
        _check_prototype(prototype, position)
        autoencoder = clone(prototype).set_params(
            n_components=n_out,
            random_state=int(seeds[position]),
            n_jobs=n_jobs,
            verbose=verbose,
        )
        # scikit-learn does not validate the parameters of nested estimators.
        autoencoder._validate_params()
        autoencoders.append(autoencoder)
    return autoencoders


def _one_for_each(given: Any, sizes: Sequence[int], rows: Rows) -> Sequence[Any]:
    if given is None:
        given = SparseAutoencoder()
    if isinstance(given, str):
        return _denoising_autoencoders(len(sizes), rows)
    if isinstance(given, SparseAutoencoder):
        return [given] * len(sizes)
    if len(given) != len(sizes):
        raise ValueError(
            f"autoencoder has {len(given)} entries, but hidden_layer_sizes="
            f"{tuple(sizes)} has {len(sizes)} layers: pass one entry for each layer, "
            "or a single SparseAutoencoder for all."
        )
    return given


def _denoising_autoencoders(n_layers: int, rows: Rows) -> list[SparseAutoencoder]:
    """Return prototypes with the decoders that suit their inputs."""
    linear = SparseAutoencoder(**DENOISING, decoder_activation="identity")
    prototypes = [linear] * n_layers
    # The inputs of higher layers come from relu units, which have no upper limit.
    if prototypes and is_in_range(*rows.value_range(), ACTIVATIONS["logistic"]):
        prototypes[0] = SparseAutoencoder(
            **DENOISING, decoder_activation="logistic", loss="log_loss"
        )
    return prototypes


def _check_prototype(prototype: Any, position: int) -> None:
    if not isinstance(prototype, SparseAutoencoder):
        raise ValueError(
            f"autoencoder[{position}] is {prototype!r}: pass a SparseAutoencoder, or "
            "a fitted one as FrozenEstimator(autoencoder)."
        )


def _check_frozen(
    frozen: FrozenEstimator, position: int, n_in: int, n_out: int
) -> None:
    autoencoder = frozen.estimator
    if not isinstance(autoencoder, SparseAutoencoder):
        raise ValueError(
            f"autoencoder[{position}] freezes {autoencoder!r}, but only a fitted "
            "SparseAutoencoder can be a layer."
        )
    check_is_fitted(autoencoder)
    shape = autoencoder.coefs_[0].shape
    if shape != (n_in, n_out):
        raise ValueError(
            f"The frozen autoencoder[{position}] has {shape[0]} features and "
            f"{shape[1]} components, but layer {position + 1} has {n_in} inputs and "
            f"{n_out} units: fit a matching autoencoder, or change hidden_layer_sizes."
        )


def _check_frozen_names(lowest: FrozenEstimator, names: Array) -> None:
    # The weights belong to columns, so the order of the columns matters.
    known = getattr(lowest.estimator, "feature_names_in_", names)
    for position, (frozen, given) in enumerate(zip(known, names, strict=True)):
        if frozen != given:
            raise ValueError(
                f"The frozen autoencoder[0] was fitted with {frozen!r} as column "
                f"{position}, but X has {given!r} there: pass the same columns in the "
                "same order."
            )


def allows_missing(given: Any) -> bool:
    """Tell whether the `autoencoder` parameter is made for missing entries of X."""
    if isinstance(given, list | tuple):
        given = given[0] if given else None
    if isinstance(given, FrozenEstimator):
        return hasattr(given.estimator, "feature_means_")
    return getattr(given, "missing_values", None) is not None


def hidden_activation_of(autoencoder: LayerAutoencoder) -> str:
    """Return the name of the activation of a layer."""
    if isinstance(autoencoder, FrozenEstimator):
        return str(autoencoder.estimator.activations_[0])
    return hidden_activation(autoencoder)


def to_hidden_layer(autoencoder: LayerAutoencoder) -> HiddenLayer:
    """Return the form of a layer that pretraining takes."""
    if isinstance(autoencoder, FrozenEstimator):
        encoder, decoder = autoencoder.estimator._layers()
        return encoder, decoder
    parameters = autoencoder.get_params(deep=False)
    return LayerToTrain(
        from_parameters(AutoencoderSettings, parameters),
        RunSettings.from_parameters(parameters),
        seed=parameters["random_state"],
        verbose=autoencoder.verbose,
    )


def trained_autoencoders(
    autoencoders: Sequence[LayerAutoencoder],
    trained: Sequence[TrainedAutoencoder | None],
    rows: Rows,
) -> list[SparseAutoencoder]:
    """Return the fitted autoencoders: trained clones, and copies of frozen ones.

    Copies, because a refit of the frozen autoencoder must not change this model.
    """
    fitted: list[SparseAutoencoder] = []
    for autoencoder, result in zip(autoencoders, trained, strict=True):
        if isinstance(autoencoder, FrozenEstimator):
            fitted.append(moved(copy.deepcopy(autoencoder.estimator), rows))
        else:
            assert result is not None
            set_layers(
                *(autoencoder, result.layers, result.mean_activations),
                result.feature_map,
            )
            autoencoder._set_record(result.record)
            fitted.append(autoencoder)
    return fitted


def moved(autoencoder: SparseAutoencoder, rows: Rows) -> SparseAutoencoder:
    """Return a fitted autoencoder on the device of the rows; a copy if it moves."""
    layers = autoencoder._layers()
    placed = rows.place(layers[0].W)
    if is_beside(layers[0].W, placed):
        return autoencoder
    moved = copy.copy(autoencoder)
    means = to_numpy(autoencoder.mean_activations_)
    set_layers(moved, [place(layer, rows) for layer in layers], means)
    return moved
