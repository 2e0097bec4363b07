"""Distribution of the activations of a layer."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array

from .._array_api import Array
from .._sparse_autoencoder import SparseAutoencoder
from .._training.diagnostics import INACTIVE_STD, low_units
from . import _drawing as draw
from ._layers import Estimator, LayerActivations, is_inactive

# Activations may exceed their limits by rounding, for example in float32.
ROUNDING = 1e-6


class ActivationDisplay:
    """Histograms of the activations of a layer, which also show inactive units.

    Use :meth:`from_estimator` for a fitted estimator, and the constructor and
    :meth:`plot` for other activations. One histogram shows all activations. The other
    shows the mean of each unit as a fraction of its range (0 for a unit that is always
    off, 1 for a unit that is always on), beside the target of a 'kl' penalty. It
    highlights inactive units, which hardly vary: units in the lower half of their range
    are dead, units in the upper half are saturated. Without a bounded range, units
    close to 0 are dead.

    Parameters
    ----------
    activations : array-like of shape (n_samples, n_units)
        Activations of the units.

    limits : tuple of 2 float, default=(0, 1)
        Range of the units. Use infinity for an unbounded side.

    dead_unit_threshold : float or array-like of shape (n_units,), default=0.01
        Units with a lower standard deviation count as dead or saturated.

    sparsity_target : float, default=None
        Target of the sparsity penalty, as a fraction of the range. If None, no target
        is drawn.

    Attributes
    ----------
    axes_ : list of 2 matplotlib.axes.Axes
        Axes of the activations and of their means.

    figure_ : matplotlib.figure.Figure
        The figure that contains the axes.

    See Also
    --------
    skstackedae.SparseAutoencoder.diagnose : The same quantities as numbers.

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

    Activations of another estimator:

    >>> from sklearn.neural_network import BernoulliRBM
    >>> rbm = BernoulliRBM(25, n_iter=2, random_state=0).fit(X)
    >>> display = ActivationDisplay(activations=rbm.transform(X)).plot()
    >>> len(display.axes_)
    2
    """

    def __init__(
        self,
        *,
        activations: ArrayLike,
        limits: tuple[float, float] = (0.0, 1.0),
        dead_unit_threshold: ArrayLike = INACTIVE_STD,
        sparsity_target: float | None = None,
    ) -> None:
        self.activations = activations
        self.limits = limits
        self.dead_unit_threshold = dead_unit_threshold
        self.sparsity_target = sparsity_target

    def plot(self, ax: Any = None) -> Self:
        """Draw both histograms.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on, which two new axes replace. If None, a figure is created.

        Returns
        -------
        ActivationDisplay
            This display.

        Raises
        ------
        ValueError
            If the activations are not finite numbers, or lie outside the limits.
        """
        activations = self._checked_activations()
        ax = draw.new_axes(ax, 8.0, 3.5)
        self.figure_ = ax.figure
        # Leave room for the numbers and the label of the second axis.
        width = max(0.2, 0.5 - 30 / draw.size_in_points(ax)[0])
        self.axes_ = draw.split_axes(ax, (0, 0, width, 1), (1 - width, 0, width, 1))
        self._draw_activations(self.axes_[0], activations)
        self._draw_means(self.axes_[1], activations)
        return self

    @classmethod
    def from_estimator(
        cls, estimator: Estimator, X: Any, *, layer: int = 1, ax: Any = None
    ) -> Self:
        """Draw the activations of a fitted estimator's layer.

        Parameters
        ----------
        estimator : estimator of this package
            A fitted autoencoder or classifier.

        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.

        layer : int, default=1
            Number of the layer. The output layer of a classifier comes after its hidden
            layers; its activations are the class probabilities.

        ax : matplotlib.axes.Axes, default=None
            Axes to draw on, which two new axes replace. If None, a figure is created.

        Returns
        -------
        ActivationDisplay
            The display.
        """
        found = LayerActivations.from_estimator(estimator, X, layer)
        return cls(
            activations=found.values,
            limits=found.limits,
            dead_unit_threshold=INACTIVE_STD * found.scales,
            sparsity_target=_sparsity_target(estimator, layer),
        ).plot(ax)

    def _checked_activations(self) -> Array:
        activations = check_array(self.activations, input_name="activations")
        clipped = np.clip(activations, *self.limits)
        if not np.allclose(activations, clipped, rtol=ROUNDING, atol=ROUNDING):
            found = f"[{activations.min():g}, {activations.max():g}]"
            raise ValueError(
                f"The activations lie in {found}, outside limits={self.limits}: "
                "pass the range of the units, with infinity for an unbounded side."
            )
        return clipped

    def _draw_activations(self, ax: Any, activations: Array) -> None:
        found = activations.min(), activations.max()
        ends = np.where(np.isfinite(self.limits), self.limits, found)
        ax.hist(activations.ravel(), bins=40, range=tuple(ends), color=draw.COLORS[0])
        ax.set(xlabel="activation", ylabel="samples x units", yscale="log")

    def _draw_means(self, ax: Any, activations: Array) -> None:
        means = activations.mean(axis=0, dtype=np.float64)
        std = activations.std(axis=0, dtype=np.float64)
        inactive = is_inactive(std, self.dead_unit_threshold)
        (low, high), target = self.limits, self.sparsity_target
        if np.isfinite(self.limits).all():
            means = (means - low) / (high - low)
        is_bounded = np.isfinite(self.limits).all()
        noise = None if is_bounded else np.asarray(self.dead_unit_threshold)
        is_low = low_units(means, (activations != 0).any(axis=0), noise)
        kinds = np.where(inactive, np.where(is_low, "dead", "saturated"), "alive")
        colors = dict(zip(("alive", "dead", "saturated"), draw.COLORS, strict=False))
        groups = {kind: means[kinds == kind] for kind in colors if kind in kinds}
        ax.hist(
            list(groups.values()),
            bins=30,
            range=(min(0.0, means.min()), 1.1 * max(means.max(), target or 0.0)),
            stacked=True,
            color=[colors[kind] for kind in groups],
            label=[f"{len(group)} {kind}" for kind, group in groups.items()],
        )
        if target is not None:
            ax.axvline(target, color="black", linestyle="--", label="target")
        ax.set(xlabel="mean activation", ylabel="units")
        ax.yaxis.get_major_locator().set_params(integer=True)
        ax.legend(fontsize=draw.FONT_SIZE)


def _sparsity_target(estimator: Estimator, layer: int) -> float | None:
    """Return the target of mean activations; None without one."""
    trained = [estimator]
    if not isinstance(estimator, SparseAutoencoder):
        trained = getattr(estimator, "autoencoders_", [])
    if layer > len(trained):
        return None
    autoencoder = trained[layer - 1]
    has_target = autoencoder.sparsity == "kl" and autoencoder.sparsity_weight > 0
    return autoencoder.sparsity_target if has_target else None
