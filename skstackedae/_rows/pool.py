"""Threads that run jobs, without locks that Ctrl-C could leave locked.

`threading.Condition`, and so `concurrent.futures`, takes and frees its locks in Python.
An interrupt between two lines can leave a lock taken, and the next wait never ends.
Here the calling thread uses locks and queues that are written in C.
"""

import _thread
from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any


class Job:
    """A task that is run by the first thread that gets to it."""

    def __init__(self, task: Callable[[], Any]) -> None:
        self._task = task
        self._claimed, self._unfinished = Lock(), Lock()
        self._unfinished.acquire()
        self._result: Any = None
        self._error: BaseException | None = None

    def run(self) -> bool:
        """Run the task, unless another thread has begun it; tell whether it ran."""
        if not self._claimed.acquire(blocking=False):
            return False
        self._result = self._task()
        self._unfinished.release()
        return True

    def run_for_others(self) -> None:
        """Run the task; an error is raised where the result is asked for."""
        try:
            self.run()
        except BaseException as error:
            self._error = error
            self._unfinished.release()

    def is_finished(self) -> bool:
        """Tell whether the result is there."""
        return not self._unfinished.locked()

    def result(self) -> Any:
        """Wait for the result, once."""
        self._unfinished.acquire()
        if self._error is not None:
            raise self._error
        return self._result


class Pool:
    """Threads that wait for jobs until the pool is closed."""

    def __init__(self, n_threads: int, initializer: Callable[[], None]) -> None:
        self._initializer = initializer
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._is_closed = False
        self._threads = [
            Thread(target=self._work, name=f"skstackedae_{number}", daemon=True)
            for number in range(n_threads)
        ]
        self._starting = Lock()

    def start(self) -> None:
        """Start the threads, from another thread: `Thread.start` waits in Python."""
        starting = Lock()
        starting.acquire()
        _thread.start_new_thread(self._start, (starting,))
        self._starting = starting

    def submit(self, job: Job) -> None:
        """Have a thread run the job."""
        self._jobs.put(job)

    def close(self) -> None:
        """Wait for running jobs and drop the rest; may be called again."""
        self._is_closed = True
        for _ in self._threads:
            self._jobs.put(None)
        with self._starting:
            running = [thread for thread in self._threads if thread.is_alive()]
        for thread in running:
            thread.join()

    # Coverage does not see threads that are started in C.
    def _start(self, starting: "_thread.LockType") -> None:  # pragma: no cover
        try:
            for thread in self._threads:
                thread.start()
        finally:
            starting.release()

    def _work(self) -> None:
        self._initializer()
        while (job := self._jobs.get()) is not None:
            if not self._is_closed:
                job.run_for_others()
