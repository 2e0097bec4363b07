"""Displays: what they draw, and the inputs that excite units most."""

import subprocess
import sys
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import check_grad
from scipy.sparse import csr_array
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier
from skstackedae._network.activation_maximization import (
    ending_in,
    excitation,
    maximize_activation,
)
from skstackedae._network.activations import ACTIVATIONS
from skstackedae._network.layers import Layer
from skstackedae.inspection import (
    ActivationDisplay,
    ComponentsDisplay,
    ReconstructionDisplay,
    TrainingCurveDisplay,
)

# What is drawn need not be trained well; units may die.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Stopped after max_iter", "ignore:Most units of the", "ignore:The input of"
)

DISPLAYS = {
    ComponentsDisplay: False,
    ReconstructionDisplay: True,
    TrainingCurveDisplay: False,
    ActivationDisplay: True,
}


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def autoencoder(few_digits):
    return SparseAutoencoder(9, max_iter=30, random_state=0).fit(few_digits[0])


@pytest.fixture(scope="module")
def classifier(few_digits):
    return StackedAutoencoderClassifier(
        (9, 7),
        autoencoder=SparseAutoencoder(alpha=1e-3, sparsity_weight=0.1, max_iter=30),
        max_iter=30,
        random_state=0,
    ).fit(*few_digits)


@pytest.fixture(scope="module")
def table():
    rows = np.random.RandomState(0).uniform(size=(60, 10))
    return pd.DataFrame(rows, columns=[f"column {i}" for i in range(10)])


def draw(display_class, estimator, X, **options):
    if DISPLAYS[display_class]:
        return display_class.from_estimator(estimator, X, **options)
    return display_class.from_estimator(estimator, **options)


def drawn(display):
    """The figure's pixels."""
    display.figure_.canvas.draw()
    return np.asarray(display.figure_.canvas.buffer_rgba())


def random_network(rng, activation, widths=(12, 9, 7, 5)):
    return [
        Layer(
            2 * rng.normal(size=(n_in, n_out)) / np.sqrt(n_in),
            0.1 * rng.normal(size=n_out),
            ACTIVATIONS[activation],
        )
        for n_in, n_out in pairwise(widths)
    ]


# Activation maximization -----------------------------------------------------------


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradient_by_the_input_is_that_of_finite_differences(rng, activation):
    network = ending_in(random_network(rng, activation), 3)
    x = rng.normal(size=12)
    difference = check_grad(
        lambda x: excitation(x, network)[0], lambda x: excitation(x, network)[1], x
    )
    assert difference < 1e-6 * np.linalg.norm(excitation(x, network)[1])


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_first_layer_is_excited_by_its_weights(rng, activation):
    layer = random_network(rng, activation)[0]
    inputs, gains = maximize_activation([layer], [4, 0])
    norms = np.linalg.norm(layer.W, axis=0)
    assert_allclose(inputs, (layer.W / norms).T[[4, 0]], rtol=1e-12)
    assert_allclose(gains, norms[[4, 0]], rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["logistic", "tanh", "identity"])
@pytest.mark.parametrize("depth", [2, 3])
def test_no_direction_on_the_sphere_leads_further_up(rng, activation, depth):
    layers = random_network(rng, activation)[:depth]
    units = range(len(layers[-1].b))
    inputs, gains = maximize_activation(layers, units, random_state=0)
    assert_allclose(np.linalg.norm(inputs, axis=1), 1, rtol=1e-12)
    others = rng.normal(size=(2_000, 12))
    others /= np.linalg.norm(others, axis=1, keepdims=True)
    for unit, x, gain in zip(units, inputs, gains, strict=True):
        network = ending_in(layers, unit)
        value, gradient = excitation(x, network)
        tangential = gradient - (gradient @ x) * x
        assert np.linalg.norm(tangential) < 1e-5 * np.linalg.norm(gradient)
        assert value > max(excitation(other, network)[0] for other in others)
        assert gain == pytest.approx(value - excitation(0 * x, network)[0])


