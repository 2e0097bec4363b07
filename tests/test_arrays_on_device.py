"""X of another library, on its device: the models and outputs of X in memory.

scikit-learn needs SCIPY_ARRAY_API=1 in the environment for that; without it these tests
are skipped. Those of tests/rows/test_device.py need no environment.
"""

import os
import pickle
from functools import partial

import numpy as np
import pytest
from helpers import LIBRARIES, library_of, small_autoencoder, small_classifier
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import cross_val_score

from skstackedae import (
    ReconstructionOutlierDetector,
    SparseAutoencoder,
    StackedAutoencoder,
    StackedAutoencoderRegressor,
)
from skstackedae._array_api import array_namespace, is_numpy, to_numpy
from skstackedae.export import to_mlp_classifier
from skstackedae.inspection import ActivationDisplay

pytestmark = [
    pytest.mark.skipif(
        os.environ.get("SCIPY_ARRAY_API") != "1", reason="needs SCIPY_ARRAY_API=1"
    ),
    pytest.mark.filterwarnings(
        "ignore:Stopped after max_iter", "ignore:Most units of the"
    ),
]

ADAM = {"solver": "adam", "max_iter": 3}
small = partial(small_classifier, pretraining={"max_iter": 5}, max_iter=5)
UNLABELED = -1


@pytest.fixture(params=LIBRARIES)
def make(request):
    """Makes an array of another library, for which scikit-learn leaves it as it is."""
    with config_context(array_api_dispatch=True):
        yield library_of(request.param)


@pytest.fixture
def data(digits, rng):
    # In any order, and too many rows to be sorted.
    X, y = digits
    rows = rng.permutation(len(X))[:1_100]
    return X[rows], y[rows]


def assert_same_model(on_device, in_memory):
    """Weights on the device are those in memory; the record is plain numbers."""
    parts = ["coefs_", "intercepts_"]
    for name in parts:
        pairs = zip(getattr(on_device, name), getattr(in_memory, name), strict=True)
        for part, expected in pairs:
            assert not is_numpy(part)
            assert_allclose(to_numpy(part), expected, rtol=1e-9, atol=1e-11)
    assert isinstance(on_device.loss_, float)
    assert_allclose(on_device.loss_curve_, in_memory.loss_curve_, rtol=1e-9)
    for record in getattr(on_device, "history_", []):
        for value in record.values():
            numbers = value if isinstance(value, list) else [value]
            assert all(
                isinstance(number, str | int | float | None) for number in numbers
            )


def assert_same_outputs(on_device, in_memory, X_on_device, X):
    names = ["transform", "score_samples", "reconstruction_errors", "predict_proba"]
    names.append("predict_log_proba")
    names += ["decision_function", "predict"]
    for name in names:
        if not hasattr(in_memory, name):
            continue
        found = getattr(on_device, name)(X_on_device)
        assert type(found) is type(X_on_device)
        expected = getattr(in_memory, name)(X)
        assert_allclose(to_numpy(found), expected, rtol=1e-8, atol=1e-9)
    if hasattr(in_memory, "inverse_transform"):
        H = on_device.transform(X_on_device)
        assert_allclose(
            to_numpy(on_device.inverse_transform(H)),
            in_memory.inverse_transform(to_numpy(H)),
            rtol=1e-8,
            atol=1e-9,
        )


AUTOENCODERS = {
    "lbfgs": {},
    "adam": ADAM,
    "tied, log-loss": {"tied_weights": True, "loss": "log_loss"},
    "noise": {**ADAM, "corruption": 0.3, "emphasis": 0.4, "sparsity_weight": 0},
    "salt and pepper": {"corruption": 0.3, "corruption_kind": "salt_and_pepper"},
    "validation rows": {"early_stopping": True, "activation": "tanh"},
    "linear": {"activation": "relu", "sparsity_weight": 0, "learning_rate": "linear"},
    "standardized": {"standardize": True, "decoder_activation": "identity"},
    "top k": {"sparsity": "top_k", "activation": "tanh"},
    "L1": {"sparsity": "l1", "sparsity_weight": 0.01, "activation": "relu"},
}


