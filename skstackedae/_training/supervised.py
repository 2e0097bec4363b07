"""Softmax training and fine-tuning: labels train the upper layers, or all layers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._array_api import Array
from .._network.activations import IDENTITY
from .._network.layers import Layer
from .._network.layout import ParameterLayout
from .._rows.noise import MaskingNoise
from .._rows.rows import Rows
from .callbacks import Attributes, Task
from .objectives import NetworkObjective, mean_loss
from .propagation import propagate
from .solvers import AdamParts
from .stage import Stage, StageRecord
from .stopping import HeldOutScores


@dataclass(frozen=True)
class SupervisedStage:
    """A stage that trains the layers above the lowest ``n_fixed`` ones."""

    stage: Stage
    n_fixed: int
    alpha: float
    hidden_alpha: float
    corruption: float

    def run(
        self,
        layers: Sequence[Layer],
        rows: Rows,
        held_out: Rows | None,
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
        random_state : RandomState
            Draws masking noise and mini-batches.
        task : Task
            Task of the whole fit; the stage is a subtask.
        fitted_attributes : callable layers -> dict
            Fitted attributes of the estimator, for callbacks.
        """
        fixed, trained = layers[: self.n_fixed], layers[self.n_fixed :]
        objective = self._objective(trained, propagate(rows, fixed), random_state)
        scores = None
        if held_out is not None:
            scores = self._held_out_scores(trained, propagate(held_out, fixed))
        max_iter = self.stage.settings.options.max_iter
        stage_task = task.subtask(self.stage.title, max_subtasks=max_iter)

        def attributes(theta: Array) -> Attributes:
            return fitted_attributes([*fixed, *objective.layers(theta)])

        theta, record = self.stage.run(
            objective,
            _flat(trained, objective.layout, rows.dtype),
            random_state,
            task=stage_task,
            fitted_attributes=attributes,
            accuracy=objective.accuracy,
            held_out=scores,
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
        objective = self._objective(trained, propagate(rows, fixed), random_state)
        theta0 = _flat(trained, objective.layout, rows.dtype)
        theta, loss, state = self.stage.run_epoch(
            objective, theta0, state, random_state
        )
        return [*fixed, *objective.layers(theta)], loss, state

    def _objective(
        self,
        layers: Sequence[Layer],
        rows: Rows,
        random_state: np.random.RandomState | None = None,
    ) -> NetworkObjective:
        layout = ParameterLayout((rows.n_features, *(len(layer.b) for layer in layers)))
        noise = None
        # Softmax training and scores have no noise.
        if len(layers) > 1 and random_state is not None:
            noise = MaskingNoise.draw(self.corruption, random_state)
        return NetworkObjective(
            rows.cut_for(sum(layout.sizes)).with_noise(noise),
            layout,
            tuple(layer.activation for layer in layers[:-1]),
            alpha=self.alpha,
            hidden_alpha=self.hidden_alpha,
        )

    def _held_out_scores(self, layers: Sequence[Layer], rows: Rows) -> HeldOutScores:
        """Score a vector on held-out rows."""
        objective, settings = self._objective(layers, rows), self.stage.settings
        if settings.solver == "adam":
            return HeldOutScores(objective.accuracy, 1.0, settings.patience)
        return HeldOutScores(
            lambda theta: -mean_loss(objective, theta), 0.0, settings.patience
        )


def zero_output_layer(n_in: int, n_out: int) -> Layer:
    """Return the output layer from which training starts."""
    return Layer(np.zeros((n_in, n_out)), np.zeros(n_out), IDENTITY)


def _flat(layers: Sequence[Layer], layout: ParameterLayout, dtype: Any) -> Array:
    return layout.pack(
        [layer.W for layer in layers], [layer.b for layer in layers], dtype
    )
