"""Every solver on every problem, and the rules that they share."""

import numpy as np
import pytest
from helpers import DTYPES
from scipy.optimize import rosen, rosen_der

from skstackedae._training.batches import Sampler
from skstackedae._training.solvers import (
    SOLVERS,
    AdamState,
    SolverOptions,
    learning_rate,
)
from skstackedae._training.stopping import AnyOf, LossStalled, Patience


def options(**changes):
    defaults = {
        "max_iter": 2_000,
        "batch_size": 50,
        "learning_rate": "constant",
        "learning_rate_init": 0.01,
        "shuffle": True,
    }
    return SolverOptions(**defaults | changes)


class Watcher:
    """A rule that asks a function."""

    def __init__(self, should_stop):
        self.should_stop = should_stop


def solve(
    solver,
    problem,
    theta0,
    n_rows=100,
    should_stop=None,
    seed=0,
    tol=0.0,
    n_iter_no_change=20,
    project=lambda theta: None,
    **changes,
):
    settings = options(**changes)
    rules = [LossStalled(Patience(tol, n_iter_no_change))]
    if should_stop is not None:
        rules.append(Watcher(should_stop))
    return SOLVERS[solver](
        problem,
        theta0,
        options=settings,
        sampler=Sampler(n_rows, settings.batch_size, settings.shuffle),
        random_state=np.random.RandomState(seed),
        stopping=AnyOf(tuple(rules)),
        project=project,
    )


def least_squares(rng):
    """100 rows without noise: every mini-batch has the same minimum."""
    A, solution = rng.randn(100, 5), rng.randn(5)

    def value_and_gradient(theta, batch=None):
        part = A if batch is None else A[batch.indices]
        residual = part @ (theta - solution)
        return 0.5 * np.mean(residual**2), part.T @ residual / len(part)

    return value_and_gradient, np.zeros(5), solution


def valley(rng=None):
    """Rosenbrock's function, the same for every batch."""
    return lambda theta, batch=None: (rosen(theta), rosen_der(theta)), np.zeros(2), 1.0


def bowl(rng=None):
    """A quadratic whose curvatures differ a hundredfold."""
    scales = np.array([1.0, 10.0, 100.0])

    def value_and_gradient(theta, batch=None):
        return 0.5 * np.sum(scales * (theta - 3) ** 2), scales * (theta - 3)

    return value_and_gradient, np.zeros(3), 3.0


@pytest.mark.parametrize("make", [least_squares, valley, bowl])
@pytest.mark.parametrize("solver", SOLVERS)
def test_solvers_find_the_minimum(solver, make, rng, global_random_seed):
    problem, theta0, solution = make(rng)
    before = theta0.copy()
    result = solve(solver, problem, theta0, seed=global_random_seed)
    np.testing.assert_allclose(
        result.theta, solution + np.zeros_like(theta0), atol=0.02
    )
    assert result.loss < 1e-3
    assert result.n_iter == len(result.loss_curve) > 0
    np.testing.assert_array_equal(theta0, before)


@pytest.mark.parametrize("solver", SOLVERS)
def test_running_out_of_iterations_is_told(solver):
    problem, theta0, _ = valley()
    seen = []
    result = solve(
        solver,
        problem,
        theta0,
        max_iter=3,
        should_stop=lambda n_iter, loss, theta: seen.append((n_iter, loss)),
    )
    assert not result.converged
    assert result.n_iter == 3
    assert seen == list(enumerate(result.loss_curve, start=1))
    assert result.loss == result.loss_curve[-1]


@pytest.mark.parametrize("solver", SOLVERS)
def test_who_watches_may_end_the_run(solver):
    problem, theta0, _ = valley()
    seen = []

    def should_stop(n_iter, loss, theta):
        seen.append((problem(theta)[0], theta.copy()))
        return n_iter == 4

    result = solve(solver, problem, theta0, should_stop=should_stop)
    assert result.n_iter == len(seen) == 4
    assert result.converged
    np.testing.assert_array_equal(result.theta, seen[-1][1])
    if solver == "lbfgs":
        assert [loss for loss, _ in seen] == result.loss_curve


