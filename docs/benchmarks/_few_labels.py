"""Draws labels of MNIST, fits models to them, and keeps their accuracies."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from _machine import processor
from scipy.stats import sem
from sklearn.base import clone
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


class Fits:
    """Accuracies of fits; with a file, they are kept there, a line of JSON for a fit.

    A later run with the same file continues: it does not repeat these fits. Several
    processes can share the file. It knows the settings of the models, not the state of
    the package: after a change, start with a new file.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.finished: dict[str, dict[str, Any]] = {}
        if path is not None and path.exists():
            for line in path.read_text().splitlines():
                record = json.loads(line)
                self.finished[_key(record)] = record

    def get(self, what: dict[str, Any], model: Any) -> dict[str, Any] | None:
        """Return the record of a fit, if it is finished."""
        return self.finished.get(_key(what | {"settings": settings_of(model)}))

    def run(
        self, what: dict[str, Any], model: Any, train: Any, test: Any
    ) -> dict[str, Any]:
        """Return the record of a fit, which runs unless it is finished."""
        what = what | {"settings": settings_of(model)}
        record = self.finished.get(_key(what))
        if record is None:
            start = time.perf_counter()
            model.fit(*train)
            seconds = time.perf_counter() - start
            record = what | {
                "accuracy": float(model.score(*test)),
                "seconds": round(seconds, 1),
                "processor": processor(),
            }
            self.finished[_key(record)] = record
            if self.path is not None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with self.path.open("a") as file:
                    file.write(json.dumps(record) + "\n")
        return record


def settings_of(model: Any) -> str:
    """Write all settings of a model, except for the folder of its cache."""
    if "memory" in model.get_params(deep=False):
        model = clone(model).set_params(memory=None)
    return " ".join(model.__repr__(N_CHAR_MAX=10_000).split())


def _key(record: dict[str, Any]) -> str:
    results = "accuracy", "seconds", "processor"
    what = {name: value for name, value in record.items() if name not in results}
    return json.dumps(what, sort_keys=True)


def describe(records):
    """Return the mean accuracy over the draws, and other columns of a table."""
    accuracies = np.array([record["accuracy"] for record in records])
    n_draws = len(records)
    return {
        "accuracy": accuracies.mean(),
        "standard error": sem(accuracies) if n_draws > 1 else np.nan,
        "draws": n_draws,
        "seconds": np.median([record["seconds"] for record in records]),
    }


FORMATS = {"accuracy": "{:.2%}", "standard error": "{:.2%}", "seconds": "{:.1f}"}
