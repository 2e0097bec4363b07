"""What comes in wrong: a clear error, or the right result, and never a nan model.

The tables have a row for each case: what comes in, the exact type of the exception and
words of its message, or that it is accepted. Each row is tried with both estimators and
every public method that takes such an argument. After an error, and after methods that
do not fit, the estimator must be as it was. What is accepted must give finite results,
the same as a plain array gives, and no warning.
"""

import copy
import datetime
import math
import re
import warnings
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers import DTYPES, SOLVERS, small_autoencoder, small_classifier
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.utils._param_validation import (
    Interval,
    InvalidParameterError,
    make_constraint,
)
from sklearn.utils.validation import _num_samples

from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier
from skstackedae._training.batches import Sampler
from skstackedae._training.solvers import SOLVERS as SOLVER_FUNCTIONS
from skstackedae._training.solvers import SolverOptions
from skstackedae._training.stopping import HeldOutScores, Patience

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stopped after max_iter",
    "ignore:Most units of the",
    "ignore:The input of the",
    "ignore:The loss ended higher than it began",
)

# As many components as features, so that every row is input of inverse_transform, too.
N_ROWS, N_FEATURES = 12, 4
NAMES = list("abcd")
FRAMES = (pd.DataFrame, pl.DataFrame)
X = np.random.RandomState(0).rand(N_ROWS, N_FEATURES)
Y = np.arange(N_ROWS) % 3

MAKERS = {
    "autoencoder": lambda **settings: small_autoencoder(
        **{"n_components": N_FEATURES, "solver": "adam", "max_iter": 2} | settings
    ),
    "classifier": lambda **settings: small_classifier(
        **{
            "hidden_layer_sizes": (N_FEATURES,),
            "pretraining": {"max_iter": 2},
            "solver": "adam",
            "max_iter": 2,
        }
        | settings
    ),
}
METHODS = {
    "autoencoder": (
        *("fit", "fit_transform", "partial_fit"),
        *("transform", "inverse_transform", "score", "score_samples", "diagnose"),
    ),
    "classifier": (
        *("fit", "fit_transform", "partial_fit"),
        *("predict", "predict_proba", "predict_log_proba", "decision_function"),
        *("transform", "inverse_transform", "score"),
    ),
}
FIT = ("fit", "fit_transform")
TRAIN = (*FIT, "partial_fit")
EVERY = tuple(dict.fromkeys(sum(METHODS.values(), ())))
NEED_LABELS = (*TRAIN, "score")

both = pytest.mark.parametrize("kind", MAKERS)


class Row(NamedTuple):
    """What comes in, and what is to come of it."""

    case: str
    value: Any
    error: type[Exception] | None  # exactly this type; None if it is accepted
    words: str = ""  # of the message, as a regular expression
    methods: tuple[str, ...] = EVERY
    kinds: tuple[str, ...] = tuple(MAKERS)
    like: Any = None  # what is accepted must give the same as this


def rows_of(table):
    return pytest.mark.parametrize("row", table, ids=[row.case for row in table])


def cases_of(table):
    """Each row with each kind of estimator that it is about."""
    cases = [
        pytest.param(row, kind, id=f"{kind}-{row.case}")
        for row in table
        for kind in row.kinds
        if set(row.methods) & set(METHODS[kind])
    ]
    return pytest.mark.parametrize(("row", "kind"), cases)


@pytest.fixture(scope="module")
def fitted():
    """A fitted model of each kind, from rows without and with names of columns."""
    frame = pd.DataFrame(X, columns=NAMES)
    return {
        (kind, named): make().fit(frame if named else X, Y)
        for kind, make in MAKERS.items()
        for named in (False, True)
    }


def state_of(model):
    """Return the attributes of a model, and copies of its arrays."""
    arrays = [*model.coefs_, *model.intercepts_]
    return dict(vars(model)), [array.copy() for array in arrays]


def assert_untouched(model, state):
    attributes, arrays = state
    assert vars(model).keys() == attributes.keys()
    for name, value in attributes.items():
        assert vars(model)[name] is value, name
    for array, before in zip([*model.coefs_, *model.intercepts_], arrays, strict=True):
        assert_array_equal(array, before)


def numbers_of(result):
    """Return the numbers that a method gave, to look at and to compare."""
    if hasattr(result, "coefs_"):
        scores = result.validation_scores_ or []
        curve = [*result.loss_curve_, result.loss_, *scores]
        return [*result.coefs_, *result.intercepts_, np.array(curve)]
    parts = result.values() if isinstance(result, dict) else [result]
    return [np.asarray(part) for part in parts]


def check(row, model, method, *args, **options):
    """Hold a call to the row of the table; return what is accepted as numbers."""
    state = state_of(model)
    if row.error is None:
        numbers = numbers_of(getattr(model, method)(*args, **options))
        for part in numbers:
            assert np.isfinite(part).all(), method
        if method not in TRAIN:
            assert_untouched(model, state)
        return numbers
    with pytest.raises(row.error, match=row.words) as caught:
        getattr(model, method)(*args, **options)
    assert caught.type is row.error, method
    assert_untouched(model, state)
    return None


def labels_for(method, kind, rows):
    """Return y, as keyword, where the method needs it."""
    if kind == "autoencoder" or method not in NEED_LABELS:
        return {}
    try:
        n_rows = _num_samples(rows)
    except TypeError:
        n_rows = N_ROWS
    return {"y": Y[:n_rows]}


# X -----------------------------------------------------------------------------------


def with_entry(value, dtype=float):
    changed = X.astype(dtype)
    changed[3, 2] = value
    return changed


def frame(**columns):
    """Return a data frame of pandas, with other columns in the place of some."""
    return pd.DataFrame(X, columns=NAMES).assign(**columns)


def polars_frame(**columns):
    return pl.DataFrame(X, schema=NAMES).with_columns(**columns)


DATES = pd.date_range("2020-01-01", periods=N_ROWS)
# scikit-learn compares lengths before it looks at the rest.
UNLESS_SCORED = tuple(method for method in EVERY if method != "score")
TO_PREDICT = tuple(method for method in EVERY if method not in FIT)

