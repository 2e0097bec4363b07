"""The base class of all kinds of rows: the data, and which of its rows are selected."""

from dataclasses import dataclass, replace
from typing import Any, Self

from .._array_api import Array, DType
from .feature_maps import FeatureMap
from .noise import Corruption


@dataclass(frozen=True)
class SelectedRows:
    """Rows of X with targets and weights; abstract, because it runs no kernels.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features)
        The stored data; a kernel gets its rows dense and in `dtype`.
    y : ndarray of shape (n_rows,) or None
        Targets; None if the rows are their own targets.
    weights : ndarray of shape (n_rows,) or None
        Weights of the rows; equal weights may be a view of one number.
    dtype : dtype
        Precision of the computation.
    row_width : int or None
        Number of entries that one row has in all layers together; None for X alone.
    noise : Corruption or None
        Noise in the kernels' X.
    indices : ndarray of int or None
        Rows of a view or of a mini-batch; None for all rows.
    batch_number : int
        Number of the mini-batch; 0 for all rows.
    weight_factor : float
        Factor of the weights, with which a mini-batch represents all rows.
    first_row : int
        Number of the first row, from which random numbers count.
    feature_map : FeatureMap or None
        What happens to the entries of X before a kernel gets them.
    """

    X: Any
    y: Any
    weights: Any
    dtype: DType
    row_width: int | None = None
    noise: Corruption | None = None
    indices: Array | None = None
    batch_number: int = 0
    weight_factor: float = 1.0
    first_row: int = 0
    feature_map: FeatureMap | None = None

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.X.shape[0]) if self.indices is None else len(self.indices)

    @property
    def n_features(self) -> int:
        """Number of columns of X."""
        return int(self.X.shape[1])

    def cut_for(self, row_width: int) -> Self:
        """Return the rows cut for a network with this many units, inputs included."""
        return replace(self, row_width=row_width)

    def with_noise(self, noise: Corruption | None) -> Self:
        """Return the rows with other noise in their X."""
        return replace(self, noise=noise)

    def with_feature_map(self, feature_map: FeatureMap | None) -> Self:
        """Return the rows with another map of their features."""
        return replace(self, feature_map=feature_map)

    def with_targets(self, y: Array | None, weights: Any) -> Self:
        """Return the rows with other targets and weights."""
        return replace(self, y=y, weights=weights)

    def view(self, indices: Array) -> Self:
        """Return the rows at these positions without a copy, for mini-batches."""
        return replace(self, indices=self._stored_positions(indices))

    def _mapped(self, X: Array, y: Any) -> tuple[Array, Any]:
        """Return the inputs and the targets of dense rows, without noise."""
        if self.feature_map is None:
            return X, X if y is None else y
        targets = self.feature_map.targets(X)
        return self.feature_map.inputs(targets), targets if y is None else y

    def _corrupted(self, X: Array, first_row: int) -> Array:
        """Return inputs with noise; masked entries look like missing ones."""
        if self.noise is None:
            return X
        fill = None if self.feature_map is None else self.feature_map.fill
        if fill is None or not self.noise.is_masking:
            return self.noise.apply(X, self.batch_number, first_row)
        return self.noise.apply(X - fill, self.batch_number, first_row) + fill

    def _stored_positions(self, indices: Array) -> Array:
        """Return the positions in X of the rows at these positions."""
        return indices if self.indices is None else self.indices[indices]

    def _with_data(self, X: Any) -> Self:
        """Return the same rows with other columns; X contains only these rows."""
        y, weights = self.y, self.weights
        if self.indices is not None:
            y = None if y is None else y[self.indices]
            weights = weights[self.indices]
        rows = replace(self, X=X, y=y, weights=weights, row_width=None, indices=None)
        return replace(rows, feature_map=None)