def test_adam_goes_on_from_the_parts_of_its_state(rng):
    gradients = rng.randn(6, 4)
    whole, theta = AdamState(np.zeros(4)), np.zeros(4)
    for gradient in gradients:
        whole.step(theta, gradient, 0.1)
    state, again = AdamState(np.zeros(4)), np.zeros(4)
    for gradient in gradients:
        parts = state.to_dict()
        before = {name: np.copy(part) for name, part in parts.items()}
        state = AdamState.from_dict(parts)
        state.step(again, gradient, 0.1)
        for name, part in parts.items():
            np.testing.assert_array_equal(part, before[name])
    np.testing.assert_array_equal(theta, again)


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_stalled_loss_ends_the_run(solver):
    problem, theta0, _ = bowl()

    def raised(theta, batch=None):
        value, gradient = problem(theta)
        return 1.0 + value, gradient

    result = solve(solver, raised, theta0, tol=0.5, n_iter_no_change=3)
    assert result.converged
    curve = result.loss_curve
    assert curve[-4] - curve[-1] <= 0.5 * curve[-4]
    # And not an iteration later than needed.
    assert all(
        before - now > 0.5 * before
        for before, now in zip(curve[:-4], curve[3:-1], strict=True)
    )


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("solver", SOLVERS)
def test_what_is_not_finite_is_an_error(solver, value):
    with pytest.raises(
        ValueError, match=r"no longer finite in iteration 1 .*(Scale|Lower)"
    ):
        solve(solver, lambda theta, batch=None: (value, theta), np.ones(2))
    with pytest.raises(ValueError, match="no longer finite"):
        solve(solver, lambda theta, batch=None: (1.0, theta * value), np.ones(2))


def test_adam_hands_back_no_step_that_nobody_evaluated():
    problem, theta0, _ = bowl()
    with pytest.raises(ValueError, match="no longer finite"):
        solve("adam", problem, theta0.astype("f4"), max_iter=1, learning_rate_init=1e39)


def test_adam_tells_moments_that_overflow():
    huge = np.full(2, 1e30, dtype=np.float32)
    with pytest.raises(ValueError, match="no longer finite"):
        solve("adam", lambda theta, batch=None: (1.0, huge), np.ones(2, dtype="f4"))


def test_adam_names_its_step_length():
    with pytest.raises(ValueError, match=r"Lower learning_rate_init=0\.01"):
        solve("adam", lambda theta, batch=None: (np.nan, theta), np.ones(2))


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_start_at_the_minimum_stays_there(solver, rng, global_random_seed):
    problem, _, solution = least_squares(rng)
    result = solve(solver, problem, solution, seed=global_random_seed)
    np.testing.assert_array_equal(result.theta, solution)
    assert result.converged
    assert result.loss == 0


def test_lbfgs_ends_by_itself_only_at_rounding():
    # Flat at its minimum: tolerances of float32 would end the run at 0.02 and 0.003.
    def quartic(theta, batch=None):
        return float(np.sum(theta**4)), 4 * theta**3

    result = solve("lbfgs", quartic, np.array([1.0, 2.0]), n_iter_no_change=10_000)
    assert result.converged
    np.testing.assert_allclose(result.theta, 0, atol=1e-3)


@pytest.mark.parametrize("solver", SOLVERS)
def test_solvers_leak_no_warnings_of_numpy(solver):
    def overflowing(theta, batch=None):
        return float(np.sum(theta**2)) + 0.0 * float(np.exp(1e4 + theta[0])), theta

    with pytest.raises(ValueError, match="no longer finite"):
        solve(solver, overflowing, np.ones(2))


def test_the_loss_of_an_epoch_is_the_mean_over_its_rows():
    # Batches of 5 and 7 rows, whose losses are 5 and 7.
    def value_and_gradient(theta, batch=None):
        return float(len(batch.indices)), np.zeros_like(theta)

    result = solve("adam", value_and_gradient, np.ones(2), n_rows=12, batch_size=5)
    assert result.loss_curve[0] == pytest.approx((5 * 5 + 7 * 7) / 12)