@pytest.mark.parametrize("options", AUTOENCODERS)
def test_autoencoders(options, make, data, global_random_seed):
    X, _ = data
    settings = {"max_iter": 5, "random_state": global_random_seed}
    model = small_autoencoder(**settings | AUTOENCODERS[options])
    in_memory = clone(model).fit(X)
    on_device = clone(model).fit(make(X))
    assert_same_model(on_device, in_memory)
    assert_allclose(
        to_numpy(on_device.mean_activations_), in_memory.mean_activations_, rtol=1e-9
    )
    assert_same_outputs(on_device, in_memory, make(X), X)
    assert on_device.score(make(X)) == pytest.approx(in_memory.score(X))
    found, expected = on_device.diagnose(make(X)), in_memory.diagnose(X)
    for name, value in expected.items():
        assert_allclose(found[name], value, rtol=1e-7)


def test_outlier_detector(make, data):
    X, _ = data
    in_memory = ReconstructionOutlierDetector(random_state=0)
    in_memory.autoencoder = small_autoencoder(max_iter=5)
    on_device = clone(in_memory).fit(make(X))
    in_memory.fit(X)
    assert on_device.offset_ == pytest.approx(in_memory.offset_)
    for method in ("predict", "decision_function", "reconstruction_errors"):
        found = getattr(on_device, method)(make(X))
        assert type(found) is type(make(X))
        assert_allclose(to_numpy(found), getattr(in_memory, method)(X), atol=1e-9)
    with pytest.raises(ValueError, match=r"ReconstructionOutlierDetector\.predict"):
        on_device.predict(X)


@pytest.mark.parametrize("activation", ["logistic", "tanh", "relu", "identity"])
@pytest.mark.parametrize("tied_weights", [False, True])
def test_idle_units(tied_weights, activation, make, data, global_random_seed):
    X, _ = data
    settings = {"sparsity": "top_k", "sparsity_target": 0.02, "activation": activation}
    settings |= {"tied_weights": tied_weights, "random_state": global_random_seed}
    # Few steps, because rounding decides between values that are almost equal.
    settings |= {"solver": "adam", "max_iter": 1, "batch_size": 300}
    model = small_autoencoder(100, idle_weight=0.5, **settings)
    in_memory = clone(model).fit(X)
    assert_same_model(clone(model).fit(make(X)), in_memory)
    without = small_autoencoder(100, **settings).fit(X)
    assert np.abs(without.coefs_[0] - in_memory.coefs_[0]).max() > 1e-4


def test_sparse_codes_are_refused(make, data):
    model = small_autoencoder(sparsity="top_k", sparse_output=True, max_iter=2)
    model.fit(make(data[0]))
    with pytest.raises(ValueError, match="set sparse_output=False"):
        model.transform(make(data[0]))


def test_missing_entries_are_refused(make, data):
    X = np.where(data[0] == 0, np.nan, data[0])
    with pytest.raises(ValueError, match=r"NaN: missing_values=.* needs X in memory"):
        small_autoencoder(missing_values=np.nan).fit(make(X))
    model = small_autoencoder(missing_values=np.nan, max_iter=5)
    assert_same_model(clone(model).fit(make(data[0])), model.fit(data[0]))


CLASSIFIERS = {
    "lbfgs": {},
    "adam": ADAM,
    "no hidden layer": {"hidden_layer_sizes": ()},
    "not pretrained": {"pretrain": False},
    "not fine-tuned": {"fine_tune": False, "class_weight": "balanced"},
    "validation rows": {"early_stopping": True},
    "dropout": {**ADAM, "dropout": 0.3, "max_norm": 1.0, "corruption": 0.2},
    "pseudo-labels": {
        **ADAM,
        "unlabeled_label": UNLABELED,
        "pseudo_label_weight": 0.5,
        "dropout": 0.2,
    },
    "denoising": {**ADAM, "autoencoder": "denoising", "hidden_layer_sizes": (8,)},
}


@pytest.mark.parametrize("options", CLASSIFIERS)
def test_classifiers(options, make, data, global_random_seed):
    X, y = data
    if "unlabeled_label" in CLASSIFIERS[options]:
        y = np.where(np.arange(len(y)) % 3 == 0, y, UNLABELED)
    model = small(random_state=global_random_seed, **CLASSIFIERS[options])
    in_memory = clone(model).fit(X, y)
    on_device = clone(model).fit(make(X), make(y))
    assert_same_model(on_device, in_memory)
    assert_array_equal(to_numpy(on_device.classes_), in_memory.classes_)
    assert_same_outputs(on_device, in_memory, make(X), X)
    assert on_device.score(make(X), make(y)) == pytest.approx(in_memory.score(X, y))