def test_linear_network_is_excited_by_the_product_of_its_weights(rng):
    layers = random_network(rng, "identity")
    product = layers[0].W @ layers[1].W @ layers[2].W
    inputs, gains = maximize_activation(layers, range(5), random_state=0)
    norms = np.linalg.norm(product, axis=0)
    assert_allclose(inputs, (product / norms).T, atol=1e-6)
    assert_allclose(gains, norms, rtol=1e-10)


def test_relu_units_are_excited_more_than_by_random_inputs(rng):
    layers = random_network(rng, "relu")
    inputs, _ = maximize_activation(layers, range(5), random_state=0)
    others = rng.normal(size=(2_000, 12))
    others /= np.linalg.norm(others, axis=1, keepdims=True)
    for unit, x in enumerate(inputs):
        network = ending_in(layers, unit)
        best = max(excitation(other, network)[0] for other in others)
        assert excitation(x, network)[0] > best


def test_result_depends_on_the_seed_alone_not_on_which_units_are_asked_for(rng):
    layers = random_network(rng, "relu")
    everything, _ = maximize_activation(layers, range(5), random_state=0)
    again, _ = maximize_activation(layers, [3, 1], random_state=0)
    assert_array_equal(again, everything[[3, 1]])


@pytest.mark.parametrize("depth", [1, 2])
def test_unit_that_no_input_moves(rng, depth):
    layers = random_network(rng, "relu")[:depth]
    layers[-1].W[:, 2] = 0
    inputs, gains = maximize_activation(layers, [1, 2], random_state=0)
    assert not inputs[1].any()
    assert gains[1] == 0
    assert inputs[0].any()
    assert gains[0] > 0


# Components ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_components_of_the_first_layer(few_digits, dtype):
    X = few_digits[0].astype(dtype)
    model = SparseAutoencoder(9, max_iter=5, random_state=0).fit(X)
    display = ComponentsDisplay.from_estimator(model, image_shape=(8, 8))
    norms = np.linalg.norm(model.components_, axis=1, keepdims=True)
    assert_allclose(display.components, model.components_ / norms, atol=1e-7)
    assert display.relative_std is None
    assert display.colorbar_ is None
    # Three rows and columns of units, 8 times 4 pixels each, and gaps of 2.
    assert display.image_.get_array().shape[1] == 3 * 32 + 2 * 2


def test_own_contrast_fills_the_scale_and_shared_contrast_shows_the_weights(
    autoencoder,
):
    own = ComponentsDisplay.from_estimator(autoencoder)
    table = own.image_.get_array()
    assert_allclose(np.abs(table).max(axis=0), 1)
    assert own.image_.get_clim() == (-1, 1)
    shared = ComponentsDisplay.from_estimator(autoencoder, contrast="shared")
    assert_allclose(shared.image_.get_array(), autoencoder.components_.T)
    low, high = shared.image_.get_clim()
    assert high == -low == pytest.approx(np.abs(autoencoder.components_).max())


def test_shared_contrast_without_gains_shows_inputs_of_unit_norm(rng):
    components = rng.normal(size=(5, 6))
    display = ComponentsDisplay(components=components).plot(contrast="shared")
    assert_array_equal(display.image_.get_array(), components.T)
    assert display.colorbar_.ax.get_ylabel() == "input of unit norm"


@pytest.mark.parametrize(("shape", "n_labels"), [((8, 8), 9), ((2, 32), 0)])
def test_images_too_flat_for_labels_have_none(shape, n_labels, autoencoder):
    display = ComponentsDisplay.from_estimator(autoencoder, image_shape=shape)
    assert len(display.ax_.texts) == n_labels


def test_relative_std_is_what_diagnose_says(few_digits, autoencoder):
    X, _ = few_digits
    found = autoencoder.diagnose(X)
    display = ComponentsDisplay.from_estimator(autoencoder, X, sort_by_std=True)
    assert_allclose(display.relative_std, found["std_activations"])
    order = np.argsort(-found["std_activations"])
    names = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert names == [str(unit) for unit in order]
    unsorted = ComponentsDisplay.from_estimator(autoencoder, X).image_.get_array()
    assert_array_equal(display.image_.get_array(), unsorted[:, order])


