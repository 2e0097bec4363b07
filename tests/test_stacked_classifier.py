"""The stacked classifier as its users see it."""

import inspect
import warnings
from functools import partial

import numpy as np
import pytest
from helpers import DTYPES, SOLVERS, assert_same_weights, small_classifier
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, log_softmax, softmax
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_validate
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from threadpoolctl import threadpool_limits

from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier
from skstackedae._training.stage import Stage

# The default budget is for real work; that using it up warns is tested elsewhere.
pytestmark = pytest.mark.filterwarnings("ignore:Stopped after max_iter")


small = partial(small_classifier, hidden_layer_sizes=(16, 12))


@pytest.fixture(scope="module")
def fitted(few_digits, global_random_seed):
    return small(random_state=global_random_seed).fit(*few_digits)


# The whole network -----------------------------------------------------------------


def test_outputs_are_the_formulas(few_digits, fitted):
    X, y = few_digits
    A = X
    for W, b in zip(fitted.coefs_[:-1], fitted.intercepts_[:-1], strict=True):
        A = expit(A @ W + b)
    logits = A @ fitted.coefs_[-1] + fitted.intercepts_[-1]
    assert_allclose(fitted.transform(X), A)
    assert_allclose(fitted.decision_function(X), logits)
    assert_allclose(fitted.predict_proba(X), softmax(logits, axis=1))
    assert_allclose(fitted.predict_log_proba(X), log_softmax(logits, axis=1))
    assert_array_equal(fitted.predict(X), fitted.classes_[logits.argmax(axis=1)])
    assert fitted.score(X, y) > 0.98


def test_same_network_as_mlp_classifier(few_digits, fitted):
    X, y = few_digits
    mlp = MLPClassifier((16, 12), activation="logistic", max_iter=1)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        mlp.fit(X, y)
    mlp.coefs_, mlp.intercepts_ = fitted.coefs_, fitted.intercepts_
    assert mlp.out_activation_ == fitted.out_activation_
    assert mlp.n_layers_ == fitted.n_layers_
    assert mlp.n_outputs_ == fitted.n_outputs_
    assert_allclose(mlp.predict_proba(X), fitted.predict_proba(X), rtol=1e-10)


@pytest.mark.parametrize("load", [load_iris, load_breast_cancer])
@pytest.mark.parametrize("weighted", [False, True])
def test_no_hidden_layers_is_logistic_regression(load, weighted, rng):
    X, y = load(return_X_y=True)
    X = MinMaxScaler().fit_transform(X)
    w = rng.randint(1, 4, size=len(y)) if weighted else np.ones(len(y))
    alpha = 1e-3
    model = small((), alpha=alpha, tol=0, max_iter=5000).fit(X, y, sample_weight=w)
    # scikit-learn's has one vector for two classes: the difference of ours, whose
    # penalty is half as large.
    scale = 2 if len(model.classes_) == 2 else 1
    oracle = LogisticRegression(C=scale / (w.sum() * alpha), tol=1e-10, max_iter=10_000)
    oracle.fit(X, y, sample_weight=w)
    assert_allclose(model.predict_proba(X), oracle.predict_proba(X), atol=1e-5)
    assert_allclose(
        model.decision_function(X), oracle.decision_function(X), rtol=1e-3, atol=1e-3
    ) if scale == 2 else None
    assert [stage["name"] for stage in model.history_] == ["softmax"]
    assert_array_equal(model.transform(X), X)
    assert_array_equal(model.inverse_transform(X), X)


def test_fine_tuning_improves_its_own_objective(few_digits, global_random_seed):
    X, y = few_digits
    model = small(random_state=global_random_seed).fit(X, y)
    *_, softmax_stage, tuning = model.history_
    before = small(fine_tune=False, random_state=global_random_seed).fit(X, y)
    assert softmax_stage["accuracy"] == pytest.approx(before.score(X, y))
    assert tuning["accuracy"] == pytest.approx(model.score(X, y))
    assert tuning["accuracy"] > softmax_stage["accuracy"]
    assert tuning["last_loss"] < tuning["first_loss"]


def loss_of(model, X, y, alpha, hidden_alpha):
    """The objective by its formula, from a fitted model."""
    log_likelihood = model.predict_log_proba(X)[np.arange(len(y)), y]
    *hidden, out = (np.sum(W**2) for W in model.coefs_)
    return -np.mean(log_likelihood) + alpha / 2 * out + hidden_alpha / 2 * sum(hidden)