STACKS = {
    "lbfgs": {},
    "adam": ADAM,
    "not pretrained": {"pretrain": False},
    "not fine-tuned": {"fine_tune": False},
    "validation rows": {"early_stopping": True},
    "denoising": {**ADAM, "autoencoder": "denoising"},
}


@pytest.mark.parametrize("options", STACKS)
def test_stacked_autoencoders(options, make, data, global_random_seed):
    X, _ = data
    settings = {"max_iter": 5, "random_state": global_random_seed}
    settings["autoencoder"] = SparseAutoencoder(sparsity_weight=0, max_iter=3)
    model = StackedAutoencoder((8, 5), **settings | STACKS[options])
    in_memory = clone(model).fit(X)
    on_device = clone(model).fit(make(X))
    assert_same_model(on_device, in_memory)
    assert_same_outputs(on_device, in_memory, make(X), X)


@pytest.mark.parametrize("options", [{}, ADAM, {"early_stopping": True}])
def test_stacked_regressors(options, make, data, global_random_seed):
    X, _ = data
    y = np.where(np.arange(len(X))[:, None] % 3 == 0, np.nan, X[:, 20:22])
    # Few iterations, because rounding grows fast while features are nearly constant.
    settings = {"max_iter": 2, "random_state": global_random_seed, "alpha": 1}
    settings["autoencoder"] = SparseAutoencoder(sparsity_weight=0, max_iter=10)
    model = StackedAutoencoderRegressor((8, 5), **settings | options)
    in_memory = clone(model).fit(X, y)
    on_device = clone(model).fit(make(X), make(y))
    assert_same_model(on_device, in_memory)
    assert_same_outputs(on_device, in_memory, make(X), X)
    assert on_device.score(make(X), make(y)) == pytest.approx(in_memory.score(X, y))


def test_weights_and_validation_rows(make, data, rng):
    X, y = data
    w = rng.randint(3, size=len(X)).astype(float)
    part = slice(0, 300)
    in_memory = small().fit(
        X, y, sample_weight=w, X_val=X[part], y_val=y[part], sample_weight_val=w[part]
    )
    on_device = small().fit(
        make(X),
        make(y),
        sample_weight=make(w),
        X_val=make(X[part]),
        y_val=make(y[part]),
        sample_weight_val=make(w[part]),
    )
    assert_same_model(on_device, in_memory)
    weighted = on_device.score(make(X), make(y), make(w))
    assert weighted == pytest.approx(in_memory.score(X, y, w))
    autoencoder = small_autoencoder(max_iter=3).fit(make(X), sample_weight=make(w))
    expected = small_autoencoder(max_iter=3).fit(X, sample_weight=w)
    assert_same_model(autoencoder, expected)
    score = autoencoder.score(make(X), sample_weight=make(w))
    assert score == pytest.approx(expected.score(X, sample_weight=w))


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_other_types(dtype, make, data):
    X, y = data
    X = (16 * X).astype(dtype)
    model = small(pretraining={"max_iter": 3, "decoder_activation": "identity"})
    model.fit(make(X), make(y))
    assert all(str(part.dtype).endswith("float32") for part in model.coefs_)
    assert_allclose(
        to_numpy(model.predict_proba(make(X))),
        clone(model).fit(X, y).predict_proba(X),
        # L-BFGS amplifies rounding.
        atol=2e-2,
    )


def test_labels_in_memory_and_names(make, data):
    X, y = data
    model = small().fit(make(X), y)
    assert type(model.predict(make(X))) is type(make(X))
    names = np.array(list("abcdefghij"))[y]
    model.fit(make(X), names)
    assert is_numpy(model.classes_)
    predicted = model.predict(make(X))
    assert model.score(make(X), names) == np.mean(predicted == names)


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_fits_go_on(solver, make, data):
    X, y = data
    model = small(solver=solver, warm_start=True)
    in_memory = clone(model).fit(X, y).fit(X, y)
    assert_same_model(
        clone(model).fit(make(X), make(y)).fit(make(X), make(y)), in_memory
    )
    autoencoder = small_autoencoder(solver=solver, max_iter=3, warm_start=True)
    in_memory = clone(autoencoder).fit(X).fit(X)
    assert_same_model(clone(autoencoder).fit(make(X)).fit(make(X)), in_memory)


