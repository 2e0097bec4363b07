"""Harder digits: MNIST rotated, and on a background of noise.

The images are made from MNIST by the recipe of Larochelle et al., "An Empirical
Evaluation of Deep Architectures on Problems with Many Factors of Variation" (ICML
2007): each image is rotated by an angle drawn from [0, 2 pi), or gets a background of
pixels drawn from [0, 1]. There are 10,000 training images, 2,000 validation images and
50,000 test images. This script chooses linear interpolation for rotated images, and the
brighter of digit and background. The random numbers of the paper are not known either,
so the published figures are only approximately comparable. They are from Vincent et
al., "Stacked Denoising Autoencoders" (Journal of Machine Learning Research 11, 2010).

Networks of three layers, with and without pretraining and masking noise, are compared
with an SVM with Gaussian kernel and a linear SVM on the features of two autoencoders.
Run it
with ``python docs/benchmarks/mnist_variations.py [--data mnist.npz] [--out DIR]
[--variations rotated background] [--models NAME ...] [--validate]``; it takes about an
hour on two cores if each variation has a process of its own (``OMP_NUM_THREADS=1``).
``--validate`` does not use the test images.
"""

import time
import warnings

import numpy as np
from _compare import parser_with_out, report
from _deep import SPARSE, autoencoder, denoising_layers, network
from _mnist import load_mnist
from scipy.ndimage import rotate
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import SVC, LinearSVC

from skstackedae import StackedAutoencoderClassifier

N_TRAIN, N_VALIDATION, N_TEST = 10_000, 2_000, 50_000
SIDE = 28
HIDDEN = (1_000, 1_000, 1_000)
# Fraction of the pixels that models with noise mask: the best of the few that were
# tried, with 500 units, on the validation images.
MASKED = {
    "rotated": {"pretraining": 0.25, "fine-tuning": 0.25, "without pretraining": 0.1},
    "background": {"pretraining": 0.0, "fine-tuning": 0.1, "without pretraining": 0.1},
}
MODELS = (
    "SVC",
    "linear SVM on deep features",
    "pretrained",
    "pretrained, noise",
    "pretrained, noise, dropout",
    "pretrain=False",
    "pretrain=False, noise",
)
PUBLISHED = {
    ("rotated", "SVC"): "88.89 % (SVM)",
    ("rotated", "pretrained"): "89.70 % (SAE-3)",
    ("rotated", "pretrained, noise"): "90.47 % (SDAE-3)",
    ("rotated", "pretrained, noise, dropout"): "91.24 % (SDAE-3, salt-and-pepper)",
    ("background", "SVC"): "85.42 % (SVM)",
    ("background", "pretrained"): "88.72 % (SAE-3)",
    ("background", "pretrained, noise"): "89.70 % (SDAE-3)",
    ("background", "pretrained, noise, dropout"): "91.48 % (SDAE-3, salt-and-pepper)",
}


def main() -> None:
    """Fit every model to both variations; print one table."""
    parser = parser_with_out(__doc__.splitlines()[0], rounds=1)
    parser.add_argument(
        "--variations", nargs="+", choices=VARIATIONS, default=list(VARIATIONS)
    )
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--validate", action="store_true", help="no test images")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    data = load_mnist(arguments.data, "float32")
    X = np.concatenate([data.X_train, data.X_test])
    y = np.concatenate([data.y_train, data.y_test])
    counts = N_TRAIN, N_VALIDATION, N_TEST
    if arguments.quick:
        counts = 800, 200, 500
    chosen = np.random.RandomState(0).permutation(len(X))[: sum(counts)]
    rows = []
    for variation in arguments.variations:
        images = VARIATIONS[variation](X[chosen], np.random.RandomState(1))
        for name, model in models(variation, arguments.quick, counts).items():
            if name not in arguments.models:
                continue
            row = {
                "variation": variation,
                "model": name,
                "published": PUBLISHED.get((variation, name), ""),
            }
            row |= fit_and_score(
                model, images, y[chosen], counts, validate=arguments.validate
            )
            rows.append(row)
            print(rows[-1], flush=True)
    n_train, n_validation, n_test = (f"{count:,}" for count in counts)
    note = f"{n_train} training images, {n_validation} validation images, "
    note += "no test images; " if arguments.validate else f"{n_test} test images; "
    formats = {"validation": "{:.2%}", "test": "{:.2%}", "seconds of fit": "{:.0f}"}
    title = "Variations of MNIST"
    report("mnist_variations", title, rows, arguments.out, f"{note}float32.", formats)


