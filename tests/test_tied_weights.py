"""Autoencoders whose decoder shares the encoder's weights."""

from functools import partial

import numpy as np
import pytest
from helpers import SOLVERS, small_autoencoder, small_classifier
from numpy.testing import assert_array_equal
from sklearn.base import clone

pytestmark = pytest.mark.filterwarnings("ignore:Stopped after max_iter")

small = partial(small_autoencoder, n_components=20, sparsity_weight=0.1, max_iter=60)
classifier = partial(
    small_classifier,
    hidden_layer_sizes=(20,),
    pretraining={"sparsity_weight": 0.1, "max_iter": 30},
    max_iter=20,
)


@pytest.mark.parametrize("solver", SOLVERS)
def test_tied_weights_are_tied(solver, few_digits, global_random_seed):
    X = few_digits[0]
    model = small(
        tied_weights=True, solver=solver, random_state=global_random_seed
    ).fit(X)
    encoder, decoder = model.coefs_
    assert encoder.shape == (64, 20)
    assert_array_equal(encoder.T, decoder)
    assert not np.shares_memory(encoder, decoder)
    assert len(model.intercepts_[1]) == 64
    again = clone(model).set_params(warm_start=True, max_iter=3)
    again.fit(X)
    again.fit(X)
    assert_array_equal(again.coefs_[0].T, again.coefs_[1])


@pytest.mark.parametrize("tied", [False, True])
def test_tying_cannot_change_on_the_way(tied, few_digits):
    X = few_digits[0]
    model = small(tied_weights=tied, max_iter=3, warm_start=True).fit(X)
    with pytest.raises(ValueError, match=f"tied_weights={not tied}"):
        model.set_params(tied_weights=not tied).fit(X)


def test_a_stack_of_tied_layers_decodes(few_digits):
    X, y = few_digits
    prototype = small(tied_weights=True, loss="log_loss", corruption=0.2)
    model = classifier(hidden_layer_sizes=(16, 12), autoencoder=prototype)
    model.fit(X, y)
    assert model.inverse_transform(model.transform(X)).shape == X.shape