def test_passes(make, data):
    X, y = data
    classes = np.arange(10)
    model = small(**ADAM)
    in_memory = clone(model).partial_fit(X, y, classes=classes).partial_fit(X, y)
    on_device = clone(model).partial_fit(make(X), make(y), classes=make(classes))
    assert_same_model(on_device.partial_fit(make(X), make(y)), in_memory)
    model = small_autoencoder(**ADAM)
    in_memory = clone(model).partial_fit(X).partial_fit(X)
    on_device = clone(model).partial_fit(make(X)).partial_fit(make(X))
    assert_same_model(on_device, in_memory)


def test_a_layer_that_was_learned_in_memory(make, data):
    X, y = data
    lowest = small_autoencoder(12, max_iter=5).fit(X)
    layers = [FrozenEstimator(lowest), SparseAutoencoder(max_iter=5)]
    model = small_classifier((12, 6), autoencoder=layers, max_iter=5)
    assert_same_model(clone(model).fit(make(X), make(y)), clone(model).fit(X, y))


def test_the_cache_knows_the_library(make, data, tmp_path):
    X, y = data
    model = small(memory=str(tmp_path))
    clone(model).fit(X, y)
    first = clone(model).fit(make(X), make(y))
    second = clone(model).fit(make(X), make(y))
    assert not is_numpy(second.autoencoders_[0].coefs_[0])
    for part, expected in zip(second.coefs_, first.coefs_, strict=True):
        assert_array_equal(to_numpy(part), to_numpy(expected))


def test_pickles_and_models_brought_to_memory(make, data):
    X, y = data
    model = small().fit(make(X), make(y))
    again = pickle.loads(pickle.dumps(model))
    expected = to_numpy(model.predict_proba(make(X)))
    assert_array_equal(to_numpy(again.predict_proba(make(X))), expected)
    move_estimator_to = pytest.importorskip(
        "sklearn.utils._array_api"
    ).move_estimator_to
    moved = move_estimator_to(again, array_namespace(X), "cpu")
    assert_allclose(moved.predict_proba(X), expected, rtol=1e-10)
    assert_array_equal(moved.predict(X), to_numpy(model.predict(make(X))))
    with pytest.raises(ValueError, match="move the estimator to numpy"):
        to_mlp_classifier(model)
    assert to_mlp_classifier(moved).predict(X).shape == y.shape


def test_cross_validation(make, data):
    X, y = data
    if type(make(X)).__module__ != "torch":
        pytest.skip("scikit-learn indexes with arrays of numpy")
    scores = cross_val_score(small(), make(X), make(y), cv=3)
    assert_allclose(scores, cross_val_score(small(), X, y, cv=3), atol=0.02)


def test_wrong_input_leaves_the_earlier_fit(make, data):
    X, y = data
    model = small().fit(make(X), make(y))
    before = [to_numpy(part).copy() for part in model.coefs_]
    bad = X.copy()
    bad[3, 4] = np.nan
    wrong = [
        (make(bad), make(y), "contains NaN"),
        (make(X), make(y[1:]), "inconsistent numbers of samples"),
        (make(X[:, 0]), make(y), "Expected 2D array"),
    ]
    for X_bad, y_bad, message in wrong:
        with pytest.raises(ValueError, match=message):
            model.fit(X_bad, y_bad)
    with pytest.raises(ValueError, match="63 features"):
        model.predict(make(X[:, 1:]))
    for method in ("predict", "transform", "inverse_transform"):
        H = X[:, :8] if method == "inverse_transform" else X
        with pytest.raises(ValueError, match=rf"{method}\(\) must use the same"):
            getattr(model, method)(H)
    in_memory = small().fit(X, y)
    with pytest.raises(ValueError, match="must use the same namespace"):
        in_memory.predict(make(X))
    for part, expected in zip(model.coefs_, before, strict=True):
        assert_array_equal(to_numpy(part), expected)


