"""The threads that run blocks during one call, while BLAS uses one thread."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import joblib
from joblib.parallel import get_active_backend

from .blas import (
    Limits,
    blas_hold,
    limit_this_thread,
    limits_of_this_thread,
    restore,
)
from .malloc import keep_freed_memory
from .pool import Job, Pool


class Threads:
    """Threads that run blocks during one call, while BLAS uses one thread.

    Callers close them twice::

        with closing(Threads(n_jobs)) as threads, threads:

    Ctrl-C may interrupt the end of the inner context, even before its first line; then
    the outer context completes it.

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
        self._pool: Pool | None = None
        self._before: Limits = []
        self.n_threads = 1

    def __enter__(self) -> "Threads":
        """Hold BLAS to one thread."""
        keep_freed_memory()
        n_free = blas_hold.acquire(self)
        self._before = limits_of_this_thread()
        limit_this_thread()
        if self._n_jobs is not None:
            self.n_threads = self._n_jobs
        else:
            self.n_threads = 1 if _inside_joblib_worker() else n_free
        return self

    def __exit__(self, *exception: object) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Wait for running blocks, drop the rest, and give BLAS its threads back.

        If a call is interrupted, another call completes it.
        """
        try:
            if self._pool is not None:
                self._pool.close()
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
            self._pool = Pool(self.n_threads - 1, limit_this_thread)
            self._pool.start()
        pending: deque[Job] = deque()
        for task in tasks:
            pending.append(Job(partial(blas_hold.run, task)))
            self._pool.submit(pending[-1])
            # A short queue bounds the memory of results that wait for an earlier one.
            if len(pending) > 2 * self.n_threads:
                yield _first_result(pending)
        while pending:
            yield _first_result(pending)


def _first_result(pending: deque[Job]) -> Any:
    # While the first task is not done, this thread works on the next ones.
    while not pending[0].is_finished():
        if not any(map(Job.run, pending)):
            break
    return pending.popleft().result()


def _configured_n_jobs() -> int | None:
    _, n_jobs = get_active_backend()
    # Backends for clusters set -1, which does not limit threads.
    return n_jobs if n_jobs is not None and n_jobs > 0 else None


def _inside_joblib_worker() -> bool:
    backend, _ = get_active_backend()
    return bool(backend.nesting_level)
