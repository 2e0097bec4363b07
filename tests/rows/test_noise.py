"""Noise: corrupted inputs and dropped units."""

import numpy as np
import pytest
from helpers import rows_in_blocks
from numpy.testing import assert_allclose, assert_array_equal

from skstackedae._rows.noise import Corruption, DropoutMasks, Emphasis


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_so_many_entries_are_0_and_the_others_as_they_were(probability, dtype, rng):
    X = 1 + rng.rand(400, 50).astype(dtype)
    before = X.copy()
    noisy = Corruption(probability, 3).apply(X, 0, 0)
    assert noisy.dtype == dtype
    assert_array_equal(X, before)
    is_masked = noisy == 0
    assert_array_equal(noisy[~is_masked], X[~is_masked])
    # Within five standard errors, in all and in each row and column.
    error = np.sqrt(probability * (1 - probability))
    assert abs(is_masked.mean() - probability) < 5 * error / np.sqrt(X.size)
    for axis, n in ((0, 400), (1, 50)):
        assert np.abs(
            is_masked.mean(axis=axis) - probability
        ).max() < 5 * error / np.sqrt(n)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scaled_noise_keeps_the_expected_value(dtype, rng):
    X = rng.rand(500, 40).astype(dtype) + 1
    plain, scaled = (
        Corruption(0.25, 7, is_scaled=is_scaled).apply(X, 1, 0)
        for is_scaled in (False, True)
    )
    assert scaled.dtype == dtype
    assert_allclose(scaled, plain / 0.75, rtol=1e-6)
    assert_allclose(scaled.mean(), X.mean(), rtol=0.02)


def test_noise_follows_from_seed_batch_and_row(rng):
    X = 1 + rng.rand(20, 10)
    noise = Corruption(0.5, 3)
    assert_array_equal(noise.apply(X, 1, 2), Corruption(0.5, 3).apply(X, 1, 2))
    for other in (
        noise.apply(X, 2, 1),
        noise.apply(X, 1, 3),
        Corruption(0.5, 4).apply(X, 1, 2),
    ):
        assert (other != noise.apply(X, 1, 2)).any()


@pytest.mark.parametrize("n_features", [1, 15, 16, 17, 40])
def test_a_row_has_the_same_noise_however_rows_are_cut(n_features, rng):
    X = 1 + rng.rand(20, n_features)
    noise = Corruption(0.5, 3)
    whole = noise.apply(X, 1, 0)
    parts = [noise.apply(X[a:b], 1, a) for a, b in ((0, 3), (3, 4), (4, 20))]
    assert_array_equal(np.concatenate(parts), whole)
    # No two rows share their draws.
    if n_features > 15:
        assert len(np.unique(whole == 0, axis=0)) == 20


def test_a_step_of_the_generator_serves_16_entries(rng):
    # So 16 features need as many steps as one feature, and draw the same for it.
    X = 1 + rng.rand(50, 16)
    noise = Corruption(0.5, 3)
    whole = noise.apply(X, 1, 0)
    for n_features in (1, 2, 15):
        part = noise.apply(X[:, :n_features], 1, 0)
        assert_array_equal(part, whole[:, :n_features])


def test_a_probability_is_rounded_to_the_levels_of_a_draw():
    X = np.ones((1_000, 1_000), dtype=np.float32)
    noisy = Corruption(1 / 2**16, 3).apply(X, 0, 0)
    # 15 are expected.
    assert 1 < np.sum(noisy == 0) < 40
    assert_array_equal(Corruption(1.4 / 2**16, 3).apply(X, 0, 0), noisy)
    # Neither to 0 nor to 1.
    assert_array_equal(Corruption(1e-9, 3).apply(X, 0, 0), noisy)
    assert 1 < np.sum(Corruption(1 - 1e-9, 3).apply(X, 0, 0) == 1) < 40


def test_the_seed_of_noise_is_any_int_of_31_bits(global_random_seed):
    random_state = np.random.RandomState(global_random_seed)
    noise = Corruption.draw(0.25, random_state)
    expected = np.random.RandomState(global_random_seed).randint(2**31 - 1)
    assert noise == Corruption(probability=0.25, seed=expected)