def rotated(X, rng):
    """Rotate each image by its own random angle."""
    angles = rng.uniform(0, 360, size=len(X))
    turned = [
        rotate(image.reshape(SIDE, SIDE), angle, reshape=False, order=1)
        for image, angle in zip(X, angles, strict=True)
    ]
    return np.clip(turned, 0, 1).reshape(len(X), -1).astype(X.dtype)


def background(X, rng):
    """Take the brighter of digit and noise for each pixel."""
    return np.maximum(X, rng.uniform(size=X.shape).astype(X.dtype))


VARIATIONS = {"rotated": rotated, "background": background}


def models(variation, quick, counts):
    """Return the models by name."""
    size = (100,) * 3 if quick else HIDDEN
    n_pretraining, n_epochs = 20, 20 if quick else 60
    batch_size = 20 if quick else 100
    masked = MASKED[variation]
    plain = autoencoder(n_pretraining, batch_size=batch_size, **SPARSE)
    noisy = clone(plain).set_params(corruption=masked["pretraining"])
    common = {"alpha": 1e-5, "batch_size": batch_size}
    longer = {"max_iter": 30, "batch_size": batch_size}
    salt = {"corruption": 0.1, "corruption_kind": "salt_and_pepper", "emphasis": 0.5}
    with_dropout = {
        "rotated": {
            "prototype": denoising_layers(len(size), **longer),
            "corruption": 0.25,
        },
        "background": {
            "prototype": clone(plain).set_params(**salt, **longer),
            "corruption": 0.1,
        },
    }[variation]
    deep_features = [
        clone(noisy).set_params(n_components=n_components) for n_components in size[:2]
    ]
    is_validation = np.r_[np.full(counts[0], -1), np.zeros(counts[1])]
    svc = GridSearchCV(
        SVC(),
        {"C": [2, 10], "gamma": [0.02] if quick else [0.005, 0.01, 0.02, 0.04]},
        cv=PredefinedSplit(is_validation),
        n_jobs=2,
        refit=False,
    )
    linear_svc = GridSearchCV(
        LinearSVC(random_state=0), {"C": [0.001, 0.01, 0.1, 1]}, cv=3, n_jobs=2
    )
    return {
        "SVC": svc,
        "linear SVM on deep features": make_pipeline(*deep_features, linear_svc),
        "pretrained": network(size, n_epochs, plain, **common),
        "pretrained, noise": network(
            size, n_epochs, noisy, corruption=masked["fine-tuning"], **common
        ),
        # All epochs, because the best one comes late, when the learning rate is low.
        "pretrained, noise, dropout": network(
            *(size, n_epochs),
            dropout=0.3,
            batch_size=batch_size,
            n_iter_no_change=np.inf,
            **with_dropout,
        ),
        "pretrain=False": network(size, n_epochs, **common),
        "pretrain=False, noise": network(
            size, n_epochs, corruption=masked["without pretraining"], **common
        ),
    }


def fit_and_score(model, X, y, counts, *, validate):
    """Fit a model; return the chosen parameters, the scores and the seconds."""
    n_train, n_validation, _ = counts
    stop = n_train + n_validation
    train, validation = slice(n_train), slice(n_train, stop)
    start = time.perf_counter()
    chosen = {}
    if isinstance(model, GridSearchCV):
        model.fit(X[:stop], y[:stop])
        chosen = model.best_params_
        # All models learn from the same images.
        model = SVC(**chosen)
    if isinstance(model, StackedAutoencoderClassifier):
        # The epoch with the best score on the validation images is kept.
        model.fit(X[train], y[train], X_val=X[validation], y_val=y[validation])
        chosen = {"epoch": 1 + int(np.argmax(model.validation_scores_))}
    else:
        model.fit(X[train], y[train])
    if isinstance(model, Pipeline):
        chosen = model[-1].best_params_
    seconds = time.perf_counter() - start
    scores = {"validation": model.score(X[validation], y[validation])}
    if not validate:
        scores["test"] = model.score(X[stop:], y[stop:])
    chosen = ", ".join(f"{name} {value}" for name, value in chosen.items())
    return {"chosen": chosen, **scores, "seconds of fit": seconds}


if __name__ == "__main__":
    main()
