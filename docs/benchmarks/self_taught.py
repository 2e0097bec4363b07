"""Self-taught learning: features of digits 5 to 9 help to classify digits 0 to 4.

The exercise of UFLDL: a sparse autoencoder (784-200, rho 0.1, beta 3, lambda 3e-3, 400
iterations) learns from the images of 5 to 9 among MNIST's training images, without
labels. It is then the frozen hidden layer of a softmax classifier (decay 1e-4, 100
iterations). The classifier learns from the first half of the images of 0 to 4, as in
the exercise, and is tested on the other half. UFLDL reports 98.3 %, and 96 % for raw
pixels.

Run it with ``python docs/benchmarks/self_taught.py [--data mnist.npz] [--out DIR]``; it
takes about five minutes on two cores.
"""

import time
import warnings

import numpy as np
from _compare import parser_with_out, report
from _mnist import load_mnist
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator

from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier

N_COMPONENTS = 200
PUBLISHED = {"raw pixels": "96 %", "features of 5 to 9": "98.3 %", "fine-tuned": ""}


def main() -> None:
    """Learn the features, then classify with and without them."""
    parser = parser_with_out(__doc__.splitlines()[0], rounds=1)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    data = load_mnist(arguments.data, "float32")
    X, y = data.X_train, data.y_train
    if arguments.quick:
        X, y = X[:1_000], y[:1_000]
    n_iterations, n_supervised = (10, 20) if arguments.quick else (400, 100)
    train, test = np.array_split(np.flatnonzero(y < 5), 2)
    budget = {"max_iter": n_iterations, "tol": 0}
    start = time.perf_counter()
    features = SparseAutoencoder(
        N_COMPONENTS,
        alpha=3e-3,
        sparsity_target=0.1,
        sparsity_weight=3.0,
        random_state=0,
        **budget,
    ).fit(X[y >= 5])
    seconds = {"features of 5 to 9": time.perf_counter() - start}
    frozen = {"autoencoder": [FrozenEstimator(features)]}
    common = {"alpha": 1e-4, "max_iter": n_supervised, "tol": 0, "random_state": 0}
    models = {
        "raw pixels": StackedAutoencoderClassifier((), **common),
        "features of 5 to 9": StackedAutoencoderClassifier(
            (N_COMPONENTS,), fine_tune=False, **frozen, **common
        ),
        "fine-tuned": StackedAutoencoderClassifier((N_COMPONENTS,), **frozen, **common),
    }
    rows = []
    for name, model in models.items():
        start = time.perf_counter()
        model.fit(X[train], y[train])
        rows.append(
            {
                "classifier": name,
                "UFLDL": PUBLISHED[name],
                "test accuracy": f"{model.score(X[test], y[test]):.2%}",
                "seconds": f"{time.perf_counter() - start + seconds.get(name, 0):.0f}",
            }
        )
    note = f"{np.sum(y >= 5):,} unlabeled images of 5 to 9, {len(train):,} labeled "
    note += f"training images and {len(test):,} test images of 0 to 4; float32."
    report("self_taught", "Self-taught learning", rows, arguments.out, note)


if __name__ == "__main__":
    main()
