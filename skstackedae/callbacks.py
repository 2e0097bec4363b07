"""Callbacks for fits, in the protocol of scikit-learn 1.9 and later."""

import signal
import threading
from types import FrameType
from typing import Any

from sklearn.exceptions import ConvergenceWarning

from ._user_warnings import warn_user

__all__ = ["StopOnInterrupt"]


class StopOnInterrupt:
    """Let Ctrl-C end training and keep what it has learned.

    Without this callback, an interrupt ends `fit` with a KeyboardInterrupt, and the
    estimator stays as it was before. With it, the first interrupt ends the running
    stage after its iteration. The stages that are left make one iteration each, so that
    the network is whole, and `fit` returns the fitted estimator with a warning;
    `stopped` is True in the records of `history_`. A second interrupt ends `fit` as
    always.

    Set it on the outermost estimator, for example on a pipeline. A search is ended by
    the first interrupt as always, because a candidate that was stopped is no fair one.
    On threads other than the main one, which get no interrupts, it does nothing and
    warns.

    Attributes
    ----------
    max_propagation_depth : None
        Meta-estimators hand the callback to estimators at all depths.

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
        """Take over the interrupt, at the beginning of a fit.

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
                "StopOnInterrupt does nothing, because only the main thread gets "
                "interrupts.",
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
        """Return whether to stop, after each iteration.

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
                "Interrupted: training stops after this iteration, and the stages that "
                "are left make one each. Interrupt again to stop at once."
            )
        elif self._stops and context.parent is None:
            self._tell("Interrupted too late: no iteration was left to stop.")
        return stops

    def teardown(self, estimator: Any, context: Any) -> None:
        """Give the interrupt back, at the end of a fit.

        Parameters
        ----------
        estimator : estimator
            The estimator that is fitted.

        context : sklearn.callback.CallbackContext
            The task of the fit.
        """
        self._restore()

    def _tell(self, message: str) -> None:
        """Warn, once a fit."""
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
