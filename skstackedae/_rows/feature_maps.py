"""Maps of the features of rows: standardized columns, and filled missing entries."""

from dataclasses import dataclass
from typing import Any

from .._array_api import Array, array_namespace


@dataclass(frozen=True)
class FeatureMap:
    """What happens to the entries of X before a kernel gets them.

    Parameters
    ----------
    mean : array of shape (n_features,)
        Mean of each feature; it takes the place of missing entries (NaN).
    scale : array of shape (n_features,) or None
        Standard deviation of each feature, by which centered features are divided;
        None leaves the features as they are.
    fills : bool
        Whether entries may be missing.
    """

    mean: Array
    scale: Array | None = None
    fills: bool = False

    @property
    def fill(self) -> Array | None:
        """What takes the place of missing entries, if they are not centered first."""
        return self.mean if self.fills and self.scale is None else None

    def targets(self, X: Array) -> Array:
        """Return what reconstructions are compared with; missing entries are NaN."""
        return X if self.scale is None else (X - self.mean) / self.scale

    def inputs(self, targets: Array) -> Array:
        """Return what the network sees."""
        if not self.fills:
            return targets
        return fill_missing(targets, self.mean if self.scale is None else 0.0)


def fill_missing(X: Array, values: Any) -> Array:
    """Return X with these values of the columns in place of NaN."""
    xp = array_namespace(X)
    is_missing = xp.isnan(X)
    if not bool(xp.any(is_missing)):
        return X
    return xp.where(is_missing, xp.asarray(values, dtype=X.dtype), X)
