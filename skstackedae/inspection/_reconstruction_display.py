"""Samples and their reconstructions."""

import math
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array

from .._array_api import Array
from .._rows.blocks import dense
from . import _drawing as draw
from ._layers import Estimator, Names, check_estimator, feature_names_of


class ReconstructionDisplay:
    """Samples and their reconstructions by an autoencoder or a pretrained stack.

    Use :meth:`from_estimator` for a fitted estimator, and the constructor and
    :meth:`plot` for other reconstructions. If `image_shape` is given, each sample is an
    image above its reconstruction; otherwise samples are the columns of a heat map. The
    error of a sample is its root mean squared error over the features.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Samples.

    reconstructions : array-like of shape (n_samples, n_features)
        Their reconstructions.

    image_shape : tuple (height, width), default=None
        Shape of a sample, if samples are images.

    feature_names : sequence of n_features names, default=None
        Names of the features. If None, the features are numbered.

    Attributes
    ----------
    errors_ : ndarray of shape (n_samples,)
        Root mean squared error of each sample.

    image_ : matplotlib.image.AxesImage
        The images, or the heat map.

    colorbar_ : matplotlib.colorbar.Colorbar or None
        Color bar of the heat map. None for images.

    axes_ : list of matplotlib.axes.Axes
        Axes of the images; or of the samples, the reconstructions and the errors.

    figure_ : matplotlib.figure.Figure
        The figure that contains the axes.

    See Also
    --------
    ComponentsDisplay : The inputs that excite the units most.

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

    Reconstructions by another estimator:

    >>> from sklearn.decomposition import PCA
    >>> pca = PCA(4).fit(X)
    >>> reconstructions = pca.inverse_transform(pca.transform(X[:20]))
    >>> display = ReconstructionDisplay(
    ...     X=X[:20], reconstructions=reconstructions, image_shape=(8, 8)
    ... ).plot()
    >>> display.errors_.shape
    (20,)
    """

    def __init__(
        self,
        *,
        X: ArrayLike,
        reconstructions: ArrayLike,
        image_shape: tuple[int, int] | None = None,
        feature_names: Names = None,
    ) -> None:
        self.X = X
        self.reconstructions = reconstructions
        self.image_shape = image_shape
        self.feature_names = feature_names

    def plot(self, ax: Any = None, *, cmap: Any = None) -> Self:
        """Draw the samples and their reconstructions.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. If None, a figure is created.

        cmap : str or matplotlib Colormap, default=None
            Color map. None means 'gray' for images and 'viridis' for heat maps. Samples
            and reconstructions share one scale, the scale of the samples.

        Returns
        -------
        ReconstructionDisplay
            This display.

        Raises
        ------
        ValueError
            If the reconstructions or the images do not have the shape of X.
        """
        X = check_array(self.X, input_name="X")
        outputs = check_array(self.reconstructions, input_name="reconstructions")
        if X.shape != outputs.shape:
            raise ValueError(
                f"X has shape {X.shape}, but reconstructions have shape "
                f"{outputs.shape}."
            )
        residuals = np.subtract(outputs, X, dtype=np.float64)
        self.errors_ = np.sqrt(np.mean(residuals**2, axis=1))
        is_table = self.image_shape is None
        draw_rows = self._draw_table if is_table else self._draw_images
        cmap = cmap or ("viridis" if is_table else "gray")
        draw_rows(ax, X, outputs, vmin=X.min(), vmax=X.max(), cmap=cmap)
        self.figure_ = self.axes_[0].figure
        return self

    @classmethod
    def from_estimator(
        cls,
        estimator: Estimator,
        X: Any,
        *,
        image_shape: tuple[int, int] | None = None,
        feature_names: Names = None,
        cmap: Any = None,
        ax: Any = None,
    ) -> Self:
        """Draw samples and their reconstructions by a fitted estimator.

        Parameters
        ----------
        estimator : estimator of this package
            A fitted autoencoder or classifier. A classifier encodes with its network
            and decodes with the pretrained layers, so it needs ``pretrain=True``.
            Fine-tuning a classifier changes the encoders but not the decoders, so
            reconstructions become worse.

        X : array-like or sparse matrix of shape (n_samples, n_features)
            The samples to draw.

        image_shape : tuple (height, width), default=None
            Shape of a sample, if samples are images.

        feature_names : sequence of n_features names, default=None
            Names of the features. If None, the names that the estimator stores.

        cmap : str or matplotlib Colormap, default=None
            Color map. None means 'gray' for images and 'viridis' for heat maps.

        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. If None, a figure is created.

        Returns
        -------
        ReconstructionDisplay
            The display.
        """
        check_estimator(estimator)
        if not hasattr(estimator, "inverse_transform"):
            raise ValueError(
                "This classifier was fitted with pretrain=False and has no decoders "
                "to reconstruct X with: fit it with pretrain=True."
            )
        return cls(
            X=dense(estimator._validated(X)),
            reconstructions=estimator.inverse_transform(estimator.transform(X)),
            image_shape=image_shape,
            feature_names=feature_names_of(feature_names, estimator),
        ).plot(ax, cmap=cmap)

    def _draw_images(self, ax: Any, X: Array, outputs: Array, **options: Any) -> None:
        above, below = (draw.as_images(rows, self.image_shape) for rows in (X, outputs))
        # float64, because integers have no NaN for the gap.
        gap = np.full_like(above[:, :1], np.nan, dtype=np.float64)
        pairs = np.concatenate([above, gap, below], axis=1)
        n_columns = min(len(pairs), max(12, math.ceil(math.sqrt(2 * len(pairs)))))
        labels = [f"{error:.2g}" for error in self.errors_]
        parts = "input", "output"
        self.image_ = draw.mosaic(ax, pairs, labels, n_columns, parts=parts, **options)
        self.colorbar_, self.axes_ = None, [self.image_.axes]
        note = f"RMSE {self.errors_.min():.2g} to {self.errors_.max():.2g}"
        self.axes_[0].set_xlabel(note, fontsize=draw.FONT_SIZE)

    def _draw_table(self, ax: Any, X: Array, outputs: Array, **options: Any) -> None:
        n_samples, n_features = X.shape
        names = draw.as_names(self.feature_names, n_features)
        ax = draw.new_axes(ax, *draw.table_inches(2 * n_features + 5, n_samples))
        boxes = (0, 0.64, 1, 0.36), (0, 0.22, 1, 0.36), (0, 0, 1, 0.16)
        self.axes_ = above, below, errors = draw.split_axes(ax, *boxes)
        self.image_ = draw.table(above, X.T, names, **options)
        draw.table(below, outputs.T, names, **options)
        above.set(xticks=[], ylabel="input")
        below.set(xticks=[], ylabel="output")
        self.colorbar_ = ax.figure.colorbar(self.image_, ax=ax)
        edges = np.arange(n_samples + 1) - 0.5
        errors.stairs(self.errors_, edges, fill=True, color=draw.COLORS[0])
        errors.set(xlim=below.get_xlim(), xlabel="sample", ylabel="RMSE")
        errors.xaxis.get_major_locator().set_params(integer=True)
