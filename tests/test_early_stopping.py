"""Validation during the last supervised stage, and of an autoencoder's training."""

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
from numpy.testing import assert_array_equal
from sklearn import config_context
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier
from skstackedae._rows.labels import hold_out_labeled
from skstackedae._rows.preparation import prepare_rows
from skstackedae._training.solvers import SolverResult
from skstackedae._training.stopping import HeldOutScores, Patience

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stopped after max_iter", "ignore:Most units of the"
)


small = partial(
    small_classifier,
    hidden_layer_sizes=(12,),
    pretraining={"max_iter": 15},
    max_iter=60,
    alpha=1e-4,
)


@pytest.fixture(scope="module")
def split():
    X, y = load_digits(return_X_y=True)
    X = X / 16
    return X[:300], y[:300], X[300:500], y[300:500]


def score(model, X, y, weights=None):
    if model.solver == "lbfgs":
        log_probabilities = model.predict_log_proba(X)[np.arange(len(y)), y]
        return np.average(log_probabilities, weights=weights)
    return accuracy_score(y, model.predict(X), sample_weight=weights)


@pytest.mark.parametrize("fine_tune", [True, False])
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_weights_with_the_best_score_are_kept(
    solver, fine_tune, split, global_random_seed
):
    X, y, X_val, y_val = split
    model = small(
        solver=solver,
        fine_tune=fine_tune,
        learning_rate_init=0.01,
        random_state=global_random_seed,
    )
    model.fit(X, y, X_val=X_val, y_val=y_val)
    scores = model.validation_scores_
    assert len(scores) == model.n_iter_
    assert model.best_validation_score_ == max(scores)
    assert score(model, X_val, y_val) == pytest.approx(max(scores))
    assert model.loss_ == model.loss_curve_[int(np.argmax(scores))]
    assert model.history_[-1]["validation_scores"] == scores
    # Only the last stage is watched.
    assert [s["validation_scores"] is None for s in model.history_[:-1]] == [True] * (
        len(model.history_) - 1
    )


@pytest.mark.parametrize("solver", SOLVERS)
def test_it_ends_the_stage_when_the_score_stalls(solver, split, global_random_seed):
    X, y, X_val, y_val = split
    settings = {"solver": solver, "learning_rate_init": 0.01, "max_iter": 400}
    settings["autoencoder"] = SparseAutoencoder(max_iter=60)
    model = small(n_iter_no_change=5, **settings, random_state=global_random_seed).fit(
        X, y, X_val=X_val, y_val=y_val
    )
    assert model.n_iter_ < 400
    assert model.history_[-1]["converged"]
    best_possible = 0.0 if solver == "lbfgs" else 1.0
    errors = np.minimum.accumulate(best_possible - np.array(model.validation_scores_))
    fall = errors[:-5] - errors[5:]
    assert fall[-1] <= 0.01 * errors[-6]
    assert (fall[:-1] > 0.01 * errors[:-6]).all()


@pytest.mark.parametrize("solver", SOLVERS)
def test_early_stopping_holds_out_a_stratified_part(solver, split, global_random_seed):
    X, y, _, _ = split
    settings = {"solver": solver, "validation_fraction": 0.2, "pretrain": False}
    model = small(early_stopping=True, **settings, random_state=global_random_seed).fit(
        X, y
    )
    assert len(model.validation_scores_) == model.n_iter_
    again = small(early_stopping=True, **settings, random_state=global_random_seed).fit(
        X, y
    )
    assert_same_weights(model, again)
    plain = small(**settings, random_state=global_random_seed).fit(X, y)
    assert plain.validation_scores_ is None
    assert plain.best_validation_score_ is None


def test_rows_that_are_held_out_are_of_every_class_and_labeled(rng):
    codes = np.r_[np.repeat([0, 1, 2], [50, 20, 10]), np.full(30, -1)]
    rows = rows_in_blocks(rng.rand(110, 3), codes, np.ones(110))
    train, held_out = hold_out_labeled(rows, 0.1, rng)
    assert_array_equal(np.bincount(held_out.y), [5, 2, 1])
    assert (train.y == -1).sum() == 30
    assert_array_equal(
        np.sort(np.r_[train.X[:, 0], held_out.X[:, 0]]), np.sort(rows.X[:, 0])
    )