@pytest.mark.parametrize("sparsity", ["kl", "l1", "top_k"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_inactive_units_are_those_of_diagnose(few_digits, activation, sparsity):
    X, _ = few_digits
    model = SparseAutoencoder(
        20,
        activation=activation,
        decoder_activation="identity",
        sparsity=sparsity,
        sparsity_target=0.5,
        sparsity_weight=0,
        max_iter=10,
        random_state=0,
    ).fit(X)
    model.coefs_[0][:, ::4] = 1e-5
    model.intercepts_[0][:8:4] = 5
    found = model.diagnose(X)
    n_inactive = round(20 * (found["dead"] + found["saturated"]))
    assert 2 <= n_inactive < 20
    display = ComponentsDisplay.from_estimator(model, X)
    crossed = np.ma.getmaskarray(display.image_.get_array()).all(axis=0)
    assert crossed.sum() == n_inactive
    assert f"gray: {n_inactive} dead or saturated" in display.ax_.get_xlabel()
    images = ComponentsDisplay.from_estimator(model, X, image_shape=(8, 8))
    assert images.ax_.get_xlabel() == f"{n_inactive} of 20 dead or saturated"
    (crosses,) = images.ax_.lines
    # Two strokes each, and the gaps between them.
    assert len(crosses.get_xdata()) == 6 * n_inactive
    labels = {
        text.get_text()
        for text in ActivationDisplay.from_estimator(model, X)
        .axes_[1]
        .get_legend()
        .get_texts()
    }
    assert f"{20 - n_inactive} alive" in labels
    for kind in ("dead", "saturated"):
        n_units = round(20 * found[kind])
        assert (f"{n_units} {kind}" in labels) == (n_units > 0)


def test_units_of_the_output_layer_have_the_names_of_the_classes(few_digits):
    X, y = few_digits
    letters = np.array(list("zyxwvutsrq"))[y]
    model = StackedAutoencoderClassifier((6,), max_iter=5, random_state=0)
    model.fit(X, letters)
    display = ComponentsDisplay.from_estimator(
        model, X, layer=2, units=[9, 0], image_shape=(8, 8)
    )
    assert [text.get_text() for text in display.ax_.texts] == ["z", "q"]
    probabilities = model.predict_proba(X)
    assert_allclose(display.relative_std, probabilities.std(axis=0)[[9, 0]])


@pytest.mark.parametrize("layer", [1, 2, 3])
def test_components_of_every_layer(few_digits, classifier, layer):
    display = ComponentsDisplay.from_estimator(classifier, few_digits[0], layer=layer)
    n_units = len(classifier.intercepts_[layer - 1])
    assert display.components.shape == (n_units, 64)
    assert display.image_.get_array().shape == (64, n_units)
    assert drawn(display).size


def test_softmax_regression_has_one_layer(few_digits):
    model = StackedAutoencoderClassifier((), max_iter=5).fit(*few_digits)
    display = ComponentsDisplay.from_estimator(model, image_shape=(8, 8))
    norms = np.linalg.norm(model.coefs_[0], axis=0)
    assert_allclose(display.components, (model.coefs_[0] / norms).T)


def test_components_of_other_estimators():
    display = ComponentsDisplay.from_components(
        [[3, 4], [0, 0]], names=["a", "b"], feature_names=["height", "width"]
    )
    assert_allclose(display.components, [[0.6, 0.8], [0, 0]])
    assert_allclose(display.gains, [5, 0])
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names == ["height", "width"]


# Reconstructions -------------------------------------------------------------------


def test_reconstructions_go_through_the_whole_pretrained_stack(few_digits):
    X, y = few_digits
    model = StackedAutoencoderClassifier(
        (9, 7), fine_tune=False, max_iter=5, random_state=0
    ).fit(X, y)
    display = ReconstructionDisplay.from_estimator(model, X[:5], image_shape=(8, 8))
    first, second = model.autoencoders_
    deep = second.transform(first.transform(X[:5]))
    expected = first.inverse_transform(second.inverse_transform(deep))
    assert_allclose(display.reconstructions, expected)
    errors = np.sqrt(((X[:5] - expected) ** 2).mean(axis=1))
    assert_allclose(display.errors_, errors)
    labels = [text.get_text() for text in display.axes_[0].texts]
    assert labels == [f"{error:.2g}" for error in errors]


def test_reconstructions_of_a_table(table):
    model = SparseAutoencoder(5, sparsity_weight=0.1, random_state=0).fit(table)
    display = ReconstructionDisplay.from_estimator(model, table[:6])
    above, below, errors = display.axes_
    names = [label.get_text() for label in above.get_yticklabels()]
    assert names == list(table.columns)
    assert_allclose(above.images[0].get_array(), table[:6].T)
    assert_allclose(below.images[0].get_array(), display.reconstructions.T)
    assert above.images[0].get_clim() == below.images[0].get_clim()
    assert_allclose(errors.patches[0].get_data().values, display.errors_)


def test_reconstructions_of_other_estimators():
    display = ReconstructionDisplay(X=[[0, 1]], reconstructions=[[0.5, 0.5]]).plot()
    assert_allclose(display.errors_, [0.5])


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32])
def test_reconstructions_of_images_of_every_type(dtype):
    X = np.arange(32).reshape(2, 16).astype(dtype)
    display = ReconstructionDisplay(X=X, reconstructions=X, image_shape=(4, 4)).plot()
    drawn = display.image_.get_array().compressed()
    assert_array_equal(np.unique(drawn), np.arange(32))


