"""What an autoencoder makes of samples."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils import check_array

from .._array_api import Array
from .._input_checks import check_fitted_instance
from .._rows.blocks import dense
from .._sparse_autoencoder import SparseAutoencoder
from .._stacked_classifier import StackedAutoencoderClassifier
from ._drawing import (
    COLORS,
    FONT_SIZE,
    as_images,
    as_names,
    divided,
    draw_mosaic,
    draw_table,
    import_pyplot,
    mosaic_inches,
    new_axes,
    set_names,
    table_inches,
)
from ._layers import (
    feature_names_of,
)


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
        samples = dense(estimator._validated(X))
        return cls(
            X=samples,
            reconstructions=estimator.inverse_transform(estimator.transform(X)),
            image_shape=image_shape,
            feature_names=feature_names_of(feature_names, estimator),
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
            as_images(A, self.image_shape) for A in (self.X, self.reconstructions)
        )
        # float64, because integers have no nan to leave a gap with.
        gaps = np.full_like(above[:, :1], np.nan, dtype=np.float64)
        pairs = np.concatenate([above, gaps, below], axis=1)
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
        names = as_names(self.feature_names, n_features)
        self.image_ = draw_table(above, self.X.T, names, **options)
        draw_table(below, self.reconstructions.T, names, **options)
        above.set(xticks=[], ylabel="input")
        below.set(xticks=[], ylabel="output")
        self.colorbar_ = ax.figure.colorbar(self.image_, ax=ax)
        edges = np.arange(n_samples + 1) - 0.5
        errors.stairs(self.errors_, edges, fill=True, color=COLORS[0])
        errors.set(xlim=below.get_xlim(), xlabel="sample", ylabel="RMSE")
        errors.xaxis.get_major_locator().set_params(integer=True)
