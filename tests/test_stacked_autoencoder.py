"""The deep autoencoder: pretrained layers, the unrolled network, codes and errors."""

import pickle

import numpy as np
import pytest
from helpers import assert_same_weights, finite_difference, rows_in_blocks
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skstackedae import (
    TRUSTED_TYPES,
    RowsOnDisk,
    SparseAutoencoder,
    StackedAutoencoder,
    StackedAutoencoderClassifier,
)
from skstackedae._network.activations import ACTIVATIONS
from skstackedae._network.layout import ParameterLayout
from skstackedae._network.losses import RECONSTRUCTION_LOSSES
from skstackedae._training.objectives import NetworkObjective
from skstackedae.export import to_mlp_regressor
from skstackedae.inspection import (
    ActivationDisplay,
    ComponentsDisplay,
    ReconstructionDisplay,
    TrainingCurveDisplay,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stopped after max_iter", "ignore:Most units of the"
)

PROTOTYPE = SparseAutoencoder(sparsity_weight=0, max_iter=5)
LINEAR_CODE = clone(PROTOTYPE).set_params(activation="identity")


def make(sizes=(12, 5), /, **settings):
    defaults = {"autoencoder": PROTOTYPE, "max_iter": 5, "random_state": 0}
    return StackedAutoencoder(sizes, **defaults | settings)


@pytest.fixture
def X(digits):
    # Too many rows to be sorted.
    return digits[0][:1_100]


def test_diagnose(X):
    model = make(max_iter=30).fit(X)
    result, codes = model.diagnose(X), model.transform(X)
    assert_allclose(result["mean_activations"], codes.mean(axis=0))
    assert_allclose(result["std_activations"], codes.std(axis=0))
    errors = np.square(model.inverse_transform(codes) - X).sum()
    explained = 1 - errors / np.square(X - X.mean(axis=0)).sum()
    assert result["explained_variance"] == pytest.approx(explained)
    is_inactive = codes.std(axis=0) < 0.01
    assert result["dead"] + result["saturated"] == pytest.approx(is_inactive.mean())


@pytest.mark.parametrize(
    ("loss", "output"), [("squared_error", "tanh"), ("log_loss", "logistic")]
)
@pytest.mark.parametrize("hidden", ["logistic", "relu"])
def test_gradients_of_the_unrolled_network(loss, output, hidden, rng):
    X, w = rng.rand(20, 6), rng.rand(20)
    w /= w.sum()
    layout = ParameterLayout((6, 5, 3, 5, 6))
    objective = NetworkObjective(
        rows_in_blocks(X, None, w),
        layout,
        (ACTIVATIONS[hidden],) * 3,
        alpha=0.1,
        hidden_alpha=0.1,
        loss=RECONSTRUCTION_LOSSES[loss](ACTIVATIONS[output]),
    )
    # Away from zero biases, where relu units of inactive rows have a kink.
    theta = layout.initialize(rng) + 0.1 * rng.randn(layout.n_parameters)
    _, gradient = objective.value_and_gradient(theta)
    numeric = finite_difference(lambda t: objective.value_and_gradient(t)[0], theta)
    assert_allclose(gradient, numeric, atol=1e-6)


def test_codes_and_reconstructions_are_those_of_the_layers(X):
    model = make(autoencoder=[PROTOTYPE, LINEAR_CODE]).fit(X)
    assert [W.shape for W in model.coefs_] == [(64, 12), (12, 5), (5, 12), (12, 64)]
    assert model.activations_ == ["logistic", "identity", "logistic"]
    assert (model.n_layers_, model.n_outputs_) == (5, 64)

    def logistic(Z):
        return 1 / (1 + np.exp(-Z))

    W, b = model.coefs_, model.intercepts_
    codes = logistic(X @ W[0] + b[0]) @ W[1] + b[1]
    assert_allclose(model.transform(X), codes, atol=1e-12)
    outputs = logistic(logistic(codes @ W[2] + b[2]) @ W[3] + b[3])
    assert_allclose(model.inverse_transform(codes), outputs, atol=1e-12)
    errors = 0.5 * (outputs - X) ** 2
    assert_allclose(model.reconstruction_errors(X), errors, atol=1e-12)
    assert_allclose(model.score_samples(X), -errors.sum(axis=1), atol=1e-12)
    decay = 0.5 * model.alpha * sum((part**2).sum() for part in W)
    assert model.loss_ == pytest.approx(errors.sum(axis=1).mean() + decay)
    assert model.get_feature_names_out()[-1] == "stackedautoencoder4"


