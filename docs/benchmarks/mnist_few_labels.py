"""Few labels, many images: one fit that uses both, beside scikit-learn's classifiers.

100 to 3,000 of the 60,000 training images of MNIST have a label. One fit uses all
images: two denoising autoencoders learn from them without labels, then the network
learns from the labels and from pseudo-labels of the other images. The rivals learn from
the labeled images (LogisticRegression, SVC, MLPClassifier), from labels that they give
to others (SelfTrainingClassifier around each of them, with 10,000 unlabeled images), or
from distances between all images (LabelSpreading); on pixels, and on the features of
the autoencoders. Each number of labels is drawn ten times, stratified, the same for all
models. The autoencoders use no labels, so they are the same for all draws. C of
LogisticRegression and gamma of SVC are searched on the labeled images of each draw, by
cross-validation (not in self-training). The network without pseudo-labels has about
4,000 steps of fine-tuning, the one with them 15,000. To choose settings, ``--validate``
makes other draws, from the first 50,000 training images, and scores the last 10,000.

Run it with ``python docs/benchmarks/mnist_few_labels.py [--data mnist.npz]
[--labels 100 600 1000 3000] [--draws 10] [--models NAME ...] [--validate]
[--finished] [--memory DIR] [--out DIR]``. With ``--out`` it draws a figure, and keeps
the accuracy of each fit in ``mnist_few_labels.jsonl``. A later run continues from
there; processes can share the fits (``--models``, ``--first-draw``), and ``--finished``
makes the table of the fits that are there. ``--memory`` keeps the autoencoders. A fit
of all images takes five minutes on one core, all fits of the table many hours.
"""

import warnings
from dataclasses import dataclass, field
from functools import cached_property

import matplotlib.pyplot as plt
import numpy as np
from _compare import parser_with_out, report
from _deep import few_labels_network
from _few_labels import (
    FORMATS,
    UNLABELED,
    Fits,
    describe,
    draw_labels,
    split,
)
from _mnist import load_mnist
from scipy.stats import skew
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import NearestNeighbors
from sklearn.neural_network import MLPClassifier
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier
from sklearn.svm import SVC

from skstackedae import StackedAutoencoderClassifier
from skstackedae.inspection import ComponentsDisplay

# Contractive autoencoders of two layers: Rifai et al., "The Manifold Tangent
# Classifier" (Advances in Neural Information Processing Systems 24, 2011).
PUBLISHED = {100: "86.53 %", 600: "93.70 %", 1_000: "95.23 %", 3_000: "96.78 %"}
OURS = "one fit, pseudo-labels"
WITHOUT = "one fit, no pseudo-labels"
N_SELF_TRAINING = 10_000
# Without pseudo-labels an epoch is a pass over the labeled images: so many steps.
STEPS = 4_000
# The lines of the figure: label, color, and how far the label is above its point.
DRAWN = {
    OURS: ("skstackedae", "#0072B2", 0),
    "pixels, LabelSpreading": ("LabelSpreading", "#B0578D", 0),
    WITHOUT: ("without\npseudo-labels", "#3A9BD6", 0),
    "pixels, SVC": ("SVC", "#C77700", 2),
    "pixels, MLPClassifier": ("MLPClassifier", "#555555", -3),
}
# Units in the figure: a square.
N_DRAWN = 36


def main() -> None:
    """Fit every model to every draw; print one table."""
    arguments = parsed_arguments()
    warnings.simplefilter("ignore", ConvergenceWarning)
    data = load_mnist(arguments.data, "float32")
    if arguments.quick:
        data = data._make(part[:1_000] for part in data)
    images = Images(split(data, arguments.validate), arguments)
    fits = Fits(arguments.out and arguments.out / "mnist_few_labels.jsonl")
    rows = []
    for n_labels in arguments.labels:
        for name, model in models(n_labels, arguments).items():
            records = records_of(name, model, n_labels, images, fits, arguments)
            if records:
                published = PUBLISHED.get(n_labels, "") if name == OURS else ""
                row = {"labels": n_labels, "model": name, "published (CAE)": published}
                rows.append(row | describe(records))
    if not rows:
        raise SystemExit("No fit of these models and labels is finished.")
    note = f"{len(images.y):,} images, float32; means over draws of the labeled ones; "
    note += f"scored on {len(images.y_test):,} images."
    title = "MNIST with few labels"
    report("mnist_few_labels", title, rows, arguments.out, note, FORMATS)
    if arguments.out is not None:
        # At the width of a page, 7.2 inches, letters have the size of the text.
        figure, (units, lines) = plt.subplots(
            1, 2, figsize=(7.2, 3.3), width_ratios=(6, 9), layout="constrained"
        )
        figure.get_layout_engine().set(wspace=0.06)
        draw_units(images.pretrained, units)
        draw_lines(rows, len(images.y), lines)
        figure.savefig(arguments.out / "mnist_few_labels.png", dpi=200)