def test_without_decoders_there_is_nothing_to_reconstruct_with(few_digits):
    X, y = few_digits
    model = StackedAutoencoderClassifier((5,), pretrain=False, max_iter=5).fit(X, y)
    with pytest.raises(ValueError, match="pretrain=False and has no decoders"):
        ReconstructionDisplay.from_estimator(model, X)


# Training curves -------------------------------------------------------------------


def test_curves_follow_one_after_the_other(classifier):
    display = TrainingCurveDisplay.from_estimator(classifier)
    assert display.ax_.get_yscale() == "log"
    assert [line.get_label() for line in display.lines_] == [
        "pretraining, layer 1",
        "pretraining, layer 2",
        "softmax",
        "fine-tuning",
    ]
    for line, record in zip(display.lines_, classifier.history_, strict=True):
        assert_array_equal(line.get_ydata(), record["loss_curve"])
    iterations = np.concatenate([line.get_xdata() for line in display.lines_])
    assert_array_equal(iterations, np.arange(1, len(iterations) + 1))
    assert display.validation_lines_ == []
    assert display.accuracy_ax_ is None
    same = TrainingCurveDisplay(history=classifier.history_).plot()
    assert_array_equal(drawn(same), drawn(display))


def test_curve_of_an_autoencoder(autoencoder):
    display = TrainingCurveDisplay.from_estimator(autoencoder)
    (line,) = display.lines_
    assert_array_equal(line.get_ydata(), autoencoder.loss_curve_)


def test_validation_losses_and_accuracies(few_digits):
    model = StackedAutoencoderClassifier(
        (9,),
        autoencoder=SparseAutoencoder(early_stopping=True, max_iter=10),
        solver="adam",
        early_stopping=True,
        max_iter=5,
        random_state=0,
    ).fit(*few_digits)
    display = TrainingCurveDisplay.from_estimator(model)
    losses, accuracies = display.validation_lines_
    assert_array_equal(
        losses.get_ydata(), np.negative(model.history_[0]["validation_scores"])
    )
    assert losses.axes is display.ax_
    assert_array_equal(accuracies.get_ydata(), model.validation_scores_)
    assert accuracies.axes is display.accuracy_ax_
    assert_array_equal(accuracies.get_xdata(), display.lines_[-1].get_xdata())


@pytest.mark.parametrize("fits_first", [False, True])
def test_passes_of_partial_fit(few_digits, fits_first):
    X, y = few_digits
    model = StackedAutoencoderClassifier(
        (9,), solver="adam", max_iter=5, random_state=0
    )
    if fits_first:
        model.fit(X, y)
    stages = ["pretraining, layer 1", "softmax", "fine-tuning"]
    expected = [*stages, "partial_fit"] if fits_first else [stages[0], "partial_fit"]
    model.partial_fit(X, y, classes=np.arange(10)).partial_fit(X, y)
    display = TrainingCurveDisplay.from_estimator(model)
    assert [line.get_label() for line in display.lines_] == expected
    assert_array_equal(display.lines_[-1].get_ydata(), model.loss_curve_[-2:])


