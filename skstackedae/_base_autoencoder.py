"""The base class of autoencoders: codes, reconstructions, and how good they are."""

from collections.abc import Sequence
from contextlib import closing
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import check_is_fitted

from . import _input_checks as checks
from ._array_api import (
    Array,
    Weights,
    array_namespace,
    cast,
    compute_dtype,
    dtype_of,
    to_numpy,
)
from ._base import BaseNetwork, RowFunction
from ._network.activations import IDENTITY
from ._network.layers import Layer, forward_output
from ._network.losses import (
    RECONSTRUCTION_LOSSES,
    ObservedEntries,
    ReconstructionLoss,
)
from ._network.sparse_codes import sparse_output
from ._rows.blocks import without_fp_warnings
from ._rows.cluster import computed, is_on_cluster
from ._rows.feature_maps import fill_missing
from ._rows.preparation import prepare_rows
from ._rows.rows import rows_of
from ._rows.threads import Threads
from ._training.diagnostics import diagnose
from ._training.propagation import place


class BaseAutoencoder(BaseNetwork):
    """A network whose lower layers encode, and whose upper layers decode.

    Abstract: the estimators add training.
    """

    loss_function_: str

    def transform(self, X: Any) -> Any:
        """Encode samples.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            Activations of the hidden units; in a stack, those of the innermost layer. A
            sparse array (CSR) with ``sparse_output=True``.
        """
        layers = self._layers()[: self._n_encoders]
        X = self._validated(X)
        checks.check_same_place(self, X, "transform")
        if not getattr(self, "sparse_output", False):
            return self._map_features(forward_output, X, layers)
        checks.check_can_be_sparse(X)
        return self._map_features(sparse_output, X, layers)

    def inverse_transform(self, X: Any) -> Any:
        """Decode activations of the hidden units.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_components)
            Activations, as `transform` returns them.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Reconstructed samples.
        """
        H = self._validated_features(X)
        checks.check_same_place(self, H, "inverse_transform")
        decoders = self._layers()[self._n_encoders :]
        if issparse(H) and getattr(self, "sparse_output", False):
            # The product takes the nonzero entries alone.
            H = H.astype(compute_dtype(H.dtype), copy=False)
            return without_fp_warnings(forward_output, H, decoders)
        return self._map_rows(forward_output, H, decoders)

    def score_samples(self, X: Any) -> Array:
        """Score how well each sample is reconstructed; anomalies have low scores.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            Negative reconstruction loss of each sample (half the squared distance, or
            the cross-entropy), without penalties. Missing entries have no loss.
        """
        return self._losses(_row_scores, X, "score_samples")

    def reconstruction_errors(self, X: Any) -> Array:
        """Return the reconstruction loss of each entry, to see which features are off.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Contribution of each feature to minus `score_samples`: half the squared
            error, or the cross-entropy; 0 for missing entries.
        """
        return self._losses(_entry_losses, X, "reconstruction_errors")

    def _losses(self, function: RowFunction, X: Any, method: str) -> Array:
        *layers, output = self._layers()
        loss = RECONSTRUCTION_LOSSES[self.loss_function_](output.activation)
        X = self._validated(X)
        checks.check_same_place(self, X, method)
        layers = [*layers, output._replace(activation=IDENTITY)]
        means, scales = (
            getattr(self, name, None) for name in ("feature_means_", "feature_scales_")
        )
        if means is not None:
            loss = ObservedEntries(loss)
        return self._map_rows(function, X, layers, loss, means, scales)

    @checks.available_if(checks.check_fills_missing)
    def impute(self, X: Any) -> Array:
        """Replace missing entries by their reconstructions.

        Requires ``missing_values=np.nan``.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples; missing entries are NaN.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            The samples without missing entries. Observed entries are unchanged.
        """
        layers, X = self._layers(), self._validated(X)
        checks.check_same_place(self, X, "impute")
        return self._map_rows(_imputed, X, layers, self.feature_means_)

    def score(self, X: Any, y: object = None, sample_weight: Weights = None) -> float:
        """Return the mean of `score_samples`; higher is better.

        The score does not include the penalties, so a search that maximizes the score
        favors models without sparsity.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.

        y : None
            Not used, present for API consistency by convention.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples in the mean.

        Returns
        -------
        float
            Weighted mean of the samples' scores.
        """
        scores = computed(to_numpy(self.score_samples(X)))
        weights = checks.check_sample_weight(sample_weight, scores)
        return float(np.average(scores, weights=weights))

    def diagnose(self, X: Any, sample_weight: Weights = None) -> dict[str, Any]:
        """Measure how well samples are reconstructed, and how many units are inactive.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        dict
            `mean_activations` and `std_activations`, ndarrays of shape
            (n_components,): weighted mean and standard deviation of each unit over the
            samples; in a stack, of the units of the innermost layer. `dead` and
            `saturated`, floats: fraction of these units that hardly vary, compared with
            their range or, without a bounded range, by what they add to the
            reconstructions. Dead units are in the lower half of their range, add
            nothing, or are never on; saturated units always add the same.
            `mean_active`, float: mean number of units that are not 0 in a sample.
            `explained_variance`, float: 1 minus the squared error of the
            reconstructions divided by the variance of the samples.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from skstackedae import SparseAutoencoder
        >>> X = load_digits().data / 16
        >>> model = SparseAutoencoder(
        ...     25, alpha=1e-3, sparsity_weight=0.1, random_state=0
        ... ).fit(X)
        >>> model.diagnose(X)["dead"]
        0.0
        """
        check_is_fitted(self)
        # Chunks of a dask X stay where they are, as in training.
        X = self._validated(X, trains=is_on_cluster(X))
        checks.check_same_place(self, X, "diagnose")
        weights = checks.check_sample_weight(sample_weight, X)
        with closing(Threads(self.n_jobs)) as threads, threads:
            dtype, layers = self._common_dtype(X), self._layers()
            rows = prepare_rows(
                rows_of(X, None, weights, threads, dtype), canonical=False
            )
            width = X.shape[1] + sum(b.shape[0] for b in self.intercepts_)
            rows = rows.cut_for(width)
            rows = rows.with_feature_map(self._previous_map())
            if dtype is not None:
                layers = [place(layer, rows) for layer in layers]
            return diagnose(rows, layers, self._n_encoders)


def _row_scores(
    X: Array,
    layers: Sequence[Layer],
    loss: ReconstructionLoss,
    means: Array | None,
    scales: Array | None,
) -> Array:
    if scales is None:
        return -loss.row_losses(_reconstruction(X, layers, means), X)
    losses = _entry_losses(X, layers, loss, means, scales)
    return -array_namespace(losses).sum(losses, axis=1)


def _entry_losses(
    X: Array,
    layers: Sequence[Layer],
    loss: ReconstructionLoss,
    means: Array | None,
    scales: Array | None,
) -> Array:
    losses = loss.entry_losses(_reconstruction(X, layers, means), X)
    if scales is not None:
        losses /= cast(scales * scales, dtype_of(losses))
    return losses


def _reconstruction(X: Array, layers: Sequence[Layer], means: Array | None) -> Array:
    return forward_output(X if means is None else fill_missing(X, means), layers)


def _imputed(X: Array, layers: Sequence[Layer], means: Array) -> Array:
    xp = array_namespace(X)
    return xp.where(xp.isnan(X), _reconstruction(X, layers, means), X)
