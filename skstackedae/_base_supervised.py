"""The base class of stacks that learn from targets: the stages of a fit in order."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from ._base import network_attributes
from ._base_stacked import BaseStacked
from ._layer_prototypes import layer_sizes, to_hidden_layer
from ._network.layers import Layer
from ._rows.preparation import drop_zero_weights, prepare_rows
from ._rows.rows import Rows
from ._training.callbacks import Task
from ._training.pretraining import HiddenLayer, pretrains_by_lbfgs_alone
from ._training.propagation import place
from ._training.pseudo_labels import PseudoLabels
from ._training.settings import from_parameters
from ._training.stage import StageRecord, warn_diverged
from ._training.supervised import (
    Regularization,
    SupervisedStage,
    zero_output_layer,
)


class BaseSupervisedStack(BaseStacked):
    """A stack that trains its output layer on targets, then all layers together.

    Abstract: an estimator defines its targets.
    """

    # Name of the stage that trains only the output layer, and the layer's activation.
    _output_stage: str
    _output_activation: str

    @abstractmethod
    def _n_targets(self) -> int:
        """Number of outputs of the network."""

    @abstractmethod
    def _has_targets(self, rows: Rows) -> bool:
        """Whether any row has a target."""

    @abstractmethod
    def _targeted(self, rows: Rows) -> tuple[Rows, PseudoLabels | None]:
        """Return the rows that have targets, and those that get pseudo-labels."""

    @abstractmethod
    def _hold_out(
        self, rows: Rows, random_state: np.random.RandomState
    ) -> tuple[Rows, Rows]:
        """Split off rows that have targets, for validation."""

    def _n_stages(self) -> int:
        n_hidden = len(layer_sizes(self.hidden_layer_sizes))
        return self._n_pretrained() + len(self._supervised_stages(n_hidden))

    def _supervised_stages(self, n_hidden: int) -> list[SupervisedStage]:
        """Stages 2 and 3: training of the output layer, fine-tuning, or both."""
        fine_tunes = self.fine_tune and n_hidden > 0
        stages = []
        if not (fine_tunes and self._is_warm_start()):
            stages.append(self._supervised_stage(self._output_stage, n_hidden))
        if fine_tunes:
            stages.append(self._supervised_stage("fine-tuning", 0))
        return stages

    def _supervised_stage(self, name: str, n_fixed: int) -> SupervisedStage:
        regularization = from_parameters(Regularization, self.get_params(deep=False))
        return SupervisedStage(self._stage(name), n_fixed, regularization)

    def _check_solver(self) -> None:
        """Check that options that need mini-batches are used with 'adam'."""
        without_effect = {"dropout": 0, "max_norm": None, "pseudo_label_weight": 0}
        given = [
            name
            for name, default in without_effect.items()
            if getattr(self, name, default) != default
        ]
        if self.solver != "adam" and given:
            values = ", ".join(f"{name}={getattr(self, name)!r}" for name in given)
            defaults = ", ".join(f"{name}={without_effect[name]!r}" for name in given)
            raise ValueError(
                f"{values}: this needs mini-batches, but solver={self.solver!r} does "
                f"not use them. Set solver='adam', or {defaults}."
            )

    def _train(
        self,
        rows: Rows,
        held_out: Rows | None,
        random_state: np.random.RandomState,
        task: Task,
    ) -> None:
        """Run the stages on validated rows, inside a call that holds the threads."""
        for stage in self._supervised_stages(0):
            stage.stage.check_rows(rows)
        rows = drop_zero_weights(rows)
        autoencoders = self._autoencoders(rows, random_state)
        hidden = [to_hidden_layer(autoencoder) for autoencoder in autoencoders]
        rows = prepare_rows(rows, canonical=self._is_canonical(hidden))
        if self.early_stopping and held_out is None:
            rows, held_out = self._hold_out(rows, random_state)
        targeted, pseudo_labels = self._targeted(rows)
        pretrained: list[StageRecord] = []
        if self._is_warm_start():
            layers = self._previous_network(autoencoders, rows)
        else:
            encoders, pretrained = self._new_encoders(autoencoders, hidden, rows, task)
            layers = self._with_output(encoders, rows)
        self.history_ = [record.to_dict() for record in pretrained]

        def attributes(network: Sequence[Layer]) -> dict[str, Any]:
            return {
                **vars(self),
                **network_attributes(network, self._output_activation),
            }

        records = []
        stages = self._supervised_stages(len(layers) - 1)
        for stage in stages:
            is_last = stage is stages[-1]
            layers, record = stage.run(
                layers,
                targeted,
                held_out if is_last else None,
                pseudo_labels if is_last else None,
                random_state,
                task=task,
                fitted_attributes=attributes,
            )
            records.append(record)
            self.history_.append(record.to_dict())
            self._set_record(record)
        self._set_network(layers, self._output_activation)
        warn_diverged([*pretrained, *records])
        self._warn_unconverged(records)

    def _partial_fit(
        self, rows: Rows, random_state: np.random.RandomState, is_fitted: bool
    ) -> None:
        """Make one pass over validated rows; the first call pretrains on them first."""
        rows = prepare_rows(rows, canonical=False)
        autoencoders = self._autoencoders(rows, random_state)
        if is_fitted:
            layers = self._previous_network(autoencoders, rows)
        else:
            hidden = [to_hidden_layer(autoencoder) for autoencoder in autoencoders]
            encoders, pretrained = self._new_encoders(
                autoencoders, hidden, rows, Task()
            )
            layers = self._with_output(encoders, rows)
            self.history_ = [record.to_dict() for record in pretrained]
            self.loss_, self.n_iter_, self.loss_curve_ = math.nan, 0, []
        self.validation_scores_ = self.best_validation_score_ = None
        if not self._has_targets(rows):
            self._set_network(layers, self._output_activation)
            return
        n_fixed = 0 if self.fine_tune else len(layers) - 1
        stage = self._supervised_stage("fine-tuning", n_fixed)
        state = getattr(self, "_adam_state", None)
        targeted, _ = self._targeted(rows)
        layers, loss, state = stage.run_epoch(layers, targeted, state, random_state)
        self._set_network(layers, self._output_activation)
        self._set_epoch(loss, state)

    def _is_canonical(self, hidden: Sequence[HiddenLayer]) -> bool:
        """Whether 'lbfgs' runs all stages; if so, rows are sorted."""
        pretrains = self.pretrain and not self._is_warm_start()
        return self.solver == "lbfgs" and (
            not pretrains or pretrains_by_lbfgs_alone(hidden)
        )

    def _with_output(self, encoders: list[Layer], rows: Rows) -> list[Layer]:
        """Put an output layer of zeros above the hidden layers."""
        n_in = encoders[-1].b.shape[0] if encoders else rows.n_features
        output = zero_output_layer(n_in, self._n_targets())
        return [*encoders, place(output, rows)]