@pytest.mark.parametrize("loss", ["squared_error", "log_loss"])
def test_errors_of_entries_sum_to_the_scores(loss, X):
    for model in (
        clone(PROTOTYPE).set_params(n_components=8, loss=loss, random_state=0),
        make(autoencoder=[clone(PROTOTYPE).set_params(loss=loss), PROTOTYPE]),
    ):
        errors = model.fit(X).reconstruction_errors(X)
        assert errors.shape == X.shape
        assert (errors > -1e-12).all()
        assert_allclose(errors.sum(axis=1), -model.score_samples(X), atol=1e-10)


def test_without_fine_tuning_it_is_the_stack_of_the_classifier(X, digits):
    model = make(fine_tune=False).fit(X)
    classifier = StackedAutoencoderClassifier(
        (12, 5), autoencoder=PROTOTYPE, fine_tune=False, random_state=0
    ).fit(X, digits[1][: len(X)])
    for mine, other in zip(model.autoencoders_, classifier.autoencoders_, strict=True):
        assert_same_weights(mine, other)
    assert_array_equal(model.transform(X), classifier.transform(X))
    codes = model.transform(X)
    expected = classifier.inverse_transform(codes)
    assert_allclose(model.inverse_transform(codes), expected, atol=1e-12)
    assert model.n_iter_ == model.autoencoders_[-1].n_iter_
    assert [record["name"] for record in model.history_] == ["pretraining"] * 2


def test_one_layer_is_the_autoencoder_without_sparsity(X):
    settings = {"alpha": 1e-3, "max_iter": 10, "tol": 0}
    stack = make((8,), pretrain=False, **settings).fit(X)
    # The first number that a stack draws is the seed of its first layer.
    seed = np.random.RandomState(0).randint(np.iinfo(np.int32).max)
    single = SparseAutoencoder(8, sparsity_weight=0, random_state=seed, **settings)
    for mine, other in zip(stack.coefs_, single.fit(X).coefs_, strict=True):
        assert_allclose(mine, other, atol=1e-9)


def test_fine_tuning_lowers_the_error_of_the_pretrained_stack(X):
    settings = {
        "autoencoder": clone(PROTOTYPE).set_params(max_iter=50),
        "max_iter": 100,
        "tol": 1e-4,
    }
    scores = [make(fine_tune=ft, **settings).fit(X).score(X) for ft in (False, True)]
    assert scores[1] > 0.8 * scores[0] > scores[0]


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_validation_rows_stop_fine_tuning(solver, X):
    model = make(early_stopping=True, solver=solver, max_iter=8).fit(X)
    assert len(model.validation_scores_) == model.n_iter_
    assert model.best_validation_score_ == max(model.validation_scores_) < 0
    given = make(solver=solver, max_iter=8).fit(X[100:], X_val=X[:100])
    assert given.best_validation_score_ == pytest.approx(given.score(X[:100]))
    weighted = make(solver=solver, max_iter=8).fit(
        X[100:], X_val=X[:100], sample_weight_val=np.arange(100)
    )
    expected = weighted.score(X[:100], sample_weight=np.arange(100))
    assert weighted.best_validation_score_ == pytest.approx(expected)