@pytest.mark.parametrize("make", [small, partial(small_autoencoder, n_components=9)])
def test_equal_problems_hold_out_equal_rows(make, few_digits, rng, global_random_seed):
    X, y = few_digits[0][:120], few_digits[1][:120] % 3
    counts = np.r_[np.zeros(20, dtype=int), rng.randint(1, 3, size=100)]
    order = rng.permutation(counts.sum())
    repeated = np.repeat(np.arange(120), counts)[order]
    settings = {
        "early_stopping": True,
        "max_iter": 9,
        "random_state": global_random_seed,
    }
    weighted = make(**settings).fit(X, y, sample_weight=counts)
    plain = make(**settings).fit(X[repeated], y[repeated])
    assert_same_weights(weighted, plain)


@pytest.mark.parametrize("seed", range(5))
def test_rows_without_weight_are_not_held_out(seed, few_digits):
    X, y = few_digits[0], (few_digits[1] > 4).astype(int)
    w = np.where(np.arange(400) < 12, 1.0, 0.0)
    settings = {"early_stopping": True, "max_iter": 3, "random_state": seed}
    small((), validation_fraction=0.5, **settings).fit(X, y, w)
    SparseAutoencoder(3, **settings).fit(X, sample_weight=w)


@pytest.mark.parametrize(
    ("rows", "fraction"), [([0, 100, 200], 0.5), (slice(400), 0.005), (slice(2), 0.9)]
)
def test_parts_that_cannot_be_held_out_name_the_parameters(rows, fraction, few_digits):
    X, y = few_digits[0][rows], few_digits[1][rows]
    model = small(early_stopping=True, validation_fraction=fraction)
    with pytest.raises(ValueError, match=f"early_stopping=True .*fraction={fraction}"):
        model.fit(X, y)


def test_weights_of_classes_do_not_weigh_scores(split):
    X, y, X_val, y_val = split
    model = small(solver="adam", class_weight={3: 50.0}, max_iter=6)
    model.fit(X, y, X_val=X_val, y_val=y_val)
    assert model.best_validation_score_ == pytest.approx(model.score(X_val, y_val))


def test_given_rows_turn_validation_on_and_hold_nothing_out(split):
    X, y, X_val, y_val = split
    one = small(solver="adam").fit(X, y, X_val=X_val, y_val=y_val)
    other = small(solver="adam", early_stopping=True).fit(
        X, y, X_val=X_val, y_val=y_val
    )
    assert one.validation_scores_ == other.validation_scores_
    # Pretraining is as without: on all rows, and on none of X_val.
    plain = small(solver="adam").fit(X, y)
    for mine, its in zip(
        one.autoencoders_[0].coefs_, plain.autoencoders_[0].coefs_, strict=True
    ):
        assert_array_equal(mine, its)


@pytest.mark.parametrize("solver", SOLVERS)
def test_validation_rows_have_weights(solver, split):
    X, y, X_val, y_val = split
    w = np.where(y_val == 3, 20.0, 1.0)
    model = small(solver=solver).fit(
        X, y, X_val=X_val, y_val=y_val, sample_weight_val=w
    )
    expected = score(model, X_val, y_val, w)
    assert model.best_validation_score_ == pytest.approx(expected)


def test_unlabeled_validation_rows_do_not_count(split, global_random_seed):
    X, y, X_val, y_val = split
    some = np.where(np.arange(200) % 2, y_val, -1)
    model = small(unlabeled_label=-1, random_state=global_random_seed).fit(
        X, y, X_val=X_val, y_val=some
    )
    other = small(random_state=global_random_seed).fit(
        X, y, X_val=X_val[1::2], y_val=y_val[1::2]
    )
    np.testing.assert_allclose(model.validation_scores_, other.validation_scores_)


def test_validation_rows_are_scored_in_the_precision_of_the_fit(split):
    X, y, X_val, y_val = split
    X_val = X_val > 0.5
    one, other = (
        small().fit(X, y, X_val=rows, y_val=y_val) for rows in (X_val, X_val * 1.0)
    )
    assert one.validation_scores_ == other.validation_scores_


def test_a_search_slices_what_is_as_long_as_X(split):
    # The trap: 300 validation rows for 300 rows of X become 150 in each fit.
    X, y, X_val, y_val = split
    X_val, y_val = np.r_[X_val, X_val[:100]], np.r_[y_val, y_val[:100]]
    seen = []

    class Spy(StackedAutoencoderClassifier):
        def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None):
            seen.append(len(X_val))
            return super().fit(X, y, sample_weight, X_val=X_val, y_val=y_val)

    spy = Spy((5,), pretrain=False, max_iter=2)
    GridSearchCV(spy, {"alpha": [0.1]}, cv=2, refit=False).fit(
        X, y, X_val=X_val, y_val=y_val
    )
    assert seen == [150, 150]
    del seen[:]
    # The way out: another number of rows.
    GridSearchCV(spy, {"alpha": [0.1]}, cv=2, refit=False).fit(
        X, y, X_val=X_val[:-1], y_val=y_val[:-1]
    )
    assert seen == [299, 299]


