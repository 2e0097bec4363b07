"""Faults: whatever goes wrong, the old fit, the limits, threads and files stay.

Every test here starts from two BLAS threads in an empty folder; a fixture holds that it
ends with them, with no other threads and without a file.
"""

import linecache
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import assert_same_weights, small_autoencoder, small_classifier
from joblib.externals.loky.process_executor import TerminatedWorkerError
from numpy.testing import assert_array_equal
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from threadpoolctl import ThreadpoolController, threadpool_limits

from skstackedae import SparseAutoencoder
from skstackedae._rows import blas, blocks, pool, threads
from skstackedae._rows.blas import blas_hold
from skstackedae._rows.blocks import RowsInBlocks
from skstackedae._rows.threads import Threads

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stopped after max_iter", "ignore:Most units of the"
)

LIBRARIES = ThreadpoolController().select(user_api="blas").lib_controllers
TIMEOUT = 60


def blas_threads():
    return [library.num_threads for library in LIBRARIES]


def set_blas_threads(n_threads):
    """Set the limits as a library that knows nothing of threadpoolctl's rules does."""
    for library in LIBRARIES:
        end_control(library)
        library.set_num_threads(n_threads)
        end_control(library)


def end_control(library):
    if hasattr(library, "clear_controlling_thread"):
        library.clear_controlling_thread(force=True)


@pytest.fixture(autouse=True)
def _leaves_all_as_it_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("JOBLIB_TEMP_FOLDER", str(tmp_path))
    initial = blas_threads()
    set_blas_threads(2)
    running = set(threading.enumerate())
    yield
    after = blas_threads()
    for library, n_threads in zip(LIBRARIES, initial, strict=True):
        library.set_num_threads(n_threads)
        end_control(library)
    assert set(after) == {2}
    for thread in set(threading.enumerate()) - running:
        # An interrupt may hit the start of a thread, which then ends by itself.
        thread.join(TIMEOUT)
        assert not thread.is_alive()
    assert not os.listdir(tmp_path)


def many_blocks(monkeypatch):
    """Cut rows of the small networks here into blocks of 20."""
    monkeypatch.setattr(blocks, "FEW_BLOCKS", 5)
    monkeypatch.setattr(blocks, "MIN_SPLIT_ROWS", 20)
    monkeypatch.setattr(blocks, "SPLIT_BYTES", 1)


@pytest.fixture
def data(few_digits):
    return few_digits[0][:100, 20:30], few_digits[1][:100]


def fresh(n_jobs=None, **settings):
    return small_autoencoder(4, max_iter=4, n_jobs=n_jobs, **settings)


quick_classifier = partial(
    small_classifier, (6, 5), pretraining={"max_iter": 3}, max_iter=4
)


def weights_of(model):
    return [part.copy() for part in model.coefs_ + model.intercepts_]


def is_fit_with(model, weights):
    return all(map(np.array_equal, model.coefs_ + model.intercepts_, weights))


# Interrupts


def use_threads(n_jobs):
    with closing(Threads(n_jobs)) as both, both:
        return list(both.run([int, int]))


def interrupted_at(position, n_jobs):
    """Interrupt at a line, call or return of threads.py, pool.py or blas.py.

    Return None where there are fewer.
    """
    files = {threads.__file__, pool.__file__, blas.__file__}
    n_seen, seen_with, found = 0, [], None

    def trace(frame, event, arg):
        nonlocal n_seen, found
        place = frame.f_code.co_filename, frame.f_lineno
        if place[0] not in files:
            return None
        if linecache.getline(*place).strip().startswith("with ") and event == "line":
            # The second visit is the end of a lock's context, between whose body and
            # __exit__ CPython handles no signal.
            if (frame, place) in seen_with:
                return trace
            seen_with.append((frame, place))
        n_seen += 1
        if n_seen == position:
            found = place, event
            sys.settrace(None)
            raise KeyboardInterrupt
        return trace

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        use_threads(n_jobs)
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(previous)
    return found


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_interrupt_at_any_line_of_the_hold(n_jobs):
    use_threads(n_jobs)
    position = 0
    while place := interrupted_at(position := position + 1, n_jobs):
        assert not blas_hold._lock.locked(), place
        assert set(blas_threads()) == {2}, place
        # No holder is left over, which would leave a single thread for others.
        with Threads(None) as both:
            assert both.n_threads == 2, place
        assert set(blas_threads()) == {2}, place
    assert position > 100


