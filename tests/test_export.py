"""Exported models, held against the predictions of the estimators they come from."""

import doctest
import itertools
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import DTYPES, small_autoencoder, small_classifier
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skstackedae import (
    SparseAutoencoder,
    StackedAutoencoder,
    StackedAutoencoderClassifier,
    StackedAutoencoderRegressor,
)
from skstackedae._network.activations import ACTIVATIONS
from skstackedae.export import (
    ONNX_OPERATORS,
    register_onnx_converters,
    to_mlp_classifier,
    to_mlp_regressor,
)

# What is exported need not be trained well; units may die.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Stopped after max_iter", "ignore:Most units of the", "ignore:The input of"
)

TOLERANCE = {np.float64: 1e-12, np.float32: 2e-6}
LETTERS = np.array(list("zyxwvutsrq"))
MIXED = ("tanh", "relu")


def layers_of(*activations):
    return [
        SparseAutoencoder(activation=name, decoder_activation="identity")
        for name in activations
    ]


def make_classifier(activations=("logistic", "logistic"), **changes):
    return small_classifier(
        (9, 7)[: len(activations)],
        autoencoder=layers_of(*activations) if activations else None,
        **{"pretrain": False, "max_iter": 30} | changes,
    )


def make_autoencoder(activation="logistic", decoder="logistic", **changes):
    return small_autoencoder(
        9,
        activation=activation,
        decoder_activation=decoder,
        **{"sparsity_weight": 0, "max_iter": 30} | changes,
    )


def reconstruct(autoencoder, X):
    return autoencoder.inverse_transform(autoencoder.transform(X))


def public_state(estimator):
    return {name for name in vars(estimator) if not name.startswith("_")}


@pytest.fixture(scope="module")
def classifier(few_digits, global_random_seed):
    return make_classifier(random_state=global_random_seed).fit(*few_digits)


@pytest.fixture(scope="module")
def autoencoder(few_digits, global_random_seed):
    return make_autoencoder(random_state=global_random_seed).fit(few_digits[0])


# scikit-learn's classifier ---------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_classes", [2, 3, 10])
@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_mlp_classifier_predicts_the_same(
    few_digits, activation, depth, n_classes, dtype, global_random_seed
):
    X, y = few_digits[0].astype(dtype), few_digits[1] % n_classes
    classifier = make_classifier(
        (activation,) * depth, random_state=global_random_seed
    ).fit(X, y)
    mlp = to_mlp_classifier(classifier)
    expected = classifier.predict_proba(X)
    probabilities = mlp.predict_proba(X)
    assert probabilities.dtype == expected.dtype == dtype
    assert_allclose(probabilities, expected, rtol=0, atol=TOLERANCE[dtype])
    assert_array_equal(mlp.predict(X), classifier.predict(X))
    assert mlp.score(X, y) == classifier.score(X, y)


@pytest.mark.parametrize("n_classes", [2, 10])
@pytest.mark.parametrize(
    "encode",
    [
        lambda y: LETTERS[y],
        lambda y: LETTERS.astype(object)[y],
        lambda y: 7 - 3 * y,
        lambda y: y.astype(float),
        lambda y: y > 0,
    ],
    ids=["str", "object", "negative", "float", "bool"],
)
def test_mlp_classifier_keeps_the_labels(few_digits, encode, n_classes):
    X, y = few_digits[0], encode(few_digits[1] % n_classes)
    classifier = make_classifier().fit(X, y)
    mlp = to_mlp_classifier(classifier)
    assert_array_equal(mlp.classes_, classifier.classes_, strict=True)
    assert_array_equal(mlp.predict(X), classifier.predict(X), strict=True)
    assert_allclose(mlp.predict_proba(X), classifier.predict_proba(X), atol=1e-12)


