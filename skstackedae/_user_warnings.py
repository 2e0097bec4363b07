"""Warnings that point at the line of the user's code, not into this package."""

import sys
import warnings

# Frames of these packages lie between the user's call and a warning: this package,
# scikit-learn (the wrapper of fit, Pipeline, fit_transform), and the cache of joblib.
INNER_PACKAGES = {"skstackedae", "sklearn", "joblib"}


def warn_user(message: str, category: type[Warning]) -> None:
    """Warn at the innermost frame of the user's code."""
    frame, level = sys._getframe(), 1
    while _package(frame.f_globals) in INNER_PACKAGES and frame.f_back is not None:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _package(module_globals: dict[str, object]) -> str:
    return str(module_globals.get("__name__", "")).split(".")[0]
