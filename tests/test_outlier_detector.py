"""The outlier detector: scores of the autoencoder, and the threshold between them."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone, is_outlier_detector
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skstackedae import (
    ReconstructionOutlierDetector,
    RowsOnDisk,
    SparseAutoencoder,
    StackedAutoencoder,
    StackedAutoencoderClassifier,
)
from skstackedae._outlier_detector import _quantile

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stopped after max_iter", "ignore:Most units of the"
)

QUICK = SparseAutoencoder(
    4,
    decoder_activation="identity",
    sparsity_weight=0,
    max_iter=20,
    standardize=True,
    random_state=0,
)


def make(**settings):
    return ReconstructionOutlierDetector(**{"autoencoder": QUICK} | settings)


@pytest.fixture(scope="module")
def X():
    return load_wine().data


def test_scores_are_those_of_the_autoencoder(X):
    detector = make().fit(X)
    expected = clone(QUICK).fit(X)
    assert_array_equal(detector.score_samples(X), expected.score_samples(X))
    assert_array_equal(
        detector.reconstruction_errors(X), expected.reconstruction_errors(X)
    )
    assert_allclose(
        detector.decision_function(X), detector.score_samples(X) - detector.offset_
    )
    assert_array_equal(
        detector.predict(X), np.where(detector.decision_function(X) < 0, -1, 1)
    )
    assert detector.predict(X).dtype == np.int64
    assert_array_equal(make().fit_predict(X), detector.predict(X))
    assert is_outlier_detector(detector)
    # The prototype stays as it was.
    assert not hasattr(QUICK, "coefs_")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", range(10))
def test_what_most_samples_are_is_no_outlier(seed, dtype):
    X = (np.random.RandomState(seed).rand(300, 6) < 0.03).astype(dtype)
    detector = make().fit(X)
    zeros = ~X.any(axis=1)
    assert zeros.mean() > 0.75
    assert (detector.predict(X[zeros]) == 1).all()
    assert (detector.predict(X[:1]) == 1).all() or X[0].any()
    assert make().fit(X[:1]).predict(X[:1]) == 1


def test_finds_malignant_samples_among_benign_ones(global_random_seed):
    X, y = load_breast_cancer(return_X_y=True)
    rng = np.random.RandomState(global_random_seed)
    benign = rng.permutation(np.flatnonzero(y == 1))
    train, others = benign[:200], np.r_[benign[200:], np.flatnonzero(y == 0)]
    detector = ReconstructionOutlierDetector(random_state=global_random_seed)
    detector.fit(X[train])
    # 0.954 to 0.970 for seeds from 0 to 9.
    assert roc_auc_score(y[others], detector.score_samples(X[others])) > 0.94
    is_outlier = detector.predict(X) == -1
    assert is_outlier[y == 0].mean() > 0.6
    assert is_outlier[benign[200:]].mean() < 0.25


def test_units_do_not_matter_to_the_default(X):
    units = 10.0 ** np.arange(-6, 7)
    labels = ReconstructionOutlierDetector(random_state=0).fit_predict(X)
    scaled = ReconstructionOutlierDetector(random_state=0).fit_predict(X * units + 1)
    assert_array_equal(labels, scaled)
    assert 0 < (labels == -1).mean() < 0.1


def test_the_default_has_as_many_units_as_features(X, digits):
    detector = ReconstructionOutlierDetector(random_state=3).fit(X)
    assert detector.autoencoder_.n_components == 13
    assert detector.autoencoder_.random_state == 3
    wide = np.hstack([digits[0], digits[0]])[:50]
    assert ReconstructionOutlierDetector().fit(wide).autoencoder_.n_components == 100


@pytest.mark.parametrize("contamination", [0.5, 0.3, 0.1, 0.01, np.float32(0.25)])
def test_contamination_is_the_fraction_of_outliers(contamination, X):
    labels = make(contamination=contamination).fit_predict(X)
    assert (labels == -1).sum() == int(contamination * len(X))


def test_auto_is_the_rule_of_box_plots(X):
    detector = make().fit(X)
    roots = np.cbrt(-detector.score_samples(X))
    low, high = np.quantile(roots, [0.25, 0.75])
    limit = high + 1.5 * (high - low)
    assert -detector.offset_ == pytest.approx(limit**3, rel=0.05)
    assert 0 < (detector.predict(X) == -1).mean() < 0.1


def test_false_alarms_on_normal_data(rng):
    X = rng.randn(1_000, 10)
    labels = ReconstructionOutlierDetector(random_state=0).fit_predict(X)
    assert (labels == -1).mean() < 0.03


@pytest.mark.parametrize("q", [0.1, 0.25, 0.5, 0.75])
def test_quantiles_count_weights_as_repetitions(q, rng):
    values, weights = rng.randint(0, 20, 30) / 7.0, rng.randint(0, 4, 30)
    repeated = np.repeat(values, weights)
    expected = np.quantile(repeated, q, method="averaged_inverted_cdf")
    assert _quantile(values, weights.astype(float), q) == pytest.approx(expected)
    assert _quantile(values, weights / 3.0, q) == pytest.approx(expected)


@pytest.mark.parametrize("contamination", ["auto", 0.1])
def test_weights_equal_repeated_rows(contamination, X, rng):
    weights = rng.randint(0, 3, len(X))
    weighted = make(contamination=contamination).fit(X, sample_weight=weights)
    repeated = make(contamination=contamination).fit(np.repeat(X, weights, axis=0))
    assert weighted.offset_ == pytest.approx(repeated.offset_, rel=1e-6)
    assert_array_equal(weighted.predict(X), repeated.predict(X))


@pytest.mark.parametrize(
    "autoencoder",
    [
        StackedAutoencoder((6, 3), max_iter=10, random_state=0),
        SparseAutoencoder(4, max_iter=20, random_state=0),
    ],
    ids=["stack", "autoencoder"],
)
def test_any_autoencoder(autoencoder, X):
    X = MinMaxScaler().fit_transform(X)
    detector = make(autoencoder=autoencoder).fit(X)
    expected = clone(autoencoder).fit(X)
    assert_array_equal(detector.score_samples(X), expected.score_samples(X))
    assert_allclose(
        detector.reconstruction_errors(X).sum(axis=1), -detector.score_samples(X)
    )


def test_a_fitted_autoencoder_stays_as_it_is(X):
    fitted = clone(QUICK).fit(X[:50])
    detector = make(autoencoder=FrozenEstimator(fitted)).fit(X)
    assert_array_equal(detector.score_samples(X), fitted.score_samples(X))
    assert detector.n_features_in_ == 13


def test_columns_that_are_off(X):
    detector = ReconstructionOutlierDetector(random_state=0).fit(X)
    odd = X[:1].copy()
    odd[0, 4] += 20 * X[:, 4].std()
    assert detector.predict(odd) == -1
    assert detector.reconstruction_errors(odd)[0].argmax() == 4


def test_kinds_of_rows(X, tmp_path):
    detector = make().fit(X)
    sparse = make().fit(csr_array(X))
    np.save(tmp_path / "X.npy", X)
    stored = RowsOnDisk(np.load(tmp_path / "X.npy", mmap_mode="r"), dtype="float64")
    on_disk = make().fit(stored)
    assert detector.offset_ == sparse.offset_ == on_disk.offset_
    assert_array_equal(detector.predict(csr_array(X)), detector.predict(stored))
    frame = pd.DataFrame(X, columns=load_wine().feature_names)
    named = ReconstructionOutlierDetector(random_state=0).fit(frame)
    assert_array_equal(named.feature_names_in_, frame.columns)
    with pytest.raises(ValueError, match="feature names should match"):
        named.predict(frame[frame.columns[::-1]])
    named.fit(X)
    assert not hasattr(named, "feature_names_in_")


def test_missing_entries(X, rng):
    gaps = np.where(rng.rand(*X.shape) < 0.1, np.nan, X)
    prototype = clone(QUICK).set_params(missing_values=np.nan)
    detector = make(autoencoder=prototype).fit(gaps)
    assert np.isfinite(detector.score_samples(gaps)).all()
    with pytest.raises(ValueError, match="contains NaN"):
        make().fit(gaps)


@pytest.mark.parametrize("model", [make(), ReconstructionOutlierDetector()])
def test_pickles_predict_the_same(model, X):
    model = clone(model).fit(X)
    loaded = pickle.loads(pickle.dumps(model))
    assert_array_equal(loaded.decision_function(X), model.decision_function(X))
    assert clone(loaded).get_params(deep=False).keys() == {
        *("autoencoder", "contamination", "random_state")
    }


def test_in_a_pipeline_and_a_search(X):
    prototype = clone(QUICK).set_params(standardize=False)
    pipeline = make_pipeline(StandardScaler(), make(autoencoder=prototype))
    assert set(pipeline.fit(X).predict(X)) == {-1, 1}
    search = GridSearchCV(
        make(),
        {"autoencoder__n_components": [2, 4]},
        scoring=lambda detector, X, y: (detector.predict(X) == y).mean(),
        cv=KFold(3, shuffle=True, random_state=0),
    )
    assert search.fit(X, np.ones(len(X))).best_score_ > 0.8


def test_a_refit_that_fails_changes_nothing(X):
    detector = make().fit(X)
    scores = detector.score_samples(X)
    ragged = [[1.0], [1.0, 2.0]]
    for wrong in (np.full_like(X, np.inf), X[:0], [], "X", X[0], None, ragged):
        with pytest.raises((ValueError, TypeError)):
            detector.fit(wrong)
        with pytest.raises((ValueError, TypeError)):
            ReconstructionOutlierDetector().fit(wrong)
    assert_array_equal(detector.score_samples(X), scores)


@pytest.mark.parametrize("contamination", [0, 0.6, -1, "all", None, np.nan])
def test_wrong_contamination(contamination, X):
    with pytest.raises(ValueError, match="The 'contamination' parameter"):
        make(contamination=contamination).fit(X)


@pytest.mark.parametrize(
    "autoencoder", [5, "denoising", StackedAutoencoderClassifier()]
)
def test_what_is_no_autoencoder(autoencoder, X):
    with pytest.raises(ValueError, match="The 'autoencoder' parameter"):
        make(autoencoder=autoencoder).fit(X)


def test_frozen_estimators_are_fitted_autoencoders(X):
    frozen = FrozenEstimator(StandardScaler().fit(X))
    with pytest.raises(ValueError, match="freezes StandardScaler"):
        make(autoencoder=frozen).fit(X)
    with pytest.raises(NotFittedError):
        make(autoencoder=FrozenEstimator(clone(QUICK))).fit(X)


@pytest.mark.parametrize(
    "method",
    ["predict", "decision_function", "score_samples", "reconstruction_errors"],
)
def test_unfitted(method, X):
    with pytest.raises(NotFittedError, match="ReconstructionOutlierDetector"):
        getattr(make(), method)(X)
