"""The version that a saved estimator carries, and what is said when it differs."""

import warnings
from typing import Any

from sklearn.exceptions import InconsistentVersionWarning

from ._version import __version__

VERSION_KEY = "_skstackedae_version"


class VersionedStateMixin:
    """Stamp saved states with the version, as scikit-learn stamps its own estimators.

    scikit-learn does so only for classes in its own modules. A mixin, because state is
    saved and restored by methods that pickle, copy, joblib and skops look up on the
    class; the stamp is all that it holds. It is in the state alone, never an attribute.
    """

    def __getstate__(self) -> dict[str, Any]:
        state: Any = super().__getstate__()
        return {**state, VERSION_KEY: __version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        version = state.get(VERSION_KEY, "unknown")
        if version != __version__:
            # The class has no place for the package's name but beside the version.
            warning = InconsistentVersionWarning(
                estimator_name=type(self).__name__,
                current_sklearn_version=f"skstackedae {__version__}",
                original_sklearn_version=f"skstackedae {version}",
            )
            warnings.warn(warning, stacklevel=2)
        state = {key: value for key, value in state.items() if key != VERSION_KEY}
        # BaseEstimator has the method, this mixin's own base has not.
        super().__setstate__(state)  # type: ignore[misc]
