"""Memory that a fit allocates above its data, beside scikit-learn's networks.

The script measures the peak of tracemalloc during `fit`, divided by the size of X, for
MNIST's 60,000 x 784 pixels. Few iterations are enough, because later iterations
allocate no more. tracemalloc does not see memory outside the allocators of Python and
numpy (of BLAS, of threads), or freed memory that malloc keeps.

Run it with ``python docs/benchmarks/memory.py [--data mnist.npz] [--out DIR]``.
"""

import tracemalloc
import warnings

from _compare import parser_with_out, report
from _mnist import load_mnist
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier

ITERATIONS = 12  # L-BFGS keeps its last 10 steps


class WithLittleMemory(SparseAutoencoder):
    """An autoencoder that keeps no activations of all rows."""

    def fit(self, X, y=None):
        """Fit with little working memory."""
        with config_context(working_memory=32):
            return super().fit(X)


def main() -> None:
    """Fit each model once in each precision; print one table."""
    parser = parser_with_out(__doc__.splitlines()[0], rounds=1)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    # The first fit allocates some memory once for the whole process.
    SparseAutoencoder(2, max_iter=1).fit([[0.0, 1.0], [1.0, 0.0]])
    rows = []
    for dtype in ("float32", "float64"):
        data = load_mnist(arguments.data, dtype)
        n_rows = 500 if arguments.quick else len(data.X_train)
        X, y = data.X_train[:n_rows], data.y_train[:n_rows]
        for name, (model, target) in models(X, y).items():
            peak = peak_of_fit(model, X, target)
            rows.append(
                {
                    "dtype": dtype,
                    "fit": name,
                    "X": f"{X.nbytes / 1e6:.0f} MB",
                    "peak above X": f"{peak / 1e6:.0f} MB",
                    "peak above X / X": f"{peak / X.nbytes:.2f}",
                }
            )
    note = f"{ITERATIONS} iterations a stage (2 epochs of Adam)."
    report("memory", "Memory above the data", rows, arguments.out, note)


def models(X, y):
    """Estimators with their targets, by name."""
    budget = {"max_iter": ITERATIONS, "tol": 0, "random_state": 0}
    epochs = {**budget, "max_iter": 2, "solver": "adam"}
    peers = {"activation": "logistic"}
    prototype = SparseAutoencoder(max_iter=ITERATIONS, tol=0)
    deep, shallow = (200, 200), (200,)
    return {
        "SparseAutoencoder 784-200, lbfgs": (SparseAutoencoder(200, **budget), None),
        "the same with a working_memory of 32 MiB": (
            WithLittleMemory(200, **budget),
            None,
        ),
        "SparseAutoencoder 784-200, adam": (SparseAutoencoder(200, **epochs), None),
        "StackedAutoencoderClassifier 784-200-200, lbfgs": (
            StackedAutoencoderClassifier(deep, autoencoder=prototype, **budget),
            y,
        ),
        "StackedAutoencoderClassifier 784-200-200, no pretraining, adam": (
            StackedAutoencoderClassifier(deep, pretrain=False, **epochs),
            y,
        ),
        "MLPClassifier 784-200-200, lbfgs": (
            MLPClassifier(deep, solver="lbfgs", **peers, **budget),
            y,
        ),
        "MLPClassifier 784-200-200, adam": (MLPClassifier(deep, **peers, **epochs), y),
        "MLPRegressor 784-200-784 as autoencoder, lbfgs": (
            MLPRegressor(hidden_layer_sizes=shallow, solver="lbfgs", **peers, **budget),
            X,
        ),
    }


def peak_of_fit(model, X, y):
    """Return the peak of memory during a fit in bytes, above the memory before it."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        model.fit(X, y)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return peak - before


if __name__ == "__main__":
    main()
