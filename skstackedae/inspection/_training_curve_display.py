"""How the loss fell."""

from itertools import cycle
from typing import Any

import numpy as np

from .._array_api import Array
from .._input_checks import check_fitted_instance
from .._sparse_autoencoder import SparseAutoencoder
from .._stacked_classifier import StackedAutoencoderClassifier
from ._drawing import (
    COLORS,
    FONT_SIZE,
    import_pyplot,
    new_axes,
    scale_by_logarithm,
)


class TrainingCurveDisplay:
    """The loss of every stage of a fit, one after the other on one logarithmic axis.

    Use :meth:`from_estimator` for a fitted estimator and :meth:`from_history` for
    records of stages. Scores on validation rows are drawn where there are any: those
    that are minus a loss as that loss, dashed, accuracies on an axis of their own.

    Parameters
    ----------
    history : list of dict
        A record for each stage: `name`, `loss_curve` and, where there are any, `layer`
        and `validation_scores`.

    Attributes
    ----------
    lines_ : list of matplotlib.lines.Line2D
        The loss of each stage.

    validation_lines_ : list of matplotlib.lines.Line2D
        The validation scores of the stages that have any.

    ax_ : matplotlib.axes.Axes
        Axes of the losses.

    accuracy_ax_ : matplotlib.axes.Axes or None
        Axes of the accuracies.

    figure_ : matplotlib.figure.Figure
        Their figure.

    See Also
    --------
    sklearn.model_selection.LearningCurveDisplay : Scores over numbers of samples.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier
    >>> from skstackedae.inspection import TrainingCurveDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> autoencoder = SparseAutoencoder(alpha=1e-3, sparsity_weight=0.1)
    >>> classifier = StackedAutoencoderClassifier(
    ...     (25,), autoencoder=autoencoder, random_state=0
    ... ).fit(X / 16, y)
    >>> display = TrainingCurveDisplay.from_estimator(classifier)
    >>> [line.get_label() for line in display.lines_]
    ['pretraining, layer 1', 'softmax', 'fine-tuning']
    """

    def __init__(self, *, history: list[dict[str, Any]]) -> None:
        self.history = history

    def plot(self, ax: Any = None) -> "TrainingCurveDisplay":
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. None makes a figure.

        Returns
        -------
        TrainingCurveDisplay
            This display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        plt = import_pyplot(f"{type(self).__name__}.plot")
        self.ax_ = ax = new_axes(plt, ax, 7.0, 4.0)
        self.figure_ = ax.figure
        self.accuracy_ax_: Any = None
        self.lines_: list[Any] = []
        self.validation_lines_: list[Any] = []
        start = 0
        for record, color in zip(self.history, cycle(COLORS), strict=False):
            n_iter = len(record["loss_curve"])
            iterations = start + np.arange(1, n_iter + 1)
            self._draw_stage(record, iterations, color)
            if start:
                ax.axvline(start + 0.5, color="0.8", linewidth=0.8, zorder=0)
            start += n_iter
        ax.set(xlabel="iteration or epoch", ylabel="loss, penalties included")
        scale_by_logarithm(ax)
        ax.legend(fontsize=FONT_SIZE)
        return self

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, ax: Any = None
    ) -> "TrainingCurveDisplay":
        """Draw the stages of an estimator's last fit.

        Parameters
        ----------
        estimator : SparseAutoencoder or StackedAutoencoderClassifier
            A fitted estimator.

        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. None makes a figure.

        Returns
        -------
        TrainingCurveDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `estimator` is something else, a pipeline for example.
        sklearn.exceptions.NotFittedError
            If it is not fitted.
        """
        import_pyplot(f"{cls.__name__}.from_estimator")
        check_fitted_instance(
            estimator, SparseAutoencoder, StackedAutoencoderClassifier
        )
        return cls(history=_history(estimator)).plot(ax)

    @classmethod
    def from_history(
        cls, history: list[dict[str, Any]], *, ax: Any = None
    ) -> "TrainingCurveDisplay":
        """Draw the stages of records, as in `history_`.

        Parameters
        ----------
        history : list of dict
            A record for each stage: `name`, `loss_curve` and, where there are any,
            `layer` and `validation_scores`.

        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. None makes a figure.

        Returns
        -------
        TrainingCurveDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there is no record, or one without `loss_curve`.
        """
        import_pyplot(f"{cls.__name__}.from_history")
        if not history or not all("loss_curve" in record for record in history):
            raise ValueError(
                "history must be a list of records as in history_, at least one, each "
                "with its loss_curve."
            )
        return cls(history=history).plot(ax)

    def _draw_stage(
        self, record: dict[str, Any], iterations: Array, color: str
    ) -> None:
        layer, scores = record.get("layer"), record.get("validation_scores")
        title = record["name"] + ("" if layer is None else f", layer {layer}")
        # A single point needs a marker to be seen.
        style = {"color": color, "marker": "." if len(iterations) == 1 else ""}
        self.lines_ += self.ax_.plot(
            iterations, record["loss_curve"], label=title, **style
        )
        if not scores:
            return
        style["linestyle"] = "--"
        if min(scores) < 0:
            self.validation_lines_ += self.ax_.plot(
                iterations, np.negative(scores), label=f"{title}: validation", **style
            )
            return
        if self.accuracy_ax_ is None:
            self.accuracy_ax_ = self.ax_.twinx()
            self.accuracy_ax_.set_ylabel("validation accuracy (dashed)")
        self.validation_lines_ += self.accuracy_ax_.plot(iterations, scores, **style)


def _history(estimator: Any) -> list[dict[str, Any]]:
    """Return the records of a fit's stages, and one of the calls of partial_fit."""
    if isinstance(estimator, SparseAutoencoder):
        return [
            {
                "name": "sparse autoencoder",
                "loss_curve": estimator.loss_curve_,
                "validation_scores": estimator.validation_scores_,
            }
        ]
    history = list(estimator.history_)
    last = history[-1]["loss_curve"] if history else []
    curve = estimator.loss_curve_
    # partial_fit goes on with the curve of the fit before, or starts one.
    passes = curve[len(last) :] if curve[: len(last)] == last else curve
    if passes:
        history.append({"name": "partial_fit", "loss_curve": passes})
    return history
