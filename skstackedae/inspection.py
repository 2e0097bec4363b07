"""Displays of what a network has learned, in scikit-learn's Display convention.

Layers are numbered from 1, as in `history_`.
"""

import math
from collections.abc import Sequence
from itertools import cycle
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_array

from ._activation_maximization import most_exciting_inputs
from ._arrays import Array
from ._drawing import (
    COLORS,
    FONT_SIZE,
    divided,
    draw_mosaic,
    draw_table,
    import_pyplot,
    mosaic_inches,
    new_axes,
    scale_by_logarithm,
    set_names,
    size_in_points,
    table_inches,
)
from ._losses import SOFTMAX
from ._network import Layer, output
from ._row_blocks import map_rows
from ._sparse_autoencoder import FLAT_STD, SparseAutoencoder
from ._stacked_classifier import StackedAutoencoderClassifier
from ._validation import check_fitted_instance

__all__ = [
    "ActivationDisplay",
    "ComponentsDisplay",
    "ReconstructionDisplay",
    "TrainingCurveDisplay",
]


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
        names = _names(self.names, len(order))
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
        layers = _layers_up_to(estimator, layer)
        units = _checked_units(units, len(layers[-1].b))
        use = (
            None if X is None else _LayerActivations.of(estimator, X, layer).use[units]
        )
        is_output = _is_output(estimator, layer)
        components, gains = most_exciting_inputs(layers, units, random_state)
        return cls(
            components=components,
            gains=gains,
            names=estimator.classes_[units] if is_output else units,
            use=use,
            image_shape=image_shape,
            feature_names=_feature_names(feature_names, estimator),
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
        images = _as_images(values, self.image_shape)
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
        features = _names(self.feature_names, n_features)
        self.image_ = draw_table(ax, values.T, features, **options)
        set_names(ax.xaxis, names, range(n_units))
        note = f" (grey: {flat.sum()} dead or saturated)" if flat.any() else ""
        ax.set_xlabel(f"unit{note}", fontsize=FONT_SIZE)


class ReconstructionDisplay:
    """Samples, above what an autoencoder or a pretrained stack makes of them.

    Use :meth:`from_estimator` for a fitted estimator and :meth:`from_reconstructions`
    for samples and reconstructions of any origin. Samples are images if `image_shape`
    is given, otherwise the columns of a heat map. The error of each is its root mean
    squared error over the features.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Samples.

    reconstructions : ndarray of shape (n_samples, n_features)
        Their reconstructions.

    image_shape : tuple (height, width), default=None
        Shape of a sample, if samples are images.

    feature_names : sequence of n_features names, default=None
        What features are called. None numbers them.

    Attributes
    ----------
    errors_ : ndarray of shape (n_samples,)
        Root mean squared error of each sample.

    image_ : matplotlib.image.AxesImage
        The images, or the heat map.

    colorbar_ : matplotlib.colorbar.Colorbar or None
        Colours of the heat map.

    axes_ : list of matplotlib.axes.Axes
        Axes of the images; or of the samples, the reconstructions and the errors.

    figure_ : matplotlib.figure.Figure
        Their figure.

    See Also
    --------
    ComponentsDisplay : What the units respond to.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skstackedae import SparseAutoencoder
    >>> from skstackedae.inspection import ReconstructionDisplay
    >>> X = load_digits().data / 16
    >>> autoencoder = SparseAutoencoder(
    ...     64, alpha=1e-3, sparsity_weight=0.1, random_state=0
    ... ).fit(X[:1500])
    >>> display = ReconstructionDisplay.from_estimator(
    ...     autoencoder, X[1500:1510], image_shape=(8, 8)
    ... )
    >>> display.errors_.shape
    (10,)
    """

    def __init__(
        self,
        *,
        X: Array,
        reconstructions: Array,
        image_shape: tuple[int, int] | None = None,
        feature_names: Sequence[Any] | None = None,
    ) -> None:
        self.X = X
        self.reconstructions = reconstructions
        self.image_shape = image_shape
        self.feature_names = feature_names

    def plot(self, ax: Any = None, *, cmap: Any = None) -> "ReconstructionDisplay":
        """Draw the samples and their reconstructions.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. None makes a figure.

        cmap : str or matplotlib Colormap, default=None
            Colours. None is 'gray' for images and 'viridis' for heat maps. Samples and
            reconstructions share one scale, that of the samples.

        Returns
        -------
        ReconstructionDisplay
            This display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If samples do not have that shape.
        """
        plt = import_pyplot(f"{type(self).__name__}.plot")
        residuals = np.subtract(self.reconstructions, self.X, dtype=np.float64)
        self.errors_ = np.sqrt(np.mean(residuals**2, axis=1))
        scale = {"vmin": self.X.min(), "vmax": self.X.max()}
        if self.image_shape is not None:
            self._draw_images(plt, ax, cmap=cmap or "gray", **scale)
        else:
            self._draw_table(plt, ax, cmap=cmap or "viridis", **scale)
        self.figure_ = self.axes_[0].figure
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        image_shape: tuple[int, int] | None = None,
        feature_names: Sequence[Any] | None = None,
        cmap: Any = None,
        ax: Any = None,
    ) -> "ReconstructionDisplay":
        """Draw what a fitted estimator makes of samples.

        Parameters
        ----------
        estimator : SparseAutoencoder or StackedAutoencoderClassifier
            A fitted estimator. A classifier encodes with its network and decodes down
            the pretrained stack: after fine-tuning, which moves the encoders away from
            the decoders, reconstructions are worse than those of pretraining.

        X : array-like or sparse matrix of shape (n_samples, n_features)
            The samples to draw.

        image_shape : tuple (height, width), default=None
            Shape of a sample, if samples are images.

        feature_names : sequence of n_features names, default=None
            What features are called. None takes them from the estimator.

        cmap : str or matplotlib Colormap, default=None
            Colours. None is 'gray' for images and 'viridis' for heat maps.

        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. None makes a figure.

        Returns
        -------
        ReconstructionDisplay
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
            If it is a classifier without decoders (``pretrain=False``), if samples do
            not have that shape, or if X is not valid.
        """
        import_pyplot(f"{cls.__name__}.from_estimator")
        check_fitted_instance(
            estimator, SparseAutoencoder, StackedAutoencoderClassifier
        )
        if not hasattr(estimator, "inverse_transform"):
            raise ValueError(
                "This classifier was fitted with pretrain=False and has no decoders "
                "to reconstruct X with: fit it with pretrain=True."
            )
        samples = _dense(estimator._validated(X))
        return cls(
            X=samples,
            reconstructions=estimator.inverse_transform(estimator.transform(X)),
            image_shape=image_shape,
            feature_names=_feature_names(feature_names, estimator),
        ).plot(ax, cmap=cmap)

    @classmethod
    def from_reconstructions(
        cls,
        X: Any,
        reconstructions: Any,
        *,
        image_shape: tuple[int, int] | None = None,
        feature_names: Sequence[Any] | None = None,
        cmap: Any = None,
        ax: Any = None,
    ) -> "ReconstructionDisplay":
        """Draw samples and their reconstructions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        reconstructions : array-like of shape (n_samples, n_features)
            Their reconstructions.

        image_shape : tuple (height, width), default=None
            Shape of a sample, if samples are images.

        feature_names : sequence of n_features names, default=None
            What features are called. None numbers them.

        cmap : str or matplotlib Colormap, default=None
            Colours. None is 'gray' for images and 'viridis' for heat maps.

        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. None makes a figure.

        Returns
        -------
        ReconstructionDisplay
            The display.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If both do not have the same shape, or samples not that of the images.

        Examples
        --------
        >>> from sklearn.datasets import load_wine
        >>> from sklearn.decomposition import PCA
        >>> from sklearn.preprocessing import MinMaxScaler
        >>> from skstackedae.inspection import ReconstructionDisplay
        >>> wine = load_wine()
        >>> X = MinMaxScaler().fit_transform(wine.data)
        >>> pca = PCA(4).fit(X)
        >>> display = ReconstructionDisplay.from_reconstructions(
        ...     X[:20],
        ...     pca.inverse_transform(pca.transform(X[:20])),
        ...     feature_names=wine.feature_names,
        ... )
        >>> display.errors_.shape
        (20,)
        """
        import_pyplot(f"{cls.__name__}.from_reconstructions")
        X = check_array(X, input_name="X")
        reconstructions = check_array(reconstructions, input_name="reconstructions")
        if X.shape != reconstructions.shape:
            raise ValueError(
                f"X has the shape {X.shape}, reconstructions {reconstructions.shape}: "
                "both must be the same."
            )
        return cls(
            X=X,
            reconstructions=reconstructions,
            image_shape=image_shape,
            feature_names=feature_names,
        ).plot(ax, cmap=cmap)

    def _draw_images(self, plt: Any, ax: Any, **options: Any) -> None:
        above, below = (
            _as_images(A, self.image_shape) for A in (self.X, self.reconstructions)
        )
        pairs = np.concatenate([above, np.full_like(above[:, :1], np.nan), below], 1)
        n_columns = min(len(pairs), max(12, math.ceil(math.sqrt(2 * len(pairs)))))
        ax = new_axes(plt, ax, *mosaic_inches(pairs, n_columns))
        labels = [f"{error:.2g}" for error in self.errors_]
        mosaic = draw_mosaic(ax, pairs, labels, n_columns, **options)
        if mosaic.labelled:
            middles = np.add.outer(
                np.unique(mosaic.tops), mosaic.height * np.array([0.25, 0.75])
            ).ravel()
            set_names(ax.yaxis, ["input", "output"] * (len(middles) // 2), middles)
            ax.tick_params(length=0)
        self.image_, self.colorbar_, self.axes_ = mosaic.artist, None, [ax]
        low, high = self.errors_.min(), self.errors_.max()
        ax.set_xlabel(f"RMSE {low:.2g} to {high:.2g}", fontsize=FONT_SIZE)

    def _draw_table(self, plt: Any, ax: Any, **options: Any) -> None:
        n_samples, n_features = self.X.shape
        ax = new_axes(plt, ax, *table_inches(2 * n_features + 5, n_samples))
        boxes = (0, 0.64, 1, 0.36), (0, 0.22, 1, 0.36), (0, 0, 1, 0.16)
        self.axes_ = above, below, errors = divided(ax, *boxes)
        names = _names(self.feature_names, n_features)
        self.image_ = draw_table(above, self.X.T, names, **options)
        draw_table(below, self.reconstructions.T, names, **options)
        above.set(xticks=[], ylabel="input")
        below.set(xticks=[], ylabel="output")
        self.colorbar_ = ax.figure.colorbar(self.image_, ax=ax)
        edges = np.arange(n_samples + 1) - 0.5
        errors.stairs(self.errors_, edges, fill=True, color=COLORS[0])
        errors.set(xlim=below.get_xlim(), xlabel="sample", ylabel="RMSE")
        errors.xaxis.get_major_locator().set_params(integer=True)


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
        """
        import_pyplot(f"{cls.__name__}.from_history")
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
        least_std: float = FLAT_STD,
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
        found = _LayerActivations.of(estimator, X, layer)
        return cls(
            activations=found.values,
            limits=found.limits,
            least_std=FLAT_STD * found.scale,
            sparsity_target=_sparsity_target(estimator, layer),
        ).plot(ax)

    @classmethod
    def from_activations(
        cls,
        activations: Any,
        *,
        limits: tuple[float, float] = (0.0, 1.0),
        least_std: float = FLAT_STD,
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
            If the activations are no finite numbers.

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
        return cls(
            activations=check_array(activations, input_name="activations"),
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


class _LayerActivations(NamedTuple):
    """Activations of a layer, the range of its units, the scale of their spread."""

    values: Array
    limits: tuple[float, float]
    scale: float

    @classmethod
    def of(cls, estimator: Any, X: Any, layer: int) -> "_LayerActivations":
        """Take samples through a fitted estimator up to this layer."""
        *below, top = _layers_up_to(estimator, layer)
        X = estimator._validated(X)
        width = X.shape[1] + sum(len(part.b) for part in below)
        inputs = map_rows(output, X, below, row_width=width, n_jobs=estimator.n_jobs)
        values = output(_dense(inputs), [top])
        if _is_output(estimator, layer):
            return cls(SOFTMAX.predict(values), (0.0, 1.0), 1.0)
        activation = top.activation
        scale = activation.span
        if not activation.is_bounded:
            # As SparseAutoencoder.diagnose does.
            scale = float(np.sqrt(np.mean(inputs.var(axis=0, dtype=np.float64))))
        return cls(values, (activation.lower, activation.upper), scale)

    @property
    def use(self) -> Array:
        """Standard deviation of each unit, as a part of the scale."""
        return self.values.std(axis=0, dtype=np.float64) / (self.scale or 1.0)


def _layers_up_to(estimator: Any, layer: Any) -> list[Layer]:
    check_fitted_instance(estimator, SparseAutoencoder, StackedAutoencoderClassifier)
    layers = estimator._layers()
    if isinstance(estimator, SparseAutoencoder):
        layers = layers[:1]
    if layer not in range(1, len(layers) + 1):
        raise ValueError(
            f"layer={layer!r} is none of this {type(estimator).__name__}: it has "
            f"{len(layers)}, numbered from 1."
        )
    return layers[: int(layer)]


def _is_output(estimator: Any, layer: int) -> bool:
    is_classifier = isinstance(estimator, StackedAutoencoderClassifier)
    return is_classifier and layer == len(estimator.coefs_)


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


def _as_images(rows: Array, image_shape: Any) -> Array:
    n_features = rows.shape[1]
    if np.shape(image_shape) != (2,) or math.prod(image_shape) != n_features:
        raise ValueError(
            f"image_shape={image_shape!r} must be (height, width) with "
            f"{n_features} pixels, the number of features."
        )
    return rows.reshape(-1, *image_shape)


def _names(names: Any, n_names: int) -> list[str]:
    if names is None:
        names = range(n_names)
    if len(names) != n_names:
        raise ValueError(f"{len(names)} names were given for {n_names}.")
    return [str(name) for name in names]


def _feature_names(names: Any, estimator: Any) -> Any:
    return getattr(estimator, "feature_names_in_", None) if names is None else names


def _divided(rows: Array, by: Array) -> Array:
    return rows / np.where(by > 0, by, 1.0)


def _dense(X: Any) -> Array:
    return X.toarray() if issparse(X) else X


def _sparsity_target(estimator: Any, layer: int) -> float | None:
    """Mean activation that the penalty asked of a layer's units, if there was any."""
    if _is_output(estimator, layer):
        return None
    autoencoder = estimator
    if isinstance(estimator, StackedAutoencoderClassifier):
        if not hasattr(estimator, "autoencoders_"):
            return None
        autoencoder = estimator.autoencoders_[layer - 1]
    return autoencoder.sparsity_target if autoencoder.sparsity_weight else None


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
