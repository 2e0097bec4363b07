"""Displays of a trained network, in scikit-learn's Display convention.

The displays need matplotlib. Layers are numbered from 1, as in `history_`.
"""

from ._activation_display import ActivationDisplay
from ._components_display import ComponentsDisplay
from ._reconstruction_display import ReconstructionDisplay
from ._training_curve_display import TrainingCurveDisplay

__all__ = [
    "ActivationDisplay",
    "ComponentsDisplay",
    "ReconstructionDisplay",
    "TrainingCurveDisplay",
]
