"""The stacked autoencoder as a regressor."""

from collections.abc import Sequence
from contextlib import closing
from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import check_array, check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_consistent_length

from . import _input_checks as checks
from ._array_api import Array, Weights, dtype_of, to_numpy
from ._base import fitting
from ._base_stacked import STACK_CONSTRAINTS
from ._base_supervised import BaseSupervisedStack
from ._html_repr import stack_block
from ._network.activations import IDENTITY
from ._network.layers import Layer, forward_output
from ._network.losses import Loss, SquaredError
from ._rows.cluster import computed
from ._rows.preparation import prepare_rows, train_validation_split
from ._rows.rows import Rows, rows_of
from ._rows.threads import Threads
from ._sparse_autoencoder import SparseAutoencoder
from ._training.callbacks import Task
from ._training.pseudo_labels import PseudoLabels


class StackedAutoencoderRegressor(RegressorMixin, BaseSupervisedStack):
    r"""Deep regressor that is pretrained layer by layer with sparse autoencoders.

    `fit` runs three stages:

    1. Pretraining: each hidden layer is trained as a :class:`SparseAutoencoder` on the
       activations of the layer below, on all rows.
    2. Training of the output layer, which is linear, on the activations of the last
       hidden layer.
    3. Fine-tuning: backpropagation trains all weights of the network together.

    For samples with weights :math:`w_i` that sum to 1, the last two stages minimize

    .. math::
        \sum_i w_i \tfrac{1}{2} \|\hat y_i - y_i\|^2
        + \tfrac{\alpha}{2} \|W_\mathrm{out}\|^2
        + \tfrac{\alpha_h}{2} \sum_l \|W_l\|^2

    with `alpha` = :math:`\alpha` and `hidden_alpha` = :math:`\alpha_h`. Biases are not
    decayed. The targets should be of order 1: wrap the regressor in a
    :class:`~sklearn.compose.TransformedTargetRegressor` to scale others.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(100, 100)
        Number of units in each hidden layer, from the input up. With ``()`` there are
        no hidden layers: the regressor is a ridge regression.

    autoencoder : SparseAutoencoder, list, 'denoising' or None, default=None
        Prototype of the autoencoders that pretrain the hidden layers, as in
        :class:`StackedAutoencoderClassifier`: a single estimator is cloned for each
        layer; a list must have one entry for each layer, also a fitted autoencoder as
        ``FrozenEstimator(fitted_autoencoder)``. None means ``SparseAutoencoder()``,
        'denoising' an autoencoder with relu units that learns to restore masked
        entries.

    pretrain : bool, default=True
        Whether to pretrain the hidden layers as autoencoders. If False, they start from
        the random weights from which pretraining would start.

    fine_tune : bool, default=True
        Whether to train all layers together at the end. If False, `fit` ends after the
        output layer has been trained.

    alpha : float, default=1e-4
        Strength of the L2 penalty (weight decay) on the weights of the output layer.

    hidden_alpha : float or None, default=1e-4
        Strength of the L2 penalty on the weights of the hidden layers in fine-tuning.
        None means `alpha`. A strong decay of several layers makes a network that
        predicts the mean of the targets for every sample.

    corruption : float, default=0.0
        Fraction of the entries of X that are masked (set to 0) during fine-tuning, in
        [0, 1). The other entries are multiplied by ``1 / (1 - corruption)``, so that
        predictions need no correction. The seed, the mini-batch and the row determine
        which entries are masked: 'adam' masks different entries in every mini-batch,
        'lbfgs' masks the same entries during the whole stage. Pretraining uses the
        `corruption` of the prototype instead.

    dropout : float, default=0.0
        Fraction of the hidden units that are dropped (set to 0) during fine-tuning, in
        [0, 1) [1]_. 'adam' drops different units for each row and mini-batch, and
        multiplies the activations of the kept units by ``1 / (1 - dropout)``, so that
        predictions need no correction. Requires ``solver='adam'``.

    max_norm : float or None, default=None
        Upper limit on the norm of the incoming weights of each hidden unit [1]_. After
        each step of fine-tuning, weights with a larger norm are scaled down to it. None
        means no limit. Requires ``solver='adam'``.

    solver : {'lbfgs', 'adam'}, default='lbfgs'
        Solver for the output layer and for fine-tuning. 'lbfgs' uses all rows in each
        iteration, 'adam' uses mini-batches. If this solver and those of the prototypes
        are 'lbfgs', and X has at most 1024 rows (including repeated rows) and 2**20
        entries, weighting a row by 2 and repeating it give identical models.

    max_iter : int, default=400
        Maximum number of iterations ('lbfgs') or epochs ('adam'). It applies to the
        output layer and to fine-tuning separately.

    tol : float, default=1e-2
        Relative tolerance for the optimization. A stage stops when its loss has not
        fallen by more than this fraction over the last `n_iter_no_change` iterations or
        epochs.

    n_iter_no_change : int or inf, default=10
        Number of iterations or epochs over which the loss must fall by more than `tol`.
        ``np.inf`` disables this rule: each stage makes `max_iter` iterations, without a
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
        Whether to use early stopping in the last stage. If True, `fit` sets aside
        `validation_fraction` of the rows with targets, stops when their loss no longer
        falls, and keeps the weights with the lowest loss. Pretraining uses the
        `early_stopping` of the prototype instead.

    validation_fraction : float, default=0.1
        Fraction of the rows with targets to set aside as validation rows for early
        stopping, in (0, 1). Only used if `early_stopping` is True.

    memory : None, str, path-like or joblib.Memory, default=None
        Cache for pretrained layers. With a cache, a search over parameters of
        fine-tuning pretrains only once for each fold. A cached layer is reused if its
        input, sample weights, prototype and seed are the same. This never happens with
        ``random_state=None``, and with a RandomState instance only if the instance is
        in the same state. `fit` runs any code in the pickles of this folder, so nobody
        else should be able to write to it. If the cache does not work, `fit` raises a
        warning and trains the layers.

    warm_start : bool, default=False
        When set to True, `fit` reuses the network of the previous call as
        initialization and runs only the last stage, without pretraining. The features,
        layer sizes, activations and number of targets must be the same.

    random_state : int, RandomState instance or None, default=None
        Determines random number generation for the seeds of the autoencoders (layer by
        layer), the validation split, the noise and the order of the mini-batches. Pass
        an int for reproducible results across multiple function calls.

    n_jobs : int or None, default=None
        Number of threads that process blocks of rows. None means the number that
        `joblib.parallel_config` sets. If it sets none, None means the number of threads
        that BLAS may use (unlike elsewhere in scikit-learn, where it means 1), but 1
        inside a joblib worker or while another fit runs in the same process. The number
        of threads does not change the results.

    verbose : int, default=0
        Verbosity level. 0 prints nothing, 1 prints a line for each stage, 2 also prints
        a line for each iteration.

    Attributes
    ----------
    autoencoders_ : list of SparseAutoencoder
        The pretrained autoencoder of each hidden layer, as it was before fine-tuning.
        Defined only after pretraining.

    coefs_ : list of ndarray
        Weights of each layer, of shape (n_in, n_out), in the precision of the
        computation.

    intercepts_ : list of ndarray
        Biases of each layer, of shape (n_out,).

    activations_ : list of str
        Activation of each hidden layer.

    loss_ : float
        Loss at the end of the last stage, penalties included. For 'adam', the mean loss
        over the last epoch, during which the weights still change.

    loss_curve_ : list of float
        Loss of the last stage, after each iteration ('lbfgs') or as the mean over each
        epoch ('adam').

    n_iter_ : int
        Number of iterations or epochs of the last stage.

    history_ : list of dict
        One record for each stage that was run, as in
        :class:`StackedAutoencoderClassifier`; `name` is 'pretraining', 'output layer'
        or 'fine-tuning', `accuracy` is None.

    validation_scores_ : list of float or None
        Negative loss of the validation rows (held out, or `X_val`) after each iteration
        or epoch of the last stage. None without validation rows.

    best_validation_score_ : float or None
        The best of these scores, achieved by the weights that `fit` keeps. None without
        validation rows.

    n_layers_ : int
        Number of layers, input and output included.

    n_outputs_ : int
        Number of outputs: one for each target.

    out_activation_ : str
        Activation of the outputs: 'identity'.

    n_features_in_ : int
        Number of features seen during `fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`. Defined only when `X` has feature names
        that are all strings.

    See Also
    --------
    StackedAutoencoderClassifier : The same network below a softmax layer.
    sklearn.neural_network.MLPRegressor : The same network, without pretraining.

    References
    ----------
    .. [1] Nitish Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks
       from Overfitting", Journal of Machine Learning Research 15, 2014.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.compose import TransformedTargetRegressor
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import MinMaxScaler, StandardScaler
    >>> from skstackedae import StackedAutoencoderRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> network = StackedAutoencoderRegressor((20,), alpha=0.01, random_state=0)
    >>> model = TransformedTargetRegressor(
    ...     make_pipeline(MinMaxScaler(), network), transformer=StandardScaler()
    ... )
    >>> model.fit(X, y).score(X, y) > 0.4
    True
    """

    _parameter_constraints: dict[str, Any] = {
        "hidden_alpha": [checks.PENALTY, None],
        "corruption": [Interval(Real, 0, 1, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "max_norm": [Interval(Real, 0, None, closed="neither"), None],
        **STACK_CONSTRAINTS,
    }

    _output_stage = "output layer"

    def __init__(
        self,
        hidden_layer_sizes: ArrayLike = (100, 100),
        *,
        autoencoder: SparseAutoencoder | Sequence[Any] | str | None = None,
        pretrain: bool = True,
        fine_tune: bool = True,
        alpha: float = 1e-4,
        hidden_alpha: float | None = 1e-4,
        corruption: float = 0.0,
        dropout: float = 0.0,
        max_norm: float | None = None,
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
        memory: object = None,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.autoencoder = autoencoder
        self.pretrain = pretrain
        self.fine_tune = fine_tune
        self.alpha = alpha
        self.hidden_alpha = hidden_alpha
        self.corruption = corruption
        self.dropout = dropout
        self.max_norm = max_norm
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
        self.memory = memory
        self.warm_start = warm_start
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    @checks.validates_parameters
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Weights = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Weights = None,
    ) -> Self:
        """Pretrain the hidden layers, train the output layer, fine-tune the network.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples, in all the kinds that :meth:`SparseAutoencoder.fit` takes.

        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets. Rows of NaN have no targets and are only used for pretraining.

        sample_weight : array-like of shape (n_samples,), default=None
            Nonnegative weights of the samples in all stages. If None, all samples have
            the same weight.

        X_val : array-like or sparse matrix of shape (n_val, n_features), default=None
            Validation samples for early stopping of the last stage. With them, `fit`
            stops early even if `early_stopping` is False, and sets aside no rows of X.

        y_val : array-like of shape (n_val,) or (n_val, n_targets), default=None
            Targets of `X_val`.

        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the samples in `X_val`.

        Returns
        -------
        StackedAutoencoderRegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            If data or weights are invalid, if parameters contradict each other, or if
            the loss becomes infinite or NaN. The estimator is then left unchanged.
        """
        self._check_solver()
        task = Task.begin_fit(
            self, self._n_stages(), X=X, y=y, sample_weight=sample_weight
        )
        is_warm_start = self._is_warm_start()
        with fitting(self) as fitted:
            given = fitted._validated_rows(X, y, sample_weight, is_warm_start)
            random_state = check_random_state(self.random_state)
            with closing(Threads(self.n_jobs)) as threads, threads:
                rows = _rows_with_targets(*given, threads)
                held_out = fitted._validation_rows(
                    X_val, y_val, sample_weight_val, threads, rows
                )
                fitted._train(rows, held_out, random_state, task)
            task.end(lambda: dict(vars(fitted)))
        return self

    @checks.available_if(checks.check_supports_partial_fit)
    @checks.validates_parameters
    def partial_fit(self, X: Any, y: Any, sample_weight: Weights = None) -> Self:
        """Update the model with a single pass over the data, for incremental learning.

        `partial_fit` requires ``solver='adam'`` and keeps the moments of Adam between
        calls. It is not available with ``learning_rate='linear'`` or
        ``early_stopping=True``. The first call pretrains the hidden layers on its
        samples, with the solver of the prototype. Every call then makes one pass of
        fine-tuning (or of training the output layer if ``fine_tune=False``) over its
        samples with targets and appends its loss to `loss_curve_`. `history_` has the
        records of pretraining.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples. The first call sets the number of features and the precision.

        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets. Rows of NaN have no targets.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of these samples, relative to each other. If None, all samples have
            the same weight.

        Returns
        -------
        StackedAutoencoderRegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            If data or weights are invalid, if parameters contradict each other or do
            not fit the network of the previous call, or if the loss becomes infinite or
            NaN. The estimator is then left unchanged.
        """
        self._validate_params()
        is_fitted = hasattr(self, "coefs_")
        with fitting(self) as fitted:
            given = fitted._validated_rows(X, y, sample_weight, is_fitted)
            dtype = dtype_of(self.coefs_[0]) if is_fitted else None
            n_passes = self.n_iter_ if is_fitted else 0
            random_state = checks.random_state_of_pass(self.random_state, n_passes)
            with closing(Threads(self.n_jobs)) as threads, threads:
                rows = _rows_with_targets(*given, threads, dtype)
                fitted._partial_fit(rows, random_state, is_fitted)
        self._extend_loss_curve()
        return self

    def predict(self, X: Any) -> Array:
        """Predict the targets.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
            The predicted targets; one dimension if there is one target.
        """
        # An unfitted estimator has no number of outputs.
        is_single = getattr(self, "n_outputs_", 1) == 1
        function = _single_output if is_single else forward_output
        return self._apply(function, X, method="predict")

    def score(self, X: Any, y: Any, sample_weight: Weights = None) -> float:
        """Return the coefficient of determination on the samples with targets.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.

        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets; rows of NaN are left out.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        float
            R squared of the predictions, averaged over the targets.
        """
        predicted = computed(to_numpy(self.predict(X)))
        y = _checked_targets(y, "y")
        check_consistent_length(predicted, y)
        has_target = _has_target(y)
        if not has_target.any():
            raise ValueError("No row has a target: y contains only NaN.")
        if sample_weight is not None:
            sample_weight = checks.check_sample_weight(sample_weight, y)[has_target]
        predicted = predicted.reshape(len(y), -1)
        return float(
            r2_score(y[has_target], predicted[has_target], sample_weight=sample_weight)
        )

    @property
    def _loss(self) -> Loss:
        return SquaredError(IDENTITY)

    @property
    def _output_activation(self) -> str:
        return "identity"

    def _n_targets(self) -> int:
        return self.n_outputs_

    def _validated_rows(
        self, X: Any, y: Any, sample_weight: Weights, reuses_network: bool
    ) -> tuple[Any, Array, Array]:
        """Check X, y and weights; return targets as an array of two dimensions."""
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but "
                "the target y is None."
            )
        X = self._validated(X, reset=not reuses_network, trains=True)
        y = _checked_targets(y, "y")
        if X.shape[0] != len(y):
            raise ValueError(
                "Found input variables with inconsistent numbers of samples: "
                f"[{X.shape[0]}, {len(y)}]"
            )
        if reuses_network and y.shape[1] != self.n_outputs_:
            raise ValueError(
                f"y has {y.shape[1]} targets, but the previous fit used "
                f"{self.n_outputs_}: pass as many, or call fit with warm_start=False."
            )
        self.n_outputs_ = int(y.shape[1])
        return X, y, checks.check_sample_weight(sample_weight, X)

    def _rows_for_validation(
        self, X: Any, y: Any, sample_weight: Weights, threads: Threads, rows: Rows
    ) -> Rows:
        given = self._validated_rows(X, y, sample_weight, True)
        checks.check_beside(given[0], rows.X)
        held_out = _rows_with_targets(*given, threads, rows.dtype)
        return self._targeted(held_out)[0]

    def _has_targets(self, rows: Rows) -> bool:
        return bool(_has_target(np.asarray(rows.y)).any())

    def _targeted(self, rows: Rows) -> tuple[Rows, PseudoLabels | None]:
        has_target = _has_target(np.asarray(rows.y))
        if not has_target.all():
            weights = np.where(has_target, rows.weights, 0)
            if not weights.any():
                raise ValueError("No row with a weight above 0 has a target.")
            rows = rows.with_targets(rows.y, weights)
        return prepare_rows(rows, canonical=False), None

    def _hold_out(
        self, rows: Rows, random_state: np.random.RandomState
    ) -> tuple[Rows, Rows]:
        with_target = np.flatnonzero(_has_target(np.asarray(rows.y)))
        _, held_out = train_validation_split(
            with_target, self.validation_fraction, random_state
        )
        train = np.setdiff1d(np.arange(rows.n_rows), held_out)
        return rows.take(train), self._targeted(rows.take(held_out))[0]

    def _sk_visual_block_(self) -> Any:
        n_outputs = getattr(self, "n_outputs_", None)
        return stack_block(
            self, "output layer" + (f" of {n_outputs} units" if n_outputs else "")
        )


def _checked_targets(y: Any, name: str) -> Array:
    """Return targets as float64 of shape (n_samples, n_targets); NaN is allowed."""
    checks.check_is_not_masked(y, name, filler="np.nan")
    with checks.conversion_to_float(name):
        targets: Array = check_array(
            computed(to_numpy(y)),
            ensure_2d=False,
            dtype=np.float64,
            ensure_all_finite="allow-nan",
            input_name=name,
        )
    targets = targets.reshape(len(targets), -1)
    is_missing = np.isnan(targets)
    if (is_missing.any(axis=1) != is_missing.all(axis=1)).any():
        raise ValueError(
            f"{name} has rows in which some targets are NaN and others are not: set "
            "all of them to NaN, or fit one regressor for each target."
        )
    return targets


def _has_target(y: Array) -> Array:
    return ~np.isnan(y[:, 0])


def _rows_with_targets(
    X: Any, y: Array, weights: Array, threads: Threads, dtype: Any = None
) -> Rows:
    """Make rows whose targets have the precision of the computation."""
    rows = rows_of(X, y, weights, threads, dtype)
    return rows.with_targets(y.astype(rows.dtype), weights)


def _single_output(X: Array, layers: Sequence[Layer]) -> Array:
    return forward_output(X, layers)[:, 0]
