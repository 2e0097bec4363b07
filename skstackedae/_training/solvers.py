"""Solvers: they minimize a callable from a starting vector and return a record.

Solvers know nothing about networks and do not change their arguments. All have the same
signature, so a new solver is a function and a line in SOLVERS::

    solver(
        value_and_gradient, theta0, *, options, sampler, random_state, stopping, project
    )

``value_and_gradient(theta)`` evaluates all rows; ``value_and_gradient(theta, batch)`` a
mini-batch of them, which ``sampler`` draws. After each iteration the solver asks
``stopping`` whether to stop. ``project(theta)`` changes theta in place so that it meets
its constraints; full-batch solvers have no constraints and ignore it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, TypedDict, cast

import numpy as np
from scipy.optimize import minimize

from .._array_api import Array, array_namespace, copied, dtype_of, to_numpy
from .._network import in_place
from .batches import Batch, Sampler

# The weights of a trained network are much smaller: larger ones are a sign of failure.
LARGE_WEIGHT = 1e4


@dataclass(frozen=True)
class SolverOptions:
    """Options of the solvers; each is the parameter of this name of the estimators."""

    max_iter: int
    batch_size: int | str
    learning_rate: str
    learning_rate_init: float
    shuffle: bool


@dataclass(frozen=True)
class SolverResult:
    """The end of a run; ``loss_curve`` has the loss after each iteration."""

    theta: Array
    loss: float
    n_iter: int
    converged: bool
    loss_curve: list[float] = field(repr=False)


class ValueAndGradient(Protocol):
    """The pure function that a solver minimizes."""

    def __call__(self, theta: Array, batch: Batch | None = None) -> tuple[float, Array]:
        """Evaluate at theta, on all rows or on a mini-batch."""


#: Changes theta in place, so that it meets its constraints.
Projection: TypeAlias = Callable[[Array], None]


class StoppingRule(Protocol):
    """A rule that a solver asks after each iteration or epoch."""

    def should_stop(self, n_iter: int, loss: float, theta: Array) -> bool:
        """Tell whether the run stops here, as converged.

        theta belongs to the solver: a rule that keeps it must copy it.
        """


def minimize_lbfgs(
    value_and_gradient: ValueAndGradient,
    theta0: Array,
    *,
    options: SolverOptions,
    sampler: Sampler,
    random_state: np.random.RandomState,
    stopping: StoppingRule,
    project: Projection,
) -> SolverResult:
    """Full-batch L-BFGS of scipy, with our stopping rule."""
    loss_curve: list[float] = []

    def checked(theta: Array) -> tuple[float, Array]:
        value, gradient = value_and_gradient(theta)
        _check_finite(value, gradient, len(loss_curve) + 1, _LBFGS_REMEDY)
        return value, gradient

    # scipy passes the record of an iteration only to a parameter with this name.
    def callback(intermediate_result: Any) -> None:
        loss_curve.append(float(intermediate_result.fun))
        if _asks_to_stop(stopping, loss_curve, intermediate_result.x):
            raise StopIteration

    rounding = float(np.finfo(np.float64).eps)
    limits = {
        "maxiter": options.max_iter,
        # A line search rarely takes more than two or three evaluations.
        "maxfun": 20 * options.max_iter,
        "ftol": rounding,
        "gtol": rounding,
    }
    with np.errstate(all="ignore"):
        found = minimize(
            checked,
            np.array(to_numpy(theta0), dtype=np.float64),
            jac=True,
            method="L-BFGS-B",
            callback=callback,
            options=limits,
        )
    # All other endings mean convergence up to rounding, also a line search that finds
    # no lower value.
    ran_out = found.status == 1
    return SolverResult(
        found.x, float(found.fun), len(loss_curve), not ran_out, loss_curve
    )


def minimize_adam(
    value_and_gradient: ValueAndGradient,
    theta0: Array,
    *,
    options: SolverOptions,
    sampler: Sampler,
    random_state: np.random.RandomState,
    stopping: StoppingRule,
    project: Projection,
) -> SolverResult:
    """Mini-batch Adam; an iteration is an epoch, with the mean loss of its batches."""
    theta = copied(theta0)
    state = AdamState(theta)
    loss_curve: list[float] = []
    converged = False
    while len(loss_curve) < options.max_iter and not converged:
        n_iter = len(loss_curve) + 1
        batches = list(sampler.epoch(random_state))
        loss = adam_epoch(
            value_and_gradient, theta, state, batches, options, n_iter, project
        )
        loss_curve.append(loss)
        converged = _asks_to_stop(stopping, loss_curve, theta)
    return SolverResult(theta, loss_curve[-1], len(loss_curve), converged, loss_curve)


def adam_epoch(
    value_and_gradient: ValueAndGradient,
    theta: Array,
    state: "AdamState",
    batches: Sequence[tuple[Array, Array | None]],
    options: SolverOptions,
    n_iter: int,
    project: Projection,
) -> float:
    """Update theta and the state with each batch; return the mean loss."""
    # A number, or an array on the device that nobody waits for before the end.
    total: Any = 0.0
    n_seen = 0
    for position, (indices, unlabeled) in enumerate(batches):
        n_epochs = n_iter - 1 + position / len(batches)
        progress = n_epochs / options.max_iter
        batch = Batch(indices, state.n_steps + 1, unlabeled, progress)
        with np.errstate(all="ignore"):
            value, gradient = value_and_gradient(theta, batch)
            state.step(theta, gradient, learning_rate(options, n_epochs))
            project(theta)
        total += value * len(indices)
        n_seen += len(indices)
    # One check for each epoch is enough, because values that are not finite stay in the
    # moments; moment_2 is checked, because moments that overflow make all steps 0.
    total = float(total)
    checked = total + _loss_after_last_step(value_and_gradient, theta)
    for vector in (theta, state.moment_2):
        _check_finite(checked, vector, n_iter, _adam_remedy(options))
    return total / n_seen


def _loss_after_last_step(value_and_gradient: ValueAndGradient, theta: Array) -> float:
    """Return the loss of all rows if theta is so large that it may overflow, else 0.

    No batch has been evaluated after the last step.
    """
    xp = array_namespace(theta)
    largest = float(xp.max(xp.abs(theta)))
    if largest < LARGE_WEIGHT:
        return 0.0
    # Products of squares overflow, though the loss of saturated units may be finite.
    if largest > float(np.finfo(dtype_of(theta)).max) ** 0.25:
        return math.inf
    with np.errstate(all="ignore"):
        return float(value_and_gradient(theta)[0])


class AdamParts(TypedDict):
    """What fitted models keep of Adam."""

    moment_1: Array
    moment_2: Array
    n_steps: int


class AdamState:
    """State of one run of Adam [1]_.

    ``moment_1`` and ``moment_2`` are the moments of the paper divided by (1 - beta):
    geometric sums of the gradients and of their squares. This saves a pass for each.

    References
    ----------
    .. [1] Diederik P. Kingma and Jimmy Ba, "Adam: A Method for Stochastic
       Optimization", ICLR 2015.
    """

    BETA_1 = 0.9
    BETA_2 = 0.999
    EPSILON = 1e-8

    # A piece of this many parameters goes through all passes before the next piece, to
    # stay in the cache. With 2.5 million parameters the update took 0.7 (float32) and
    # 0.9 (float64) times as long.
    PIECE_LENGTH = 2**15

    def __init__(self, theta: Array) -> None:
        zeros_like = array_namespace(theta).zeros_like
        self.moment_1, self.moment_2 = zeros_like(theta), zeros_like(theta)
        self.n_steps = 0

    @classmethod
    def from_dict(
        cls, parts: AdamParts, place: Callable[[Array], Array] = np.asarray
    ) -> "AdamState":
        """Continue from the result of to_dict, on copies, where `place` puts them."""
        state = cls(place(parts["moment_1"]))
        state.moment_1 += place(parts["moment_1"])
        state.moment_2 += place(parts["moment_2"])
        state.n_steps = parts["n_steps"]
        return state

    def to_dict(self) -> AdamParts:
        """Return plain parts, as fitted models keep them."""
        return cast(AdamParts, dict(vars(self)))

    def step(self, theta: Array, gradient: Array, learning_rate: float) -> None:
        """Update theta in place."""
        self.n_steps += 1
        correction_1 = (1.0 - self.BETA_1) / (1.0 - self.BETA_1**self.n_steps)
        correction_2 = math.sqrt(
            (1.0 - self.BETA_2) / (1.0 - self.BETA_2**self.n_steps)
        )
        # The bias corrections of algorithm 1 in the paper, as scalars: as in section 2
        # of the paper, but with epsilon scaled too, so that the step is the same.
        step_size = learning_rate * correction_1 / correction_2
        epsilon = self.EPSILON / correction_2
        xp, n = array_namespace(theta), theta.shape[0]
        # A device is faster with one large piece.
        piece_length = self.PIECE_LENGTH if xp is np else n
        for start in range(0, n, piece_length):
            piece = slice(start, start + piece_length)
            g = gradient[piece]
            moment_1, moment_2 = self.moment_1[piece], self.moment_2[piece]
            moment_1 *= self.BETA_1
            moment_1 += g
            moment_2 *= self.BETA_2
            moment_2 += g * g
            step = xp.sqrt(moment_2)
            step += epsilon
            step = in_place.divide(moment_1, step)
            step *= step_size
            theta[piece] -= step


def learning_rate(options: SolverOptions, n_epochs: float) -> float:
    """Learning rate after n_epochs; 'linear' reaches 0 after the last epoch."""
    if options.learning_rate == "constant":
        return options.learning_rate_init
    return options.learning_rate_init * (1.0 - n_epochs / options.max_iter)


def _asks_to_stop(stopping: StoppingRule, losses: list[float], theta: Array) -> bool:
    try:
        return stopping.should_stop(len(losses), losses[-1], theta)
    except StopIteration as error:
        # scipy would take it for the normal end of a run.
        raise RuntimeError("A callback raised StopIteration during fit.") from error


_LBFGS_REMEDY = (
    "Scale the features of X (MinMaxScaler or StandardScaler), or bound the "
    "activations: 'relu' and 'identity' units can grow without limit."
)


def _adam_remedy(options: SolverOptions) -> str:
    return (
        f"Lower learning_rate_init={options.learning_rate_init!r}, or scale the "
        "features of X (MinMaxScaler or StandardScaler)."
    )


def _check_finite(value: float, vector: Array, n_iter: int, remedy: str) -> None:
    xp = array_namespace(vector)
    if math.isfinite(value) and bool(xp.all(xp.isfinite(vector))):
        return
    raise ValueError(
        f"The loss or its gradient is no longer finite in iteration {n_iter} "
        f"(loss: {value}). {remedy}"
    )


SOLVERS = {"lbfgs": minimize_lbfgs, "adam": minimize_adam}
