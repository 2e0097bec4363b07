"""A stage of training: one run of a solver, with its clock, lines and record."""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from .._array_api import Array
from .._user_warnings import warn_user
from .callbacks import Iterations, Task
from .objectives import AutoencoderObjective, NetworkObjective
from .solvers import (
    SOLVERS,
    AdamState,
    SolverOptions,
    SolverResult,
    adam_epoch,
    iter_batches,
)
from .stopping import Validation

# scikit-learn's constraints on the parameters that both estimators share: those of the
# solvers, and how a fit is run.
TRAINING_CONSTRAINTS: dict[str, list[Any]] = {
    "solver": [StrOptions(set(SOLVERS))],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "tol": [Interval(Real, 0, None, closed="left")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
    "batch_size": [
        StrOptions({"auto"}),
        Interval(Integral, 1, None, closed="left"),
    ],
    "learning_rate": [StrOptions({"constant", "linear"})],
    "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
    "shuffle": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "warm_start": ["boolean"],
    "random_state": ["random_state"],
    "n_jobs": [Integral, None],
    "verbose": ["verbose"],
}


class Stage(NamedTuple):
    """What a stage is called, and how its estimator wants it to be run."""

    name: str
    layer: int | None
    solver: str
    options: SolverOptions
    verbose: int

    @classmethod
    def of(cls, estimator: Any, name: str, layer: int | None = None) -> "Stage":
        """Read the solver's parameters off an estimator."""
        options = {f.name: getattr(estimator, f.name) for f in fields(SolverOptions)}
        return cls(
            name, layer, estimator.solver, SolverOptions(**options), estimator.verbose
        )

    @property
    def title(self) -> str:
        """Name for people: with the layer, where there is one."""
        return self.name if self.layer is None else f"{self.name} of layer {self.layer}"

    def run(
        self,
        objective: AutoencoderObjective | NetworkObjective,
        theta0: Array,
        random_state: np.random.RandomState,
        *,
        task: Task,
        fitted_attributes: Callable[[Array], dict[str, Any]] | None = None,
        accuracy: Callable[[Array], float] | None = None,
        validation: Validation | None = None,
    ) -> tuple[SolverResult, dict[str, Any]]:
        """Minimise the objective; return the solver's result and the stage's record.

        Parameters
        ----------
        objective, theta0, random_state
            What is minimised, and from where.
        task : Task
            Whose subtasks the iterations are.
        fitted_attributes : callable theta -> dict or None
            What callbacks may make a fitted estimator of.
        accuracy : callable theta -> float or None
            On the training rows, for the record.
        validation : Validation or None
            Ends the run and chooses the vector, in the place of the loss.
        """
        start = time.perf_counter()
        iterations = Iterations(task)

        def evaluate(theta: Array, rows: Array | None = None) -> tuple[float, Array]:
            iterations.begin()
            return objective.value_and_gradient(theta, rows)

        def on_iteration(n_iter: int, loss: float, theta: Array) -> bool:
            self._print_iteration(n_iter, loss)
            ends = validation is not None and validation.ends_run(theta, self.options)
            return iterations.end(fitted_attributes, theta) or ends

        result = SOLVERS[self.solver](
            evaluate,
            theta0,
            # Where rows are held out, no loss ends the run: none falls so little.
            options=replace(self.options, tol=-math.inf)
            if validation
            else self.options,
            n_rows=objective.data.X.shape[0],
            random_state=random_state,
            on_iteration=on_iteration,
        )
        iterations.close()
        if validation is not None:
            result = validation.best_of(result)
        seconds = time.perf_counter() - start
        record = self._record(result, seconds)
        record["validation_scores"] = validation and validation.scores
        if accuracy is not None:
            record["accuracy"] = accuracy(result.theta)
        if self.verbose:
            print(self._summary(record), flush=True)
        return result, record

    def pass_once(
        self,
        objective: AutoencoderObjective | NetworkObjective,
        theta0: Array,
        state: dict[str, Any] | None,
        random_state: np.random.RandomState,
    ) -> tuple[Array, float, dict[str, Any]]:
        """Go over the rows once with Adam; return theta, the loss and Adam's state."""
        theta = np.array(theta0)
        if state is None or len(state["first"]) != len(theta):
            # The first pass, or the first over other layers than before.
            adam = AdamState(theta)
        else:
            adam = AdamState.from_dict(state)
        n_rows = objective.data.X.shape[0]
        batches = list(iter_batches(n_rows, self.options, random_state))
        loss = adam_epoch(
            objective.value_and_gradient, theta, adam, batches, self.options, 1
        )
        return theta, loss, adam.to_dict()

    def _print_iteration(self, n_iter: int, loss: float) -> None:
        if self.verbose > 1:
            print(f"[{self.title}] iteration {n_iter}, loss {loss:.6g}", flush=True)

    def _summary(self, record: dict[str, Any]) -> str:
        line = (
            f"[{self.title}] {record['n_iter']} iterations, loss "
            f"{record['first_loss']:.6g} -> {record['last_loss']:.6g}, "
            f"{record['seconds']:.1f} s"
        )
        if record["accuracy"] is not None:
            line += f", training accuracy {record['accuracy']:.4f}"
        return line

    def _record(self, result: SolverResult, seconds: float) -> dict[str, Any]:
        curve = result.loss_curve
        return {
            "name": self.name,
            "layer": self.layer,
            "n_iter": result.n_iter,
            "converged": result.converged,
            "first_loss": curve[0] if curve else result.loss,
            "last_loss": result.loss,
            "seconds": seconds,
            "accuracy": None,
            "loss_curve": curve,
        }


def random_state_of_pass(random_state: Any, n_passes: int) -> np.random.RandomState:
    """Return what a pass over a stream draws from: an int seed is not used twice."""
    if not isinstance(random_state, Integral) or n_passes == 0:
        return check_random_state(random_state)
    seeds = np.random.SeedSequence((int(random_state), n_passes))
    return np.random.RandomState(seeds.generate_state(4))


def attributes_of_run(result: SolverResult, record: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes that tell how an estimator's last stage went."""
    scores = record["validation_scores"]
    return {
        "loss_": result.loss,
        "loss_curve_": list(result.loss_curve),
        "n_iter_": result.n_iter,
        "validation_scores_": None if scores is None else list(scores),
        "best_validation_score_": max(scores) if scores else None,
    }


def warn_unconverged(records: Iterable[dict[str, Any]], max_iter: int) -> None:
    """Name the stages that used up their iterations, in one ConvergenceWarning."""
    names = [record["name"] for record in records if not record["converged"]]
    if names:
        warn_user(
            f"Stopped after max_iter={max_iter} iterations, before the loss settled: "
            f"{', '.join(names)}. Raise max_iter, or tol if the result is good enough.",
            ConvergenceWarning,
        )
