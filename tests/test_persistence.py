"""Saved models: the same outputs bit for bit, known types, and a version that warns."""

import copy
import pickle
import re
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pytest
import skops.io
from helpers import small_autoencoder, small_classifier
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils import get_tags
from skops.io.exceptions import UntrustedTypesFoundException

from skstackedae import (
    TRUSTED_TYPES,
    ReconstructionOutlierDetector,
    SparseAutoencoder,
    StackedAutoencoder,
    StackedAutoencoderClassifier,
    StackedAutoencoderRegressor,
    _persistence,
)

pytestmark = pytest.mark.filterwarnings("ignore:Stopped after max_iter")

DATA = Path(__file__).with_name("data")
SUFFIXES = [".pickle", ".skops"]
OLD_MODELS = sorted(p for p in DATA.glob("models-*") if p.suffix in SUFFIXES)
METHODS = [
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "score_samples",
    "transform",
]


autoencoder = partial(
    small_autoencoder, n_components=8, sparsity_weight=0.1, max_iter=10
)
classifier = partial(small_classifier, hidden_layer_sizes=(8, 6), max_iter=10)


def fit_model(kind, X, y):
    """Fit one of the forms in which our estimators are saved."""
    if kind == "autoencoder":
        return autoencoder().fit(X)
    if kind == "regressor":
        prototype = autoencoder(missing_values=np.nan)
        regressor = StackedAutoencoderRegressor((8, 6), autoencoder=prototype)
        return regressor.set_params(max_iter=10, random_state=0).fit(X, X[:, 20:22])
    if kind == "stack":
        return StackedAutoencoder((8, 6), max_iter=10, random_state=0).fit(X)
    if kind == "detector":
        return ReconstructionOutlierDetector(random_state=0).fit(X)
    if kind == "pipeline":
        return make_pipeline(MinMaxScaler(), classifier()).fit(X, y)
    if kind == "options":
        options = {"early_stopping": True, "class_weight": {2: 0.5}, "solver": "adam"}
        return classifier(unlabeled_label=9, **options).fit(X, y)
    prototypes = {
        "default": None,
        "prototype": autoencoder(),
        "list": [FrozenEstimator(autoencoder().fit(X)), autoencoder(alpha=1e-3)],
    }
    return classifier(autoencoder=prototypes[kind]).fit(X, y)


KINDS = ["autoencoder", "default", "prototype", "list", "options", "pipeline"]
KINDS += ["regressor", "stack", "detector"]

#: Our classes in a saved model, besides SparseAutoencoder.
CLASSES = dict.fromkeys(KINDS, StackedAutoencoderClassifier) | {
    "autoencoder": SparseAutoencoder,
    "regressor": StackedAutoencoderRegressor,
    "stack": StackedAutoencoder,
    "detector": ReconstructionOutlierDetector,
}


def by_pickle(model, path):
    path.write_bytes(pickle.dumps(model))
    return pickle.loads(path.read_bytes())


def by_joblib(model, path):
    joblib.dump(model, path)
    return joblib.load(path)


def by_memory_map(model, path):
    joblib.dump(model, path)
    return joblib.load(path, mmap_mode="r")


def by_skops(model, path):
    skops.io.dump(model, path)
    return skops.io.load(path, trusted=TRUSTED_TYPES)


WAYS = [by_pickle, by_joblib, by_memory_map, by_skops]


def outputs(model, X):
    """Compute all that a fitted model says of X."""
    found = {name: getattr(model, name)(X) for name in METHODS if hasattr(model, name)}
    if "transform" in found:
        found["inverse_transform"] = model.inverse_transform(found["transform"])
    return found


@pytest.fixture
def data(request, few_digits):
    X, y = few_digits
    return X[:200].astype(request.param), y[:200]


BOTH_PRECISIONS = pytest.mark.parametrize("data", ["f4", "f8"], indirect=True)
IN_FLOAT32 = pytest.mark.parametrize("data", ["f4"], indirect=True)


@pytest.mark.slow
@BOTH_PRECISIONS
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("save_and_load", WAYS)
def test_same_outputs_bit_for_bit(save_and_load, kind, data, tmp_path):
    X, y = data
    model = fit_model(kind, X, y)
    expected = outputs(model, X)
    loaded = save_and_load(model, tmp_path / "model")
    for name, output in outputs(loaded, X).items():
        assert_array_equal(output, expected[name], err_msg=name)
        assert output.dtype == expected[name].dtype
        assert type(output) is np.ndarray, name
    assert repr(loaded) == repr(model)
    assert get_tags(loaded) == get_tags(model)
    assert type(model).__name__ in loaded._repr_html_()


@pytest.mark.parametrize("save_and_load", WAYS)
def test_a_loaded_model_goes_on_learning(save_and_load, few_digits, tmp_path):
    X, y = few_digits
    model = classifier(warm_start=True).fit(X, y)
    loaded = save_and_load(model, tmp_path / "model")
    assert_array_equal(
        loaded.fit(X, y).predict_proba(X), model.fit(X, y).predict_proba(X)
    )
    assert loaded.loss_curve_ == model.loss_curve_


