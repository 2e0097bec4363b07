"""Few labels, many images: the gain of pretraining on unlabeled rows.

Sparse denoising autoencoders learn from all 60,000 training images of MNIST, without
labels. 100 to 3,000 of the images have a label. The same network is trained on the
labeled images with and without pretraining, beside scikit-learn's classifiers. Each
number of labels is drawn ten times, stratified. The pretrained layers use no labels, so
they are the same for all draws (``fit(X, y)`` with y = -1 for unlabeled images trains
the same network in one call). Penalties of LogisticRegression and SVC are searched on
the labeled images of each draw, by cross-validation. To choose settings, ``--validate``
makes other draws, from the first 50,000 training images, and scores the last 10,000.

Run it with ``python docs/benchmarks/mnist_few_labels.py [--data mnist.npz]
[--labels 100 600 1000 3000] [--draws 10] [--models NAME ...] [--unlabeled 10000]
[--memory DIR] [--out DIR]``. With ``--out`` it draws accuracy against the number of
labels, and units of the first layer. Self-training of the network takes half an hour on
one core for ten draws of 1,000 labels.
"""

import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
from _compare import parser_with_out, report
from _deep import SPARSE, autoencoder, network
from _mnist import load_mnist
from joblib import Memory
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import SVC

from skstackedae.inspection import ComponentsDisplay

# Contractive autoencoders of two layers: Rifai et al., "The Manifold Tangent
# Classifier" (Advances in Neural Information Processing Systems 24, 2011).
PUBLISHED = {100: "86.53 %", 600: "93.70 %", 1_000: "95.23 %", 3_000: "96.78 %"}
FINE_TUNED = "pretrained, fine-tuned"
# Number of units and epochs of pretraining of each layer.
LAYERS = (1_000, 20), (1_000, 15)
# Fraction of the inputs that is masked, in pretraining and in fine-tuning.
NOISE = 0.3
BATCH_SIZE = 50
# With fewer labels a network needs more epochs; with the 10,000 images of self-training
# they would take hours.
LEAST_SELF_TRAINING = 1_000
UNLABELED = -1
N_DRAWN = 100
N_VALIDATION = 10_000
VALIDATION_SEED = 1_000


def main() -> None:
    """Fit every model to every draw; print one table."""
    arguments = parsed_arguments()
    warnings.simplefilter("ignore", ConvergenceWarning)
    data = load_mnist(arguments.data, "float32")
    if arguments.quick:
        data = data._make(part[:1_000] for part in data)
    start = time.perf_counter()
    layers = pretrained_layers(data.X_train, arguments)
    minutes = (time.perf_counter() - start) / 60
    draws, test = rows_of(data, arguments)
    rows = []
    for n_labels in arguments.labels:
        results = {}
        for seed in range(arguments.draws):
            X, y = draws(n_labels, seed)
            for name, model in models(layers, n_labels, seed, arguments).items():
                labeled = slice(None if "self-training" in name else n_labels)
                result = fit_and_test(model, X[labeled], y[labeled], test)
                results.setdefault(name, []).append(result)
        for name, result in results.items():
            rows.append(describe(n_labels, name, result))
            print(rows[-1], flush=True)
    note = f"{len(data.X_train):,} images, float32; means over {arguments.draws} draws "
    note += f"of the labeled ones; scored on {len(test[1]):,} images. "
    note += f"Pretraining: {minutes:.1f} minutes."
    formats = {"accuracy": "{:.2%}", "standard error": "{:.2%}", "seconds": "{:.1f}"}
    title = "MNIST with few labels"
    report("mnist_few_labels", title, rows, arguments.out, note, formats)
    if arguments.out is not None:
        draw_figure(rows, arguments.out / "mnist_few_labels.png")
        units = ComponentsDisplay.from_components(
            layers[0].components_[:N_DRAWN], image_shape=(28, 28)
        )
        units.figure_.savefig(arguments.out / "mnist_few_labels_layer_1.png", dpi=120)


def parsed_arguments():
    """Read the command line."""
    parser = parser_with_out(__doc__.splitlines()[0], rounds=1)
    parser.add_argument("--labels", type=int, nargs="+")
    parser.add_argument("--draws", type=int)
    parser.add_argument("--models", nargs="+", help="default: all")
    parser.add_argument("--validate", action="store_true", help="no test images")
    parser.add_argument(
        "--unlabeled",
        type=int,
        default=10_000,
        help="number of unlabeled images for self-training",
    )
    parser.add_argument("--memory", help="folder that keeps pretrained layers")
    arguments = parser.parse_args()
    if arguments.labels is None:
        arguments.labels = [100] if arguments.quick else list(PUBLISHED)
    if arguments.draws is None:
        arguments.draws = 2 if arguments.quick else 10
    return arguments