@pytest.mark.parametrize(("hidden_alpha", "meant"), [(None, 0.01), (0, 0), (0.1, 0.1)])
def test_loss_is_the_formula(hidden_alpha, meant, few_digits, global_random_seed):
    X, y = few_digits
    model = small(
        alpha=0.01, hidden_alpha=hidden_alpha, random_state=global_random_seed
    ).fit(X, y)
    expected = loss_of(model, X, y, 0.01, meant)
    assert model.loss_ == pytest.approx(expected)
    assert model.loss_ == model.history_[-1]["last_loss"] == model.loss_curve_[-1]


# Stages ----------------------------------------------------------------------------


def test_history_has_a_record_for_each_stage(few_digits, fitted):
    names = [(stage["name"], stage["layer"]) for stage in fitted.history_]
    assert names == [
        ("pretraining", 1),
        ("pretraining", 2),
        ("softmax", None),
        ("fine-tuning", None),
    ]
    for stage in fitted.history_:
        assert stage["n_iter"] == len(stage["loss_curve"]) > 0
        assert stage["last_loss"] < stage["first_loss"]
        assert stage["seconds"] > 0
        assert (stage["accuracy"] is None) == (stage["name"] == "pretraining")
    assert fitted.n_iter_ == fitted.history_[-1]["n_iter"]
    assert fitted.loss_curve_ == fitted.history_[-1]["loss_curve"]


def test_pretraining_is_one_autoencoder_after_the_other(digits, global_random_seed):
    # More rows than are brought into canonical form: each fit would sort its own.
    X, y = digits[0][:1_100], digits[1][:1_100]
    model = small(
        autoencoder=SparseAutoencoder(alpha=2e-4), random_state=global_random_seed
    ).fit(X, y)
    H = X
    for autoencoder, size in zip(model.autoencoders_, (16, 12), strict=True):
        alone = clone(autoencoder).fit(H)
        assert alone.n_components == size
        assert alone.alpha == 2e-4
        assert_allclose(alone.coefs_[0], autoencoder.coefs_[0], rtol=1e-9, atol=1e-11)
        # As in a fit: with more threads BLAS rounds differently.
        with threadpool_limits(1, user_api="blas"):
            H = autoencoder.transform(H)
    untuned = small(
        autoencoder=SparseAutoencoder(alpha=2e-4),
        fine_tune=False,
        random_state=global_random_seed,
    )
    untuned.fit(X, y)
    for W, autoencoder in zip(untuned.coefs_, untuned.autoencoders_, strict=False):
        assert_array_equal(W, autoencoder.coefs_[0])


def test_layer_1_is_the_same_at_every_depth(few_digits, global_random_seed):
    X, y = few_digits
    shallow, deep = (
        small(sizes, fine_tune=False, random_state=global_random_seed).fit(X, y)
        for sizes in ((16,), (16, 12, 8))
    )
    assert_array_equal(shallow.coefs_[0], deep.coefs_[0])


def test_without_pretraining_layers_start_where_pretraining_would(
    few_digits, global_random_seed
):
    X, y = few_digits
    model = small(pretrain=False, fine_tune=False, random_state=global_random_seed).fit(
        X, y
    )
    assert not hasattr(model, "autoencoders_")
    assert not hasattr(model, "inverse_transform")
    assert [stage["name"] for stage in model.history_] == ["softmax"]
    seeds = np.random.RandomState(global_random_seed).randint(
        np.iinfo(np.int32).max, size=2
    )
    for W, seed in zip(model.coefs_, seeds, strict=False):
        r = np.sqrt(6 / (sum(W.shape) + 1))
        expected = np.random.RandomState(seed).uniform(-r, r, size=W.shape)
        assert_array_equal(W, expected)
    # The prototype's activation holds all the same.
    tanh = small(
        pretrain=False,
        autoencoder=SparseAutoencoder(activation="tanh"),
        random_state=global_random_seed,
    )
    assert tanh.fit(X, y).activations_ == ["tanh", "tanh"]
    assert tanh.score(X, y) > 0.98