BAD_X = [
    # Numbers that are none, or too large.
    Row("nan", with_entry(np.nan), ValueError, "Input X contains NaN"),
    Row("inf", with_entry(np.inf), ValueError, "X contains infinity or a value too"),
    Row("-inf", with_entry(-np.inf), ValueError, "X contains infinity or a value too"),
    Row(
        "a longdouble beyond float64",
        with_entry(np.longdouble("1e400"), np.longdouble),
        ValueError,
        "Input X contains infinity or a value too large",
    ),
    *(
        Row(
            f"{value:g} in {methods[0]}",
            with_entry(value),
            ValueError,
            "no longer finite in iteration 1 .*[Ss]cale the features of X",
            methods,
            kinds,
        )
        for value in (1e200, 1e308, -1e308)
        for methods, kinds in ((FIT, tuple(MAKERS)), (TRAIN[2:], ("autoencoder",)))
    ),
    # Arrays that hold something else.
    Row("complex", X + 1j, ValueError, "Complex data not supported"),
    Row("complex without i", X + 0j, ValueError, "Complex data not supported"),
    Row("text", np.full((12, 4), "red"), ValueError, "string to float: .*red"),
    Row("objects of text", with_entry("red", object), ValueError, "to float: 'red'"),
    Row("None among objects", with_entry(None, object), ValueError, "X contains NaN"),
    Row("a dict among objects", with_entry({}, object), TypeError, "not 'dict'"),
    Row("pd.NA among objects", with_entry(pd.NA, object), TypeError, "not 'NAType'"),
    Row("records", np.zeros(12, "f8,f8"), TypeError, "Cannot cast array data"),
    Row("bytes without meaning", np.zeros((12, 4), "V8"), ValueError, "sequence"),
    Row("np.matrix", X.view(np.matrix), TypeError, "np.matrix is not supported"),
    Row(
        "masked entries",
        np.ma.masked_array(X, mask=X > 0.8),
        ValueError,
        "X is a masked array.*fill its masked entries",
    ),
    Row(
        "dates",
        np.full((12, 4), np.datetime64("2020-01-01")),
        ValueError,
        r"X has the type datetime64\[D\]: convert dates and times to numbers",
    ),
    Row(
        "durations",
        np.full((12, 4), np.timedelta64(1, "h")),
        ValueError,
        r"X has the type timedelta64\[h\]",
    ),
    # Shapes.
    Row("None", None, ValueError, "Expected 2D array, got scalar array"),
    Row(
        "a number",
        3.0,
        ValueError,
        "Expected 2D array, got scalar array",
        UNLESS_SCORED,
    ),
    Row("no dimension", np.array(3.0), ValueError, "scalar array", UNLESS_SCORED),
    Row("one dimension", X[:, 0], ValueError, "Expected 2D array, got 1D array"),
    Row("three dimensions", X[:, :, None], ValueError, "Found array with dim 3"),
    Row("ragged lists", [[0.1, 0.2], [0.3]] * 6, ValueError, "inhomogeneous shape"),
    Row(
        "ragged objects",
        np.array([[0.1], [0.2, 0.3]] * 6, dtype=object),
        ValueError,
        "Expected 2D array, got 1D array|setting an array element with a sequence",
    ),
    Row("no rows", X[:0], ValueError, r"0 sample\(s\)"),
    Row("no columns", X[:, :0], ValueError, r"0 feature\(s\)"),
    Row("an empty list", [], ValueError, "Expected 2D array, got 1D array"),
    Row("too few columns", X[:, :3], ValueError, "X has 3 (feature|colu)", TO_PREDICT),
    Row("too many columns", np.c_[X, X], ValueError, "X has 8 (fea|colu)", TO_PREDICT),
    # Other objects.
    Row("a string", "rows", ValueError, "could not convert string to float: 'rows'"),
    Row("a dict", {"a": X}, TypeError, "not 'dict'"),
    Row("a set", {1.0, 2.0}, TypeError, "not 'set'"),
    # Sparse rows.
    Row("sparse nan", sparse.csr_array(with_entry(np.nan)), ValueError, "contains NaN"),
    Row("sparse inf", sparse.coo_array(with_entry(np.inf)), ValueError, "infinity"),
    Row("sparse complex", sparse.csr_array(X + 1j), ValueError, "Complex data"),
    Row("sparse, no rows", sparse.csr_array((0, 4)), ValueError, r"0 sample\(s\)"),
    # Data frames.
    Row("a column of pandas", frame()["a"], ValueError, "2-dimensional container"),
    Row("no columns, pandas", pd.DataFrame(), ValueError, "X is a data frame without"),
    Row("no columns, polars", pl.DataFrame(), ValueError, "X is a data frame without"),
    Row("no rows, pandas", frame().iloc[:0], ValueError, r"0 sample\(s\)"),
    Row("text, pandas", frame(d="red"), ValueError, "to float: 'red'"),
    Row("text, polars", polars_frame(d=pl.lit("red")), ValueError, "float: 'red'"),
    Row(
        "categories, pandas",
        frame(d=pd.Categorical(["red", "blue"] * 6)),
        ValueError,
        "could not convert string to float: 'red'",
    ),
    Row(
        "categories, polars",
        polars_frame(d=pl.lit("red").cast(pl.Categorical)),
        ValueError,
        "could not convert string to float: 'red'",
    ),
    *(
        Row(
            f"pd.NA in {dtype}",
            (frame() > 0.4).astype(float).astype(dtype).mask(frame() > 0.9, pd.NA),
            ValueError,
            "Input X contains NaN",
        )
        for dtype in ("Float64", "Float32", "Int64", "double[pyarrow]")
    ),
    Row(
        "null, polars",
        polars_frame(d=pl.when(pl.col("d") > 0.6).then(pl.col("d"))),
        ValueError,
        "Input X contains NaN",
    ),
    *(
        Row(name, value, ValueError, f"X has columns of type {words}.*: convert dates")
        for name, value, words in (
            ("dates, pandas", frame(d=DATES), "datetime64"),
            ("dates alone, pandas", frame(**dict.fromkeys(NAMES, DATES)), "datetime64"),
            ("time zone, pandas", frame(d=DATES.tz_localize("UTC")), "datetime64.*UTC"),
            ("periods, pandas", frame(d=DATES.to_period("D")), r"period\[D\]"),
            ("durations, pandas", frame(d=DATES - DATES[0]), "timedelta64"),
            (
                "timestamps, pyarrow",
                frame(d=pd.Series(DATES).astype("timestamp[ns][pyarrow]")),
                "timestamp",
            ),
            (
                "dates, polars",
                polars_frame(d=pl.lit(datetime.date(2020, 1, 1))),
                "Date",
            ),
            (
                "times, polars",
                polars_frame(d=pl.lit(datetime.datetime(2020, 1, 1))),
                "Datetime",
            ),
        )
    ),
    Row(
        "a frame that waits, polars",
        polars_frame().lazy(),
        ValueError,
        r"lazy data frame: pass X.collect\(\)",
        UNLESS_SCORED,
    ),
    *(
        Row(f"{case} to score", rows, TypeError, words, ("score",), ("classifier",))
        for case, rows, words in (
            ("a number", 3.0, "Expected sequence or array-like, got <class 'float'>"),
            ("no dimension", np.array(3.0), "should have at least 1 dimension"),
            (
                "a frame that waits",
                polars_frame().lazy(),
                "sequence or array-like, got",
            ),
        )
    ),
]


@cases_of(BAD_X)
def test_wrong_X(row, kind, fitted):
    named = isinstance(row.value, FRAMES) and list(row.value.columns) == NAMES
    for method in METHODS[kind]:
        if method in row.methods:
            model = copy.deepcopy(fitted[kind, named])
            check(row, model, method, row.value, **labels_for(method, kind, row.value))


def strided():
    return np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3]


def unaligned():
    raw = np.empty(X.nbytes + 1, dtype=np.uint8)
    view = raw[1:].view(np.float64).reshape(X.shape)
    view[:] = X
    return view


