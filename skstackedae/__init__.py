"""Stacked sparse autoencoders as scikit-learn estimators."""

from ._outlier_detector import ReconstructionOutlierDetector
from ._rows.disk import RowsOnDisk
from ._sparse_autoencoder import SparseAutoencoder
from ._stacked_autoencoder import StackedAutoencoder
from ._stacked_classifier import StackedAutoencoderClassifier
from ._stacked_regressor import StackedAutoencoderRegressor
from ._version import __version__ as __version__

__all__ = [
    "TRUSTED_TYPES",
    "ReconstructionOutlierDetector",
    "RowsOnDisk",
    "SparseAutoencoder",
    "StackedAutoencoder",
    "StackedAutoencoderClassifier",
    "StackedAutoencoderRegressor",
]

#: Names of all types of this package that a fitted estimator contains. Pass them to
#: ``skops.io.load`` as trusted types.
TRUSTED_TYPES = [
    f"{estimator.__module__}.{estimator.__qualname__}"
    for estimator in (
        ReconstructionOutlierDetector,
        SparseAutoencoder,
        StackedAutoencoder,
        StackedAutoencoderClassifier,
        StackedAutoencoderRegressor,
    )
]
