"""How often units are active."""

import math
from typing import Any

import numpy as np
from sklearn.utils import check_array

from .._array_api import Array
from .._stacked_classifier import StackedAutoencoderClassifier
from .._training.diagnostics import INACTIVE_STD
from ._drawing import (
    COLORS,
    FONT_SIZE,
    divided,
    import_pyplot,
    new_axes,
    size_in_points,
)
from ._layers import (
    LayerActivations,
    is_output,
)


class ActivationDisplay:
    """How often the units of a layer are active, and which never change.

    Use :meth:`from_estimator` for a fitted estimator and :meth:`from_activations` for
    activations of any origin. One histogram is of all activations, the other of the
    units' means, as a part of their range (0 is a unit that is always off, 1 one that
    is always on), beside the sparsity target. Units that are the same for nearly all
    samples, dead in the lower half of their range and saturated in the upper one, stand
    out.

    Parameters
    ----------
    activations : ndarray of shape (n_samples, n_units)
        Activations.

    limits : tuple of 2 float, default=(0, 1)
        Least and largest activation that a unit can have.

    least_std : float, default=0.01
        Standard deviation below which a unit is dead or saturated.

    sparsity_target : float, default=None
        Mean activation that the units were asked for, as a part of their range.

    Attributes
    ----------
    axes_ : list of 2 matplotlib.axes.Axes
        Axes of the activations and of their means.

    figure_ : matplotlib.figure.Figure
        Their figure.

    See Also
    --------
    skstackedae.SparseAutoencoder.diagnose : The same as numbers.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skstackedae import SparseAutoencoder
    >>> from skstackedae.inspection import ActivationDisplay
    >>> X = load_digits().data / 16
    >>> autoencoder = SparseAutoencoder(
    ...     25, alpha=1e-3, sparsity_weight=0.1, random_state=0
    ... ).fit(X)
    >>> display = ActivationDisplay.from_estimator(autoencoder, X)
    >>> display.activations.shape, display.sparsity_target
    ((1797, 25), 0.1)
    """

    def __init__(
        self,
        *,
        activations: Array,
        limits: tuple[float, float] = (0.0, 1.0),
        least_std: float = INACTIVE_STD,
        sparsity_target: float | None = None,
    ) -> None:
        self.activations = activations
        self.limits = limits
        self.least_std = least_std
        self.sparsity_target = sparsity_target

    def plot(self, ax: Any = None) -> "ActivationDisplay":
        """Draw both histograms.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes in whose place two are drawn on. None makes a figure.

        Returns
        -------
        ActivationDisplay
            This display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        plt = import_pyplot(f"{type(self).__name__}.plot")
        ax = new_axes(plt, ax, 8.0, 3.5)
        self.figure_ = ax.figure
        # Room for the numbers and the label of the second axis.
        width = max(0.2, 0.5 - 30 / size_in_points(ax)[0])
        self.axes_ = divided(ax, (0, 0, width, 1), (1 - width, 0, width, 1))
        self._draw_activations(self.axes_[0])
        self._draw_means(self.axes_[1])
        return self

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, *, layer: int = 1, ax: Any = None
    ) -> "ActivationDisplay":
        """Draw the activations of a fitted estimator's layer.

        Parameters
        ----------
        estimator : SparseAutoencoder or StackedAutoencoderClassifier
            A fitted estimator.

        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.

        layer : int, default=1
            The layer. One more than there are hidden layers is a classifier's output
            layer: the probabilities of the classes.

        ax : matplotlib.axes.Axes, default=None
            Axes in whose place two are drawn on. None makes a figure.

        Returns
        -------
        ActivationDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `estimator` is something else, a pipeline for example.
        sklearn.exceptions.NotFittedError
            If it is not fitted.
        ValueError
            If there is no such layer, or if X is not valid.
        """
        import_pyplot(f"{cls.__name__}.from_estimator")
        found = LayerActivations.of(estimator, X, layer)
        return cls(
            activations=found.values,
            limits=found.limits,
            least_std=INACTIVE_STD * found.scale,
            sparsity_target=_sparsity_target(estimator, layer),
        ).plot(ax)

    @classmethod
    def from_activations(
        cls,
        activations: Any,
        *,
        limits: tuple[float, float] = (0.0, 1.0),
        least_std: float = INACTIVE_STD,
        sparsity_target: float | None = None,
        ax: Any = None,
    ) -> "ActivationDisplay":
        """Draw activations.

        Parameters
        ----------
        activations : array-like of shape (n_samples, n_units)
            Activations.

        limits : tuple of 2 float, default=(0, 1)
            Least and largest activation that a unit can have, infinite where there is
            none.

        least_std : float, default=0.01
            Standard deviation below which a unit is dead or saturated.

        sparsity_target : float, default=None
            Mean activation that the units were asked for, as a part of their range.

        ax : matplotlib.axes.Axes, default=None
            Axes in whose place two are drawn on. None makes a figure.

        Returns
        -------
        ActivationDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the activations are no finite numbers, or lie outside of the limits.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from sklearn.neural_network import BernoulliRBM
        >>> from skstackedae.inspection import ActivationDisplay
        >>> X = load_digits().data / 16
        >>> rbm = BernoulliRBM(25, n_iter=2, random_state=0).fit(X)
        >>> display = ActivationDisplay.from_activations(rbm.transform(X))
        >>> len(display.axes_)
        2
        """
        import_pyplot(f"{cls.__name__}.from_activations")
        activations = check_array(activations, input_name="activations")
        least, largest = activations.min(), activations.max()
        if least < limits[0] or largest > limits[1]:
            raise ValueError(
                f"The activations lie in [{least:g}, {largest:g}], outside of limits="
                f"{limits}: pass the least and the largest that a unit can have, "
                "infinite where there is none."
            )
        return cls(
            activations=activations,
            limits=limits,
            least_std=least_std,
            sparsity_target=sparsity_target,
        ).plot(ax)

    def _draw_activations(self, ax: Any) -> None:
        values = np.ravel(self.activations)
        ends = [
            limit if math.isfinite(limit) else float(found)
            for limit, found in zip(
                self.limits, (values.min(), values.max()), strict=True
            )
        ]
        ax.hist(values, bins=40, range=ends, color=COLORS[0])
        ax.set(xlabel="activation", ylabel="samples x units", yscale="log")

    def _draw_means(self, ax: Any) -> None:
        means = self.activations.mean(axis=0, dtype=np.float64)
        is_flat = self.activations.std(axis=0, dtype=np.float64) < self.least_std
        low, high = self.limits
        if math.isfinite(low) and math.isfinite(high):
            means = (means - low) / (high - low)
        largest = max(0.0, means.max(), self.sparsity_target or 0.0)
        groups = {
            "alive": ~is_flat,
            "dead": is_flat & (means < 0.5),
            "saturated": is_flat & (means >= 0.5),
        }
        colors = dict(zip(groups, COLORS, strict=False))
        groups = {name: group for name, group in groups.items() if group.any()}
        ax.hist(
            [means[group] for group in groups.values()],
            bins=30,
            range=(min(0.0, means.min()), 1.1 * largest),
            stacked=True,
            color=[colors[name] for name in groups],
            label=[f"{group.sum()} {name}" for name, group in groups.items()],
        )
        if self.sparsity_target is not None:
            ax.axvline(
                self.sparsity_target, color="black", linestyle="--", label="target"
            )
        ax.set(xlabel="mean activation", ylabel="units")
        ax.yaxis.get_major_locator().set_params(integer=True)
        ax.legend(fontsize=FONT_SIZE)


def _sparsity_target(estimator: Any, layer: int) -> float | None:
    """Mean activation that the penalty asked of a layer's units, if there was any."""
    if is_output(estimator, layer):
        return None
    autoencoder = estimator
    if isinstance(estimator, StackedAutoencoderClassifier):
        if not hasattr(estimator, "autoencoders_"):
            return None
        autoencoder = estimator.autoencoders_[layer - 1]
    return autoencoder.sparsity_target if autoencoder.sparsity_weight else None