def read_only():
    view = X.copy()
    view.flags.writeable = False
    return view


def unsorted_indices():
    matrix = sparse.csr_array(X)
    for row in range(N_ROWS):
        part = slice(*matrix.indptr[row : row + 2])
        matrix.indices[part] = matrix.indices[part][::-1].copy()
        matrix.data[part] = matrix.data[part][::-1].copy()
    matrix.has_sorted_indices = False
    return matrix


def with_duplicates():
    twice = np.tile(np.indices(X.shape).reshape(2, -1), 2)
    return sparse.coo_array((np.tile(X.ravel() / 2, 2), tuple(twice)), shape=X.shape)


def with_data(dtype):
    matrix = sparse.csr_array(X)
    matrix.data = matrix.data.astype(dtype)
    return matrix


def with_wide_indices():
    matrix = sparse.csr_array(X)
    matrix.indices = matrix.indices.astype(np.int64)
    matrix.indptr = matrix.indptr.astype(np.int64)
    return matrix


INTEGERS = (3 * X).astype(int)
HALF = X.astype(np.float16)

GOOD_X = [
    # Layouts of memory and orders of bytes.
    Row("columns first", np.asfortranarray(X), None, like=X),
    Row("strides", strided(), None, like=X),
    Row("negative strides", X[::-1, ::-1].copy()[::-1, ::-1], None, like=X),
    Row("unaligned", unaligned(), None, like=X),
    Row("read-only", read_only(), None, like=X),
    *(Row(f"order {c}", X.astype(f"{c}f8"), None, like=X) for c in "<>="),
    Row("order > of f4", X.astype(">f4"), None, like=X.astype("f4")),
    Row("order > of i8", INTEGERS.astype(">i8"), None, like=INTEGERS * 1.0),
    # Types.
    Row("objects", X.astype(object), None, like=X),
    Row("numbers as text", X.astype(str), None, like=X),
    Row("longdouble", X.astype(np.longdouble), None, like=X),
    Row("float16", HALF, None, like=HALF.astype("f4")),
    Row("bool", X > 0.5, None, like=(X > 0.5).astype("f4")),
    *(
        Row(f"integers, {c}", INTEGERS.astype(c), None, like=INTEGERS.astype(like))
        for c, like in zip("bBhHiIqQ", ["f4"] * 4 + ["f8"] * 4, strict=True)
    ),
    Row("the largest integers", np.full((12, 4), 2**64 - 1, "u8"), None),
    Row("the smallest numbers", np.full((12, 4), 5e-324), None),
    Row("a record array", X.view(np.recarray), None, like=X),
    Row("masked, no entry", np.ma.masked_array(X, mask=False), None, like=X),
    Row("lists", X.tolist(), None, like=X),
    Row("tuples", tuple(map(tuple, X)), None, like=X),
    # Rows and columns that say little.
    Row("one row", X[:1], None, methods=TO_PREDICT),
    Row("one row to learn from", X[:1], None, methods=FIT, kinds=("autoencoder",)),
    Row("one column", X[:, :1], None, methods=FIT),
    Row("zeros", np.zeros((12, 4)), None),
    Row("constant entries", np.full((12, 4), 0.5), None),
    Row("constant columns", np.c_[X[:, :2], np.ones((12, 2))], None),
    Row("repeated columns", np.repeat(X[:, :1], 4, axis=1), None),
    Row("repeated rows", np.repeat(X[:1], 12, axis=0), None),
    *(
        Row(f"{value:g}", with_entry(value), None, methods=methods, kinds=kinds)
        for value in (1e200, 1e308, -1e308)
        for methods, kinds in (
            (("transform", "inverse_transform", "diagnose"), ("autoencoder",)),
            (TO_PREDICT, ("classifier",)),
        )
    ),
    # Sparse rows.
    *(
        Row(
            f"{name}_{container}",
            getattr(sparse, f"{name}_{container}")(X),
            None,
            like=X,
        )
        for name in ("bsr", "coo", "csc", "csr", "dia", "dok", "lil")
        for container in ("array", "matrix")
    ),
    Row("unsorted indices", unsorted_indices(), None, like=X),
    Row("repeated indices", with_duplicates(), None, like=X),
    Row("indices of 64 bits", with_wide_indices(), None, like=X),
    Row("sparse float16", with_data("f2"), None, like=HALF.astype("f4")),
    Row("sparse float32", with_data("f4"), None, like=X.astype("f4")),
    Row("sparse longdouble", with_data("g"), None, like=X),
    Row("sparse bool", sparse.csr_array(X > 0.5), None, like=(X > 0.5).astype("f4")),
    Row("sparse zeros", sparse.csr_array((12, 4)), None, like=np.zeros((12, 4))),
    # Data frames.
    Row("pandas", frame(), None, like=X),
    Row("polars", polars_frame(), None, like=X),
    Row("pandas, float32", frame().astype("f4"), None, like=X.astype("f4")),
    Row("pandas, nullable", frame().astype("Float64"), None, like=X),
    Row("pandas, sparse", frame().astype(pd.SparseDtype(float, 0.0)), None, like=X),
    Row("pandas, bool", frame() > 0.5, None, like=(X > 0.5) * 1.0),
    Row(
        "categories that are numbers",
        frame(d=pd.Categorical(INTEGERS[:, 3])),
        None,
        like=np.c_[X[:, :3], INTEGERS[:, 3]],
    ),
]


@cases_of(GOOD_X)
def test_X_of_every_kind(row, kind, fitted):
    named = isinstance(row.value, FRAMES)
    for method in METHODS[kind]:
        if method not in row.methods:
            continue
        # Callers warn of names that came with the fit and are missing now.
        models = [
            copy.deepcopy(fitted[kind, with_names]) for with_names in (named, False)
        ]
        more = labels_for(method, kind, row.value)
        found = check(row, models[0], method, row.value, **more)
        if row.like is not None:
            expected = check(row, models[1], method, row.like, **more)
            for part, expected_part in zip(found, expected, strict=True):
                assert_array_equal(part, expected_part, err_msg=method)
                assert part.dtype == expected_part.dtype, method


def test_scores_of_values_that_overflow_are_the_lowest(fitted):
    model = fitted["autoencoder", False]
    scores = model.score_samples(with_entry(1e200))
    assert scores[3] == model.score(with_entry(1e200)) == -np.inf
    assert np.isfinite(np.delete(scores, 3)).all()


# y -----------------------------------------------------------------------------------

LEARN = ("fit", "partial_fit", "y_val")
UNKNOWN = r"y(_val)? has the labels .*not among the classes \[0, 1, 2\]"

