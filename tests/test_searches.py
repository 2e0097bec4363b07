"""Searches over both estimators, down to the prototypes of single layers."""

from functools import partial

import numpy as np
import pytest
from helpers import assert_same_weights, small_classifier
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    cross_val_score,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skstackedae import SparseAutoencoder

# Candidates may be as bad as they like: what they warn of has tests of its own.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Stopped after max_iter", "ignore:Most units of the", "ignore:The input of"
)

QUICK = {"sparsity_weight": 0.01, "max_iter": 15}
PROTOTYPE = SparseAutoencoder(**QUICK)


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return X / 8, y


stack = partial(
    small_classifier,
    hidden_layer_sizes=(6, 4),
    pretraining=QUICK,
    max_iter=15,
)


def grid_search(model, grid, **options):
    """Search by log-loss, which tells models apart that are right equally often."""
    options = {"cv": 3, "scoring": "neg_log_loss", "error_score": "raise"} | options
    return GridSearchCV(model, grid, **options)


def losses(model, X, y):
    return cross_val_score(model, X, y, cv=3, scoring="neg_log_loss").mean()


def scores(search):
    return search.cv_results_["mean_test_score"]


def assert_scores_of(search, candidates, X, y):
    """Hold a search against estimators that were written down one by one."""
    expected = [losses(model, X, y) for model in candidates]
    assert_allclose(scores(search), expected)
    # Candidates that are all alike would show nothing.
    assert len({round(score, 9) for score in expected}) == len(candidates)
    assert search.best_score_ == pytest.approx(max(expected))


def test_parameters_of_the_prototype_and_of_the_classifier(iris):
    grid = {"autoencoder__sparsity_weight": [0.0, 3.0], "hidden_alpha": [None, 0.1]}
    search = grid_search(stack(), grid).fit(*iris)
    candidates = [
        stack(
            autoencoder=SparseAutoencoder(sparsity_weight=weight, max_iter=15),
            hidden_alpha=hidden_alpha,
        )
        for weight in (0.0, 3.0)
        for hidden_alpha in (None, 0.1)
    ]
    assert_scores_of(search, candidates, *iris)


def test_relu_units_beside_logistic_ones(iris):
    grid = [
        {"autoencoder__sparsity_weight": [0.01, 0.3]},
        {
            "autoencoder__activation": ["relu"],
            "autoencoder__decoder_activation": ["identity"],
            "autoencoder__sparsity_weight": [0],
        },
    ]
    search = grid_search(stack(), grid).fit(*iris)
    relu = SparseAutoencoder(
        activation="relu",
        decoder_activation="identity",
        sparsity_weight=0,
        max_iter=15,
    )
    logistic = [SparseAutoencoder(sparsity_weight=w, max_iter=15) for w in (0.01, 0.3)]
    candidates = [stack(autoencoder=prototype) for prototype in [*logistic, relu]]
    assert_scores_of(search, candidates, *iris)


def test_a_combination_that_cannot_be_fails_alone(iris):
    grid = {"autoencoder__activation": ["logistic", "relu"]}
    search = grid_search(stack(), grid, error_score=np.nan)
    with (
        pytest.warns(FitFailedWarning, match="set sparsity_weight=0"),
        pytest.warns(UserWarning, match="non-finite"),
    ):
        search.fit(*iris)
    assert_array_equal(np.isfinite(scores(search)), [True, False])
    assert search.best_params_ == {"autoencoder__activation": "logistic"}
    with pytest.raises(ValueError, match="set sparsity_weight=0"):
        grid_search(stack(), grid).fit(*iris)


@pytest.mark.parametrize("sizes", [[(6,), (6, 4), ()], [(6, 4), (4, 6)], [5, 3]])
def test_sizes(sizes, iris):
    search = grid_search(stack(), {"hidden_layer_sizes": sizes}).fit(*iris)
    expected = [losses(stack(s), *iris) for s in sizes]
    assert_allclose(scores(search), expected)
    assert list(search.cv_results_["param_hidden_layer_sizes"]) == sizes
    widths = [len(b) for b in search.best_estimator_.intercepts_[:-1]]
    best = search.best_params_["hidden_layer_sizes"]
    assert widths == ([best] if isinstance(best, int) else list(best))


