"""Three hidden layers of 1,000 units on all of MNIST: pretrained or not, noisy or not.

Beside the figures of Vincent et al., "Stacked Denoising Autoencoders" (Journal of
Machine Learning Research 11, 2010): 98.60 % with plain autoencoders (SAE-3), 98.72 %
with masking noise (SDAE-3). Logistic units, cross-entropy reconstructions, Adam.
Whatever was chosen was chosen with ``--validate``, which learns from 50,000 training
images and scores the other 10,000; the test images are used once, in the end.

Run it with ``python docs/benchmarks/mnist_deep.py [--data mnist.npz] [--out DIR]
[--models NAME ...] [--validate]``; a model takes 10 to 15 minutes on two cores.
"""

import time
import warnings

from _compare import parser_with_out, report
from _mnist import load_mnist
from sklearn.exceptions import ConvergenceWarning

from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier

HIDDEN = (1_000, 1_000, 1_000)
PUBLISHED = {
    "pretrained": "98.60 %",
    "pretrained, noise": "98.72 %",
}


def main() -> None:
    """Fit the models; print one table."""
    parser = parser_with_out(__doc__.splitlines()[0], rounds=1)
    parser.add_argument("--validate", action="store_true", help="no test images")
    parser.add_argument("--models", nargs="+", choices=list(models()))
    parser.add_argument("--epochs", type=int, default=30, help="of fine-tuning")
    parser.add_argument("--pretraining-epochs", type=int, default=10)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y, X_test, y_test = rows_of(arguments)
    size = (30,) if arguments.quick else HIDDEN
    rows = []
    for name, model in models(
        size, arguments.pretraining_epochs, arguments.epochs
    ).items():
        if arguments.models is not None and name not in arguments.models:
            continue
        start = time.perf_counter()
        model.fit(X, y)
        rows.append(
            {
                "model": name,
                "published": PUBLISHED.get(name, ""),
                "accuracy": f"{model.score(X_test, y_test):.2%}",
                "on the training images": f"{model.history_[-1]['accuracy']:.2%}",
                "before fine-tuning": f"{model.history_[-2]['accuracy']:.2%}",
                "minutes": f"{(time.perf_counter() - start) / 60:.1f}",
            }
        )
        print(rows[-1], flush=True)
    what = "validation" if arguments.validate else "test"
    note = f"{len(X):,} images to learn from, {len(X_test):,} {what} images; float32; "
    note += f"{arguments.pretraining_epochs} epochs of pretraining a layer, "
    note += f"{arguments.epochs} of fine-tuning."
    report("mnist_deep", "MNIST, three hidden layers", rows, arguments.out, note)


def rows_of(arguments):
    """Return what is learned from and what is scored."""
    data = load_mnist(arguments.data, "float32")
    if arguments.quick:
        data = data._replace(X_train=data.X_train[:3_000], y_train=data.y_train[:3_000])
    if not arguments.validate:
        return data
    n_validation = len(data.X_train) // 6
    parts = [
        part
        for array in (data.X_train, data.y_train)
        for part in (array[:-n_validation], array[-n_validation:])
    ]
    X, X_validation, y, y_validation = parts
    return X, y, X_validation, y_validation


def models(size=HIDDEN, n_pretraining=10, n_epochs=30):
    """Return the models by name."""
    adam = {
        "solver": "adam",
        "tol": 0,
        "learning_rate": "linear",
        "learning_rate_init": 1e-3,
    }
    autoencoder = {
        "loss": "log_loss",
        "sparsity_weight": 0,
        "alpha": 0,
        "max_iter": n_pretraining,
        "n_iter_no_change": n_pretraining,
        **adam,
    }
    classifier = {
        "alpha": 0,
        "max_iter": n_epochs,
        "n_iter_no_change": n_epochs,
        "random_state": 0,
        **adam,
    }
    plain, noisy = (
        SparseAutoencoder(corruption=rate, **autoencoder) for rate in (0.0, 0.25)
    )

    def network(prototype=None, **changes):
        return StackedAutoencoderClassifier(
            size,
            autoencoder=prototype,
            pretrain=prototype is not None,
            **classifier | changes,
        )

    return {
        "pretrained": network(plain),
        "pretrained, noise": network(noisy, corruption=0.2),
        "pretrain=False": network(),
        "pretrain=False, noise": network(corruption=0.2),
    }


if __name__ == "__main__":
    main()
