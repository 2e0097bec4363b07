"""Pseudo-labels, dropout and max-norm: what they do in whole fits."""

import pickle
from functools import partial

import numpy as np
import pytest
from helpers import (
    SOLVERS,
    assert_same_weights,
    rows_in_blocks,
    small_autoencoder,
    small_classifier,
)
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from scipy.special import softmax
from sklearn.base import clone
from sklearn.datasets import load_iris, make_blobs
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler

from skstackedae import StackedAutoencoderClassifier, export

pytestmark = pytest.mark.filterwarnings("ignore:Stopped after max_iter")

classifier = partial(
    small_classifier,
    pretraining={"max_iter": 20, "sparsity_weight": 0.1},
    hidden_layer_sizes=(12, 8),
    solver="adam",
    unlabeled_label=-1,
    batch_size=25,
    max_iter=8,
    tol=0,
)
with_all_options = partial(
    classifier, corruption=0.2, dropout=0.3, max_norm=2.0, pseudo_label_weight=1.0
)


@pytest.fixture
def few_labels(few_digits, rng):
    """Digits of which every fourth has a label."""
    X, y = few_digits
    return X, np.where(np.arange(len(y)) % 4 == 0, y, -1)


# Against formulas -------------------------------------------------------------------


def gradients(coefs, intercepts, X, y, w):
    """Gradients of a network of logistic units, w the weights of the rows."""
    activations = [X]
    for W, b in zip(coefs[:-1], intercepts[:-1], strict=True):
        activations.append(1 / (1 + np.exp(-activations[-1] @ W - b)))
    logits = activations[-1] @ coefs[-1] + intercepts[-1]
    delta = w[:, None] * (softmax(logits, axis=1) - np.eye(logits.shape[1])[y])
    found = []
    for W, A in zip(reversed(coefs), reversed(activations), strict=True):
        found = [A.T @ delta, delta.sum(axis=0), *found]
        delta = delta @ W.T * A * (1 - A)
    return found


def probabilities(coefs, intercepts, X):
    for W, b in zip(coefs[:-1], intercepts[:-1], strict=True):
        X = 1 / (1 + np.exp(-X @ W - b))
    return softmax(X @ coefs[-1] + intercepts[-1], axis=1)


@pytest.mark.parametrize("align", [True, False])
@pytest.mark.parametrize("sizes", [(), (6,), (6, 5)])
def test_a_run_is_that_of_the_formulas(
    sizes, align, few_labels, rng, global_random_seed
):
    X, y = few_labels
    classes = np.unique(y[y >= 0])
    sample_weight, class_weight = rng.uniform(1, 2, len(X)), {classes[0]: 3.0}
    n_labeled, n_epochs = int(np.sum(y >= 0)), 16
    settings = {
        "class_weight": class_weight,
        "pretrain": False,
        "max_iter": n_epochs,
        "learning_rate_init": 0.01,
        "alpha": 0,
        "batch_size": len(X),
        "random_state": global_random_seed,
    }
    # One step an epoch: all rows are in it.
    model = classifier(
        sizes,
        unlabeled_ratio=len(X) / n_labeled - 1,
        pseudo_label_weight=2.0,
        align_pseudo_labels=align,
        **settings,
    ).fit(X, y, sample_weight)

    # The last stage begins where softmax training has ended.
    start = classifier(sizes, fine_tune=False, **settings).fit(X, y, sample_weight)
    pairs = zip(start.coefs_, start.intercepts_, strict=True)
    # Without hidden layers, softmax training is the last stage.
    parameters = [p.copy() if sizes else 0 * p for pair in pairs for p in pair]
    moments = [(np.zeros_like(p), np.zeros_like(p)) for p in parameters]

    labeled = y >= 0
    factors = np.where(classes == classes[0], 3.0, 1.0)
    codes = np.searchsorted(classes, y[labeled])
    w = sample_weight[labeled] * factors[codes]
    prior = (
        np.bincount(codes, weights=sample_weight[labeled])
        / sample_weight[labeled].sum()
    )
    # Labels that the network gives weigh as much as given ones.
    factors = factors * sample_weight[labeled].sum() / w.sum()
    w /= w.sum()
    v = sample_weight[~labeled] / sample_weight[~labeled].sum()
    for step in range(n_epochs):
        coefs, intercepts = parameters[::2], parameters[1::2]
        weight = 2.0 * np.clip((step / n_epochs - 1 / 8) / (3 / 4 - 1 / 8), 0, 1)
        P = probabilities(coefs, intercepts, X[~labeled])
        if align:
            # As if there were 5 more rows for each class.
            n_rows, n_added = len(P), 5 * len(classes)
            P *= prior / (n_rows * (v @ P) + n_added * prior) * (n_rows + n_added)
        made = P.argmax(axis=1)
        parts = zip(
            gradients(coefs, intercepts, X[labeled], codes, w),
            gradients(coefs, intercepts, X[~labeled], made, weight * v * factors[made]),
            strict=True,
        )
        for p, (m, u), (g, h) in zip(parameters, moments, parts, strict=True):
            m += 0.1 * (g + h - m)
            u += 0.001 * ((g + h) ** 2 - u)
            corrected = m / (1 - 0.9 ** (step + 1))
            p -= 0.01 * corrected / (np.sqrt(u / (1 - 0.999 ** (step + 1))) + 1e-8)
    for W, expected in zip(model.coefs_, parameters[::2], strict=True):
        assert_allclose(W, expected, rtol=1e-6, atol=1e-9)