def test_a_hold_that_was_never_given_back_ends_with_the_next():
    lost = Threads(1)
    lost.__enter__()
    assert set(blas_threads()) == {1}
    del lost
    with Threads(None) as both:
        assert both.n_threads == 2
        assert set(blas_threads()) == {1}


def finishes_before(seconds, function):
    """Call a function, which is interrupted by a signal after some time."""
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        function()
        signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        return False
    return True


def interrupt_fits(X, n_fits, seed):
    """Interrupt fits at random moments; return how many of them were."""
    random_number = random.Random(seed)
    old_handler = signal.signal(signal.SIGALRM, signal.default_int_handler)
    n_interrupts = 0
    for n_jobs in (1, 2):
        begin = time.perf_counter()
        new = weights_of(fresh(n_jobs).fit(X[::-1]))
        duration = time.perf_counter() - begin
        old = weights_of(fresh(n_jobs).fit(X))
        for _ in range(n_fits // 2):
            model = fresh(n_jobs).fit(X)
            seconds = random_number.uniform(1e-5, duration)
            is_finished = finishes_before(seconds, partial(model.fit, X[::-1]))
            n_interrupts += not is_finished
            # An interrupt may come after the fit's last change.
            assert is_fit_with(model, new) or (
                not is_finished and is_fit_with(model, old)
            )
            assert not blas_hold._lock.locked()
            assert not blas_hold._holders
            assert set(blas_threads()) == {2}
    signal.signal(signal.SIGALRM, old_handler)
    return n_interrupts


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs signal.setitimer")
def test_interrupts_by_signals(global_random_seed):
    # In a process of its own, and not measured: an interrupt that lands in coverage's
    # tracer leaves its lock locked.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COV_CORE")}
    environment["PYTHONPATH"] = str(Path(__file__).parents[1])
    run = subprocess.run(
        [sys.executable, __file__, "200", str(global_random_seed)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout.split()[0]) > 50


# Errors


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("make", [fresh, quick_classifier])
def test_memory_runs_out_in_a_block(n_jobs, make, data, monkeypatch):
    many_blocks(monkeypatch)
    X, y = data
    model = make(n_jobs=n_jobs).fit(X, y)
    weights = weights_of(model)
    load = RowsInBlocks.load

    def load_few(*arguments):
        if not room:
            raise MemoryError("no memory for the block")
        room.pop()
        return load(*arguments)

    monkeypatch.setattr(RowsInBlocks, "load", load_few)
    for call in (lambda: model.fit(X * 0.5, y), lambda: model.transform(X)):
        for n_blocks in (0, 3):
            room = [None] * n_blocks
            with pytest.raises(MemoryError, match="for the block"):
                call()
            assert is_fit_with(model, weights)


class Saboteur:
    """A callback that raises an error at a task, given by the names of the tasks."""

    def __init__(self, event, path, error):
        self.event, self.path, self.error = event, path, error
        self.was_torn_down = False

    def setup(self, estimator, context):
        self._may_raise("setup", None)

    def teardown(self, estimator, context):
        self.was_torn_down = True

    def on_fit_task_begin(self, estimator, context):
        self._may_raise("begin", context)

    def on_fit_task_end(self, estimator, context, **_):
        self._may_raise("end", context)

    def _may_raise(self, event, context):
        names = []
        while context is not None:
            names.append(context.task_name)
            context = context.parent
        if (event, tuple(names[::-1])) == (self.event, self.path):
            raise self.error("by the callback")


@pytest.mark.parametrize("error", [KeyboardInterrupt, ArithmeticError])
@pytest.mark.parametrize(
    ("event", "path"),
    [
        ("setup", ()),
        ("begin", ("fit",)),
        ("begin", ("fit", "pretraining of layer 2")),
        ("begin", ("fit", "softmax", "iteration")),
        ("end", ("fit", "softmax", "iteration")),
        ("end", ("fit", "fine-tuning")),
        ("end", ("fit",)),
    ],
)
def test_callbacks_raise_errors(event, path, error, data):
    pytest.importorskip("sklearn.callback")
    X, y = data
    model = quick_classifier(n_jobs=2).fit(X, y)
    weights = weights_of(model)
    saboteur = Saboteur(event, path, error)
    with pytest.raises(error, match="by the callback"):
        model.set_callbacks(saboteur).fit(X * 0.5, y)
    assert saboteur.was_torn_down or event == "setup"
    assert not hasattr(model, "_callback_fit_ctx")
    assert is_fit_with(model, weights)


# Threads and processes


@contextmanager
def paused_fit(X, monkeypatch):
    """Fit in another thread, which waits in its third block until the body is over.

    The body gets a list, which holds the model afterward.
    """
    arrived, may_go_on = threading.Event(), threading.Event()
    n_loaded = 0
    load = RowsInBlocks.load

    def load_after_pause(*arguments):
        nonlocal n_loaded
        if threading.current_thread().name == "paused fit":
            n_loaded += 1
            if n_loaded == 3:
                arrived.set()
                assert may_go_on.wait(TIMEOUT)
        return load(*arguments)

    monkeypatch.setattr(RowsInBlocks, "load", load_after_pause)
    models = []
    thread = threading.Thread(
        target=lambda: models.append(fresh(1).fit(X)), name="paused fit"
    )
    thread.start()
    try:
        assert arrived.wait(TIMEOUT)
        yield models
    finally:
        may_go_on.set()
        thread.join(TIMEOUT)


def test_many_fits_and_predictions_at_once(data, monkeypatch, global_random_seed):
    many_blocks(monkeypatch)
    X, y = data
    seeds = range(global_random_seed, global_random_seed + 8)

    def fit(seed, n_jobs):
        return quick_classifier(random_state=seed, n_jobs=n_jobs).fit(X, y)

    alone = [fit(seed, n_jobs=1) for seed in seeds]
    probabilities = alone[0].predict_proba(X)
    with ThreadPoolExecutor(24) as executor:
        fits = [
            executor.submit(fit, seed, n_jobs)
            for seed, n_jobs in zip(seeds, [None, 1, 2, 3] * 2, strict=True)
        ]
        predictions = [executor.submit(alone[0].predict_proba, X) for _ in range(16)]
    for model, future in zip(alone, fits, strict=True):
        assert_same_weights(model, future.result())
    for future in predictions:
        assert_array_equal(future.result(), probabilities)


def kill_once(X, mark):
    """Kill this process, if none has been killed before."""
    try:
        os.mkdir(mark)
    except FileExistsError:
        return X
    return os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_worker_ends_a_search(data, tmp_path):
    mark = tmp_path / "killed"
    killer = FunctionTransformer(kill_once, kw_args={"mark": str(mark)})
    grid = {"sparseautoencoder__alpha": [1e-3, 1e-2]}
    search = GridSearchCV(make_pipeline(killer, fresh()), grid, cv=2, n_jobs=2)
    with pytest.raises(TerminatedWorkerError):
        search.fit(data[0])
    assert not hasattr(search, "best_estimator_")
    search.set_params(n_jobs=1).fit(data[0])
    mark.rmdir()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_fork_while_another_thread_fits(data, monkeypatch):
    many_blocks(monkeypatch)
    X, _ = data
    expected = fresh(1).fit(X)
    with paused_fit(X, monkeypatch) as models:
        child = os.fork()
        if child == 0:
            # Only os._exit keeps the child out of pytest.
            try:
                signal.alarm(TIMEOUT)
                # The hold belonged to a thread that the child does not have.
                assert set(blas_threads()) == {2}
                model = fresh(2).fit(X)
                assert_same_weights(model, expected)
                assert_array_equal(model.transform(X), expected.transform(X))
                assert set(blas_threads()) == {2}
                os._exit(0)
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert_same_weights(models[0], expected)


def fit_from_cache(X, y, queue):
    model = quick_classifier(memory="cache")
    queue.put(model.fit(X, y).coefs_)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_three_processes_with_one_cache(data, tmp_path):
    plain = quick_classifier().fit(*data)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    processes = [
        context.Process(target=fit_from_cache, args=(*data, queue)) for _ in range(3)
    ]
    for process in processes:
        process.start()
    for _ in processes:
        for part, expected in zip(
            queue.get(timeout=TIMEOUT), plain.coefs_, strict=True
        ):
            assert_array_equal(part, expected)
    for process in processes:
        process.join(TIMEOUT)
        assert process.exitcode == 0
    queue.close()
    queue.join_thread()
    shutil.rmtree(tmp_path / "cache")


# Limits that others set


class Others:
    """Somebody who limits BLAS by threadpoolctl, in a thread of their own."""

    def __init__(self, n_threads):
        self._thread = ThreadPoolExecutor(1)
        self._limiter = self._call(threadpool_limits, n_threads, "blas")

    def end(self):
        self._call(self._limiter.__exit__, None, None, None)
        self._thread.shutdown()

    def _call(self, function, *arguments):
        return self._thread.submit(function, *arguments).result(TIMEOUT)


@pytest.mark.parametrize(
    ("overlap", "n_threads"),
    [
        ("fit inside", 1),
        ("fit inside", 3),
        ("limit inside", 1),
        ("limit inside", 3),
        # With 3 it could not be told from a limit of 2 on three threads.
        ("limit first", 1),
    ],
)
def test_limits_of_others_beside_a_fit(overlap, n_threads, data, monkeypatch):
    many_blocks(monkeypatch)
    X, _ = data
    expected = fresh().fit(X)
    others = None if overlap == "limit inside" else Others(n_threads)
    with paused_fit(X, monkeypatch) as models:
        if overlap == "limit inside":
            others = Others(n_threads)
        if overlap != "fit inside":
            others.end()
    if overlap == "fit inside":
        assert set(blas_threads()) == {n_threads}
        others.end()
    # The fixture holds that the limits are as before both.
    assert_same_weights(models[0], expected)


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("n_before", [0, 1, 2, 4, 6])
def test_limits_set_in_mid_fit_do_not_change_bits(n_before, n_jobs, rng, monkeypatch):
    # Large enough for BLAS to use two threads in a block.
    X = rng.rand(1_000, 300)
    settings = {"max_iter": 3, "random_state": 0, "n_jobs": n_jobs}
    expected = SparseAutoencoder(50, **settings).fit(X)
    load = RowsInBlocks.load

    def load_with_limit(rows, cut):
        # Single rows are loaded for the canonical form.
        if cut.stop - cut.start > 1:
            loads.append(cut)
            # Not for all blocks: a task is tried a few times only.
            if n_before < len(loads) <= n_before + 2:
                set_blas_threads(2)
        return load(rows, cut)

    monkeypatch.setattr(RowsInBlocks, "load", load_with_limit)
    loads = []
    model = SparseAutoencoder(50, **settings).fit(X)
    assert len(loads) > n_before + 2
    assert_same_weights(model, expected)


def test_a_task_with_other_limits_runs_again():
    limits = []

    def task():
        limits.append(set(blas_threads()))
        if changes_left:
            changes_left.pop()
            set_blas_threads(2)
        return len(limits)

    with Threads(1) as both:
        for n_changes, n_runs in [(0, 1), (1, 2), (9, blas.MAX_TRIES)]:
            limits.clear()
            changes_left = [None] * n_changes
            assert list(both.run([task])) == [n_runs]
            assert limits == [{1}] * n_runs


@pytest.mark.skipif(
    not any(hasattr(library, "clear_controlling_thread") for library in LIBRARIES),
    reason="needs OpenBLAS and threadpoolctl 3.8",
)
def test_threadpoolctl_keeps_others_from_changes():
    with Threads(1):
        others = Others(2)
        assert set(blas_threads()) == {1}
        others.end()
    others = Others(1)
    assert set(blas_threads()) == {1}
    others.end()


def test_libraries_with_a_limit_for_every_thread():
    openmp = SimpleNamespace(internal_api="openblas", threading_layer="openmp")
    pthreads = SimpleNamespace(internal_api="openblas", threading_layer="pthreads")
    old_mkl = SimpleNamespace(
        internal_api="mkl", check_symbols=("MKL_Set_Num_Threads",)
    )
    mkl = SimpleNamespace(
        internal_api="mkl", check_symbols=("MKL_Set_Num_Threads_Local",)
    )
    libraries = [openmp, pthreads, old_mkl, mkl]
    assert [blas._is_per_thread(library) for library in libraries] == [1, 0, 0, 1]


if __name__ == "__main__":
    # python tests/test_faults.py N_FITS SEED: many more interrupts than in the suite.
    many_blocks(pytest.MonkeyPatch())
    warnings.simplefilter("ignore")
    set_blas_threads(2)
    X = load_digits().data[:100, 20:30] / 16
    print(interrupt_fits(X, *map(int, sys.argv[1:])), "fits were interrupted")