def test_a_pipeline_transforms_validation_rows_if_it_is_told_to(split):
    X, y, X_val, y_val = split
    with config_context(enable_metadata_routing=True):
        classifier = small(solver="adam").set_fit_request(X_val=True, y_val=True)
        pipeline = make_pipeline(
            MinMaxScaler((0.0, 0.5)), classifier, transform_input=["X_val"]
        )
        pipeline.fit(X, y, X_val=X_val, y_val=y_val)
        scaler = pipeline[0]
    expected = small(solver="adam").fit(
        scaler.transform(X), y, X_val=scaler.transform(X_val), y_val=y_val
    )
    assert pipeline[-1].validation_scores_ == expected.validation_scores_


@pytest.mark.parametrize("solver", SOLVERS)
def test_an_autoencoder_is_watched_by_its_reconstructions(
    solver, digits, global_random_seed
):
    X = digits[0][:400]
    settings = {"sparsity_weight": 0, "alpha": 0, "solver": solver, "max_iter": 40}
    model = SparseAutoencoder(
        20, early_stopping=True, random_state=global_random_seed, **settings
    )
    model.fit(X)
    assert len(model.validation_scores_) == model.n_iter_
    assert model.best_validation_score_ == max(model.validation_scores_)
    # The best score is that of a tenth of the rows, whichever they are.
    if solver == "lbfgs":
        X = prepare_rows(rows_in_blocks(X), canonical=True).X
    rows = np.random.RandomState(global_random_seed).permutation(400)[:40]
    assert model.score(X[rows]) == pytest.approx(model.best_validation_score_)
    plain = SparseAutoencoder(20, random_state=global_random_seed, **settings).fit(X)
    assert plain.validation_scores_ is None


def test_a_prototype_may_stop_early_too(few_digits):
    prototype = SparseAutoencoder(early_stopping=True, max_iter=20)
    model = small(autoencoder=prototype).fit(*few_digits)
    scores = model.history_[0]["validation_scores"]
    assert len(scores) == model.history_[0]["n_iter"]
    assert model.autoencoders_[0].validation_scores_ == scores


def test_the_best_vector_is_a_copy():
    theta = np.zeros(2)
    held_out = HeldOutScores(lambda theta: -abs(theta[0] - 3), 0.0, Patience(0.1, 2))
    ended = []
    for _ in range(6):
        theta += 1
        ended.append(held_out.should_stop(1, 0.0, theta))
    assert held_out.scores == [-2, -1, 0, -1, -2, -3]
    assert ended == [False, False, False, False, True, True]
    result = SolverResult(theta, 0.5, 6, False, [6.0, 5.0, 4.0, 3.0, 2.0, 1.0])
    best = held_out.with_best_weights(result)
    assert_array_equal(best.theta, [3, 3])
    assert best.loss == 4.0
    assert best.n_iter == 6


def test_scores_of_the_first_iterations_neither_stop_nor_tie():
    held_out = HeldOutScores(lambda theta: theta[0], 1.0, Patience(0.1, 2), 3)
    thetas = [np.array([score]) for score in (0.5, 0.8, 0.8, 0.7, 0.8, 0.8, 0.8)]
    ended = [held_out.should_stop(n, 0.0, theta) for n, theta in enumerate(thetas, 1)]
    assert ended == [False] * 5 + [True] * 2
    # Of equal scores, the first one after these iterations is the best.
    result = SolverResult(thetas[-1], 0.5, 7, True, [7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0])
    assert held_out.with_best_weights(result).loss == 3.0


def test_a_run_without_iterations_keeps_its_first_weights():
    # Nothing to learn: the gradient is 0 at the start, so 'lbfgs' makes no step.
    X, y = np.zeros((4, 2)), [0, 1, 0, 1]
    model = small(hidden_layer_sizes=()).fit(X, y, X_val=X, y_val=y)
    assert model.n_iter_ == 0
    assert model.validation_scores_ == []
    assert model.best_validation_score_ is None
    assert_array_equal(model.predict_proba(X), 0.5)
    assert model.loss_ == pytest.approx(np.log(2))