def test_no_noise_draws_nothing():
    random_state = np.random.RandomState(0)
    assert Corruption.draw(0.0, random_state) is None
    assert random_state.randint(1000) == np.random.RandomState(0).randint(1000)


def test_rows_keep_their_noise_and_each_batch_has_its_own(rng):
    X = 1 + rng.rand(30, 5)
    rows = rows_in_blocks(X, block_rows=7).with_noise(Corruption(0.5, 0))

    def noisy(part):
        return part.map(lambda rows: rows)

    assert_array_equal(noisy(rows), Corruption(0.5, 0).apply(X, 0, 0))
    other_cut = rows_in_blocks(X, block_rows=30).with_noise(Corruption(0.5, 0))
    assert_array_equal(noisy(rows), noisy(other_cut))
    indices = np.arange(30)
    first, second = rows.batch(indices, 1), rows.batch(indices, 2)
    assert_array_equal(noisy(first), noisy(rows.batch(indices, 1)))
    assert_array_equal(noisy(first), Corruption(0.5, 0).apply(X, 1, 0))
    assert (noisy(first) != noisy(second)).any()
    assert_array_equal(noisy(first.with_noise(None)), X)
    # Rows without targets are their own, without noise.
    noisy_X, y, _ = first.load(slice(0, 30))
    assert (noisy_X != X).any()
    assert_array_equal(y, X)


def test_salt_and_pepper_sets_entries_to_either_extreme_by_a_fair_coin(rng):
    X = rng.rand(400, 50).astype(np.float32)
    noisy = Corruption(0.3, 3, (-1.0, 2.0)).apply(X, 1, 0)
    assert noisy.dtype == X.dtype
    n_salt, n_pepper = np.sum(noisy == 2), np.sum(noisy == -1)
    # Within five standard errors.
    for count in (n_salt, n_pepper):
        assert abs(count / X.size - 0.15) < 5 * np.sqrt(0.15 * 0.85 / X.size)
    is_kept = (noisy != 2) & (noisy != -1)
    assert_array_equal(noisy[is_kept], X[is_kept])
    # The same entries as those that masking noise sets to 0.
    assert_array_equal(is_kept, Corruption(0.3, 3).apply(X + 1, 1, 0) != 0)


@pytest.mark.parametrize("values", [(0.0, 0.0), (-1.0, 2.0)])
def test_emphasis_is_on_corrupted_entries(values, rng):
    X = 0.5 + rng.rand(40, 17)
    noise = Corruption(0.3, 3, values)
    weights = Emphasis(noise, 0.25, 17, np.dtype(np.float32))(2, 5, 40)
    assert weights.dtype == np.float32
    is_corrupted = noise.apply(X, 2, 5) != X
    assert_array_equal(weights, np.where(is_corrupted, 1, 0.25))


@pytest.mark.parametrize("probability", [0.2, 0.9])
def test_so_many_units_are_dropped(probability):
    masks = DropoutMasks(probability, 3, (40, 30))(0, 0, 500)
    for mask in masks:
        error = 5 * np.sqrt(probability * (1 - probability) / mask.size)
        assert abs(np.mean(~mask) - probability) < error


def test_dropped_units_follow_from_seed_batch_layer_and_row():
    draw = DropoutMasks(0.5, 3, (20, 20))
    first, second = draw(1, 2, 10)
    parts = [draw(1, 2, 4), draw(1, 6, 6)]
    for layer, whole in enumerate((first, second)):
        assert_array_equal(np.concatenate([part[layer] for part in parts]), whole)
    others = [second, draw(1, 3, 10)[0], draw(2, 2, 10)[0]]
    others.append(DropoutMasks(0.5, 4, (20, 20))(1, 2, 10)[0])
    # The masks of inputs have the same seed and batch, but no layer.
    others.append(Corruption(0.5, 3).apply(np.ones((10, 20)), 1, 2) != 0)
    for other in others:
        assert (other != first).any()


def test_no_dropout_draws_nothing():
    random_state = np.random.RandomState(0)
    assert DropoutMasks.draw(0.0, random_state, (3,)) is None
    assert random_state.randint(1000) == np.random.RandomState(0).randint(1000)
