"""Profile of an evaluation of the sparse autoencoder, function by function.

Profiles value and gradient of 784-200 on one thread, and only the products on the same
blocks. The difference is the cost of activations, sums and Python. One line has the
evaluation in one pass, for activations that exceed scikit-learn's ``working_memory``.

Run it with ``python docs/benchmarks/where_time_goes.py [--out DIR]``.
"""

import cProfile
import pstats

import numpy as np
from _compare import parser_with_out, report
from kernel import Autoencoder
from sklearn import config_context

from skstackedae._rows.rows import rows_of
from skstackedae._rows.threads import Threads

SIZES = (784, 200, 784)
N_SHOWN = 10
REPEATS = 3


def main() -> None:
    """Profile both precisions; print one table."""
    parser = parser_with_out(__doc__.splitlines()[0], rounds=1)
    arguments = parser.parse_args()
    n_rows = 500 if arguments.quick else 60_000
    rows = []
    for dtype in ("float32", "float64"):
        problem = Autoencoder(n_rows, SIZES, dtype)
        with Threads(1) as threads:
            total, functions = profile(lambda p=problem, w=threads: evaluate(p, w))
            products, _ = profile(lambda p=problem, w=threads: multiply(p, w))
            with config_context(working_memory=0):
                one_pass, _ = profile(lambda p=problem, w=threads: evaluate(p, w))
        rows.append(row(dtype, "value and gradient", total, total))
        rows.append(row(dtype, "the same in one pass", one_pass, total))
        rows.append(row(dtype, "the products alone, in blocks", products, total))
        rows += [row(dtype, *function, total) for function in functions]
    title = f"Where an evaluation spends its time, 784-200, {n_rows:,} rows, one thread"
    note = "Own time of each function: with its products, without functions it calls."
    report("where_time_goes", title, rows, arguments.out, note)


def evaluate(problem, threads):
    """Compute value and gradient on the rows in blocks."""
    problem.objective(rows_of_problem(problem, threads)).value_and_gradient(
        problem.theta
    )


def multiply(problem, threads):
    """Compute the five products of each block, in the two passes of the objective."""
    (W1, W2), _ = problem.layout.unpack(problem.theta.astype(problem.X.dtype))
    rows = rows_of_problem(problem, threads)
    hidden, _ = rows.keep(lambda X, y, w: (X @ W1,))

    def backward(X, y, w, H):
        E = H @ W2
        return H.T @ E, X.T @ (E @ W2.T)

    rows.sum(backward, kept=hidden)


def rows_of_problem(problem, threads):
    """Cut the problem's rows as a fit does."""
    rows = rows_of(problem.X, None, problem.weights, threads)
    return rows.cut_for(sum(problem.layout.sizes))


def profile(function):
    """Return seconds of a call, and of the functions that took most of them."""
    function()
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(REPEATS):
        function()
    profiler.disable()
    stats = pstats.Stats(profiler).stats
    own = {
        f"`{name}` in {path.rsplit('/', 1)[-1]}": entry[2] / REPEATS
        for (path, _, name), entry in stats.items()
    }
    most = sorted(own.items(), key=lambda item: -item[1])[:N_SHOWN]
    return float(np.sum(list(own.values()))), most


def row(dtype, name, seconds, total):
    """Return a line of the table."""
    return {
        "dtype": dtype,
        "what": name,
        "milliseconds": f"{1e3 * seconds:.0f}",
        "share": f"{seconds / total:.1%}",
    }


if __name__ == "__main__":
    main()