def test_unlabeled_rows_show_where_clusters_are(global_random_seed):
    centers = np.array([[0.0, 0.0], [1.0, 8.0], [9.0, 1.0]])
    X, y = make_blobs(600, centers=centers, random_state=global_random_seed)
    X = (X - X.min(axis=0)) / np.ptp(X, axis=0)
    # One label in each cluster, from its margin.
    labels = np.full(len(X), -1)
    for code in range(3):
        members = np.flatnonzero(y == code)
        distances = np.linalg.norm(X[members] - X[members].mean(axis=0), axis=1)
        labels[members[np.argsort(distances)[-len(members) // 10]]] = code

    def score(weight):
        return (
            classifier(
                (30,),
                pretrain=False,
                pseudo_label_weight=weight,
                max_iter=100,
                learning_rate_init=0.01,
                batch_size=60,
                unlabeled_ratio=19,
                random_state=global_random_seed,
            )
            .fit(X, labels)
            .score(X, y)
        )

    assert score(1.0) > 0.99
    assert score(1.0) >= score(0.0)


# What they are for --------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:The loss ended higher")
def test_weights_of_hidden_units_are_as_short_as_max_norm(few_labels):
    X, y = few_labels
    free, held = (
        classifier(max_norm=c, learning_rate_init=0.02).fit(X, y) for c in (None, 0.5)
    )
    for W, W_held in zip(free.coefs_[:-1], held.coefs_[:-1], strict=True):
        assert np.linalg.norm(W, axis=0).max() > 0.6
        assert np.linalg.norm(W_held, axis=0).max() <= 0.5 * (1 + 1e-6)
    assert np.linalg.norm(held.coefs_[-1], axis=0).max() > 0.6


@pytest.mark.parametrize(
    "settings",
    [{"dropout": 0.5}, {"max_norm": 0.5}, {"pseudo_label_weight": 1.0}],
    ids=str,
)
def test_each_option_changes_the_last_stage_alone(settings, few_labels):
    X, y = few_labels
    plain, changed = classifier().fit(X, y), classifier(**settings).fit(X, y)
    assert_array_equal(
        plain.autoencoders_[0].coefs_[0], changed.autoencoders_[0].coefs_[0]
    )
    curves = [
        [stage["loss_curve"] for stage in model.history_] for model in (plain, changed)
    ]
    assert curves[0][:-1] == curves[1][:-1]
    assert curves[0][-1] != curves[1][-1]
    assert changed.history_[-1]["accuracy"] == pytest.approx(changed.score(X, y))


def test_softmax_training_has_no_dropout(few_labels):
    X, y = few_labels
    for sizes in ((), (6,)):
        plain, changed = (
            classifier(sizes, fine_tune=False, **settings).fit(X, y)
            for settings in ({}, {"dropout": 0.5, "max_norm": 0.1})
        )
        assert_same_weights(plain, changed)


@pytest.mark.parametrize("sizes", [(), (6,)])
def test_softmax_training_has_pseudo_labels_if_it_is_last(sizes, few_labels):
    X, y = few_labels
    plain, changed = (
        classifier(sizes, fine_tune=False, pseudo_label_weight=w).fit(X, y)
        for w in (0.0, 1.0)
    )
    assert (plain.coefs_[-1] != changed.coefs_[-1]).any()
    for W, same in zip(plain.coefs_[:-1], changed.coefs_[:-1], strict=True):
        assert_array_equal(W, same)


# With everything else -----------------------------------------------------------------


@pytest.mark.parametrize("fine_tune", [True, False])
def test_models_are_the_same_for_every_number_of_threads(
    fine_tune, few_labels, global_random_seed
):
    X, y = few_labels
    settings = {"fine_tune": fine_tune, "random_state": global_random_seed}
    # Batches of more than one block.
    settings |= {"hidden_layer_sizes": (500, 600), "batch_size": 100, "max_iter": 4}
    one, two = (with_all_options(n_jobs=n, **settings).fit(X, y) for n in (1, 2))
    assert_same_weights(one, two)
    other = with_all_options(**settings | {"random_state": global_random_seed + 1})
    assert (other.fit(X, y).coefs_[-1] != one.coefs_[-1]).any()


def test_sparse_rows_and_integers_learn_the_same(few_labels):
    X, y = few_labels
    X = np.round(X * 16).astype(np.uint8)
    dense = with_all_options(pretrain=False).fit(X.astype(np.float32), y)
    for other in (X, csr_array(X.astype(np.float32))):
        assert_same_weights(dense, with_all_options(pretrain=False).fit(other, y))


def test_rows_of_weight_0_do_not_count(few_labels):
    X, y = few_labels
    counts = np.arange(len(X)) % 3 != 1
    model = with_all_options().fit(X, y, sample_weight=counts)
    assert_same_weights(model, with_all_options().fit(X[counts], y[counts]))


def test_the_scale_of_weights_does_not_matter(few_labels, rng):
    X, y = few_labels
    weights = rng.uniform(0.5, 2, len(X))
    one, other = (with_all_options().fit(X, y, w) for w in (weights, 4 * weights))
    assert_same_weights(one, other)


def test_validation_rows_do_not_stop_the_stage_while_the_weight_rises(few_labels):
    X, y = few_labels
    for options in ({"early_stopping": True, "validation_fraction": 0.4}, {}):
        model = with_all_options(
            n_iter_no_change=1, tol=0.9, max_iter=20, fine_tune=False, **options
        ).fit(X, y, **({} if options else {"X_val": X[:20], "y_val": y[:20]}))
        assert len(model.validation_scores_) == 17
        assert model.best_validation_score_ == max(model.validation_scores_)
    model = with_all_options(n_iter_no_change=1, tol=0.9, max_iter=20).fit(X, y)
    assert model.n_iter_ == 17


def assert_the_same_of_float64_scalars(make, name, X, y):
    """Searches over arrays pass such scalars, which must not change the precision."""
    X = X.astype(np.float32)
    one, other = (make(**{name: t(0.3)}).fit(X, y) for t in (float, np.float64))
    assert_same_weights(one, other)


@pytest.mark.parametrize(
    "name",
    [
        "alpha",
        "hidden_alpha",
        "corruption",
        "dropout",
        "max_norm",
        "pseudo_label_weight",
        "unlabeled_ratio",
        "learning_rate_init",
        "tol",
    ],
)
def test_float64_scalars_keep_the_precision_of_classifiers(name, few_labels):
    assert_the_same_of_float64_scalars(with_all_options, name, *few_labels)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    "name",
    ["alpha", "sparsity_weight", "sparsity_target", "corruption", "emphasis", "tol"],
)
def test_float64_scalars_keep_the_precision_of_layers(name, solver, few_digits):
    make = partial(
        small_autoencoder,
        *(6,),
        **{"solver": solver, "max_iter": 3, "corruption": 0.2, "emphasis": 0.5},
    )
    assert_the_same_of_float64_scalars(make, name, *few_digits)


@pytest.mark.parametrize("unlabeled_label", [-1, None])
def test_a_weight_without_unlabeled_rows_warns(unlabeled_label, few_digits):
    settings = {"unlabeled_label": unlabeled_label}
    with pytest.warns(UserWarning, match="pseudo_label_weight=1.0 has no effect"):
        model = classifier(pseudo_label_weight=1.0, **settings).fit(*few_digits)
    assert_same_weights(model, classifier(**settings).fit(*few_digits))


def test_the_warning_is_right_if_unlabeled_rows_have_no_weight(few_labels):
    X, y = few_labels
    with pytest.warns(UserWarning, match="because all rows with a weight above 0 have"):
        classifier(pseudo_label_weight=1.0).fit(X, y, sample_weight=y >= 0)


def test_partial_fit_has_dropout_and_max_norm_but_no_pseudo_labels(few_labels):
    X, y = few_labels
    with pytest.raises(AttributeError, match=r"Set pseudo_label_weight=0\."):
        classifier(pseudo_label_weight=1.0).partial_fit  # noqa: B018
    classes = np.arange(10)
    plain, changed = (
        classifier(**settings).partial_fit(X, y, classes).partial_fit(X, y)
        for settings in ({}, {"dropout": 0.5, "max_norm": 0.5})
    )
    assert (plain.coefs_[0] != changed.coefs_[0]).any()
    for W in changed.coefs_[:-1]:
        assert np.linalg.norm(W, axis=0).max() <= 0.5 * (1 + 1e-6)


def test_a_warm_start_runs_the_last_stage_again(few_labels):
    X, y = few_labels
    model = with_all_options(warm_start=True).fit(X, y)
    before = model.coefs_
    model.fit(X, y)
    assert [stage["name"] for stage in model.history_] == ["fine-tuning"]
    assert (model.coefs_[0] != before[0]).any()


def test_fitted_models_are_ordinary_networks(few_labels):
    X, y = few_labels
    model = with_all_options().fit(X, y)
    P = model.predict_proba(X)
    H = model.transform(X)
    assert_allclose(softmax(H @ model.coefs_[-1] + model.intercepts_[-1], axis=1), P)
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), P)
    assert_allclose(export.to_mlp_classifier(model).predict_proba(X), P)
    assert_same_weights(clone(model).fit(X, y), model)


