"""A stage of training: one run of a solver, timed, printed and recorded."""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any, Self

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .._array_api import Array, copied
from .._rows.rows import Rows
from .._user_warnings import warn_user
from . import solvers
from .callbacks import Attributes, Iterations, Task
from .objectives import AutoencoderObjective, NetworkObjective
from .settings import from_parameters
from .stopping import AnyOf, HeldOutScores, LossStalled, Patience

# A run has diverged if its loss rose by more than a tenth, on about this many rows.
DIVERGENCE_MARGIN = 1.1
DIVERGENCE_SAMPLE = 1000


@dataclass(frozen=True)
class StageRecord:
    """The record of a stage, as in `history_`."""

    name: str
    layer: int | None
    n_iter: int
    converged: bool
    diverged: bool
    stopped: bool
    first_loss: float
    last_loss: float
    seconds: float
    accuracy: float | None
    loss_curve: list[float]
    validation_scores: list[float] | None

    def to_dict(self) -> dict[str, Any]:
        """Return the record as an entry of `history_`."""
        return asdict(self)


@dataclass(frozen=True)
class RunSettings:
    """Settings of a run: its solver, the options of the solver, and the patience."""

    solver: str
    options: solvers.SolverOptions
    patience: Patience

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Self:
        """Take the settings from all parameters of an estimator."""
        return cls(
            parameters["solver"],
            from_parameters(solvers.SolverOptions, parameters),
            from_parameters(Patience, parameters),
        )

    @property
    def loss_patience(self) -> Patience:
        """How long the training loss may stall.

        It is infinite with a linear learning rate, which reaches 0 only at the end.
        """
        if self.solver == "adam" and self.options.learning_rate == "linear":
            return replace(self.patience, n_iter_no_change=math.inf)
        return self.patience


@dataclass(frozen=True)
class Stage:
    """A stage: its name and layer, the settings of its run, and its verbosity."""

    name: str
    layer: int | None
    settings: RunSettings
    verbose: int

    @property
    def title(self) -> str:
        """Name of the stage, with the layer if it has one."""
        return _title(self.name, self.layer)

    def check_rows(self, rows: Rows) -> None:
        """Check that the solver can take its rows."""
        if self.settings.solver == "adam" and not rows.has_batches:
            raise ValueError(
                "solver='adam' needs mini-batches, which X on a cluster does not have: "
                "set solver='lbfgs', or pass its chunks to partial_fit as arrays in "
                "memory, for example with dask_ml.wrappers.Incremental."
            )

    def run(
        self,
        objective: AutoencoderObjective | NetworkObjective,
        theta0: Array,
        random_state: np.random.RandomState,
        *,
        task: Task,
        fitted_attributes: Callable[[Array], Attributes] | None = None,
        accuracy: Callable[[Array], float] | None = None,
        held_out: HeldOutScores | None = None,
        first_iterations: int = 0,
    ) -> tuple[Array, StageRecord]:
        """Minimize the objective; return the final vector and the record.

        Parameters
        ----------
        objective, theta0, random_state
            The objective, the starting vector, and the source of random numbers.
        task : Task
            Parent of the tasks of the iterations.
        fitted_attributes : callable theta -> dict or None
            Fitted attributes of the estimator, for callbacks.
        accuracy : callable theta -> float or None
            Accuracy on the training rows, for the record.
        held_out : HeldOutScores or None
            Stops the run and chooses the vector, in place of the training loss.
        first_iterations : int
            Number of iterations whose training loss does not count for stopping.
        """
        self.check_rows(objective.rows)
        start = time.perf_counter()
        options = self.settings.options
        iterations = Iterations(task, fitted_attributes)

        def evaluate(theta: Array, batch: Any = None) -> tuple[float, Array]:
            iterations.begin()
            return objective.value_and_gradient(theta, batch)

        result = solvers.SOLVERS[self.settings.solver](
            evaluate,
            objective.rows.place(theta0),
            options=options,
            sampler=objective.sampler(options.batch_size, options.shuffle),
            random_state=random_state,
            stopping=self._stopping(held_out, first_iterations, iterations),
            project=objective.project,
        )
        iterations.close()
        if held_out is not None:
            result = held_out.with_best_weights(result)
        curve = result.loss_curve
        # The best weights on held-out rows have not diverged.
        diverged = held_out is None and _has_diverged(objective, theta0, result)
        record = StageRecord(
            self.name,
            self.layer,
            result.n_iter,
            result.converged and not diverged,
            diverged,
            task.was_stopped,
            first_loss=curve[0] if curve else result.loss,
            last_loss=result.loss,
            seconds=time.perf_counter() - start,
            accuracy=accuracy and accuracy(result.theta),
            loss_curve=curve,
            validation_scores=held_out.scores if held_out else None,
        )
        if self.verbose:
            print(self._summary(record), flush=True)
        return result.theta, record

    def run_epoch(
        self,
        objective: AutoencoderObjective | NetworkObjective,
        theta0: Array,
        state: solvers.AdamParts | None,
        random_state: np.random.RandomState,
    ) -> tuple[Array, float, solvers.AdamParts]:
        """Make one pass with Adam; return theta, the loss and Adam's state."""
        self.check_rows(objective.rows)
        theta = copied(objective.rows.place(theta0))
        if state is None or state["moment_1"].shape != theta.shape:
            # The first pass, or the first pass that trains these layers.
            adam = solvers.AdamState(theta)
        else:
            adam = solvers.AdamState.from_dict(state, objective.rows.place)
        options = self.settings.options
        batches = list(
            objective.sampler(options.batch_size, options.shuffle).epoch(random_state)
        )
        loss = solvers.adam_epoch(
            objective.value_and_gradient,
            theta,
            adam,
            batches,
            options,
            1,
            objective.project,
        )
        return theta, loss, adam.to_dict()

    def _stopping(
        self,
        held_out: HeldOutScores | None,
        first_iterations: int,
        iterations: Iterations,
    ) -> AnyOf:
        patience = self.settings.loss_patience
        progress = held_out or LossStalled(patience, first_iterations)
        return AnyOf((_IterationLines(self), progress, iterations))

    def _summary(self, record: StageRecord) -> str:
        line = (
            f"[{self.title}] {record.n_iter} iterations, loss {record.first_loss:.6g} "
            f"-> {record.last_loss:.6g}, {record.seconds:.1f} s"
        )
        if record.accuracy is not None:
            line += f", training accuracy {record.accuracy:.4f}"
        return line


