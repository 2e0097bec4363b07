"""What holds for all settings and data: hypothesis draws them and looks for exceptions.

More examples than by default: pytest tests/test_properties.py
--hypothesis-profile=thorough
"""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from helpers import assert_same_weights, rows_in_blocks
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix, issparse
from sklearn.base import clone
from strategies import (
    data_sets,
    prototypes,
    sparse_autoencoders,
    stacked_classifiers,
)

from skstackedae import SparseAutoencoder
from skstackedae._network.activations import ACTIVATIONS
from skstackedae._network.layout import ParameterLayout
from skstackedae._network.losses import RECONSTRUCTION_LOSSES
from skstackedae._network.penalties import KLSparsity
from skstackedae._rows.preparation import prepare_rows
from skstackedae._training.batches import Batch
from skstackedae._training.objectives import AutoencoderObjective, NetworkObjective
from skstackedae._training.solvers import SOLVERS, SolverOptions

pytestmark = pytest.mark.filterwarnings(
    # A few iterations on any data.
    "ignore:Stopped after max_iter",
    "ignore:Most units of the",
    "ignore:The input of the",
)

ESTIMATORS = sparse_autoencoders() | stacked_classifiers()
# Every stage must use L-BFGS: only then are small data brought into canonical form.
LBFGS = sparse_autoencoders(solver="lbfgs") | stacked_classifiers(
    solver="lbfgs", autoencoder=prototypes(solver="lbfgs")
)


def fitted(model, X, y, sample_weight=None):
    return clone(model).fit(X, y, sample_weight=sample_weight)


def assert_same_fit(one, other):
    """Hold two fits to the same network and the same way to it, bit for bit."""
    assert_same_weights(one, other)
    for b, other_b in zip(one.intercepts_, other.intercepts_, strict=True):
        assert_array_equal(b, other_b)
    assert one.loss_curve_ == other.loss_curve_


def everything_predicted(model, X):
    """Call all methods that map rows, inverse_transform included."""
    H = model.transform(X)
    # Without hidden layers, sparse rows stay sparse.
    outputs = [H.toarray() if issparse(H) else H]
    if hasattr(model, "inverse_transform"):
        outputs.append(model.inverse_transform(outputs[0]))
    if isinstance(model, SparseAutoencoder):
        return [*outputs, model.score_samples(X)]
    methods = ("predict", "predict_proba", "predict_log_proba", "decision_function")
    return [*outputs, *(getattr(model, name)(X) for name in methods)]


# Rows and their weights -------------------------------------------------------------