def test_a_search_chooses_the_weight(few_labels, tmp_path):
    X, y = few_labels
    search = GridSearchCV(
        classifier(memory=tmp_path), {"pseudo_label_weight": [0.0, 1.0]}, cv=2
    ).fit(X, y)
    assert np.ptp(search.cv_results_["mean_test_score"]) > 0
    assert search.best_estimator_.score(X, y) == search.score(X, y)


# Noise of autoencoders ----------------------------------------------------------------


def test_kinds_of_noise_and_emphasis_train_other_layers(few_digits, tmp_path):
    settings = [
        {"corruption": 0.3},
        {"corruption": 0.3, "corruption_kind": "salt_and_pepper"},
        {"corruption": 0.3, "emphasis": 0.5},
        {"corruption": 0.3, "emphasis": 1.0},
    ]
    prototype = small_classifier(
        (6,), pretraining={"max_iter": 5, "solver": "adam"}, fine_tune=False
    )
    layers = [
        clone(prototype)
        .set_params(
            memory=tmp_path, **{f"autoencoder__{k}": v for k, v in given.items()}
        )
        .fit(*few_digits)
        .autoencoders_[0]
        .coefs_[0]
        for given in settings
    ]
    for position, layer in enumerate(layers):
        for other in layers[:position]:
            assert (layer != other).any()


