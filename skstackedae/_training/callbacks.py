"""The tasks of a fit, of which scikit-learn's callbacks are told."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from .._array_api import Array

try:
    from sklearn.callback import CallbackSupportMixin as CallbackSupportMixin
except ImportError:  # pragma: no cover - before scikit-learn 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """No callbacks before scikit-learn 1.9."""


#: Fitted attributes that make a copy of the estimator ready to predict.
Attributes: TypeAlias = dict[str, Any]


class Task:
    """A node in the tree of a fit's tasks: the fit, a stage, an iteration.

    Without callbacks there is no context, and all calls do nothing. ``was_stopped``
    tells whether a callback has ended the subtasks.
    """

    was_stopped = False

    def __init__(
        self,
        estimator: Any = None,
        context: Any = None,
        data: dict[str, Any] | None = None,
    ) -> None:
        self._estimator, self._context, self._data = estimator, context, data or {}
        if context is not None:
            context.call_on_fit_task_begin(estimator=estimator, **self._data)

    @classmethod
    def begin_fit(
        cls,
        estimator: Any,
        max_subtasks: int,
        *,
        X: object,
        y: object = None,
        sample_weight: object = None,
    ) -> "Task":
        """Begin a fit; scikit-learn's decorator of `fit` tears down the callbacks."""
        # Before scikit-learn 1.9.
        if not hasattr(estimator, "_init_callback_context"):  # pragma: no cover - old
            return cls()
        context = estimator._init_callback_context(max_subtasks=max_subtasks)
        if not getattr(estimator, "_skl_callbacks", None):
            return cls()
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        return cls(estimator, context, {"X": X, "y": y, "metadata": metadata})

    def subtask(self, name: str, max_subtasks: int = 0) -> "Task":
        """Begin a task within this one."""
        if self._context is None:
            return self
        context = self._context.subcontext(task_name=name, max_subtasks=max_subtasks)
        return Task(self._estimator, context, self._data)

    def end(self, attributes: Callable[[], Attributes] | None = None) -> bool:
        """End the task; return whether a callback asks to stop its siblings."""
        if self._context is None:
            return False
        stop = self._context.call_on_fit_task_end(
            estimator=self._estimator,
            reconstruction_attributes=attributes,
            **self._data,
        )
        return bool(stop)


class Iterations:
    """The iterations of a task, and a stopping rule: it stops when a callback asks.

    ``attributes`` maps theta to the fitted attributes that callbacks see.
    """

    def __init__(
        self, task: Task, attributes: Callable[[Array], Attributes] | None = None
    ) -> None:
        self._task, self._attributes = task, attributes
        self._current: Task | None = None

    def begin(self) -> None:
        """Begin an iteration, unless one has begun."""
        if self._current is None:
            self._current = self._task.subtask("iteration")

    def should_stop(self, n_iter: int, loss: float, theta: Array) -> bool:
        """End the iteration; return whether a callback asks to stop."""
        self.begin()
        assert self._current is not None
        stop = self._current.end(self._attributes and partial(self._attributes, theta))
        self._current = None
        self._task.was_stopped = self._task.was_stopped or stop
        return stop

    def close(self) -> None:
        """End an iteration that the solver has begun and not finished."""
        if self._current is not None:
            self._current.end()
