"""Labels: labeled rows, codes and weights of classes, held-out rows."""

import math
import sys
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any

import numpy as np

from .._array_api import Array
from .._user_warnings import warn_user
from .preparation import prepare_rows, train_validation_split
from .rows import AnyRows

#: Code of rows without a label.
UNLABELED = -1

#: Error messages show at most this many labels.
MOST_SHOWN = 10


#: Kinds of types that numpy compares with each other.
NUMERIC = "biuf"

#: Names of the types of pandas' missing values, which do not compare with labels.
MISSING_TYPES = {"NAType", "NaTType"}


def check_present(y: Any, name: str = "y") -> None:
    """Check that no label is missing: nan, None or a missing value of pandas."""
    labels = np.asarray(y)
    if labels.dtype.kind in "fmM":
        missing = bool((labels != labels).any())
    else:
        is_object = labels.dtype.kind == "O"
        missing = is_object and any(map(_is_missing, labels.ravel().tolist()))
    if missing:
        raise ValueError(
            f"{name} contains NaN or None. Mark unlabeled rows with a label of their "
            "own, for example -1, and pass it as unlabeled_label; or leave them out."
        )


def _is_missing(label: Any) -> bool:
    is_nan = isinstance(label, Real | np.generic) and label != label
    return is_nan or label is None or type(label).__name__ in MISSING_TYPES


def shown(labels: Iterable[Any]) -> str:
    """Return a short text that lists the labels."""
    labels = list(labels)
    if len(labels) <= MOST_SHOWN:
        return str(labels)
    first = ", ".join(map(repr, labels[:MOST_SHOWN]))
    return f"[{first}, and {len(labels) - MOST_SHOWN} more]"


def warn_of_minus_one(classes: Array, unlabeled_label: object) -> None:
    """Warn if -1 is one of several classes, because it may mark unlabeled rows."""
    is_numeric = classes.dtype.kind in "iuf"
    if unlabeled_label is None and len(classes) > 2 and is_numeric and -1 in classes:
        warn_user(
            "y has the label -1, which is learned as a class like the others. If it "
            "marks unlabeled rows, set unlabeled_label=-1.",
            UserWarning,
        )


def check_classes(classes: Array, unlabeled_label: object, name: str = "y") -> None:
    """Check that there are at least two classes."""
    if len(classes) < 2:
        raise ValueError(
            f"{name} has {len(classes)} class{'' if len(classes) == 1 else 'es'}, "
            f"{shown(classes.tolist())}: a classifier needs 2 or more."
        )
    if unlabeled_label is None:
        return
    # numpy converts a list of strings and numbers to strings, so -1 becomes "-1".
    is_number = not isinstance(unlabeled_label, str)
    for label in classes.tolist():
        if str(label) == str(unlabeled_label) and is_number == isinstance(label, str):
            raise ValueError(
                f"{name} has the class {label!r}, but unlabeled_label="
                f"{unlabeled_label!r}: pass unlabeled_label with the type of the "
                f"labels, or {name} as an array of objects, which can hold both types."
            )


def check_unlabeled_label(label: object) -> None:
    """Check that the label is valid: == must distinguish it from other labels."""
    is_scalar = isinstance(label, str | Real | np.generic)
    if label is not None and not (is_scalar and label == label):
        raise ValueError(
            f"unlabeled_label={label!r} is not a valid label: pass a number or a "
            "string, or None if all rows are labeled."
        )


def is_labeled(y: Array, unlabeled_label: object, name: str = "y") -> Array:
    """Return which rows have a label; all rows if ``unlabeled_label`` is None.

    All labels must have the same kind of type, except `unlabeled_label`.
    """
    labeled = np.ones(len(y), dtype=bool)
    if unlabeled_label is not None:
        if y.dtype.kind in NUMERIC and isinstance(unlabeled_label, Real):
            labeled = y != unlabeled_label
        else:
            # One by one, because numpy cannot compare strings with numbers.
            labeled[:] = [label != unlabeled_label for label in y.tolist()]
    if y.dtype.kind == "O":
        _check_sortable(y[labeled].tolist(), name)
    return labeled


def _check_sortable(labels: list[Any], name: str) -> None:
    try:
        sorted(set(labels))
    except TypeError as error:
        types = sorted({type(label).__name__ for label in labels})
        raise ValueError(
            f"{name} has labels of the types {', '.join(types)}, which cannot be "
            "sorted: pass only strings or only numbers."
        ) from error


