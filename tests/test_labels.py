"""Rows without labels, and weights of classes."""

from fractions import Fraction
from functools import partial

import numpy as np
import pandas as pd
import pytest
from helpers import assert_same_weights, rows_in_blocks, small_classifier
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.base import clone
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.class_weight import compute_class_weight

from skstackedae._rows.labels import (
    check_unlabeled_label,
    class_weights,
    encode_labels,
    is_labeled,
    labeled_rows,
)

# What few iterations make of some seeds is not the subject here.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Stopped after max_iter", "ignore:Most units of the"
)


small = partial(small_classifier, pretraining={"max_iter": 20}, max_iter=15)


@pytest.fixture
def partly(few_digits):
    """150 digits, a third of which have a label."""
    X, y = few_digits[0][:150], few_digits[1][:150].copy()
    y[50:] = -1
    return X, y


# Unlabeled rows --------------------------------------------------------------------


def test_pretraining_sees_all_rows_and_the_rest_only_labeled_ones(
    partly, global_random_seed
):
    X, y = partly
    model = small(
        unlabeled_label=-1, fine_tune=False, random_state=global_random_seed
    ).fit(X, y)
    assert_array_equal(model.classes_, np.arange(10))
    # The same autoencoders as a fit in which every row has a label ...
    supervised = small(fine_tune=False, random_state=global_random_seed).fit(
        X, np.arange(150) % 10
    )
    for mine, other in zip(model.autoencoders_, supervised.autoencoders_, strict=True):
        assert_allclose(mine.coefs_[0], other.coefs_[0], rtol=1e-6, atol=1e-9)
    # ... and the softmax layer of the labeled rows' features.
    softmax = small((), tol=0, max_iter=500, random_state=global_random_seed).fit(
        model.transform(X[:50]), y[:50]
    )
    model = small(
        unlabeled_label=-1,
        fine_tune=False,
        tol=0,
        max_iter=500,
        random_state=global_random_seed,
    ).fit(X, y)
    assert_allclose(
        softmax.predict_proba(model.transform(X)), model.predict_proba(X), atol=1e-4
    )


def test_unlabeled_rows_are_not_fine_tuned_on(partly, global_random_seed):
    X, y = partly
    settings = {"unlabeled_label": -1, "pretrain": False, "solver": "adam"}
    assert_same_weights(
        small(**settings, random_state=global_random_seed).fit(X, y),
        small(**settings, random_state=global_random_seed).fit(X[:50], y[:50]),
    )


@pytest.mark.parametrize(
    ("kind", "label"),
    [(int, -1), (str, "none"), (object, "none"), (float, -1.0), (int, 99)],
)
def test_labels_of_any_type(partly, kind, label):
    X, codes = partly
    y = np.array([label if code == -1 else code for code in codes.tolist()])
    if kind in (str, object):
        y = np.array(
            [label if code == -1 else f"digit {code}" for code in codes], dtype=kind
        )
    model = small(unlabeled_label=label).fit(X, y)
    assert_same_weights(model, small(unlabeled_label=-1).fit(X, codes))
    assert label not in model.classes_.tolist()
    assert len(model.classes_) == 10
    assert set(model.predict(X)) <= set(model.classes_)


def test_mixed_objects_are_labels_where_the_unlabeled_are_left_out(partly):
    X, codes = partly
    y = np.array([-1 if code == -1 else str(code) for code in codes], dtype=object)
    model = small(unlabeled_label=-1).fit(X, y)
    assert_array_equal(model.classes_, [str(code) for code in range(10)])


@pytest.mark.parametrize(
    ("y", "message"),
    [(np.full(20, -1), "No row has a label"), (np.r_[0, [-1] * 19], "1 class")],
)
def test_too_few_labels_are_an_error(y, message, rng):
    model = small(unlabeled_label=-1)
    with pytest.raises(ValueError, match=message):
        model.fit(rng.rand(20, 3), y)
    assert not hasattr(model, "classes_")


@pytest.mark.parametrize(
    ("labels", "unlabeled", "shown"),
    [(["a", "b", -1], -1, "'-1'"), ([0, 1, -1], "-1", "-1")],
)
def test_an_unlabeled_label_of_another_type_is_told(labels, unlabeled, shown, rng):
    with pytest.raises(ValueError, match=f"y has the class {shown}"):
        small(unlabeled_label=unlabeled).fit(rng.rand(30, 3), labels * 10)


