"""The deep regressor: its targets, rows without them, and the stages that learn."""

import pickle

import numpy as np
import pytest
from helpers import assert_same_weights, finite_difference, rows_in_blocks
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler, scale

from skstackedae import (
    RowsOnDisk,
    SparseAutoencoder,
    StackedAutoencoderClassifier,
    StackedAutoencoderRegressor,
)
from skstackedae._network.activations import ACTIVATIONS, IDENTITY
from skstackedae._network.layout import ParameterLayout
from skstackedae._network.losses import SquaredError
from skstackedae._training.objectives import NetworkObjective
from skstackedae.export import to_mlp_regressor
from skstackedae.inspection import ActivationDisplay, TrainingCurveDisplay

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stopped after max_iter", "ignore:Most units of the"
)

PROTOTYPE = SparseAutoencoder(sparsity_weight=0, max_iter=5)
ADAM = {"solver": "adam", "learning_rate_init": 0.01}


def make(sizes=(12, 5), /, **settings):
    # After few iterations features are nearly constant: with a small alpha, rounding
    # would grow by a factor of 1e9 in five iterations.
    defaults = {"autoencoder": PROTOTYPE, "max_iter": 5, "random_state": 0, "alpha": 1}
    return StackedAutoencoderRegressor(sizes, **defaults | settings)


@pytest.fixture
def data(digits):
    # Too many rows to be sorted; two targets of order 1.
    X = digits[0][:1_100]
    y = np.column_stack([scale(X[:, 20] + X[:, 30] ** 2), scale(np.sin(3 * X[:, 21]))])
    return X, y


def test_gradients(rng):
    X, y, w = rng.rand(20, 6), rng.randn(20, 2), rng.rand(20)
    layout = ParameterLayout((6, 5, 3, 2))
    objective = NetworkObjective(
        rows_in_blocks(X, y, w / w.sum()),
        layout,
        (ACTIVATIONS["tanh"],) * 2,
        alpha=0.1,
        hidden_alpha=0.01,
        loss=SquaredError(IDENTITY),
    )
    theta = layout.initialize(rng)
    _, gradient = objective.value_and_gradient(theta)
    numeric = finite_difference(lambda t: objective.value_and_gradient(t)[0], theta)
    assert_allclose(gradient, numeric, atol=1e-7)


def test_without_hidden_layers_it_is_ridge_regression(data, rng):
    X, y = data
    w = rng.rand(len(X))
    model = make((), alpha=0.1, max_iter=2_000, tol=0).fit(X, y, sample_weight=w)
    # Ridge sums the squared errors; here they are averaged.
    ridge = Ridge(alpha=0.1 * w.sum()).fit(X, y, sample_weight=w)
    assert_allclose(model.coefs_[0], ridge.coef_.T, atol=1e-4)
    assert_allclose(model.predict(X), ridge.predict(X), atol=1e-4)


def test_predictions_and_loss_are_those_of_the_layers(data):
    X, y = data
    model = make().fit(X, y)

    def logistic(Z):
        return 1 / (1 + np.exp(-Z))

    W, b = model.coefs_, model.intercepts_
    features = logistic(logistic(X @ W[0] + b[0]) @ W[1] + b[1])
    assert_allclose(model.transform(X), features, atol=1e-12)
    predicted = features @ W[2] + b[2]
    assert_allclose(model.predict(X), predicted, atol=1e-12)
    loss = 0.5 * ((predicted - y) ** 2).sum(axis=1).mean()
    decay = 0.5 * model.hidden_alpha * sum((part**2).sum() for part in W[:2])
    decay += 0.5 * model.alpha * (W[2] ** 2).sum()
    assert model.loss_ == pytest.approx(loss + decay)
    assert model.score(X, y) == pytest.approx(r2_score(y, predicted))
    names = [record["name"] for record in model.history_]
    assert names == ["pretraining"] * 2 + ["output layer", "fine-tuning"]
    assert all(record["accuracy"] is None for record in model.history_)
    assert (model.n_outputs_, model.n_layers_) == (2, 4)
    reconstructed = model.inverse_transform(features)
    assert reconstructed.shape == X.shape


