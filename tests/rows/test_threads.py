"""Threads: the threads, the hold on BLAS, and that neither changes a result."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from helpers import rows_in_blocks
from joblib import Parallel, delayed, parallel_config
from threadpoolctl import ThreadpoolController, threadpool_limits

from skstackedae import SparseAutoencoder
from skstackedae._rows import blocks
from skstackedae._rows.blas import blas_hold
from skstackedae._rows.blocks import RowsInBlocks, cut_rows
from skstackedae._rows.threads import Threads


def blas_threads():
    controller = ThreadpoolController().select(user_api="blas")
    return [library.num_threads for library in controller.lib_controllers]


def test_two_threads_work():
    meeting = threading.Barrier(2, timeout=30)

    def task():
        # Nobody passes before two are here at once.
        meeting.wait()
        return threading.get_ident()

    with Threads(2) as threads:
        assert len(set(threads.run([task] * 6))) == 2


def test_an_error_on_another_thread_is_raised_where_results_are_asked_for():
    meeting = threading.Barrier(2, timeout=30)

    def task():
        meeting.wait()
        if threading.current_thread() is not threading.main_thread():
            raise MemoryError("on another thread")

    with Threads(2) as threads, pytest.raises(MemoryError, match="on another thread"):
        list(threads.run([task] * 2))


def test_a_task_without_a_hold_leaves_the_limits():
    # A leftover of an interrupted call, for example.
    with threadpool_limits(2, user_api="blas"):
        assert blas_hold.run(lambda: 5) == 5
        assert set(blas_threads()) == {2}


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_same_bits_for_every_number_of_threads(solver, dtype, monkeypatch, rng):
    X = rng.rand(3_000, 300).astype(dtype)
    assert len(cut_rows(1_500, 650 * X.itemsize)) >= 2
    # Five blocks and more: of all rows for lbfgs, of a batch for adam.
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 650 * 256 * X.itemsize)
    used = set()
    original = RowsInBlocks.load

    def watched(*arguments):
        used.add(threading.current_thread().name)
        return original(*arguments)

    monkeypatch.setattr(RowsInBlocks, "load", watched)
    fits = {}
    for n_jobs in (1, 2, 4):
        used.clear()
        model = SparseAutoencoder(
            50,
            solver=solver,
            max_iter=3,
            batch_size=1_500,
            random_state=0,
            n_jobs=n_jobs,
        )
        with pytest.warns(match="max_iter"):
            fits[n_jobs] = model.fit(X)
        pool_threads = {name for name in used if name.startswith("skstackedae")}
        # The calling thread is one of them.
        assert bool(pool_threads) == (n_jobs > 1)
        assert len(pool_threads) < n_jobs
        assert threading.current_thread().name in used
    for n_jobs in (2, 4):
        for one, other in zip(fits[1].coefs_, fits[n_jobs].coefs_, strict=True):
            np.testing.assert_array_equal(one, other)
        assert fits[1].loss_curve_ == fits[n_jobs].loss_curve_
        np.testing.assert_array_equal(fits[1].transform(X), fits[n_jobs].transform(X))


FIT_AND_HASH = """
import hashlib, warnings
import numpy as np
from skstackedae import StackedAutoencoderClassifier
warnings.simplefilter("ignore")
rng = np.random.RandomState(0)
for n_rows in (90, 6_000):
    X, y = rng.rand(n_rows, 150), rng.randint(3, size=n_rows)
    model = StackedAutoencoderClassifier((30, 20), max_iter=5, random_state=0)
    model.fit(X, y)
    arrays = model.coefs_ + model.intercepts_
    print(hashlib.sha256(b"".join(a.tobytes() for a in arrays)).hexdigest())
"""


@pytest.mark.slow
def test_same_bits_for_every_blas_setting():
    prints = []
    for n_threads in ("1", "2"):
        environment = os.environ | {"OPENBLAS_NUM_THREADS": n_threads}
        prints.append(
            subprocess.run(
                [sys.executable, "-c", FIT_AND_HASH],
                env=environment,
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        )
    assert len(prints[0].split()) == 2
    assert prints[0] == prints[1]


def test_blas_is_held_and_given_back():
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        with Threads(2):
            assert set(blas_threads()) == {1}
            with Threads(2):
                assert set(blas_threads()) == {1}
            assert set(blas_threads()) == {1}
        assert blas_threads() == before


def test_blas_is_given_back_after_an_error():
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        with pytest.raises(KeyError), Threads(2):
            raise KeyError
        assert blas_threads() == before


def test_overlapping_holds_leave_blas_as_the_first_found_it():
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        first_in, second_in = threading.Event(), threading.Event()

        def first():
            with Threads(1):
                first_in.set()
                second_in.wait(30)

        def second():
            first_in.wait(30)
            with Threads(1):
                second_in.set()
                threads[0].join(30)
                assert set(blas_threads()) == {1}

        threads = [threading.Thread(target=target) for target in (first, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert blas_threads() == before


def test_default_number_of_threads_is_what_blas_may_use():
    for limit in (1, 2):
        with threadpool_limits(limit, user_api="blas"), Threads(None) as threads:
            assert threads.n_threads == limit


def test_default_is_one_thread_beside_another_fit():
    with threadpool_limits(2, user_api="blas"), Threads(None), Threads(None) as second:
        assert second.n_threads == 1


def n_threads_here():
    with threadpool_limits(2, user_api="blas"), Threads(None) as threads:
        return threads.n_threads


def test_default_is_the_number_that_joblib_is_configured_for():
    with threadpool_limits(4, user_api="blas"):
        for n_jobs, expected in ((1, 1), (3, 3), (-1, 4), (None, 4)):
            with parallel_config(n_jobs=n_jobs), Threads(None) as threads:
                assert threads.n_threads == expected
        with parallel_config(n_jobs=3), Threads(2) as threads:
            assert threads.n_threads == 2
        with parallel_config(backend="threading", n_jobs=3):
            assert Parallel()([delayed(n_threads_here)() for _ in "ab"]) == [1, 1]


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_default_is_one_thread_in_a_joblib_worker(backend):
    counts = Parallel(n_jobs=2, backend=backend)(
        delayed(n_threads_here)() for _ in range(2)
    )
    assert counts == [1, 1]
    # No worker, though joblib is in the way.
    assert Parallel(n_jobs=1)([delayed(n_threads_here)()]) == [2]


def test_explicit_numbers_of_threads_follow_joblib():
    with Threads(3) as threads:
        assert threads.n_threads == 3
    with pytest.raises(ValueError, match="n_jobs == 0"):
        Threads(0)


def test_a_failing_block_raises_its_error():
    def kernel(X, y, w):
        if X[0, 0] == 5:
            raise ArithmeticError("block 5")
        return (X.sum(),)

    X = np.arange(10.0).reshape(-1, 1)
    with Threads(2) as threads:
        rows = rows_in_blocks(X, block_rows=1, threads=threads)
        with pytest.raises(ArithmeticError, match="block 5"):
            rows.sum(kernel)


def test_results_that_wait_are_few():
    started = []
    with Threads(2) as threads:
        results = threads.run([lambda: started.append(1)] * 100)
        next(results)
        time.sleep(0.05)
        assert len(started) <= 6
        assert len(list(results)) == 99