@BOTH_PRECISIONS
def test_memory_mapped_weights_stay_on_disk(data, tmp_path):
    X, y = data
    loaded = by_memory_map(classifier().fit(X, y), tmp_path / "model")
    outputs(loaded, X)
    for weights in [*loaded.coefs_, *loaded.autoencoders_[0].coefs_]:
        assert isinstance(weights, np.memmap)
        assert weights.dtype == X.dtype
        assert not weights.flags.writeable


@IN_FLOAT32
@pytest.mark.parametrize("kind", KINDS)
def test_trusted_types_are_all_that_skops_asks_for_and_no_more(kind, data):
    saved = skops.io.dumps(fit_model(kind, *data))
    needed = set(skops.io.get_untrusted_types(data=saved))
    used = {SparseAutoencoder, CLASSES[kind]}
    names = {f"{cls.__module__}.{cls.__qualname__}" for cls in used}
    assert needed == names <= set(TRUSTED_TYPES)
    for left_out in needed:
        trusted = [name for name in TRUSTED_TYPES if name != left_out]
        with pytest.raises(UntrustedTypesFoundException, match=re.escape(left_out)):
            skops.io.loads(saved, trusted=trusted)


@IN_FLOAT32
@pytest.mark.parametrize(
    "renew",
    [copy.copy, copy.deepcopy, clone, lambda model: pickle.loads(pickle.dumps(model))],
    ids=["copy", "deepcopy", "clone", "pickle"],
)
@pytest.mark.parametrize("kind", ["autoencoder", "list"])
def test_the_stamp_is_in_the_state_alone(kind, renew, data):
    model = fit_model(kind, *data)
    assert model.__getstate__()[_persistence.VERSION_KEY] == _persistence.__version__
    attributes = set(vars(model))
    assert _persistence.VERSION_KEY not in attributes
    if renew is clone:
        attributes = set(model.get_params(deep=False))
    assert set(vars(renew(model))) == attributes


def test_restoring_leaves_the_given_state_alone():
    state = autoencoder().__getstate__()
    before = dict(state)
    SparseAutoencoder.__new__(SparseAutoencoder).__setstate__(state)
    assert state == before


@IN_FLOAT32
@pytest.mark.parametrize("kind", ["autoencoder", "prototype"])
@pytest.mark.parametrize("module", [pickle, skops.io])
def test_another_version_warns(module, kind, data, monkeypatch):
    model = fit_model(kind, *data)
    with monkeypatch.context() as older:
        older.setattr(_persistence, "__version__", "0.0.9")
        saved = module.dumps(model)
    options = {"trusted": TRUSTED_TYPES} if module is skops.io else {}
    with pytest.warns(InconsistentVersionWarning) as caught:
        loaded = module.loads(saved, **options)
    warned = sorted(w.message.estimator_name for w in caught)
    inside = {"autoencoder": [], "prototype": ["SparseAutoencoder"] * 3}[kind]
    assert warned == sorted([type(model).__name__, *inside])
    message = str(caught[0].message)
    assert "from version skstackedae 0.0.9" in message
    assert f"using version skstackedae {_persistence.__version__}" in message
    assert_array_equal(loaded.transform(data[0]), model.transform(data[0]))


def test_a_state_without_a_version_warns_at_the_line_that_loads():
    with pytest.warns(InconsistentVersionWarning) as caught:
        SparseAutoencoder().__setstate__(vars(autoencoder()))
    assert "from version skstackedae unknown" in str(caught[0].message)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("path", OLD_MODELS, ids=lambda path: path.name)
# What was saved by a version of its own is to be read nonetheless.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
def test_models_on_disk_stay_readable(path):
    if path.suffix == ".pickle":
        models = pickle.loads(path.read_bytes())
    else:
        # Written with the newest dependencies, read with the oldest, too.
        models = skops.io.load(path, trusted=TRUSTED_TYPES)
    assert set(models) >= {"autoencoder", "classifier"}
    with np.load(path.with_suffix(".npz")) as expected:
        X = expected["X"]
        found = {
            f"{name}.{method}": output
            for name, model in models.items()
            for method, output in outputs(model, X).items()
        }
        recorded = set(expected.files) - {"X"}
        assert len(recorded) >= 8
        for name in recorded:
            if expected[name].dtype.kind == "U":
                assert_array_equal(found[name], expected[name])
            else:
                # Processors and libraries round differently.
                assert_allclose(found[name], expected[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("tied", [False, True])
def test_an_older_state_tells_tied_weights_by_their_values(tied, few_digits):
    X, _ = few_digits
    model = SparseAutoencoder(6, tied_weights=tied, warm_start=True, max_iter=3).fit(X)
    # Version 0.1.0 did not store it.
    del model._tied_weights
    model.fit(X)
    del model._tied_weights
    with pytest.raises(ValueError, match=f"the previous fit used {tied}"):
        model.set_params(tied_weights=not tied).fit(X)


def test_every_release_left_its_models():
    changelog = (DATA.parents[1] / "CHANGELOG.md").read_text(encoding="utf-8")
    released = set(re.findall(r"^## \[?(\d[^\s\]]*)", changelog, re.M))
    for suffix in SUFFIXES:
        paths = [path for path in OLD_MODELS if path.suffix == suffix]
        saved = {path.stem.removeprefix("models-") for path in paths}
        assert saved
        assert released <= saved