@pytest.mark.parametrize("n_classes", [2, 10])
def test_mlp_classifier_has_what_fit_gives(few_digits, n_classes):
    X, y = few_digits[0], few_digits[1] % n_classes
    classifier = make_classifier().fit(X, y)
    mlp = to_mlp_classifier(classifier)
    other = MLPClassifier((9, 7), activation="logistic", max_iter=1)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        other.fit(X, y)
    assert public_state(mlp) == public_state(other)
    for name in ["n_layers_", "n_outputs_", "out_activation_", "n_features_in_"]:
        assert getattr(mlp, name) == getattr(other, name)
    shapes = [W.shape for W in mlp.coefs_] + [b.shape for b in mlp.intercepts_]
    assert shapes == [W.shape for W in other.coefs_] + [
        b.shape for b in other.intercepts_
    ]
    for name in ["loss_", "loss_curve_", "n_iter_"]:
        assert getattr(mlp, name) == getattr(classifier, name)
    assert mlp.best_loss_ == min(classifier.loss_curve_)


def test_mlp_classifier_is_an_estimator(few_digits, classifier):
    X, y = few_digits
    mlp = to_mlp_classifier(classifier)
    pickled = pickle.dumps(mlp)
    assert b"skstackedae" not in pickled
    assert_array_equal(pickle.loads(pickled).predict_proba(X), mlp.predict_proba(X))
    assert repr(clone(mlp)) == repr(mlp)
    with pytest.raises(NotFittedError):
        clone(mlp).predict(X)
    # As scikit-learn trains it further, it starts from these weights.
    before = mlp.score(X, y)
    assert mlp.partial_fit(X, y).score(X, y) > before - 0.05
    assert len(mlp.loss_curve_) == len(classifier.loss_curve_) + 1


def test_mlp_classifier_holds_copies(classifier):
    mlp = to_mlp_classifier(classifier)
    parts = [mlp.coefs_, mlp.intercepts_], [classifier.coefs_, classifier.intercepts_]
    ours, theirs = (list(itertools.chain(*lists)) for lists in parts)
    for array, origin in itertools.product(ours, theirs):
        assert not np.shares_memory(array, origin)
    assert mlp.loss_curve_ is not classifier.loss_curve_
    assert mlp.classes_ is not classifier.classes_


def test_mlps_check_feature_names(few_digits):
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(few_digits[0]).add_prefix("pixel")
    exported = [
        to_mlp_classifier(make_classifier().fit(X, few_digits[1])),
        to_mlp_regressor(make_autoencoder().fit(X)),
    ]
    for mlp in exported:
        assert_array_equal(mlp.feature_names_in_, X.columns)
        mlp.predict(X)
        with pytest.raises(ValueError, match="feature names should match"):
            mlp.predict(X[X.columns[::-1]])


def test_mlps_of_models_that_learn_in_other_ways(few_digits):
    X, y = few_digits
    partly = make_classifier(unlabeled_label=-1).fit(X, np.where(y > 7, -1, y))
    stopped = make_classifier(early_stopping=True).fit(X, y)
    streamed = make_classifier(solver="adam").partial_fit(X, y, classes=range(10))
    for classifier in [partly, stopped, streamed]:
        mlp = to_mlp_classifier(classifier)
        assert_array_equal(mlp.classes_, classifier.classes_, strict=True)
        expected = classifier.predict_proba(X)
        assert_allclose(mlp.predict_proba(X), expected, rtol=0, atol=1e-12)
    streamed = make_autoencoder(solver="adam").partial_fit(X)
    expected = reconstruct(streamed, X)
    assert_allclose(to_mlp_regressor(streamed).predict(X), expected, rtol=0, atol=1e-12)


def test_mlp_classifier_has_one_activation(few_digits, global_random_seed):
    mixed = make_classifier(MIXED, random_state=global_random_seed).fit(*few_digits)
    with pytest.raises(ValueError, match=r"\['tanh', 'relu'\].*register_onnx"):
        to_mlp_classifier(mixed)


# scikit-learn's regressor ----------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("decoder", ACTIVATIONS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_mlp_regressor_reconstructs_the_same(
    few_digits, activation, decoder, dtype, global_random_seed
):
    X = few_digits[0].astype(dtype)
    autoencoder = make_autoencoder(
        activation, decoder, random_state=global_random_seed
    ).fit(X)
    mlp = to_mlp_regressor(autoencoder)
    reconstructed = mlp.predict(X)
    assert reconstructed.dtype == dtype
    assert mlp.out_activation_ == decoder
    expected = reconstruct(autoencoder, X)
    assert_allclose(reconstructed, expected, rtol=0, atol=TOLERANCE[dtype])
    assert mlp.score(X, expected) == pytest.approx(1)


