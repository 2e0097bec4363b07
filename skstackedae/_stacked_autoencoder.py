"""The stacked autoencoder as a transformer: deep codes, and their reconstructions."""

from collections.abc import Sequence
from contextlib import closing
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state

from . import _input_checks as checks
from ._array_api import Weights, dtype_of
from ._base import fitting
from ._base_autoencoder import BaseAutoencoder
from ._base_stacked import STACK_CONSTRAINTS, BaseStacked
from ._html_repr import stack_block
from ._layer_prototypes import LayerAutoencoder, layer_sizes
from ._network.activations import ACTIVATIONS
from ._network.layers import Layer
from ._network.losses import RECONSTRUCTION_LOSSES, ObservedEntries
from ._rows.preparation import prepare_rows, train_validation_split
from ._rows.rows import Rows, rows_of
from ._rows.threads import Threads
from ._sparse_autoencoder import SparseAutoencoder
from ._training.callbacks import Task
from ._training.diagnostics import check_range
from ._training.network import NetworkStage, Regularization
from ._training.pretraining import LayerPair
from ._training.pseudo_labels import PseudoLabels


def _check_has_passes(stack: "StackedAutoencoder") -> None:
    checks.check_supports_partial_fit(stack)
    if not stack.fine_tune:
        raise AttributeError(
            "StackedAutoencoder has no partial_fit with fine_tune=False: a pass "
            "fine-tunes the network. Set fine_tune=True."
        )


