"""The sparse autoencoder as a transformer."""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from . import _input_checks as checks
from ._array_api import Array
from ._base import TRAINING_CONSTRAINTS, BaseNetwork, fitting, network_attributes
from ._network.activations import ACTIVATIONS, IDENTITY
from ._network.layers import Layer, forward_output
from ._network.losses import RECONSTRUCTION_LOSSES, ReconstructionLoss
from ._rows.preparation import prepare_rows
from ._rows.rows import rows_of
from ._rows.threads import Threads
from ._training.autoencoder import (
    AutoencoderSettings,
    train_autoencoder,
    train_autoencoder_epoch,
)
from ._training.callbacks import Task
from ._training.diagnostics import diagnose
from ._training.stage import warn_unconverged


class SparseAutoencoder(BaseNetwork):
    r"""Sparse autoencoder: one hidden layer that learns to reconstruct its input.

    A Kullback-Leibler penalty holds the mean activation of every hidden unit near
    `sparsity_target`, so that each unit learns a feature that few samples have. The
    hidden activations are the transformed data.

    Minimizes, for samples :math:`x_i` with weights :math:`w_i` that sum to 1 [1]_,

    .. math::
        \sum_i w_i \tfrac{1}{2} \|\hat x_i - x_i\|^2
        + \tfrac{\alpha}{2} (\|W_1\|^2 + \|W_2\|^2)
        + \beta \sum_j \mathrm{KL}(\rho \| \hat\rho_j)

    with `alpha` = :math:`\alpha`, `sparsity_weight` = :math:`\beta` and
    `sparsity_target` = :math:`\rho`. Biases are not decayed.

    Parameters
    ----------
    n_components : int, default=100
        Number of hidden units.

    activation : {'logistic', 'tanh', 'relu', 'identity'}, default='logistic'
        Activation of the hidden units. 'relu' and 'identity' units have no bounded
        range, so that the sparsity penalty has no meaning for them: they need
        ``sparsity_weight=0``.

    decoder_activation : {'logistic', 'tanh', 'relu', 'identity'}, default='logistic'
        Activation of the output units. Its range must hold the data: [0, 1] for
        'logistic', [-1, 1] for 'tanh'; 'identity' reconstructs any data.

    loss : {'squared_error', 'log_loss'}, default='squared_error'
        Loss of a reconstruction: half its squared distance to the sample, or the
        cross-entropy :math:`-\sum_j x_j \log \hat x_j + (1 - x_j) \log(1 - \hat x_j)`,
        which needs data in [0, 1] and ``decoder_activation='logistic'``.

    alpha : float, default=1e-4
        Weight decay of encoder and decoder.

    sparsity_target : float, default=0.1
        Mean activation that the penalty asks of each hidden unit, as a part of the
        unit's range, in (0, 1).

    sparsity_weight : float, default=3.0
        Weight of the sparsity penalty; 0 turns it off.

    corruption : float, default=0.0
        Part of the entries of X that are set to 0 while the rest is to tell what they
        were: masking noise [2]_, in [0, 1). 'adam' draws it anew for each mini-batch,
        'lbfgs' once for each fit, because it needs a function that stays the same.

    tied_weights : bool, default=False
        Whether the decoder's weights are the encoder's, transposed.

    solver : {'lbfgs', 'adam'}, default='lbfgs'
        'lbfgs' uses all rows in each iteration; 'adam' uses mini-batches. With
        'lbfgs', weighting rows and repeating them give identical models up to 1024
        rows (repeated ones counted) and 2**20 entries of X.

    max_iter : int, default=200
        Maximum number of iterations ('lbfgs') or epochs ('adam').

    tol : float, default=1e-2
        Training ends when the loss has fallen by no more than this part of itself
        over the last `n_iter_no_change` iterations or epochs.

    n_iter_no_change : int, default=10
        Number of iterations or epochs that `tol` looks back.

    batch_size : int or 'auto', default='auto'
        Rows in a mini-batch of 'adam'; 'auto' is ``min(200, n_samples)``.

    learning_rate : {'constant', 'linear'}, default='constant'
        Schedule of the step length of 'adam': 'linear' falls to 0 over `max_iter`
        epochs.

    learning_rate_init : float, default=0.001
        Step length of 'adam' in the beginning.

    shuffle : bool, default=True
        Whether 'adam' draws the rows of mini-batches in a new order in each epoch.

    early_stopping : bool, default=False
        Whether to hold out a part of the rows, and to end training when their
        reconstruction no longer gets better, instead of when the loss does not; the
        weights that reconstruct them best are kept.

    validation_fraction : float, default=0.1
        Part of the rows that `early_stopping` holds out, in (0, 1).

    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the fit before; features,
        `n_components`, activations and `tied_weights` must be the same.

    random_state : int, RandomState instance or None, default=None
        Draws the initial weights and the order of mini-batches. Pass an int for
        results that can be repeated.

    n_jobs : int or None, default=None
        Number of threads over blocks of rows. None means as many as BLAS may use
        (not 1, as elsewhere in scikit-learn), but 1 inside of a joblib worker or
        beside another fit in the same process. Results do not depend on it.

    verbose : int, default=0
        1 prints a line at the end of training, 2 a line for each iteration.

    Attributes
    ----------
    coefs_ : list of 2 ndarrays, (n_features, n_components) and its transposed shape
        Weights of encoder and decoder, in the precision of the data.

    intercepts_ : list of 2 ndarrays of shape (n_components,) and (n_features,)
        Biases of encoder and decoder.

    activations_ : list of 1 str
        Activation of the hidden units.

    out_activation_ : str
        Activation of the output units.

    loss_function_ : str
        The `loss` that was fitted, by which samples are scored.

    components_ : ndarray of shape (n_components, n_features)
        Weights of each hidden unit: the encoder's, transposed.

    mean_activations_ : ndarray of shape (n_components,)
        Weighted mean activation of each hidden unit over the training rows, as a
        part of the unit's range where that is bounded; what the penalty compares
        with `sparsity_target`. float64.

    loss_ : float
        Loss at the end of training, penalties included; for 'adam' the mean over the
        last epoch, in which the weights still moved.

    loss_curve_ : list of float
        Loss after each iteration or, for 'adam', over each epoch.

    n_iter_ : int
        Number of iterations or epochs.

    validation_scores_ : list of float or None
        With `early_stopping`, the mean of `score_samples` of the held-out rows after
        each iteration or epoch.

    best_validation_score_ : float or None
        The highest of them: that of the weights that were kept.

    n_features_in_ : int
        Number of features seen during `fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`, if all were strings.

    See Also
    --------
    StackedAutoencoderClassifier : Several of these, with a classifier on top.
    sklearn.neural_network.BernoulliRBM : Learns binary features from the same data.
    sklearn.decomposition.PCA : The best linear reconstruction.

    References
    ----------
    .. [1] A. Ng, "Sparse autoencoder", CS294A lecture notes, Stanford University, 2011.
    .. [2] P. Vincent et al., "Stacked Denoising Autoencoders", Journal of Machine
       Learning Research 11, 2010.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skstackedae import SparseAutoencoder
    >>> X = load_digits().data / 16
    >>> autoencoder = SparseAutoencoder(
    ...     25, alpha=1e-3, sparsity_weight=0.1, random_state=0
    ... )
    >>> autoencoder.fit_transform(X).shape
    (1797, 25)
    >>> reconstructed = autoencoder.inverse_transform(autoencoder.transform(X))
    >>> reconstructed.shape
    (1797, 64)
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "decoder_activation": [StrOptions(set(ACTIVATIONS))],
        "loss": [StrOptions(set(RECONSTRUCTION_LOSSES))],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "sparsity_target": [Interval(Real, 0, 1, closed="neither")],
        "sparsity_weight": [Interval(Real, 0, None, closed="left")],
        "corruption": [Interval(Real, 0, 1, closed="left")],
        "tied_weights": ["boolean"],
        **TRAINING_CONSTRAINTS,
    }

    mean_activations_: Array
    loss_function_: str

    def __init__(
        self,
        n_components: int = 100,
        *,
        activation: str = "logistic",
        decoder_activation: str = "logistic",
        loss: str = "squared_error",
        alpha: float = 1e-4,
        sparsity_target: float = 0.1,
        sparsity_weight: float = 3.0,
        corruption: float = 0.0,
        tied_weights: bool = False,
        solver: str = "lbfgs",
        max_iter: int = 200,
        tol: float = 1e-2,
        n_iter_no_change: int = 10,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        shuffle: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        warm_start: bool = False,
        random_state: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.activation = activation
        self.decoder_activation = decoder_activation
        self.loss = loss
        self.alpha = alpha
        self.sparsity_target = sparsity_target
        self.sparsity_weight = sparsity_weight
        self.corruption = corruption
        self.tied_weights = tied_weights
        self.solver = solver
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.shuffle = shuffle
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn to reconstruct X.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples. float32 is kept, other types become float64. Sparse data are made
            dense block by block.

        y : None
            Ignored; there for scikit-learn's interface.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples, not negative; None weighs all alike.

        Returns
        -------
        SparseAutoencoder
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or the weights are not valid, if parameters do not go together, or if
            the loss does not stay finite. The estimator is then as it was before.
        """
        settings = AutoencoderSettings.from_parameters(self.get_params(deep=False))
        settings.check()
        task = Task.begin_fit(
            self, self.max_iter, X=X, y=y, sample_weight=sample_weight
        )
        goes_on = self._is_warm_start()
        with fitting(self) as fitted:
            X = fitted._validated(X, reset=not goes_on)
            weights = checks.check_sample_weight(sample_weight, X)
            with Threads(self.n_jobs) as threads:
                rows = rows_of(X, None, weights, threads)
                trained = train_autoencoder(
                    prepare_rows(rows, canonical=self.solver == "lbfgs"),
                    settings,
                    self._stage("sparse autoencoder"),
                    check_random_state(self.random_state),
                    task=task,
                    initial=self._previous_layers() if goes_on else None,
                    fitted_attributes=lambda layers: {
                        **vars(fitted),
                        **fitted_attributes(fitted, layers),
                    },
                )
            set_layers(fitted, trained.layers, trained.mean_activations)
            fitted._set_record(trained.record)
            warn_unconverged([trained.record], self.max_iter)
            task.end(lambda: dict(vars(fitted)))
        return self

    @available_if(checks.supports_partial_fit)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Go over these samples once; for data that come in parts.

        Needs ``solver='adam'``, whose moments are kept from call to call. The loss of
        each call's pass goes into `loss_curve_`, and `mean_activations_` are those of
        the last call's samples. Callbacks are not called.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples. The first call decides on their number of features and precision.

        y : None
            Ignored; there for scikit-learn's interface.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of these samples among each other; None weighs all alike.

        Returns
        -------
        SparseAutoencoder
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or the weights are not valid, if parameters do not go together or have
            changed the network's form, if ``early_stopping=True``, or if the loss does
            not stay finite. The estimator is then as it was before.
        """
        settings = AutoencoderSettings.from_parameters(self.get_params(deep=False))
        settings.check()
        checks.check_partial_fit_params(self)
        goes_on = hasattr(self, "coefs_")
        with fitting(self) as fitted:
            X = fitted._validated(X, reset=not goes_on)
            weights = checks.check_sample_weight(sample_weight, X)
            dtype = self.coefs_[0].dtype if goes_on else None
            n_passes = self.n_iter_ if goes_on else 0
            with Threads(self.n_jobs) as threads:
                rows = rows_of(X, None, weights, threads, dtype)
                layers, mean, loss, adam_state = train_autoencoder_epoch(
                    prepare_rows(rows, canonical=False),
                    settings,
                    self._stage("sparse autoencoder"),
                    checks.random_state_of_pass(self.random_state, n_passes),
                    adam_state=getattr(self, "_adam_state", None),
                    initial=self._previous_layers() if goes_on else None,
                )
            set_layers(fitted, layers, mean)
            fitted._set_epoch(loss, adam_state)
            fitted.validation_scores_ = fitted.best_validation_score_ = None
        return self

    def transform(self, X: Any) -> Any:
        """Encode samples.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            Activations of the hidden units.
        """
        check_is_fitted(self)
        return self._map_rows(forward_output, self._validated(X), self._layers()[:1])

    def inverse_transform(self, X: Any) -> Any:
        """Decode activations of the hidden units.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Activations of the hidden units, as `transform` returns them.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Reconstructed samples.
        """
        H = self._validated_features(X)
        return self._map_rows(forward_output, H, self._layers()[1:])

    def score_samples(self, X: Any) -> Array:
        """Score how well each sample is reconstructed; low scores are anomalies.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            Minus the loss of each sample's reconstruction (half the squared distance,
            or the cross-entropy), without penalties.
        """
        check_is_fitted(self)
        encoder, decoder = self._layers()
        loss = RECONSTRUCTION_LOSSES[self.loss_function_](decoder.activation)
        layers = [encoder, decoder._replace(activation=IDENTITY)]
        return self._map_rows(_reconstruction_scores, self._validated(X), layers, loss)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the mean of `score_samples`; higher is better.

        It holds no penalties: a search that maximizes it favors models without
        sparsity.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.

        y : None
            Ignored; there for scikit-learn's interface.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples in the mean.

        Returns
        -------
        float
            Weighted mean of the samples' scores.
        """
        scores = self.score_samples(X)
        weights = checks.check_sample_weight(sample_weight, scores)
        # Divided first, because the sum of huge weights may overflow.
        return float(np.average(scores, weights=weights / weights.max()))

    def diagnose(self, X: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Tell how well samples are reconstructed, and which units do any work.

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
            samples; `dead` and `saturated`, floats: part of the units that are the
            same for nearly all samples, in the lower and in the upper half of their
            range; `explained_variance`, float: 1 less the squared error of the
            reconstructions over the variance of the samples.

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
        X = self._validated(X)
        weights = checks.check_sample_weight(sample_weight, X)
        with Threads(self.n_jobs) as threads:
            rows = prepare_rows(rows_of(X, None, weights, threads), canonical=False)
            rows = rows.cut_for(2 * X.shape[1] + self._n_features_out)
            return diagnose(rows, *self._layers())

    @property
    def components_(self) -> Array:
        """Weights of each hidden unit, of shape (n_components, n_features)."""
        return self.coefs_[0].T

    def _previous_layers(self) -> list[Layer]:
        """Return the layers of the fit before, if they still fit the parameters."""
        encoder, decoder = self.coefs_
        tied = np.array_equal(encoder.T, decoder)
        names = "n_components", "activation", "decoder_activation", "tied_weights"
        before = self._n_features_out, *self.activations_, self.out_activation_, tied
        checks.check_unchanged({name: getattr(self, name) for name in names}, before)
        return self._layers()


def fitted_attributes(
    autoencoder: SparseAutoencoder, layers: Sequence[Layer]
) -> dict[str, Any]:
    """Return the attributes that make a fitted autoencoder of encoder and decoder."""
    return {
        **network_attributes(layers, layers[1].activation.name),
        "loss_function_": autoencoder.loss,
        "n_features_in_": len(layers[0].W),
    }


def set_layers(
    autoencoder: SparseAutoencoder, layers: Sequence[Layer], mean_activations: Array
) -> None:
    """Make a fitted autoencoder of encoder and decoder."""
    for name, value in fitted_attributes(autoencoder, layers).items():
        setattr(autoencoder, name, value)
    autoencoder.mean_activations_ = mean_activations


def _reconstruction_scores(
    X: Array, layers: list[Layer], loss: ReconstructionLoss
) -> Array:
    return -loss.row_losses(forward_output(X, layers), X)
