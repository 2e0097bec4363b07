"""Warnings that point at the user's line, however deep in a fit they arise."""

import sys
import warnings

# Frames of these packages lie between a user's call and a warning: our own,
# scikit-learn's wrapper of fit, its Pipeline, its fit_transform, and joblib's cache.
INNER_PACKAGES = {"skstackedae", "sklearn", "joblib"}


def warn_user(message: str, category: type[Warning]) -> None:
    """Warn at the innermost frame that is the user's own."""
    frame, level = sys._getframe(), 1
    while _package(frame.f_globals) in INNER_PACKAGES and frame.f_back is not None:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _package(module_globals: dict[str, object]) -> str:
    return str(module_globals.get("__name__", "")).split(".")[0]