@dataclass(frozen=True)
class _IterationLines:
    """Prints a line for each iteration if verbose > 1; never stops."""

    stage: Stage

    def should_stop(self, n_iter: int, loss: float, theta: Array) -> bool:
        if self.stage.verbose > 1:
            print(
                f"[{self.stage.title}] iteration {n_iter}, loss {loss:.6g}", flush=True
            )
        return False


def _has_diverged(
    objective: AutoencoderObjective | NetworkObjective,
    theta0: Array,
    result: solvers.SolverResult,
) -> bool:
    """Tell whether the loss has ended higher than it began, on a sample of the rows.

    Both losses use the final weight of pseudo-labels. The margin is for losses that
    fluctuate because nothing is left to learn.
    """
    curve = result.loss_curve
    if all(later <= earlier for earlier, later in pairwise(curve)):
        return False
    sample = objective.sample(DIVERGENCE_SAMPLE)
    with np.errstate(all="ignore"):
        first, last = (
            objective.value_and_gradient(theta, sample)[0]
            for theta in (theta0, result.theta)
        )
    return bool(last > DIVERGENCE_MARGIN * first)


def warn_diverged(records: Iterable[StageRecord]) -> None:
    """Warn once about all stages whose loss ended higher than it began."""
    titles = [_title(r.name, r.layer) for r in records if r.diverged]
    if titles:
        warn_user(
            f"The loss ended higher than it began: {', '.join(titles)}. Lower "
            "learning_rate_init, or scale the features of X.",
            ConvergenceWarning,
        )


def warn_unconverged(records: Iterable[StageRecord], settings: RunSettings) -> None:
    """Warn once about all stages that have used up their iterations.

    Infinite patience requests all iterations, so there is no warning.
    """
    if settings.loss_patience.n_iter_no_change == math.inf:
        return
    names = [r.name for r in records if not (r.converged or r.diverged)]
    if names:
        max_iter = settings.options.max_iter
        warn_user(
            f"Stopped after max_iter={max_iter} iterations, before the loss settled: "
            f"{', '.join(names)}. Raise max_iter, or tol if the result is good enough.",
            ConvergenceWarning,
        )


def _title(name: str, layer: int | None) -> str:
    return name if layer is None else f"{name} of layer {layer}"