BAD_Y = [
    Row("None", None, ValueError, "requires y to be passed", LEARN[:2]),
    Row("a number", 1, ValueError, "y should be a 1d array", LEARN),
    Row("a number to score", 1, TypeError, "Expected sequence", ("score",)),
    Row("no dimension", np.array(1), ValueError, "y should be a 1d array", LEARN),
    Row("two columns", np.c_[Y, Y], ValueError, r"of shape \(12, 2\)"),
    Row("one column a class", np.eye(3)[Y], ValueError, r"of shape \(12, 3\)"),
    Row("frame of two columns", pd.DataFrame(np.c_[Y, Y]), ValueError, "1d array"),
    Row("three dimensions", Y[:, None, None], ValueError, "dim 3|1d array"),
    Row("too short", Y[:-1], ValueError, r"inconsistent .*\[12, 11\]"),
    Row("too long", np.r_[Y, 0], ValueError, r"inconsistent .*\[12, 13\]"),
    Row("empty", [], ValueError, r"inconsistent .*\[12, 0\]"),
    Row("ragged", [[0], [1, 2]] * 6, ValueError, "inhomogeneous shape"),
    Row("a dict", {"y": Y}, ValueError, "y should be a 1d array", LEARN),
    Row("sparse", sparse.csr_array(Y[:, None]), TypeError, "dense data is required"),
    Row("nan", np.where(Y, Y, np.nan), ValueError, "y contains NaN"),
    Row("inf", np.where(Y, Y, np.inf), ValueError, "Input y contains infinity"),
    Row(
        "pd.NA", pd.Series(Y).astype("Int64").mask(Y == 0), ValueError, "y contains NaN"
    ),
    Row("null", pl.Series([0, 1, None] * 4), ValueError, "y contains NaN"),
    Row("complex", Y + 1j, ValueError, "Complex data not supported"),
    Row(
        "masked entries",
        np.ma.masked_array(Y, mask=Y == 2),
        ValueError,
        "y is a masked array.*fill its masked entries",
    ),
    Row("numbers of a regression", Y / 7, ValueError, "continuous", ("fit", "score")),
    Row("one class", Y * 0 + 7, ValueError, r"y has 1 class, \[7\]", ("fit",)),
    Row("other labels", Y + 1, ValueError, UNKNOWN, ("partial_fit", "y_val")),
    Row(
        "text for numbers", Y.astype(str), ValueError, UNKNOWN, ("partial_fit", "y_val")
    ),
]

GOOD_Y = [
    *(Row(f"integers, {c}", Y.astype(c), None, like=Y) for c in "bBhHiIqQ"),
    *(Row(f"numbers, {c}", Y.astype(c), None, like=Y) for c in "efdg"),
    *(Row(f"order {c}", Y.astype(f"{c}i8"), None, like=Y) for c in "<>"),
    Row("a list", Y.tolist(), None, like=Y),
    Row("strides", np.repeat(Y, 2)[::2], None, like=Y),
    Row("bool", Y > 0, None, like=(Y > 0) * 1),
    Row("masked, no entry", np.ma.masked_array(Y, mask=False), None, like=Y),
    Row("a series", pd.Series(Y, index=range(50, 62)), None, like=Y),
    Row("a nullable series", pd.Series(Y, dtype="Int64"), None, like=Y),
    Row("a category of numbers", pd.Series(Y, dtype="category"), None, like=Y),
    Row("a series of polars", pl.Series(Y), None, like=Y),
    Row("text", np.array(list("abc"))[Y], None, like=Y, methods=FIT),
    Row(
        "a category",
        pd.Series(list("abc") * 4, dtype="category"),
        None,
        "",
        FIT,
        like=Y,
    ),
    Row("large integers", Y + 2**62, None, like=Y, methods=FIT),
]


def check_labels(row, model, method, y):
    """Pass y to a method of a classifier; y_val is y of the validation rows in fit."""
    if method == "y_val":
        return check(row, model, "fit", X, Y, X_val=X, y_val=y)
    return check(row, model, method, X, y)


@rows_of(BAD_Y)
def test_wrong_y(row, fitted):
    for method in ("fit", "fit_transform", "partial_fit", "score", "y_val"):
        if method in row.methods or row.methods is EVERY:
            model = copy.deepcopy(fitted["classifier", False])
            check_labels(row, model, method, row.value)


@rows_of(GOOD_Y)
def test_y_of_every_kind(row, fitted):
    for method in ("fit", "fit_transform", "partial_fit", "score", "y_val"):
        if method in row.methods or row.methods is EVERY:
            found, expected = (
                check_labels(row, copy.deepcopy(fitted["classifier", False]), method, y)
                for y in (row.value, row.like)
            )
            for part, expected_part in zip(found, expected, strict=True):
                assert_array_equal(part, expected_part, err_msg=method)


@pytest.mark.parametrize("method", ["fit", "score"])
def test_a_column_of_labels_is_taken_with_a_warning_of_scikit_learn(method, fitted):
    model = copy.deepcopy(fitted["classifier", False])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        getattr(model, method)(X, Y[:, None])
    named = {str(warning.message)[:20] for warning in caught}
    assert ("A column-vector y wa" in named) == (method == "fit")


BAD_CLASSES = [
    Row(
        "missing",
        None,
        ValueError,
        "classes must be passed on the first call",
        ("first",),
    ),
    Row("one class", [0], ValueError, r"classes has 1 class, \[0\]", ("first",)),
    Row("none", [], ValueError, "classes has 0 classes", ("first",)),
    Row("others", [0, 1], ValueError, "not the same as on last call", ("later",)),
    Row("text", list("abc"), ValueError, "not the same as on last call", ("later",)),
    Row("too few", [0, 1], ValueError, r"labels \[2\].*not among", ("first",)),
    Row("a number", 3, ValueError, "should be a 1d array"),
    Row("a string", "abc", ValueError, "should be a 1d array"),
    Row("a set", {0, 1, 2}, ValueError, "should be a 1d array"),
    Row("two dimensions", [[0, 1, 2]], ValueError, r"1d array.*shape \(1, 3\)"),
    Row("nan", [0, 1, 2, np.nan], ValueError, "classes contains NaN"),
    Row("inf", [0, 1, 2, np.inf], ValueError, "Input classes contains infinity"),
    Row("complex", [0, 1, 2j], ValueError, "Complex data not supported"),
    Row("numbers of a regression", [0, 1, 2.5], ValueError, "Unknown label type"),
    Row("unsorted", [2, 0, 1], None),
    Row("repeated", [0, 0, 1, 2], None),
    Row("floats", [0.0, 1.0, 2.0], None),
    Row("a series", pd.Series([0, 1, 2]), None),
]


@rows_of(BAD_CLASSES)
def test_classes(row, fitted):
    if "later" in row.methods or row.methods is EVERY:
        model = copy.deepcopy(fitted["classifier", False])
        check(row, model, "partial_fit", X, Y, row.value)
    if "first" in row.methods or row.methods is EVERY:
        fresh = MAKERS["classifier"]()
        if row.error is None:
            assert_array_equal(fresh.partial_fit(X, Y, row.value).classes_, [0, 1, 2])
            return
        with pytest.raises(row.error, match=row.words) as caught:
            fresh.partial_fit(X, Y, row.value)
        assert caught.type is row.error
        assert vars(fresh).keys() == vars(clone(fresh)).keys()