def test_none_may_be_the_name_of_a_class(rng):
    y = np.array(["None", "some"] * 15)
    model = small(pretrain=False).fit(rng.rand(30, 3), y)
    assert_array_equal(model.classes_, ["None", "some"])


@pytest.mark.parametrize("kind", ["coo", "bsr", "csc"])
def test_score_takes_sparse_rows_of_any_kind(kind, partly):
    X, y = partly
    model = small(unlabeled_label=-1).fit(X, y)
    sparse_X = csr_array(X).asformat(kind)
    assert model.score(sparse_X, y) == model.score(X, y)
    with pytest.raises(ValueError, match="inconsistent"):
        model.score(X[:-1], y)


def test_the_label_that_is_not_there_changes_nothing(few_digits):
    X, y = few_digits[0][:80], few_digits[1][:80]
    assert_same_weights(small(unlabeled_label=-1).fit(X, y), small().fit(X, y))


def test_score_leaves_unlabeled_rows_out(partly):
    X, y = partly
    w = np.linspace(1, 2, len(y))
    model = small(unlabeled_label=-1).fit(X, y)
    assert model.score(X, y) == np.mean(model.predict(X[:50]) == y[:50])
    assert model.score(X, y, w) == pytest.approx(
        np.average(model.predict(X[:50]) == y[:50], weights=w[:50])
    )
    assert model.score(X.tolist(), y.tolist(), w.tolist()) == model.score(X, y, w)
    with pytest.raises(ValueError, match="No row has a label"):
        model.score(X[60:], y[60:])


def test_unlabeled_rows_in_a_pipeline_with_weights(partly, global_random_seed):
    X, y = partly
    w = np.where(np.arange(150) % 3, 1.0, 2.0)
    pipeline = make_pipeline(
        MinMaxScaler(), small(unlabeled_label=-1, random_state=global_random_seed)
    )
    pipeline.fit(X, y, stackedautoencoderclassifier__sample_weight=w)
    scaled = pipeline[0].transform(X)
    assert_same_weights(
        pipeline[-1],
        small(unlabeled_label=-1, random_state=global_random_seed).fit(scaled, y, w),
    )


# Weights of classes -----------------------------------------------------------------


def test_class_weight_is_a_sample_weight_of_the_supervised_stages(
    few_digits, global_random_seed
):
    X, y = few_digits[0][:200], few_digits[1][:200] % 3
    settings = {"pretrain": False, "solver": "adam"}
    weighted = small(
        class_weight={0: 3.0, 2: 0.5}, **settings, random_state=global_random_seed
    ).fit(X, y)
    expected = small(**settings, random_state=global_random_seed).fit(
        X, y, np.array([3.0, 1.0, 0.5])[y]
    )
    for part, other in zip(weighted.coefs_, expected.coefs_, strict=True):
        assert_allclose(part, other, rtol=1e-10, atol=1e-12)
    # Pretraining does not know of classes.
    one, other = (
        small(
            class_weight=weights, fine_tune=False, random_state=global_random_seed
        ).fit(X, y)
        for weights in ({0: 3.0}, None)
    )
    assert_same_weights(one.autoencoders_[1], other.autoencoders_[1])
    assert (one.coefs_[-1] != other.coefs_[-1]).any()


@pytest.mark.parametrize("weighted", [False, True])
def test_balanced_counts_sample_weights(weighted, rng):
    classes, y = np.array(["a", "b", "c"]), rng.choice(3, size=50, p=[0.7, 0.2, 0.1])
    w = rng.rand(50) if weighted else np.ones(50)
    found = class_weights("balanced", classes, y, w)
    totals = [w[y == code].sum() * found[code] for code in range(3)]
    assert_allclose(totals, w.sum() / 3)
    if not weighted:
        expected = compute_class_weight("balanced", classes=np.arange(3), y=y)
        assert_allclose(found, expected)


def test_balanced_leaves_unlabeled_rows_and_empty_classes_out():
    codes, w = np.array([0, 0, 0, 1, -1, -1, 2]), np.array([1, 1, 1, 1, 9, 9, 0.0])
    found = class_weights("balanced", np.arange(3), codes, w)
    assert_allclose(found[:2] * [3, 1], [4 / 3, 4 / 3])
    assert found[2] == 0
    # The last class has no row at all.
    assert_array_equal(class_weights("balanced", np.arange(3), codes[:6], w[:6]), found)


def test_balanced_weights_are_float64(rng):
    w = rng.rand(30)
    found = class_weights("balanced", np.arange(2), np.repeat([0, 1], 15), w)
    sums = w.reshape(2, 15).sum(axis=1)
    assert_allclose(found, sums.sum() / 2 / sums, rtol=1e-14)