def rows_of(data, arguments):
    """Return a function that draws training images, and the images to score.

    In a draw, labeled images come first, then some unlabeled images.
    """
    n_train, offset = len(data.X_train), 0
    test = data.X_test, data.y_test
    if arguments.validate:
        n_train -= min(N_VALIDATION, n_train // 2)
        offset = VALIDATION_SEED
        test = data.X_train[n_train:], data.y_train[n_train:]

    def draw(n_labels, seed):
        y = data.y_train[:n_train]
        labeled, others = train_test_split(
            np.arange(n_train),
            train_size=n_labels,
            stratify=y,
            random_state=offset + seed,
        )
        others = others[: arguments.unlabeled]
        X = data.X_train[np.concatenate([labeled, others])]
        return X, np.concatenate([y[labeled], np.full(len(others), UNLABELED)])

    return draw, test


def pretrained_layers(X, arguments):
    """Train the layers on all images, one after the other; a memory caches them."""
    cached_fit = Memory(arguments.memory, verbose=0).cache(fitted)
    layers = []
    for prototype in prototypes(arguments.quick):
        layers.append(cached_fit(prototype, X))
        X = layers[-1].transform(X)
    return layers


def fitted(model, X):
    """Fit a model; this is a function because the memory caches functions."""
    return model.fit(X)


def prototypes(quick):
    """Return an autoencoder for each layer."""
    layers = [(30, 2)] if quick else LAYERS
    return [
        autoencoder(n_epochs, corruption=NOISE, n_components=n_units, **SPARSE)
        for n_units, n_epochs in layers
    ]


def models(layers, n_labels, seed, arguments):
    """Return the models by name."""
    frozen = [FrozenEstimator(layer) for layer in layers]
    size = [layer.n_components for layer in layers]
    n_epochs = 20 if arguments.quick else epochs_of(n_labels)
    common = {
        "corruption": NOISE,
        "batch_size": min(BATCH_SIZE, n_labels),
        "random_state": seed,
    }
    folds = {"cv": 3, "n_jobs": 2}
    penalties = {"C": [0.01, 0.1, 1, 10]}
    regression = GridSearchCV(LogisticRegression(max_iter=300), penalties, **folds)
    self_training = SelfTrainingClassifier(
        LogisticRegression(max_iter=60), threshold=0.8
    )
    by_name = {
        FINE_TUNED: network(size, n_epochs, frozen, **common),
        "pretrained, softmax": network(
            size, n_epochs, frozen, fine_tune=False, **common
        ),
        "pretrain=False": network(size, n_epochs, **common),
        "features, LogisticRegression": make_pipeline(*frozen, regression),
        "features, self-training": make_pipeline(*frozen, self_training),
        "pixels, self-training": self_training,
        "pixels, LogisticRegression": regression,
        "pixels, SVC": GridSearchCV(
            SVC(), {"C": [10], "gamma": [0.01, 0.02, 0.04]}, **folds
        ),
        "pixels, MLPClassifier": MLPClassifier(
            size, max_iter=n_epochs, early_stopping=False, random_state=seed
        ),
    }
    if n_labels >= LEAST_SELF_TRAINING:
        by_name["pretrained, fine-tuned, self-training"] = SelfTrainingClassifier(
            network(size, 20, frozen, **common), threshold=0.95, max_iter=2
        )
    chosen = arguments.models or by_name
    return {name: model for name, model in by_name.items() if name in chosen}


def epochs_of(n_labels):
    """Return fewer epochs, but more steps, for more labels."""
    return int(np.clip(50_000 // n_labels, 20, 200))


def fit_and_test(model, X, y, test):
    """Return accuracy and the seconds of a fit."""
    start = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - start
    return model.score(*test), seconds


def describe(n_labels, name, results):
    """Return a model's row of the table."""
    accuracies, seconds = np.array(results).T
    return {
        "labels": n_labels,
        "model": name,
        "published (CAE)": PUBLISHED.get(n_labels, "") if name == FINE_TUNED else "",
        "accuracy": accuracies.mean(),
        "standard error": accuracies.std(ddof=min(1, len(results) - 1))
        / np.sqrt(len(results)),
        "seconds": np.median(seconds),
    }


def draw_figure(rows, path):
    """Draw accuracy against the number of labels, a line for each model."""
    figure, axis = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for name in dict.fromkeys(row["model"] for row in rows):
        of_model = [row for row in rows if row["model"] == name]
        n_labels, accuracy, error = (
            np.array([row[column] for row in of_model])
            for column in ("labels", "accuracy", "standard error")
        )
        on_features = name.startswith(("pretrained", "features"))
        axis.errorbar(
            n_labels,
            accuracy * 100,
            error * 100,
            label=name,
            marker="o",
            markersize=4,
            capsize=3,
            linestyle="-" if on_features else "--",
        )
    axis.set_xscale("log")
    axis.set_xticks(n_labels, [f"{n:,}" for n in n_labels])
    axis.minorticks_off()
    axis.set_xlabel("labeled images")
    axis.set_ylabel("test accuracy in %")
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
