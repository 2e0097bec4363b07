"""The version that a saved estimator carries, and a warning if it differs."""

import inspect
import warnings
from typing import Any

from sklearn.exceptions import InconsistentVersionWarning

from ._version import __version__

VERSION_KEY = "_skstackedae_version"


class VersionedStateMixin:
    """Stamp saved states with the version, as scikit-learn stamps its own estimators.

    scikit-learn does this only for classes in its own modules. The class is a mixin,
    because pickle, copy, joblib and skops look up the methods that save and restore
    state on the class. The stamp is only in the saved state, never an attribute.
    """

    def __getstate__(self) -> dict[str, Any]:
        state: Any = super().__getstate__()
        return {**state, VERSION_KEY: __version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        version = state.get(VERSION_KEY, "unknown")
        if version != __version__:
            # The warning has no field for the package: the version includes its name.
            warning = InconsistentVersionWarning(
                estimator_name=type(self).__name__,
                current_sklearn_version=f"skstackedae {__version__}",
                original_sklearn_version=f"skstackedae {version}",
            )
            warnings.warn(warning, stacklevel=2)
        state = {key: value for key, value in state.items() if key != VERSION_KEY}
        # An older version may not have had all parameters.
        parameters = inspect.signature(type(self)).parameters.values()
        state = {p.name: p.default for p in parameters} | state
        # BaseEstimator has the method; the base class of this mixin does not.
        super().__setstate__(state)  # type: ignore[misc]
