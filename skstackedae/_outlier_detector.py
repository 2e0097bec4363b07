"""Outlier detection by the error with which an autoencoder reconstructs a sample."""

import math
from numbers import Real
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from . import _input_checks as checks
from ._array_api import Array, Weights, cast, dtype_of, to_numpy
from ._base_autoencoder import BaseAutoencoder
from ._persistence import VersionedStateMixin
from ._rows.cluster import computed, is_on_cluster
from ._sparse_autoencoder import SparseAutoencoder

# The default autoencoder has as many units as features, but not more than this.
MAX_COMPONENTS = 100

# The default autoencoder; its weight decay decides how much it can reconstruct.
FOR_TABLES: dict[str, Any] = {
    "decoder_activation": "identity",
    "sparsity_weight": 0,
    "alpha": 0.03,
    "standardize": True,
}

# Tukey's factor for the whiskers of a box plot.
WHISKER = 1.5


class ReconstructionOutlierDetector(VersionedStateMixin, OutlierMixin, BaseEstimator):
    r"""Detect outliers by the error of their reconstruction.

    An autoencoder learns to reconstruct the samples. A sample that differs from most
    others is reconstructed worse, so its error is an anomaly score. `fit_predict` finds
    outliers among the training samples; `predict` judges new samples. Detection is best
    if few or none of the training samples are outliers.

    Parameters
    ----------
    autoencoder : estimator or None, default=None
        The `SparseAutoencoder` or `StackedAutoencoder` that is cloned and fitted. None
        means a `SparseAutoencoder` that suits tables: it standardizes the features, has
        a linear decoder and no sparsity penalty, as many units as features (at most
        100), and ``alpha=0.03``. A `FrozenEstimator` of a fitted autoencoder is used as
        it is.

    contamination : 'auto' or float, default='auto'
        Determines the threshold `offset_` for outliers. With a float in (0, 0.5], this
        fraction of the training samples are outliers. With 'auto', a sample is an
        outlier if the cube root of its error exceeds the third quartile of the training
        samples by more than 1.5 interquartile ranges, Tukey's rule for box plots [1]_.

    random_state : int, RandomState instance or None, default=None
        Determines the random numbers of the default autoencoder. Pass an int for
        reproducible results across multiple function calls. Another autoencoder has its
        own `random_state`.

    Attributes
    ----------
    autoencoder_ : SparseAutoencoder, StackedAutoencoder or FrozenEstimator
        The fitted autoencoder.

    offset_ : float
        Threshold of the scores: samples with a lower score are outliers.

    n_features_in_ : int
        Number of features seen during `fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`. Defined only when `X` has feature names
        that are all strings.

    See Also
    --------
    SparseAutoencoder.score_samples : The scores, without a threshold.
    sklearn.ensemble.IsolationForest : Outliers are isolated by few splits.
    sklearn.neighbors.LocalOutlierFactor : Outliers have a low local density.

    Notes
    -----
    Errors are sums of squares, whose cube roots are close to normal [2]_. The rule
    'auto' would flag 0.35 % of normal cube roots. It flags 0.6 to 1.6 % of normal
    samples, and on average 4 % of the training samples of 28 tables without outliers.

    References
    ----------
    .. [1] John W. Tukey, "Exploratory Data Analysis", Addison-Wesley, 1977.
    .. [2] Edwin B. Wilson and Margaret M. Hilferty, "The Distribution of Chi-Square",
       Proceedings of the National Academy of Sciences 17, 1931.

    Examples
    --------
    >>> import numpy as np
    >>> from skstackedae import ReconstructionOutlierDetector
    >>> rng = np.random.RandomState(0)
    >>> x = rng.randn(200)
    >>> X = np.column_stack([x, 2 * x, -x]) + 0.1 * rng.randn(200, 3)
    >>> detector = ReconstructionOutlierDetector(random_state=0).fit(X)
    >>> detector.predict([[1, 2, -1], [1, -2, -1]])
    array([ 1, -1])
    >>> int(detector.reconstruction_errors([[1, -2, -1]]).argmax())
    1
    """

    _doc_link_module = BaseAutoencoder._doc_link_module
    _doc_link_template = BaseAutoencoder._doc_link_template

    _parameter_constraints: dict[str, list[Any]] = {
        "autoencoder": [BaseAutoencoder, FrozenEstimator, None],
        "contamination": [
            StrOptions({"auto"}),
            Interval(Real, 0, 0.5, closed="right"),
        ],
        "random_state": ["random_state"],
    }

    autoencoder_: Any
    offset_: float
    n_features_in_: int
    feature_names_in_: Array

    def __init__(
        self,
        autoencoder: Any = None,
        *,
        contamination: float | str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.autoencoder = autoencoder
        self.contamination = contamination
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.array_api_support = True
        tags.input_tags.allow_nan = getattr(self.autoencoder, "_allows_missing", False)
        return tags

    @checks.validates_parameters
    def fit(self, X: Any, y: object = None, sample_weight: Weights = None) -> Self:
        """Fit the autoencoder and the threshold.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples, in all the kinds that :meth:`SparseAutoencoder.fit` takes.

        y : None
            Not used, present for API consistency by convention.

        sample_weight : array-like of shape (n_samples,), default=None
            Nonnegative weights of the samples, for the autoencoder and the threshold.
            If None, all samples have the same weight.

        Returns
        -------
        ReconstructionOutlierDetector
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, the weights or the parameters are invalid. The estimator is then left
            unchanged.
        """
        autoencoder = self._new_autoencoder(X)
        autoencoder.fit(X, None, sample_weight=sample_weight)
        scores = _in_memory(autoencoder.score_samples(X))
        weights = checks.check_sample_weight(sample_weight, scores)
        precision = np.finfo(dtype_of(autoencoder.coefs_[0])).eps
        fitted = {
            "autoencoder_": autoencoder,
            "offset_": _threshold(scores, weights, self.contamination, precision),
            "n_features_in_": autoencoder.n_features_in_,
        }
        self.__dict__.pop("feature_names_in_", None)
        if hasattr(autoencoder, "feature_names_in_"):
            fitted["feature_names_in_"] = autoencoder.feature_names_in_
        self.__dict__.update(fitted)
        return self

    def score_samples(self, X: Any) -> Array:
        """Score samples; anomalies have low scores.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            The negative error with which the autoencoder reconstructs each sample.
        """
        scores: Array = self._fitted(X, "score_samples").score_samples(X)
        return scores

    def decision_function(self, X: Any) -> Array:
        """Return by how much the score of each sample exceeds the threshold.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            `score_samples` minus `offset_`: negative for outliers.
        """
        fitted = self._fitted(X, "decision_function")
        decision: Array = fitted.score_samples(X) - self.offset_
        return decision

    def predict(self, X: Any) -> Array:
        """Tell outliers from inliers.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            -1 for outliers, 1 for inliers.
        """
        is_outlier = self._fitted(X, "predict").score_samples(X) < self.offset_
        labels: Array = 1 - 2 * _as_integers(is_outlier)
        return labels

    def reconstruction_errors(self, X: Any) -> Array:
        """Return the error of each entry, to see which features make an outlier.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Contribution of each feature to minus `score_samples`.
        """
        fitted = self._fitted(X, "reconstruction_errors")
        errors: Array = fitted.reconstruction_errors(X)
        return errors

    def _fitted(self, X: Any, method: str) -> Any:
        """Return the fitted autoencoder; check that it is where X is."""
        check_is_fitted(self)
        checks.check_same_place(self.autoencoder_, X, method, called=self)
        return self.autoencoder_

    def _new_autoencoder(self, X: Any) -> Any:
        """Return the autoencoder to fit."""
        given = self.autoencoder
        if isinstance(given, FrozenEstimator):
            if not isinstance(given.estimator, BaseAutoencoder):
                raise ValueError(
                    f"autoencoder freezes {given.estimator!r}: pass a fitted "
                    "SparseAutoencoder or StackedAutoencoder."
                )
            check_is_fitted(given.estimator)
        if given is not None:
            return clone(given)
        return SparseAutoencoder(
            max(1, min(_count_features(X), MAX_COMPONENTS)),
            random_state=self.random_state,
            **FOR_TABLES,
        )


def _count_features(X: Any) -> int:
    try:
        shape = X.shape if hasattr(X, "shape") else np.asarray(X).shape
    except ValueError:
        shape = ()
    # The autoencoder says what is wrong with another X.
    return int(shape[1]) if len(shape) == 2 else 1


def _as_integers(is_outlier: Any) -> Any:
    if is_on_cluster(is_outlier):
        return is_outlier.astype(np.int64)
    return cast(is_outlier, np.int64)


def _in_memory(scores: Any) -> Array:
    return np.asarray(computed(to_numpy(scores)), dtype=np.float64)


def _threshold(
    scores: Array, weights: Array, contamination: float | str, precision: float
) -> float:
    """Return the score below which samples are outliers.

    ``precision`` is that of the reconstructions.
    """
    if not isinstance(contamination, str):
        return _quantile(scores, weights, float(contamination))
    roots = np.cbrt(-scores)
    low, high = (_quantile(roots, weights, q) for q in (0.25, 0.75))
    # If most samples are equal, rounding must not put the threshold above them. Errors
    # are small differences, in which few digits are right.
    slack = math.sqrt(precision)
    return -(1 + slack) * float((high + WHISKER * (high - low)) ** 3)


def _quantile(values: Array, weights: Array, q: float) -> float:
    """Return the weighted quantile: between two values, their mean.

    A fraction q of the weights is below it, but for ties. A weight of 2 is the same as
    repeating the value.
    """
    order = np.argsort(values)
    values, weights = values[order], weights[order]
    totals = np.cumsum(weights[weights > 0])
    values = values[weights > 0]
    slack = len(values) * np.finfo(np.float64).eps * totals[-1]
    rank = q * totals[-1]
    below, above = np.searchsorted(totals, [rank - slack, rank + slack], side="left")
    last = len(values) - 1
    return float(np.mean([values[min(below, last)], values[min(above, last)]]))
