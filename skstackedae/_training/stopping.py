"""Early stopping: a run is watched by its scores on rows that it does not train on."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from .._array_api import Array
from .solvers import SolverOptions, SolverResult, has_stalled


@dataclass
class Validation:
    """Scores of a run's vectors after each iteration, and the best of them.

    Parameters
    ----------
    score : callable theta -> float
        Score on the held-out rows; higher is better.
    perfect : float
        The best score there is: what is short of it is the error.
    """

    score: Callable[[Array], float]
    perfect: float
    scores: list[float] = field(default_factory=list)
    _lowest_errors: list[float] = field(default_factory=list)
    _best: tuple[int, Array] | None = None

    def ends_run(self, theta: Array, options: SolverOptions) -> bool:
        """Score theta; tell whether the lowest error has stalled, as a loss would."""
        self.scores.append(float(self.score(theta)))
        error = self.perfect - self.scores[-1]
        if not self._lowest_errors or error < self._lowest_errors[-1]:
            self._best = len(self.scores), theta.copy()
            self._lowest_errors.append(error)
        else:
            self._lowest_errors.append(self._lowest_errors[-1])
        return has_stalled(self._lowest_errors, options)

    def best_of(self, result: SolverResult) -> SolverResult:
        """Put the best vector in the place of the last one."""
        if self._best is None:
            return result
        n_iter, theta = self._best
        return replace(result, theta=theta, loss=result.loss_curve[n_iter - 1])
