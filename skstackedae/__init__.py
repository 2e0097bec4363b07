"""Stacked sparse autoencoders as scikit-learn estimators."""

from ._sparse_autoencoder import SparseAutoencoder
from ._stacked_classifier import StackedAutoencoderClassifier

__all__ = ["SparseAutoencoder", "StackedAutoencoderClassifier"]
__version__ = "0.1.0.dev0"