# Activations -----------------------------------------------------------------------


def test_activations_of_a_hidden_layer(few_digits, classifier):
    X, _ = few_digits
    display = ActivationDisplay.from_estimator(classifier, X, layer=2)
    assert_allclose(display.activations, classifier.transform(X))
    assert display.limits == (0, 1)
    assert display.sparsity_target == 0.1
    histogram, means = display.axes_
    assert sum(patch.get_height() for patch in histogram.patches) == 7 * len(X)
    assert sum(patch.get_height() for patch in means.patches) == 7
    (target,) = means.lines
    assert_array_equal(target.get_xdata(), [0.1, 0.1])


def test_activations_of_the_output_layer(few_digits, classifier):
    X, _ = few_digits
    display = ActivationDisplay.from_estimator(classifier, X, layer=3)
    assert_allclose(display.activations, classifier.predict_proba(X))
    assert display.sparsity_target is None


def test_means_of_tanh_units_are_fractions_of_their_range(few_digits):
    X, _ = few_digits
    model = SparseAutoencoder(
        5, activation="tanh", decoder_activation="identity", max_iter=20, random_state=0
    ).fit(X)
    display = ActivationDisplay.from_estimator(model, X)
    assert display.limits == (-1, 1)
    bars = [patch for patch in display.axes_[1].patches if patch.get_height()]
    left = min(bar.get_x() for bar in bars)
    right = max(bar.get_x() + bar.get_width() for bar in bars)
    assert left <= model.mean_activations_.min()
    assert right >= model.mean_activations_.max()
    width = bars[0].get_width()
    assert right - left <= np.ptp(model.mean_activations_) + 2 * width


def test_dead_and_saturated_units_are_counted():
    activations = np.repeat([[0.0, 0.02, 0.97, 0.5]], 50, axis=0)
    activations[::2, 3] = 0.2
    display = ActivationDisplay(activations=activations, sparsity_target=0.3).plot()
    legend = display.axes_[1].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == [
        "1 alive",
        "2 dead",
        "1 saturated",
        "target",
    ]


def test_activations_may_pass_their_limits_by_rounding():
    activations = np.array([[1.0000001, 0.5], [0.0, -1e-8]], dtype=np.float32)
    display = ActivationDisplay(activations=activations).plot()
    assert sum(patch.get_height() for patch in display.axes_[0].patches) == 4
    assert sum(patch.get_height() for patch in display.axes_[1].patches) == 2


