"""One value and gradient, side by side with its peers.

Compares `value_and_gradient` of the sparse autoencoder (784-200 and 200-200) and of
the fine-tuning network (784-200-200-10), in both precisions, with

- only the matrix products of the objective, into allocated memory,
- a whole-array numpy formula, as in translations of the UFLDL exercise,
- PyTorch with autograd, eager and, if there is a C++ compiler, compiled.

The candidates run in turn in one process, with the same number of threads. Each runs
several evaluations in a row, as an optimizer does. Values and gradients of all
candidates are compared before the timing.

Run it with ``python docs/benchmarks/kernel.py [--out DIR]``.
"""

import itertools
import shutil
from functools import partial

import numpy as np
from _compare import format_seconds, measure, parser_with_out, per_repeat, report
from _numpy_network import autoencoder_cost, network_cost

from skstackedae._network.activations import ACTIVATIONS
from skstackedae._network.layout import ParameterLayout
from skstackedae._network.losses import SquaredError
from skstackedae._network.penalties import KLSparsity
from skstackedae._rows.blocks import as_one_number
from skstackedae._rows.rows import rows_of
from skstackedae._rows.threads import Threads
from skstackedae._training.objectives import AutoencoderObjective, NetworkObjective

try:
    import _torch_network as in_torch
    import torch
except ImportError:
    torch = None

ALPHA, RHO, BETA = 3e-3, 0.1, 3.0
LOGISTIC = ACTIVATIONS["logistic"]
PRODUCTS = "matrix products"
OURS = "skstackedae"


def main() -> None:
    """Time every network, size and precision; print one table."""
    parser = parser_with_out(__doc__.splitlines()[0], rounds=7)
    arguments = parser.parse_args()
    n_rows = (500,) if arguments.quick else (10_000, 60_000)
    networks = {
        "autoencoder 784-200": (784, 200, 784),
        "autoencoder 200-200": (200, 200, 200),
        "network 784-200-200-10": (784, 200, 200, 10),
    }
    rows = []
    for (name, sizes), n, dtype in itertools.product(
        networks.items(), n_rows, ("float32", "float64")
    ):
        problem = (Autoencoder if name.startswith("auto") else Network)(n, sizes, dtype)
        candidates = problem.candidates()
        check_agreement(candidates)
        repeats = 2 if n > 10_000 else 5
        timings = measure(
            {name: partial(run, repeats) for name, run in candidates.items()},
            arguments.rounds,
        )
        rows.append(
            {"objective": name, "rows": f"{n:,}", "dtype": dtype}
            | ratios(timings, repeats)
        )
    note = f"Medians of {arguments.rounds} rounds, with the range."
    report("kernel", "One value and gradient", rows, arguments.out, note)


def ratios(timings, repeats):
    """Our time of one evaluation, and how it compares."""
    ours = timings[OURS]
    columns = {
        "time of ours": format_seconds(per_repeat(ours, repeats)),
        "ours : its products": f"{ours.median / timings[PRODUCTS].median:.2f}, "
        + format_seconds(per_repeat(timings[PRODUCTS], repeats)),
    }
    for name, timing in timings.items():
        if name not in (OURS, PRODUCTS):
            once = per_repeat(timing, repeats)
            ratio = f"{timing.median / ours.median:.2f}"
            columns[f"{name} : ours"] = f"{ratio}, {format_seconds(once)}"
    return columns


class Problem:
    """Random data of a size, and the candidates that evaluate an objective on it."""

    def __init__(self, n_rows, sizes, dtype):
        rng = np.random.RandomState(0)
        self.layout = ParameterLayout(sizes)
        self.theta = self.layout.initialize(rng)
        self.X = rng.uniform(size=(n_rows, sizes[0])).astype(dtype)
        self.y = rng.randint(sizes[-1], size=n_rows)
        # As the preparation of a fit leaves equal weights.
        self.weights = as_one_number(np.full(n_rows, 1 / n_rows, dtype=dtype))

    def candidates(self):
        """Callables by name that evaluate several times in a row.

        All except the products return value and gradient.
        """
        found = {
            PRODUCTS: repeated(self.products()),
            OURS: self.in_blocks,
            "whole-array numpy": repeated(self.in_numpy),
        }
        if torch is not None:
            eager = self.in_torch()
            found["PyTorch eager"] = repeated(eager)
            if shutil.which("g++") or shutil.which("clang++"):
                compiled = self.in_torch(torch.compile)
                found["PyTorch compiled"] = repeated(compiled)
        return found

    def in_blocks(self, repeats):
        """Evaluate the package's objective, with the start and stop of threads."""
        with Threads(None) as threads:
            rows = rows_of(self.X, self.targets, self.weights, threads)
            rows = rows.cut_for(sum(self.layout.sizes))
            objective = self.objective(rows)
            return repeated(lambda: objective.value_and_gradient(self.theta))(repeats)

    def in_torch(self, compiled=lambda loss: loss):
        """Share the data with torch; return a function for loss and gradient."""
        # After code of another size, torch would compile generalized, slower code.
        torch.compiler.reset()
        coefs, intercepts = in_torch.layers_of(self.layout, self.theta, self.X.dtype)
        loss = compiled(self.torch_loss)
        X, y = in_torch.tensors(self.X, self.y)

        def evaluate():
            value, gradients = in_torch.value_and_gradient(
                lambda: loss(X, y, coefs, intercepts), [*coefs, *intercepts]
            )
            return value, np.concatenate([g.numpy().ravel() for g in gradients])

        return evaluate


