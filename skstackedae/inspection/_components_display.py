"""The inputs that excite units most."""

import math
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array

from .._array_api import Array
from .._network.activation_maximization import maximize_activation
from . import _drawing as draw
from ._layers import (
    Estimator,
    LayerActivations,
    Names,
    feature_names_of,
    is_inactive,
    is_output,
    layers_up_to,
)


class ComponentsDisplay:
    r"""The input that excites each unit of a layer most.

    Use :meth:`from_estimator` for a fitted estimator and :meth:`from_components` for
    other weights. If `image_shape` is given, units are images in a square grid, row by
    row: light pixels raise a unit's activation, dark pixels lower it. Otherwise units
    are the columns of a heat map that has a row for each feature.

    Among inputs of unit norm, :math:`W_j / \|W_j\|` excites unit :math:`j` of the first
    layer most [1]_. For higher layers, activation maximization [2]_ finds this input:
    L-BFGS maximizes the unit's pre-activation on the unit sphere.

    Parameters
    ----------
    components : array-like of shape (n_units, n_features)
        Inputs of unit norm, one for each unit; 0 for units that no input changes.

    gains : array-like of shape (n_units,), default=None
        How much each input raises the unit's pre-activation, compared with an input of
        zeros: :math:`\|W_j\|` in the first layer. If None, all units have equal gains.

    names : sequence of n_units names, default=None
        Names of the units. If None, the units are numbered.

    relative_std : array-like of shape (n_units,), default=None
        Standard deviation of each unit, as a fraction of its range. Units below 0.01
        are crossed out in images, and gray in heat maps.

    image_shape : tuple (height, width), default=None
        Shape of an input, if inputs are images.

    feature_names : sequence of n_features names, default=None
        Names of the features. If None, the features are numbered.

    Attributes
    ----------
    image_ : matplotlib.image.AxesImage
        The images, or the heat map.

    colorbar_ : matplotlib.colorbar.Colorbar or None
        Color bar of the heat map. None for images.

    ax_ : matplotlib.axes.Axes
        The axes.

    figure_ : matplotlib.figure.Figure
        The figure that contains the axes.

    See Also
    --------
    ActivationDisplay : How often the units are active.

    References
    ----------
    .. [1] Andrew Ng, "Sparse autoencoder", CS294A lecture notes, Stanford University,
       2011.
    .. [2] Dumitru Erhan et al., "Visualizing higher-layer
       features of a deep network", Technical report 1341, Université de Montréal, 2009.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skstackedae import SparseAutoencoder
    >>> from skstackedae.inspection import ComponentsDisplay
    >>> X = load_digits().data / 16
    >>> autoencoder = SparseAutoencoder(
    ...     25, alpha=1e-3, sparsity_weight=0.1, random_state=0
    ... ).fit(X)
    >>> display = ComponentsDisplay.from_estimator(autoencoder, image_shape=(8, 8))
    >>> display.components.shape
    (25, 64)
    """

    def __init__(
        self,
        *,
        components: ArrayLike,
        gains: ArrayLike | None = None,
        names: Names = None,
        relative_std: ArrayLike | None = None,
        image_shape: tuple[int, int] | None = None,
        feature_names: Names = None,
    ) -> None:
        self.components = components
        self.gains = gains
        self.names = names
        self.relative_std = relative_std
        self.image_shape = image_shape
        self.feature_names = feature_names

    def plot(
        self,
        ax: Any = None,
        *,
        contrast: str = "own",
        sort_by_std: bool = False,
        cmap: Any = None,
    ) -> Self:
        """Draw the units.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. If None, a figure is created.

        contrast : {'own', 'shared'}, default='own'
            'own' scales each unit by its largest entry. 'shared' multiplies units by
            their gains (which gives :math:`W_j` in the first layer) and draws all units
            on one scale, so that weak units look weak. Both scales are centered on 0.

        sort_by_std : bool, default=False
            Whether to draw the units with the largest `relative_std` first.

        cmap : str or matplotlib Colormap, default=None
            Color map. None means 'gray' for images and 'RdBu_r' for heat maps.

        Returns
        -------
        ComponentsDisplay
            This display.

        Raises
        ------
        ValueError
            If a parameter is invalid, or if `sort_by_std` is True without
            `relative_std`.
        """
        components = check_array(self.components, dtype=np.float64)
        std = self._checked_std(len(components), sort_by_std)
        order = np.argsort(-std, kind="stable") if sort_by_std else np.arange(len(std))
        # Units that no input changes are inactive, too.
        inactive = (is_inactive(std) | ~components.any(axis=1))[order]
        values, label = self._scaled(components, contrast)
        values = values[order]
        limit = float(np.abs(values[~inactive]).max(initial=0.0)) or 1.0
        values[inactive] = np.nan
        is_table = self.image_shape is None
        draw_units = self._draw_table if is_table else self._draw_images
        cmap = cmap or ("RdBu_r" if is_table else "gray")
        names = np.array(draw.as_names(self.names, len(order)))[order].tolist()
        draw_units(ax, values, names, inactive, vmin=-limit, vmax=limit, cmap=cmap)
        self.ax_, self.colorbar_ = self.image_.axes, None
        self.figure_ = self.ax_.figure
        if is_table:
            self.colorbar_ = self.figure_.colorbar(self.image_, label=label)
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Estimator,
        X: Any = None,
        *,
        layer: int = 1,
        units: ArrayLike | None = None,
        image_shape: tuple[int, int] | None = None,
        feature_names: Names = None,
        random_state: int | np.random.RandomState | None = 0,
        ax: Any = None,
        **options: Any,
    ) -> Self:
        """Draw the units of a fitted estimator.

        Parameters
        ----------
        estimator : estimator of this package
            A fitted autoencoder or classifier. The layers of a stack are those after
            fine-tuning; its `autoencoders_` have the layers before fine-tuning.

        X : array-like or sparse matrix of shape (n_samples, n_features), default=None
            Samples from which the standard deviation of each unit's activations is
            computed, as a fraction of the unit's range. If the range is unbounded, what
            the unit adds to the reconstruction is compared with the standard deviation
            of the layer's inputs. Dead and saturated units hardly vary.
            Without X, only units that no input changes count as inactive.

        layer : int, default=1
            Layer of the units. A classifier's output layer, whose units are the
            classes, comes after its hidden layers.

        units : array-like of int, default=None
            The units to draw, numbered from 0. If None, all units are drawn.

        image_shape : tuple (height, width), default=None
            Shape of an input, if inputs are images.

        feature_names : sequence of n_features names, default=None
            Names of the features. If None, the names that the estimator stores.

        random_state : int, RandomState instance or None, default=0
            Determines the random inputs from which activation maximization starts.
            Not used for the first layer.

        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. If None, a figure is created.

        **options : dict
            Passed to :meth:`plot`: `contrast`, `sort_by_std` (which needs X), `cmap`.

        Returns
        -------
        ComponentsDisplay
            The display.
        """
        layers = layers_up_to(estimator, layer)
        units = _checked_units(units, len(layers[-1].b))
        relative_std = None
        if X is not None:
            relative_std = LayerActivations.from_estimator(
                estimator, X, layer
            ).relative_std[units]
        components, gains = maximize_activation(layers, units, random_state)
        return cls(
            components=components,
            gains=gains,
            names=estimator.classes_[units] if is_output(estimator, layer) else units,
            relative_std=relative_std,
            image_shape=image_shape,
            feature_names=feature_names_of(feature_names, estimator),
        ).plot(ax, **options)

    @classmethod
    def from_components(
        cls,
        components: ArrayLike,
        *,
        names: Names = None,
        relative_std: ArrayLike | None = None,
        image_shape: tuple[int, int] | None = None,
        feature_names: Names = None,
        ax: Any = None,
        **options: Any,
    ) -> Self:
        """Draw weights, for example those of another estimator.

        Parameters
        ----------
        components : array-like of shape (n_units, n_features)
            Weights of each unit. They are divided by their norm.

        names : sequence of n_units names, default=None
            Names of the units. If None, the units are numbered.

        relative_std : array-like of shape (n_units,), default=None
            Standard deviation of each unit, as a fraction of its range. Units below
            0.01 are crossed out in images, and gray in heat maps.

        image_shape : tuple (height, width), default=None
            Shape of an input, if inputs are images.

        feature_names : sequence of n_features names, default=None
            Names of the features. If None, the features are numbered.

        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. If None, a figure is created.

        **options : dict
            Passed to :meth:`plot`: `contrast`, `sort_by_std`, `cmap`.

        Returns
        -------
        ComponentsDisplay
            The display.

        Examples
        --------
        >>> from sklearn.datasets import load_wine
        >>> from sklearn.decomposition import PCA
        >>> from skstackedae.inspection import ComponentsDisplay
        >>> wine = load_wine()
        >>> pca = PCA(4).fit(wine.data)
        >>> display = ComponentsDisplay.from_components(
        ...     pca.components_, feature_names=wine.feature_names
        ... )
        >>> display.components.shape
        (4, 13)
        """
        weights = check_array(components, dtype=np.float64, input_name="components")
        norms = np.linalg.norm(weights, axis=1, keepdims=True)
        return cls(
            components=_safe_divide(weights, norms),
            gains=norms[:, 0],
            names=names,
            relative_std=relative_std,
            image_shape=image_shape,
            feature_names=feature_names,
        ).plot(ax, **options)

    def _checked_std(self, n_units: int, sort_by_std: bool) -> Array:
        """Return the relative standard deviation of each unit; infinity if unknown."""
        if self.relative_std is None:
            if sort_by_std:
                raise ValueError("sort_by_std=True needs X or relative_std.")
            return np.full(n_units, np.inf)
        std = np.asarray(self.relative_std)
        if std.shape != (n_units,):
            raise ValueError(f"relative_std has shape {std.shape}, not ({n_units},).")
        return std

    def _scaled(self, components: Array, contrast: str) -> tuple[Array, str]:
        """Return the numbers to draw, and a label for them."""
        if contrast not in ("own", "shared"):
            raise ValueError(f"contrast={contrast!r} is neither 'own' nor 'shared'.")
        if contrast == "own":
            largest = np.abs(components).max(axis=1, keepdims=True)
            label = "fraction of the unit's largest"
            return _safe_divide(components, largest), label
        if self.gains is None:
            return components, "input of unit norm"
        return components * np.asarray(self.gains)[:, None], "input x gain"

    def _draw_images(
        self, ax: Any, values: Array, names: list[str], inactive: Array, **options: Any
    ) -> None:
        images = draw.as_images(values, self.image_shape)
        n_columns = math.ceil(math.sqrt(len(images)))
        self.image_ = draw.mosaic(ax, images, names, n_columns, inactive, **options)
        if inactive.any():
            note = f"{inactive.sum()} of {len(inactive)} dead or saturated"
            self.image_.axes.set_xlabel(note, fontsize=draw.FONT_SIZE)

    def _draw_table(
        self, ax: Any, values: Array, names: list[str], inactive: Array, **options: Any
    ) -> None:
        n_units, n_features = values.shape
        features = draw.as_names(self.feature_names, n_features)
        ax = draw.new_axes(ax, *draw.table_inches(n_features, n_units))
        ax.set_facecolor("0.6")
        self.image_ = draw.table(ax, values.T, features, **options)
        draw.set_names(ax.xaxis, names, range(n_units))
        note = f" (gray: {inactive.sum()} dead or saturated)" if inactive.any() else ""
        ax.set_xlabel(f"unit{note}", fontsize=draw.FONT_SIZE)


def _checked_units(units: ArrayLike | None, n_units: int) -> Array:
    units = np.arange(n_units) if units is None else np.atleast_1d(units)
    is_valid = units.ndim == 1 and units.size and units.dtype.kind in "iu"
    if not (is_valid and units.min() >= 0 and units.max() < n_units):
        raise ValueError(
            f"units={units.tolist()} must be numbers from 0 to {n_units - 1}, because "
            f"the layer has {n_units} units."
        )
    return units


def _safe_divide(rows: Array, by: Array) -> Array:
    """Divide each row by a nonnegative number; leave the row unchanged if it is 0."""
    return rows / np.where(by > 0, by, 1.0)
