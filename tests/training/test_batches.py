"""Mini-batches: each row in its turn, and labeled beside unlabeled rows."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skstackedae._training.batches import Sampler


@pytest.mark.parametrize(
    ("n_rows", "batch_size", "sizes"),
    [
        (10, 5, [5, 5]),
        (12, 5, [5, 7]),  # 2 of 5 join the batch before
        (13, 5, [5, 5, 3]),  # 3 of 5 stand alone
        (10, 4, [4, 4, 2]),  # half stands alone
        (3, 5, [3]),
        (1, 5, [1]),
        (450, "auto", [200, 250]),
        (150, "auto", [150]),
    ],
)
@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_hold_every_row_once(n_rows, batch_size, sizes, shuffle, rng):
    batches, unlabeled = zip(
        *Sampler(n_rows, batch_size, shuffle).epoch(rng), strict=True
    )
    assert set(unlabeled) == {None}
    assert [len(rows) for rows in batches] == sizes
    rows = np.concatenate(batches)
    assert_array_equal(np.sort(rows), np.arange(n_rows))
    if n_rows > 5:
        assert shuffle == bool(np.any(np.diff(rows) != 1))


def test_shuffling_differs_between_epochs_and_repeats_with_the_seed(
    rng, global_random_seed
):
    sampler = Sampler(20, 50, shuffle=True)
    first, second = (next(sampler.epoch(rng))[0] for _ in "ab")
    again = next(sampler.epoch(np.random.RandomState(global_random_seed)))[0]
    assert (first != second).any()
    assert_array_equal(first, again)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(
    ("counts", "ratio", "sizes"),
    [
        # The unlabeled rows need more batches: they occur once, the others repeatedly.
        ((10, 200), 4, (10, 40)),
        ((30, 1_000), 4, (20, 80)),
        ((1, 100), 10, (1, 10)),
        # The labeled rows need more batches.
        ((100, 40), 1, (20, 20)),
        ((60, 60), 1, (20, 20)),
        # At least one of each kind a batch.
        ((40, 7), 0.001, (20, 1)),
        ((7, 40), 1_000, (1, 20)),
    ],
)
def test_unlabeled_rows_share_the_batches(counts, ratio, sizes, shuffle, rng):
    sampler = Sampler(counts[0], sum(sizes), shuffle, counts[1], ratio)
    kinds = list(zip(*sampler.epoch(rng), strict=True))
    n_batches = max(int(n / size + 0.5) for n, size in zip(counts, sizes, strict=True))
    for batches, n, size in zip(kinds, counts, sizes, strict=True):
        assert len(batches) == n_batches
        assert abs(np.array([len(rows) for rows in batches]) - size).max() <= size / 2
        times = np.bincount(np.concatenate(batches), minlength=n)
        assert len(times) == n
        assert times.max() - times.min() <= 1
        if int(n / size + 0.5) == n_batches:
            assert_array_equal(times, 1)


def test_repeated_rows_are_shuffled_anew(rng):
    sampler = Sampler(10, 20, shuffle=True, n_unlabeled=100, unlabeled_ratio=1)
    batches, unlabeled = zip(*sampler.epoch(rng), strict=True)
    assert len({tuple(rows) for rows in batches}) == 10
    assert len({tuple(rows) for rows in unlabeled}) == 10


def test_few_rows_are_in_every_batch(rng):
    sampler = Sampler(3, 50, shuffle=True, n_unlabeled=80, unlabeled_ratio=4)
    for rows, unlabeled in sampler.epoch(rng):
        assert sorted(rows) == [0, 1, 2]
        assert len(unlabeled) == 40
    assert len(list(Sampler(200, 10, True, 3, 4).epoch(rng))) == 100