BAD_VALIDATION = [
    Row("X_val alone", {"X_val": X}, ValueError, "X_val and y_val go together"),
    Row("y_val alone", {"y_val": Y}, ValueError, "X_val and y_val go together"),
    Row("weights alone", {"sample_weight_val": Y}, ValueError, "go together"),
    *(
        Row(case, {"X_val": rows, "y_val": Y[: len(rows)]}, ValueError, words)
        for case, rows, words in (
            (
                "nan",
                with_entry(np.nan),
                "^X_val, y_val, sample_weight_val: .*X contain",
            ),
            ("inf", with_entry(np.inf), "^X_val, y_val, .*infinity"),
            ("columns", X[:, :3], "^X_val, y_val, .*X has 3 features"),
            ("no rows", X[:0], r"^X_val, y_val, .*0 sample\(s\)"),
            ("complex", X + 1j, "^X_val, y_val, .*Complex data"),
            ("dates", X.astype("M8[s]"), "^X_val, y_val, .*dates and times"),
            ("one dimension", X[:, 0], "^X_val, y_val, .*1D array"),
        )
    ),
    Row("1e200", {"X_val": with_entry(1e200), "y_val": Y}, None),
    Row("one row", {"X_val": X[:1], "y_val": Y[:1]}, None),
    Row("sparse", {"X_val": sparse.coo_array(X), "y_val": Y}, None),
    Row("other precision", {"X_val": X.astype("f4"), "y_val": Y.tolist()}, None),
]


@rows_of(BAD_VALIDATION)
@pytest.mark.parametrize("solver", SOLVERS)
def test_validation_rows(row, solver, fitted):
    model = copy.deepcopy(fitted["classifier", False]).set_params(solver=solver)
    check(row, model, "fit", X, Y, **row.value)


# Weights -----------------------------------------------------------------------------

WEIGHTED = {
    "autoencoder": ("fit", "partial_fit", "score", "diagnose"),
    "classifier": ("fit", "partial_fit", "score", "sample_weight_val"),
}
ONES = np.ones(N_ROWS)
COUNTS = np.arange(N_ROWS) % 3


def with_weight(value):
    return np.r_[value, ONES[1:]]


# Two messages of scikit-learn, of before and since 1.9, and ours.
NO_WEIGHT = "zero for every row|at least one non-zero"

BAD_WEIGHTS = [
    Row("nan", with_weight(np.nan), ValueError, "sample_weight contains NaN"),
    Row("inf", with_weight(np.inf), ValueError, "sample_weight contains infinity"),
    Row("negative", with_weight(-1.0), ValueError, "Negative values .*sample_weight"),
    Row("zeros", 0 * ONES, ValueError, NO_WEIGHT),
    Row("negative zeros", -0.0 * ONES, ValueError, NO_WEIGHT),
    Row("zero for all", 0.0, ValueError, NO_WEIGHT),
    Row(
        "nan for all", np.nan, ValueError, "sample_weight=nan is negative or not a fin"
    ),
    Row(
        "inf for all", np.inf, ValueError, "sample_weight=inf is negative or not a fin"
    ),
    Row("-1 for all", -1.0, ValueError, "[Nn]egative"),
    Row("too short", ONES[1:], ValueError, r"shape == \(11,\), expected \(12,\)"),
    Row("too long", np.ones(13), ValueError, r"shape == \(13,\), expected \(12,\)"),
    Row("empty", [], ValueError, r"0 sample\(s\)"),
    Row("no dimension", np.array(2.0), TypeError, "at least 1 dimension"),
    Row("a column", ONES[:, None], ValueError, "must be 1D array or scalar"),
    Row("three dimensions", ONES[:, None, None], ValueError, "dim 3"),
    Row("ragged", [[1], [1, 2]] * 6, ValueError, "inhomogeneous shape"),
    Row("text", ["heavy"] * 12, ValueError, "string to float: 'heavy'"),
    Row("a string", "balanced", ValueError, "string to float: 'balanced'"),
    Row("complex", ONES + 1j, ValueError, "Complex data not supported"),
    Row("None among objects", np.array([None] * 12), ValueError, "weight contains NaN"),
    Row("a dict", {0: 1.0}, TypeError, "not 'dict'"),
    Row("sparse", sparse.csr_array(ONES[:, None]), TypeError, "dense data is required"),
    Row(
        "pd.NA",
        pd.Series(ONES).astype("Float64").mask(COUNTS == 0),
        ValueError,
        "sample_weight contains NaN",
    ),
    Row("null", pl.Series([1.0, None] * 6), ValueError, "sample_weight contains NaN"),
    Row("frame", pd.DataFrame({"w": ONES}), ValueError, "must be 1D array or scalar"),
    Row(
        "masked entries",
        np.ma.masked_array(ONES, mask=COUNTS == 1),
        ValueError,
        "sample_weight is a masked array.*fill its masked entries",
    ),
    Row("dates", np.full(12, np.datetime64("2020")), ValueError, "dates and times to"),
    Row(
        "a longdouble beyond float64",
        np.full(12, np.longdouble("1e400")),
        ValueError,
        "sample_weight contains infinity or a value too large",
    ),
]

GOOD_WEIGHTS = [
    *(Row(f"numbers, {c}", COUNTS.astype(c), None, like=COUNTS) for c in "efdgbBqQ"),
    Row("order >", COUNTS.astype(">f8"), None, like=COUNTS),
    Row("strides", np.repeat(COUNTS, 2)[::2], None, like=COUNTS),
    Row("objects", COUNTS.astype(object), None, like=COUNTS),
    Row("a list", COUNTS.tolist(), None, like=COUNTS),
    Row("a series", pd.Series(COUNTS, index=range(50, 62)), None, like=COUNTS),
    Row("a series of polars", pl.Series(COUNTS), None, like=COUNTS),
    Row("bool", COUNTS > 0, None, like=(COUNTS > 0) * 1.0),
    Row("a number for all", 2.0, None, like=ONES),
    Row("True for all", True, None, like=ONES),
    # A factor of all weights is no weight.
    Row("the largest", np.full(12, np.finfo(float).max), None, like=ONES),
    Row("the smallest", np.full(12, 5e-324), None, like=ONES),
    Row("the smallest normal ones", np.full(12, 2.0**-1022), None, like=ONES),
    Row(
        "far from each other",
        np.where(COUNTS > 0, 1e308, 1e-308),
        None,
        like=(COUNTS > 0) * 1.0,
    ),
]


def check_weights(row, model, method, weights):
    if method == "sample_weight_val":
        options = {"X_val": X, "y_val": Y, method: weights}
        return check(row, model, "fit", X, Y, **options)
    more = {} if method == "diagnose" else {"y": Y}
    return check(row, model, method, X, sample_weight=weights, **more)


@rows_of(BAD_WEIGHTS)
@both
def test_wrong_weights(row, kind, fitted):
    for method in WEIGHTED[kind]:
        check_weights(row, copy.deepcopy(fitted[kind, False]), method, row.value)


