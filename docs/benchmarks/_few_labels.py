"""Draws of a few labels of MNIST, and tests of models on them."""

import time

import numpy as np
from sklearn.model_selection import train_test_split

UNLABELED = -1
N_VALIDATION = 10_000
VALIDATION_SEED = 1_000


def split(data, validate):
    """Return training images and images to score, with labels."""
    if not validate:
        return data
    n_train = len(data.X_train) - min(N_VALIDATION, len(data.X_train) // 2)
    X, y = data.X_train, data.y_train
    return X[:n_train], y[:n_train], X[n_train:], y[n_train:]


def draw_labels(y, n_labels, seed, validate):
    """Keep some labels of each class, hide the others."""
    rows = np.arange(len(y))
    offset = VALIDATION_SEED if validate else 0
    kept, _ = train_test_split(
        rows, train_size=n_labels, stratify=y, random_state=offset + seed
    )
    return np.where(np.isin(rows, kept), y, UNLABELED)


def fit_and_test(key, model, train, test):
    """Return the accuracy and the seconds of a fit; the key is for a cache."""
    start = time.perf_counter()
    model.fit(*train)
    return model.score(*test), time.perf_counter() - start


def describe(results):
    """Return the mean accuracy over the draws, and other columns of a table."""
    accuracies, seconds = np.array(results).T
    ddof = min(1, len(results) - 1)
    return {
        "accuracy": accuracies.mean(),
        "standard error": accuracies.std(ddof=ddof) / np.sqrt(len(results)),
        "draws": len(results),
        "seconds": np.median(seconds),
    }


FORMATS = {"accuracy": "{:.2%}", "standard error": "{:.2%}", "seconds": "{:.1f}"}
