"""Holds BLAS at one thread, and restores its number of threads afterward."""

import os
import threading
from functools import cache
from typing import TypeAlias

import joblib
from threadpoolctl import LibController, ThreadpoolController

Limits: TypeAlias = list[tuple[LibController, int]]


class BLASHold:
    """Counted hold on BLAS at one thread; the last release restores the old limits.

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
                restore(self._before)

    def start_afresh(self) -> None:  # pragma: no cover - in forked children alone
        """Drop the hold in a forked child, which has none of the holding threads."""
        if self._n_holders:
            restore(self._before)
        self._forget()

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._n_holders = 0
        self._before = []


blas_hold = BLASHold()
if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has none
    os.register_at_fork(after_in_child=blas_hold.start_afresh)


@cache
def _blas_libraries() -> list[LibController]:
    # Cached, because a search of the loaded libraries costs half a millisecond.
    return list(ThreadpoolController().select(user_api="blas").lib_controllers)


def _is_per_thread(library: LibController) -> bool:
    # OpenBLAS on OpenMP has a limit for every thread of the program.
    layer = getattr(library, "threading_layer", None)
    return bool(library.internal_api == "openblas" and layer == "openmp")


def _process_wide_libraries() -> list[LibController]:
    return [library for library in _blas_libraries() if not _is_per_thread(library)]


def limit_this_thread() -> Limits:
    return _limit([library for library in _blas_libraries() if _is_per_thread(library)])


def _limit(libraries: list[LibController]) -> Limits:
    """Set libraries to one thread; return their limits before."""
    before = [(library, library.num_threads) for library in libraries]
    restore([(library, 1) for library in libraries])
    return before


def restore(limits: Limits) -> None:
    for library, n_threads in limits:
        _take_control(library)
        library.set_num_threads(n_threads)
        _take_control(library)


def _take_control(library: LibController) -> None:
    # From version 3.8 on, threadpoolctl lets only the thread that set a limit first
    # change it. The last release restores the limit, maybe from another thread.
    if hasattr(library, "clear_controlling_thread"):  # pragma: no branch - older ones
        library.clear_controlling_thread(force=True)


def _n_blas_threads() -> int:
    counts = [library.num_threads for library in _blas_libraries()]
    return max(counts) if counts else int(joblib.cpu_count())
