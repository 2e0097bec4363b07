"""The loss during training."""

from itertools import cycle
from typing import Any, Self

import numpy as np

from .._sparse_autoencoder import SparseAutoencoder
from . import _drawing as draw
from ._layers import Estimator, check_estimator


class TrainingCurveDisplay:
    """The loss of all stages of a fit, one stage after another on a logarithmic axis.

    Use :meth:`from_estimator` for a fitted estimator, and the constructor and
    :meth:`plot` for selected records of `history_`. Dashed lines show the scores on
    validation rows: accuracies have their own axis, negative losses are drawn as
    losses.

    Parameters
    ----------
    history : list of dict
        A record for each stage, with the keys `name`, `loss_curve` and, optionally,
        `layer` and `validation_scores`.

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
        The figure that contains the axes.

    See Also
    --------
    sklearn.model_selection.LearningCurveDisplay : Scores by number of samples.

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

    Without the first stage:

    >>> display = TrainingCurveDisplay(history=classifier.history_[1:]).plot()
    >>> [line.get_label() for line in display.lines_]
    ['softmax', 'fine-tuning']
    """

    def __init__(self, *, history: list[dict[str, Any]]) -> None:
        self.history = history

    def plot(self, ax: Any = None) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. If None, a figure is created.

        Returns
        -------
        TrainingCurveDisplay
            This display.

        Raises
        ------
        ValueError
            If there is no record, or if a record has no `loss_curve`.
        """
        if not self.history or not all("loss_curve" in part for part in self.history):
            raise ValueError("history must be a list of records with a loss_curve.")
        self.ax_ = ax = draw.new_axes(ax, 7.0, 4.0)
        self.figure_ = ax.figure
        self.accuracy_ax_: Any = None
        self.lines_: list[Any] = []
        self.validation_lines_: list[Any] = []
        start = 0
        for record, color in zip(self.history, cycle(draw.COLORS), strict=False):
            self._draw_stage(record, start, color)
            if start:
                ax.axvline(start + 0.5, color="0.8", linewidth=0.8, zorder=0)
            start += len(record["loss_curve"])
        ax.set(xlabel="iteration or epoch", ylabel="loss, penalties included")
        draw.scale_by_logarithm(ax)
        ax.legend(fontsize=draw.FONT_SIZE)
        return self

    @classmethod
    def from_estimator(cls, estimator: Estimator, *, ax: Any = None) -> Self:
        """Draw the stages of an estimator's last fit.

        Parameters
        ----------
        estimator : estimator of this package
            A fitted autoencoder or classifier.

        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. If None, a figure is created.

        Returns
        -------
        TrainingCurveDisplay
            The display.
        """
        check_estimator(estimator)
        return cls(history=_history(estimator)).plot(ax)

    def _draw_stage(self, record: dict[str, Any], start: int, color: str) -> None:
        layer, scores = record.get("layer"), record.get("validation_scores")
        title = record["name"] + ("" if layer is None else f", layer {layer}")
        curve = record["loss_curve"]
        iterations = start + np.arange(1, len(curve) + 1)
        # A single point needs a marker to be seen.
        style = {"color": color, "marker": "." if len(curve) == 1 else ""}
        self.lines_ += self.ax_.plot(iterations, curve, label=title, **style)
        if not scores:
            return
        ax, style["linestyle"] = self.ax_, "--"
        if min(scores) < 0:
            scores, style["label"] = np.negative(scores), f"{title}: validation"
        else:
            ax = self.accuracy_ax_ = self.accuracy_ax_ or ax.twinx()
            ax.set_ylabel("validation accuracy (dashed)")
        self.validation_lines_ += ax.plot(iterations, scores, **style)


def _history(estimator: Estimator) -> list[dict[str, Any]]:
    """Return a record of each stage of a fit, and one of all calls of partial_fit."""
    curve = estimator.loss_curve_
    if isinstance(estimator, SparseAutoencoder):
        record = {"name": "sparse autoencoder", "loss_curve": curve}
        return [record | {"validation_scores": estimator.validation_scores_}]
    history = list(estimator.history_)
    last = history[-1]["loss_curve"] if history else []
    # partial_fit continues the curve of the last fit, or starts a new one.
    passes = curve[len(last) :] if curve[: len(last)] == last else curve
    if passes:
        history.append({"name": "partial_fit", "loss_curve": passes})
    return history
