"""Self-taught learning: features of digits 5 to 9 help to classify digits 0 to 4.

The exercise of UFLDL: a sparse autoencoder (784-200, rho 0.1, beta 3, lambda 3e-3, 400
iterations) learns from the images of 5 to 9 among MNIST's training images, without
labels. It is then the frozen hidden layer of a softmax classifier (decay 1e-4, 100
iterations). The classifier learns from the first half of the images of 0 to 4, as in
the exercise, and is tested on the other half. UFLDL reports 98.3 %, and 96 % for raw
pixels. A wider layer of a denoising autoencoder, which the exercise does not have, is
in the same place.

Run it with ``python docs/benchmarks/self_taught.py [--data mnist.npz] [--out DIR]
[--validate]``; it takes about four minutes on one core. ``--validate`` scores the
last 5,000 images of the first half instead of the other half.
"""

import time
import warnings

import numpy as np
from _compare import parser_with_out, report
from _deep import autoencoder
from _mnist import load_mnist
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator

from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier

N_VALIDATION = 5_000
PUBLISHED = {"raw pixels": "96 %", "sparse features": "98.3 %"}


def main() -> None:
    """Learn the features, then classify with and without them."""
    parser = parser_with_out(__doc__.splitlines()[0], rounds=1)
    parser.add_argument("--validate", action="store_true", help="no test images")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    data = load_mnist(arguments.data, "float32")
    X, y = data.X_train, data.y_train
    if arguments.quick:
        X, y = X[:1_000], y[:1_000]
    train, test = np.array_split(np.flatnonzero(y < 5), 2)
    if arguments.validate:
        train, test = np.split(train, [-min(N_VALIDATION, len(train) // 2)])
    rows = []
    for name, layers, fine_tune in models(arguments.quick):
        start = time.perf_counter()
        for layer in layers:
            # The fine-tuned row has the features of the row before.
            if not hasattr(layer, "coefs_"):
                layer.fit(X[y >= 5])
        model = StackedAutoencoderClassifier(
            [layer.n_components for layer in layers],
            autoencoder=[FrozenEstimator(layer) for layer in layers],
            fine_tune=fine_tune,
            max_iter=20 if arguments.quick else 100,
            tol=0,
            random_state=0,
        ).fit(X[train], y[train])
        rows.append(
            {
                "classifier": name,
                "UFLDL": PUBLISHED.get(name, ""),
                "test accuracy": f"{model.score(X[test], y[test]):.2%}",
                "seconds": f"{time.perf_counter() - start:.0f}",
            }
        )
        print(rows[-1], flush=True)
    note = f"{np.sum(y >= 5):,} unlabeled images of 5 to 9, {len(train):,} labeled "
    note += f"training images and {len(test):,} test images of 0 to 4; float32."
    report("self_taught", "Self-taught learning", rows, arguments.out, note)


def models(quick):
    """Return a name, the autoencoders, and whether to fine-tune, for each model."""
    sparse = SparseAutoencoder(
        200,
        alpha=3e-3,
        sparsity_target=0.1,
        sparsity_weight=3.0,
        max_iter=10 if quick else 400,
        tol=0,
        random_state=0,
    )
    denoising = autoencoder(
        *(2 if quick else 30, 0.3),
        n_components=1_000,
        activation="relu",
        tied_weights=True,
    )
    return [
        ("raw pixels", [], False),
        ("sparse features", [sparse], False),
        ("the same, fine-tuned", [sparse], True),
        ("denoising features", [denoising], False),
        ("the same, fine-tuned", [denoising], True),
    ]


if __name__ == "__main__":
    main()