class Images:
    """The pixels, and the features of the autoencoders, of training and test images."""

    def __init__(self, data, arguments):
        X, self.y, X_test, self.y_test = data
        self.pixels, self.arguments = (X, X_test), arguments

    def view(self, name):
        """Return what a model of this name learns from and is tested on."""
        return self.features if name.startswith("features") else self.pixels

    @cached_property
    def features(self):
        """Features of the autoencoders, which do not depend on labels."""
        return [self.pretrained.transform(X) for X in self.pixels]

    @cached_property
    def pretrained(self):
        """The network before fine-tuning."""
        network = few_labels_network(
            *(self.arguments.quick, self.arguments.memory),
            fine_tune=False,
            max_iter=1,
        )
        return network.fit(self.pixels[0], draw_labels(self.y, 100, 0, False))


def records_of(name, model, n_labels, images, fits, arguments):
    """Return the records of a model's fits to the draws."""
    records = []
    for seed in range(arguments.first_draw, arguments.draws):
        what = {"labels": n_labels, "draw": seed, "model": name}
        what |= {"images": len(images.y), "validate": arguments.validate}
        record = fits.get(what, model)
        if record is None and not arguments.finished:
            X, X_test = images.view(name)
            labels = draw_labels(images.y, n_labels, seed, arguments.validate)
            train = rows_for(model, X, labels)
            record = fits.run(what, model, train, (X_test, images.y_test))
            print(n_labels, seed, name, record["accuracy"], flush=True)
        if record is not None:
            records.append(record)
    return records


def parsed_arguments():
    """Read the command line."""
    parser = parser_with_out(__doc__.splitlines()[0], rounds=1)
    parser.add_argument("--labels", type=int, nargs="+")
    parser.add_argument("--draws", type=int)
    parser.add_argument("--first-draw", type=int, default=0)
    parser.add_argument("--models", nargs="+", help="default: all")
    parser.add_argument("--validate", action="store_true", help="no test images")
    parser.add_argument("--finished", action="store_true", help="no new fits")
    parser.add_argument("--memory", help="folder that keeps the autoencoders")
    arguments = parser.parse_args()
    if arguments.labels is None:
        arguments.labels = [100] if arguments.quick else list(PUBLISHED)
    if arguments.draws is None:
        arguments.draws = 2 if arguments.quick else 10
    return arguments


def models(n_labels, arguments):
    """Return the models by name."""
    ours = arguments.quick, arguments.memory
    folds = {"cv": 3, "n_jobs": 2}
    regression = LogisticRegression(max_iter=300)
    svc = SVC(C=10, gamma=0.02)
    size = (30, 30) if arguments.quick else (1_000, 1_000)
    perceptron = MLPClassifier(size, max_iter=epochs_of(n_labels))
    searched = {
        "LogisticRegression": GridSearchCV(
            regression, {"C": [0.01, 0.1, 1, 10]}, **folds
        ),
        "SVC": GridSearchCV(svc, {"gamma": [0.001, 0.005, 0.02, 0.04]}, **folds),
        "MLPClassifier": perceptron,
    }
    certain = CalibratedClassifierCV(svc, ensemble=False, cv=3)
    bases = {
        "LogisticRegression": LogisticRegression(max_iter=60),
        "SVC": certain,
        "MLPClassifier": MLPClassifier(size, max_iter=20),
    }
    by_name = {
        OURS: few_labels_network(*ours),
        WITHOUT: few_labels_network(
            *ours,
            pseudo_label_weight=0,
            max_iter=20 if arguments.quick else STEPS // max(1, n_labels // 200),
        ),
    }
    for view in ("pixels", "features"):
        for name, model in searched.items():
            by_name[f"{view}, {name}"] = model
        for name, model in bases.items():
            by_name[f"{view}, {name}, self-training"] = SelfTrainingClassifier(
                model, threshold=0.8, max_iter=5
            )
        by_name[f"{view}, LabelSpreading"] = LabelSpreading(
            GRAPH, alpha=0.99 if n_labels <= 100 else 0.9, max_iter=200
        )
    chosen = arguments.models or by_name
    return {name: model for name, model in by_name.items() if name in chosen}