def test_inverse_transform_decodes_the_pretrained_stack(few_digits, global_random_seed):
    X, y = few_digits
    model = small((40, 30), fine_tune=False, random_state=global_random_seed).fit(X, y)
    features = model.transform(X)
    first, second = model.autoencoders_
    expected = first.inverse_transform(second.inverse_transform(features))
    decoded = model.inverse_transform(features)
    assert_array_equal(decoded, expected)
    assert np.mean((decoded - X) ** 2) < X.var(axis=0).mean()
    with pytest.raises(NotFittedError):
        small(random_state=global_random_seed).inverse_transform(features)
    # A refit without pretraining takes the decoders away.
    assert not hasattr(model.set_params(pretrain=False).fit(X, y), "autoencoders_")


@pytest.mark.parametrize(
    "sizes", [7, np.int64(7), np.array(7), (7,), [7], np.array([7])]
)
def test_ways_to_name_one_layer(sizes, few_digits):
    model = small(sizes).fit(*few_digits)
    assert [W.shape for W in model.coefs_] == [(64, 7), (7, 10)]
    assert (model.n_layers_, model.n_outputs_) == (3, 10)


@pytest.mark.parametrize("depth", [1, 3, 5])
def test_any_number_of_layers(depth, few_digits):
    sizes = (20,) * depth
    model = small(sizes, pretrain=False, solver="adam", max_iter=20).fit(*few_digits)
    assert len(model.coefs_) == depth + 1
    assert model.predict(few_digits[0]).shape == (400,)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_precision_is_kept(dtype, solver, few_digits, global_random_seed):
    X, y = few_digits[0].astype(dtype), few_digits[1]
    model = small(
        autoencoder=SparseAutoencoder(solver=solver),
        solver=solver,
        random_state=global_random_seed,
    )
    model.set_params(learning_rate_init=0.01).fit(X, y)
    arrays = [*model.coefs_, *model.intercepts_, *model.autoencoders_[1].coefs_]
    arrays += [model.transform(X), model.predict_proba(X), model.decision_function(X)]
    arrays += [model.inverse_transform(model.transform(X))]
    assert {a.dtype for a in arrays} == {np.dtype(dtype)}
    assert model.score(X, y) > 0.9


@pytest.mark.parametrize("labels", ["str", "negative", "object", "two"])
def test_labels(labels, few_digits, global_random_seed):
    X, y = few_digits
    y = {
        "str": np.array([f"digit {i}" for i in y]),
        "negative": y - 20,
        "object": np.array([f"d{i}" for i in y], dtype=object),
        "two": np.where(y > 4, "large", "small"),
    }[labels]
    model = small(random_state=global_random_seed).fit(X, y)
    assert_array_equal(model.classes_, np.unique(y))
    assert set(model.predict(X)) <= set(y)
    assert model.score(X, y) > 0.9
    if labels == "two":
        decision = model.decision_function(X)
        assert decision.shape == (len(X),)
        assert_array_equal(model.predict(X), model.classes_[(decision > 0).astype(int)])


# Prototypes ------------------------------------------------------------------------


# L-BFGS's first step may put relu units to sleep for good.
@pytest.mark.filterwarnings("ignore:Most units")
def test_prototypes_differ_by_layer(few_digits, global_random_seed):
    prototypes = [
        SparseAutoencoder(activation="tanh", decoder_activation="identity"),
        SparseAutoencoder(
            activation="relu", decoder_activation="tanh", sparsity_weight=0
        ),
    ]
    model = small(autoencoder=prototypes, random_state=global_random_seed).fit(
        *few_digits
    )
    assert model.activations_ == ["tanh", "relu"]
    assert model.score(*few_digits) > 0.9
    # Prototypes stay as they were.
    assert prototypes[0].n_components == 100
    assert not hasattr(prototypes[0], "coefs_")
    X = few_digits[0]
    A = np.maximum(
        np.tanh(X @ model.coefs_[0] + model.intercepts_[0]) @ model.coefs_[1]
        + model.intercepts_[1],
        0,
    )
    assert_allclose(model.transform(X), A)


