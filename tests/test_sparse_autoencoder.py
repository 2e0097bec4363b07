"""The sparse autoencoder as its users see it."""

import itertools
import tracemalloc
from functools import partial

import numpy as np
import pytest
from helpers import DTYPES, SOLVERS, small_autoencoder, small_classifier
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import MinMaxScaler

from skstackedae import SparseAutoencoder
from skstackedae._rows.blocks import RowsInBlocks
from skstackedae._training.diagnostics import ActivationStatistics

# The default budget is for real work; that using it up warns is tested elsewhere.
pytestmark = pytest.mark.filterwarnings("ignore:Stopped after max_iter")


small = partial(small_autoencoder, n_components=12)


@pytest.fixture(scope="module")
def fitted(few_digits, global_random_seed):
    return small(random_state=global_random_seed).fit(few_digits[0])


def test_learns_sparse_units_that_reconstruct(few_digits, fitted, global_random_seed):
    X, _ = few_digits
    variance = 0.5 * X.var(axis=0).sum()
    assert -fitted.score(X) < 0.7 * variance
    # The penalty holds the mean activations near its target of 0.1.
    assert_allclose(fitted.mean_activations_, 0.1, atol=0.05)
    assert_allclose(fitted.mean_activations_, fitted.transform(X).mean(axis=0))
    free = small(sparsity_weight=0, random_state=global_random_seed).fit(X)
    assert np.abs(free.mean_activations_ - 0.1).mean() > 0.1
    # What the method's docstring says of searches by score.
    assert free.score(X) > fitted.score(X)


def test_outputs_are_the_formulas(few_digits, fitted, rng):
    X, _ = few_digits
    (W1, W2), (b1, b2) = fitted.coefs_, fitted.intercepts_
    H = expit(X @ W1 + b1)
    reconstruction = expit(H @ W2 + b2)
    assert_allclose(fitted.transform(X), H)
    assert_allclose(fitted.inverse_transform(H), reconstruction)
    squared = ((X - reconstruction) ** 2).sum(axis=1)
    assert_allclose(fitted.score_samples(X), -squared / 2)
    weights = rng.rand(len(X))
    expected = -np.average(squared, weights=weights) / 2
    assert fitted.score(X, sample_weight=weights) == pytest.approx(expected)
    assert_array_equal(fitted.components_, W1.T)


def test_same_network_as_mlp_regressor(few_digits, fitted):
    X, _ = few_digits
    mlp = MLPRegressor(hidden_layer_sizes=12, activation="logistic", max_iter=1)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        mlp.fit(X, X)
    mlp.coefs_, mlp.intercepts_ = fitted.coefs_, fitted.intercepts_
    mlp.out_activation_ = "logistic"
    assert_allclose(fitted.inverse_transform(fitted.transform(X)), mlp.predict(X))


def test_linear_autoencoder_reconstructs_as_pca_does(rng, global_random_seed):
    X = rng.randn(300, 6) @ np.diag([3, 2, 1, 0.3, 0.2, 0.1])
    model = SparseAutoencoder(
        2,
        activation="identity",
        decoder_activation="identity",
        sparsity_weight=0,
        alpha=0,
        tol=0,
        max_iter=2000,
        random_state=global_random_seed,
    ).fit(X)
    pca = PCA(2).fit(X)
    best = pca.inverse_transform(pca.transform(X))
    assert_allclose(model.inverse_transform(model.transform(X)), best, atol=1e-4)