def test_sparse_rows_and_frames_stay_in_memory(make, data):
    X, y = data
    model = small().fit(sparse.csr_array(X), y)
    assert is_numpy(model.coefs_[0])
    frame = pytest.importorskip("pandas").DataFrame(X).add_prefix("pixel")
    assert is_numpy(small().fit(frame, y).coefs_[0])


def test_without_dispatch_arrays_become_those_of_numpy(make, data):
    X, y = data
    try:
        np.asarray(make(X))
    except TypeError:
        pytest.skip("the library refuses to copy from its device")
    with config_context(array_api_dispatch=False):
        model = small().fit(make(X), make(y))
        assert is_numpy(model.coefs_[0])
        assert is_numpy(model.predict(make(X)))
        expected = small().fit(X, y).predict_proba(X)
        assert_array_equal(model.predict_proba(make(X)), expected)


@pytest.mark.parametrize("dtypes", [("float64", "float32"), ("float32", "float64")])
def test_rows_of_another_precision_than_the_model(dtypes, make, data):
    X, y = data
    X, other = (X.astype(dtype) for dtype in dtypes)
    in_memory, on_device = small().fit(X, y), small().fit(make(X), make(y))
    for name in ("predict_proba", "transform"):
        found = getattr(on_device, name)(make(other))
        assert str(found.dtype).endswith("float64")
        expected = getattr(in_memory, name)(other)
        assert_allclose(to_numpy(found), expected, atol=2e-2)
    H = on_device.transform(make(other))
    assert on_device.inverse_transform(H).shape == X.shape
    assert on_device.score(make(other), make(y)) >= 0
    autoencoder = small_autoencoder(max_iter=3).fit(make(X))
    assert autoencoder.score(make(other)) < 0
    assert autoencoder.diagnose(make(other))["dead"] >= 0


def test_layers_move_with_the_rows(make, data):
    X, y = data
    lowest = small_autoencoder(12, max_iter=5).fit(make(X))
    layers = [FrozenEstimator(lowest), SparseAutoencoder(max_iter=5)]
    stack = small_classifier((12, 6), autoencoder=layers, max_iter=5).fit(X, y)
    assert stack.inverse_transform(stack.transform(X)).shape == X.shape
    assert not is_numpy(lowest.coefs_[0])
    model = small(**ADAM).partial_fit(X, y, classes=np.arange(10))
    model.partial_fit(make(X), make(y))
    assert model.inverse_transform(model.transform(make(X))).shape == X.shape


def test_other_libraries_follow_each_other(data):
    X, y = data
    with config_context(array_api_dispatch=True):
        torch, strict = map(library_of, ("torch", "array_api_strict"))
        model = small(warm_start=True).fit(torch(X), y).fit(strict(X), y)
        assert_same_model(model, small(warm_start=True).fit(X, y).fit(X, y))
        with pytest.raises(ValueError, match="X_val is an array of"):
            small().fit(torch(X), y, X_val=X, y_val=y)


def test_what_is_no_array_of_numbers_with_float64(data):
    X, y = data
    with config_context(array_api_dispatch=True):
        torch = pytest.importorskip("torch")
        T = torch.asarray(X)
        wrong = [
            (torch.complex(T, T), "Complex data not supported"),
            (T.to(torch.bfloat16), "convert it to float32"),
            (T.to_sparse(), "sparse tensor"),
        ]
        strict = pytest.importorskip("array_api_strict")
        if hasattr(strict, "Device"):
            device = strict.Device("no_float64")
            single = strict.asarray(X.astype(np.float32), device=device)
            wrong.append((single, "not support float64"))
        for X_bad, message in wrong:
            with pytest.raises(ValueError, match=message):
                small().fit(X_bad, y)
        model = small_autoencoder(**ADAM).fit(T.requires_grad_())
        assert model.coefs_[0].grad_fn is None
        assert not model.coefs_[0].requires_grad


def test_displays_say_where_arrays_are(make, data):
    X, y = data
    model = small().fit(X, y)
    with pytest.raises(ValueError, match="must use the same namespace"):
        ActivationDisplay.from_estimator(model, make(X))