@rows_of(GOOD_WEIGHTS)
@both
def test_weights_of_every_kind(row, kind, fitted):
    for method in WEIGHTED[kind]:
        found, expected = (
            check_weights(row, copy.deepcopy(fitted[kind, False]), method, weights)
            for weights in (row.value, row.like)
        )
        for part, expected_part in zip(found, expected, strict=True):
            assert_allclose(part, expected_part, rtol=1e-12, err_msg=method)


# Parameters --------------------------------------------------------------------------

# What scikit-learn's constraints refuse, with scikit-learn's own exception and words.
WRONG_VALUES = {
    "activation": ["sigmoid", None, 1],
    "decoder_activation": ["softmax", None],
    "loss": ["mse", None],
    "corruption_kind": ["salt", None],
    "standardize": [None, "yes", 2],
    "sparsity": ["KL", None, 1],
    "normalize_decoder": [None, "yes", 2],
    "idle_weight": ["1", None],
    "sparse_output": [None, "yes", 2],
    "missing_values": [0, "nan", np.inf],
    "tied_weights": [None, 1, "yes"],
    "solver": ["sgd", None],
    "n_iter_no_change": ["auto", None],
    "batch_size": ["all", None],
    "learning_rate": ["invscaling", None, 0.1],
    "shuffle": [None, 1, "x"],
    "early_stopping": [None, 1],
    "warm_start": [None, 1],
    "random_state": [-1, 2**32, "seed", np.random.default_rng(0)],
    "n_jobs": [2.0, "all"],
    "verbose": [-1, 0.5, "yes"],
    "hidden_layer_sizes": ["ab", None],
    "autoencoder": [SparseAutoencoder, LogisticRegression(), "tied"],
    "pretrain": [None, 1],
    "fine_tune": [None, 1],
    "hidden_alpha": ["auto"],
    "max_norm": ["auto"],
    "align_pseudo_labels": [None, 1],
    "class_weight": ["even", [1, 1, 1], 1.0],
    "memory": [3, b"cache"],
}
RIGHT_VALUES = {
    "activation": ["logistic", "tanh"],
    "decoder_activation": ["logistic", "tanh", "relu", "identity"],
    "loss": ["squared_error", "log_loss"],
    "corruption_kind": ["masking", "salt_and_pepper"],
    "standardize": [False, np.False_],
    "sparsity": ["kl", "l1", "top_k"],
    "normalize_decoder": [False, np.False_],
    "sparse_output": [True, False, np.True_],
    "missing_values": [None, np.nan, np.float32("nan")],
    "tied_weights": [True, np.False_],
    "solver": ["lbfgs", "adam"],
    "n_iter_no_change": [np.inf],
    "batch_size": ["auto", 10**9],
    "learning_rate": ["constant", "linear"],
    "shuffle": [False, np.True_],
    "early_stopping": [np.False_],
    "warm_start": [True, np.True_],
    "random_state": [None, 0, 2**32 - 1, np.random.RandomState(0)],
    "n_jobs": [None, 1, 2, -1, -100, np.int8(2)],
    "verbose": [0, False],
    "hidden_layer_sizes": [(), [3], np.array([3, 2]), range(2, 4), 3, np.int8(3)],
    "autoencoder": [None, SparseAutoencoder(max_iter=1), [SparseAutoencoder()]],
    "pretrain": [False, np.True_],
    "fine_tune": [False, np.True_],
    "hidden_alpha": [None],
    "max_norm": [None],
    "align_pseudo_labels": [False, np.True_],
    "class_weight": [None, "balanced", {}, {0: 0.0}, {1: 1e308}, {2: True}],
    "unlabeled_label": [None, -7, "none", np.inf, np.int8(9)],
    "memory": [None],
}


def text(value):
    """Return a short name of a value, without its address in memory."""
    return re.sub(r"(at )?0x[0-9A-Fa-f]+", "", f"{value!r:.80}")[:60]


def wrong(kind, error, words, *methods, **settings):
    """Return a row for settings that no constraint refuses."""
    methods = methods or ("fit", "partial_fit")
    return Row(text(settings), settings, error, words, methods, (kind,))


WRONG_SETTINGS = [
    *(
        wrong(kind, ValueError, "n_jobs == 0 in Parallel has no", n_jobs=0)
        for kind in MAKERS
    ),
    *(
        wrong(kind, ValueError, "Lower learning_rate", "fit", learning_rate_init=1e308)
        for kind in MAKERS
    ),
    *(
        wrong(
            "autoencoder",
            ValueError,
            f"sparsity_weight=3.0 .*activation='{name}'.*set sparsity_weight=0",
            activation=name,
        )
        for name in ("relu", "identity")
    ),
    *(
        wrong(
            "autoencoder",
            ValueError,
            f"loss='log_loss' .*decoder_activation='{name}' .*='logistic'",
            loss="log_loss",
            decoder_activation=name,
        )
        for name in ("tanh", "relu", "identity")
    ),
    *(
        wrong(
            "classifier",
            ValueError,
            f"hidden_layer_sizes=.* contains {re.escape(held)}: each layer needs",
            hidden_layer_sizes=sizes,
        )
        for sizes, held in (
            ((5, True), "True"),
            ((5, 0), "0"),
            ((5, 2.5), "2.5"),
            ([np.nan], "nan"),
            (["3"], "'3'"),
            ([None], "None"),
            ([[3, 3]], "[3, 3]"),
            ({3: 1}, "{3: 1}"),
        )
    ),
    wrong("classifier", ValueError, "0 entries.* 1 layers", autoencoder=[]),
    wrong("classifier", ValueError, "2 entries.* 1 layers", autoencoder=[None] * 2),
    wrong("classifier", ValueError, r"encoder\[0\] is None: pass", autoencoder=[None]),
    wrong(
        "classifier",
        ValueError,
        r"autoencoder\[0\] is LogisticRegression\(\): pass a SparseAutoencoder",
        autoencoder=[LogisticRegression()],
    ),
    wrong(
        "classifier",
        InvalidParameterError,
        "The 'alpha' parameter of SparseAutoencoder",
        autoencoder=SparseAutoencoder(alpha=-1),
    ),
    wrong(
        "classifier",
        InvalidParameterError,
        "The 'max_iter' parameter of SparseAutoencoder",
        autoencoder=[SparseAutoencoder(max_iter=0)],
    ),
    wrong(
        "classifier",
        ValueError,
        "set sparsity_weight=0",
        "fit",
        autoencoder=SparseAutoencoder(activation="relu"),
    ),
    *(
        wrong(
            "classifier",
            ValueError,
            "class_weight=.* negative or not a finite number",
            class_weight={1: weight},
        )
        for weight in (-1, np.nan, np.inf, "1", None, 1j, 10**400, np.ones(1))
    ),
    wrong(
        "classifier",
        ValueError,
        "No labeled row has a weight above 0",
        class_weight=dict.fromkeys(range(3), 0),
    ),
    *(
        wrong(
            "classifier",
            ValueError,
            f"{name}={value}: .* needs mini-batches.* Set solver='adam', or {name}=",
            "fit",
            **{"solver": "lbfgs", name: value},
        )
        for name, value in (
            ("dropout", 0.5),
            ("max_norm", 2.0),
            ("pseudo_label_weight", 1.0),
        )
    ),
    *(
        wrong("classifier", ValueError, "is not a valid label", unlabeled_label=label)
        for label in (np.nan, [-1], np.array(-1), (), {}, 1j, b"a", pd.NA, object())
    ),
]


