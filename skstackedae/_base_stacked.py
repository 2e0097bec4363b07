"""The base class of stacks: their hidden layers, and the stages of a fit in order."""

import math
import os
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.utils._param_validation import HasMethods, StrOptions

from . import _input_checks as checks
from . import _layer_prototypes as prototypes
from ._base import TRAINING_CONSTRAINTS, BaseNetwork, network_attributes
from ._network.layers import Layer
from ._rows.preparation import drop_zero_weights, prepare_rows
from ._rows.rows import Rows
from ._sparse_autoencoder import SparseAutoencoder
from ._training import pretraining
from ._training.callbacks import Task
from ._training.network import NetworkStage
from ._training.propagation import place
from ._training.pseudo_labels import PseudoLabels
from ._training.stage import StageRecord, warn_diverged
from ._training.standardization import measure_features
from ._user_warnings import warn_user

# Parameters of the prototypes that have no effect, and what determines them instead.
DETERMINED_BY = {
    "n_components": "hidden_layer_sizes",
    "random_state": "random_state",
    "n_jobs": "n_jobs",
    "verbose": "verbose",
}


# Constraints of scikit-learn's kind on the parameters that all stacks share.
STACK_CONSTRAINTS: dict[str, list[Any]] = {
    "hidden_layer_sizes": ["array-like", checks.COUNT],
    "autoencoder": [SparseAutoencoder, list, tuple, StrOptions({"denoising"}), None],
    "pretrain": ["boolean"],
    "fine_tune": ["boolean"],
    "alpha": [checks.PENALTY],
    "memory": [str, os.PathLike, HasMethods(["cache"]), None],
    **TRAINING_CONSTRAINTS,
}