# Three iterations leave units as flat as they started.
@pytest.mark.filterwarnings("ignore:Most units")
def test_prototypes_govern_pretraining(few_digits):
    prototype = SparseAutoencoder(max_iter=3, verbose=0, random_state=77)
    model = small(autoencoder=prototype, max_iter=50, n_jobs=2, verbose=0)
    model.fit(*few_digits)
    assert [stage["n_iter"] for stage in model.history_[:2]] == [3, 3]
    assert model.history_[2]["n_iter"] > 3
    for autoencoder in model.autoencoders_:
        assert autoencoder.n_jobs == 2
        # Seeds come from the classifier, and each layer has its own.
        assert autoencoder.random_state != 77


def test_pretraining_that_uses_up_its_budget_does_not_warn(few_digits, recwarn):
    model = small(autoencoder=SparseAutoencoder(max_iter=2), max_iter=1000)
    model.fit(*few_digits)
    assert not recwarn.list
    assert not model.history_[0]["converged"]


def test_frozen_layers_are_taken_as_they_are(few_digits, global_random_seed):
    X, y = few_digits
    elsewhere = SparseAutoencoder(16, random_state=5).fit(X[y > 4])
    layers = [FrozenEstimator(elsewhere), SparseAutoencoder()]
    model = small(
        autoencoder=layers, fine_tune=False, random_state=global_random_seed
    ).fit(X[y <= 4], y[y <= 4])
    assert_array_equal(model.coefs_[0], elsewhere.coefs_[0])
    # A copy: a refit elsewhere must not change this model.
    assert model.autoencoders_[0] is not elsewhere
    assert_array_equal(model.autoencoders_[0].coefs_[1], elsewhere.coefs_[1])
    assert [stage["layer"] for stage in model.history_] == [2, None]
    before = elsewhere.coefs_[0].copy()
    tuned = clone(model).set_params(fine_tune=True).fit(X[y <= 4], y[y <= 4])
    assert (tuned.coefs_[0] != before).any()
    assert_array_equal(elsewhere.coefs_[0], before)


def test_wrong_prototypes_are_told_before_any_training(few_digits, capsys):
    layers = [SparseAutoencoder(), SparseAutoencoder(activation="relu")]
    with pytest.raises(ValueError, match="sparsity_weight=0"):
        small(autoencoder=layers, verbose=1).fit(*few_digits)
    assert not capsys.readouterr().out


def test_warnings_point_at_the_line_of_the_user(few_digits):
    X, y = few_digits
    layers = [SparseAutoencoder(), SparseAutoencoder(alpha=1.0)]
    model = make_pipeline(MinMaxScaler((0, 3)), small(autoencoder=layers, max_iter=3))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y)
    messages = " ".join(str(warning.message) for warning in caught)
    for part in ("pretraining of layer 1 lies", "layer 2 are dead", "max_iter=3"):
        assert part in messages
    assert {warning.filename for warning in caught} == {__file__}


def test_remedy_for_a_layer_that_the_user_cannot_scale(few_digits):
    X, y = few_digits
    prototype = SparseAutoencoder(activation="tanh")
    with pytest.warns(UserWarning, match="layer 2.*Use decoder_activation='identity'"):
        small(autoencoder=prototype).fit(X, y)


@pytest.mark.parametrize("method", ["transform", "inverse_transform"])
def test_no_hidden_layers_copy_their_input(method, few_digits):
    X, y = few_digits
    result = getattr(small(()).fit(X, y), method)(X)
    assert not np.shares_memory(result, X)


@pytest.mark.parametrize("pretrain", [False, True])
def test_frozen_layers_may_come_in_another_precision(pretrain, few_digits):
    X, y = few_digits
    frozen = FrozenEstimator(SparseAutoencoder(16, random_state=5).fit(X))
    model = small(autoencoder=[frozen, SparseAutoencoder()], pretrain=pretrain)
    model.fit(X.astype(np.float32), y)
    assert {W.dtype for W in model.coefs_} == {np.dtype("f4")}
    if pretrain:
        assert model.autoencoders_[1].coefs_[0].dtype == np.float32


@pytest.mark.parametrize(
    ("frozen", "error", "message"),
    [
        (SparseAutoencoder(16), NotFittedError, "not fitted"),
        (LogisticRegression(), ValueError, r"autoencoder\[0\] freezes LogisticRegr"),
        ((5, 64), ValueError, "64 features and 5 comp.*layer 1 has 64 inputs and 16"),
        ((16, 60), ValueError, "60 features and 16 components"),
    ],
)
def test_wrong_frozen_layers_are_named(frozen, error, message, few_digits):
    X, y = few_digits
    if isinstance(frozen, tuple):
        n_components, n_features = frozen
        frozen = SparseAutoencoder(n_components, random_state=0).fit(X[:, :n_features])
    layers = [FrozenEstimator(frozen), SparseAutoencoder()]
    with pytest.raises(error, match=message):
        small(autoencoder=layers).fit(X, y)