def test_given_weights_are_float64():
    given = {0: 0.1, 1: Fraction(1, 3), 2: 2}
    found = class_weights(given, np.arange(4), np.arange(4), np.ones(4))
    assert found.dtype == np.float64
    assert found.tolist() == [0.1, 1 / 3, 2, 1]


@pytest.mark.parametrize("label", [np.int8(3), np.str_("a"), np.False_, 1.5, None])
def test_numbers_strings_and_numpys_scalars_are_valid_labels(label):
    check_unlabeled_label(label)


# With so few features the hidden units may hardly vary.
@pytest.mark.filterwarnings("ignore:Most units of the")
def test_balanced_finds_the_rare_class(rng, global_random_seed):
    X = np.r_[rng.normal(0.4, 0.1, (300, 4)), rng.normal(0.5, 0.1, (30, 4))].clip(0, 1)
    y = np.repeat(["often", "rarely"], [300, 30])
    recall = {
        weights: np.mean(
            small((6,), class_weight=weights, random_state=global_random_seed)
            .fit(X, y)
            .predict(X[300:])
            == "rarely"
        )
        for weights in (None, "balanced")
    }
    assert recall["balanced"] > recall[None] + 0.1


def test_unknown_classes_warn(few_digits):
    X, y = few_digits[0][:80], few_digits[1][:80]
    with pytest.warns(UserWarning, match=r"class_weight has the labels \['x', 77\]"):
        small(class_weight={"x": 1.0, 77: 2.0, 3: 1.0}).fit(X, y)


def test_a_class_may_count_nothing(few_digits, global_random_seed):
    model = small(
        class_weight={3: 0.0},
        solver="adam",
        max_iter=60,
        random_state=global_random_seed,
    ).fit(*few_digits)
    assert 3 in model.classes_
    assert not (model.predict(few_digits[0]) == 3).any()


def test_sample_weight_is_routed_through_pipeline_and_search(few_digits):
    X, y = few_digits[0][:150], few_digits[1][:150] % 3
    w = np.where(y == 1, 5.0, 1.0)
    with config_context(enable_metadata_routing=True):
        classifier = small((6,)).set_fit_request(sample_weight=True)
        pipeline = make_pipeline(MinMaxScaler(), classifier)
        settings = {"stackedautoencoderclassifier__alpha": [1e-3]}
        scorer = get_scorer("accuracy").set_score_request(sample_weight=True)
        search = GridSearchCV(pipeline, settings, scoring=scorer)
        search.fit(X, y, sample_weight=w)
    scaled = MinMaxScaler().fit_transform(X)
    expected = small((6,), alpha=1e-3).fit(scaled, y, w)
    assert_same_weights(search.best_estimator_[-1], expected)
    unweighted = small((6,), alpha=1e-3).fit(scaled, y)
    assert (unweighted.coefs_[0] != expected.coefs_[0]).any()


# The functions below them -----------------------------------------------------------


def test_labeled_rows_keep_their_order_and_their_copies(rng):
    # The order decides which rows are in a mini-batch.
    X, codes = rng.rand(40, 2)[rng.randint(20, size=40)], rng.randint(-1, 3, size=40)
    w = rng.rand(40)
    rows = labeled_rows(rows_in_blocks(X, codes, w), np.array([1.0, 2.0, 3.0]))
    assert_array_equal(rows.X, X[codes >= 0])
    assert_array_equal(rows.y, codes[codes >= 0])
    expected = (w * (codes + 1))[codes >= 0]
    assert_allclose(rows.weights, expected / expected.sum())


def test_encoding_is_the_position_among_the_classes():
    y = np.array(["b", "?", "a", "c"], dtype=object)
    classes = np.array(["a", "b", "c"])
    assert_array_equal(encode_labels(y, classes, "?"), [1, -1, 0, 2])
    with pytest.raises(ValueError, match=r"y_val has the labels \['\?'\]"):
        encode_labels(y, classes, None, name="y_val")


@pytest.mark.parametrize(
    ("y", "label", "expected"),
    [
        ([0, -1, 2], -1, [True, False, True]),
        ([0, -1, 2], None, [True, True, True]),
        (["a", "b"], -1, [True, True]),
        ([0, 1], "a", [True, True]),
        ([True, False], -1, [True, True]),
    ],
)
def test_labels_of_other_types_are_labels(y, label, expected):
    assert_array_equal(is_labeled(np.array(y), label), expected)