def test_wrong_parameters_leave_the_earlier_fit(X):
    model = make().fit(X)
    before = [W.copy() for W in model.coefs_]
    for change, message in (
        ({"hidden_layer_sizes": ()}, "has no layer"),
        ({"pretrain": False, "fine_tune": False}, "nothing to train"),
        ({"autoencoder": [PROTOTYPE]}, "2 layers"),
        ({"autoencoder": 3}, "autoencoder"),
    ):
        changed = clone(model).set_params(**change)
        changed.__dict__ |= {n: v for n, v in vars(model).items() if n.endswith("_")}
        with pytest.raises(ValueError, match=message):
            changed.fit(X)
        assert_same_weights(changed, model)
    for options, message in (
        ({"sample_weight_val": [1.0]}, "needs X_val"),
        ({"X_val": X[:5, 1:]}, "X_val, sample_weight_val: X has 63 features"),
    ):
        with pytest.raises(ValueError, match=message):
            model.fit(X, **options)
    for one, other in zip(model.coefs_, before, strict=True):
        assert_array_equal(one, other)


def test_values_that_the_output_cannot_reach(X):
    with pytest.warns(UserWarning, match="input of the network lies in"):
        make(pretrain=False).fit(2 * X)


def test_warm_start_goes_on(X):
    model = make(warm_start=True, max_iter=10).fit(X)
    first = model.loss_
    model.fit(X)
    assert model.loss_ < first
    assert [record["name"] for record in model.history_] == ["fine-tuning"]
    unchanged = clone(model).set_params(fine_tune=False).fit(X)
    weights = [W.copy() for W in unchanged.coefs_]
    unchanged.fit(X)
    for one, other in zip(unchanged.coefs_, weights, strict=True):
        assert_array_equal(one, other)
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        model.set_params(hidden_layer_sizes=(12, 6)).fit(X)
    linear = clone(PROTOTYPE).set_params(decoder_activation="identity")
    model.set_params(hidden_layer_sizes=(12, 5), autoencoder=linear)
    with pytest.raises(ValueError, match="decoder_activation of layer 1"):
        model.fit(X)


def test_passes(X):
    model = make(solver="adam", learning_rate_init=0.01)
    for _ in range(5):
        model.partial_fit(X)
    assert len(model.loss_curve_) == model.n_iter_ == 5
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    assert [record["name"] for record in model.history_] == ["pretraining"] * 2
    assert not hasattr(make(), "partial_fit")
    assert not hasattr(make(solver="adam", fine_tune=False), "partial_fit")
    with pytest.raises(AttributeError, match="fine_tune=True"):
        _ = make(solver="adam", fine_tune=False).partial_fit


def test_frozen_layers_bring_their_decoders(X):
    first = clone(PROTOTYPE).set_params(n_components=12, random_state=1).fit(X)
    second = clone(PROTOTYPE).set_params(n_components=5).fit(first.transform(X))
    frozen = [FrozenEstimator(first), FrozenEstimator(second)]
    model = make(autoencoder=frozen, fine_tune=False).fit(X)
    codes = second.transform(first.transform(X))
    assert_array_equal(model.transform(X), codes)
    expected = first.inverse_transform(second.inverse_transform(codes))
    assert_allclose(model.inverse_transform(codes), expected, atol=1e-12)
    assert np.isnan(model.loss_)
    assert model.n_iter_ == 0
    before = first.coefs_[0].copy()
    for pretrain in (True, False):
        make(autoencoder=frozen, pretrain=pretrain).fit(X)
    assert_array_equal(first.coefs_[0], before)


def test_denoising_layers_choose_the_loss(X):
    model = make(autoencoder="denoising").fit(X)
    assert (model.loss_function_, model.out_activation_) == ("log_loss", "logistic")


def test_a_cache_takes_over_pretraining(X, tmp_path, capsys):
    expected = make().fit(X)
    for _ in range(2):
        cached = make(memory=str(tmp_path), verbose=1).fit(X)
        assert_same_weights(cached, expected)
    assert "from the cache" in capsys.readouterr().out


