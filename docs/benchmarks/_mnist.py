"""MNIST for the benchmarks, from a file or from OpenML."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.datasets import fetch_openml

N_TRAIN = 60_000


class MNIST(NamedTuple):
    """Pixels in [0, 1] and labels 0 to 9, in the original order and split."""

    X_train: np.ndarray
    y_train: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray


def load_mnist(path: Path | None, dtype: str) -> MNIST:
    """Read an .npz file with the fields of MNIST (uint8 pixels), or download MNIST."""
    if path is not None:
        with np.load(path) as file:
            parts = [file[name] for name in MNIST._fields]
    else:
        X, y = fetch_openml("mnist_784", return_X_y=True, as_frame=False)
        parts = [X[:N_TRAIN], y[:N_TRAIN], X[N_TRAIN:], y[N_TRAIN:]]
    X_train, y_train, X_test, y_test = parts
    return MNIST(
        (X_train / 255).astype(dtype),
        y_train.astype(int),
        (X_test / 255).astype(dtype),
        y_test.astype(int),
    )
