"""Warnings that point at the line of the user's code, not into this package."""

import sys
import warnings

# Frames of these packages lie between the user's call and a warning: this package,
# scikit-learn (the wrapper of fit, Pipeline, fit_transform), the cache of joblib, and
# the optimizer of scipy, which calls back.
OUR_PACKAGE = "skstackedae"
INNER_PACKAGES = {OUR_PACKAGE, "sklearn", "joblib", "scipy"}


def warn_user(message: str, category: type[Warning]) -> None:
    """Warn at the innermost frame of the user's code, and name the estimator there."""
    # Start at the caller's frame: if a local referred to this function's frame, all
    # frames with the user's data would live until the next garbage collection.
    frame, level, names = sys._getframe(1), 2, [""]
    while _package(frame.f_globals) in INNER_PACKAGES and frame.f_back is not None:
        # The last of them is the method that the user called.
        if _package(frame.f_globals) == OUR_PACKAGE and "self" in frame.f_locals:
            names.append(f" ({type(frame.f_locals['self']).__name__})")
        frame, level = frame.f_back, level + 1
    warnings.warn(message + names[-1], category, stacklevel=level)


def _package(module_globals: dict[str, object]) -> str:
    return str(module_globals.get("__name__", "")).split(".")[0]