def constraints_of(kind):
    return type(MAKERS[kind]())._parameter_constraints


def at_and_beyond(interval):
    """Return numbers at and next to the bounds: those inside, and those outside."""
    inside, outside = [], [math.nan, -math.inf, math.inf, "1", [1]]
    is_int = interval.type is Integral
    if is_int:
        outside.append(interval.left + 0.5)
    for bound, direction, side in (
        (interval.left, -1, "left"),
        (interval.right, 1, "right"),
    ):
        if bound is not None:
            away = direction * math.inf
            inward = bound - direction if is_int else math.nextafter(bound, -away)
            outward = bound + direction if is_int else math.nextafter(bound, away)
            inside.append(inward)
            outside.append(outward)
            (inside if interval.closed in (side, "both") else outside).append(bound)
    return inside, outside


def is_allowed(name, value, kind):
    constraints = map(make_constraint, constraints_of(kind)[name])
    return any(constraint.is_satisfied_by(value) for constraint in constraints)


def parameter_rows(explicit, position):
    """Rows of a table, and those that intervals give: 0 for inside, 1 for outside."""
    for kind in MAKERS:
        for name, constraints in constraints_of(kind).items():
            values = list(explicit.get(name, []))
            if constraints != "no_validation":
                intervals = [c for c in constraints if isinstance(c, Interval)]
                bounds = [v for c in intervals for v in at_and_beyond(c)[position]]
                # Another constraint of the same parameter may allow what is outside.
                values += [
                    v for v in bounds if position == 0 or not is_allowed(name, v, kind)
                ]
            for value in values:
                if position == 0 and name == "learning_rate_init" and value > 1e300:
                    continue  # Adam diverges, as WRONG_SETTINGS say.
                if position == 0 and name == "sparsity_target" and value >= 1:
                    continue  # Numbers of units, which 'kl' does not have.
                yield pytest.param(kind, name, value, id=f"{kind}-{name}={text(value)}")


# With other values there is no partial_fit.
DECIDE_ABOUT_PASSES = (
    *("solver", "early_stopping", "learning_rate"),
    *("pseudo_label_weight", "standardize"),
)


@pytest.mark.parametrize(("kind", "name", "value"), [*parameter_rows(WRONG_VALUES, 1)])
def test_wrong_parameters(kind, name, value, fitted):
    words = f"The '{name}' parameter of {type(MAKERS[kind]()).__name__} must be"
    for method in ("fit", "partial_fit"):
        # Of an earlier fit: later passes must check parameters, too.
        model = copy.deepcopy(fitted[kind, False])
        if method == "fit" or name not in DECIDE_ABOUT_PASSES:
            model.set_params(**{name: value})
            row = Row(name, value, InvalidParameterError, words)
            check(row, model, method, X, Y)


@pytest.mark.filterwarnings("ignore:pseudo_label_weight.* has no effect")
@pytest.mark.parametrize(("kind", "name", "value"), [*parameter_rows(RIGHT_VALUES, 0)])
def test_parameters_of_every_kind(kind, name, value, fitted):
    model = copy.deepcopy(fitted[kind, False]).set_params(**{name: value})
    check(Row(name, value, None), model, "fit", X, Y)


@rows_of(WRONG_SETTINGS)
def test_wrong_settings(row, fitted):
    (kind,) = row.kinds
    for method in ("fit", "partial_fit"):
        if method in row.methods:
            model = copy.deepcopy(fitted[kind, False]).set_params(**row.value)
            check(row, model, method, X, Y)


@both
def test_every_parameter_is_in_the_tables(kind):
    for explicit, position in ((WRONG_VALUES, 1), (RIGHT_VALUES, 0)):
        rows = parameter_rows(explicit, position)
        names = {row.values[1] for row in rows if row.values[0] == kind}
        free = {"unlabeled_label"} if position else set()
        assert names == set(constraints_of(kind)) - free


# What a table does not say -----------------------------------------------------------


def classifier(**settings):
    defaults = {"pretraining": {"max_iter": 5}, "max_iter": 5}
    return small_classifier((6,), **defaults | settings)


def autoencoder(**settings):
    return small_autoencoder(6, max_iter=5, **settings)


@pytest.mark.parametrize("make", [autoencoder, classifier])
@pytest.mark.parametrize("huge", [1e308, np.finfo(float).max])
def test_huge_weights_are_like_equal_ones(make, huge, few_digits):
    X, y = few_digits[0][:60], few_digits[1][:60]
    # Repeated rows, whose weights are added up.
    X, y = np.vstack([X, X]), np.concatenate([y, y])
    plain = make().fit(X, y)
    weighted = make().fit(X, y, sample_weight=np.full(120, huge))
    for W, expected in zip(weighted.coefs_, plain.coefs_, strict=True):
        assert_array_equal(W, expected)
    found = weighted.score(X, y, sample_weight=np.full(120, huge))
    assert found == pytest.approx(plain.score(X, y))


def test_the_classifier_scores_by_valid_weights_alone(few_digits):
    X, y = few_digits
    model = classifier(unlabeled_label=-1).fit(X, y)
    partly = np.where(np.arange(400) % 2, y, -1)
    for weights, message in (
        (-np.ones(400), "[Nn]egative"),
        (np.r_[-1.0, np.ones(399)], "[Nn]egative"),
        (np.full(400, np.nan), "NaN"),
        (np.ones(399), r"shape|inconsistent"),
        (np.zeros(400), "zero for every row|at least one non-zero"),
        # None of the labeled rows counts.
        (np.where(partly == -1, 1.0, 0.0), "zero for every row|at least one non-zero"),
    ):
        with pytest.raises(ValueError, match=message):
            model.score(X, partly, sample_weight=weights)
    hits = model.predict(X)[1::2] == y[1::2]
    weights = np.arange(400.0)
    expected = np.average(hits, weights=weights[1::2])
    assert model.score(X, partly, sample_weight=weights) == pytest.approx(expected)


# Runs that go wrong -----------------------------------------------------------------


@pytest.mark.parametrize("make", [autoencoder, classifier])
@pytest.mark.parametrize("steps", [10, 100])
def test_a_loss_that_rose_has_not_converged(make, steps, digits):
    model = make(solver="adam", learning_rate_init=steps)
    # A little patience, so that max_iter is not what ends the run.
    model.set_params(max_iter=200, n_iter_no_change=3)
    with pytest.warns(ConvergenceWarning, match=r"higher than it began.*learning_rate"):
        model.fit(*digits)
    assert model.n_iter_ < 200
    if hasattr(model, "history_"):
        assert not model.history_[-1]["converged"]


