"""What units respond to."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils import check_array

from .._array_api import Array
from .._network.activation_maximization import maximize_activation
from .._training.diagnostics import FLAT_STD
from ._drawing import (
    FONT_SIZE,
    as_images,
    as_names,
    draw_mosaic,
    draw_table,
    import_pyplot,
    mosaic_inches,
    new_axes,
    set_names,
    table_inches,
)
from ._layers import (
    LayerActivations,
    feature_names_of,
    is_output,
    layers_up_to,
)


class ComponentsDisplay:
    r"""The input that excites each unit of a layer most.

    Use :meth:`from_estimator` for a fitted estimator and :meth:`from_components` for
    any weights. If `image_shape` is given, units are images in a square grid, row by
    row: light pixels raise a unit's activation, dark ones lower it. Otherwise they are
    the columns of a heat map that has a row for each feature.

    Among inputs of unit norm, :math:`W_j / \|W_j\|` excites unit :math:`j` of the first
    layer most [1]_. For higher layers it is found by activation maximisation [2]_: the
    unit's pre-activation is maximised on the unit sphere, by L-BFGS.

    Parameters
    ----------
    components : ndarray of shape (n_units, n_features)
        The inputs, of unit norm; 0 for units that no input moves.

    gains : ndarray of shape (n_units,), default=None
        How much each input raises the unit's pre-activation, compared with an input of
        zeros: :math:`\|W_j\|` in the first layer. None weighs all alike.

    names : sequence of n_units names, default=None
        What units are called. None numbers them.

    use : ndarray of shape (n_units,), default=None
        How much each unit is used. Units with less than 0.01 are crossed out; in heat
        maps they are grey.

    image_shape : tuple (height, width), default=None
        Shape of an input, if inputs are images.

    feature_names : sequence of n_features names, default=None
        What features are called. None numbers them.

    Attributes
    ----------
    image_ : matplotlib.image.AxesImage
        The images, or the heat map.

    colorbar_ : matplotlib.colorbar.Colorbar or None
        Colours of the heat map.

    ax_ : matplotlib.axes.Axes
        Axes drawn on.

    figure_ : matplotlib.figure.Figure
        Their figure.

    See Also
    --------
    ActivationDisplay : How often the units are active.

    References
    ----------
    .. [1] A. Ng, "Sparse autoencoder", CS294A lecture notes, Stanford University, 2011.
    .. [2] D. Erhan, Y. Bengio, A. Courville and P. Vincent, "Visualizing higher-layer
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
        components: Array,
        gains: Array | None = None,
        names: Sequence[Any] | None = None,
        use: Array | None = None,
        image_shape: tuple[int, int] | None = None,
        feature_names: Sequence[Any] | None = None,
    ) -> None:
        self.components = components
        self.gains = gains
        self.names = names
        self.use = use
        self.image_shape = image_shape
        self.feature_names = feature_names

    def plot(
        self,
        ax: Any = None,
        *,
        contrast: str = "own",
        sort_by_use: bool = False,
        cmap: Any = None,
    ) -> "ComponentsDisplay":
        """Draw the units.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. None makes a figure.

        contrast : {'own', 'shared'}, default='own'
            'own' gives each unit a scale up to its largest entry. 'shared' draws all on
            one scale, times their gains (in the first layer :math:`W_j`), so that weak
            units look weak. Either is centred on 0.

        sort_by_use : bool, default=False
            Whether the units that are used most come first.

        cmap : str or matplotlib Colormap, default=None
            Colours. None is 'gray' for images and 'RdBu_r' for heat maps.

        Returns
        -------
        ComponentsDisplay
            This display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If a parameter is wrong, or the use to sort by is not known.
        """
        plt = import_pyplot(f"{type(self).__name__}.plot")
        if contrast not in ("own", "shared"):
            raise ValueError(f"contrast={contrast!r} is neither 'own' nor 'shared'.")
        order = self._order(sort_by_use)
        flat = self._flat()[order]
        names = as_names(self.names, len(order))
        names = [names[unit] for unit in order]
        values, label = self._scaled(contrast)
        values = values[order]
        limit = float(np.abs(values[~flat]).max(initial=0.0)) or 1.0
        values[flat] = np.nan
        cmap = cmap or ("RdBu_r" if self.image_shape is None else "gray")
        options = {"vmin": -limit, "vmax": limit, "cmap": cmap}
        draw = self._draw_table if self.image_shape is None else self._draw_images
        draw(plt, ax, values, names, flat, options)
        self.figure_, self.colorbar_ = self.ax_.figure, None
        if self.image_shape is None:
            self.colorbar_ = self.figure_.colorbar(
                self.image_, ax=self.ax_, label=label
            )
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any = None,
        *,
        layer: int = 1,
        units: Any = None,
        image_shape: tuple[int, int] | None = None,
        feature_names: Sequence[Any] | None = None,
        contrast: str = "own",
        sort_by_use: bool = False,
        random_state: Any = 0,
        cmap: Any = None,
        ax: Any = None,
    ) -> "ComponentsDisplay":
        """Draw the units of a fitted estimator.

        Parameters
        ----------
        estimator : SparseAutoencoder or StackedAutoencoderClassifier
            A fitted estimator. Of a classifier it is the network after its last stage;
            its `autoencoders_` are the layers as they were pretrained.

        X : array-like or sparse matrix of shape (n_samples, n_features), default=None
            Samples by which use is measured: the standard deviation of a unit's
            activations over them, as a part of the unit's range (where that is
            unbounded: of how much the layer's inputs vary). Neither dead nor saturated
            units vary. None measures no use.

        layer : int, default=1
            Layer of the units. One more than there are hidden layers is a classifier's
            output layer: its units are the classes.

        units : array-like of int, default=None
            The units to draw, numbered from 0. None draws all.

        image_shape : tuple (height, width), default=None
            Shape of an input, if inputs are images.

        feature_names : sequence of n_features names, default=None
            What features are called. None takes them from the estimator.

        contrast : {'own', 'shared'}, default='own'
            'own' gives each unit a scale up to its largest entry. 'shared' draws all on
            one scale, times their gains (in the first layer :math:`W_j`), so that weak
            units look weak. Either is centred on 0.

        sort_by_use : bool, default=False
            Whether the units that are used most come first. Needs X.

        random_state : int, RandomState instance or None, default=0
            Draws the points from which activation maximisation starts, beside one that
            is not random. The first layer needs none.

        cmap : str or matplotlib Colormap, default=None
            Colours. None is 'gray' for images and 'RdBu_r' for heat maps.

        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. None makes a figure.

        Returns
        -------
        ComponentsDisplay
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
            If there is no such layer or unit, if inputs do not have that shape, or if
            X or another parameter is wrong.
        """
        import_pyplot(f"{cls.__name__}.from_estimator")
        layers = layers_up_to(estimator, layer)
        units = _checked_units(units, len(layers[-1].b))
        use = None if X is None else LayerActivations.of(estimator, X, layer).use[units]
        components, gains = maximize_activation(layers, units, random_state)
        return cls(
            components=components,
            gains=gains,
            names=_unit_names(estimator, layer, units),
            use=use,
            image_shape=image_shape,
            feature_names=feature_names_of(feature_names, estimator),
        ).plot(ax, contrast=contrast, sort_by_use=sort_by_use, cmap=cmap)

    @classmethod
    def from_components(
        cls,
        components: Any,
        *,
        names: Sequence[Any] | None = None,
        use: Any = None,
        image_shape: tuple[int, int] | None = None,
        feature_names: Sequence[Any] | None = None,
        contrast: str = "own",
        sort_by_use: bool = False,
        cmap: Any = None,
        ax: Any = None,
    ) -> "ComponentsDisplay":
        """Draw weights, of other estimators for example.

        Parameters
        ----------
        components : array-like of shape (n_units, n_features)
            Weights of each unit. They are divided by their norm.

        names : sequence of n_units names, default=None
            What units are called. None numbers them.

        use : array-like of shape (n_units,), default=None
            How much each unit is used. Units with less than 0.01 are crossed out; in
            heat maps they are grey.

        image_shape : tuple (height, width), default=None
            Shape of an input, if inputs are images.

        feature_names : sequence of n_features names, default=None
            What features are called. None numbers them.

        contrast : {'own', 'shared'}, default='own'
            'own' gives each unit a scale up to its largest entry. 'shared' draws all on
            one scale, times their gains (in the first layer :math:`W_j`), so that weak
            units look weak. Either is centred on 0.

        sort_by_use : bool, default=False
            Whether the units that are used most come first.

        cmap : str or matplotlib Colormap, default=None
            Colours. None is 'gray' for images and 'RdBu_r' for heat maps.

        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. None makes a figure.

        Returns
        -------
        ComponentsDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If inputs do not have that shape, or if another parameter is wrong.

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
        import_pyplot(f"{cls.__name__}.from_components")
        components = check_array(components, dtype=np.float64, input_name="components")
        if use is not None and np.shape(use) != components.shape[:1]:
            raise ValueError(
                f"use has the shape {np.shape(use)}: it must have one number for each "
                f"of the {len(components)} units."
            )
        norms = np.linalg.norm(components, axis=1, keepdims=True)
        return cls(
            components=_divided(components, norms),
            gains=norms[:, 0],
            names=names,
            use=use,
            image_shape=image_shape,
            feature_names=feature_names,
        ).plot(ax, contrast=contrast, sort_by_use=sort_by_use, cmap=cmap)

    def _order(self, sort_by_use: bool) -> Array:
        if not sort_by_use:
            return np.arange(len(self.components))
        if self.use is None:
            raise ValueError("sort_by_use=True needs X or use: no use is known.")
        return np.argsort(-np.asarray(self.use), kind="stable")

    def _flat(self) -> Array:
        """Tell the units that are not used, or that no input moves."""
        flat = np.logical_not(self.components.any(axis=1))
        return flat if self.use is None else flat | (np.asarray(self.use) < FLAT_STD)

    def _scaled(self, contrast: str) -> tuple[Array, str]:
        """Return what is drawn, and what its numbers are."""
        if contrast == "own":
            largest = np.abs(self.components).max(axis=1, keepdims=True)
            return _divided(self.components, largest), "part of the unit's largest"
        if self.gains is None:
            return self.components, "input of unit norm"
        return self.components * np.asarray(self.gains)[:, None], "input x gain"

    def _draw_images(
        self, plt: Any, ax: Any, values: Array, names: Any, flat: Array, options: Any
    ) -> None:
        images = as_images(values, self.image_shape)
        n_columns = math.ceil(math.sqrt(len(images)))
        self.ax_ = ax = new_axes(plt, ax, *mosaic_inches(images, n_columns))
        self.image_ = draw_mosaic(
            ax, images, names, n_columns, crossed=flat, **options
        ).artist
        if flat.any():
            note = f"{flat.sum()} of {len(flat)} dead or saturated"
            ax.set_xlabel(note, fontsize=FONT_SIZE)

    def _draw_table(
        self, plt: Any, ax: Any, values: Array, names: Any, flat: Array, options: Any
    ) -> None:
        n_units, n_features = values.shape
        self.ax_ = ax = new_axes(plt, ax, *table_inches(n_features, n_units))
        ax.set_facecolor("0.6")
        features = as_names(self.feature_names, n_features)
        self.image_ = draw_table(ax, values.T, features, **options)
        set_names(ax.xaxis, names, range(n_units))
        note = f" (grey: {flat.sum()} dead or saturated)" if flat.any() else ""
        ax.set_xlabel(f"unit{note}", fontsize=FONT_SIZE)


def _checked_units(units: Any, n_units: int) -> Array:
    if units is None:
        return np.arange(n_units)
    units = np.atleast_1d(units)
    is_valid = np.issubdtype(units.dtype, np.integer) and units.ndim == 1
    if not (is_valid and len(units) and ((units >= 0) & (units < n_units)).all()):
        raise ValueError(
            f"units={units.tolist()} must be numbers from 0 to {n_units - 1}, because "
            f"the layer has {n_units} units."
        )
    return units


def _unit_names(estimator: Any, layer: int, units: Array) -> Any:
    return estimator.classes_[units] if is_output(estimator, layer) else units


def _divided(rows: Array, by: Array) -> Array:
    return rows / np.where(by > 0, by, 1.0)
