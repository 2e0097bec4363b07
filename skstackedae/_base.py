"""The base class of all estimators: prediction, and fits that may fail safely."""

import copy
import sys
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any, TypeAlias, TypeVar

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils import check_array
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from . import _input_checks as checks
from ._array_api import (
    Array,
    check_on_device,
    compute_dtype,
    copied,
    dtype_of,
    is_on_device,
)
from ._network.activations import ACTIVATIONS, IDENTITY, activation_of
from ._network.layers import Layer, make_layers
from ._persistence import VersionedStateMixin
from ._rows.cluster import computed, is_on_cluster, on_workers, whole_rows
from ._rows.disk import stored
from ._rows.feature_maps import FeatureMap, fill_missing
from ._rows.rows import map_rows
from ._rows.stored import StoredRows
from ._training.callbacks import CallbackSupportMixin
from ._training.solvers import SOLVERS, AdamParts
from ._training.stage import RunSettings, Stage, StageRecord, warn_unconverged

# Constraints of scikit-learn's kind on the parameters that all estimators share.
TRAINING_CONSTRAINTS: dict[str, list[Any]] = {
    "solver": [StrOptions(set(SOLVERS))],
    "max_iter": [checks.COUNT],
    "tol": [Interval(Real, 0, sys.float_info.max, closed="both")],
    "n_iter_no_change": [checks.COUNT, Options(Real, {np.inf})],
    "batch_size": [StrOptions({"auto"}), checks.COUNT],
    "learning_rate": [StrOptions({"constant", "linear"})],
    "learning_rate_init": [Interval(Real, 0, sys.float_info.max, closed="right")],
    "shuffle": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "warm_start": ["boolean"],
    "random_state": ["random_state"],
    "n_jobs": [Integral, None],
    "verbose": ["verbose"],
}

# The softmax belongs to the loss, because it acts on all outputs together.
OUTPUT_ACTIVATIONS = ACTIVATIONS | {"softmax": IDENTITY}

RowFunction: TypeAlias = Callable[..., Array]
Network = TypeVar("Network", bound="BaseNetwork")


