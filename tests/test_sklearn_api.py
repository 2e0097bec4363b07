"""All estimators as citizens of scikit-learn: its own checks and its tools."""

import numpy as np
import pandas as pd
import pytest
from helpers import small_classifier
from sklearn import config_context
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    load_iris,
    load_wine,
)
from sklearn.ensemble import StackingClassifier
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.estimator_checks import check_estimator

from skstackedae import (
    ReconstructionOutlierDetector,
    SparseAutoencoder,
    StackedAutoencoder,
    StackedAutoencoderClassifier,
    StackedAutoencoderRegressor,
)

SLOW = pytest.mark.slow

# That using up the iterations warns has a test below.
pytestmark = pytest.mark.filterwarnings("ignore:Stopped after max_iter")

ALL = [
    SparseAutoencoder(),
    StackedAutoencoder(),
    StackedAutoencoderClassifier(),
    StackedAutoencoderRegressor(),
]
IDS = ["autoencoder", "stack", "classifier", "regressor"]

# Fit with few iterations, or on data of any range, these checks rightly meet warnings
# of the estimators; what they warn of has tests of its own.
AMID_WARNINGS = pytest.mark.filterwarnings(
    "ignore:The input of the",
    "ignore:Most units of the",
    # scikit-learn's own check mixes frames and arrays.
    "ignore:X does not have valid feature names",
    "ignore:X has feature names",
)

# Public checks that check_estimator does not run.
MORE_CHECKS = [
    "check_param_validation",
    "check_get_feature_names_out_error",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
    "check_dataframe_column_names_consistency",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_inplace_ensure_writeable",
]


@AMID_WARNINGS
@pytest.mark.parametrize(
    "estimator",
    [
        pytest.param(SparseAutoencoder(), id="autoencoder"),
        pytest.param(StackedAutoencoder(), id="stack", marks=SLOW),
        pytest.param(StackedAutoencoderClassifier(), id="classifier", marks=SLOW),
        pytest.param(StackedAutoencoderRegressor(), id="regressor", marks=SLOW),
        pytest.param(ReconstructionOutlierDetector(), id="outlier detector"),
        pytest.param(SparseAutoencoder(missing_values=np.nan), id="with gaps"),
        # Two small layers, for the checks of every day.
        pytest.param(
            StackedAutoencoder(
                (10, 5), autoencoder=SparseAutoencoder(max_iter=40), max_iter=40
            ),
            id="small stack",
        ),
        pytest.param(
            StackedAutoencoderClassifier(
                (10, 5), autoencoder=SparseAutoencoder(max_iter=40), max_iter=40
            ),
            id="small classifier",
        ),
    ],
)
def test_check_estimator(estimator):
    results = check_estimator(estimator, on_skip=None)
    assert len(results) > 50
    # Skipped is only what the environment must ask for (SCIPY_ARRAY_API=1) or must have
    # (other libraries of arrays); nothing is expected to fail.
    others = [r for r in results if r["status"] != "passed"]
    assert all(r["status"] == "skipped" for r in others)
    assert all(r["check_name"].startswith("check_array_api") for r in others)


@AMID_WARNINGS
@pytest.mark.parametrize("check", MORE_CHECKS)
@pytest.mark.parametrize("estimator", ALL, ids=IDS)
def test_check_estimator_leaves_out(estimator, check):
    # What they check does not depend on how far training goes.
    estimator = clone(estimator).set_params(max_iter=5)
    if not isinstance(estimator, SparseAutoencoder):
        estimator.set_params(autoencoder=SparseAutoencoder(max_iter=5))
    elif check == "check_inplace_ensure_writeable":
        # For the check, every estimator with this parameter is an imputer.
        estimator.set_params(missing_values=np.nan)
    getattr(estimator_checks, check)(type(estimator).__name__, estimator)


@pytest.mark.parametrize("estimator", ALL, ids=IDS)
def test_tags(estimator):
    tags = get_tags(estimator)
    assert tags.input_tags.sparse
    assert set(tags.transformer_tags.preserves_dtype) == {"float32", "float64"}
    assert is_classifier(estimator) == isinstance(
        estimator, StackedAutoencoderClassifier
    )


@pytest.mark.parametrize("estimator", ALL, ids=IDS)
@pytest.mark.parametrize("method", ["transform", "inverse_transform"])
def test_unfitted_estimators_say_so(estimator, method):
    with pytest.raises(NotFittedError):
        getattr(clone(estimator), method)(np.ones((2, 2)))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "method",
    ["predict", "predict_proba", "predict_log_proba", "decision_function", "transform"],
)
@pytest.mark.parametrize("X", [pd.DataFrame({"a": [1.0], "b": [1.0]}), [1.0, 2.0]])
def test_that_a_model_is_unfitted_is_said_before_X_is_checked(X, method):
    with pytest.raises(NotFittedError):
        getattr(StackedAutoencoderClassifier(), method)(X)


