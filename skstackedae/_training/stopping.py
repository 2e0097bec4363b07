"""Stopping rules, which a solver asks after each iteration whether to stop."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from .._array_api import Array, copied
from .solvers import SolverResult, StoppingRule


@dataclass(frozen=True)
class Patience:
    """How long a run continues without progress.

    ``tol`` is relative to the loss, ``n_iter_no_change`` counts iterations or epochs.
    """

    tol: float
    n_iter_no_change: float

    def has_run_out(self, losses: list[float]) -> bool:
        """Whether the loss fell by no more than tol in the last iterations."""
        if len(losses) <= self.n_iter_no_change:
            return False
        before, now = losses[-1 - int(self.n_iter_no_change)], losses[-1]
        return before - now <= self.tol * abs(before)


@dataclass
class LossStalled:
    """Stops when the loss has stalled; losses of the first iterations do not count."""

    patience: Patience
    first_iterations: int = 0
    losses: list[float] = field(default_factory=list)

    def should_stop(self, n_iter: int, loss: float, theta: Array) -> bool:
        """Record the loss; tell whether it has stalled."""
        if n_iter <= self.first_iterations:
            return False
        self.losses.append(loss)
        return self.patience.has_run_out(self.losses)


@dataclass
class HeldOutScores:
    """Stops when the best score on held-out rows has stalled, and keeps its weights.

    Parameters
    ----------
    score : callable theta -> float
        Score on the held-out rows; higher is better.
    best_possible : float
        The best score there is. The error is its difference from the score.
    patience : Patience
        How long the lowest error may stall.
    first_iterations : int
        Number of iterations whose scores do not count for stopping. A later score that
        equals the best of them replaces it.
    """

    score: Callable[[Array], float]
    best_possible: float
    patience: Patience
    first_iterations: int = 0
    scores: list[float] = field(default_factory=list)
    _lowest_errors: list[float] = field(default_factory=list)
    _best: tuple[int, Array] | None = None

    def should_stop(self, n_iter: int, loss: float, theta: Array) -> bool:
        """Score theta; tell whether the lowest error has stalled."""
        self.scores.append(float(self.score(theta)))
        if not math.isfinite(self.scores[-1]):
            raise ValueError(
                f"The score of the held-out rows is no longer finite in iteration "
                f"{n_iter} (score: {self.scores[-1]}). Scale their features "
                "like those of X, or lower learning_rate_init."
            )
        error = self.best_possible - self.scores[-1]
        if self._is_best(error):
            self._best = len(self.scores), copied(theta)
            self._lowest_errors.append(error)
        else:
            self._lowest_errors.append(self._lowest_errors[-1])
        return self.patience.has_run_out(self._lowest_errors[self.first_iterations :])

    def _is_best(self, error: float) -> bool:
        if self._best is None or error < self._lowest_errors[-1]:
            return True
        n_iter, _ = self._best
        return error == self._lowest_errors[-1] and n_iter <= self.first_iterations

    def with_best_weights(self, result: SolverResult) -> SolverResult:
        """Replace the last vector by the best one."""
        if self._best is None:
            return result
        n_iter, theta = self._best
        return replace(result, theta=theta, loss=result.loss_curve[n_iter - 1])


@dataclass(frozen=True)
class AnyOf:
    """Stops when one of several rules says so; each is asked every time."""

    rules: tuple[StoppingRule, ...]

    def should_stop(self, n_iter: int, loss: float, theta: Array) -> bool:
        """Ask all rules."""
        answers = [rule.should_stop(n_iter, loss, theta) for rule in self.rules]
        return any(answers)