def test_prototypes_as_whole_lists(iris):
    tanh = SparseAutoencoder(activation="tanh", sparsity_weight=0.01, max_iter=15)
    free = SparseAutoencoder(sparsity_weight=0, max_iter=15)
    lists = [[PROTOTYPE, tanh], [free, free], [tanh, free]]
    grid = [
        {"autoencoder": lists},
        {"autoencoder": [[free]], "hidden_layer_sizes": [(6,)]},
    ]
    search = grid_search(stack(), grid).fit(*iris)
    candidates = [stack(autoencoder=prototypes) for prototypes in lists]
    candidates.append(stack((6,), autoencoder=[free]))
    assert_scores_of(search, candidates, *iris)
    best = candidates[int(np.argmax(scores(search)))]
    assert search.best_estimator_.activations_ == [
        prototype.activation for prototype in best.autoencoder
    ]
    # Searches fit clones: what was given can be given again.
    for prototype in (PROTOTYPE, tanh, free):
        assert not hasattr(prototype, "coefs_")


def test_random_search_over_lists_of_dicts(iris):
    tanh = clone(PROTOTYPE).set_params(activation="tanh")
    distributions = [
        {
            "hidden_layer_sizes": [(4,), (6, 4)],
            "autoencoder__sparsity_weight": loguniform(1e-3, 1),
        },
        {"autoencoder": [[PROTOTYPE, tanh], [tanh, tanh]]},
    ]
    search = RandomizedSearchCV(
        stack(),
        distributions,
        n_iter=8,
        cv=3,
        random_state=3,
        scoring="neg_log_loss",
        error_score="raise",
    ).fit(*iris)
    tried = search.cv_results_["params"]
    assert {len(params) for params in tried} == {1, 2}
    # A fresh stack each, because a prototype's parameters are set in place.
    candidates = [stack().set_params(**params) for params in tried]
    assert_scores_of(search, candidates, *iris)


def test_in_a_pipeline_as_feature_step_and_as_last_step(iris):
    model = Pipeline(
        [
            ("scale", MinMaxScaler()),
            ("features", clone(PROTOTYPE).set_params(n_components=6, random_state=0)),
            ("deep", stack((4,))),
        ]
    )
    grid = {
        "features__n_components": [3, 6],
        "deep__autoencoder__sparsity_target": [0.1, 0.3],
        "scale": ["passthrough", MinMaxScaler()],
    }
    search = grid_search(model, grid).fit(*iris)
    # The grid goes through its names in alphabetical order, the last one fastest.
    candidates = [
        make_pipeline(
            scaler,
            clone(PROTOTYPE).set_params(n_components=n_components, random_state=0),
            stack(
                (4,),
                autoencoder=SparseAutoencoder(
                    sparsity_weight=0.01, max_iter=15, sparsity_target=target
                ),
            ),
        )
        for target in (0.1, 0.3)
        for n_components in (3, 6)
        for scaler in ("passthrough", MinMaxScaler())
    ]
    assert_scores_of(search, candidates, *iris)


@pytest.mark.slow
def test_processes_find_the_same(iris):
    grid = {
        "autoencoder__sparsity_weight": [0.0, 3.0],
        "hidden_alpha": [None, 0.0],
    }
    one, two = (
        grid_search(stack(), grid, n_jobs=n_jobs).fit(*iris) for n_jobs in (1, 2)
    )
    assert_array_equal(scores(one), scores(two))
    assert_same_weights(one.best_estimator_, two.best_estimator_)


@pytest.mark.parametrize("resource", ["n_samples", "max_iter"])
def test_halving(resource, iris):
    options = {"n_samples": {}, "max_iter": {"max_resources": 40, "min_resources": 5}}
    grid = {"autoencoder__alpha": [1e-4, 1e-2, 1.0, 10.0]}
    search = HalvingGridSearchCV(
        stack(), grid, resource=resource, cv=3, random_state=0, **options[resource]
    ).fit(*iris)
    assert search.n_candidates_[0] == 4
    assert search.n_candidates_[-1] < 4
    # With such decay the units of every row are the same.
    assert search.best_params_["autoencoder__alpha"] < 1
    assert search.best_estimator_.score(*iris) > 0.8


def test_the_autoencoder_by_its_own_score(iris):
    X, _ = iris
    model = SparseAutoencoder(3, max_iter=30, random_state=0)
    grid = {"sparsity_weight": [0.0, 3.0]}
    search = grid_search(model, grid, scoring=None).fit(X)
    expected = [
        cross_val_score(clone(model).set_params(sparsity_weight=w), X, cv=3).mean()
        for w in (0.0, 3.0)
    ]
    assert_allclose(scores(search), expected)
    # What the docstring of `score` says of such a search.
    assert search.best_params_ == {"sparsity_weight": 0.0}