@dataclass
class NeighborGraph:
    """Kernel of LabelSpreading: 1 for pairs of images that are neighbors, else 0.

    Two training images are neighbors if one of them is among the nearest of the other.
    The graph of LabelSpreading's own "knn" has directions, so that labels do not reach
    all images: with 100 labels it had 86.5 % on validation images, this one 93.4 %. The
    neighbors are the same for all draws and are computed once.
    """

    n_neighbors: int
    graphs: dict = field(default_factory=dict, repr=False)

    def __call__(self, X, Y):
        """Return the weights of pairs of training images, or of new ones with them."""
        key = X is Y, *X.shape, *Y.shape
        if key not in self.graphs:
            neighbors = NearestNeighbors(n_neighbors=self.n_neighbors).fit(X)
            graph = neighbors.kneighbors_graph(Y)
            self.graphs[key] = graph.maximum(graph.T) if X is Y else graph.T.tocsr()
        return self.graphs[key]


GRAPH = NeighborGraph(n_neighbors=7)


def epochs_of(n_labels):
    """Return fewer epochs, but more steps, for more labels."""
    return int(np.clip(50_000 // n_labels, 20, 200))


def rows_for(model, X, labels):
    """Return the rows that a model can learn from."""
    labeled = np.flatnonzero(labels != UNLABELED)
    if isinstance(model, SelfTrainingClassifier):
        unlabeled = np.flatnonzero(labels == UNLABELED)[:N_SELF_TRAINING]
        labeled = np.r_[labeled, unlabeled]
    elif isinstance(model, StackedAutoencoderClassifier | LabelSpreading):
        return X, labels
    return X[labeled], labels[labeled]


def strokes(weights, image_shape):
    """Return the units that look for strokes: smooth weights, few of them large."""
    images = weights.T.reshape(-1, *image_shape)
    images = images / np.linalg.norm(images, axis=(1, 2), keepdims=True)
    steps = [np.sum(np.diff(images, axis=axis) ** 2, axis=(1, 2)) for axis in (1, 2)]
    roughness, light = np.sum(steps, axis=0), skew(weights)
    light[roughness > np.quantile(roughness, 0.25)] = -np.inf
    return np.argsort(-light)[: min(N_DRAWN, np.isfinite(light).sum())]


def draw_units(network, axis):
    """Draw units of the first layer that look for strokes of the pen."""
    first = network.autoencoders_[0]
    units = strokes(first.coefs_[0], (28, 28))
    # No names: numbers of units say nothing here.
    ComponentsDisplay.from_components(
        first.coefs_[0].T[units],
        names=[""] * len(units),
        image_shape=(28, 28),
        ax=axis,
    )
    axis.set_anchor("N")
    axis.set_title("Pen strokes, found without labels", fontsize=11)
    n_units = len(first.coefs_[0].T)
    axis.set_xlabel(f"{len(units)} of the {n_units:,} units of layer 1", fontsize=10)


def draw_lines(rows, n_images, axis):
    """Draw accuracy against the number of labels; each line has its name at its end."""
    counts = sorted({row["labels"] for row in rows})
    for name, (label, color, above) in DRAWN.items():
        of_model = [row for row in rows if row["model"] == name]
        if not of_model:
            continue
        n_labels, accuracy, error = (
            np.array([row[column] for row in of_model])
            for column in ("labels", "accuracy", "standard error")
        )
        axis.errorbar(
            n_labels,
            accuracy * 100,
            error * 100,
            color=color,
            linewidth=3 if name == OURS else 1.5,
            marker="o",
            markersize=6 if name == OURS else 4,
        )
        axis.annotate(
            label,
            (n_labels[0], accuracy[0] * 100),
            (-8, above),
            textcoords="offset points",
            color=color,
            fontsize=10,
            fontweight="bold" if name == OURS else "normal",
            ha="right",
            va="center",
        )
        if name == OURS:
            title = f"{accuracy[0] * 100:.0f} % accuracy with {n_labels[0]} labels"
            axis.set_title(title, fontsize=11)
    axis.set_xscale("log")
    axis.set_xlim(counts[0] / 9, counts[-1] * 1.2)
    axis.set_xticks(counts, [f"{n:,}" for n in counts], fontsize=9)
    axis.minorticks_off()
    axis.set_xlabel(f"labeled images, of {n_images:,}", fontsize=10)
    axis.set_ylabel("test accuracy in %", fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    main()
