"""What notebooks show of the estimators."""

import re
import sys
from functools import partial

import pytest
from helpers import small_classifier
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skstackedae import SparseAutoencoder

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stopped after max_iter", "ignore:Most units of the"
)

PROTOTYPE = SparseAutoencoder(sparsity_weight=0.1, max_iter=5)


stack = partial(small_classifier, hidden_layer_sizes=(8, 6), max_iter=5)


def labels(estimator):
    """Read the titles of all boxes, from top to bottom."""
    html = estimator._repr_html_()
    found = re.findall(r'<label for="[^"]*" class="[^"]*">(.*?)</label>', html, re.S)
    # scikit-learn 1.6 has the title alone there, later ones in nested boxes with links.
    found = [re.sub(r"<(a|span)\b.*?</\1>", "", label, flags=re.S) for label in found]
    return [re.sub(r"<[^>]*>", "", label).strip() for label in found]


@pytest.mark.parametrize("estimator", [SparseAutoencoder(), stack()])
def test_links_to_the_documentation(estimator):
    name = type(estimator).__name__
    assert f"skstackedae.{name}.html" in estimator._repr_html_()


@pytest.mark.parametrize(
    "autoencoder", [None, "denoising", PROTOTYPE, [PROTOTYPE, PROTOTYPE]]
)
def test_a_fitted_stack_shows_its_layers(autoencoder, few_digits):
    model = stack(autoencoder=autoencoder).fit(*few_digits)
    shown = ["StackedAutoencoderClassifier", "SparseAutoencoder", "SparseAutoencoder"]
    shown.append("softmax layer of 10 classes")
    assert labels(model) == shown
    html = model._repr_html_()
    # Clones with the layers' sizes, not the prototype with its default.
    for size in (8, 6):
        assert re.search(rf"n_components.{{1,2000}}\b{size}\b", html, re.S)
    in_pipeline = labels(make_pipeline(MinMaxScaler(), model))
    assert in_pipeline[-3:] == shown[-3:]


def test_an_unfitted_stack_shows_what_is_given(few_digits):
    for without_estimator in (None, "denoising"):
        shown = labels(stack(autoencoder=without_estimator))
        assert shown == ["StackedAutoencoderClassifier"]
    shown = labels(stack(autoencoder=PROTOTYPE))
    assert shown == [
        "StackedAutoencoderClassifier",
        "SparseAutoencoder",
        "softmax layer",
    ]
    frozen = FrozenEstimator(clone(PROTOTYPE).fit(few_digits[0]))
    shown = labels(stack(autoencoder=[frozen, PROTOTYPE]))
    assert "autoencoder[0]: FrozenEstimator" in shown
    assert shown[-2:] == ["SparseAutoencoder", "softmax layer"]


def test_without_layers_to_show_it_is_one_box(few_digits):
    title = "StackedAutoencoderClassifier"
    assert labels(stack(()).fit(*few_digits)) == [title]
    assert labels(stack(pretrain=False).fit(*few_digits)) == [title]


def test_names_of_parameters_that_can_be_copied():
    html = stack(autoencoder=PROTOTYPE)._repr_html_()
    prefixes = re.findall(r'data-param-prefix="([^"]*)"', html)
    if not prefixes:
        pytest.skip("scikit-learn copies names of parameters from 1.7 on")
    # The softmax layer has no parameters of its own.
    assert [p for p in prefixes if "softmax" not in p] == ["", "autoencoder__"]


def test_scikit_learn_may_move_its_drawings(monkeypatch):
    for module in ("_repr_html.estimator", "_estimator_html_repr"):
        monkeypatch.setitem(sys.modules, f"sklearn.utils.{module}", None)
    assert "SparseAutoencoder(" in stack(autoencoder=PROTOTYPE)._repr_html_()