class BaseNetwork(
    VersionedStateMixin,
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """A network whose fitted layers are arrays, applied to rows block by block.

    Abstract: the estimators add training.
    """

    _doc_link_module = "skstackedae"
    _doc_link_template = (
        "https://skstackedae.readthedocs.io/en/stable/generated/"
        "{estimator_module}.{estimator_name}.html"
    )

    coefs_: list[Array]
    intercepts_: list[Array]
    activations_: list[str]
    out_activation_: str
    loss_: float
    loss_curve_: list[float]
    n_iter_: int
    validation_scores_: list[float] | None
    best_validation_score_: float | None
    n_features_in_: int
    feature_names_in_: Array
    # Only of networks for missing entries, and of standardized features.
    feature_means_: Array
    feature_scales_: Array
    # The moments of Adam, which partial_fit keeps between calls.
    _adam_state: AdamParts | None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = self._allows_missing
        tags.array_api_support = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    @abstractmethod
    def _allows_missing(self) -> bool:
        """Whether X may have missing entries."""

    @property
    @abstractmethod
    def _n_encoders(self) -> int:
        """Number of layers up to the features that `transform` returns."""

    @property
    def _n_features_out(self) -> int:
        return int(self.coefs_[self._n_encoders].shape[0])

    def _is_warm_start(self) -> bool:
        return bool(self.warm_start) and hasattr(self, "coefs_")

    def _stage(self, name: str, layer: int | None = None) -> Stage:
        settings = RunSettings.from_parameters(self.get_params(deep=False))
        return Stage(name, layer, settings, self.verbose)

    def _warn_unconverged(self, records: Sequence[StageRecord]) -> None:
        parameters = self.get_params(deep=False)
        warn_unconverged(records, RunSettings.from_parameters(parameters))

    def _accepts_missing(self, trains: bool) -> bool:
        """Tell whether X may have missing entries now.

        A network that was fitted to complete rows cannot take them.
        """
        is_fitted = hasattr(self, "coefs_")
        if trains or not is_fitted:
            return self._allows_missing
        return hasattr(self, "feature_means_")

    def _validated(
        self,
        X: Any,
        y: Any = "no_validation",
        *,
        reset: bool = False,
        trains: bool = False,
    ) -> Any:
        """Check X, and y if it is given, without moving them.

        The chunks of a dask X are computed here only for training.
        """
        if is_on_cluster(X):
            return self._validated_on_cluster(X, y, reset=reset, trains=trains)
        X = stored(X)
        if isinstance(X, StoredRows):
            checks.check_is_finite(X, allow_nan=self._accepts_missing(trains))
            y = checks.check_targets(self, X, y)
            return validate_data(self, X, y, reset=reset, skip_check_array=True)
        if is_on_device(X):
            X = check_on_device(X)
            if self._allows_missing:
                checks.check_is_complete(X)
            X = validate_data(self, X, reset=reset, dtype=None)
            has_y = not (y is None or isinstance(y, str))
            return (X, checks.check_targets(self, X, y)) if has_y else X
        checks.check_kind_of_rows(X)
        checks.check_is_not_masked(y, "y")
        with checks.conversion_to_float("X"):
            options = checks.input_options(X)
            if self._accepts_missing(trains):
                options["ensure_all_finite"] = "allow-nan"
            return validate_data(self, X, y, reset=reset, **options)

    def _validated_on_cluster(
        self, X: Any, y: Any, *, reset: bool, trains: bool
    ) -> Any:
        # _meta of a dask data frame is an empty data frame with the same columns.
        described = X._meta if hasattr(X, "columns") else X
        if described is not X:
            checks.check_kind_of_rows(described)
        X = whole_rows(X)
        described = X if described.ndim != 2 else described
        validate_data(self, described, reset=reset, skip_check_array=True)
        X = on_workers(X) if trains else X
        if y is None or isinstance(y, str):
            return X
        return X, checks.check_targets(self, X, computed(y))

    def _validated_features(self, X: Any) -> Any:
        """Check input of `inverse_transform`."""
        check_is_fitted(self)
        H = whole_rows(X) if is_on_cluster(X) else stored(X)
        if is_on_cluster(H):
            pass
        elif isinstance(H, StoredRows):
            checks.check_is_finite(H)
        elif is_on_device(H):
            H = check_array(check_on_device(H), input_name="X", dtype=None)
        else:
            checks.check_kind_of_rows(H)
            with checks.conversion_to_float("X"):
                H = check_array(H, input_name="X", **checks.input_options(H))
        if H.shape[1] != self._n_features_out:
            raise ValueError(
                f"X has {H.shape[1]} columns, but this {type(self).__name__} decodes "
                f"the activations of {self._n_features_out} units."
            )
        return H

    def _layers(self) -> list[Layer]:
        # The check would take a twentieth of the time to predict one row.
        if not hasattr(self, "coefs_"):
            check_is_fitted(self)
        hidden = map(activation_of, self.activations_)
        activations = [*hidden, OUTPUT_ACTIVATIONS[self.out_activation_]]
        return make_layers(self.coefs_, self.intercepts_, activations)

    def _apply(self, function: RowFunction, X: Any, *, method: str) -> Array:
        """Check rows and pass them through all layers."""
        layers, X = self._layers(), self._validated(X)
        checks.check_same_place(self, X, method)
        return self._map_features(function, X, layers)

    def _map_features(
        self, function: RowFunction, X: Any, layers: Sequence[Layer]
    ) -> Array:
        """Apply a function to validated samples, whose missing entries are filled."""
        means = getattr(self, "feature_means_", None)
        if means is None:
            return self._map_rows(function, X, layers)
        return self._map_rows(_of_filled, X, layers, function, means)

    def _map_rows(
        self, function: RowFunction, X: Any, layers: Sequence[Layer], *args: Any
    ) -> Array:
        """Apply a function to validated rows and these layers, block by block."""
        row_width = X.shape[1] + sum(layer.b.shape[0] for layer in layers)
        dtype = self._common_dtype(X)
        if dtype is not None:
            layers = [layer.astype(dtype) for layer in layers]
        return map_rows(
            *(function, X, layers, *args),
            row_width=row_width,
            n_jobs=self.n_jobs,
            dtype=dtype,
        )

    def _common_dtype(self, X: Any) -> Any:
        """Return the common precision of X and the weights; None for numpy arrays."""
        if not is_on_device(X):
            return None
        return np.result_type(compute_dtype(dtype_of(X)), dtype_of(self.coefs_[0]))

    def _previous_map(self) -> FeatureMap | None:
        """Return how the previous fit filled missing entries, if it did."""
        means = getattr(self, "feature_means_", None)
        return None if means is None else FeatureMap(means, None, fills=True)

    def _set_record(self, record: StageRecord) -> None:
        """Set the attributes that describe the last stage."""
        scores = record.validation_scores
        self.loss_ = record.last_loss
        self.loss_curve_ = list(record.loss_curve)
        self.n_iter_ = record.n_iter
        self.validation_scores_ = None if scores is None else list(scores)
        self.best_validation_score_ = max(scores) if scores else None
        # The optimizer state from partial_fit does not belong to these weights.
        self._adam_state = None

    def _set_epoch(self, loss: float, adam_state: AdamParts) -> None:
        """Set the attributes that describe a pass of partial_fit."""
        self.loss_ = loss
        self._adam_state = adam_state
        self.loss_curve_ = getattr(self, "loss_curve_", [])
        self.n_iter_ = len(self.loss_curve_) + 1

    def _extend_loss_curve(self) -> None:
        """Append the loss of a pass that has succeeded.

        The list is extended in place, because copying it would take longer than a
        short pass.
        """
        if self.n_iter_ > len(self.loss_curve_):
            self.loss_curve_.append(self.loss_)


def network_attributes(layers: Sequence[Layer], out_activation: str) -> dict[str, Any]:
    """Return the fitted attributes of an estimator with these layers."""
    # Copies, because a view would keep the whole vector of the solver alive.
    return {
        "coefs_": [copied(layer.W) for layer in layers],
        "intercepts_": [copied(layer.b) for layer in layers],
        "activations_": [layer.activation.name for layer in layers[:-1]],
        "out_activation_": out_activation,
    }


def _of_filled(
    X: Array, layers: Sequence[Layer], function: RowFunction, means: Array
) -> Array:
    return function(fill_missing(X, means), layers)


@contextmanager
def fitting(estimator: Network) -> Iterator[Network]:
    """Yield a copy to fit; if the fit succeeds, the estimator takes over its state.

    A fit that fails or is interrupted leaves the estimator as it was before.
    """
    fitted = copy.copy(estimator)
    yield fitted
    # A single assignment, so that an interrupt cannot leave half of the new state.
    estimator.__dict__ = fitted.__dict__