# Labels that cannot be right ---------------------------------------------------------


def in_every_way(y, **settings):
    """Calls that get y, in fit and in models fitted on digits."""
    X, digits = np.ones((len(y), 64)), np.arange(60) % 10
    model = small(pretrain=False, **settings).fit(np.ones((60, 64)), digits)
    stream = small(pretrain=False, solver="adam", **settings)
    stream.partial_fit(np.ones((60, 64)), digits, classes=np.arange(10))
    return {
        "fit": lambda: clone(model).fit(X, y),
        "score": lambda: model.score(X, y),
        "partial_fit": lambda: stream.partial_fit(X, y),
        "classes": lambda: clone(stream).partial_fit(X, y, classes=y),
        "y_val": lambda: clone(model).fit(X, digits[: len(y)], X_val=X, y_val=y),
    }


WAYS = ["fit", "score", "partial_fit", "classes", "y_val"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "y",
    [
        np.array([0.0, 1.0, np.nan] * 20),
        np.array(["a", None] * 30, dtype=object),
        np.array([0, None] * 30, dtype=object),
        np.array(["a", np.nan] * 30, dtype=object),
        [0, 1, None] * 20,
        pd.Series([1, 2, pd.NA] * 20, dtype="Int64"),
        pd.Series(["a", "b", pd.NA] * 20, dtype="string"),
        pd.Series(pd.to_datetime(["2020-01-01", None] * 30)),
    ],
    ids=lambda y: f"{type(y).__name__}-{getattr(y, 'dtype', None)}",
)
def test_missing_labels_point_to_unlabeled_label(y, way):
    with pytest.raises(ValueError, match="unlabeled_label"):
        in_every_way(y)[way]()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("unlabeled_label", [None, -1])
@pytest.mark.parametrize(
    ("label", "types"), [("a", "int, str"), ((1, 2), "int, tuple"), ({}, "dict, int")]
)
def test_labels_of_mixed_types(label, types, unlabeled_label, way):
    y = np.array([0, label] * 30, dtype=object)
    calls = in_every_way(y, unlabeled_label=unlabeled_label)
    with pytest.raises(ValueError, match=f"types {types}, which cannot be sorted"):
        calls[way]()


def test_labels_of_another_type_than_the_classes_are_an_error_of_score():
    y = np.array(["2020-01-01", "2020-01-02"] * 30, dtype="datetime64[D]")
    with pytest.raises(ValueError, match="differ in type from the classes"):
        in_every_way(y)["score"]()


@pytest.mark.filterwarnings("ignore:The number of unique classes")
def test_messages_stay_short_with_many_classes():
    names = np.array([f"class {i:05}" for i in range(20_000)])
    X = np.ones((20_001, 1))
    model = small((), max_iter=1, solver="adam", warm_start=True)
    model.partial_fit(X[:1], names[:1], classes=names)
    others = np.char.add("other ", names)
    for call in (
        lambda: model.partial_fit(X, [*names, "unknown"]),
        lambda: model.partial_fit(X[1:], others),
        lambda: model.fit(X[1:], others),
    ):
        with pytest.raises(ValueError, match="and 19990 more") as error:
            call()
        assert len(str(error.value)) < 1000


@pytest.mark.parametrize("labels", [[-1, 0, 1], [-1.0, 3.0, 7.0]])
def test_minus_one_beside_two_classes_warns(labels):
    X, y = np.ones((30, 4)), np.array(labels * 10)
    model = small((3,), solver="adam", max_iter=2)
    for call in (
        lambda: model.fit(X, y),
        lambda: clone(model).partial_fit(X, y, classes=labels),
    ):
        with pytest.warns(UserWarning, match="unlabeled_label=-1") as warned:
            call()
        assert sum("unlabeled_label" in str(w.message) for w in warned) == 1


@pytest.mark.filterwarnings("error:y has the label -1")
def test_minus_one_that_is_known_or_an_old_habit_does_not_warn():
    X = np.ones((30, 4))
    small((3,), max_iter=2).fit(X, [-1, 1] * 15)
    small((3,), max_iter=2).fit(X, ["-1", "0", "1"] * 10)
    small((3,), max_iter=2, unlabeled_label=-1).fit(X, [-1, 0, 1] * 10)
    small((3,), max_iter=2, unlabeled_label=9).fit(X, [-1, 1, 9] * 10)
    stream = small((3,), solver="adam", unlabeled_label=-1)
    stream.partial_fit(X, [-1, 0, 1] * 10, classes=[0, 1])
