"""Row blocks: the cut, the order of sums, the canonical form."""

import numpy as np
import pytest
from helpers import rows_in_blocks
from scipy.sparse import csr_array, csr_matrix, issparse

from skstackedae._rows import blocks
from skstackedae._rows.blocks import cut_rows, cut_runs, is_one_number
from skstackedae._rows.preparation import prepare_rows
from skstackedae._rows.rows import map_rows
from skstackedae._rows.threads import Threads


@pytest.mark.parametrize("n_rows", [1, 2, 255, 256, 257, 10_000, 100_003])
@pytest.mark.parametrize("row_bytes", [8, 1_000, 100_000])
def test_cut_covers_all_rows_in_order(n_rows, row_bytes):
    cuts = cut_rows(n_rows, row_bytes)
    bounds = [cuts[0].start, *(cut.stop for cut in cuts)]
    assert bounds[0] == 0
    assert bounds[-1] == n_rows
    sizes = np.diff(bounds)
    assert all(cut.start == b for cut, b in zip(cuts, bounds, strict=False))
    assert sizes.max() - sizes.min() <= 1
    assert sizes.max() <= max(256, blocks.BLOCK_BYTES // row_bytes)


@pytest.mark.parametrize(
    ("n_rows", "row_bytes", "n_blocks"),
    [
        (60_000, 4_096, 59),  # blocks of 4 MiB: 1,024 rows
        (60_000, 4_170, 60),  # and no more: 1,005 rows
        (10_000, 100_000, 40),  # but of 256 rows at least
        (10_000, 400, 3),  # few rows: blocks of 1 MiB at least
        (40_000, 100, 3),
        (500, 20_000, 4),  # and of 100 rows at least, up to four blocks
        (399, 20_000, 3),
        (50, 20_000, 1),
    ],
)
def test_the_cut_stays_the_same_because_it_decides_the_rounding(
    n_rows, row_bytes, n_blocks
):
    assert len(cut_rows(n_rows, row_bytes)) == n_blocks


@pytest.mark.parametrize(
    ("n_blocks", "n_runs"), [(31, 31), (64, 32), (95, 48), (100, 34), (1_000, 125)]
)
def test_the_runs_stay_the_same_because_they_decide_the_rounding(n_blocks, n_runs):
    assert len(cut_runs(n_blocks)) == n_runs


def first_row(X, y, w):
    return X[0] * 1, len(X)


def test_sum_follows_the_order_of_rows_in_float64(rng):
    X = rng.randn(50, 2).astype(np.float32)
    with Threads(3) as threads:
        rows = rows_in_blocks(X, block_rows=1, threads=threads)
        total, count = rows.sum(first_row)
    expected = np.zeros(2)
    for row in X:
        expected += row
    np.testing.assert_array_equal(total, expected)
    assert total.dtype == np.float64
    assert count == 50


def test_what_is_kept_comes_back_to_its_rows(rng):
    X = rng.rand(50, 2)
    rows = rows_in_blocks(X, block_rows=7)
    kept, (total,) = rows.keep(lambda X, y, w, k: (k * X, X.sum(axis=0)), 2)
    np.testing.assert_allclose(total, X.sum(axis=0))

    def difference(X, y, w, doubled, k):
        return (np.abs(doubled - k * X).sum(),)

    assert rows.sum(difference, 2, kept=kept) == [0]


def test_rows_know_their_blocks():
    X = np.zeros((2_000, 270))
    assert [len(rows_in_blocks(part).slices) for part in (X, X.astype("f4"))] == [4, 2]
    rows = rows_in_blocks(X, block_rows=300)
    sizes = sorted(cut.stop - cut.start for cut in rows.slices)
    assert sizes == [285] * 2 + [286] * 5
    wide = rows_in_blocks(X).cut_for(10_000)
    assert len(wide.slices) == 8
    # What comes out is as wide as it is, whatever it comes from.
    narrow = wide.propagate(lambda rows, stop: rows[:, :stop], 27)
    assert narrow.X.shape == (2_000, 27)
    assert len(narrow.slices) == 1


def test_blocks_are_views_of_the_rows(rng):
    X = rng.rand(20, 3)
    rows = rows_in_blocks(X, block_rows=6)
    assert np.shares_memory(rows.load(rows.slices[1])[0], X)


def test_rows_take_other_targets_and_know_their_range(rng):
    X, y, w = rng.rand(9, 2), rng.randint(3, size=9), rng.rand(9)
    rows = rows_in_blocks(X).with_targets(y, w)
    assert rows.y is y
    assert rows.weights is w
    assert rows.value_range() == (X.min(), X.max())


def test_blocks_whose_results_do_not_match_are_an_error():
    X = np.arange(20.0).reshape(-1, 1)
    rows = rows_in_blocks(X, block_rows=1)

    def kernel(X, y, w, *kept):
        return (X, X) if X[0, 0] == 5 else (X, X, X)

    with pytest.raises(ValueError, match="zip"):
        rows.sum(kernel)
    with pytest.raises(ValueError, match="zip"):
        rows.keep(kernel)
    with pytest.raises(ValueError, match="zip"):
        rows.sum(kernel, kept=[None])


def test_batch_weights_stand_for_all_rows(rng):
    X, y, w = rng.rand(10, 2), np.arange(10), rng.dirichlet(np.ones(10))
    batch = rows_in_blocks(X, y, w).batch(np.array([3, 1]), 1)
    found = batch.load(slice(0, 2))
    np.testing.assert_array_equal(found[0], X[[3, 1]])
    np.testing.assert_array_equal(found[1], [3, 1])
    np.testing.assert_allclose(found[2], w[[3, 1]] * 5)


def test_equal_weights_are_a_view_of_one_number(rng):
    X, y = rng.rand(10, 2), np.arange(10)
    rows = prepare_rows(rows_in_blocks(X, y, np.full(10, 3.0)), canonical=False)
    batch = rows.batch(np.array([3, 1]), 1)
    for part, weight in ((rows, 1 / 10), (batch, 1 / 2)):
        _, _, w = part.load(slice(0, 2))
        assert is_one_number(w)
        np.testing.assert_allclose(w, [weight, weight])
    # One other weight is enough.
    weights = np.r_[1.0, np.full(9, 3.0)]
    rows = prepare_rows(rows_in_blocks(X, y, weights), canonical=False)
    assert not is_one_number(rows.weights)
    assert not is_one_number(rows.batch(np.array([3, 1]), 1).load(slice(0, 2))[2])


def test_few_rows_are_cut_for_more_than_one_core_if_it_pays():
    wide, narrow = 4_800 * 4, 270 * 8
    assert len(cut_rows(200, wide)) == 2
    assert len(cut_rows(200, narrow)) == 1
    assert len(cut_rows(2_000, narrow)) == 4
    assert len(cut_rows(50, 100 * wide)) == 1


def test_batch_is_mapped_in_its_own_size(rng):
    X = rng.rand(600, 3)
    batch = rows_in_blocks(X).cut_for(10_000).batch(np.arange(250)[::-1], 1)
    assert len(batch.slices) > 1
    np.testing.assert_array_equal(batch.map(lambda rows: rows * 1), X[249::-1])


@pytest.mark.parametrize("n_blocks", [1, 2, 31, 32, 33, 64, 256, 1_000, 4_001])
def test_runs_are_short_and_enough_for_many_cores(n_blocks):
    runs = cut_runs(n_blocks)
    assert [i for run in runs for i in range(n_blocks)[run]] == list(range(n_blocks))
    assert len(runs) >= min(n_blocks, 32)
    assert max(run.stop - run.start for run in runs) <= 8


@pytest.mark.parametrize("n_blocks", [5, 8, 9, 1_000])
def test_long_sums_of_float32_are_exact_to_its_rounding(n_blocks, rng):
    X = rng.rand(n_blocks, 3).astype(np.float32)
    rows = rows_in_blocks(X, block_rows=1)
    assert len(rows.slices) == n_blocks
    before = X.copy()
    total, _ = rows.sum(first_row)
    # Added one by one in float32, 1,000 numbers are off by 1e-6 and more.
    np.testing.assert_allclose(total, X.sum(axis=0, dtype=np.float64), rtol=2e-7)
    assert total.dtype == (np.float32 if n_blocks <= 8 else np.float64)
    np.testing.assert_array_equal(X, before)


def test_one_block_outside_of_a_fit_touches_no_limits(monkeypatch, rng):
    class Untouchable:
        def __init__(self, n_jobs):
            raise AssertionError("one block needs no threads")

    monkeypatch.setattr(blocks, "Threads", Untouchable)
    X = rng.rand(10, 3)
    doubled = map_rows(lambda rows: rows * 2, X, row_width=3, n_jobs=None)
    np.testing.assert_array_equal(doubled, X * 2)
    # Wide rows, but few of them; and they are not copied.
    same = map_rows(lambda rows: rows, X, row_width=10**6, n_jobs=None)
    assert np.shares_memory(same, X)


def test_many_blocks_outside_of_a_fit_keep_their_order(rng):
    X = rng.rand(1_000, 3)
    less = map_rows(lambda rows, k: rows - k, X, 2, row_width=10**6, n_jobs=2)
    np.testing.assert_array_equal(less, X - 2)


@pytest.mark.parametrize(("dtype", "n_blocks"), [(np.float64, 4), (np.float32, 3)])
def test_rows_are_cut_outside_of_a_fit_too(dtype, n_blocks, rng):
    lengths = []
    X = rng.rand(999, 3).astype(dtype)
    map_rows(lambda rows: lengths.append(len(rows)) or rows, X, row_width=999, n_jobs=1)
    assert len(lengths) == n_blocks
    assert sum(lengths) == 999


def test_kernels_may_overflow_without_a_warning():
    X = np.full((20, 2), 1e4)

    def kernel(X, y, w):
        return np.exp(X), np.exp(X)

    for block_rows in (1, 20):
        rows = rows_in_blocks(X, block_rows=block_rows)
        assert np.isinf(rows.sum(lambda X, y, w: (np.exp(X).sum(),))[0])
        assert np.isinf(rows.keep(kernel)[1][0]).all()
        assert np.isinf(rows.map(np.exp)).all()
    assert np.isinf(map_rows(np.exp, X, row_width=2, n_jobs=1)).all()


def test_what_is_summed_beside_what_is_kept_is_float64(rng):
    X = rng.rand(500, 3).astype(np.float32)
    _, (total,) = rows_in_blocks(X, block_rows=1).keep(lambda X, y, w: (None, X[0] * 1))
    assert total.dtype == np.float64
    np.testing.assert_allclose(total, X.sum(axis=0, dtype=np.float64), rtol=1e-14)


@pytest.mark.parametrize("stored", [np.uint8, np.float16, np.int64])
def test_kernels_see_the_precision_of_the_computation(stored, rng):
    X = rng.randint(9, size=(20, 3)).astype(stored)
    rows = rows_in_blocks(X, block_rows=6)
    assert rows.X.dtype == stored
    assert rows.map(lambda rows: rows).dtype == rows.dtype
    np.testing.assert_array_equal(rows.map(lambda rows: rows), X)
    assert rows.propagate(lambda rows: rows * 2).X.dtype == rows.dtype


def test_canonical_form_makes_equal_problems_equal(rng):
    X = rng.rand(20, 3)
    y = rng.randint(2, size=20)
    counts = rng.randint(0, 4, size=20)
    order = rng.permutation(counts.sum())
    repeated = np.repeat(np.arange(20), counts)[order]
    weighted = prepare_rows(rows_in_blocks(X, y, counts.astype(float)), canonical=True)
    plain = prepare_rows(
        rows_in_blocks(X[repeated], y[repeated], np.ones(len(order))), canonical=True
    )
    for name in ("X", "y", "weights"):
        np.testing.assert_array_equal(getattr(weighted, name), getattr(plain, name))
    assert weighted.weights.sum() == pytest.approx(1)
    assert len(weighted.X) == (counts > 0).sum()


def test_canonical_form_keeps_equal_rows_of_other_classes_apart():
    X, y = np.array([[1.0], [1.0], [-0.0], [0.0]]), np.array([0, 1, 0, 0])
    rows = prepare_rows(rows_in_blocks(X, y, np.ones(4)), canonical=True)
    # In any order, and without the sign of zero.
    triples = zip(rows.X + 0.0, rows.y, rows.weights, strict=True)
    found = {(str(x), int(c)): w for (x,), c, w in triples}
    assert found == {("0.0", 0): 0.5, ("1.0", 0): 0.25, ("1.0", 1): 0.25}


def test_canonical_form_keeps_tiny_differences():
    X = np.array([[1e-300], [2e-300], [1.0], [np.nextafter(1, 2)]])
    rows = prepare_rows(rows_in_blocks(X), canonical=True)
    np.testing.assert_array_equal(np.sort(rows.X, axis=0), X)


@pytest.mark.parametrize("make", [csr_array, csr_matrix])
def test_canonical_form_of_sparse_rows_is_that_of_dense_ones(make, rng):
    X = rng.randint(3, size=(60, 3)) * rng.randint(2, size=(60, 3)) / 2
    y, w = rng.randint(2, size=60), rng.rand(60)
    dense = prepare_rows(rows_in_blocks(X, y, w), canonical=True)
    sparse = prepare_rows(rows_in_blocks(make(X), y, w), canonical=True)
    assert issparse(sparse.X)
    assert len(dense.X) < 60
    np.testing.assert_array_equal(sparse.X.toarray(), dense.X)
    np.testing.assert_array_equal(sparse.y, dense.y)
    np.testing.assert_array_equal(sparse.weights, dense.weights)


@pytest.mark.parametrize("make", [csr_array, csr_matrix])
def test_kernels_see_dense_blocks_of_sparse_rows(make, rng):
    X = rng.rand(10, 4) * (rng.rand(10, 4) > 0.5)
    rows = rows_in_blocks(make(X), block_rows=3)
    assert len(rows.slices) > 2
    backward = rows.batch(np.arange(10)[::-1], 1)
    for part in (rows, backward):
        assert type(part.load(slice(0, 3))[0]) is np.ndarray
    np.testing.assert_array_equal(rows.map(lambda part: part), X)
    np.testing.assert_array_equal(backward.map(lambda part: part), X[::-1])


@pytest.mark.parametrize("shape", [(1025, 1), (3, 2**19)])
def test_large_data_keeps_its_order(shape):
    X = np.arange(np.prod(shape), dtype=np.float32)[::-1].reshape(shape)
    rows = prepare_rows(rows_in_blocks(X, None, np.ones(shape[0])), canonical=True)
    assert rows.X is X


@pytest.mark.parametrize("shape", [(1024, 1), (1024, 1024), (2, 2**19)])
def test_data_up_to_the_limits_are_canonical(shape):
    X = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    one, other = (
        prepare_rows(rows_in_blocks(X, None, np.ones(shape[0])), canonical=True).X
        for X in (X, X[::-1])
    )
    np.testing.assert_array_equal(one, other)


def test_rows_without_weight_do_not_count(rng):
    X = rng.rand(5, 2)
    rows = prepare_rows(
        rows_in_blocks(X, None, np.array([1, 0, 2, 0, 1.0])), canonical=False
    )
    np.testing.assert_array_equal(rows.X, X[[0, 2, 4]])
    np.testing.assert_array_equal(rows.weights, [0.25, 0.5, 0.25])


def test_canonical_form_does_not_see_the_order_of_weights(rng):
    # Five copies of each row, every one with a weight of its own.
    X, w = np.repeat(rng.rand(8, 2), 5, axis=0), rng.rand(40)
    order = rng.permutation(40)
    one = prepare_rows(rows_in_blocks(X, None, w), canonical=True)
    other = prepare_rows(rows_in_blocks(X[order], None, w[order]), canonical=True)
    assert len(one.X) == 8
    np.testing.assert_array_equal(one.X, other.X)
    np.testing.assert_array_equal(one.weights, other.weights)


def test_weights_that_float32_cannot_hold_do_not_count():
    X = np.arange(3, dtype=np.float32).reshape(-1, 1)
    rows = prepare_rows(
        rows_in_blocks(X, None, np.array([1, 1e-60, 1])), canonical=False
    )
    np.testing.assert_array_equal(rows.X, [[0], [2]])
    np.testing.assert_array_equal(rows.weights, np.float32([0.5, 0.5]))


def test_huge_weights_do_not_overflow():
    X = np.arange(3.0).reshape(-1, 1)
    rows = prepare_rows(rows_in_blocks(X, None, np.full(3, 1e308)), canonical=False)
    np.testing.assert_allclose(rows.weights, 1 / 3)


def test_weights_may_be_far_from_each_other():
    X, weights = np.arange(3.0).reshape(-1, 1), np.array([1e-300, 1e300, 3e300])
    rows = prepare_rows(rows_in_blocks(X, None, weights), canonical=False)
    np.testing.assert_array_equal(rows.X, [[1], [2]])
    np.testing.assert_allclose(rows.weights, [0.25, 0.75])


def test_views_are_the_rows_at_these_positions(rng):
    X, w = rng.rand(20, 3), rng.rand(20)
    rows = rows_in_blocks(X, np.arange(20), w, block_rows=4)
    once, twice = np.array([7, 3, 11, 19, 0]), np.array([4, 1])
    for view, positions in (
        (rows.view(once), once),
        (rows.view(once).view(twice), once[twice]),
    ):
        assert view.n_rows == len(positions)
        assert np.shares_memory(view.X, X)
        for part, expected in zip(
            view.load(slice(0, 9)), (X, np.arange(20), w), strict=True
        ):
            np.testing.assert_array_equal(part, expected[positions])
        propagated = view.propagate(lambda X: 2 * X)
        np.testing.assert_array_equal(propagated.X, 2 * X[positions])
        np.testing.assert_array_equal(propagated.y, positions)
        np.testing.assert_array_equal(propagated.weights, w[positions])
    # A mini-batch stands for all rows of the view.
    batch = rows.view(once).batch(np.array([2, 0]), 1)
    _, y, weights = batch.load(slice(0, 2))
    np.testing.assert_array_equal(y, [11, 7])
    np.testing.assert_allclose(weights, w[[11, 7]] * 5 / 2)