class BaseStacked(BaseNetwork):
    """Stacked hidden layers from autoencoders, and stages that train the whole network.

    Abstract: an estimator adds the upper layers, and says what they learn from.
    """

    autoencoders_: list[SparseAutoencoder]
    history_: list[dict[str, Any]]
    n_layers_: int
    n_outputs_: int

    @property
    @abstractmethod
    def _output_activation(self) -> str:
        """Activation of the output layer."""

    @abstractmethod
    def _upper_stages(self, n_hidden: int) -> list[tuple[str, int]]:
        """Name, and number of fixed layers, of each stage after pretraining."""

    @abstractmethod
    def _network_stage(self, name: str, n_fixed: int) -> NetworkStage:
        """Make a stage that trains the layers above the lowest ``n_fixed`` ones."""

    @abstractmethod
    def _set_output(
        self, autoencoders: list[prototypes.LayerAutoencoder], reuses_network: bool
    ) -> None:
        """Set what the prototypes determine of the output, before training."""

    @abstractmethod
    def _network(
        self, pairs: Sequence[pretraining.LayerPair], rows: Rows
    ) -> list[Layer]:
        """Make the whole network from the encoders and decoders of hidden layers."""

    @abstractmethod
    def _has_targets(self, rows: Rows) -> bool:
        """Whether the network can learn from any of the rows."""

    @abstractmethod
    def _targeted(self, rows: Rows) -> tuple[Rows, PseudoLabels | None]:
        """Return the rows that the network learns from, and those of pseudo-labels."""

    @abstractmethod
    def _hold_out(
        self, rows: Rows, random_state: np.random.RandomState
    ) -> tuple[Rows, Rows]:
        """Split off rows for validation."""

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
                    f"{name} has no effect: {DETERMINED_BY[nested]} of the stack "
                    "determines it for all layers.",
                    UserWarning,
                )
        return super().set_params(**params)

    @property
    def _allows_missing(self) -> bool:
        return prototypes.allows_missing(self.autoencoder)

    def _filled(self, rows: Rows) -> Rows:
        """Return rows whose missing entries are replaced, if there may be any."""
        if not self._allows_missing:
            self.__dict__.pop("feature_means_", None)
            return rows
        feature_map = measure_features(rows, standardize=False, fills=True)
        assert feature_map is not None
        self.feature_means_ = feature_map.mean
        return rows.with_feature_map(feature_map)

    def _n_stages(self) -> int:
        n_hidden = len(prototypes.layer_sizes(self.hidden_layer_sizes))
        return self._n_pretrained() + len(self._upper_stages(n_hidden))

    def _train(
        self,
        rows: Rows,
        held_out: Rows | None,
        random_state: np.random.RandomState,
        task: Task,
    ) -> None:
        """Run the stages on validated rows, inside a call that holds the threads."""
        if self._upper_stages(0):
            self._stage("fine-tuning").check_rows(rows)
        rows = drop_zero_weights(rows)
        autoencoders = self._autoencoders(rows, random_state)
        self._set_output(autoencoders, self._is_warm_start())
        hidden = [prototypes.to_hidden_layer(a) for a in autoencoders]
        rows = self._filled(prepare_rows(rows, canonical=self._is_canonical(hidden)))
        if held_out is not None:
            held_out = held_out.with_feature_map(rows.feature_map)
        if self.early_stopping and held_out is None:
            rows, held_out = self._hold_out(rows, random_state)
        targeted, pseudo_labels = self._targeted(rows)
        pretrained: list[StageRecord] = []
        if self._is_warm_start():
            layers = self._previous_network(autoencoders, rows)
        else:
            pairs, pretrained = self._new_layers(autoencoders, hidden, rows, task)
            layers = self._network(pairs, rows)
        self.history_ = [record.to_dict() for record in pretrained]
        layers, records = self._run_stages(
            layers, targeted, held_out, pseudo_labels, random_state, task
        )
        if not records:
            self._set_pretrained(pretrained)
        self._set_network(layers, self._output_activation)
        warn_diverged([*pretrained, *records])
        self._warn_unconverged(records)

    def _run_stages(
        self,
        layers: list[Layer],
        rows: Rows,
        held_out: Rows | None,
        pseudo_labels: PseudoLabels | None,
        random_state: np.random.RandomState,
        task: Task,
    ) -> tuple[list[Layer], list[StageRecord]]:
        """Run the stages after pretraining; the last one uses validation rows."""

        def attributes(network: Sequence[Layer]) -> dict[str, Any]:
            return {
                **vars(self),
                **network_attributes(network, self._output_activation),
            }

        records = []
        stages = [
            self._network_stage(*stage) for stage in self._upper_stages(len(layers) - 1)
        ]
        for stage in stages:
            is_last = stage is stages[-1]
            layers, record = stage.run(
                layers,
                rows,
                held_out if is_last else None,
                pseudo_labels if is_last else None,
                random_state,
                task=task,
                fitted_attributes=attributes,
            )
            records.append(record)
            self.history_.append(record.to_dict())
            self._set_record(record)
        return layers, records

    def _partial_fit(
        self, rows: Rows, random_state: np.random.RandomState, is_fitted: bool
    ) -> None:
        """Make one pass over validated rows; the first call pretrains on them first."""
        rows = prepare_rows(rows, canonical=False)
        if is_fitted:
            rows = rows.with_feature_map(self._previous_map())
        else:
            rows = self._filled(rows)
        autoencoders = self._autoencoders(rows, random_state)
        self._set_output(autoencoders, is_fitted)
        if is_fitted:
            layers = self._previous_network(autoencoders, rows)
        else:
            hidden = [prototypes.to_hidden_layer(a) for a in autoencoders]
            pairs, pretrained = self._new_layers(autoencoders, hidden, rows, Task())
            layers = self._network(pairs, rows)
            self.history_ = [record.to_dict() for record in pretrained]
            self.loss_, self.n_iter_, self.loss_curve_ = math.nan, 0, []
        self.validation_scores_ = self.best_validation_score_ = None
        if not self._has_targets(rows):
            self._set_network(layers, self._output_activation)
            return
        _, n_fixed = self._upper_stages(len(layers) - 1)[-1]
        stage = self._network_stage("fine-tuning", n_fixed)
        state = getattr(self, "_adam_state", None)
        targeted, _ = self._targeted(rows)
        layers, loss, state = stage.run_epoch(layers, targeted, state, random_state)
        self._set_network(layers, self._output_activation)
        self._set_epoch(loss, state)

    def _set_pretrained(self, records: Sequence[StageRecord]) -> None:
        """Describe the last layer, if no stage follows pretraining."""
        if records:
            self._set_record(records[-1])
        elif not self._is_warm_start():
            self.loss_, self.n_iter_, self.loss_curve_ = math.nan, 0, []
            self.validation_scores_ = self.best_validation_score_ = None

    def _is_canonical(self, hidden: Sequence[pretraining.HiddenLayer]) -> bool:
        """Whether 'lbfgs' runs all stages; if so, rows are sorted."""
        pretrains = self.pretrain and not self._is_warm_start()
        return self.solver == "lbfgs" and (
            not pretrains or pretraining.pretrains_by_lbfgs_alone(hidden)
        )

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

    def _new_layers(
        self,
        autoencoders: list[prototypes.LayerAutoencoder],
        hidden: Sequence[pretraining.HiddenLayer],
        rows: Rows,
        task: Task,
    ) -> tuple[list[pretraining.LayerPair], list[StageRecord]]:
        """Pretrain the hidden layers on prepared rows, or only initialize them."""
        # The autoencoders of an earlier fit do not belong to this fit.
        if hasattr(self, "autoencoders_"):
            del self.autoencoders_
        if not self.pretrain:
            return pretraining.initial_layers(hidden, rows), []
        pretraining.check_layers(hidden)
        # Without targets, rows that differ only in their labels are merged.
        unlabeled = prepare_rows(
            rows.with_targets(None, rows.weights),
            canonical=pretraining.pretrains_by_lbfgs_alone(hidden),
        )
        pairs, trained = pretraining.pretrain(
            hidden, unlabeled, memory=self.memory, task=task
        )
        self.autoencoders_ = prototypes.trained_autoencoders(
            autoencoders, trained, unlabeled
        )
        if self.autoencoders_ and hasattr(self, "feature_names_in_"):
            self.autoencoders_[0].feature_names_in_ = self.feature_names_in_
        return pairs, [layer.record for layer in trained if layer is not None]

    def _previous_network(
        self, autoencoders: list[prototypes.LayerAutoencoder], rows: Rows
    ) -> list[Layer]:
        """Return the layers of the previous fit; check that they fit the parameters."""
        n_hidden = self._n_encoders
        checks.check_unchanged(
            {
                "hidden_layer_sizes": (
                    prototypes.layer_sizes(self.hidden_layer_sizes),
                    tuple(b.shape[0] for b in self.intercepts_[:n_hidden]),
                ),
                "activations of the autoencoders": (
                    [prototypes.hidden_activation_of(a) for a in autoencoders],
                    self.activations_[:n_hidden],
                ),
            }
        )
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