def test_lbfgs_works_in_float64_and_adam_in_the_precision_it_is_given():
    problem, theta0, _ = bowl()
    theta0 = theta0.astype(np.float32)
    assert solve("lbfgs", problem, theta0, max_iter=2).theta.dtype == np.float64
    assert solve("adam", problem, theta0, max_iter=2).theta.dtype == np.float32


@pytest.mark.parametrize("dtype", DTYPES)
def test_adam_step_is_algorithm_1_of_the_paper(dtype, rng):
    # More than one of the pieces in which vectors are updated.
    n = AdamState.PIECE_LENGTH + 7
    theta = rng.randn(n).astype(dtype)
    expected = theta.astype(np.float64)
    state, m, v = AdamState(theta), np.zeros(n), np.zeros(n)
    for t in range(1, 8):
        gradient = rng.randn(n).astype(dtype)
        before = gradient.copy()
        state.step(theta, gradient, 0.1)
        np.testing.assert_array_equal(gradient, before)
        m = 0.9 * m + 0.1 * gradient
        v = 0.999 * v + 0.001 * gradient.astype(np.float64) ** 2
        m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
        expected = expected - 0.1 * m_hat / (np.sqrt(v_hat) + 1e-8)
        eps = np.finfo(dtype).eps
        np.testing.assert_allclose(theta, expected, rtol=20 * eps, atol=20 * eps)


@pytest.mark.parametrize(
    ("curve", "stalled"),
    [
        ([1.0, 1.0], False),  # too short to tell
        ([1.0, 0.95, 0.9], True),
        ([1.0, 0.95, 0.89], False),
        ([1.0, 0.5, 2.0], True),  # rises
        ([-1.0, -1.05, -1.2], False),  # relative to the size, not the sign
    ],
)
def test_stalling_is_relative(curve, stalled):
    rule = LossStalled(Patience(tol=0.1 + 1e-12, n_iter_no_change=2))
    answers = [rule.should_stop(i, loss, None) for i, loss in enumerate(curve, 1)]
    assert answers[-1] is stalled


def test_losses_of_the_first_iterations_do_not_count():
    rule = LossStalled(Patience(tol=0.1, n_iter_no_change=2), first_iterations=3)
    curve = [1.0, 2.0, 3.0, 1.0, 1.0, 1.0, 1.0]
    answers = [rule.should_stop(i, loss, None) for i, loss in enumerate(curve, 1)]
    assert answers == [False] * 5 + [True] * 2


def test_a_linear_learning_rate_falls_from_step_to_step_to_0():
    settings = options(learning_rate="linear", learning_rate_init=0.4, max_iter=4)
    assert learning_rate(settings, 0) == 0.4
    assert learning_rate(settings, 1.5) == pytest.approx(0.4 * 2.5 / 4)
    assert learning_rate(settings, 4) == 0
    assert learning_rate(options(learning_rate_init=0.4), 3) == 0.4


def test_steps_of_adam_follow_the_schedule():
    steps = []

    def value_and_gradient(theta, batch=None):
        steps.append(theta.copy())
        return float(theta.sum()), np.ones_like(theta)

    solve(
        "adam",
        value_and_gradient,
        np.zeros(1),
        n_rows=100,
        max_iter=2,
        learning_rate="linear",
    )
    # Adam's steps are as long as the rate where the gradient never changes.
    np.testing.assert_allclose(
        -np.diff(np.ravel(steps)), 0.01 * np.array([1, 0.75, 0.5]), rtol=1e-6
    )


def test_adam_numbers_its_batches():
    numbers = []

    def value_and_gradient(theta, batch):
        numbers.append(batch.number)
        return 1.0, theta

    solve("adam", value_and_gradient, np.ones(2), max_iter=3)
    assert numbers == [1, 2, 3, 4, 5, 6]


def test_every_rule_is_asked_every_time():
    asked = []
    rules = AnyOf(tuple(Watcher(lambda *_, i=i: bool(asked.append(i))) for i in "ab"))
    stop = AnyOf((Watcher(lambda *_: True), rules))
    assert rules.should_stop(1, 0.0, None) is False
    assert stop.should_stop(1, 0.0, None) is True
    assert asked == ["a", "b", "a", "b"]
