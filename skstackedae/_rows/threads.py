"""The threads that run blocks during one call, while BLAS uses one thread."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache, partial
from types import TracebackType
from typing import Any

import joblib
import numpy as np
from joblib.parallel import get_active_backend

from .blas import (
    Limits,
    blas_hold,
    limit_this_thread,
    limits_of_this_thread,
    restore,
)

# Size of the array in _keep_freed_memory.
KEPT_BYTES = 8 * 2**20


class Threads:
    """Threads that run blocks during one call, while BLAS uses one thread.

    Callers close them twice::

        with closing(Threads(n_jobs)) as threads, threads:

    Ctrl-C may cut the end of the inner context short, even before its first line; then
    the outer one does the rest.

    Parameters
    ----------
    n_jobs : int or None
        Number of threads as joblib counts them. None means the number that
        `joblib.parallel_config` sets, or else as many as BLAS may use, but 1 inside a
        joblib worker or while another call holds BLAS.
    """

    def __init__(self, n_jobs: int | None) -> None:
        if n_jobs is None and not _inside_joblib_worker():
            n_jobs = _configured_n_jobs()
        self._n_jobs = None if n_jobs is None else joblib.effective_n_jobs(n_jobs)
        self._pool: ThreadPoolExecutor | None = None
        self._before: Limits = []
        self.n_threads = 1

    def __enter__(self) -> "Threads":
        """Hold BLAS to one thread."""
        _keep_freed_memory()
        n_free = blas_hold.acquire(self)
        self._before = limits_of_this_thread()
        limit_this_thread()
        if self._n_jobs is not None:
            self.n_threads = self._n_jobs
        else:
            self.n_threads = 1 if _inside_joblib_worker() else n_free
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()
        # Ctrl-C in a wait of concurrent.futures may end in an error about a lock that
        # is not held, which callers would take for a failed fit.
        cause = getattr(error, "__context__", None)
        if isinstance(error, RuntimeError) and isinstance(cause, KeyboardInterrupt):
            raise cause

    def close(self) -> None:
        """Wait for running blocks, drop the rest, and give BLAS its threads back.

        After an interrupted call, another one goes on.
        """
        try:
            if self._pool is not None:
                self._pool.shutdown(cancel_futures=True)
                self._pool = None
        finally:
            restore(self._before)
            self._before = []
            blas_hold.release(self)

    def run(self, tasks: Sequence[Callable[[], Any]]) -> Iterator[Any]:
        """Yield the results of the tasks in order; a single task needs no pool."""
        if self.n_threads == 1 or len(tasks) == 1:
            for task in tasks:
                yield blas_hold.run(task)
            return
        if self._pool is None:
            # The calling thread is one of the threads.
            self._pool = ThreadPoolExecutor(
                self.n_threads - 1, "skstackedae", initializer=limit_this_thread
            )
        pending: deque[_Job] = deque()
        for task in (partial(blas_hold.run, task) for task in tasks):
            pending.append(_Job(task, self._pool.submit(task)))
            # A short queue bounds the memory of results that wait for an earlier one.
            if len(pending) > 2 * self.n_threads:
                yield _first_result(pending)
        while pending:
            yield _first_result(pending)


@cache
def _keep_freed_memory() -> None:
    """Make malloc keep freed memory for the next temporaries; once a process.

    glibc's malloc gives freed memory back to the system if it is more than twice the
    size of the largest array that was ever freed. The system then has to zero the
    memory anew, which took a tenth of a float64 fit of 784-200. Each thread that
    allocates may keep twice KEPT_BYTES.
    """
    np.empty(KEPT_BYTES, dtype=np.uint8)


class _Job:
    """A task of a pool, which the waiting thread may take back and run itself."""

    def __init__(self, task: Callable[[], Any], future: "Future[Any]") -> None:
        self._task, self._future = task, future
        self._taken_back = False
        self._own_result: Any = None

    def take_back(self) -> bool:
        """Run the task in this thread, if no other thread has begun it."""
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
    # While the first task is not done, this thread works on the next ones.
    while not pending[0].is_done():
        if not any(map(_Job.take_back, pending)):
            break
    return pending.popleft().result()


def _configured_n_jobs() -> int | None:
    _, n_jobs = get_active_backend()
    # Backends for clusters set -1, which is no limit on threads.
    return n_jobs if n_jobs is not None and n_jobs > 0 else None


def _inside_joblib_worker() -> bool:
    backend, _ = get_active_backend()
    return bool(backend.nesting_level)