def test_fitted_attributes_hold_plain_values(few_digits):
    allowed = (np.ndarray, bool, int, float, str, type(None))

    def check(value):
        if isinstance(value, list):
            for item in value:
                check(item)
        elif isinstance(value, dict):
            for item in value.values():
                check(item)
        elif isinstance(value, SparseAutoencoder):
            check_attributes(value)
        else:
            assert isinstance(value, allowed), type(value)
            # A view would keep a larger array alive, and in the pickle.
            assert getattr(value, "base", None) is None

    def check_attributes(estimator):
        fitted = {k: v for k, v in vars(estimator).items() if k.endswith("_")}
        assert fitted
        for value in fitted.values():
            check(value)

    check_attributes(small_classifier((15, 10)).fit(*few_digits))


def test_clone_keeps_a_list_of_prototypes():
    prototypes = [SparseAutoencoder(alpha=0.1), SparseAutoencoder(activation="tanh")]
    model = StackedAutoencoderClassifier((4, 3), autoencoder=prototypes)
    copy = clone(model)
    assert [p.alpha for p in copy.autoencoder] == [0.1, 1e-4]
    assert [p.activation for p in copy.autoencoder] == ["logistic", "tanh"]
    assert copy.autoencoder[0] is not prototypes[0]


def test_cross_val_score(global_random_seed):
    X, y = load_iris(return_X_y=True)
    scores = cross_val_score(
        make_pipeline(
            MinMaxScaler(), small_classifier((15, 10), random_state=global_random_seed)
        ),
        X,
        y,
    )
    assert scores.mean() > 0.9


def test_calibration(global_random_seed):
    X, y = load_breast_cancer(return_X_y=True)
    X = MinMaxScaler().fit_transform(X)
    calibrated = CalibratedClassifierCV(
        small_classifier((15, 10), random_state=global_random_seed), cv=3
    ).fit(X, y)
    assert calibrated.score(X, y) > 0.95


def test_stacking(global_random_seed):
    X, y = load_iris(return_X_y=True)
    stack = StackingClassifier(
        [
            (
                "deep",
                make_pipeline(
                    MinMaxScaler(),
                    small_classifier((15, 10), random_state=global_random_seed),
                ),
            ),
            ("linear", LogisticRegression(max_iter=1000)),
        ],
        cv=3,
    )
    assert stack.fit(X, y).score(X, y) > 0.95


def test_metadata_routing_of_weights(few_digits):
    X, y = few_digits
    weights = np.ones(len(y))
    weights[y > 4] = 0
    with config_context(enable_metadata_routing=True):
        model = make_pipeline(
            MinMaxScaler(),
            small_classifier((15, 10)).set_fit_request(sample_weight=True),
        )
        model.fit(X, y, sample_weight=weights)
    assert set(model.predict(X)) <= set(range(5))


def test_as_features_of_another_classifier(digits, global_random_seed):
    X, y = digits
    model = make_pipeline(
        SparseAutoencoder(40, random_state=global_random_seed),
        LogisticRegression(max_iter=1000),
    )
    # 0.930 to 0.944 for seeds from 0 to 9.
    assert model.fit(X[::2], y[::2]).score(X[1::2], y[1::2]) > 0.9


@pytest.mark.parametrize("estimator", ALL, ids=IDS)
def test_one_convergence_warning_for_a_fit(estimator, few_digits):
    X, y = few_digits
    with pytest.warns(ConvergenceWarning) as caught:
        clone(estimator).set_params(max_iter=2).fit(X, y)
    (warning,) = [w for w in caught if w.category is ConvergenceWarning]
    # The line that called fit, not one inside of the package.
    assert warning.filename == __file__
    message = str(warning.message)
    assert "max_iter=2" in message
    if isinstance(estimator, StackedAutoencoderClassifier):
        assert "softmax, fine-tuning" in message


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "load", [load_iris, load_wine, load_breast_cancer, load_digits]
)
def test_defaults_of_the_autoencoder_finish(load, global_random_seed):
    X = MinMaxScaler().fit_transform(load().data)
    model = SparseAutoencoder(random_state=global_random_seed).fit(X)
    # Three quarters of the variance, which the best constant would leave.
    assert model.score(X) > -0.25 * 0.5 * X.var(axis=0).sum()
