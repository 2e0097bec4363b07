"""Limits BLAS to one thread, and restores its number of threads afterward."""

import os
import threading
from collections.abc import Callable, Sequence
from functools import cache
from typing import TypeAlias, TypeVar
from weakref import WeakSet

import joblib
from threadpoolctl import LibController, ThreadpoolController

Limits: TypeAlias = list[tuple[LibController, int]]
Result = TypeVar("Result")

# Other code that keeps changing the limits must not prevent a task from ending.
MAX_TRIES = 3


class BLASHold:
    """Shared limit of BLAS to one thread; the last release restores the old limits.

    It applies to libraries that have one number of threads for the whole process.

    Ctrl-C may interrupt any method. A limit is recorded before it is changed and
    forgotten after it is restored, so a second release completes an interrupted one.
    Holders that are never released no longer count when they are garbage-collected.
    """

    def __init__(self) -> None:
        self._forget()

    def acquire(self, holder: object) -> int:
        """Limit BLAS to one thread; return how many threads the holder may use."""
        with self._lock:
            self._restore_if_free()
            n_free = 1 if self._holders else _n_blas_threads()
            self._holders.add(holder)
            self._note_limits()
            _limit(_process_wide_libraries())
            return n_free

    def release(self, holder: object) -> None:
        """Release the hold of this holder, if it has one."""
        with self._lock:
            self._holders.discard(holder)
            self._restore_if_free()

    def run(self, task: Callable[[], Result]) -> Result:
        """Run a pure task; repeat it if other code changed the limits meanwhile.

        With more threads, BLAS rounds differently.
        """
        for _ in range(MAX_TRIES):
            n_changes = self._n_changes
            result = task()
            for library in _blas_libraries():
                if library.get_num_threads() != 1:
                    self._limit_again()
            if n_changes == self._n_changes:
                break
        return result

    def start_afresh(self) -> None:  # pragma: no cover - in forked children alone
        """Drop the hold in a forked child, which has none of the holding threads."""
        self._holders.clear()
        self._restore_if_free()
        self._forget()

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._holders: WeakSet[object] = WeakSet()
        self._before: dict[LibController, int] = {}
        self._n_changes = 0

    def _limit_again(self) -> None:
        with self._lock:
            # Without holders, the task is a leftover of an interrupted call.
            if self._holders:
                # The count comes first: other threads read it after the limits.
                self._n_changes += 1
                self._note_limits()
                _limit(_blas_libraries())

    def _note_limits(self) -> None:
        # If the limit of other code ends during the hold, the number of threads rises
        # to its value before both. The largest number is therefore restored.
        for library in _process_wide_libraries():
            n_threads = max(self._before.get(library, 1), library.num_threads)
            self._before[library] = n_threads

    def _restore_if_free(self) -> None:
        if self._before and not self._holders:
            self._note_limits()
            restore(list(self._before.items()))
            self._before = {}


blas_hold = BLASHold()
if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has none
    os.register_at_fork(after_in_child=blas_hold.start_afresh)


@cache
def _blas_libraries() -> list[LibController]:
    # Cached, because a search of the loaded libraries costs half a millisecond.
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    # num_threads is None if the library cannot report it.
    return [library for library in libraries if library.num_threads is not None]


def _is_per_thread(library: LibController) -> bool:
    # OpenBLAS on OpenMP has a limit for every thread of the program. So does MKL as
    # threadpoolctl limits it from version 3.8 on.
    if library.internal_api == "mkl":
        return "MKL_Set_Num_Threads_Local" in library.check_symbols
    layer = getattr(library, "threading_layer", None)
    return bool(library.internal_api == "openblas" and layer == "openmp")


@cache
def _process_wide_libraries() -> list[LibController]:
    return [library for library in _blas_libraries() if not _is_per_thread(library)]


def limits_of_this_thread() -> Limits:
    """Return the limits that apply only to the calling thread."""
    libraries = [library for library in _blas_libraries() if _is_per_thread(library)]
    return [(library, library.num_threads) for library in libraries]


def limit_this_thread() -> None:
    """Set the limits that apply only to the calling thread to one thread."""
    _limit([library for library, _ in limits_of_this_thread()])


def _limit(libraries: Sequence[LibController]) -> None:
    # From version 3.8 on, threadpoolctl lets only the thread that set a limit first
    # change it. If this thread is the first, no other thread can change the limit
    # during the hold; otherwise the first thread's limit is overruled and may end.
    for library in libraries:
        library.set_num_threads(1)
    if any(library.num_threads != 1 for library in libraries):
        restore([(library, 1) for library in libraries])


def restore(limits: Limits) -> None:
    """Set limits whichever thread is in control; afterward none is in control."""
    for library, n_threads in limits:
        _end_control(library)
        library.set_num_threads(n_threads)
        _end_control(library)


def _end_control(library: LibController) -> None:
    # The last release may come from another thread than the first hold.
    if hasattr(library, "clear_controlling_thread"):  # pragma: no branch - older ones
        library.clear_controlling_thread(force=True)


def _n_blas_threads() -> int:
    counts = [library.num_threads for library in _blas_libraries()]
    return max(counts) if counts else int(joblib.cpu_count())