def test_one_target_has_one_dimension(data):
    X, y = data
    one, column = make().fit(X, y[:, 0]), make().fit(X, y[:, :1])
    assert one.predict(X).shape == column.predict(X).shape == (len(X),)
    assert_same_weights(one, column)


def test_the_layers_of_the_classifier(data, digits):
    X, y = data
    model = make().fit(X, y)
    classifier = StackedAutoencoderClassifier(
        (12, 5), autoencoder=PROTOTYPE, fine_tune=False, random_state=0
    ).fit(X, digits[1][: len(X)])
    for mine, other in zip(model.autoencoders_, classifier.autoencoders_, strict=True):
        assert_same_weights(mine, other)


@pytest.mark.parametrize("options", [{}, ADAM, {"early_stopping": True}])
def test_rows_without_targets_only_pretrain(options, data):
    X, y = data
    known = np.where(np.arange(len(X))[:, None] % 3 == 0, np.nan, y)
    has_target = ~np.isnan(known[:, 0])
    model = make(**options).fit(X, known)
    on_all = make(fine_tune=False).fit(X, y)
    for mine, other in zip(model.autoencoders_, on_all.autoencoders_, strict=True):
        if not options.get("early_stopping"):
            assert_same_weights(mine, other)
    assert np.isfinite(model.predict(X)).all()
    score = model.score(X, known)
    assert score == pytest.approx(model.score(X[has_target], y[has_target]))
    weights = np.arange(len(X))
    expected = model.score(X[has_target], y[has_target], weights[has_target])
    assert model.score(X, known, weights) == pytest.approx(expected)
    alone = make(pretrain=False, **options).fit(X, known)
    if not options:
        expected = make(pretrain=False).fit(X[has_target], y[has_target])
        for mine, other in zip(alone.coefs_, expected.coefs_, strict=True):
            assert_allclose(mine, other, atol=1e-8)


def test_wrong_targets_leave_the_earlier_fit(data):
    X, y = data
    model = make().fit(X, y)
    before = [W.copy() for W in model.coefs_]
    some, none = y.copy(), np.full_like(y, np.nan)
    some[3, 1] = np.nan
    infinite = y.copy()
    infinite[0, 0] = np.inf
    for wrong, message in (
        (None, "requires y"),
        (some, "some targets are NaN"),
        (infinite, "infinity"),
        (y[1:], "inconsistent numbers"),
        (none, "has a target"),
        (np.array(["a"] * len(X)), "could not convert"),
        (y[:, :, None], "dim 3"),
        (np.ma.masked_array(y, mask=y > 0), r"y\.filled\(np\.nan\)"),
    ):
        with pytest.raises(ValueError, match=message):
            model.fit(X, wrong)
    with pytest.raises(ValueError, match="only NaN"):
        model.score(X, none)
    with pytest.raises(ValueError, match="go together"):
        model.fit(X, y, y_val=y)
    with pytest.raises(ValueError, match=r"X_val, y_val, sample_weight_val: .*targets"):
        model.fit(X, y, X_val=X[:5], y_val=y[:5, :1])
    with pytest.raises(ValueError, match="mini-batches"):
        make(dropout=0.1).fit(X, y)
    for one, other in zip(model.coefs_, before, strict=True):
        assert_array_equal(one, other)


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_validation_rows(solver, data):
    X, y = data
    model = make(solver=solver, max_iter=8).fit(
        X[100:], y[100:], X_val=X[:100], y_val=y[:100]
    )
    assert len(model.validation_scores_) == model.n_iter_
    loss = 0.5 * ((model.predict(X[:100]) - y[:100]) ** 2).sum(axis=1).mean()
    assert model.best_validation_score_ == pytest.approx(-loss)


