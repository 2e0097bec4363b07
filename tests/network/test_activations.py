"""Activations against closed forms and finite differences."""

import pickle

import numpy as np
import pytest
from helpers import DTYPES
from scipy.special import expit

from skstackedae._network.activations import ACTIVATIONS

ORACLES = {
    "logistic": expit,
    "tanh": np.tanh,
    "relu": lambda z: np.where(z > 0, z, 0),
    "identity": lambda z: z,
}


def test_every_activation_has_an_oracle():
    assert set(ORACLES) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_function_is_the_textbook_one(name, dtype):
    Z = np.linspace(-30, 30, 1001, dtype=dtype).reshape(7, -1)
    A = ACTIVATIONS[name].function(Z.copy())
    assert A.dtype == dtype
    np.testing.assert_allclose(A, ORACLES[name](Z), rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_delta_is_the_derivative(name):
    activation = ACTIVATIONS[name]
    # No point at 0, where relu has no derivative.
    Z = np.linspace(-5, 5, 100)
    h = 1e-6
    numeric = (activation.function(Z + h) - activation.function(Z - h)) / (2 * h)
    error = np.linspace(-2, 3, 100)
    delta = activation.backward(error.copy(), activation.function(Z))
    np.testing.assert_allclose(delta, error * numeric, atol=1e-8)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_extreme_inputs_stay_in_range(name, dtype):
    activation = ACTIVATIONS[name]
    Z = np.array([-1e30, -1e4, 0, 1e4, 1e30], dtype=dtype)
    with np.errstate(over="ignore"):  # as rows run kernels
        A = activation.function(Z.copy())
    assert np.isfinite(A).all()
    assert A.min() >= activation.lower
    assert A.max() <= activation.upper
    if activation.is_bounded:
        assert (A[0], A[-1]) == (activation.lower, activation.upper)
    assert np.isfinite(activation.backward(np.ones_like(Z), A)).all()


@pytest.mark.parametrize("name", ["logistic", "tanh"])
def test_rate_maps_the_range_to_0_and_1(name):
    activation = ACTIVATIONS[name]
    ends = np.array([activation.lower, activation.upper])
    np.testing.assert_array_equal(activation.mean_activation(ends), [0, 1])
    assert activation.is_bounded


@pytest.mark.parametrize("name", ["relu", "identity"])
def test_unbounded_units_have_no_rate_but_a_mean(name):
    assert not ACTIVATIONS[name].is_bounded
    assert ACTIVATIONS[name].mean_activation(3.5) == 3.5
    # They set no scale.
    assert ACTIVATIONS[name].span == 1


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_pickled_by_name(name):
    activation = ACTIVATIONS[name]
    assert pickle.loads(pickle.dumps(activation)) is activation