class StackedAutoencoder(BaseAutoencoder, BaseStacked):
    r"""Deep autoencoder that is pretrained layer by layer, and then unrolled.

    `fit` runs two stages [1]_:

    1. Pretraining: each hidden layer is trained as a :class:`SparseAutoencoder` on the
       activations of the layer below.
    2. Fine-tuning: the encoders from the input up, and the decoders from there down to
       the output, become one network. Backpropagation trains all its weights together
       to reconstruct the input.

    `transform` returns the activations of the innermost layer, which are codes of the
    samples, and `inverse_transform` decodes them. For samples with weights :math:`w_i`
    that sum to 1, fine-tuning minimizes

    .. math::
        \sum_i w_i \ell(\hat x_i, x_i) + \tfrac{\alpha}{2} \sum_l \|W_l\|^2

    with `alpha` = :math:`\alpha`, and the loss :math:`\ell` of the first layer's
    prototype: half the squared distance, or the cross-entropy. Biases are not decayed.
    Sparsity penalties and noise of the prototypes apply only to pretraining. Tied
    weights are no longer tied in fine-tuning.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(100, 30)
        Number of units in each hidden layer, from the input up. The last one is the
        length of a code.

    autoencoder : SparseAutoencoder, list, 'denoising' or None, default=None
        Prototype of the autoencoders that pretrain the hidden layers, as in
        :class:`StackedAutoencoderClassifier`: a single estimator is cloned for each
        layer; a list must have one entry for each layer, also a fitted autoencoder as
        ``FrozenEstimator(fitted_autoencoder)``. None means ``SparseAutoencoder()``,
        'denoising' an autoencoder with relu units that learns to restore masked
        entries. The first entry chooses the loss and the activation of the output. An
        innermost layer with ``activation="identity"`` has codes without limits.

    pretrain : bool, default=True
        Whether to pretrain the hidden layers. If False, the unrolled network starts
        from the random weights from which pretraining would start.

    fine_tune : bool, default=True
        Whether to train the unrolled network. If False, `fit` ends after pretraining.

    alpha : float, default=1e-4
        Strength of the L2 penalty (weight decay) on all weights in fine-tuning.

    solver : {'lbfgs', 'adam'}, default='lbfgs'
        Solver for fine-tuning. 'lbfgs' uses all rows in each iteration, 'adam' uses
        mini-batches. If this solver and those of the prototypes are 'lbfgs', and X has
        at most 1024 rows (including repeated rows) and 2**20 entries, weighting a row
        by 2 and repeating it give identical models.

    max_iter : int, default=400
        Maximum number of iterations ('lbfgs') or epochs ('adam') of fine-tuning.

    tol : float, default=1e-2
        Relative tolerance for the optimization. Fine-tuning stops when the loss has not
        fallen by more than this fraction over the last `n_iter_no_change` iterations or
        epochs.

    n_iter_no_change : int or inf, default=10
        Number of iterations or epochs over which the loss must fall by more than `tol`.
        ``np.inf`` disables this rule: fine-tuning makes `max_iter` iterations, without
        a warning.

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
        Whether to use early stopping in fine-tuning. If True, `fit` sets aside
        `validation_fraction` of the rows, stops when their reconstruction loss no
        longer falls, and keeps the weights with the lowest loss. Pretraining uses the
        `early_stopping` of the prototype instead.

    validation_fraction : float, default=0.1
        Fraction of the rows to set aside as validation rows for early stopping, in
        (0, 1). Only used if `early_stopping` is True.

    memory : None, str, path-like or joblib.Memory, default=None
        Cache for pretrained layers, as in :class:`StackedAutoencoderClassifier`. `fit`
        runs any code in the pickles of this folder, so nobody else should be able to
        write to it.

    warm_start : bool, default=False
        When set to True, `fit` reuses the network of the previous call as
        initialization and fine-tunes it, without pretraining. The features, layer sizes
        and activations must be the same.

    random_state : int, RandomState instance or None, default=None
        Determines random number generation for the seeds of the autoencoders (layer by
        layer), the validation split and the order of the mini-batches. Pass an int for
        reproducible results across multiple function calls.

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
        computation: the encoders from the input up, then the decoders.

    intercepts_ : list of ndarray
        Biases of each layer, of shape (n_out,).

    activations_ : list of str
        Activation of each layer but the last.

    out_activation_ : str
        Activation of the output: the `decoder_activation` of the first layer.

    loss_function_ : str
        Reconstruction loss: the `loss` of the first layer.

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
        :class:`StackedAutoencoderClassifier`; `name` is 'pretraining' or 'fine-tuning',
        `accuracy` is None.

    validation_scores_ : list of float or None
        Negative reconstruction loss of the validation rows (held out, or `X_val`) after
        each iteration or epoch of fine-tuning. None without validation rows.

    best_validation_score_ : float or None
        The best of these scores, achieved by the weights that `fit` keeps. None without
        validation rows.

    n_layers_ : int
        Number of layers, input and output included.

    n_outputs_ : int
        Number of outputs: one for each feature.

    n_features_in_ : int
        Number of features seen during `fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`. Defined only when `X` has feature names
        that are all strings.

    See Also
    --------
    SparseAutoencoder : A single hidden layer.
    StackedAutoencoderClassifier : The stack below a softmax layer.
    sklearn.decomposition.PCA : Linear codes.

    References
    ----------
    .. [1] Geoffrey Hinton and Ruslan Salakhutdinov, "Reducing the Dimensionality of
       Data with Neural Networks", Science 313, 2006.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skstackedae import SparseAutoencoder, StackedAutoencoder
    >>> X = load_digits().data / 16
    >>> prototype = SparseAutoencoder(sparsity_weight=0)
    >>> stack = StackedAutoencoder((40, 10), autoencoder=prototype, random_state=0)
    >>> codes = stack.fit_transform(X)
    >>> codes.shape
    (1797, 10)
    >>> stack.inverse_transform(codes).shape
    (1797, 64)
    >>> [(stage["name"], stage["layer"]) for stage in stack.history_]
    [('pretraining', 1), ('pretraining', 2), ('fine-tuning', None)]
    """

    _parameter_constraints: dict[str, Any] = {
        **STACK_CONSTRAINTS,
    }

    def __init__(
        self,
        hidden_layer_sizes: ArrayLike = (100, 30),
        *,
        autoencoder: SparseAutoencoder | Sequence[Any] | str | None = None,
        pretrain: bool = True,
        fine_tune: bool = True,
        alpha: float = 1e-4,
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

    @checks.validates_parameters
    def fit(
        self,
        X: Any,
        y: object = None,
        sample_weight: Weights = None,
        *,
        X_val: Any = None,
        sample_weight_val: Weights = None,
    ) -> Self:
        """Pretrain the hidden layers, then train the unrolled network.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples, in all the kinds that :meth:`SparseAutoencoder.fit` takes.

        y : None
            Not used, present for API consistency by convention.

        sample_weight : array-like of shape (n_samples,), default=None
            Nonnegative weights of the samples in all stages. If None, all samples have
            the same weight.

        X_val : array-like or sparse matrix of shape (n_val, n_features), default=None
            Validation samples for early stopping of fine-tuning. With them, `fit` stops
            early even if `early_stopping` is False, and sets aside no rows of X.

        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the samples in `X_val`.

        Returns
        -------
        StackedAutoencoder
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or the weights are invalid, if parameters contradict each other, or if
            the loss becomes infinite or NaN. The estimator is then left unchanged.
        """
        self._check_stages()
        task = Task.begin_fit(
            self, self._n_stages(), X=X, y=y, sample_weight=sample_weight
        )
        is_warm_start = self._is_warm_start()
        with fitting(self) as fitted:
            X = fitted._validated(X, reset=not is_warm_start, trains=True)
            weights = checks.check_sample_weight(sample_weight, X)
            random_state = check_random_state(self.random_state)
            with closing(Threads(self.n_jobs)) as threads, threads:
                rows = rows_of(X, None, weights, threads)
                held_out = fitted._validation_rows(
                    X_val, sample_weight_val, threads, rows
                )
                fitted._train(rows, held_out, random_state, task)
            task.end(lambda: dict(vars(fitted)))
        return self

    @checks.available_if(_check_has_passes)
    @checks.validates_parameters
    def partial_fit(
        self, X: Any, y: object = None, sample_weight: Weights = None
    ) -> Self:
        """Update the model with a single pass over the data, for incremental learning.

        `partial_fit` requires ``solver='adam'`` and keeps the moments of Adam between
        calls. It is not available with ``learning_rate='linear'``,
        ``early_stopping=True`` or ``fine_tune=False``. The first call pretrains the
        hidden layers on its samples, with the solver of the prototype. Every call then
        makes one pass of fine-tuning over its samples and appends its loss to
        `loss_curve_`. `history_` has the records of pretraining.

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
        StackedAutoencoder
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or the weights are invalid, if parameters contradict each other or do
            not fit the network of the previous call, or if the loss becomes infinite or
            NaN. The estimator is then left unchanged.
        """
        self._validate_params()
        self._check_stages()
        is_fitted = hasattr(self, "coefs_")
        with fitting(self) as fitted:
            X = fitted._validated(X, reset=not is_fitted, trains=True)
            weights = checks.check_sample_weight(sample_weight, X)
            dtype = dtype_of(self.coefs_[0]) if is_fitted else None
            n_passes = self.n_iter_ if is_fitted else 0
            random_state = checks.random_state_of_pass(self.random_state, n_passes)
            with closing(Threads(self.n_jobs)) as threads, threads:
                rows = rows_of(X, None, weights, threads, dtype)
                fitted._partial_fit(rows, random_state, is_fitted)
        self._extend_loss_curve()
        return self

    @property
    def _n_encoders(self) -> int:
        return len(self.coefs_) // 2

    def _check_stages(self) -> None:
        if not layer_sizes(self.hidden_layer_sizes):
            raise ValueError(
                f"hidden_layer_sizes={self.hidden_layer_sizes!r} has no layer: a "
                "stacked autoencoder needs at least one."
            )
        if not (self.pretrain or self.fine_tune):
            raise ValueError(
                "pretrain=False and fine_tune=False leave nothing to train: set one of "
                "them to True."
            )

    @property
    def _output_activation(self) -> str:
        return self.out_activation_

    def _upper_stages(self, n_hidden: int) -> list[tuple[str, int]]:
        return [("fine-tuning", 0)] if self.fine_tune else []

    def _network_stage(self, name: str, n_fixed: int) -> NetworkStage:
        regularization = Regularization(float(self.alpha), None, 0.0, 0.0, None)
        output = ACTIVATIONS[self.out_activation_]
        loss = RECONSTRUCTION_LOSSES[self.loss_function_](output)
        if self._allows_missing:
            loss = ObservedEntries(loss)
        return NetworkStage(self._stage(name), n_fixed, regularization, loss)

    def _set_output(
        self, autoencoders: list[LayerAutoencoder], reuses_network: bool
    ) -> None:
        first: Any = autoencoders[0]
        if isinstance(first, FrozenEstimator):
            output = first.estimator.loss_function_, first.estimator.out_activation_
        else:
            output = first.loss, first.decoder_activation
        if reuses_network:
            checks.check_unchanged(
                {
                    "loss of layer 1": (output[0], self.loss_function_),
                    "decoder_activation of layer 1": (output[1], self.out_activation_),
                }
            )
        if self.fine_tune and any(
            getattr(a, "standardize", False) for a in autoencoders
        ):
            raise ValueError(
                "Fine-tuning reconstructs X in its own units, which a prototype with "
                "standardize=True does not: put a StandardScaler before the stack and "
                "set standardize=False, or set fine_tune=False."
            )
        self.loss_function_, self.out_activation_ = output

    def _network(self, pairs: Sequence[LayerPair], rows: Rows) -> list[Layer]:
        """Unroll the stack: encoders from the input up, then decoders down to it."""
        if not self.pretrain:
            output = ACTIVATIONS[self.out_activation_]
            check_range(
                *(rows, output, self.loss_function_, "network"), can_be_scaled=True
            )
        encoders = [encoder for encoder, _ in pairs]
        return [*encoders, *(decoder for _, decoder in reversed(pairs))]

    def _has_targets(self, rows: Rows) -> bool:
        return True

    def _targeted(self, rows: Rows) -> tuple[Rows, PseudoLabels | None]:
        return rows, None

    def _hold_out(
        self, rows: Rows, random_state: np.random.RandomState
    ) -> tuple[Rows, Rows]:
        train, held_out = train_validation_split(
            np.arange(rows.n_rows), self.validation_fraction, random_state
        )
        parts = rows.take(train), rows.take(held_out)
        return (
            prepare_rows(parts[0], canonical=False),
            prepare_rows(parts[1], canonical=False),
        )

    def _validation_rows(
        self, X_val: Any, sample_weight_val: Weights, threads: Threads, rows: Rows
    ) -> Rows | None:
        if X_val is None and sample_weight_val is None:
            return None
        if X_val is None:
            raise ValueError("sample_weight_val needs X_val: pass both or neither.")
        try:
            X_val = self._validated(X_val, trains=True)
            checks.check_beside(X_val, rows.X)
            weights = checks.check_sample_weight(sample_weight_val, X_val)
            held_out = rows_of(X_val, None, weights, threads, rows.dtype)
            return prepare_rows(held_out, canonical=False)
        except ValueError as error:
            raise ValueError(f"X_val, sample_weight_val: {error}") from error

    def _sk_visual_block_(self) -> Any:
        return stack_block(self, "decoders")