# L-BFGS's first step may put relu units to sleep for good.
@pytest.mark.filterwarnings("ignore:Most units")
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    ("activation", "decoder_activation"),
    [
        *itertools.product(("logistic", "tanh"), ("logistic", "identity")),
        *itertools.product(("relu", "identity"), ("relu", "tanh", "identity")),
    ],
)
def test_every_option_learns(
    solver, activation, decoder_activation, few_digits, global_random_seed
):
    X, _ = few_digits
    bounded = activation in ("logistic", "tanh")
    model = small(
        activation=activation,
        decoder_activation=decoder_activation,
        sparsity_weight=0.1 if bounded else 0,
        solver=solver,
        learning_rate_init=0.01,
        random_state=global_random_seed,
    ).fit(X)
    # Better by far than the best constant.
    assert -model.score(X) < 0.7 * 0.5 * X.var(axis=0).sum()
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    assert len(model.loss_curve_) == model.n_iter_


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_precision_is_kept(solver, dtype, few_digits):
    X = few_digits[0].astype(dtype)
    model = small(solver=solver).fit(X)
    arrays = [*model.coefs_, *model.intercepts_, model.transform(X)]
    arrays += [model.inverse_transform(model.transform(X)), model.score_samples(X)]
    assert {a.dtype for a in arrays} == {np.dtype(dtype)}
    assert model.mean_activations_.dtype == np.float64


@pytest.mark.slow
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    ("stored", "computed"),
    [
        (np.uint8, np.float32),
        (np.int16, np.float32),
        (bool, np.float32),
        (np.float16, np.float32),
        (np.int32, np.float64),
        (np.int64, np.float64),
    ],
)
def test_other_types_become_the_float_that_holds_them(
    stored, computed, solver, few_digits
):
    X = (few_digits[0] > 0.5).astype(stored)
    model, converted = (small(solver=solver).fit(A) for A in (X, X.astype(computed)))
    assert model.coefs_[0].dtype == model.transform(X).dtype == computed
    for W, expected in zip(model.coefs_, converted.coefs_, strict=True):
        assert_array_equal(W, expected)
    assert_array_equal(model.transform(X), model.transform(X.astype(computed)))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    "make", [small_autoencoder, partial(small_classifier, pretraining={"max_iter": 1})]
)
def test_small_integers_are_never_converted_as_a_whole(make, solver, rng):
    X = rng.randint(2, size=(40_000, 100)).astype(np.uint8)
    model = make(3, solver=solver, max_iter=1, n_jobs=1)
    tracemalloc.start()
    model.fit(X, X[:, 0])
    model.predict(X) if hasattr(model, "predict") else model.diagnose(X)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < X.size * np.dtype(np.float32).itemsize


@pytest.mark.parametrize("solver", SOLVERS)
def test_kernel_sees_the_precision_of_the_data(solver, digits, monkeypatch):
    seen = set()
    original = RowsInBlocks.load

    def watched(self, cut):
        X, y, w = original(self, cut)
        seen.add((X.dtype, w.dtype))
        return X, y, w

    monkeypatch.setattr(RowsInBlocks, "load", watched)
    # More rows than are brought into canonical form.
    small(solver=solver).fit(digits[0].astype(np.float32))
    assert seen == {(np.dtype("f4"), np.dtype("f4"))}


@pytest.mark.parametrize("solver", SOLVERS)
def test_seed_decides(solver, few_digits, global_random_seed):
    X, _ = few_digits
    one, same, other = (
        small(solver=solver, random_state=global_random_seed + offset).fit(X)
        for offset in (0, 0, 1)
    )
    assert_array_equal(one.coefs_[0], same.coefs_[0])
    assert not np.allclose(one.coefs_[0], other.coefs_[0])


def test_weights_equal_repeated_rows(few_digits, rng, global_random_seed):
    X = few_digits[0][:200]
    counts = rng.randint(0, 4, size=200)
    weighted = small(random_state=global_random_seed).fit(X, sample_weight=counts)
    repeated = small(random_state=global_random_seed).fit(
        rng.permutation(np.repeat(X, counts, axis=0))
    )
    assert_array_equal(weighted.coefs_[0], repeated.coefs_[0])
    assert_array_equal(weighted.mean_activations_, repeated.mean_activations_)


def test_weights_equal_repeated_rows_also_in_large_data(
    digits, rng, global_random_seed
):
    # No canonical form here: equal up to what a few iterations amplify.
    X = digits[0]
    counts = rng.randint(1, 3, size=len(X))
    settings = {"max_iter": 15, "n_iter_no_change": 14, "tol": 1.0}
    weighted = small(**settings, random_state=global_random_seed).fit(
        X, sample_weight=counts
    )
    repeated = small(**settings, random_state=global_random_seed).fit(
        np.repeat(X, counts, axis=0)
    )
    assert weighted.n_iter_ == 15
    assert_allclose(weighted.coefs_[0], repeated.coefs_[0], rtol=1e-8, atol=1e-9)


