"""Training of the upper layers of a network, or of all its layers together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._array_api import Array
from .._network.activations import IDENTITY
from .._network.layers import Layer
from .._network.layout import ParameterLayout
from .._network.losses import SOFTMAX, Loss
from .._rows.noise import Corruption, DropoutMasks
from .._rows.rows import Rows
from .callbacks import Attributes, Task
from .objectives import NetworkObjective, mean_loss
from .propagation import propagate
from .pseudo_labels import PseudoLabels, ramp_end
from .solvers import AdamParts
from .stage import Stage, StageRecord
from .stopping import HeldOutScores


@dataclass(frozen=True)
class Regularization:
    """The parameters of an estimator that reduce overfitting.

    Corruption, dropout and max_norm apply only when hidden layers are trained.
    """

    alpha: float
    hidden_alpha: float | None
    corruption: float
    dropout: float
    max_norm: float | None


@dataclass(frozen=True)
class NetworkStage:
    """A stage that trains the layers above the lowest ``n_fixed`` ones."""

    stage: Stage
    n_fixed: int
    regularization: Regularization
    loss: Loss = SOFTMAX

    def run(
        self,
        layers: Sequence[Layer],
        rows: Rows,
        held_out: Rows | None,
        pseudo_labels: PseudoLabels | None,
        random_state: np.random.RandomState,
        *,
        task: Task,
        fitted_attributes: Callable[[Sequence[Layer]], Attributes],
    ) -> tuple[list[Layer], StageRecord]:
        """Minimize; return all layers and the stage's record.

        Parameters
        ----------
        layers : sequence of Layer
            The whole network, from which training starts.
        rows, held_out : Rows or None
            Prepared training rows, and validation rows for early stopping.
        pseudo_labels : PseudoLabels or None
            Unlabeled rows that contribute to the loss.
        random_state : RandomState
            Draws noise and mini-batches.
        task : Task
            Task of the whole fit; the stage is a subtask.
        fitted_attributes : callable layers -> dict
            Fitted attributes of the estimator, for callbacks.
        """
        fixed, trained = layers[: self.n_fixed], layers[self.n_fixed :]
        max_iter, first_iterations = self.stage.settings.options.max_iter, 0
        if pseudo_labels is not None:
            unlabeled = propagate(pseudo_labels.rows, fixed)
            pseudo_labels = replace(pseudo_labels, rows=unlabeled)
            # As long as the weight of the pseudo-labels rises, the loss may rise.
            first_iterations = ramp_end(max_iter)
        objective = self._training_objective(
            trained, propagate(rows, fixed), pseudo_labels, random_state
        )
        scores = None
        if held_out is not None:
            scores = self._held_out_scores(
                trained, propagate(held_out, fixed), first_iterations
            )
        stage_task = task.subtask(self.stage.title, max_subtasks=max_iter)

        def attributes(theta: Array) -> Attributes:
            return fitted_attributes([*fixed, *objective.layers(theta)])

        theta, record = self.stage.run(
            objective,
            _flat(trained, objective.layout, rows.dtype),
            random_state,
            task=stage_task,
            fitted_attributes=attributes,
            accuracy=objective.accuracy if self._has_accuracy else None,
            held_out=scores,
            first_iterations=first_iterations,
        )
        stage_task.end(lambda: attributes(theta))
        return [*fixed, *objective.layers(theta)], record

    def run_epoch(
        self,
        layers: Sequence[Layer],
        rows: Rows,
        state: AdamParts | None,
        random_state: np.random.RandomState,
    ) -> tuple[list[Layer], float, AdamParts]:
        """Make one pass with Adam; return all layers, the loss and Adam's state."""
        fixed, trained = layers[: self.n_fixed], layers[self.n_fixed :]
        objective = self._training_objective(
            trained, propagate(rows, fixed), None, random_state
        )
        theta0 = _flat(trained, objective.layout, rows.dtype)
        theta, loss, state = self.stage.run_epoch(
            objective, theta0, state, random_state
        )
        return [*fixed, *objective.layers(theta)], loss, state

    @property
    def _has_accuracy(self) -> bool:
        return self.loss is SOFTMAX

    def _objective(self, layers: Sequence[Layer], rows: Rows) -> NetworkObjective:
        """Return the objective without noise, which is for scores."""
        widths = (layer.b.shape[0] for layer in layers)
        layout = ParameterLayout((rows.n_features, *widths))
        given = self.regularization
        hidden_alpha = given.alpha if given.hidden_alpha is None else given.hidden_alpha
        return NetworkObjective(
            rows.cut_for(sum(layout.sizes)),
            layout,
            tuple(layer.activation for layer in layers[:-1]),
            alpha=given.alpha,
            hidden_alpha=hidden_alpha,
            loss=self.loss,
        )

    def _training_objective(
        self,
        layers: Sequence[Layer],
        rows: Rows,
        pseudo_labels: PseudoLabels | None,
        random_state: np.random.RandomState,
    ) -> NetworkObjective:
        """Return the objective with noise, constraints and pseudo-labels."""
        objective = self._objective(layers, rows)
        noise, dropout = self._noise(layers, random_state)
        objective = replace(
            objective,
            rows=objective.rows.with_noise(noise),
            dropout=dropout,
            max_norm=self.regularization.max_norm,
        )
        if pseudo_labels is None:
            return objective
        # Unlabeled rows have noise of their own.
        noise, dropout = self._noise(layers, random_state)
        row_width = sum(objective.layout.sizes)
        unlabeled = pseudo_labels.rows.cut_for(row_width).with_noise(noise)
        return replace(
            objective,
            pseudo_labels=replace(pseudo_labels, rows=unlabeled, dropout=dropout),
        )

    def _noise(
        self, layers: Sequence[Layer], random_state: np.random.RandomState
    ) -> tuple[Corruption | None, DropoutMasks | None]:
        """Draw the noise of the inputs and of the hidden units."""
        widths = tuple(layer.b.shape[0] for layer in layers[:-1])
        # Softmax training has no noise.
        if not widths:
            return None, None
        noise = Corruption.draw(
            self.regularization.corruption, random_state, is_scaled=True
        )
        return noise, DropoutMasks.draw(
            self.regularization.dropout, random_state, widths
        )

    def _held_out_scores(
        self, layers: Sequence[Layer], rows: Rows, first_iterations: int
    ) -> HeldOutScores:
        """Score a vector on held-out rows."""
        objective, settings = self._objective(layers, rows), self.stage.settings
        score, best = objective.accuracy, 1.0
        if settings.solver != "adam" or not self._has_accuracy:
            score, best = (lambda theta: -mean_loss(objective, theta)), 0.0
        return HeldOutScores(score, best, settings.patience, first_iterations)


def zero_output_layer(n_in: int, n_out: int) -> Layer:
    """Return the output layer from which training starts."""
    return Layer(np.zeros((n_in, n_out)), np.zeros(n_out), IDENTITY)


def _flat(layers: Sequence[Layer], layout: ParameterLayout, dtype: Any) -> Array:
    return layout.pack(
        [layer.W for layer in layers], [layer.b for layer in layers], dtype
    )