@pytest.mark.parametrize("activation", ["relu", "identity"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_units_above_a_constant_layer_are_inactive(few_digits, activation, dtype):
    model = SparseAutoencoder(
        4,
        activation=activation,
        decoder_activation="identity",
        sparsity_weight=0,
        max_iter=5,
        random_state=0,
    ).fit(few_digits[0])
    # Its mean is rounded: the standard deviation of such columns is not 0.
    constant = np.full((97, 64), 0.1, dtype=dtype)
    display = ActivationDisplay.from_estimator(model, constant)
    labels = [text.get_text() for text in display.axes_[1].get_legend().get_texts()]
    assert not any("alive" in label for label in labels)
    components = ComponentsDisplay.from_estimator(model, constant)
    assert "gray: 4 dead or saturated" in components.ax_.get_xlabel()


@pytest.mark.parametrize("sparsity_weight", [0, 0.1])
@pytest.mark.parametrize("pretrain", [False, True])
def test_target_is_drawn_where_a_penalty_asked_for_it(
    few_digits, pretrain, sparsity_weight
):
    X, y = few_digits
    layer = SparseAutoencoder(sparsity_weight=sparsity_weight, sparsity_target=0.2)
    model = StackedAutoencoderClassifier(
        (5,), autoencoder=layer, pretrain=pretrain, max_iter=5, random_state=0
    ).fit(X, y)
    display = ActivationDisplay.from_estimator(model, X)
    expected = 0.2 if pretrain and sparsity_weight else None
    assert display.sparsity_target == expected


# What all have in common -----------------------------------------------------------


@pytest.mark.parametrize("display_class", DISPLAYS)
def test_constructor_only_stores(display_class):
    names = display_class.__init__.__kwdefaults__ or {}
    parameters = set(display_class.__init__.__annotations__) - {"return"}
    values = {name: object() for name in parameters | set(names)}
    display = display_class(**values)
    assert vars(display) == values


@pytest.mark.parametrize("display_class", DISPLAYS)
def test_draws_on_given_axes_as_often_as_wanted(few_digits, classifier, display_class):
    figure, axes = plt.subplots(1, 2)
    display = draw(display_class, classifier, few_digits[0][:20], ax=axes[0])
    assert display.figure_ is figure
    assert plt.get_fignums() == [figure.number]
    assert not axes[1].has_data()
    assert display.plot(ax=axes[1]) is display
    assert display.figure_ is figure
    drawn(display)
    assert display.plot().figure_ is not figure


@pytest.mark.parametrize("display_class", DISPLAYS)
def test_draws_on_subfigures(few_digits, classifier, display_class):
    _, subfigure = plt.figure(layout="constrained").subfigures(1, 2)
    ax = subfigure.subplots()
    draw(display_class, classifier, few_digits[0][:20], ax=ax)
    subfigure.figure.canvas.draw()


@pytest.mark.slow
@pytest.mark.parametrize("display_class", DISPLAYS)
@pytest.mark.parametrize("n_units", [1, 5, 400])
def test_draws_tables_of_few_and_many_units(table, display_class, n_units):
    model = SparseAutoencoder(n_units, max_iter=2, random_state=0).fit(table)
    assert drawn(draw(display_class, model, table)).size


@pytest.mark.slow
@pytest.mark.parametrize(
    "convert",
    [
        pd.DataFrame,
        csr_array,
        lambda X: X.astype(np.float32),
        np.ndarray.tolist,
    ],
    ids=["frame", "sparse", "float32", "list"],
)
@pytest.mark.parametrize(
    "display_class", [ReconstructionDisplay, ActivationDisplay, ComponentsDisplay]
)
def test_takes_what_estimators_take(few_digits, autoencoder, display_class, convert):
    X = few_digits[0][:50]
    expected = display_class.from_estimator(autoencoder, X)
    display = display_class.from_estimator(autoencoder, convert(X))
    for name in ("reconstructions", "activations", "relative_std"):
        if hasattr(expected, name):
            assert_allclose(getattr(display, name), getattr(expected, name), atol=1e-6)


def test_features_have_the_names_of_the_columns(table):
    model = StackedAutoencoderClassifier((4, 3), max_iter=3, random_state=0)
    model.set_output(transform="pandas").fit(table, np.arange(60) % 2)
    display = ComponentsDisplay.from_estimator(model, table, layer=2)
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names == list(table.columns)
    reconstructed = ReconstructionDisplay.from_estimator(model, table[:4])
    assert isinstance(reconstructed.reconstructions, np.ndarray)
    drawn(ActivationDisplay.from_estimator(model, table, layer=2))


@pytest.mark.slow
@pytest.mark.parametrize("display_class", DISPLAYS)
@pytest.mark.parametrize(
    "changes",
    [
        {"autoencoder": SparseAutoencoder(tied_weights=True, max_iter=3)},
        {"fine_tune": False},
        {"early_stopping": True},
        {"autoencoder": "frozen"},
    ],
    ids=["tied", "not fine-tuned", "early stopping", "frozen"],
)
def test_draws_every_kind_of_fit(few_digits, autoencoder, display_class, changes):
    X, y = few_digits
    if changes.get("autoencoder") == "frozen":
        changes = {"autoencoder": [FrozenEstimator(autoencoder)]}
    model = StackedAutoencoderClassifier((9,), max_iter=5, random_state=0)
    model.set_params(**changes).fit(X, y)
    assert drawn(draw(display_class, model, X[:20])).size


@pytest.mark.parametrize("display_class", DISPLAYS)
def test_estimator_must_be_fitted_and_ours(few_digits, display_class):
    X, _ = few_digits
    for estimator in (SparseAutoencoder(), StackedAutoencoderClassifier()):
        with pytest.raises(NotFittedError):
            draw(display_class, estimator, X)
    pipeline = make_pipeline(MinMaxScaler(), SparseAutoencoder())
    message = r"fitted SparseAutoencoder, .* or Stacked\w+"
    with pytest.raises(TypeError, match=f"{message}, got Pipeline"):
        draw(display_class, pipeline, X)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"layer": 0},
            "layer=0 does not exist: layers of this StackedAutoencoderClassifier are",
        ),
        ({"layer": 4}, "layer=4 does not exist"),
        ({"layer": "last"}, "layer='last' does not exist"),
        ({"units": [9]}, r"units=\[9\] must be numbers from 0 to 8"),
        ({"units": [-1]}, r"units=\[-1\] must be numbers"),
        ({"units": [0.5]}, r"units=\[0.5\] must be numbers"),
        ({"units": []}, r"units=\[\] must be numbers"),
        ({"image_shape": (8, 9)}, r"image_shape=\(8, 9\) .* 64 pixels"),
        ({"image_shape": (64,)}, r"image_shape=\(64,\) .* 64 pixels"),
        ({"image_shape": 8}, r"image_shape=8 .* 64 pixels"),
        ({"image_shape": (-8, -8)}, r"image_shape=\(-8, -8\) .* 64 pixels"),
        ({"image_shape": (8.0, 8.0)}, r"image_shape=\(8.0, 8.0\) .* 64 pixels"),
        ({"contrast": "high"}, "contrast='high' is neither"),
        ({"sort_by_std": True}, "sort_by_std=True needs X"),
        ({"feature_names": ["a", "b"]}, "2 names, but 64 are needed"),
    ],
)
def test_wrong_parameters_of_components(classifier, options, message):
    with pytest.raises(ValueError, match=message):
        ComponentsDisplay.from_estimator(classifier, **options)