def test_scale_of_weights_does_not_matter(few_digits, global_random_seed):
    X, w = few_digits[0][:100], np.arange(1.0, 101)
    one, other = (
        small(random_state=global_random_seed).fit(X, sample_weight=w * scale)
        for scale in (1, 1024)
    )
    assert_array_equal(one.coefs_[0], other.coefs_[0])


def test_zero_weights_take_rows_out_of_adam_too(few_digits, global_random_seed):
    X = few_digits[0][:300]
    keep = np.arange(300) % 3 > 0
    weighted = small(solver="adam", random_state=global_random_seed).fit(
        X, sample_weight=keep.astype(float)
    )
    without = small(solver="adam", random_state=global_random_seed).fit(X[keep])
    assert_array_equal(weighted.coefs_[0], without.coefs_[0])


@pytest.mark.parametrize("solver", SOLVERS)
def test_warm_start_goes_on(solver, few_digits, global_random_seed):
    X, _ = few_digits
    model = small(
        solver=solver,
        max_iter=15,
        tol=0.9,
        n_iter_no_change=14,
        random_state=global_random_seed,
    ).fit(X)
    first = model.loss_curve_
    model.set_params(warm_start=True).fit(X)
    assert model.loss_curve_[0] < first[-1]
    cold = model.set_params(warm_start=False).fit(X)
    assert cold.loss_curve_ == first


def test_parameters_set_after_the_fit_do_not_change_the_model(few_digits):
    X, _ = few_digits
    model = small().fit(X)
    features = model.transform(X)
    scores = model.score_samples(X)
    model.set_params(n_components=3, activation="tanh", decoder_activation="identity")
    assert_array_equal(model.transform(X), features)
    assert_array_equal(model.score_samples(X), scores)
    assert model.inverse_transform(features).max() <= 1


def test_warm_start_refuses_another_network(few_digits):
    X, _ = few_digits
    model = small(warm_start=True).fit(X)
    with pytest.raises(ValueError, match="63 features"):
        model.fit(X[:, 1:])
    model.set_params(activation="tanh")
    with pytest.raises(ValueError, match=r"activation='tanh'.*used 'logistic'"):
        model.fit(X)
    model.set_params(activation="logistic", n_components=5)
    with pytest.raises(ValueError, match=r"n_components=5.*used 12.*warm_start=False"):
        model.fit(X)
    assert model.set_params(warm_start=False).fit(X).coefs_[0].shape == (64, 5)


def test_rows_without_weight_do_not_warn_of_their_range(few_digits):
    X = np.concatenate([few_digits[0], np.full((1, 64), 50.0)])
    weights = np.r_[np.ones(400), 0]
    model = small().fit(X, sample_weight=weights)
    huge = model.score(few_digits[0], sample_weight=np.full(400, 1e308))
    assert huge == pytest.approx(model.score(few_digits[0]))


def test_floating_point_errors_stay_inside(few_digits, global_random_seed):
    X, _ = few_digits
    model = small(n_jobs=1, random_state=global_random_seed)
    with np.errstate(all="raise"):
        # Far from 0 the exponential in the units overflows or underflows.
        H = model.fit(X).transform(X * 1e6)
    assert {0, 1} <= set(np.unique(H))


@pytest.mark.parametrize(
    ("decoder", "remedy"),
    [
        ("logistic", r"\[0, 1\]. Use MinMaxScaler\(feature_range=\(0, 1\)\), or deco"),
        ("tanh", r"\[-1, 1\]. Use MinMaxScaler\(feature_range=\(-1, 1\)\), or deco"),
        ("relu", r"\[0, inf\]. Use decoder_activation='identity'"),
    ],
)
def test_data_outside_of_the_decoders_range_warn_once(decoder, remedy, few_digits):
    X = few_digits[0] * 4 - 2
    with pytest.warns(UserWarning, match=r"lies in \[-2, 2\]") as caught:
        small(decoder_activation=decoder, max_iter=50).fit(X)
    outside = [w for w in caught if "reconstructs only" in str(w.message)]
    assert len(outside) == 1
    assert outside[0].filename == __file__
    with pytest.warns(UserWarning, match=remedy):
        small(decoder_activation=decoder, max_iter=50).fit(X)


