"""What comes in wrong: a clear error, or the right result, and never a nan model."""

import warnings

import numpy as np
import pytest
from helpers import DTYPES, SOLVERS, small_autoencoder, small_classifier
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier
from skstackedae._training.solvers import SOLVERS as SOLVER_FUNCTIONS
from skstackedae._training.solvers import SolverOptions
from skstackedae._training.stopping import HeldOutScores, Patience

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stopped after max_iter", "ignore:Most units of the"
)


def classifier(**settings):
    defaults = {"pretraining": {"max_iter": 5}, "max_iter": 5}
    return small_classifier((6,), **defaults | settings)


def autoencoder(**settings):
    return small_autoencoder(6, max_iter=5, **settings)


# Weights ----------------------------------------------------------------------------


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


@pytest.mark.parametrize("make", [autoencoder, classifier])
@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
def test_a_number_as_weight_is_checked_too(make, value, few_digits):
    model = make().fit(*few_digits)
    before = dict(vars(model))
    for method in (model.fit, model.score):
        with pytest.raises(ValueError, match=r"sample_weight|[Nn]egative"):
            method(*few_digits, sample_weight=value)
    assert all(vars(model)[name] is before[name] for name in before)


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
            n_rows=10,
            random_state=np.random.RandomState(0),
            stopping=Raises(),
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


def test_diagnostics_of_huge_values_leak_no_warning(few_digits):
    model = autoencoder().fit(few_digits[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.diagnose(np.full((5, 64), 1e200) * np.arange(1, 6)[:, None])


# Parameters --------------------------------------------------------------------------


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