class Autoencoder(Problem):
    """The sparse autoencoder."""

    @property
    def targets(self):
        """None, because rows are their own targets."""
        return None

    def objective(self, rows):
        """Return the package's objective."""
        return AutoencoderObjective(
            rows,
            self.layout,
            LOGISTIC,
            SquaredError(LOGISTIC),
            alpha=ALPHA,
            mean_penalty=KLSparsity(RHO, BETA),
        )

    def in_numpy(self):
        """Evaluate the exercise's formula."""
        return autoencoder_cost(self.theta, self.X, self.layout, ALPHA, RHO, BETA)

    @staticmethod
    def torch_loss(X, y, coefs, intercepts):
        """Return the loss that autograd differentiates."""
        return in_torch.autoencoder_loss(X, *coefs, *intercepts, ALPHA, RHO, BETA)

    def products(self):
        """Compute the five products of the two passes, and nothing else."""
        (W1, W2), _ = self.layout.unpack(self.theta.astype(self.X.dtype))
        X = self.X
        H, E = X @ W1, X @ W1 @ W2
        error, grad_1, grad_2 = E @ W2.T, X.T @ H, H.T @ E

        def evaluate():
            np.matmul(X, W1, out=H)
            np.matmul(H, W2, out=E)
            np.matmul(H.T, E, out=grad_2)
            np.matmul(E, W2.T, out=error)
            np.matmul(X.T, error, out=grad_1)

        return evaluate


class Network(Problem):
    """The fine-tuning network."""

    @property
    def targets(self):
        """Labels."""
        return self.y

    def objective(self, rows):
        """Return the package's objective."""
        hidden = (LOGISTIC,) * (len(self.layout.sizes) - 2)
        return NetworkObjective(
            rows, self.layout, hidden, alpha=ALPHA, hidden_alpha=ALPHA
        )

    def in_numpy(self):
        """Evaluate the formula."""
        one_hot = np.eye(self.layout.sizes[-1], dtype=self.X.dtype)[self.y]
        return network_cost(self.theta, self.X, one_hot, self.layout, ALPHA, ALPHA)

    @staticmethod
    def torch_loss(X, y, coefs, intercepts):
        """Return the loss that autograd differentiates."""
        return in_torch.network_loss(X, y, coefs, intercepts, ALPHA)

    def products(self):
        """Compute the products of the two passes; none below the first layer."""
        (W1, W2, W3), _ = self.layout.unpack(self.theta.astype(self.X.dtype))
        X = self.X
        A1 = X @ W1
        A2 = A1 @ W2
        P = A2 @ W3
        error_2, error_1 = P @ W3.T, A2 @ W2.T
        grads = [X.T @ A1, A1.T @ A2, A2.T @ P]

        def evaluate():
            np.matmul(X, W1, out=A1)
            np.matmul(A1, W2, out=A2)
            np.matmul(A2, W3, out=P)
            np.matmul(A2.T, P, out=grads[2])
            np.matmul(P, W3.T, out=error_2)
            np.matmul(A1.T, error_2, out=grads[1])
            np.matmul(error_2, W2.T, out=error_1)
            np.matmul(X.T, error_1, out=grads[0])

        return evaluate


def repeated(evaluate):
    """Return a function that evaluates several times in a row."""

    def several(repeats):
        for _ in range(repeats):
            result = evaluate()
        return result

    return several


def check_agreement(candidates):
    """Compare all values and gradients with the whole-array formula's."""
    expected_value, expected = candidates["whole-array numpy"](1)
    for name, candidate in candidates.items():
        if name == PRODUCTS:
            continue
        value, gradient = candidate(1)
        np.testing.assert_allclose(value, expected_value, rtol=1e-3, err_msg=name)
        atol = 1e-3 * np.abs(expected).max()
        np.testing.assert_allclose(gradient, expected, atol=atol, err_msg=name)


if __name__ == "__main__":
    main()