def test_mlp_regressor_has_what_fit_gives(few_digits, autoencoder):
    X, _ = few_digits
    mlp = to_mlp_regressor(autoencoder)
    other = MLPRegressor(hidden_layer_sizes=(9,), max_iter=1)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        other.fit(X, X)
    assert public_state(mlp) == public_state(other)
    assert [W.shape for W in mlp.coefs_] == [W.shape for W in other.coefs_]
    assert (mlp.n_layers_, mlp.n_outputs_) == (other.n_layers_, other.n_outputs_)
    for name in ["loss_", "loss_curve_", "n_iter_"]:
        assert getattr(mlp, name) == getattr(autoencoder, name)
    assert mlp.best_loss_ == min(autoencoder.loss_curve_)
    assert b"skstackedae" not in pickle.dumps(mlp)
    assert repr(clone(mlp)) == repr(mlp)


def test_mlp_regressor_of_a_pretrained_layer(few_digits):
    X, y = few_digits
    prototype = SparseAutoencoder(max_iter=5)
    stack = StackedAutoencoderClassifier(
        (9, 7), autoencoder=prototype, max_iter=5, random_state=0
    ).fit(X, y)
    first, second = stack.autoencoders_
    H = first.transform(X)
    mlp = to_mlp_regressor(second)
    assert_allclose(mlp.predict(H), reconstruct(second, H), rtol=0, atol=1e-12)


# What cannot be exported -----------------------------------------------------------


@pytest.mark.parametrize(
    ("export", "estimator"),
    [
        (to_mlp_classifier, StackedAutoencoderClassifier()),
        (to_mlp_regressor, SparseAutoencoder()),
        (to_mlp_regressor, StackedAutoencoderRegressor()),
    ],
)
def test_only_fitted_estimators_of_the_right_type(export, estimator):
    with pytest.raises(NotFittedError, match=type(estimator).__name__):
        export(estimator)
    expected = rf"fitted .*\b{type(estimator).__name__}\b.*, got Pipeline"
    with pytest.raises(TypeError, match=expected):
        export(make_pipeline(estimator))


def test_missing_skl2onnx_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ImportError, match=r"skstackedae\[onnx\]"):
        register_onnx_converters()


# ONNX ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run_onnx():
    """Convert a model and return what onnxruntime computes, by the output's name."""
    skl2onnx = pytest.importorskip("skl2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    register_onnx_converters()

    def run(model, X, **options):
        graph = skl2onnx.to_onnx(model, X[:1], options=options or None)
        session = onnxruntime.InferenceSession(
            graph.SerializeToString(), providers=["CPUExecutionProvider"]
        )
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(None, {"X": X}), strict=True))

    return run


def test_every_activation_has_an_operator():
    assert set(ONNX_OPERATORS) == set(ACTIVATIONS)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_classes", [2, 10])