def test_wrong_parameters_of_the_others(few_digits, classifier, autoencoder):
    X, _ = few_digits
    with pytest.raises(ValueError, match="layer=2 does not exist: layers of this"):
        ActivationDisplay.from_estimator(autoencoder, X, layer=2)
    with pytest.raises(ValueError, match=r"image_shape=\(7, 9\)"):
        ReconstructionDisplay.from_estimator(classifier, X, image_shape=(7, 9))
    message = r"shape \(1, 2\), but reconstructions have shape \(2, 1\)"
    with pytest.raises(ValueError, match=message):
        ReconstructionDisplay(X=[[0, 1]], reconstructions=[[0], [1]]).plot()
    with pytest.raises(ValueError, match=r"relative_std has shape \(2,\), not \(3,\)"):
        ComponentsDisplay.from_components(np.eye(3), relative_std=[0.1, 0.2])
    with pytest.raises(ValueError, match=r"lie in \[-1, 1\], outside limits=\(0"):
        ActivationDisplay(activations=[[-1.0, 0.5], [0.0, 1.0]]).plot()
    with pytest.raises(ValueError, match="Input activations contains NaN"):
        ActivationDisplay(activations=[[np.nan, 0.5]]).plot()
    with pytest.raises(ValueError, match="X has 63 features"):
        ActivationDisplay.from_estimator(autoencoder, X[:, 1:])


@pytest.mark.parametrize("display_class", DISPLAYS)
def test_without_matplotlib(monkeypatch, few_digits, autoencoder, display_class):
    display = draw(display_class, autoencoder, few_digits[0][:5])
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    message = r"Displays need matplotlib: pip install 'skstackedae\[plot\]'"
    with pytest.raises(ImportError, match=message):
        draw(display_class, autoencoder, few_digits[0][:5])
    with pytest.raises(ImportError, match=message):
        display.plot()


def test_import_needs_no_matplotlib():
    code = "import sys, skstackedae.inspection; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("history", [[], [{"name": "softmax"}]])
def test_a_history_has_curves(history):
    with pytest.raises(ValueError, match="history must be a list of records"):
        TrainingCurveDisplay(history=history).plot()