def test_without_corruption_its_options_have_no_effect(few_digits):
    prototype = small_classifier((6,), pretraining={"max_iter": 5}, fine_tune=False)
    plain, other = (
        clone(prototype).set_params(**given).fit(*few_digits)
        for given in (
            {},
            {
                "autoencoder__emphasis": 1.0,
                "autoencoder__corruption_kind": "salt_and_pepper",
            },
        )
    )
    assert_same_weights(plain, other)


def test_class_weights_warn_once(few_labels):
    X, y = few_labels
    model = classifier(pseudo_label_weight=1.0, class_weight={0: 2.0, 99: 1.0})
    with pytest.warns(UserWarning, match="99") as warned:
        model.fit(X, y)
    assert sum("99" in str(one.message) for one in warned) == 1


# for_few_labels ----------------------------------------------------------------------


def test_for_few_labels_is_a_classifier_with_these_parameters():
    explicit = StackedAutoencoderClassifier(
        (1000, 1000),
        autoencoder="denoising",
        alpha=0,
        corruption=0.3,
        dropout=0.5,
        pseudo_label_weight=1,
        solver="adam",
        learning_rate="linear",
        unlabeled_label=-1,
        max_iter=100,
    )
    made = StackedAutoencoderClassifier.for_few_labels()
    assert made.get_params() == explicit.get_params()
    other = {
        "hidden_layer_sizes": (12,),
        "unlabeled_label": "?",
        "max_iter": 5,
        "dropout": 0.1,
        "random_state": 0,
    }
    made = StackedAutoencoderClassifier.for_few_labels(**other)
    assert made.get_params() == explicit.set_params(**other).get_params()


