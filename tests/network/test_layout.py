"""The order of the flat vector: round trips, views, starting points."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skstackedae._network.layout import ParameterLayout


@pytest.mark.parametrize("sizes", [(5, 3), (5, 4, 3), (2, 7, 1, 4)])
def test_round_trip(sizes, rng):
    layout = ParameterLayout(sizes)
    theta = rng.rand(layout.n_parameters)
    assert_array_equal(layout.pack(*layout.unpack(theta)), theta)


def test_order_is_all_weights_row_by_row_then_all_biases():
    coefs, intercepts = ParameterLayout((2, 3, 1)).unpack(np.arange(13))
    assert_array_equal(coefs[0], [[0, 1, 2], [3, 4, 5]])
    assert_array_equal(coefs[1], [[6], [7], [8]])
    assert_array_equal(intercepts[0], [9, 10, 11])
    assert_array_equal(intercepts[1], [12])


def test_unpacked_layers_are_views():
    layout = ParameterLayout((3, 2))
    theta = np.zeros(layout.n_parameters)
    (W,), (b,) = layout.unpack(theta)
    W[1, 1] = 5
    b[0] = 7
    assert_array_equal(theta, [0, 0, 0, 5, 0, 0, 7, 0])


def test_pack_keeps_the_asked_precision_and_copies(rng):
    layout = ParameterLayout((3, 2))
    W, b = rng.rand(3, 2), rng.rand(2)
    theta = layout.pack([W], [b], np.float32)
    assert theta.dtype == np.float32
    theta[:] = 0
    assert W.all()


@pytest.mark.parametrize(
    ("coefs", "intercepts"),
    [([np.zeros((3, 2))], []), ([np.zeros((2, 2))], [np.zeros(2)])],
)
def test_pack_refuses_other_shapes(coefs, intercepts):
    with pytest.raises(ValueError, match=r"zip|broadcast"):
        ParameterLayout((3, 2)).pack(coefs, intercepts)


def test_initial_weights_are_uniform_in_the_published_range(rng):
    layout = ParameterLayout((200, 100, 50))
    coefs, intercepts = layout.unpack(layout.initialize(rng))
    for W, fans in zip(coefs, (300, 150), strict=True):
        r = np.sqrt(6 / (fans + 1))
        assert np.abs(W).max() <= r
        # Mean and standard deviation of U(-r, r), within five standard errors.
        assert W.std() == pytest.approx(r / np.sqrt(3), rel=5 * np.sqrt(0.2 / W.size))
        assert abs(W.mean()) < 5 * r / np.sqrt(3 * W.size)
    assert not any(b.any() for b in intercepts)


def test_a_seed_means_the_same_weights_in_every_version(global_random_seed):
    layout = ParameterLayout((1, 2, 3))
    coefs, _ = layout.unpack(
        layout.initialize(np.random.RandomState(global_random_seed))
    )
    # The lowest layer first; numbers from 0 to 1, stretched to (-r, r).
    draws = np.random.RandomState(global_random_seed).random_sample(2 + 6)
    for W, part in zip(coefs, (draws[:2], draws[2:]), strict=True):
        r = np.sqrt(6 / (sum(W.shape) + 1))
        assert_allclose(W.ravel(), r * (2 * part - 1), rtol=1e-12)


def test_tied_layers_are_views_of_the_same_weights(rng):
    layout = ParameterLayout((3, 2, 3), tied=True)
    theta = rng.rand(layout.n_parameters)
    assert layout.n_parameters == 3 * 2 + 2 + 3
    (W, W_out), (b, b_out) = layout.unpack(theta)
    assert_array_equal(layout.pack([W, W_out], [b, b_out]), theta)
    W[2, 0] = 7
    assert W_out[0, 2] == 7
    assert theta[4] == 7
    assert_array_equal(b, theta[6:8])
    assert_array_equal(b_out, theta[8:])
    assert layout.pack([W, W_out], [b, b_out], np.float32).dtype == np.float32


def test_tied_weights_start_as_the_encoder_of_untied_ones(global_random_seed):
    tied, untied = (ParameterLayout((9, 4, 9), tied=tied) for tied in (True, False))
    thetas = [
        layout.initialize(np.random.RandomState(global_random_seed))
        for layout in (tied, untied)
    ]
    assert_array_equal(tied.unpack(thetas[0])[0][0], untied.unpack(thetas[1])[0][0])


def test_gradients_of_tied_weights_add_up(rng):
    encoder, decoder = rng.rand(3, 2), rng.rand(2, 3)
    tied, untied = (ParameterLayout((3, 2, 3), tied=tied) for tied in (True, False))
    (both,) = tied.weight_gradients([encoder, decoder])
    assert_array_equal(both, encoder + decoder.T)
    for part, expected in zip(
        untied.weight_gradients((encoder, decoder)), (encoder, decoder), strict=True
    ):
        assert part is expected
