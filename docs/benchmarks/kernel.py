"""One value and gradient of the sparse autoencoder, side by side with its peers.

Measures `AutoencoderObjective.value_and_gradient` (rows in blocks, one BLAS thread
each) against a whole-array numpy formula, as translations of the UFLDL exercise write
it, and against the five matrix products alone; in turn, in one process, with medians
over the rounds.

Run it with ``python docs/benchmarks/kernel.py [--rows N] [--dtype float32]``.
"""

import argparse
import time

import numpy as np
from _machine import describe_machine

from skstackedae._activations import ACTIVATIONS
from skstackedae._losses import SquaredError
from skstackedae._objectives import AutoencoderObjective
from skstackedae._parameters import ParameterLayout
from skstackedae._row_blocks import RowBlocks, Workers

ALPHA, RHO, BETA = 3e-3, 0.1, 3.0


def main() -> None:
    """Time all candidates in turn and print their medians and ratios."""
    arguments = parse_arguments()
    rng = np.random.RandomState(0)
    X = rng.uniform(size=(arguments.rows, arguments.features))
    X = X.astype(arguments.dtype)
    layout = ParameterLayout((arguments.features, arguments.units, arguments.features))
    theta = layout.initialize(rng)
    candidates = {
        "matrix products alone": lambda: products_alone(X, layout, theta),
        "whole-array numpy": lambda: whole_array(X, layout, theta),
        "skstackedae": lambda: in_blocks(X, layout, theta, arguments.n_jobs),
    }
    check_agreement(X, layout, theta)
    seconds = measure(candidates, arguments.rounds)
    medians = {name: np.median(times) for name, times in seconds.items()}
    ours = medians["skstackedae"]
    print(
        f"{arguments.rows} x {arguments.features} x {arguments.units}, "
        f"{arguments.dtype}, {arguments.rounds} rounds"
    )
    for name, median in medians.items():
        low, high = min(seconds[name]), max(seconds[name])
        print(
            f"  {name:22} {median:7.3f} s ({low:.3f} to {high:.3f}), "
            f"{median / ours:.2f} x ours"
        )
    print(describe_machine())


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--features", type=int, default=784)
    parser.add_argument("--units", type=int, default=200)
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--n-jobs", type=int, default=None, help="default: as BLAS")
    return parser.parse_args()


def measure(candidates, rounds):
    """Run the candidates in turn, so that all meet the same disturbances."""
    seconds = {name: [] for name in candidates}
    for candidate in candidates.values():
        candidate()
    for _ in range(rounds):
        for name, candidate in candidates.items():
            start = time.perf_counter()
            candidate()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def in_blocks(X, layout, theta, n_jobs=None):
    """Evaluate the package's objective, threads started and stopped included."""
    weights = np.full(len(X), 1 / len(X), dtype=X.dtype)
    with Workers(n_jobs) as workers:
        data = RowBlocks(X, None, weights, row_width=sum(layout.sizes), workers=workers)
        objective = AutoencoderObjective(
            data,
            layout,
            ACTIVATIONS["logistic"],
            SquaredError(ACTIVATIONS["logistic"]),
            alpha=ALPHA,
            sparsity_target=RHO,
            sparsity_weight=BETA,
        )
        return objective.value_and_gradient(theta)


def logistic(Z):
    """As translations write it; scipy's expit is slower here."""
    return 1 / (1 + np.exp(-Z))


def whole_array(X, layout, theta):
    """Evaluate the exercise's formulas on all rows at once."""
    (W1, W2), (b1, b2) = layout.unpack(theta.astype(X.dtype))
    n_rows = len(X)
    H = logistic(X @ W1 + b1)
    Y = logistic(H @ W2 + b2)
    rho_hat = H.mean(axis=0)
    E = Y - X
    value = 0.5 * np.sum(E**2) / n_rows
    value += ALPHA / 2 * (np.sum(W1**2) + np.sum(W2**2))
    value += BETA * np.sum(
        RHO * np.log(RHO / rho_hat) + (1 - RHO) * np.log((1 - RHO) / (1 - rho_hat))
    )
    delta_2 = E * Y * (1 - Y)
    sparsity = BETA * (-RHO / rho_hat + (1 - RHO) / (1 - rho_hat))
    delta_1 = (delta_2 @ W2.T + sparsity) * H * (1 - H)
    coef_grads = [
        X.T @ delta_1 / n_rows + ALPHA * W1,
        H.T @ delta_2 / n_rows + ALPHA * W2,
    ]
    return value, layout.pack(coef_grads, [delta_1.mean(axis=0), delta_2.mean(axis=0)])


def products_alone(X, layout, theta):
    """Compute the five products of the two passes, and nothing else."""
    (W1, W2), _ = layout.unpack(theta.astype(X.dtype))
    H = X @ W1
    E = H @ W2
    return H.T @ E, X.T @ (E @ W2.T)


def check_agreement(X, layout, theta):
    """Compare ours with the formula before anything is timed."""
    few = X[:2000]
    value, gradient = in_blocks(few, layout, theta)
    expected_value, expected = whole_array(few, layout, theta)
    tolerance = 1e-3 if X.dtype == np.float32 else 1e-9
    np.testing.assert_allclose(value, expected_value, rtol=tolerance)
    np.testing.assert_allclose(
        gradient, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max()
    )


if __name__ == "__main__":
    main()
