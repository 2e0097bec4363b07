"""Penalties against closed forms, finite differences and their own poles."""

import numpy as np
import pytest
from scipy.special import rel_entr

from skstackedae._network.penalties import MARGIN, kl_sparsity, weight_decay


def test_weight_decay(rng):
    W = rng.randn(4, 3)
    value, gradient = weight_decay(W, 0.3)
    assert value == pytest.approx(0.15 * np.linalg.norm(W) ** 2)
    np.testing.assert_allclose(gradient, 0.3 * W)


@pytest.mark.parametrize("target", [0.01, 0.1, 0.5])
def test_kl_is_the_divergence_of_two_coins(target):
    mean_activation = np.linspace(0.001, 0.999, 50)
    value, _ = kl_sparsity(mean_activation, target)
    expected = rel_entr(target, mean_activation) + rel_entr(
        1 - target, 1 - mean_activation
    )
    np.testing.assert_allclose(value, expected, atol=1e-15)


def test_kl_is_zero_at_the_target_and_positive_elsewhere():
    value, derivative = kl_sparsity(np.array([0.05, 0.1, 0.2]), 0.1)
    assert value[1] == 0
    assert derivative[1] == pytest.approx(0, abs=1e-12)
    assert (value[[0, 2]] > 0).all()


@pytest.mark.parametrize("mean_activation", [0.3, 1e-3, 0.0, 1.0, 1e-9, 1 - 1e-9])
def test_kl_derivative_agrees_with_its_value_everywhere(mean_activation):
    h = 1e-3 * min(max(mean_activation, MARGIN), max(1 - mean_activation, MARGIN)) / 10
    above, derivative_above = kl_sparsity(np.array(mean_activation + h), 0.1)
    below, derivative_below = kl_sparsity(np.array(mean_activation - h), 0.1)
    numeric = (above - below) / (2 * h)
    assert np.isfinite(numeric)
    # Up to the rounding of rates near 1, of which h is a small part.
    expected = pytest.approx((derivative_above + derivative_below) / 2, rel=1e-3)
    assert numeric == expected


def test_kl_goes_on_along_its_tangent():
    rates = np.array([0.99, 0.5, 0.0]) * 1e-8
    value, derivative = kl_sparsity(rates, 0.1)
    slope = (value[0] - value[2]) / (rates[0] - rates[2])
    np.testing.assert_allclose(derivative, slope, rtol=1e-6)


@pytest.mark.parametrize("target", [0.01, 0.9])
def test_kl_is_exact_up_to_its_margin(target):
    rates = np.array([1.01e-8, 1 - 1.01e-8])
    value, derivative = kl_sparsity(rates, target)
    exact = rel_entr(target, rates) + rel_entr(1 - target, 1 - rates)
    np.testing.assert_allclose(value, exact, rtol=1e-7)
    np.testing.assert_allclose(
        derivative, (1 - target) / (1 - rates) - target / rates, rtol=1e-7
    )
