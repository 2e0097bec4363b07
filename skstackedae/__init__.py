"""Stacked sparse autoencoders as scikit-learn estimators."""

from ._sparse_autoencoder import SparseAutoencoder
from ._stacked_classifier import StackedAutoencoderClassifier
from ._version import __version__ as __version__

__all__ = ["SparseAutoencoder", "StackedAutoencoderClassifier"]