def test_weighted_rows_are_repeated_rows(X, rng):
    weights = rng.randint(0, 3, size=300)
    weighted = make().fit(X[:300], sample_weight=weights)
    repeated = make().fit(np.repeat(X[:300], weights, axis=0))
    assert_same_weights(weighted, repeated)


def test_all_kinds_of_rows_in_memory_and_on_disk(X, tmp_path):
    expected = make().fit(X)
    sparse = make().fit(csr_array(X))
    assert_allclose(sparse.transform(csr_array(X)), expected.transform(X), atol=1e-6)
    X.tofile(tmp_path / "X")
    stored = np.memmap(tmp_path / "X", X.dtype, mode="r", shape=X.shape)
    on_disk = make().fit(RowsOnDisk(stored))
    assert_allclose(on_disk.transform(X), expected.transform(X), atol=1e-6)
    assert_allclose(on_disk.reconstruction_errors(RowsOnDisk(stored)).sum(), -len(X)
                    * on_disk.score(X))  # fmt: skip
    for n_jobs in (1, 3):
        assert_same_weights(make(n_jobs=n_jobs).fit(X), expected)


def test_rows_on_a_cluster(X):
    distributed = pytest.importorskip("distributed")
    da = pytest.importorskip("dask.array")
    expected = make().fit(X)
    options = {"processes": False, "n_workers": 1, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster):
        chunks = da.from_array(X, chunks=(300, 64))
        model = make().fit(chunks)
        errors = model.reconstruction_errors(chunks).compute()
        val = make().fit(chunks, X_val=chunks[:200])
    for one, other in zip(model.coefs_, expected.coefs_, strict=True):
        assert_allclose(one, other, atol=1e-8)
    assert_allclose(errors, expected.reconstruction_errors(X), atol=1e-8)
    assert val.best_validation_score_ < 0


def test_in_pipelines_and_pickles(X, tmp_path):
    skops = pytest.importorskip("skops.io")
    pipeline = make_pipeline(MinMaxScaler(), make()).fit(X)
    assert pipeline.inverse_transform(pipeline.transform(X)).shape == X.shape
    model = pipeline[-1]
    for loaded in (
        pickle.loads(pickle.dumps(model)),
        skops.loads(skops.dumps(model), trusted=TRUSTED_TYPES),
    ):
        assert_same_weights(loaded, model)
    assert "decoders" in model._repr_html_()
    with pytest.warns(UserWarning, match="of the stack determines"):
        make(autoencoder=clone(PROTOTYPE)).set_params(autoencoder__n_components=3)


def test_a_stage_that_does_not_settle_warns(X):
    with pytest.warns(ConvergenceWarning, match="fine-tuning"):
        make(max_iter=1, tol=0).fit(X)


def test_exports(X):
    model = make().fit(X)
    network = to_mlp_regressor(model)
    expected = model.inverse_transform(model.transform(X))
    assert_allclose(network.predict(X), expected, atol=1e-12)
    assert network.hidden_layer_sizes == (12, 5, 12)
    linear = make(autoencoder=[PROTOTYPE, LINEAR_CODE]).fit(X)
    with pytest.raises(ValueError, match="MLPRegressor supports only one"):
        to_mlp_regressor(linear)


def test_displays(X):
    plt = pytest.importorskip("matplotlib.pyplot")
    model = make().fit(X)
    for layer in (1, 2):
        display = ComponentsDisplay.from_estimator(model, layer=layer)
        assert len(display.components) == (12, 5)[layer - 1]
    with pytest.raises(ValueError, match="from 1 to 2"):
        ComponentsDisplay.from_estimator(model, layer=3)
    ActivationDisplay.from_estimator(model, X, layer=2)
    display = ReconstructionDisplay.from_estimator(model, X[:5])
    expected = model.inverse_transform(model.transform(X[:5]))
    assert_allclose(display.reconstructions, expected)
    TrainingCurveDisplay.from_estimator(model)
    plt.close("all")