# Weights, seeds, refits ------------------------------------------------------------


def test_weights_equal_repeated_rows(few_digits, rng, global_random_seed):
    X, y = few_digits[0][:150], few_digits[1][:150]
    counts = rng.randint(0, 3, size=150)
    rows = rng.permutation(np.repeat(np.arange(150), counts))
    weighted = small(random_state=global_random_seed).fit(X, y, sample_weight=counts)
    repeated = small(random_state=global_random_seed).fit(X[rows], y[rows])
    assert_same_weights(weighted, repeated)
    accuracies = [
        [stage["accuracy"] for stage in model.history_]
        for model in (weighted, repeated)
    ]
    assert accuracies[0] == accuracies[1]


def test_mixed_solvers_take_weights_too(few_digits, global_random_seed):
    X, y = few_digits
    keep = np.arange(len(y)) % 2 > 0
    settings = {"autoencoder": SparseAutoencoder(solver="adam", max_iter=20)}
    weighted = small(**settings, random_state=global_random_seed).fit(
        X, y, sample_weight=keep
    )
    without = small(**settings, random_state=global_random_seed).fit(X[keep], y[keep])
    assert_array_equal(weighted.coefs_[0], without.coefs_[0])


@pytest.mark.parametrize("solver", SOLVERS)
def test_seed_decides(solver, few_digits, global_random_seed):
    settings = {"autoencoder": SparseAutoencoder(solver=solver), "solver": solver}
    one, same, other = (
        small(**settings, max_iter=20, random_state=global_random_seed + offset).fit(
            *few_digits
        )
        for offset in (0, 0, 1)
    )
    assert_array_equal(one.coefs_[-1], same.coefs_[-1])
    assert (one.coefs_[-1] != other.coefs_[-1]).any()


def test_warm_start_fine_tunes_on(few_digits, global_random_seed):
    X, y = few_digits
    model = small(max_iter=10, random_state=global_random_seed).fit(X, y)
    loss, autoencoders = model.loss_, model.autoencoders_
    model.set_params(warm_start=True).fit(X, y)
    assert [stage["name"] for stage in model.history_] == ["fine-tuning"]
    assert model.loss_curve_[0] < loss
    assert model.autoencoders_ is autoencoders
    assert_allclose(model.loss_, loss_of(model, X, y, 1e-4, 1e-4))


@pytest.mark.parametrize("changes", [{"fine_tune": False}, {"hidden_layer_sizes": ()}])
def test_warm_start_without_fine_tuning_goes_on_with_the_softmax(
    changes, few_digits, global_random_seed
):
    model = small(max_iter=5, **changes, random_state=global_random_seed).fit(
        *few_digits
    )
    loss, first = model.loss_, model.coefs_[0].copy()
    model.set_params(warm_start=True).fit(*few_digits)
    assert [stage["name"] for stage in model.history_] == ["softmax"]
    assert model.loss_curve_[0] < loss
    assert (model.coefs_[0] == first).all() == ("fine_tune" in changes)


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("features", "60 features"),
        ("classes", r"classes \[0, 1.*previous fit has \[0, 1.*warm_start=False"),
        ("activation", r"activations.*'tanh'.*previous fit used \['logistic'"),
        ("sizes", r"hidden_layer_sizes=\(16,\).*\(16, 12\).*warm_start=False"),
    ],
)
def test_warm_start_refuses_another_network(case, message, few_digits):
    X, y = few_digits
    model = small(max_iter=5).fit(X, y)
    model.set_params(warm_start=True)
    if case == "features":
        X = X[:, :60]
    elif case == "classes":
        y = y % 9
    elif case == "activation":
        model.set_params(autoencoder=SparseAutoencoder(activation="tanh"))
    else:
        model.set_params(hidden_layer_sizes=(16,))
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)


