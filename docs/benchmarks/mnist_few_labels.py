"""Few labels, many images: what pretraining on unlabelled rows buys.

1,000 images of MNIST have a label, the other 59,000 have none; one ``fit(X, y)`` takes
them all. A 784-200-200-10 network is pretrained on all rows and then trained on the
labelled ones, with and without fine-tuning, beside the same network without pretraining
and MLPClassifier on the 1,000 labels. Each number of labels is drawn several times; the
draws are stratified, and pretraining, which sees no label, is cached, so that all of
them share it.

Run it with ``python docs/benchmarks/mnist_few_labels.py [--data mnist.npz]
[--labels 1000] [--draws 3] [--out DIR]``.
"""

import tempfile
import time
import warnings

import numpy as np
from _compare import parser_with_out, report
from _mnist import load_mnist
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier

HIDDEN = (200, 200)
UNLABELLED = -1


def main() -> None:
    """Fit every model to every draw; print one table."""
    parser = parser_with_out(__doc__.splitlines()[0], rounds=1)
    parser.add_argument("--labels", type=int, nargs="+", default=[1_000])
    parser.add_argument("--draws", type=int, default=3)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    data = load_mnist(arguments.data, "float32")
    if arguments.quick:
        data = data._replace(X_train=data.X_train[:2_000], y_train=data.y_train[:2_000])
    rows = []
    with tempfile.TemporaryDirectory() as cache:
        for n_labels in arguments.labels:
            results = {}
            for draw in range(arguments.draws):
                y = hide_labels(data.y_train, n_labels, draw)
                for name, model in models(cache, arguments.quick).items():
                    results.setdefault(name, []).append(fit_and_test(model, y, data))
            rows += [describe(n_labels, name, r) for name, r in results.items()]
    note = f"{len(data.X_train):,} images, float32; means over {arguments.draws} draws "
    note += "of the labelled ones, with the standard error; test on 10,000 images. The "
    note += "first pretrained model's seconds hold the pretraining that others reuse."
    report("mnist_few_labels", "MNIST with few labels", rows, arguments.out, note)


def models(cache, quick):
    """Return the models by name."""
    n_iterations = 10 if quick else 200
    budget = {"max_iter": n_iterations, "tol": 0}
    pretrained = {
        "autoencoder": SparseAutoencoder(
            alpha=3e-3, sparsity_target=0.1, sparsity_weight=3.0, **budget
        ),
        "memory": cache,
    }
    common = {
        "alpha": 1e-3,
        "unlabeled_label": UNLABELLED,
        "random_state": 0,
        **budget,
    }
    return {
        "pretrained, softmax": StackedAutoencoderClassifier(
            HIDDEN, fine_tune=False, **pretrained, **common
        ),
        "pretrained, fine-tuned": StackedAutoencoderClassifier(
            HIDDEN, **pretrained, **common
        ),
        "pretrain=False": StackedAutoencoderClassifier(
            HIDDEN, pretrain=False, **common
        ),
        "MLPClassifier": MLPClassifier(
            HIDDEN,
            activation="logistic",
            solver="lbfgs",
            max_iter=n_iterations,
            # The same decay: scikit-learn divides it by the number of rows.
            alpha=1.0,
            random_state=0,
        ),
    }


def hide_labels(y, n_labels, seed):
    """Leave a label to so many rows, of each class alike."""
    labelled, _ = train_test_split(
        np.arange(len(y)), train_size=n_labels, stratify=y, random_state=seed
    )
    hidden = np.full_like(y, UNLABELLED)
    hidden[labelled] = y[labelled]
    return hidden


def fit_and_test(model, y, data):
    """Return test accuracy and seconds of a model."""
    X = data.X_train
    if isinstance(model, MLPClassifier):
        X, y = X[y != UNLABELLED], y[y != UNLABELLED]
        # alpha / n_samples is the decay of its mean loss.
        model.set_params(alpha=1e-3 * len(X))
    start = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - start
    return model.score(data.X_test, data.y_test), seconds


def describe(n_labels, name, results):
    """Return a model's row of the table."""
    accuracies, seconds = np.array(results).T
    error = accuracies.std(ddof=1) / np.sqrt(len(results)) if len(results) > 1 else 0.0
    return {
        "labels": n_labels,
        "model": name,
        "test accuracy": f"{accuracies.mean():.2%} +- {error:.2%}",
        "seconds": ", ".join(f"{s:.1f}" for s in seconds),
    }


if __name__ == "__main__":
    main()
