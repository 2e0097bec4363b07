"""Callbacks for fits, in the protocol of scikit-learn 1.9 and later."""

import signal
import threading
from types import FrameType
from typing import Any

from sklearn.exceptions import ConvergenceWarning

from ._user_warnings import warn_user

__all__ = ["StopOnInterrupt"]


class StopOnInterrupt:
    """Let Ctrl-C end training early and keep the model.

    Without this callback, an interrupt ends `fit` with a KeyboardInterrupt and leaves
    the estimator unchanged. With the callback, the first interrupt ends the running
    stage after the current iteration. Each remaining stage makes one iteration, so that
    the network is complete, and `fit` returns the fitted estimator with a warning;
    `stopped` is True in the records of these stages in `history_`. A second interrupt
    ends `fit` as usual.

    Set the callback on the outermost estimator, for example on a pipeline. The first
    interrupt still ends a search, because it would be unfair to compare a stopped
    candidate with the others. Only the main thread receives interrupts: in other
    threads, the callback raises a warning and does nothing.

    Attributes
    ----------
    max_propagation_depth : None
        Meta-estimators pass the callback on to estimators at all depths.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skstackedae import StackedAutoencoderClassifier
    >>> from skstackedae.callbacks import StopOnInterrupt
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = StackedAutoencoderClassifier((4,), max_iter=500, random_state=0)
    >>> classifier = classifier.set_callbacks(StopOnInterrupt()).fit(X / 8, y)
    >>> [stage["stopped"] for stage in classifier.history_]
    [False, False, False]
    """

    max_propagation_depth = None

    def __init__(self) -> None:
        self._stops = False
        self._has_told = False
        # The handler that was there before; None while this one is not installed.
        self._previous: Any = None

    def setup(self, estimator: Any, context: Any) -> None:
        """Install the interrupt handler at the beginning of a fit.

        Parameters
        ----------
        estimator : estimator
            The estimator that is fitted.

        context : sklearn.callback.CallbackContext
            The task of the fit.
        """
        self._stops = self._has_told = False
        if threading.current_thread() is not threading.main_thread():
            warn_user(
                "StopOnInterrupt does nothing in this thread, because only the main "
                "thread receives interrupts.",
                UserWarning,
            )
        elif not hasattr(estimator, "_run_search"):
            self._previous = signal.signal(signal.SIGINT, self._on_interrupt)

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Do nothing.

        Parameters
        ----------
        estimator : estimator
            The estimator that is fitted.

        context : sklearn.callback.CallbackContext
            The task of the fit.
        """

    def on_fit_task_end(self, estimator: Any, context: Any) -> bool:
        """Tell after each iteration whether to stop.

        Parameters
        ----------
        estimator : estimator
            The estimator that is fitted.

        context : sklearn.callback.CallbackContext
            The task of the fit.

        Returns
        -------
        bool
            Whether the stage ends here.
        """
        stops = self._stops and context.task_name == "iteration"
        if stops and _is_candidate(context):
            raise KeyboardInterrupt
        if stops:
            self._tell(
                "Interrupted: this stage ends after this iteration, and each remaining "
                "stage makes one iteration. Interrupt again to stop immediately."
            )
        elif self._stops and context.parent is None:
            self._tell("Interrupted too late: no iteration was left to stop.")
        return stops

    def teardown(self, estimator: Any, context: Any) -> None:
        """Restore the previous interrupt handler at the end of a fit.

        Parameters
        ----------
        estimator : estimator
            The estimator that is fitted.

        context : sklearn.callback.CallbackContext
            The task of the fit.
        """
        self._restore()

    def _tell(self, message: str) -> None:
        """Warn once per fit."""
        if not self._has_told:
            self._has_told = True
            warn_user(message, ConvergenceWarning)

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        self._stops = True
        self._restore()

    def _restore(self) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)
            self._previous = None

    def __getstate__(self) -> dict[str, Any]:
        # A handler belongs to its process.
        return vars(StopOnInterrupt())


def _is_candidate(context: Any) -> bool:
    """Whether the fit is one of those that a search compares."""
    while context is not None and context.sequential_subtasks:
        context = context.parent
    return context is not None
