"""Where blocks run: threads for one call, beside a BLAS that is held to one thread."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any, TypeAlias

import joblib
import numpy as np
from joblib.parallel import get_active_backend
from threadpoolctl import LibController, ThreadpoolController

# Size of the array in _keep_freed_memory.
KEPT_BYTES = 8 * 2**20


class Workers:
    """Threads for blocks while one call lasts, beside a BLAS held to one thread.

    Parameters
    ----------
    n_jobs : int or None
        Number of threads as joblib counts them. None: as many as BLAS may use here,
        but 1 inside of a joblib worker or beside another call that holds BLAS.
    """

    def __init__(self, n_jobs: int | None) -> None:
        self._n_jobs = None if n_jobs is None else joblib.effective_n_jobs(n_jobs)
        self._pool: ThreadPoolExecutor | None = None
        self.n_threads = 1

    def __enter__(self) -> "Workers":
        """Hold BLAS to one thread."""
        _keep_freed_memory()
        n_free = _blas_hold.acquire()
        self._before = _limit_this_thread()
        if self._n_jobs is not None:
            self.n_threads = self._n_jobs
        else:
            self.n_threads = 1 if _inside_joblib_worker() else n_free
        return self

    def __exit__(self, *exception: object) -> None:
        """Wait for blocks under way, drop the rest, give BLAS its threads back."""
        try:
            if self._pool is not None:
                self._pool.shutdown(cancel_futures=True)
                self._pool = None
        finally:
            _restore(self._before)
            _blas_hold.release()

    def run(self, tasks: Sequence[Callable[[], Any]]) -> Iterator[Any]:
        """Yield the tasks' results in their order; a single task runs right here."""
        if self.n_threads == 1 or len(tasks) == 1:
            for task in tasks:
                yield task()
            return
        if self._pool is None:
            # This thread is one of them.
            self._pool = ThreadPoolExecutor(
                self.n_threads - 1, "skstackedae", initializer=_limit_this_thread
            )
        pending: deque[_Job] = deque()
        for task in tasks:
            pending.append(_Job(task, self._pool.submit(task)))
            # A short queue bounds the memory of results that wait for an earlier one.
            if len(pending) > 2 * self.n_threads:
                yield _first_result(pending)
        while pending:
            yield _first_result(pending)


@cache
def _keep_freed_memory() -> None:
    """Let malloc keep the memory of temporaries for the next ones, once a process.

    glibc's malloc gives freed memory back to the system, which has to zero it anew, if
    it is more than twice the largest array that was ever freed. In a float64 fit of
    784-200 a tenth of the time went there. Each thread that allocates may keep twice
    KEPT_BYTES.
    """
    np.empty(KEPT_BYTES, dtype=np.uint8)


class _Job:
    """A task that a pool has been given, and that whoever waits may take back."""

    def __init__(self, task: Callable[[], Any], future: "Future[Any]") -> None:
        self._task, self._future = task, future
        self._taken_back = False
        self._own_result: Any = None

    def take_back(self) -> bool:
        """Run the task right here, if nobody has begun with it."""
        if self._taken_back or not self._future.cancel():
            return False
        self._taken_back = True
        self._own_result = self._task()
        return True

    def is_done(self) -> bool:
        return self._taken_back or self._future.done()

    def result(self) -> Any:
        return self._own_result if self._taken_back else self._future.result()


def _first_result(pending: "deque[_Job]") -> Any:
    # Rather than wait for the first task, this thread works on the next ones.
    while not pending[0].is_done():
        if not any(job.take_back() for job in pending):
            break
    return pending.popleft().result()


Limits: TypeAlias = list[tuple[LibController, int]]


class _BLASHold:
    """Counted hold on BLAS, at one thread: the last one out restores what was before.

    It holds the libraries that have one number of threads for the whole process.
    """

    def __init__(self) -> None:
        self._forget()

    def acquire(self) -> int:
        """Limit BLAS to one thread; return how many threads the caller may use."""
        with self._lock:
            n_free = 1 if self._n_holders else _n_blas_threads()
            if self._n_holders == 0:
                self._before = _limit(_process_wide_libraries())
            self._n_holders += 1
            return n_free

    def release(self) -> None:
        """Give up the hold."""
        with self._lock:
            self._n_holders -= 1
            if self._n_holders == 0:
                _restore(self._before)

    def start_afresh(self) -> None:
        """Drop the hold in a forked child, where the threads that had it are gone."""
        if self._n_holders:
            _restore(self._before)
        self._forget()

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._n_holders = 0
        self._before = []


_blas_hold = _BLASHold()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_blas_hold.start_afresh)


@cache
def _blas_libraries() -> list[LibController]:
    # Kept, because looking through the loaded libraries costs half a millisecond.
    return list(ThreadpoolController().select(user_api="blas").lib_controllers)


def _is_per_thread(library: LibController) -> bool:
    # OpenBLAS on OpenMP has a limit for every thread of the program.
    layer = getattr(library, "threading_layer", None)
    return bool(library.internal_api == "openblas" and layer == "openmp")


def _process_wide_libraries() -> list[LibController]:
    return [library for library in _blas_libraries() if not _is_per_thread(library)]


def _limit_this_thread() -> Limits:
    return _limit([library for library in _blas_libraries() if _is_per_thread(library)])


def _limit(libraries: list[LibController]) -> Limits:
    """Set libraries to one thread; return what they had before."""
    before = [(library, library.num_threads) for library in libraries]
    _restore([(library, 1) for library in libraries])
    return before


def _restore(limits: Limits) -> None:
    for library, n_threads in limits:
        _take_control(library)
        library.set_num_threads(n_threads)
        _take_control(library)


def _take_control(library: LibController) -> None:
    # From version 3.8 on threadpoolctl lets the thread alone that set a limit first
    # change it. Here the last one out restores, which may be another thread.
    if hasattr(library, "clear_controlling_thread"):
        library.clear_controlling_thread(force=True)


def _n_blas_threads() -> int:
    counts = [library.num_threads for library in _blas_libraries()]
    return max(counts) if counts else int(joblib.cpu_count())


def _inside_joblib_worker() -> bool:
    backend, _ = get_active_backend()
    return bool(backend.nesting_level)