@pytest.mark.parametrize("activations", [*itertools.product(ACTIVATIONS), MIXED, ()])
def test_onnx_classifier_predicts_the_same(
    run_onnx, few_digits, activations, n_classes, dtype, global_random_seed
):
    X, y = few_digits[0].astype(dtype), few_digits[1] % n_classes
    classifier = make_classifier(activations, random_state=global_random_seed).fit(X, y)
    output = run_onnx(classifier, X, zipmap=False)
    probabilities = output["probabilities"]
    assert probabilities.dtype == dtype
    expected = classifier.predict_proba(X)
    assert_allclose(probabilities, expected, rtol=0, atol=TOLERANCE[dtype])
    assert_array_equal(output["label"], classifier.predict(X), strict=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_onnx_autoencoder_encodes_the_same(
    run_onnx, few_digits, activation, dtype, global_random_seed
):
    X = few_digits[0].astype(dtype)
    autoencoder = make_autoencoder(activation, random_state=global_random_seed).fit(X)
    (hidden,) = run_onnx(autoencoder, X).values()
    assert hidden.dtype == dtype
    expected = autoencoder.transform(X)
    assert_allclose(hidden, expected, rtol=0, atol=TOLERANCE[dtype])


@pytest.mark.parametrize(("activation", "factor"), [("relu", 1), ("tanh", 16)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_onnx_keeps_the_largest_units(run_onnx, few_digits, dtype, activation, factor):
    # The larger numbers saturate tanh units.
    X = (factor * few_digits[0]).astype(dtype)
    settings = {"sparsity": "top_k", "sparsity_target": 0.2, "activation": activation}
    autoencoder = SparseAutoencoder(20, max_iter=10, random_state=0, **settings).fit(X)
    (hidden,) = run_onnx(autoencoder, X).values()
    expected = autoencoder.transform(X)
    assert_allclose(hidden, expected, rtol=0, atol=10 * TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
def test_onnx_fills_missing_entries(run_onnx, few_digits, dtype):
    X = np.where(few_digits[0] == 1, np.nan, few_digits[0]).astype(dtype)
    autoencoder = SparseAutoencoder(
        8, missing_values=np.nan, max_iter=10, random_state=0
    ).fit(X)
    (hidden,) = run_onnx(autoencoder, X).values()
    expected = autoencoder.transform(X)
    assert_allclose(hidden, expected, rtol=0, atol=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
def test_onnx_stack_encodes_the_same(run_onnx, few_digits, dtype):
    X = few_digits[0].astype(dtype)
    layers = [make_autoencoder("relu"), make_autoencoder("tanh")]
    stack = StackedAutoencoder((9, 4), autoencoder=layers, max_iter=5).fit(X)
    (codes,) = run_onnx(stack, X).values()
    assert codes.shape == (len(X), 4)
    assert_allclose(codes, stack.transform(X), rtol=0, atol=TOLERANCE[dtype])


@pytest.mark.parametrize("n_targets", [1, 3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_onnx_regressor_predicts_the_same(run_onnx, few_digits, dtype, n_targets):
    X = few_digits[0].astype(dtype)
    regressor = StackedAutoencoderRegressor(
        (9,), autoencoder=make_autoencoder("tanh"), max_iter=5, random_state=0
    ).fit(X, X[:, 20 : 20 + n_targets])
    (predicted,) = run_onnx(regressor, X).values()
    expected = regressor.predict(X).reshape(-1, n_targets)
    assert_allclose(predicted, expected, rtol=0, atol=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
def test_onnx_pipelines(run_onnx, digits, dtype):
    X, y = (16 * digits[0][:400]).astype(dtype), LETTERS[digits[1][:400]]
    pipelines = [
        make_pipeline(MinMaxScaler(), make_classifier(MIXED)),
        make_pipeline(MinMaxScaler(), make_autoencoder(), make_classifier()),
        make_pipeline(make_autoencoder(), LogisticRegression(max_iter=1000)),
        GridSearchCV(make_classifier(), {"alpha": [1e-4, 1e-3]}, cv=2),
    ]
    for pipeline in pipelines:
        pipeline.fit(X, y)
        output = run_onnx(pipeline, X, zipmap=False)
        expected = pipeline.predict_proba(X)
        assert_allclose(output["probabilities"], expected, atol=5 * TOLERANCE[dtype])
        assert_array_equal(output["label"], pipeline.predict(X))


def test_onnx_precision_is_that_of_the_input(run_onnx, few_digits):
    X, y = few_digits
    classifier = make_classifier().fit(X.astype(np.float32), y)
    in_double = run_onnx(classifier, X, zipmap=False)["probabilities"]
    assert_allclose(in_double, classifier.predict_proba(X), rtol=0, atol=1e-12)
    counts = (16 * X).astype(np.int64)
    classifier = make_classifier().fit(counts, y)
    in_single = run_onnx(classifier, counts, zipmap=False)["probabilities"]
    assert in_single.dtype == np.float32
    assert_allclose(in_single, classifier.predict_proba(counts), atol=1e-5)


@pytest.mark.parametrize("n_classes", [2, 10])
@pytest.mark.parametrize(
    "encode",
    [
        lambda y: LETTERS[y],
        lambda y: LETTERS.astype(object)[y],
        # Beyond 32 bits, where skl2onnx's own labels end.
        lambda y: 2**40 - y,
        lambda y: y.astype(float),
        lambda y: y > 0,
    ],
    ids=["str", "object", "large", "float", "bool"],
)
def test_onnx_labels(run_onnx, few_digits, encode, n_classes):
    X, y = few_digits[0], encode(few_digits[1] % n_classes)
    classifier = make_classifier().fit(X, y)
    label = run_onnx(classifier, X, zipmap=False)["label"]
    assert_array_equal(label, classifier.predict(X))


def test_onnx_options_of_classifiers(run_onnx, few_digits):
    X, y = few_digits[0], LETTERS[few_digits[1]]
    classifier = make_classifier().fit(X, y)
    expected, classes = classifier.predict_proba(X), classifier.classes_
    # ONNX has dicts of float32 alone.
    _, maps = run_onnx(classifier, X.astype(np.float32)).values()
    assert list(maps[0]) == list(classes)
    assert_allclose([list(row.values()) for row in maps], expected, atol=1e-6)
    _, *columns = run_onnx(classifier, X, zipmap="columns").values()
    assert_allclose(np.column_stack(columns), expected, atol=1e-12)
    output = run_onnx(classifier, X, zipmap=False, output_class_labels=True)
    assert_array_equal(output["class_labels"], classes)
    output = run_onnx(classifier, X, zipmap=False, nocl=True)
    assert_array_equal(output["label"], expected.argmax(axis=1))


@pytest.mark.parametrize("n_classes", [2, 10])
def test_onnx_raw_scores(run_onnx, few_digits, n_classes):
    X, y = few_digits[0], few_digits[1] % n_classes
    classifier = make_classifier().fit(X, y)
    output = run_onnx(classifier, X, zipmap=False, raw_scores=True)
    scores = classifier.decision_function(X)
    expected = np.column_stack([-scores, scores]) if n_classes == 2 else scores
    assert_allclose(output["probabilities"], expected, atol=1e-12)
    assert_array_equal(output["label"], classifier.predict(X))


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: CalibratedClassifierCV(model, cv=2),
        lambda model: StackingClassifier([("model", model)], cv=2),
        lambda model: StackingClassifier(
            [("model", model)], cv=2, stack_method="decision_function"
        ),
        OneVsOneClassifier,
        OneVsRestClassifier,
        lambda model: BaggingClassifier(model, 2, random_state=0),
        lambda model: VotingClassifier(
            [("model", model)], voting="soft", flatten_transform=False
        ),
    ],
    ids=["calibrated", "stacking", "decisions", "pairs", "rest", "bagging", "voting"],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning:sklearn")
def test_onnx_meta_estimators(run_onnx, few_digits, wrap, n_classes, request):
    if n_classes == 2 and "decisions" in request.node.callspec.id:
        pytest.skip("skl2onnx makes a graph that does not run, of any classifier")
    X, y = few_digits[0].astype(np.float32), few_digits[1] % n_classes
    model = wrap(make_classifier(("logistic",))).fit(X, y)
    output = run_onnx(model, X, zipmap=False)
    assert_array_equal(np.ravel(output["label"]), model.predict(X))
    if hasattr(model, "predict_proba"):
        expected = model.predict_proba(X)
        assert_allclose(output["probabilities"], expected, atol=1e-5)


def run_skipped_examples(text, **names):
    """Run examples that doctest skips, because not every environment has ONNX."""
    text = text.replace("  # doctest: +SKIP", "")
    test = doctest.DocTestParser().get_doctest(text, names, "onnx", None, 0)
    result = doctest.DocTestRunner().run(test)
    assert result.attempted > 0
    assert result.failed == 0


def test_onnx_example_of_the_docstring(run_onnx):
    run_skipped_examples(register_onnx_converters.__doc__)


def test_onnx_example_of_the_guide(run_onnx, few_digits, classifier):
    page = Path(__file__).parents[1] / "docs" / "user_guide" / "saving.rst"
    (_, text) = page.read_text(encoding="utf-8").split("ONNX\n~~~~\n")
    X, _ = few_digits
    run_skipped_examples(text, X=X, classifier=classifier, np=np)
