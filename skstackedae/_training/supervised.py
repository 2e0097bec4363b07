"""Softmax training and fine-tuning: the upper layers, or all, trained on labels."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .._array_api import Array
from .._network.layers import Layer, output
from .._network.layout import ParameterLayout
from .._rows.noise import MaskingNoise
from .._rows.training_rows import TrainingRows
from .callbacks import Task
from .objectives import NetworkObjective
from .solvers import SolverResult
from .stage import Stage
from .stopping import Validation


class SupervisedStage(NamedTuple):
    """A stage that trains the layers above the lowest ``n_fixed`` ones."""

    stage: Stage
    n_fixed: int
    alpha: float
    hidden_alpha: float
    corruption: float

    @classmethod
    def of(cls, classifier: Any, name: str, n_fixed: int) -> "SupervisedStage":
        """Read the parameters off a classifier."""
        alpha, hidden_alpha = classifier.alpha, classifier.hidden_alpha
        return cls(
            Stage.of(classifier, name),
            n_fixed,
            alpha,
            alpha if hidden_alpha is None else hidden_alpha,
            classifier.corruption,
        )

    def run(
        self,
        layers: Sequence[Layer],
        rows: TrainingRows,
        held_out: TrainingRows | None,
        random_state: np.random.RandomState,
        *,
        task: Task,
        fitted_attributes: Callable[[Sequence[Layer]], dict[str, Any]],
    ) -> tuple[list[Layer], SolverResult, dict[str, Any]]:
        """Minimise; return all layers, the solver's result and the stage's record.

        Parameters
        ----------
        layers : sequence of Layer
            The whole network, from which training starts.
        rows, held_out : TrainingRows or None
            To learn from, and to stop by where there are any.
        random_state : RandomState
            Draws masking noise and mini-batches.
        task : Task
            Of the whole fit: the stage is a subtask.
        fitted_attributes : callable layers -> dict
            What callbacks may make a fitted estimator of.
        """
        fixed, trained = layers[: self.n_fixed], layers[self.n_fixed :]
        objective = self._objective(trained, propagate_rows(rows, fixed), random_state)
        validation = None
        if held_out is not None:
            validation = self._validation(trained, propagate_rows(held_out, fixed))
        name, max_iter = self.stage.title, self.stage.options.max_iter
        stage_task = task.subtask(name, max_subtasks=max_iter)

        def attributes(theta: Array) -> dict[str, Any]:
            return fitted_attributes([*fixed, *objective.layers(theta)])

        result, record = self.stage.run(
            objective,
            _flat(trained, objective.layout, rows.X.dtype),
            random_state,
            task=stage_task,
            fitted_attributes=attributes,
            accuracy=objective.accuracy,
            validation=validation,
        )
        stage_task.end(lambda: attributes(result.theta))
        return [*fixed, *objective.layers(result.theta)], result, record

    def pass_once(
        self,
        layers: Sequence[Layer],
        rows: TrainingRows,
        state: dict[str, Any] | None,
        random_state: np.random.RandomState,
    ) -> tuple[list[Layer], float, dict[str, Any]]:
        """Go over the rows once with Adam; return all layers, loss and Adam's state."""
        fixed, trained = layers[: self.n_fixed], layers[self.n_fixed :]
        objective = self._objective(trained, propagate_rows(rows, fixed), random_state)
        theta0 = _flat(trained, objective.layout, rows.X.dtype)
        theta, loss, state = self.stage.pass_once(
            objective, theta0, state, random_state
        )
        return [*fixed, *objective.layers(theta)], loss, state

    def _objective(
        self,
        layers: Sequence[Layer],
        rows: TrainingRows,
        random_state: np.random.RandomState | None = None,
    ) -> NetworkObjective:
        layout = ParameterLayout(
            (rows.X.shape[1], *(len(layer.b) for layer in layers)),
        )
        corruption = None
        # The softmax layer alone is not fine-tuned, and what is scored has no noise.
        if len(layers) > 1 and random_state is not None:
            corruption = MaskingNoise.draw(self.corruption, random_state)
        return NetworkObjective(
            rows.blocks(sum(layout.sizes), corruption),
            layout,
            tuple(layer.activation for layer in layers[:-1]),
            alpha=self.alpha,
            hidden_alpha=self.hidden_alpha,
        )

    def _validation(self, layers: Sequence[Layer], rows: TrainingRows) -> Validation:
        """Score of a vector on rows that are held out."""
        objective = self._objective(layers, rows)
        if self.stage.solver == "adam":
            return Validation(objective.accuracy, perfect=1.0)
        return Validation(lambda theta: -objective.mean_loss(theta), perfect=0.0)


def propagate_rows(rows: TrainingRows, layers: Sequence[Layer]) -> TrainingRows:
    """Put the activations of the last of these layers in the place of X."""
    if not layers:
        return rows
    row_width = rows.X.shape[1] + sum(len(layer.b) for layer in layers)
    return rows.propagate(output, layers, row_width=row_width)


def _flat(layers: Sequence[Layer], layout: ParameterLayout, dtype: Any) -> Array:
    return layout.pack(
        [layer.W for layer in layers], [layer.b for layer in layers], dtype
    )