@pytest.mark.parametrize("dtype", DTYPES)
def test_scaled_data_do_not_warn(dtype, few_digits):
    X = MinMaxScaler().fit_transform(few_digits[0].astype(dtype) * 7.3 + 1.1)
    small().fit(X)
    small(decoder_activation="tanh").fit(X * 2 - 1)


def test_dead_units_warn_and_name_the_remedy(few_digits, global_random_seed):
    with pytest.warns(UserWarning, match="dead or saturated.*Lower alpha") as caught:
        small(alpha=10.0, random_state=global_random_seed).fit(few_digits[0])
    assert any(w.filename == __file__ for w in caught)
    with pytest.warns(UserWarning, match="dead or saturated"):
        small(
            alpha=10.0,
            activation="relu",
            sparsity_weight=0,
            random_state=global_random_seed,
        ).fit(few_digits[0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_divergence_is_an_error(dtype, few_digits):
    X = (few_digits[0] * 1e30).astype(dtype) ** (1 if dtype == np.float32 else 8)
    model = small(
        activation="identity", decoder_activation="identity", sparsity_weight=0
    )
    with pytest.raises(ValueError, match=r"no longer finite.*MinMaxScaler"):
        model.fit(X)
    model.set_params(solver="adam", learning_rate_init=1e200)
    with pytest.raises(ValueError, match=r"Lower learning_rate_init=1e\+200"):
        model.fit(few_digits[0].astype(dtype))


def interrupt(*arguments, **options):
    raise KeyboardInterrupt


@pytest.mark.parametrize("case", ["columns", "interrupt"])
def test_a_refit_that_fails_changes_nothing(case, few_digits, monkeypatch):
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(few_digits[0]).add_prefix("pixel")
    model = small(verbose=0).fit(X)
    before = dict(vars(model))
    arrays = [W.copy() for W in model.coefs_]
    error, new = ValueError, few_digits[0][:, :10].copy()
    if case == "columns":
        new = pd.DataFrame(new).add_prefix("other")
        model.set_params(warm_start=True)
        before["warm_start"] = True
    else:
        error = KeyboardInterrupt
        monkeypatch.setattr(ActivationStatistics, "from_rows", interrupt)
    with pytest.raises(error):
        model.fit(new)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is before[name] for name in before)
    for W, copy in zip(model.coefs_, arrays, strict=True):
        assert_array_equal(W, copy)


def test_fit_changes_no_input(few_digits):
    X, w = few_digits[0][:100].copy(), np.arange(100.0)
    small().fit(X, sample_weight=w)
    small(solver="adam").fit(X, sample_weight=w)
    assert_array_equal(X, few_digits[0][:100])
    assert_array_equal(w, np.arange(100.0))


def test_read_only_memory_maps_are_fine(few_digits, tmp_path):
    np.save(tmp_path / "X.npy", few_digits[0])
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    model = small().fit(mapped)
    assert_array_equal(model.coefs_[0], small().fit(few_digits[0]).coefs_[0])


@pytest.mark.parametrize(("verbose", "n_lines"), [(0, 0), (1, 1), (2, None)])
def test_verbose(verbose, n_lines, few_digits, capsys):
    model = small(verbose=verbose).fit(few_digits[0])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == (model.n_iter_ + 1 if n_lines is None else n_lines)
    if verbose:
        assert lines[-1].startswith(f"[sparse autoencoder] {model.n_iter_} iterations")


def test_refit_forgets_the_fit_before(few_digits):
    X, _ = few_digits
    once = small().fit(X)
    twice = clone(once).fit(X[:50, :20]).fit(X)
    assert_array_equal(once.coefs_[0], twice.coefs_[0])
    assert twice.n_features_in_ == 64
