"""Row blocks: the cut, the order of sums, the canonical form."""

import numpy as np
import pytest
from scipy.sparse import csr_array, csr_matrix, issparse

from skstackedae._rows import blocks as _row_blocks
from skstackedae._rows.blocks import (
    RowBlocks,
    cut_rows,
    cut_runs,
    map_rows,
)
from skstackedae._rows.preparation import prepare_rows
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
    assert sizes.max() <= max(256, _row_blocks.BLOCK_BYTES // row_bytes)


def test_sum_follows_the_order_of_rows_in_float64(monkeypatch, rng):
    monkeypatch.setattr(_row_blocks, "BLOCK_BYTES", 1)
    monkeypatch.setattr(_row_blocks, "MIN_BLOCK_ROWS", 1)
    X = rng.randn(50, 2).astype(np.float32)
    with Threads(3) as threads:
        rows = RowBlocks(X, row_width=2, threads=threads)
        total, count = rows.sum(lambda block: (block.X[0].copy(), len(block.X)))
    expected = np.zeros(2)
    for row in X:
        expected += row
    np.testing.assert_array_equal(total, expected)
    assert total.dtype == np.float64
    assert count == 50


def test_batch_weights_stand_for_all_rows(rng):
    X, y, w = rng.rand(10, 2), np.arange(10), rng.dirichlet(np.ones(10))
    batch = RowBlocks(X, y, w, row_width=2).batch(np.array([3, 1]))
    (block,) = batch.map(lambda block: block)
    np.testing.assert_array_equal(block.X, X[[3, 1]])
    np.testing.assert_array_equal(block.y, [3, 1])
    np.testing.assert_allclose(block.w, w[[3, 1]] * 5)


def test_few_rows_are_cut_for_more_than_one_core_if_it_pays():
    wide, narrow = 4_800 * 4, 270 * 8
    assert len(cut_rows(200, wide)) == 2
    assert len(cut_rows(200, narrow)) == 1
    assert len(cut_rows(2_000, narrow)) == 4
    assert len(cut_rows(50, 100 * wide)) == 1


def test_batch_is_stacked_in_its_own_size(rng):
    X = rng.rand(600, 3)
    batch = RowBlocks(X, row_width=10_000).batch(np.arange(250)[::-1])
    assert len(batch) > 1
    np.testing.assert_array_equal(batch.stack(lambda rows: rows * 1), X[249::-1])


@pytest.mark.parametrize("n_blocks", [1, 2, 31, 32, 33, 64, 256, 1_000, 4_001])
def test_runs_are_short_and_enough_for_many_cores(n_blocks):
    runs = cut_runs(n_blocks)
    assert [i for run in runs for i in range(n_blocks)[run]] == list(range(n_blocks))
    assert len(runs) >= min(n_blocks, 32)
    assert max(run.stop - run.start for run in runs) <= 8


@pytest.mark.parametrize("n_blocks", [5, 1_000])
def test_long_sums_of_float32_are_exact_to_its_rounding(n_blocks, monkeypatch, rng):
    monkeypatch.setattr(_row_blocks, "BLOCK_BYTES", 1)
    monkeypatch.setattr(_row_blocks, "MIN_BLOCK_ROWS", 1)
    X = rng.rand(n_blocks, 3).astype(np.float32)
    rows = RowBlocks(X, row_width=3)
    assert len(rows) == n_blocks
    before = X.copy()
    (total,) = rows.sum(lambda block: (block.X[0] * 1,))
    # Added one by one in float32, 1,000 numbers are off by 1e-6 and more.
    np.testing.assert_allclose(total, X.sum(axis=0, dtype=np.float64), rtol=2e-7)
    assert total.dtype == (np.float32 if n_blocks == 5 else np.float64)
    np.testing.assert_array_equal(X, before)


def test_one_block_outside_of_a_fit_touches_no_limits(monkeypatch, rng):
    class Untouchable:
        def __init__(self, n_jobs):
            raise AssertionError("one block needs no threads")

    monkeypatch.setattr(_row_blocks, "Threads", Untouchable)
    X = rng.rand(10, 3)
    doubled = map_rows(lambda rows: rows * 2, X, row_width=3, n_jobs=None)
    np.testing.assert_array_equal(doubled, X * 2)


def test_many_blocks_outside_of_a_fit_keep_their_order(monkeypatch, rng):
    monkeypatch.setattr(_row_blocks, "BLOCK_BYTES", 1)
    monkeypatch.setattr(_row_blocks, "MIN_BLOCK_ROWS", 3)
    X = rng.rand(10, 3)
    doubled = map_rows(lambda rows, k: rows * k, X, 2, row_width=3, n_jobs=2)
    np.testing.assert_array_equal(doubled, X * 2)


def test_canonical_form_makes_equal_problems_equal(rng):
    X = rng.rand(20, 3)
    y = rng.randint(2, size=20)
    counts = rng.randint(0, 4, size=20)
    order = rng.permutation(counts.sum())
    repeated = np.repeat(np.arange(20), counts)[order]
    weighted = prepare_rows(X, y, counts.astype(float), canonical=True)
    plain = prepare_rows(X[repeated], y[repeated], np.ones(len(order)), canonical=True)
    for one, other in zip(weighted, plain, strict=True):
        np.testing.assert_array_equal(one, other)
    assert weighted.w.sum() == pytest.approx(1)
    assert len(weighted.X) == (counts > 0).sum()


def test_canonical_form_keeps_equal_rows_of_other_classes_apart():
    X, y = np.array([[1.0], [1.0], [-0.0], [0.0]]), np.array([0, 1, 0, 0])
    rows = prepare_rows(X, y, np.ones(4), canonical=True)
    # In any order, and without the sign of zero.
    found = {(str(x), int(c)): w for (x,), c, w in zip(*rows, strict=True)}
    assert found == {("0.0", 0): 0.5, ("1.0", 0): 0.25, ("1.0", 1): 0.25}


@pytest.mark.parametrize("make", [csr_array, csr_matrix])
def test_canonical_form_of_sparse_rows_is_that_of_dense_ones(make, rng):
    X = rng.randint(3, size=(60, 3)) * rng.randint(2, size=(60, 3)) / 2
    y, w = rng.randint(2, size=60), rng.rand(60)
    dense = prepare_rows(X, y, w, canonical=True)
    sparse = prepare_rows(make(X), y, w, canonical=True)
    assert issparse(sparse.X)
    assert len(dense.X) < 60
    np.testing.assert_array_equal(sparse.X.toarray(), dense.X)
    np.testing.assert_array_equal(sparse.y, dense.y)
    np.testing.assert_array_equal(sparse.w, dense.w)


@pytest.mark.parametrize("make", [csr_array, csr_matrix])
def test_kernels_see_dense_blocks_of_sparse_rows(make, monkeypatch, rng):
    monkeypatch.setattr(_row_blocks, "BLOCK_BYTES", 1)
    monkeypatch.setattr(_row_blocks, "MIN_BLOCK_ROWS", 3)
    X = rng.rand(10, 4) * (rng.rand(10, 4) > 0.5)
    rows = RowBlocks(make(X), None, np.full(10, 0.1), row_width=4)
    assert len(rows) > 2
    for part in (rows, rows.batch(np.arange(10)[::-1])):
        for block in part.map(lambda block: block):
            assert type(block.X) is np.ndarray
    np.testing.assert_array_equal(rows.stack(lambda part: part), X)
    np.testing.assert_array_equal(
        rows.batch(np.arange(10)[::-1]).stack(lambda part: part), X[::-1]
    )


@pytest.mark.parametrize("shape", [(1025, 1), (3, 2**19)])
def test_large_data_keeps_its_order(shape):
    X = np.arange(np.prod(shape), dtype=np.float32)[::-1].reshape(shape)
    rows = prepare_rows(X, None, np.ones(shape[0]), canonical=True)
    assert rows.X is X


def test_rows_without_weight_do_not_count(rng):
    X = rng.rand(5, 2)
    rows = prepare_rows(X, None, np.array([1, 0, 2, 0, 1.0]), canonical=False)
    np.testing.assert_array_equal(rows.X, X[[0, 2, 4]])
    np.testing.assert_array_equal(rows.w, [0.25, 0.5, 0.25])


def test_canonical_form_does_not_see_the_order_of_weights(rng):
    # Five copies of each row, every one with a weight of its own.
    X, w = np.repeat(rng.rand(8, 2), 5, axis=0), rng.rand(40)
    order = rng.permutation(40)
    one = prepare_rows(X, None, w, canonical=True)
    other = prepare_rows(X[order], None, w[order], canonical=True)
    assert len(one.X) == 8
    for part, other_part in zip(one, other, strict=True):
        np.testing.assert_array_equal(part, other_part)


def test_weights_that_float32_cannot_hold_do_not_count():
    X = np.arange(3, dtype=np.float32).reshape(-1, 1)
    rows = prepare_rows(X, None, np.array([1, 1e-60, 1]), canonical=False)
    np.testing.assert_array_equal(rows.X, [[0], [2]])
    np.testing.assert_array_equal(rows.w, np.float32([0.5, 0.5]))


def test_huge_weights_do_not_overflow():
    X = np.arange(3.0).reshape(-1, 1)
    rows = prepare_rows(X, None, np.full(3, 1e308), canonical=False)
    np.testing.assert_allclose(rows.w, 1 / 3)