def encode_labels(
    y: Array, classes: Array, unlabeled_label: object, *, name: str = "y"
) -> Array:
    """Return the position of each row's label in the sorted classes, or UNLABELED."""
    labeled = is_labeled(y, unlabeled_label, name)
    if y.dtype.kind in NUMERIC and classes.dtype.kind in NUMERIC:
        # A set of all labels would need several times the memory.
        unknown = np.setdiff1d(y[labeled], classes).tolist()
    else:
        unknown = sorted(set(y[labeled].tolist()) - set(classes.tolist()))
    if unknown:
        raise ValueError(
            f"{name} has the labels {shown(unknown)}, which are not among the classes "
            f"{shown(classes.tolist())}."
        )
    codes = np.full(len(y), UNLABELED)
    codes[labeled] = np.searchsorted(classes, y[labeled])
    return codes


def class_weights(
    class_weight: Any, classes: Array, codes: Array, sample_weight: Array
) -> Array:
    """Return the weight of each class.

    'balanced' gives all classes the same total weight. codes and sample_weight belong
    to the training rows, labeled and unlabeled.
    """
    if class_weight is None:
        return np.ones(len(classes))
    if class_weight != "balanced":
        return _given_weights(class_weight, classes)
    totals = class_totals(codes, len(classes), sample_weight)
    weights = np.zeros(len(classes))
    np.divide(totals.sum() / len(classes), totals, out=weights, where=totals > 0)
    return weights


def _given_weights(class_weight: Mapping[Any, Any], classes: Array) -> Array:
    unknown = [label for label in class_weight if label not in classes.tolist()]
    if unknown:
        warn_user(
            f"class_weight has the labels {shown(unknown)}, which are not in y. The "
            f"classes of y are {shown(classes.tolist())}.",
            UserWarning,
        )
    given: list[Any] = [class_weight.get(label, 1.0) for label in classes.tolist()]
    if not all(map(_is_weight, given)):
        raise ValueError(
            f"class_weight={class_weight!r} has a weight that is negative or not a "
            "finite number: give each class a weight of 0 or more."
        )
    return np.array(given, dtype=np.float64)


def _is_weight(value: Any) -> bool:
    # math.isfinite fails on Python's integers beyond the largest float.
    number: Any = value if isinstance(value, Real) else math.nan
    return bool(0 <= number <= sys.float_info.max)


def labeled_rows(rows: AnyRows, weights_of_classes: Array | None = None) -> AnyRows:
    """Return the labeled rows, weighted by their class; the weights sum to 1.

    Without weights of classes, all classes have the same weight.
    """
    assert rows.y is not None
    if weights_of_classes is None:
        factors = (rows.y != UNLABELED).astype(np.float64)
    else:
        # UNLABELED is -1 and selects the last weight, which is 0.
        factors = np.append(weights_of_classes, 0.0)[rows.y]
    weights = rows.weights * factors
    if not weights.any():
        raise ValueError(
            "No labeled row has a weight above 0: change class_weight or "
            "sample_weight, so that at least one row counts."
        )
    return prepare_rows(rows.with_targets(rows.y, weights), canonical=False)


def unlabeled_rows(rows: AnyRows) -> AnyRows | None:
    """View the rows without a label, without targets and with weights of sum 1.

    Return None if all rows have a label.
    """
    assert rows.y is not None
    unlabeled = rows.y == UNLABELED
    if not unlabeled.any():
        return None
    weights = np.where(unlabeled, rows.weights.astype(np.float64), 0.0)
    weights = (weights / weights.sum()).astype(rows.dtype)
    return rows.with_targets(None, weights).view(np.flatnonzero(unlabeled))


def class_totals(codes: Array, n_classes: int, weights: Array) -> Array:
    """Return the weight of the labeled rows of each class."""
    labeled = codes != UNLABELED
    return np.bincount(
        codes[labeled], weights=weights[labeled].astype(np.float64), minlength=n_classes
    )


def hold_out_labeled(
    rows: AnyRows, fraction: float, random_state: np.random.RandomState
) -> tuple[AnyRows, AnyRows]:
    """Split off a fraction of the labeled rows of each class, for validation."""
    assert rows.y is not None
    labeled = np.flatnonzero(rows.y != UNLABELED)
    _, held_out = train_validation_split(
        labeled, fraction, random_state, stratify=rows.y[labeled]
    )
    train = np.setdiff1d(np.arange(rows.n_rows), held_out)
    return rows.take(train), labeled_rows(rows.take(held_out))