@pytest.mark.parametrize("case", ["one class", "interrupt", "prototype", "diverges"])
def test_a_refit_that_fails_changes_nothing(case, few_digits, monkeypatch):
    X, y = few_digits[0].copy(), few_digits[1].copy()
    model = small(max_iter=20).fit(X, y)
    error = ValueError
    X = X[:, :10]
    if case == "one class":
        y[:] = 3
    elif case == "prototype":
        model.set_params(autoencoder=SparseAutoencoder(activation="relu"))
    elif case == "diverges":
        model.set_params(solver="adam", learning_rate_init=1e200)
    else:
        error = KeyboardInterrupt
        # Pretraining and softmax training are over by then.
        original = Stage.run

        def run(stage, *args, **kwargs):
            if stage.name == "fine-tuning":
                raise KeyboardInterrupt
            return original(stage, *args, **kwargs)

        monkeypatch.setattr(Stage, "run", run)
    before = dict(vars(model))
    arrays = [W.copy() for W in model.coefs_]
    with pytest.raises(error):
        model.fit(X, y)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is before[name] for name in before)
    for W, copy in zip(model.coefs_, arrays, strict=True):
        assert_array_equal(W, copy)
    model.predict(few_digits[0])


def test_verbose(few_digits, capsys):
    small(verbose=1).fit(*few_digits)
    lines = capsys.readouterr().out.splitlines()
    starts = ["[pretraining of layer 1]", "[pretraining of layer 2]"]
    starts += ["[softmax]", "[fine-tuning]"]
    assert len(lines) == 4
    for line, start in zip(lines, starts, strict=True):
        assert line.startswith(start)
    assert "training accuracy" in lines[-1]


def test_constructor_holds_no_logic():
    for estimator in (SparseAutoencoder, StackedAutoencoderClassifier):
        names = list(inspect.signature(estimator).parameters)
        marks = {name: object() for name in names}
        model = estimator(**marks)
        assert all(getattr(model, name) is marks[name] for name in names)


# Defaults --------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("load", "goal"),
    [
        (load_iris, 0.93),
        (load_wine, 0.95),
        (load_breast_cancer, 0.95),
        (load_digits, 0.97),
    ],
)
def test_default_settings_learn(load, goal, global_random_seed):
    X, y = load(return_X_y=True)
    model = make_pipeline(
        MinMaxScaler(), StackedAutoencoderClassifier(random_state=global_random_seed)
    )
    folds = StratifiedKFold(5, shuffle=True, random_state=global_random_seed)
    result = cross_validate(model, X, y, cv=folds, n_jobs=2, return_estimator=True)
    assert result["test_score"].mean() >= goal
    for fold in result["estimator"]:
        assert all(record["converged"] for record in fold[1].history_)
        A = fold[0].transform(X)
        for autoencoder in fold[1].autoencoders_:
            A = autoencoder.transform(A)
            assert np.median(A.std(axis=0)) > 0.01


# Parameters of the prototype ----------------------------------------------------------


@pytest.mark.parametrize("name", ["n_components", "random_state", "n_jobs", "verbose"])
def test_parameters_of_the_prototype_without_effect_warn(name, few_digits):
    model = small_classifier(
        (4,), autoencoder=SparseAutoencoder(max_iter=2), max_iter=2
    )
    with pytest.warns(UserWarning, match=f"autoencoder__{name} has no effect"):
        model.set_params(**{f"autoencoder__{name}": 3})
    search = GridSearchCV(model, {f"autoencoder__{name}": [2, 3, 4]}, cv=2)
    with pytest.warns(UserWarning, match="has no effect") as warned:
        search.fit(*few_digits)
    told = [w for w in warned if f"autoencoder__{name}" in str(w.message)]
    # All from the same line, so that Python shows one of them.
    assert len({(w.filename, w.lineno) for w in told}) == 1


@pytest.mark.parametrize("autoencoder", [None, [SparseAutoencoder()]])
def test_parameters_of_no_prototype_say_what_to_pass(autoencoder):
    model = small_classifier((4,), autoencoder=autoencoder)
    with pytest.raises(ValueError, match=r"autoencoder=SparseAutoencoder\(alpha"):
        model.set_params(autoencoder__alpha=0.1)
    model.set_params(autoencoder=SparseAutoencoder(), autoencoder__alpha=0.1)
    assert model.autoencoder.alpha == 0.1