def test_passes(data):
    X, y = data
    model = make(**ADAM)
    for _ in range(5):
        model.partial_fit(X, y)
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    weights = [W.copy() for W in model.coefs_]
    model.partial_fit(X, np.full_like(y, np.nan))
    for one, other in zip(model.coefs_, weights, strict=True):
        assert_array_equal(one, other)
    with pytest.raises(ValueError, match="1 targets, but the previous fit used 2"):
        model.partial_fit(X, y[:, 0])
    assert not hasattr(make(), "partial_fit")


def test_warm_start_goes_on(data):
    X, y = data
    model = make(warm_start=True, max_iter=10).fit(X, y)
    first = model.loss_
    assert model.fit(X, y).loss_ < first
    with pytest.raises(ValueError, match="1 targets"):
        model.fit(X, y[:, 0])


def test_it_learns_and_is_searched_and_pickled():
    X, y = load_diabetes(return_X_y=True)
    pipeline = make_pipeline(MinMaxScaler(), make((20,), max_iter=200))
    model = TransformedTargetRegressor(pipeline, transformer=StandardScaler())
    name = "regressor__stackedautoencoderregressor__alpha"
    search = GridSearchCV(model, {name: [1e-4, 1e-2]}, cv=3).fit(X, y)
    assert search.best_score_ > 0.4
    loaded = pickle.loads(pickle.dumps(search.best_estimator_))
    assert_array_equal(loaded.predict(X), search.predict(X))


def test_all_kinds_of_rows(data, tmp_path):
    X, y = data
    expected = make().fit(X, y)
    sparse = make().fit(csr_array(X), y)
    assert_allclose(sparse.predict(csr_array(X)), expected.predict(X), atol=1e-6)
    X.tofile(tmp_path / "X")
    stored = np.memmap(tmp_path / "X", X.dtype, mode="r", shape=X.shape)
    on_disk = make().fit(RowsOnDisk(stored, dtype=np.float64), y)
    assert_allclose(on_disk.predict(X), expected.predict(X), atol=1e-6)
    assert on_disk.score(RowsOnDisk(stored), y) == pytest.approx(on_disk.score(X, y))
    single = make().fit(X.astype(np.float32), y)
    assert single.coefs_[0].dtype == np.float32
    assert single.predict(X.astype(np.float32)).dtype == np.float32
    for n_jobs in (1, 3):
        assert_same_weights(make(n_jobs=n_jobs).fit(X, y), expected)


def test_rows_on_a_cluster(data):
    distributed = pytest.importorskip("distributed")
    da = pytest.importorskip("dask.array")
    X, y = data
    known = np.where(np.arange(len(X))[:, None] % 3 == 0, np.nan, y)
    options = {"processes": False, "n_workers": 1, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster):
        chunks = da.from_array(X, chunks=(300, 64))
        targets = da.from_array(known, chunks=(300, 2))
        model = make().fit(chunks, targets)
        score = model.score(chunks, targets)
        one = make().fit(chunks, y[:, 0]).predict(chunks)
        assert one.shape == (len(X),)
        assert one.compute().shape == (len(X),)
    expected = make().fit(X, known)
    for mine, other in zip(model.coefs_, expected.coefs_, strict=True):
        assert_allclose(mine, other, atol=1e-8)
    assert score == pytest.approx(expected.score(X, known))


def test_exports_displays_and_drawing(data):
    plt = pytest.importorskip("matplotlib.pyplot")
    X, y = data
    for targets in (y, y[:, 0]):
        model = make().fit(X, targets)
        network = to_mlp_regressor(model)
        assert_allclose(network.predict(X), model.predict(X), atol=1e-12)
    ActivationDisplay.from_estimator(model, X, layer=2)
    with pytest.raises(ValueError, match="from 1 to 2"):
        ActivationDisplay.from_estimator(model, X, layer=3)
    TrainingCurveDisplay.from_estimator(model)
    plt.close("all")
    assert "output layer of 1 units" in model._repr_html_()
    assert "output layer" in make(autoencoder=clone(PROTOTYPE))._repr_html_()