@pytest.mark.filterwarnings("error:.*higher than it began")
@pytest.mark.parametrize("make", [autoencoder, classifier])
def test_training_again_where_nothing_is_left_to_learn_does_not_warn(
    make, digits, global_random_seed
):
    X, y = digits[0][:400], digits[1][:400]
    model = make(solver="adam", learning_rate_init=0.01, warm_start=True)
    model.set_params(max_iter=300, random_state=global_random_seed).fit(X, y)
    for _ in range(5):
        model.fit(X, y)


@pytest.mark.parametrize(("n_layers", "step"), [(2, 1e16), (3, 1e12)])
def test_a_last_step_too_large_is_found(n_layers, step, few_digits):
    X, y = few_digits[0].astype(np.float32), few_digits[1]
    layer = SparseAutoencoder(activation="relu", decoder_activation="identity")
    model = StackedAutoencoderClassifier(
        (6,) * n_layers,
        autoencoder=layer,
        pretrain=False,
        solver="adam",
        batch_size=len(X),
        max_iter=1,
        learning_rate_init=step,
        random_state=0,
    )
    with pytest.raises(ValueError, match=r"no longer finite.*learning_rate_init"):
        model.fit(X, y)
    assert not hasattr(model, "coefs_")


def test_warnings_name_the_estimator(few_digits):
    with pytest.warns(ConvergenceWarning, match="StackedAutoencoderClassifier"):
        classifier(max_iter=1).fit(*few_digits)
    with pytest.warns(ConvergenceWarning, match="SparseAutoencoder"):
        autoencoder().set_params(max_iter=1).fit(*few_digits)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_held_out_scores_that_are_not_finite_are_an_error(value):
    held_out = HeldOutScores(lambda theta: value, 0.0, Patience(0.1, 2))
    with pytest.raises(ValueError, match=r"held-out rows .*iteration 3.*Scale"):
        held_out.should_stop(3, 1.0, np.zeros(2))


@pytest.mark.parametrize("solver", SOLVERS)
def test_stop_iteration_of_a_callback_is_an_error(solver):
    class Raises:
        def should_stop(self, n_iter, loss, theta):
            raise StopIteration

    options = SolverOptions(5, "auto", "constant", 0.1, True)
    with pytest.raises(RuntimeError, match="StopIteration"):
        SOLVER_FUNCTIONS[solver](
            lambda theta, batch=None: (float(theta @ theta), 2 * theta),
            np.ones(3),
            options=options,
            sampler=Sampler(10, "auto", True),
            random_state=np.random.RandomState(0),
            stopping=Raises(),
            project=lambda theta: None,
        )


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.filterwarnings("error:Stopped after max_iter")
def test_patience_may_be_endless(solver, few_digits):
    X, y = few_digits
    model = classifier(
        solver=solver, n_iter_no_change=np.inf, tol=1e9, max_iter=12, pretrain=False
    )
    assert model.fit(X, y).n_iter_ == 12
    assert not model.history_[-1]["converged"]
    model = autoencoder(solver=solver, n_iter_no_change=np.inf).fit(X)
    assert model.n_iter_ == 5


# Diagnostics ------------------------------------------------------------------------


@pytest.mark.parametrize("constant", [0.0, 0.1, 0.7])
def test_diagnostics_of_constant_rows(constant, few_digits):
    model = autoencoder().fit(few_digits[0])
    X = np.full((30, 64), constant)
    found = model.diagnose(X)
    # As scikit-learn's explained_variance_score: nothing to explain, nothing explained.
    assert found["explained_variance"] == 0.0
    assert_allclose(found["std_activations"], 0, atol=1e-7)


@pytest.mark.parametrize(
    ("factor", "dtype"), [(1e160, "f8"), (1e200, "f8"), (1e306, "f8"), (1e30, "f4")]
)
def test_explained_variance_of_huge_values(factor, dtype, few_digits):
    # Their squares overflow, but not their quotient.
    model = autoencoder().fit(few_digits[0])
    X = (few_digits[0] * factor).astype(dtype)
    residual = model.inverse_transform(model.transform(X)) - X
    squares = ((residual / factor) ** 2).sum(axis=1).mean(dtype=np.float64)
    expected = 1 - squares / (X / factor).var(axis=0, dtype=np.float64).sum()
    found = model.diagnose(X)["explained_variance"]
    assert found == pytest.approx(expected, rel=1e-5)


# Large numbers as parameters ---------------------------------------------------------


@pytest.mark.parametrize("estimator", [SparseAutoencoder, StackedAutoencoderClassifier])
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("alpha", 1e300, "1000000000000000.0"),
        ("alpha", 10**400, "1000000000000000.0"),
        ("sparsity_weight", 1e16, "1000000000000000.0"),
        ("hidden_alpha", 1e16, "1000000000000000.0"),
        ("tol", 10**400, "float"),
        ("learning_rate_init", 10**400, "float"),
        ("n_components", True, "int"),
        ("max_iter", True, "int"),
        ("batch_size", True, "int"),
        ("n_iter_no_change", True, "int"),
        ("hidden_layer_sizes", True, "int"),
    ],
)
def test_numbers_that_cannot_be_meant(estimator, name, value, expected, few_digits):
    if name not in estimator().get_params():
        return
    model = estimator(**{name: value})
    with pytest.raises(ValueError, match=name) as error:
        model.fit(*few_digits)
    assert expected in str(error.value)
    assert not hasattr(model, "coefs_")


# Decay alone drives them, and it rises with each step away from zeros.
@pytest.mark.filterwarnings("ignore:The loss ended higher than it began")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("make", [autoencoder, classifier])
def test_the_largest_penalties_still_give_a_model(make, solver, dtype, few_digits):
    X, y = few_digits[0].astype(dtype), few_digits[1]
    model = make(solver=solver, alpha=1e15, learning_rate_init=0.01)
    model.set_params(max_iter=50).fit(X, y)
    # All that decay leaves, beside steps of Adam.
    assert all(np.abs(W).max() < 0.1 for W in model.coefs_)
    assert np.isfinite(model.score(X, y))


@pytest.mark.parametrize("make", [autoencoder, classifier])
def test_numbers_beyond_all_floats(make, few_digits):
    X, y = few_digits[0][:60], few_digits[1][:60]
    model = make().fit(X, y)
    weights = model.coefs_[0].copy()
    huge = [[10**400] * 64] * 60
    decoded = [[10**400] * model.intercepts_[-2].size] * 60
    calls = [
        ("X", lambda: model.fit(huge, y)),
        ("X", lambda: model.transform(huge)),
        ("X", lambda: model.inverse_transform(decoded)),
        ("sample_weight", lambda: model.fit(X, y, sample_weight=[10**400] * 60)),
        ("sample_weight", lambda: model.score(X, y, sample_weight=[10**400] * 60)),
    ]
    for name, call in calls:
        with pytest.raises(ValueError, match=f"{name} contains a number too large"):
            call()
    assert_array_equal(model.coefs_[0], weights)
