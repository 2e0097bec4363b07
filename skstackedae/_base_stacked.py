"""The base class of stacks, which makes, pretrains and reuses their hidden layers."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.frozen import FrozenEstimator

from . import _input_checks as checks
from . import _layer_prototypes as prototypes
from ._array_api import cast, compute_dtype, copied, dtype_of, is_on_device
from ._base import BaseNetwork, network_attributes
from ._network.layers import Layer, forward_output
from ._rows.cluster import is_on_cluster, map_lazily, same
from ._rows.preparation import prepare_rows
from ._rows.rows import Rows
from ._rows.stored import in_memory
from ._sparse_autoencoder import SparseAutoencoder
from ._training import pretraining
from ._training.callbacks import Task
from ._training.propagation import place
from ._training.stage import StageRecord
from ._user_warnings import warn_user

# Parameters of the prototypes that have no effect, and what determines them instead.
DETERMINED_BY = {
    "n_components": "hidden_layer_sizes",
    "random_state": "random_state",
    "n_jobs": "n_jobs",
    "verbose": "verbose",
}


def _check_has_decoders(stack: "BaseStacked") -> None:
    is_fitted = hasattr(stack, "coefs_")
    if not (hasattr(stack, "autoencoders_") if is_fitted else stack.pretrain):
        raise AttributeError(
            f"{type(stack).__name__} has no inverse_transform, because it has no "
            "decoders: set pretrain=True."
        )


def _converted(X: Any) -> Any:
    """Return a copy of X in the precision of the computation."""
    if is_on_cluster(X):
        return map_lazily(same, X, dtype=compute_dtype(X.dtype))
    if is_on_device(X):
        return copied(cast(X, compute_dtype(dtype_of(X))))
    return in_memory(X).astype(compute_dtype(X.dtype), copy=True)


class BaseStacked(BaseNetwork):
    """Stacked hidden layers from autoencoders, below an output layer.

    Abstract: an estimator adds the output layer and the stages that train it.
    """

    autoencoders_: list[SparseAutoencoder]
    history_: list[dict[str, Any]]
    n_layers_: int
    n_outputs_: int

    def set_params(self, **params: Any) -> Self:
        """Set parameters of this estimator, or of the prototype of its layers.

        Parameters
        ----------
        **params : dict
            Parameters by their names; ``autoencoder__<name>`` for the prototype.

        Returns
        -------
        estimator
            This estimator.
        """
        prototype = params.get("autoencoder", self.autoencoder)
        for name in params:
            owner, _, nested = name.partition("__")
            if owner != "autoencoder" or not nested:
                continue
            if not hasattr(prototype, "set_params"):
                raise ValueError(
                    f"{name} cannot be set, because autoencoder={prototype!r} has no "
                    f"parameters. Pass autoencoder=SparseAutoencoder({nested}=...)."
                )
            if nested in DETERMINED_BY:
                warn_user(
                    f"{name} has no effect: {DETERMINED_BY[nested]} of the classifier "
                    "determines it for all layers.",
                    UserWarning,
                )
        return super().set_params(**params)

    def transform(self, X: Any) -> Any:
        """Return the deep features, which are the input of the output layer.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            Activations of the last hidden layer. Without hidden layers, a copy of X.
        """
        layers = self._layers()[:-1]
        X = self._validated(X)
        checks.check_same_place(self, X, "transform")
        if layers:
            return self._map_rows(forward_output, X, layers)
        # A copy, because X belongs to the caller.
        return _converted(X)

    @checks.available_if(_check_has_decoders)
    def inverse_transform(self, X: Any) -> Any:
        """Decode deep features with the decoders of the pretrained autoencoders.

        Fine-tuning changes the encoders but not the decoders. Reconstructions are
        therefore better with ``fine_tune=False``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Activations of the last hidden layer, as `transform` returns them.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Reconstructed samples.
        """
        H = self._validated_features(X)
        checks.check_same_place(self, H, "inverse_transform")
        if not self.activations_:
            return _converted(H)
        decoders = [layer._layers()[1] for layer in reversed(self.autoencoders_)]
        return self._map_rows(forward_output, H, decoders)

    def _n_pretrained(self) -> int:
        """Count the layers that a fit pretrains."""
        if not self.pretrain or self._is_warm_start():
            return 0
        n_hidden = len(prototypes.layer_sizes(self.hidden_layer_sizes))
        if isinstance(self.autoencoder, list | tuple):
            frozen = [isinstance(a, FrozenEstimator) for a in self.autoencoder]
            n_hidden -= sum(frozen)
        return n_hidden

    def _autoencoders(
        self, rows: Rows, random_state: np.random.RandomState
    ) -> list[prototypes.LayerAutoencoder]:
        return prototypes.layer_autoencoders(
            self.autoencoder,
            prototypes.layer_sizes(self.hidden_layer_sizes),
            rows,
            random_state,
            n_jobs=self.n_jobs,
            verbose=self.verbose,
            feature_names=getattr(self, "feature_names_in_", None),
        )

    def _new_encoders(
        self,
        autoencoders: list[prototypes.LayerAutoencoder],
        hidden: Sequence[pretraining.HiddenLayer],
        rows: Rows,
        task: Task,
    ) -> tuple[list[Layer], list[StageRecord]]:
        """Pretrain the hidden layers on prepared rows, or only initialize them."""
        # The autoencoders of an earlier fit do not belong to this fit.
        if hasattr(self, "autoencoders_"):
            del self.autoencoders_
        if not self.pretrain:
            return pretraining.initial_encoders(hidden, rows), []
        pretraining.check_layers(hidden)
        # Without targets, rows that differ only in their labels are merged.
        unlabeled = prepare_rows(
            rows.with_targets(None, rows.weights),
            canonical=pretraining.pretrains_by_lbfgs_alone(hidden),
        )
        encoders, trained = pretraining.pretrain(
            hidden, unlabeled, memory=self.memory, task=task
        )
        self.autoencoders_ = prototypes.trained_autoencoders(
            autoencoders, trained, unlabeled
        )
        if self.autoencoders_ and hasattr(self, "feature_names_in_"):
            self.autoencoders_[0].feature_names_in_ = self.feature_names_in_
        return encoders, [layer.record for layer in trained if layer is not None]

    def _previous_network(
        self, autoencoders: list[prototypes.LayerAutoencoder], rows: Rows
    ) -> list[Layer]:
        """Return the layers of the previous fit; check that they fit the parameters."""
        now = {
            "hidden_layer_sizes": prototypes.layer_sizes(self.hidden_layer_sizes),
            "activations of the autoencoders": [a.activation for a in autoencoders],
        }
        before = tuple(b.shape[0] for b in self.intercepts_[:-1]), self.activations_
        checks.check_unchanged(now, before)
        kept = getattr(self, "autoencoders_", [])
        moved = [prototypes.moved(autoencoder, rows) for autoencoder in kept]
        if any(a is not b for a, b in zip(kept, moved, strict=True)):
            self.autoencoders_ = moved
        return [place(layer, rows) for layer in self._layers()]

    def _set_network(self, layers: Sequence[Layer], out_activation: str) -> None:
        for name, value in network_attributes(layers, out_activation).items():
            setattr(self, name, value)
        self.n_layers_ = len(layers) + 1
        self.n_outputs_ = int(layers[-1].b.shape[0])
