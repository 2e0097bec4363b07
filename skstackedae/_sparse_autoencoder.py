"""The sparse autoencoder as a transformer."""

from collections.abc import Sequence
from contextlib import closing
from numbers import Real
from typing import Any, Self

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, RealNotInt, StrOptions

from . import _input_checks as checks
from ._array_api import Array, Weights, array_like, dtype_of, to_numpy
from ._base import TRAINING_CONSTRAINTS, fitting, network_attributes
from ._base_autoencoder import BaseAutoencoder
from ._network.activations import ACTIVATIONS, activation_of
from ._network.layers import Layer
from ._network.losses import RECONSTRUCTION_LOSSES
from ._rows.feature_maps import FeatureMap
from ._rows.preparation import prepare_rows
from ._rows.rows import rows_of
from ._rows.threads import Threads
from ._training.autoencoder import (
    AutoencoderSettings,
    train_autoencoder,
    train_autoencoder_epoch,
)
from ._training.callbacks import Task
from ._training.settings import from_parameters
from ._training.stage import warn_diverged


class SparseAutoencoder(BaseAutoencoder):
    r"""Sparse autoencoder: one hidden layer that learns to reconstruct its input.

    By default, a Kullback-Leibler penalty keeps the mean activation of each hidden unit
    close to `sparsity_target`, so each unit learns a feature that only a few samples
    have. `transform` returns the activations of the hidden units.

    For samples :math:`x_i` with weights :math:`w_i` that sum to 1, the autoencoder
    minimizes [1]_

    .. math::
        \sum_i w_i \tfrac{1}{2} \|\hat x_i - x_i\|^2
        + \tfrac{\alpha}{2} (\|W_1\|^2 + \|W_2\|^2)
        + \beta \sum_j \mathrm{KL}(\rho \| \hat\rho_j)

    with `alpha` = :math:`\alpha`, `sparsity_weight` = :math:`\beta` and
    `sparsity_target` = :math:`\rho`. Biases are not decayed. `sparsity` replaces the
    last term by an L1 penalty, or by a fixed number of units that are on.

    Parameters
    ----------
    n_components : int, default=100
        Number of hidden units, which is the number of features that `transform`
        returns.

    activation : {'logistic', 'tanh', 'relu', 'identity'}, default='logistic'
        Activation function of the hidden units. The 'kl' penalty is defined only for
        units with a bounded range, so 'relu' and 'identity' require another `sparsity`,
        or ``sparsity_weight=0``.

    decoder_activation : {'logistic', 'tanh', 'relu', 'identity'}, default='logistic'
        Activation function of the output units. The data must lie in its range: [0, 1]
        for 'logistic', [-1, 1] for 'tanh', 0 or more for 'relu'. 'identity'
        reconstructs any data.

    loss : {'squared_error', 'log_loss'}, default='squared_error'
        Loss of a reconstruction: half its squared distance to the sample, or the
        cross-entropy :math:`-\sum_j x_j \log \hat x_j + (1 - x_j) \log(1 - \hat x_j)`.
        'log_loss' requires data in [0, 1] and ``decoder_activation='logistic'``.

    alpha : float, default=1e-4
        Strength of the L2 penalty (weight decay) on the weights of encoder and decoder.
        Larger values regularize more.

    sparsity : {'kl', 'l1', 'top_k'}, default='kl'
        What makes activations sparse. 'kl': the Kullback-Leibler penalty on the mean
        activation of each unit. 'l1': a penalty on the sum of the absolute activations
        of each sample, each times the norm of the decoder's weights of its unit [5]_.
        'top_k': in each sample, only the units with the largest inputs are on; the
        others are exactly 0 [3]_. Units of any range can be used with 'l1' and 'top_k';
        relu units suit them.

    sparsity_target : float or int, default=0.1
        With 'kl', the desired mean activation of each hidden unit, as a fraction of the
        unit's range, a float in (0, 1). The penalty pulls the mean activations toward
        this value. With 'top_k', how many units are on in each sample: an int is their
        number, at most `n_components`; a float in (0, 1) is their fraction, so that
        ``max(1, round(sparsity_target * n_components))`` are on. Not used with 'l1'.

    sparsity_weight : float, default=3.0
        Weight of the sparsity penalty in the loss. 0 turns the penalty off. Not used
        with 'top_k'.

    idle_weight : float, default=0.0
        With ``sparsity='top_k'``, weight of a loss that keeps units from becoming
        useless: the loss of reconstructions by the units that are on and, in addition,
        by as many of the units that are off in all rows of the mini-batch, which learn
        to reconstruct what the others leave [4]_. 0 turns it off; 0.1 is a good value
        if :meth:`diagnose` reports many dead units. It takes time as long as many units
        are idle. Requires ``solver='adam'``.

    normalize_decoder : bool, default=False
        Whether the weights of the decoder that belong to a hidden unit are scaled to
        norm 1 after each step of 'adam', so that activations of different units can be
        compared. Requires ``solver='adam'`` and ``tied_weights=False``.

    corruption : float, default=0.0
        Fraction of the entries of X that are corrupted, in [0, 1); the network learns
        to restore them from the rest [2]_. The seed, the mini-batch and the row
        determine which entries are corrupted: 'adam' corrupts different entries in
        every mini-batch, 'lbfgs' corrupts the same entries during the whole fit,
        because it cannot minimize a function that changes.

    corruption_kind : {'masking', 'salt_and_pepper'}, default='masking'
        How entries are corrupted: 'masking' sets them to 0 (or to the mean of the
        feature, if `missing_values` is NaN or `standardize` is True),
        'salt_and_pepper' sets each of them to the smallest or the largest value in X,
        each with probability 1/2 [2]_. X here means the training rows of `fit`, or the
        rows that are passed to `partial_fit`.

    emphasis : float, default=0.0
        How much the loss emphasizes corrupted entries, in [0, 1] [2]_. Corrupted
        entries have weight 1, the other entries have weight ``1 - emphasis``; with 1,
        only corrupted entries count. Only used if `corruption` is not 0.

    tied_weights : bool, default=False
        Whether the decoder uses the transposed weights of the encoder.

    standardize : bool, default=False
        Whether training standardizes the features: each is centered and divided by its
        standard deviation over the training rows, and the loss is that of the
        standardized features. After training, the weights are converted, so that
        `transform` and `inverse_transform` use X in its own units. Requires
        ``decoder_activation='identity'``.

    missing_values : nan or None, default=None
        Placeholder of missing entries of X. None means that X has no missing entries.
        With ``np.nan``, the network sees the mean of the feature instead of a missing
        entry, and the loss counts only the observed entries. X is then in memory or on
        disk. `impute` fills missing entries.

    sparse_output : bool, default=False
        Whether `transform` returns a sparse matrix (CSR), which has only the nonzero
        activations: of relu units, or with ``sparsity='top_k'``. X is then in memory or
        on disk.

    solver : {'lbfgs', 'adam'}, default='lbfgs'
        Solver for weight optimization. 'lbfgs' uses all rows in each iteration, 'adam'
        uses mini-batches. With 'lbfgs', weighting a row by 2 and repeating it give
        identical models if X has at most 1024 rows (including repeated rows) and 2**20
        entries.

    max_iter : int, default=400
        Maximum number of iterations ('lbfgs') or epochs ('adam'). Training stops
        earlier if the loss has converged.

    tol : float, default=1e-2
        Relative tolerance for the optimization. Training stops when the loss has not
        fallen by more than this fraction over the last `n_iter_no_change` iterations or
        epochs.

    n_iter_no_change : int or inf, default=10
        Number of iterations or epochs over which the loss must fall by more than `tol`.
        ``np.inf`` disables this rule: training makes `max_iter` iterations, without a
        warning.

    batch_size : int or 'auto', default='auto'
        Number of rows per mini-batch of 'adam'. 'auto' means ``min(200, n_samples)``.

    learning_rate : {'constant', 'linear'}, default='constant'
        Learning rate schedule of 'adam'. 'constant' stays at `learning_rate_init`,
        'linear' falls from there to 0 over `max_iter` epochs. With 'linear', the
        training loss does not end training early; only validation rows can.

    learning_rate_init : float, default=0.001
        Initial learning rate of 'adam'. It controls the size of the steps.

    shuffle : bool, default=True
        Whether to shuffle the samples in each epoch of 'adam'.

    early_stopping : bool, default=False
        Whether to use early stopping. If True, `fit` sets aside `validation_fraction`
        of the rows, stops when their reconstruction no longer improves, and keeps the
        weights that reconstruct them best. If False, training stops when the training
        loss no longer improves.

    validation_fraction : float, default=0.1
        Fraction of the rows to set aside as validation rows for early stopping, in
        (0, 1). Only used if `early_stopping` is True.

    warm_start : bool, default=False
        When set to True, `fit` reuses the weights of the previous call as
        initialization. The features, `n_components`, the activations and `tied_weights`
        must be the same.

    random_state : int, RandomState instance or None, default=None
        Determines random number generation for the initial weights, the validation
        split, the noise and the order of the mini-batches. Pass an int for
        reproducible results across multiple function calls.

    n_jobs : int or None, default=None
        Number of threads that process blocks of rows. None means the number that
        `joblib.parallel_config` sets. If it sets none, None means the number of threads
        that BLAS may use (unlike elsewhere in scikit-learn, where it means 1), but 1
        inside a joblib worker or while another fit runs in the same process. The number
        of threads does not change the results.

    verbose : int, default=0
        Verbosity level. 0 prints nothing, 1 prints a line at the end of training, 2
        also prints a line for each iteration.

    Attributes
    ----------
    coefs_ : list of 2 ndarrays, (n_features, n_components) and the transposed shape
        Weights of encoder and decoder, in the precision of the computation.

    intercepts_ : list of 2 ndarrays of shape (n_components,) and (n_features,)
        Biases of encoder and decoder.

    activations_ : list of 1 str
        Activation of the hidden units.

    out_activation_ : str
        Activation of the output units.

    loss_function_ : str
        The `loss` of the last fit. `score_samples` uses this loss.

    components_ : ndarray of shape (n_components, n_features)
        Weights of each hidden unit: the transposed weights of the encoder.

    mean_activations_ : ndarray of shape (n_components,)
        Weighted mean activation of each hidden unit over the training rows, as a
        fraction of the unit's range if the range is bounded. The 'kl' penalty keeps it
        close to `sparsity_target`. The dtype is float64.

    feature_means_ : ndarray of shape (n_features,)
        Weighted mean of the observed entries of each feature, which the network sees
        instead of missing entries. A feature without observed entries has 0. Defined
        only if `missing_values` is NaN.

    feature_scales_ : ndarray of shape (n_features,)
        Weighted standard deviation of each feature; 1 if the feature is constant. The
        losses that `score_samples` and `reconstruction_errors` return are those of
        features divided by their scales. Defined only if `standardize` is True.

    loss_ : float
        Loss at the end of training, penalties included. For 'adam', the mean loss over
        the last epoch, during which the weights still change.

    loss_curve_ : list of float
        Loss after each iteration ('lbfgs') or mean loss over each epoch ('adam').

    n_iter_ : int
        Number of iterations or epochs.

    validation_scores_ : list of float or None
        Mean of `score_samples` over the validation rows after each iteration or epoch.
        None without `early_stopping`.

    best_validation_score_ : float or None
        The best of these scores, achieved by the weights that `fit` keeps. None without
        `early_stopping`.

    n_features_in_ : int
        Number of features seen during `fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`. Defined only when `X` has feature names
        that are all strings.

    See Also
    --------
    StackedAutoencoderClassifier : Stacked autoencoders with a softmax classifier.
    sklearn.neural_network.BernoulliRBM : Binary features from data in [0, 1].
    sklearn.decomposition.PCA : The best linear reconstruction.

    References
    ----------
    .. [1] Andrew Ng, "Sparse autoencoder", CS294A lecture notes, Stanford University,
       2011.
    .. [2] Pascal Vincent et al., "Stacked Denoising Autoencoders", Journal of Machine
       Learning Research 11, 2010.
    .. [3] Alireza Makhzani and Brendan Frey, "k-Sparse Autoencoders", International
       Conference on Learning Representations, 2014.
    .. [4] Leo Gao et al., "Scaling and Evaluating Sparse Autoencoders", International
       Conference on Learning Representations, 2025.
    .. [5] Tom Conerly, Adly Templeton, Trenton Bricken, Jonathan Marcus and Tom
       Henighan, "Update on how we train SAEs", Transformer Circuits Thread, April 2024.

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
        "n_components": [checks.COUNT],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "decoder_activation": [StrOptions(set(ACTIVATIONS))],
        "loss": [StrOptions(set(RECONSTRUCTION_LOSSES))],
        "alpha": [checks.PENALTY],
        "sparsity": [StrOptions({"kl", "l1", "top_k"})],
        "idle_weight": [checks.PENALTY],
        "normalize_decoder": ["boolean"],
        "sparse_output": ["boolean"],
        "sparsity_target": [
            Interval(RealNotInt, 0, 1, closed="neither"),
            checks.COUNT,
        ],
        "sparsity_weight": [checks.PENALTY],
        "corruption": [Interval(Real, 0, 1, closed="left")],
        "corruption_kind": [StrOptions({"masking", "salt_and_pepper"})],
        "emphasis": [Interval(Real, 0, 1, closed="both")],
        "tied_weights": ["boolean"],
        "standardize": ["boolean"],
        "missing_values": ["nan", None],
        **TRAINING_CONSTRAINTS,
    }

    mean_activations_: Array

    def __init__(
        self,
        n_components: int = 100,
        *,
        activation: str = "logistic",
        decoder_activation: str = "logistic",
        loss: str = "squared_error",
        alpha: float = 1e-4,
        sparsity: str = "kl",
        sparsity_target: float = 0.1,
        sparsity_weight: float = 3.0,
        idle_weight: float = 0.0,
        normalize_decoder: bool = False,
        corruption: float = 0.0,
        corruption_kind: str = "masking",
        emphasis: float = 0.0,
        tied_weights: bool = False,
        standardize: bool = False,
        missing_values: float | None = None,
        sparse_output: bool = False,
        solver: str = "lbfgs",
        max_iter: int = 400,
        tol: float = 1e-2,
        n_iter_no_change: float = 10,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        shuffle: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.activation = activation
        self.decoder_activation = decoder_activation
        self.loss = loss
        self.alpha = alpha
        self.sparsity = sparsity
        self.sparsity_target = sparsity_target
        self.sparsity_weight = sparsity_weight
        self.idle_weight = idle_weight
        self.normalize_decoder = normalize_decoder
        self.corruption = corruption
        self.corruption_kind = corruption_kind
        self.emphasis = emphasis
        self.tied_weights = tied_weights
        self.standardize = standardize
        self.missing_values = missing_values
        self.sparse_output = sparse_output
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

    @checks.validates_parameters
    def fit(self, X: Any, y: object = None, sample_weight: Weights = None) -> Self:
        """Learn to reconstruct X.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples. The fit computes in float32 if X is float32 or has a type that
            float32 represents exactly (bool, float16, integers of up to 16 bits), and
            in float64 otherwise. Integer arrays are stored as they are and converted
            block by block. Sparse input is densified block by block. Data frames become
            float64 arrays, or float32 arrays if all columns are float32. X may also be
            on disk (`RowsOnDisk`), on a device or on a cluster; see the user guide.

        y : None
            Not used, present for API consistency by convention.

        sample_weight : array-like of shape (n_samples,), default=None
            Nonnegative weights of the samples. If None, all samples have the same
            weight.

        Returns
        -------
        SparseAutoencoder
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or the weights are invalid, if parameters contradict each other, or if
            the loss becomes infinite or NaN. The estimator is then left unchanged.
        """
        settings = from_parameters(AutoencoderSettings, self.get_params(deep=False))
        settings.check()
        task = Task.begin_fit(
            self, self.max_iter, X=X, y=y, sample_weight=sample_weight
        )
        is_warm_start = self._is_warm_start()
        with fitting(self) as fitted:
            X = fitted._validated(X, reset=not is_warm_start, trains=True)
            weights = checks.check_sample_weight(sample_weight, X)
            with closing(Threads(self.n_jobs)) as threads, threads:
                rows = rows_of(X, None, weights, threads)
                trained = train_autoencoder(
                    prepare_rows(rows, canonical=self.solver == "lbfgs"),
                    settings,
                    self._stage("sparse autoencoder"),
                    check_random_state(self.random_state),
                    task=task,
                    initial=self._previous_layers() if is_warm_start else None,
                    fitted_attributes=lambda layers, feature_map: {
                        **vars(fitted),
                        **fitted_attributes(fitted, layers, feature_map),
                    },
                )
            set_layers(
                *(fitted, trained.layers, trained.mean_activations),
                trained.feature_map,
            )
            fitted._set_record(trained.record)
            warn_diverged([trained.record])
            self._warn_unconverged([trained.record])
            task.end(lambda: dict(vars(fitted)))
        return self

    @checks.available_if(checks.check_supports_partial_fit)
    @checks.validates_parameters
    def partial_fit(
        self, X: Any, y: object = None, sample_weight: Weights = None
    ) -> Self:
        """Update the model with a single pass over the data, for incremental learning.

        `partial_fit` requires ``solver='adam'`` and keeps the moments of Adam between
        calls. It is not available with ``learning_rate='linear'`` or
        ``early_stopping=True``, which need the number of epochs. Each call appends its
        loss to `loss_curve_`; `mean_activations_` contains means over the samples of
        the last call. Callbacks are not called.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples. The first call sets the number of features and the precision.

        y : None
            Not used, present for API consistency by convention.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of these samples, relative to each other. If None, all samples have
            the same weight.

        Returns
        -------
        SparseAutoencoder
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or the weights are invalid, if parameters contradict each other or do
            not fit the network of the previous call, or if the loss becomes infinite or
            NaN. The estimator is then left unchanged.
        """
        self._validate_params()
        settings = from_parameters(AutoencoderSettings, self.get_params(deep=False))
        settings.check()
        is_fitted = hasattr(self, "coefs_")
        with fitting(self) as fitted:
            X = fitted._validated(X, reset=not is_fitted, trains=True)
            weights = checks.check_sample_weight(sample_weight, X)
            dtype = dtype_of(self.coefs_[0]) if is_fitted else None
            n_passes = self.n_iter_ if is_fitted else 0
            with closing(Threads(self.n_jobs)) as threads, threads:
                rows = prepare_rows(
                    rows_of(X, None, weights, threads, dtype), canonical=False
                )
                feature_map = self._previous_map() or settings.measure_features(rows)
                layers, mean, loss, adam_state = train_autoencoder_epoch(
                    rows.with_feature_map(feature_map),
                    settings,
                    self._stage("sparse autoencoder"),
                    checks.random_state_of_pass(self.random_state, n_passes),
                    adam_state=getattr(self, "_adam_state", None),
                    initial=self._previous_layers() if is_fitted else None,
                )
            set_layers(fitted, layers, mean, feature_map)
            fitted._set_epoch(loss, adam_state)
            fitted.validation_scores_ = fitted.best_validation_score_ = None
        self._extend_loss_curve()
        return self

    @property
    def components_(self) -> Array:
        """Weights of each hidden unit, of shape (n_components, n_features)."""
        return self.coefs_[0].T

    @property
    def _allows_missing(self) -> bool:
        return self.missing_values is not None

    @property
    def _n_encoders(self) -> int:
        return 1

    def _previous_layers(self) -> list[Layer]:
        """Return the layers of the previous fit; check that they fit the parameters."""
        now, before = map(activation_of, (hidden_activation(self), *self.activations_))
        checks.check_unchanged(
            {
                "n_components": (self.n_components, self._n_features_out),
                "activation": (now.base_name, before.base_name),
                "number of units that are on (sparsity_target)": (
                    now.top_k or "all",
                    before.top_k or "all",
                ),
                "decoder_activation": (self.decoder_activation, self.out_activation_),
                "tied_weights": (self.tied_weights, self._had_tied_weights()),
            }
        )
        return self._layers()

    def _had_tied_weights(self) -> bool:
        tied: bool | None = getattr(self, "_tied_weights", None)
        if tied is None:
            # An older version saved the model, in which only tied weights are equal.
            encoder, decoder = map(to_numpy, self.coefs_)
            tied = np.array_equal(encoder.T, decoder)
        return tied


def hidden_activation(autoencoder: SparseAutoencoder) -> str:
    """Return the name of the activation that the hidden units will have."""
    parameters = autoencoder.get_params(deep=False)
    return from_parameters(AutoencoderSettings, parameters).hidden_activation


def fitted_attributes(
    autoencoder: SparseAutoencoder,
    layers: Sequence[Layer],
    feature_map: FeatureMap | None = None,
) -> dict[str, Any]:
    """Return the fitted attributes of an autoencoder with this encoder and decoder."""
    attributes: dict[str, Any] = {
        **network_attributes(layers, layers[1].activation.name),
        "loss_function_": autoencoder.loss,
        # Weights of encoder and decoder may be equal, but not tied.
        "_tied_weights": bool(autoencoder.tied_weights),
        "n_features_in_": int(layers[0].W.shape[0]),
    }
    if feature_map is not None and feature_map.fills:
        attributes["feature_means_"] = feature_map.mean
    if feature_map is not None and feature_map.scale is not None:
        attributes["feature_scales_"] = feature_map.scale
    return attributes


def set_layers(
    autoencoder: SparseAutoencoder,
    layers: Sequence[Layer],
    mean_activations: Array,
    feature_map: FeatureMap | None = None,
) -> None:
    """Set the fitted attributes of an autoencoder from its encoder and decoder."""
    for name in ("feature_means_", "feature_scales_"):
        autoencoder.__dict__.pop(name, None)
    attributes = fitted_attributes(autoencoder, layers, feature_map)
    for name, value in attributes.items():
        setattr(autoencoder, name, value)
    autoencoder.mean_activations_ = array_like(mean_activations, layers[0].W)