@given(LBFGS, data_sets(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter_to_lbfgs(model, data, random):
    order = random.sample(range(len(data.X)), len(data.X))
    one = fitted(model, data.X, data.y, data.weights)
    other = fitted(model, data.X[order], data.y[order], data.weights[order])
    assert_same_fit(one, other)


@given(LBFGS, data_sets())
def test_weights_mean_repeated_rows_to_lbfgs(model, data):
    repeated = np.repeat(np.arange(len(data.X)), data.weights.astype(int))
    weighted = fitted(model, data.X, data.y, data.weights)
    assert_same_fit(weighted, fitted(model, data.X[repeated], data.y[repeated]))


@given(ESTIMATORS, data_sets(), st.randoms(use_true_random=False))
def test_rows_without_weight_count_nothing(model, data, random):
    # Among the others, and outside of their range.
    places = [random.randrange(len(data.X) + 1) for _ in range(3)]
    X = np.insert(data.X, places, 7.0, axis=0)
    y = np.insert(data.y, places, 0)
    weights = np.insert(data.weights, places, 0.0)
    assert_same_fit(fitted(model, X, y, weights), fitted(model, *parts(data)))


@given(ESTIMATORS, data_sets(), st.integers(-1000, 1000))
def test_the_scale_of_weights_does_not_matter(model, data, exponent):
    one = fitted(model, *parts(data))
    other = fitted(model, data.X, data.y, np.ldexp(data.weights, exponent))
    assert_same_fit(one, other)


@given(data_sets(), st.floats(1e-300, 1e300), st.booleans())
def test_weights_of_any_scale_are_prepared_alike(data, scale, canonical):
    one, other = (
        prepare_rows(rows_in_blocks(data.X, data.y, w), canonical=canonical)
        for w in (data.weights, data.weights * scale)
    )
    assert_array_equal(one.X, other.X)
    assert_allclose(one.weights, other.weights, rtol=4 * np.finfo(data.X.dtype).eps)
    assert one.weights.sum() == pytest.approx(1)


def parts(data):
    return data.X, data.y, data.weights


@given(ESTIMATORS, data_sets())
def test_sparse_rows_make_the_same_fit(model, data):
    dense = fitted(model, *parts(data))
    sparse = fitted(model, csr_matrix(data.X), data.y, data.weights)
    assert_same_fit(dense, sparse)
    for one, other in zip(
        everything_predicted(dense, data.X),
        everything_predicted(sparse, csr_matrix(data.X)),
        strict=True,
    ):
        assert_array_equal(one, other)


# Features ---------------------------------------------------------------------------


@st.composite
def objectives(draw):
    """Objectives of both kinds, with a vector to evaluate them at."""
    data = draw(data_sets(dtypes=[np.float64]))
    rows = prepare_rows(rows_in_blocks(*parts(data)), canonical=False)
    hidden = draw(st.lists(st.sampled_from(sorted(ACTIVATIONS)), max_size=2))
    n = rows.n_features
    if draw(st.booleans()):
        sizes = (n, *range(3, 3 + len(hidden)), data.y.max() + 1)
        layout = ParameterLayout(tuple(int(size) for size in sizes))
        activations = tuple(ACTIVATIONS[name] for name in hidden)
        objective = NetworkObjective(rows, layout, activations, 0.1, 0.01)
    else:
        layout = ParameterLayout((n, 3, n), tied=draw(st.booleans()))
        loss = RECONSTRUCTION_LOSSES[
            draw(st.sampled_from(["squared_error", "log_loss"]))
        ]
        objective = AutoencoderObjective(
            rows.with_targets(None, rows.weights),
            layout,
            ACTIVATIONS[draw(st.sampled_from(["logistic", "tanh"]))],
            loss(ACTIVATIONS["logistic"]),
            alpha=0.1,
            mean_penalty=KLSparsity(
                draw(st.floats(0.01, 0.99)), draw(st.sampled_from([0.0, 3.0]))
            ),
        )
    seed = draw(st.integers(0, 2**32 - 1))
    return objective, np.random.default_rng(seed).uniform(-1, 1, layout.n_parameters)


def permuted(objective, theta, order):
    """Permute the features of the rows, and the weights that belong to them."""
    rows, layout = objective.rows, objective.layout
    rows = rows_in_blocks(rows.X[:, order], rows.y, rows.weights)
    changed = replace(objective, rows=rows)
    coefs, intercepts = layout.unpack(theta.copy())
    coefs[0][:] = coefs[0][order]
    if isinstance(objective, AutoencoderObjective):
        if not layout.tied:
            coefs[1][:] = coefs[1][:, order]
        intercepts[1][:] = intercepts[1][order]
    return changed, layout.pack(coefs, intercepts)


@given(objectives(), st.randoms(use_true_random=False))
def test_permuted_features_permute_the_gradient(problem, random):
    objective, theta = problem
    n = objective.rows.n_features
    order = random.sample(range(n), n)
    changed, changed_theta = permuted(objective, theta, order)
    value, gradient = objective.value_and_gradient(theta)
    changed_value, changed_gradient = changed.value_and_gradient(changed_theta)
    assert changed_value == pytest.approx(value, rel=1e-12)
    _, expected = permuted(objective, gradient, order)
    assert_allclose(changed_gradient, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("solver", sorted(SOLVERS))
@given(objectives(), st.randoms(use_true_random=False))
def test_permuted_features_permute_the_coefficients(solver, problem, random):
    objective, theta = problem
    n = objective.rows.n_features
    order = random.sample(range(n), n)
    changed, changed_theta = permuted(objective, theta, order)

    def run(objective, theta):
        # Few iterations, because each multiplies the differences of rounding.
        return SOLVERS[solver](
            objective.value_and_gradient,
            theta,
            options=SolverOptions(3, 10, "constant", 0.01, True),
            sampler=objective.sampler(10, True),
            random_state=np.random.RandomState(0),
            stopping=Never(),
            project=objective.project,
        ).theta

    _, expected = permuted(objective, run(objective, theta), order)
    assert_allclose(run(changed, changed_theta), expected, rtol=1e-5, atol=1e-7)


class Never:
    def should_stop(self, n_iter, loss, theta):
        return False


@given(objectives())
def test_a_batch_of_all_rows_is_all_rows(problem):
    objective, theta = problem
    batch = Batch(np.arange(objective.rows.n_rows), 1)
    value, gradient = objective.value_and_gradient(theta)
    batch_value, batch_gradient = objective.value_and_gradient(theta, batch)
    assert batch_value == pytest.approx(value, rel=1e-12)
    assert_allclose(batch_gradient, gradient, rtol=1e-9, atol=1e-12)


# Training ---------------------------------------------------------------------------


@given(LBFGS, data_sets())
def test_the_loss_of_lbfgs_never_rises(model, data):
    model.fit(*parts(data))
    curves = [model.loss_curve_]
    curves += [stage["loss_curve"] for stage in getattr(model, "history_", [])]
    for curve in curves:
        assert all(np.diff(curve) <= 0), curve


@given(ESTIMATORS, data_sets())
def test_what_is_fitted_is_finite_and_in_the_precision_of_the_data(model, data):
    model.fit(*parts(data))
    for part in [*model.coefs_, *model.intercepts_]:
        assert part.dtype == data.X.dtype
        assert np.isfinite(part).all()
    assert np.isfinite(model.loss_curve_).all()
    assert model.n_iter_ == len(model.loss_curve_) <= model.max_iter


@given(ESTIMATORS, data_sets())
def test_the_same_seed_makes_the_same_fit(model, data):
    assert_same_fit(fitted(model, *parts(data)), fitted(model, *parts(data)))


# Predictions ------------------------------------------------------------------------


@given(sparse_autoencoders(), data_sets())
def test_activations_and_reconstructions_stay_in_their_range(model, data):
    H = model.fit(*parts(data)).transform(data.X)
    check_range(H, model.activation)
    check_range(model.inverse_transform(H), model.decoder_activation)
    if ACTIVATIONS[model.activation].is_bounded:
        assert model.mean_activations_.min() >= 0
        assert model.mean_activations_.max() <= 1
    assert (model.score_samples(data.X) <= 0).all()


def check_range(A, name):
    assert A.min() >= ACTIVATIONS[name].lower
    assert A.max() <= ACTIVATIONS[name].upper


@given(stacked_classifiers(), data_sets())
def test_probabilities_are_probabilities(model, data):
    P = model.fit(*parts(data)).predict_proba(data.X)
    eps = np.finfo(P.dtype).eps
    assert P.min() >= 0
    assert_allclose(P.sum(axis=1), 1, rtol=8 * eps)
    log_P = model.predict_log_proba(data.X)
    assert_allclose(np.exp(log_P), P, rtol=100 * eps, atol=np.finfo(P.dtype).tiny)


@given(stacked_classifiers(), data_sets())
def test_the_class_that_is_predicted_is_the_most_probable_one(model, data):
    predicted = model.fit(*parts(data)).predict(data.X)
    codes = np.searchsorted(model.classes_, predicted)
    P = model.predict_proba(data.X)
    assert_array_equal(P[np.arange(len(P)), codes], P.max(axis=1))
    decision = model.decision_function(data.X)
    if decision.ndim == 1:
        assert_array_equal(codes, (decision > 0).astype(int))
    else:
        assert_array_equal(codes, decision.argmax(axis=1))


@given(stacked_classifiers(), data_sets())
def test_the_score_is_the_weighted_accuracy(model, data):
    model.fit(*parts(data))
    hits = model.predict(data.X) == data.y
    expected = np.average(hits, weights=data.weights)
    assert model.score(*parts(data)) == pytest.approx(expected)
    history = model.history_[-1]
    if model.class_weight is None:
        assert history["accuracy"] == pytest.approx(expected)


@given(sparse_autoencoders(), data_sets())
def test_the_score_is_the_weighted_mean_of_those_of_rows(model, data):
    model.fit(*parts(data))
    expected = np.average(
        model.score_samples(data.X).astype(float), weights=data.weights
    )
    assert model.score(*parts(data)) == pytest.approx(expected, rel=1e-5)


@given(ESTIMATORS, data_sets())
def test_a_row_is_predicted_alone_as_among_others(model, data):
    model.fit(*parts(data))
    together = everything_predicted(model, data.X)
    alone = [everything_predicted(model, row[None, :]) for row in data.X[:3]]
    rtol = 1e4 * np.finfo(data.X.dtype).eps
    for rows, *single in zip(together, *alone, strict=True):
        if rows.dtype.kind == "f":
            assert_allclose(np.concatenate(single), rows[:3], rtol=rtol, atol=rtol)


# Estimators -------------------------------------------------------------------------


@given(ESTIMATORS, ESTIMATORS)
def test_parameters_go_round(model, other):
    before = model.get_params(deep=False)
    again = type(model)(**before)
    assert again.get_params(deep=False) == before
    if type(other) is type(model):
        other.set_params(**before)
        assert other.get_params(deep=False) == before
    copied = clone(model)
    assert repr(copied) == repr(model)
    assert vars(copied).keys() == vars(model).keys()


@given(ESTIMATORS, data_sets())
def test_a_clone_and_a_fit_leave_parameters_alone(model, data):
    before = repr(model.get_params())
    model.fit(*parts(data))
    assert repr(model.get_params()) == before
    assert not hasattr(clone(model), "coefs_")


@given(ESTIMATORS, data_sets())
def test_a_pickle_predicts_the_same(model, data):
    model.fit(*parts(data))
    loaded = pickle.loads(pickle.dumps(model))
    for one, other in zip(
        everything_predicted(model, data.X),
        everything_predicted(loaded, data.X),
        strict=True,
    ):
        assert_array_equal(one, other)


@given(ESTIMATORS, data_sets())
def test_data_and_weights_stay_as_they_were(model, data):
    before = [part.copy() for part in parts(data)]
    everything_predicted(model.fit(*parts(data)), data.X)
    for part, copy in zip(parts(data), before, strict=True):
        assert_array_equal(part, copy)
