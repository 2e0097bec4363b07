"""Features of MNIST by top-k autoencoders, classified by logistic regression.

An autoencoder with 1,000 linear units, k of them on, is trained on all images without
labels. A logistic regression then learns from the labels and the codes, in which three
times as many units are on [1]_. The penalty of the regression is chosen on 10,000
training images. The table has the test errors beside those of [1]_ for the same k, and
for logistic regression on pixels. The last row is the first k without `idle_weight`.

Run it with ``python docs/benchmarks/mnist_sparse_features.py [--data mnist.npz] [--k 25
10 40] [--epochs 50] [--out DIR]``.

References
----------
.. [1] Alireza Makhzani and Brendan Frey, "k-Sparse Autoencoders", International
   Conference on Learning Representations, 2014.
"""

import time
import warnings

import numpy as np
from _compare import parser_with_out, report
from _mnist import load_mnist
from sklearn.exceptions import ConvergenceWarning

from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier

N_UNITS, MORE_AT_TEST = 1000, 3
N_HELD_OUT = 10_000
ALPHAS = (1e-5, 1e-4, 3e-4, 1e-3)
PUBLISHED = {"pixels": "7.20 %", "k = 10": "2.10 %", "k = 25": "1.35 %"}
PUBLISHED |= {"k = 40": "1.54 %"}


def autoencoder(k: int, idle_weight: float, epochs: int) -> SparseAutoencoder:
    """Return the autoencoder of the paper: linear units and tied weights."""
    return SparseAutoencoder(
        N_UNITS,
        sparsity="top_k",
        sparsity_target=k,
        activation="identity",
        decoder_activation="identity",
        tied_weights=True,
        alpha=0,
        idle_weight=idle_weight,
        solver="adam",
        learning_rate="linear",
        learning_rate_init=1e-3,
        max_iter=epochs,
        random_state=0,
    )


def encode(model: SparseAutoencoder, X: np.ndarray, k: int) -> np.ndarray:
    """Return codes in which k linear units are on."""
    codes = X @ model.coefs_[0]
    codes += model.intercepts_[0]
    smallest = np.partition(codes, N_UNITS - k, axis=1)[:, N_UNITS - k, None]
    codes[codes < smallest] = 0
    return codes


def classify(X, y, X_test, y_test, max_iter: int) -> dict:
    """Choose the penalty on held-out rows, then learn from all; return both errors."""
    train, held_out = slice(N_HELD_OUT, None), slice(N_HELD_OUT)
    if len(X) < 2 * N_HELD_OUT:
        train, held_out = slice(len(X) // 5, None), slice(len(X) // 5)

    def error(alpha, fitted, scored):
        model = StackedAutoencoderClassifier((), alpha=alpha, max_iter=max_iter)
        return 1 - model.fit(*fitted).score(*scored)

    errors = {
        alpha: error(alpha, (X[train], y[train]), (X[held_out], y[held_out]))
        for alpha in ALPHAS
    }
    alpha = min(errors, key=errors.get)
    return {
        "alpha": alpha,
        "held-out error": errors[alpha],
        "test error": error(alpha, (X, y), (X_test, y_test)),
    }


def main() -> None:
    """Train, classify, print a table."""
    parser = parser_with_out(__doc__.splitlines()[0], rounds=1)
    parser.add_argument("--k", nargs="+", type=int, default=[25, 10, 40])
    parser.add_argument("--epochs", type=int, default=50)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y, X_test, y_test = load_mnist(arguments.data, "float32")
    max_iter = 300
    if arguments.quick:
        X, y, X_test, y_test = X[:1000], y[:1000], X_test[:500], y_test[:500]
        arguments.k, arguments.epochs, max_iter = [25], 2, 10
    tasks = [(None, 0.0), *((k, 0.1) for k in arguments.k), (arguments.k[0], 0.0)]
    rows = []
    for k, idle_weight in tasks:
        start = time.perf_counter()
        if k is None:
            name, found, features = "pixels", {}, (X, X_test)
        else:
            model = autoencoder(k, idle_weight, arguments.epochs).fit(X)
            name, found = f"k = {k}", model.diagnose(X)
            features = [encode(model, part, MORE_AT_TEST * k) for part in (X, X_test)]
        errors = classify(features[0], y, features[1], y_test, max_iter)
        seconds = time.perf_counter() - start
        row = {
            "features": name,
            "idle_weight": idle_weight,
            "dead units": found.get("dead", 0.0),
            "explained variance": found.get("explained_variance", 1.0),
            "published": PUBLISHED.get(name, ""),
        }
        rows.append(row | errors | {"seconds": seconds})
        print(rows[-1], flush=True)
    formats = {"dead units": "{:.1%}", "explained variance": "{:.3f}"}
    formats |= {"held-out error": "{:.2%}", "test error": "{:.2%}", "seconds": "{:.0f}"}
    note = f"{len(X):,} training and {len(X_test):,} test images; float32."
    report(
        *("mnist_sparse_features", "Features of MNIST", rows, arguments.out),
        *(note, formats),
    )


if __name__ == "__main__":
    main()
