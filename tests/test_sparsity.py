"""Kinds of sparsity: penalties of means and of rows, and the k largest units."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from helpers import (
    ACTIVATION_NAMES,
    SOLVERS,
    assert_same_weights,
    finite_difference,
    rows_in_blocks,
    small_autoencoder,
    small_classifier,
)
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array, issparse
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skstackedae import RowsOnDisk, SparseAutoencoder, StackedAutoencoder
from skstackedae._network import kernels
from skstackedae._network.activations import ACTIVATIONS, activation_of, with_top_k
from skstackedae._network.layers import Layer
from skstackedae._network.losses import RECONSTRUCTION_LOSSES
from skstackedae._network.penalties import L1Sparsity
from skstackedae._training.autoencoder import AutoencoderSettings
from skstackedae._training.settings import from_parameters
from skstackedae.export import to_mlp_regressor

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stopped after max_iter",
    "ignore:Most units of the",
    "ignore:The input of the",
)

TOP_K = {"sparsity": "top_k", "sparsity_target": 0.2, "activation": "relu"}
L1 = {"sparsity": "l1", "sparsity_weight": 0.01, "activation": "relu"}


def make(n_components=20, /, **settings):
    return small_autoencoder(n_components, **{"max_iter": 10} | settings)


@pytest.mark.parametrize("activation", ACTIVATION_NAMES)
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("sparsity", ["l1", "top_k"])
@pytest.mark.parametrize("loss", RECONSTRUCTION_LOSSES)
def test_gradients(loss, sparsity, tied, activation, rng):
    X, w = rng.rand(20, 6), rng.rand(20)
    model = SparseAutoencoder(
        5,
        activation=activation,
        sparsity=sparsity,
        sparsity_target=0.4,
        tied_weights=tied,
        loss=loss,
    )
    settings = from_parameters(AutoencoderSettings, model.get_params())
    objective = settings.objective(rows_in_blocks(X, None, w / w.sum()))
    theta = settings.initial_theta(6, rng)
    theta += 0.1 * rng.randn(len(theta))
    _, gradient = objective.value_and_gradient(theta)
    numeric = finite_difference(lambda t: objective.value_and_gradient(t)[0], theta)
    assert_allclose(gradient, numeric, atol=1e-6)


@pytest.mark.parametrize("activation", ["logistic", "relu", "identity"])
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("loss", RECONSTRUCTION_LOSSES)
@pytest.mark.parametrize("block_rows", [None, 10])
def test_gradients_with_idle_units(block_rows, loss, tied, activation, rng):
    X, w = rng.rand(20, 6), rng.rand(20)
    model = SparseAutoencoder(
        8,
        activation=activation,
        sparsity="top_k",
        sparsity_target=0.25,
        tied_weights=tied,
        loss=loss,
        idle_weight=0.7,
        solver="adam",
    )
    settings = from_parameters(AutoencoderSettings, model.get_params())
    rows = rows_in_blocks(X, None, w / w.sum(), block_rows=block_rows)
    objective = settings.objective(rows)
    theta = settings.initial_theta(6, rng)
    _, intercepts = objective.layout.unpack(theta)
    intercepts[0][:] = [0.1, 0.2, 0.3, 0.1, -3, -3.1, -3.2, -3.3]
    if activation == "relu":
        # Idle, but not dead: relu units of negative inputs have no gradient.
        intercepts[0][:] += 3.6
    value, gradient = objective.value_and_gradient(theta)
    without = replace(objective, idle_weight=0.0)
    plain, plain_gradient = without.value_and_gradient(theta)
    assert value > plain
    assert np.abs(gradient - plain_gradient).max() > 1e-3
    numeric = finite_difference(lambda t: objective.value_and_gradient(t)[0], theta)
    assert_allclose(gradient, numeric, atol=1e-6)


def test_idle_units_come_back(digits, global_random_seed):
    X, _ = digits
    settings = TOP_K | {"sparsity_target": 0.05, "decoder_activation": "identity"}
    settings |= {"solver": "adam", "random_state": global_random_seed, "max_iter": 60}
    settings |= {"batch_size": 100, "n_iter_no_change": np.inf}
    without = make(100, **settings).fit(X).diagnose(X)
    kept = make(100, idle_weight=0.1, **settings).fit(X).diagnose(X)
    assert kept["dead"] <= without["dead"]
    assert kept["explained_variance"] > without["explained_variance"] - 0.03
    with pytest.raises(ValueError, match="set solver='adam', or idle_weight=0"):
        make(idle_weight=0.1, **TOP_K).fit(X)


def test_without_idle_units_their_loss_is_nothing(few_digits):
    X, _ = few_digits
    settings = {"sparsity": "top_k", "sparsity_target": 0.999, "solver": "adam"}
    model = make(**settings).fit(X)
    assert_same_weights(model, make(idle_weight=0.5, **settings).fit(X))


@pytest.mark.parametrize("activation", ["tanh", "relu", "identity"])
def test_the_l1_penalty_is_its_formula(activation, few_digits):
    X, _ = few_digits
    settings = {"sparsity": "l1", "sparsity_weight": 0.03, "alpha": 0}
    model = make(activation=activation, **settings).fit(X)
    lengths = np.linalg.norm(model.coefs_[1], axis=1)
    penalty = 0.03 * (np.abs(model.transform(X)) @ lengths).mean()
    assert model.loss_ == pytest.approx(penalty - model.score(X))


def test_l1_penalty_of_units_without_outgoing_weights(rng):
    A, w, V = rng.rand(4, 3), np.full(4, 0.25), rng.randn(3, 2)
    V[1] = 0
    value, error, decoder_error = L1Sparsity(2.0).of_rows(A, w, V)
    others = [0, 2]
    expected = L1Sparsity(2.0).of_rows(A[:, others], w, V[others])
    assert value == pytest.approx(expected[0])
    assert_allclose(error[:, others], expected[1])
    assert_allclose(decoder_error[others], expected[2])
    assert not error[:, 1].any()
    assert not decoder_error[1].any()


def test_l1_turns_units_off(few_digits):
    X, _ = few_digits
    active = [
        make(**L1 | {"sparsity_weight": weight, "max_iter": 100})
        .fit(X)
        .diagnose(X)["mean_active"]
        for weight in (0, 0.03)
    ]
    assert active[1] < 0.7 * active[0]


@pytest.mark.parametrize("activation", ACTIVATION_NAMES)
def test_k_is_a_number_or_a_fraction(activation, few_digits):
    X, _ = few_digits
    settings = {"sparsity": "top_k", "activation": activation}
    model = make(**settings, sparsity_target=4).fit(X)
    assert model.activations_ == [f"{activation}, top 4"]
    assert_same_weights(model, make(**settings, sparsity_target=0.2).fit(X))
    stack = small_classifier((20, 8), autoencoder=make(**settings, sparsity_target=6))
    assert stack.fit(*few_digits).activations_[1] == f"{activation}, top 6"
    with pytest.raises(ValueError, match="more than the 20 units"):
        make(**settings, sparsity_target=21).fit(X)
    with pytest.raises(ValueError, match="more than the 5 units"):
        stack.set_params(hidden_layer_sizes=(20, 5)).fit(*few_digits)
    with pytest.raises(ValueError, match=r"float in \(0, 1\), or set sparsity='top_k'"):
        make(sparsity_target=4).fit(X)


@pytest.mark.parametrize("activation", ACTIVATION_NAMES)
def test_never_more_than_k_units_are_on(activation, few_digits):
    X = np.float32(100) * few_digits[0]  # saturates logistic and tanh units
    settings = TOP_K | {"activation": activation, "decoder_activation": "identity"}
    model = make(**settings, alpha=0).fit(X)
    # Units with equal inputs, and a row for which all inputs are equal.
    model.coefs_[0][:, 1:4] = model.coefs_[0][:, :1]
    model.intercepts_[0][:] = 0
    X[0] = 0
    codes = model.transform(X)
    assert np.count_nonzero(codes, axis=1).max() <= 4
    assert np.count_nonzero(codes[0]) == 0
    found = model.set_params(sparse_output=True).transform(X)
    assert_array_equal(found.toarray() != 0, codes != 0)
    assert_allclose(found.toarray(), codes, rtol=1e-6)


@pytest.mark.parametrize("activation", ["logistic", "tanh"])
def test_saturated_units_are_trained_as_they_predict(activation, few_digits):
    X = np.float32(16) * few_digits[0]
    settings = TOP_K | {"activation": activation, "decoder_activation": "identity"}
    model = make(100, **settings, alpha=0).fit(X)
    assert model.loss_ == pytest.approx(-model.score(X), rel=1e-5)


@pytest.mark.parametrize("activation", ACTIVATION_NAMES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sparse_products_are_the_dense_ones(activation, dtype, rng):
    X, w = rng.rand(30, 8).astype(dtype), rng.rand(30).astype(dtype)
    # Small weights, because units at their limits are equal.
    W, V = 0.3 * rng.randn(2, 8, 12).astype(dtype)
    b, c = rng.randn(12).astype(dtype), rng.randn(8).astype(dtype)
    layers = [
        Layer(W, b, with_top_k(ACTIVATIONS[activation], 3)),
        Layer(V.T.copy(), c, ACTIVATIONS["identity"]),
    ]
    loss = RECONSTRUCTION_LOSSES["squared_error"](ACTIVATIONS["logistic"])
    emphasis = rng.rand(30, 8).astype(dtype)
    found = kernels.reconstruct(X, X, w, layers, loss, None, emphasis)
    (H,) = kernels.forward(X, layers[:1])[1:]
    expected = kernels._reconstruct(X, X, w, H, layers, loss, None, emphasis)
    for part, other in zip(found, expected, strict=True):
        assert_allclose(part, other, rtol=2e-3, atol=1e-4)
        assert np.asarray(part).dtype == np.asarray(other).dtype


@pytest.mark.parametrize("activation", ["logistic", "identity"])
def test_the_largest_units_are_on(activation, few_digits):
    X, _ = few_digits
    model = make(**TOP_K | {"activation": activation}).fit(X)
    H = model.transform(X)
    assert (np.count_nonzero(H, axis=1) == 4).all()
    free = make(activation=activation, sparsity_weight=0).fit(X)
    free.coefs_, free.intercepts_ = model.coefs_, model.intercepts_
    everything = free.transform(X)
    largest = np.sort(everything, axis=1)[:, -4:]
    assert_allclose(np.sort(np.where(H == 0, -9, H), axis=1)[:, -4:], largest)
    assert model.diagnose(X)["mean_active"] == pytest.approx(4)


@pytest.mark.parametrize(("target", "k"), [(1e-9, 1), (0.1, 2), (0.999, 20)])
def test_k_is_a_fraction_of_the_units(target, k, few_digits):
    model = make(**TOP_K | {"sparsity_target": target, "max_iter": 1})
    assert model.fit(few_digits[0]).activations_ == [f"relu, top {k}"]


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("settings", [TOP_K, L1, TOP_K | {"tied_weights": True}])
def test_every_kind_learns(settings, solver, few_digits, global_random_seed):
    X, _ = few_digits
    model = make(solver=solver, learning_rate_init=0.01, **settings | {"max_iter": 60})
    model.set_params(random_state=global_random_seed, decoder_activation="identity")
    result = model.fit(X).diagnose(X)
    # 0.48 to 0.77 for seeds from 0 to 9.
    assert result["explained_variance"] > 0.4


@pytest.mark.parametrize(
    "settings", [TOP_K, TOP_K | {"activation": "tanh"}, L1 | {"sparsity_weight": 0.03}]
)
def test_dead_units_are_never_on(settings, few_digits):
    X, _ = few_digits
    model = make(**settings, decoder_activation="identity").fit(X)
    model.intercepts_[0][:5] = -1e3
    never = (model.transform(X) == 0).all(axis=0).mean()
    result = model.diagnose(X)
    assert result["dead"] == pytest.approx(never)
    assert result["saturated"] == 0
    assert never >= 0.25


def test_units_are_judged_by_what_they_add(few_digits):
    X, _ = few_digits
    model = make(**L1, decoder_activation="identity").fit(X)
    before = model.diagnose(X)
    # The same function.
    model.coefs_[0] /= 1e4
    model.intercepts_[0] /= 1e4
    model.coefs_[1] *= 1e4
    after = model.diagnose(X)
    assert after["dead"] == before["dead"] < 0.5
    # A unit that adds next to nothing, wherever it is on.
    assert model.transform(X)[:, 0].any()
    model.coefs_[1][0] /= 1e4
    assert model.diagnose(X)["dead"] == pytest.approx(after["dead"] + 1 / 20)


def test_a_rare_unit_is_not_dead(rng):
    X = np.abs(rng.randn(2_000, 6))
    X[0] = 50
    model = make(6, **L1, decoder_activation="identity").fit(X)
    model.coefs_[0][:, 0], model.intercepts_[0][0] = 1, -100
    assert np.count_nonzero(model.transform(X)[:, 0]) == 1
    before = model.diagnose(X)["dead"]
    model.intercepts_[0][0] = -1e6
    assert model.diagnose(X)["dead"] == pytest.approx(before + 1 / 6)


def test_weights_that_start_equal_are_not_tied(few_digits):
    X, _ = few_digits
    settings = {"decoder_activation": "identity", "solver": "adam"}
    model = make(**TOP_K | settings).partial_fit(np.zeros_like(X)).partial_fit(X)
    with pytest.raises(ValueError, match=r"tied_weights=True.* used False"):
        model.set_params(tied_weights=True).partial_fit(X)
    settings |= {"standardize": True, "warm_start": True}
    model = make(**TOP_K | settings).fit(X).set_params(tied_weights=True)
    with pytest.raises(ValueError, match=r"tied_weights=True.* used False"):
        model.fit(X)


def test_a_warning_of_dead_units_names_what_helps(few_digits):
    X, _ = few_digits
    model = make(200, **TOP_K | {"sparsity_target": 1 / 200})
    with pytest.warns(UserWarning, match=r"Most units.*Raise idle_weight"):
        model.fit(X)
    assert model.diagnose(X)["dead"] > 0.5


def test_decoders_of_unit_norm(few_digits):
    X, _ = few_digits
    model = make(solver="adam", normalize_decoder=True, **L1).fit(X)
    assert_allclose(np.linalg.norm(model.coefs_[1], axis=1), 1)
    model = make(solver="adam", normalize_decoder=True, **TOP_K).partial_fit(X)
    assert_allclose(np.linalg.norm(model.coefs_[1], axis=1), 1)
    for wrong in ({"solver": "lbfgs"}, {"solver": "adam", "tied_weights": True}):
        with pytest.raises(ValueError, match="set normalize_decoder=False"):
            make(normalize_decoder=True, **wrong).fit(X)


@pytest.mark.parametrize("kind", [TOP_K, L1])
def test_units_start_from_the_mean_of_the_data(kind, few_digits):
    X, _ = few_digits
    settings = {"solver": "adam", "learning_rate_init": 1e-12, "max_iter": 1}
    model = make(**kind | settings | {"decoder_activation": "identity"}).fit(X)
    assert_allclose(model.intercepts_[1], X.mean(axis=0), atol=1e-6)
    assert_allclose(model.transform(X.mean(axis=0)[None]), 0, atol=1e-6)


@pytest.mark.parametrize(("kind", "norm"), [(TOP_K, 0.5), (L1, 0.2)])
def test_units_start_as_directions(kind, norm, few_digits, rng):
    model = make(**kind)
    settings = from_parameters(AutoencoderSettings, model.get_params())
    encoder, decoder = settings.layers(
        settings.initial_theta(64, rng), rows_in_blocks(few_digits[0])
    )
    assert_allclose(np.linalg.norm(encoder.W, axis=0), norm)
    assert_array_equal(encoder.W.T, decoder.W)


@pytest.mark.parametrize("settings", [TOP_K, L1, {}])
def test_sparse_output(settings, few_digits, tmp_path):
    X, _ = few_digits
    dense = make(**settings).fit(X)
    model = make(sparse_output=True, **settings).fit(X)
    H = model.transform(X)
    assert issparse(H)
    assert H.format == "csr"
    assert H.dtype == np.float64
    assert_allclose(H.toarray(), dense.transform(X))
    if settings is TOP_K:
        assert H.nnz <= 4 * len(X)
    assert_allclose(
        model.inverse_transform(H), dense.inverse_transform(dense.transform(X))
    )
    np.save(tmp_path / "X.npy", np.tile(X, (40, 1)))
    on_disk = RowsOnDisk(np.load(tmp_path / "X.npy", mmap_mode="r"), dtype="float64")
    assert_allclose(model.transform(on_disk)[: len(X)].toarray(), H.toarray())
    pipeline = make_pipeline(model, LogisticRegression(max_iter=1_000))
    assert pipeline.fit(X, few_digits[1]).score(X, few_digits[1]) > 0.5


def test_sparse_output_stays_in_memory(few_digits):
    array = pytest.importorskip("dask.array")
    model = make(sparse_output=True, **TOP_K).fit(few_digits[0])
    with pytest.raises(ValueError, match="set sparse_output=False"):
        model.transform(array.from_array(few_digits[0], chunks=(100, -1)))


def test_models_are_the_same_for_all_numbers_of_threads(digits):
    X = np.tile(digits[0], (3, 1))
    models = [make(n_jobs=n, **TOP_K | {"max_iter": 3}).fit(X) for n in (1, 2)]
    assert_same_weights(*models)


@pytest.mark.parametrize("settings", [TOP_K, L1])
def test_layers_of_stacks(settings, few_digits):
    X, y = few_digits
    prototype = make(**settings)
    classifier = small_classifier((20, 10), autoencoder=prototype, max_iter=20)
    assert classifier.fit(X, y).score(X, y) > 0.3
    stack = StackedAutoencoder((20, 10), autoencoder=prototype, max_iter=5)
    stack.fit(X)
    if settings is TOP_K:
        assert stack.activations_[:2] == ["relu, top 4", "relu, top 2"]
        assert (np.count_nonzero(stack.transform(X), axis=1) <= 2).all()
    loaded = pickle.loads(pickle.dumps(stack))
    assert_array_equal(loaded.transform(X), stack.transform(X))
    stack.set_params(warm_start=True, max_iter=2).fit(X)
    stack.autoencoder.set_params(sparsity_target=0.5)
    if settings is TOP_K:
        with pytest.raises(ValueError, match="activations of the autoencoders"):
            stack.fit(X)


def test_warm_start_and_passes(few_digits):
    X, _ = few_digits
    model = make(warm_start=True, **TOP_K).fit(X)
    loss = model.loss_
    assert model.fit(X).loss_ <= loss
    with pytest.raises(ValueError, match=r"sparsity_target\)=10, but .* used 4"):
        model.set_params(sparsity_target=0.5).fit(X)
    streamed = make(solver="adam", **TOP_K)
    for _ in range(3):
        streamed.partial_fit(X)
    assert streamed.loss_curve_[-1] < streamed.loss_curve_[0]


def test_activations_by_name():
    activation = activation_of("relu, top 3")
    assert activation.top_k == 3
    assert activation.base_name == "relu"
    assert pickle.loads(pickle.dumps(activation)).name == "relu, top 3"
    A = activation.function(np.array([[3.0, 1, 2, -1, 4]]))
    assert_array_equal(A, [[3, 0, 2, 0, 4]])
    assert activation_of("tanh, top 2").lower == -1


def test_exports(few_digits):
    X = few_digits[0].astype(np.float32)
    model = make(**TOP_K).fit(X)
    stack = StackedAutoencoder((8,), autoencoder=model, max_iter=3).fit(X)
    with pytest.raises(ValueError, match=r"'relu, top 2', which MLPRegressor"):
        to_mlp_regressor(stack)


def test_kl_needs_units_with_a_range(few_digits):
    with pytest.raises(ValueError, match="sparsity='l1' or 'top_k'"):
        make(activation="relu").fit(few_digits[0])


@pytest.mark.parametrize("settings", [TOP_K, L1])
def test_sparse_X(settings, few_digits):
    X, _ = few_digits
    model = make(**settings).fit(X)
    assert_same_weights(model, make(**settings).fit(csr_array(X)))