def test_for_few_labels_gains_by_the_unlabeled_rows(digits, global_random_seed):
    X, y = digits
    few = np.where(np.arange(len(y)) < 100, y, -1)
    make = partial(
        StackedAutoencoderClassifier.for_few_labels,
        (100,),
        random_state=global_random_seed,
    )
    # As many steps of fine-tuning.
    with_labels_alone = make(pseudo_label_weight=0, max_iter=1_000)
    accuracy, accuracy_of_labels_alone = (
        model.fit(X, few).score(X[100:], y[100:])
        for model in (make(), with_labels_alone)
    )
    assert accuracy > 0.8
    assert accuracy > accuracy_of_labels_alone + 0.02


# From parameters to objectives --------------------------------------------------------


def objective_of(model, X, y):
    """The objective of fine-tuning, and the one of its unlabeled rows."""
    model = clone(model).fit(X, y)
    stage = model._network_stage("fine-tuning", 0)
    rows = rows_in_blocks(X, model._encoded(X, y, None)[1])
    labeled, pseudo_labels = model._targeted(rows)
    return stage._training_objective(
        model._layers(), labeled, pseudo_labels, np.random.RandomState(0)
    )


def test_both_kinds_of_rows_have_noise_of_their_own(few_labels):
    objective = objective_of(with_all_options(), *few_labels)
    unlabeled = objective.pseudo_labels
    for noise in (objective.rows.noise, unlabeled.rows.noise):
        assert (noise.probability, noise.is_scaled) == (0.2, True)
    for dropout in (objective.dropout, unlabeled.dropout):
        assert (dropout.probability, dropout.widths) == (0.3, (12, 8))
    seeds = {
        part.seed
        for part in (
            objective.rows.noise,
            objective.dropout,
            unlabeled.rows.noise,
            unlabeled.dropout,
        )
    }
    assert len(seeds) == 4


def test_a_trade_between_labels_and_pseudo_labels_is_no_divergence():
    X, y = load_iris(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    rng = np.random.RandomState(1)
    few = np.where(rng.rand(len(y)) < 0.2, y, -1)
    is_wrong = (few != -1) & (rng.rand(len(y)) < 0.25)
    few[is_wrong] = (few[is_wrong] + 1) % 3
    model = StackedAutoencoderClassifier.for_few_labels(
        (100,), max_iter=400, pseudo_label_weight=3, random_state=0
    ).fit(X, few)
    assert not model.history_[-1]["diverged"]
