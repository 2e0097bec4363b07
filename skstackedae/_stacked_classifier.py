"""The stacked autoencoder as a classifier."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call,
    check_classification_targets,
)
from sklearn.utils.validation import check_consistent_length

from . import _input_checks as checks
from ._array_api import (
    Array,
    Weights,
    array_like,
    array_namespace,
    dtype_of,
    is_numpy,
    is_on_device,
    to_numpy,
)
from ._base import fitting
from ._base_stacked import STACK_CONSTRAINTS
from ._base_supervised import BaseSupervisedStack
from ._html_repr import stack_block
from ._network.layers import Layer, forward_output
from ._network.losses import SOFTMAX, Loss
from ._rows import labels
from ._rows.cluster import computed, is_on_cluster
from ._rows.disk import RowsOnDisk
from ._rows.rows import Rows, rows_of
from ._rows.threads import Threads
from ._sparse_autoencoder import SparseAutoencoder
from ._training.callbacks import Task
from ._training.pseudo_labels import PseudoLabels
from ._user_warnings import warn_user

# Tuned on rows of MNIST, digits, breast cancer and wine that were set aside for this.
FEW_LABELS: dict[str, Any] = {
    "autoencoder": "denoising",
    "alpha": 0,
    "corruption": 0.3,
    "dropout": 0.5,
    "pseudo_label_weight": 1,
    "solver": "adam",
    "learning_rate": "linear",
}


class StackedAutoencoderClassifier(ClassifierMixin, BaseSupervisedStack):
    r"""Deep classifier that is pretrained layer by layer with sparse autoencoders.

    `fit` runs three stages [1]_:

    1. Pretraining: each hidden layer is trained as a :class:`SparseAutoencoder` on the
       activations of the layer below.
    2. Softmax training: a softmax classifier is trained on the activations of the last
       hidden layer.
    3. Fine-tuning: backpropagation trains all weights of the network together.

    For samples with weights :math:`w_i` that sum to 1, the last two stages minimize

    .. math::
        -\sum_i w_i \log P_{i, y_i} + \tfrac{\alpha}{2} \|W_\mathrm{out}\|^2
        + \tfrac{\alpha_h}{2} \sum_l \|W_l\|^2

    with `alpha` = :math:`\alpha` and `hidden_alpha` = :math:`\alpha_h`. Biases are not
    decayed. For the same decay, :class:`~sklearn.neural_network.MLPClassifier` needs an
    `alpha` that is `n_samples` ('lbfgs') or `batch_size` ('adam') times as large.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(100, 100)
        Number of units in each hidden layer, from the input up. With ``()`` there are
        no hidden layers: the classifier is a softmax regression, without pretraining
        and fine-tuning.

    autoencoder : SparseAutoencoder, list, 'denoising' or None, default=None
        Prototype of the autoencoders that pretrain the hidden layers. A single
        estimator is cloned for each layer; a list must have one entry for each layer.

        - None means ``SparseAutoencoder()``.
        - 'denoising' means an autoencoder with relu units that learns to restore masked
          entries: ``SparseAutoencoder(activation="relu", tied_weights=True,
          corruption=0.3, sparsity_weight=0, alpha=0, solver="adam",
          learning_rate="linear", max_iter=12)``. The decoder of the first layer is
          logistic with ``loss="log_loss"`` if all entries of X lie in [0, 1];
          otherwise, and in all other layers, it is linear
          (``decoder_activation="identity"``).

        Each clone gets `n_components` from `hidden_layer_sizes`, `n_jobs` and `verbose`
        from the classifier, and a `random_state` drawn from the classifier's; it keeps
        all other parameters of the prototype. To reuse features that were learned
        elsewhere, put ``FrozenEstimator(fitted_autoencoder)`` into the list. Such a
        layer is not pretrained again, and fine-tuning changes a copy of it, not the
        frozen estimator. To search over nested parameters such as
        ``autoencoder__alpha``, pass a single estimator.

    pretrain : bool, default=True
        Whether to pretrain the hidden layers as autoencoders. If False, they start from
        the random weights from which pretraining would start.

    fine_tune : bool, default=True
        Whether to train all layers together at the end. If False, `fit` ends after
        softmax training.

    alpha : float, default=1e-4
        Strength of the L2 penalty (weight decay) on the weights of the softmax layer.
        Larger values regularize more.

    hidden_alpha : float or None, default=None
        Strength of the L2 penalty on the weights of the hidden layers during
        fine-tuning. If None, `alpha` applies to all layers. If 0, only the softmax
        layer is decayed, as in the UFLDL exercise.

    corruption : float, default=0.0
        Fraction of the entries of X that are masked (set to 0) during fine-tuning, in
        [0, 1). The other entries are multiplied by ``1 / (1 - corruption)``, so that
        predictions need no correction. The seed, the mini-batch and the row determine
        which entries are masked: 'adam' masks different entries in every mini-batch,
        'lbfgs' masks the same entries during the whole stage. Pretraining uses the
        `corruption` of the prototype instead.

    dropout : float, default=0.0
        Fraction of the hidden units that are dropped (set to 0) during fine-tuning, in
        [0, 1) [2]_. 'adam' drops different units for each row and mini-batch, and
        multiplies the activations of the kept units by ``1 / (1 - dropout)``, so that
        predictions need no correction. Requires ``solver='adam'``.

    max_norm : float or None, default=None
        Upper limit on the norm of the incoming weights of each hidden unit [2]_. After
        each step of fine-tuning, weights with a larger norm are scaled down to it. None
        means no limit. Requires ``solver='adam'``.

    pseudo_label_weight : float, default=0.0
        Weight of the loss of the unlabeled rows in the last stage, relative to the loss
        of the labeled rows [3]_. The labels of these rows are the network's own
        predictions without noise, which are recomputed for each mini-batch. The weight
        is 0 during the first eighth of the `max_iter` epochs, then rises linearly and
        reaches its full value after three quarters of the epochs; the stage does not
        stop earlier. The recorded losses include the loss of the unlabeled rows, so
        they may rise with the weight. If 0, unlabeled rows are used only for
        pretraining. Other values require ``solver='adam'`` and `unlabeled_label`.

    align_pseudo_labels : bool, default=True
        Whether to align the class frequencies of the pseudo-labels with those of the
        labels. In each mini-batch, this favors classes that are predicted too rarely
        over classes that are predicted too often [4]_, and so prevents large classes
        from absorbing small ones. Set it to False if the labeled rows are not
        representative of the class frequencies among the unlabeled rows.

    unlabeled_ratio : float, default=4.0
        Number of unlabeled rows for each labeled row in a mini-batch; `batch_size`
        counts both. Whatever the ratio, a mini-batch has at least one row of each kind,
        and at most all rows of a kind. An epoch uses all labeled and all unlabeled
        rows; the kind that needs fewer mini-batches is used repeatedly. Only used if
        `pseudo_label_weight` is not 0.

    solver : {'lbfgs', 'adam'}, default='lbfgs'
        Solver for softmax training and fine-tuning. 'lbfgs' uses all rows in each
        iteration, 'adam' uses mini-batches. If this solver and those of the prototypes
        are 'lbfgs', and X has at most 1024 rows (including repeated rows) and 2**20
        entries, weighting a row by 2 and repeating it give identical models.

    max_iter : int, default=400
        Maximum number of iterations ('lbfgs') or epochs ('adam'). It applies to softmax
        training and to fine-tuning separately.

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
        Whether to use early stopping in the last stage (fine-tuning, or softmax
        training if there is no fine-tuning). If True, `fit` sets aside
        `validation_fraction` of the labeled rows (stratified by class), stops when
        their score no longer improves, and keeps the weights with the best score. The
        score is the negative log-loss for 'lbfgs' and the accuracy for 'adam'. If
        False, the stage stops when the training loss no longer improves. Pretraining
        uses the `early_stopping` of the prototype instead.

    validation_fraction : float, default=0.1
        Fraction of the labeled rows to set aside as validation rows for early stopping,
        in (0, 1). Only used if `early_stopping` is True.

    class_weight : dict, 'balanced' or None, default=None
        Weights of the classes in softmax training and fine-tuning, in the form
        ``{class_label: weight}``. They multiply the sample weights. Classes that are
        not in the dict have weight 1. 'balanced' gives all classes the same total
        weight, with the sample weights taken into account.

    unlabeled_label : object, default=None
        Label that marks unlabeled rows in y (-1 in :mod:`sklearn.semi_supervised`).
        `fit` pretrains on all rows; softmax training and fine-tuning use the labeled
        rows and, with `pseudo_label_weight`, also the unlabeled ones. None means that
        all rows are labeled.

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
        classes, layer sizes and activations must be the same.

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
    classes_ : ndarray of shape (n_classes,)
        Class labels.

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
        One record for each stage that was run: `name` ('pretraining', 'softmax' or
        'fine-tuning'), `layer` (1 is the lowest; None except for pretraining),
        `n_iter`, `converged`, `diverged` (the loss ended higher than it began, both
        computed with the final weight of pseudo-labels), `stopped` (a callback ended
        the stage), `first_loss` (after the first iteration or epoch), `last_loss`,
        `seconds`, `accuracy` (weighted, on the labeled training rows; None for
        pretraining), `loss_curve` and `validation_scores`. The accuracies of 'softmax'
        and 'fine-tuning' show what each stage achieved. For a layer from the cache,
        `seconds` is the time that its training took.

    validation_scores_ : list of float or None
        Score of the validation rows (held out, or `X_val`) after each iteration or
        epoch of the last stage. None without validation rows.

    best_validation_score_ : float or None
        The best of these scores, achieved by the weights that `fit` keeps. None without
        validation rows.

    n_layers_ : int
        Number of layers, input and output included.

    n_outputs_ : int
        Number of outputs: one for each class.

    out_activation_ : str
        Activation of the outputs: 'softmax'.

    n_features_in_ : int
        Number of features seen during `fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`. Defined only when `X` has feature names
        that are all strings.

    See Also
    --------
    SparseAutoencoder : The autoencoder that pretrains each hidden layer.
    sklearn.neural_network.MLPClassifier : The same network, without pretraining.

    References
    ----------
    .. [1] Andrew Ng et al., "Fine-tuning Stacked AEs", Unsupervised Feature Learning
       and Deep Learning tutorial, Stanford University.
    .. [2] Nitish Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks
       from Overfitting", Journal of Machine Learning Research 15, 2014.
    .. [3] D.-H. Lee, "Pseudo-Label: The Simple and Efficient Semi-Supervised Learning
       Method for Deep Neural Networks", ICML 2013 Workshop on Challenges in
       Representation Learning.
    .. [4] David Berthelot et al., "ReMixMatch: Semi-Supervised Learning with
       Distribution Alignment and Augmentation Anchoring", ICLR 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import MinMaxScaler
    >>> from skstackedae import StackedAutoencoderClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = StackedAutoencoderClassifier((20, 10), random_state=0)
    >>> model = make_pipeline(MinMaxScaler(), classifier).fit(X, y)
    >>> model.score(X, y) > 0.95
    True
    >>> [(stage["name"], stage["layer"]) for stage in model[-1].history_]
    [('pretraining', 1), ('pretraining', 2), ('softmax', None), ('fine-tuning', None)]
    """

    _parameter_constraints: dict[str, Any] = {
        "hidden_alpha": [checks.PENALTY, None],
        "corruption": [Interval(Real, 0, 1, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "max_norm": [Interval(Real, 0, None, closed="neither"), None],
        "pseudo_label_weight": [checks.PENALTY],
        "align_pseudo_labels": ["boolean"],
        "unlabeled_ratio": [Interval(Real, 0, None, closed="neither")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "unlabeled_label": "no_validation",
        **STACK_CONSTRAINTS,
    }

    _output_stage = "softmax"

    classes_: Array

    def __init__(
        self,
        hidden_layer_sizes: ArrayLike = (100, 100),
        *,
        autoencoder: SparseAutoencoder | Sequence[Any] | str | None = None,
        pretrain: bool = True,
        fine_tune: bool = True,
        alpha: float = 1e-4,
        hidden_alpha: float | None = None,
        corruption: float = 0.0,
        dropout: float = 0.0,
        max_norm: float | None = None,
        pseudo_label_weight: float = 0.0,
        align_pseudo_labels: bool = True,
        unlabeled_ratio: float = 4.0,
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
        class_weight: Mapping[Any, float] | str | None = None,
        unlabeled_label: object = None,
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
        self.pseudo_label_weight = pseudo_label_weight
        self.align_pseudo_labels = align_pseudo_labels
        self.unlabeled_ratio = unlabeled_ratio
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
        self.class_weight = class_weight
        self.unlabeled_label = unlabeled_label
        self.memory = memory
        self.warm_start = warm_start
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    @classmethod
    def for_few_labels(
        cls,
        hidden_layer_sizes: ArrayLike = (1000, 1000),
        *,
        unlabeled_label: object = -1,
        max_iter: int = 100,
        **parameters: Any,
    ) -> Self:
        """Make a classifier for few labeled and many unlabeled rows.

        This returns ``StackedAutoencoderClassifier(hidden_layer_sizes,
        autoencoder="denoising", alpha=0, corruption=0.3, dropout=0.5,
        pseudo_label_weight=1, solver="adam", learning_rate="linear", ...)``: denoising
        autoencoders learn from all rows, then the network learns from the labels and
        from pseudo-labels of the unlabeled rows. X should be scaled: images to [0, 1],
        tables by :class:`~sklearn.preprocessing.StandardScaler`.

        Parameters
        ----------
        hidden_layer_sizes : int or array-like of int, default=(1000, 1000)
            Number of units in each hidden layer. Wide layers are more accurate but
            slower.

        unlabeled_label : object, default=-1
            Label that marks unlabeled rows in y.

        max_iter : int, default=100
            Number of epochs of softmax training and of fine-tuning. An epoch of
            fine-tuning is a pass over all rows in mini-batches of 200 rows, 160 of
            which are unlabeled. For 60,000 rows, 40 epochs (15,000 mini-batches) are
            enough; for a few hundred rows, 400 epochs may be better than 100.

        **parameters : dict
            Other parameters of the classifier. They override the settings above.

        Returns
        -------
        StackedAutoencoderClassifier
            The unfitted classifier.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_digits
        >>> from skstackedae import StackedAutoencoderClassifier
        >>> X, y = load_digits(return_X_y=True)
        >>> few = np.where(np.arange(len(y)) < 100, y, -1)
        >>> classifier = StackedAutoencoderClassifier.for_few_labels(
        ...     (300,), random_state=0
        ... ).fit(X / 16, few)
        >>> classifier.score(X[100:] / 16, y[100:]) > 0.85
        True
        """
        chosen = {"unlabeled_label": unlabeled_label, "max_iter": max_iter}
        return cls(hidden_layer_sizes, **FEW_LABELS | chosen | parameters)

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
        """Pretrain the hidden layers, train the softmax layer, fine-tune the network.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples. The fit computes in float32 if X is float32 or has a type that
            float32 represents exactly (bool, float16, integers of up to 16 bits), and
            in float64 otherwise. Integer arrays are stored as they are and converted
            block by block. Sparse input is densified block by block. Data frames become
            float64 arrays, or float32 arrays if all columns are float32. X may also be
            on disk (`RowsOnDisk`), on a device or on a cluster; see the user guide.

        y : array-like of shape (n_samples,)
            Class labels; `unlabeled_label` for unlabeled samples.

        sample_weight : array-like of shape (n_samples,), default=None
            Nonnegative weights of the samples in all stages. If None, all samples have
            the same weight.

        X_val : array-like or sparse matrix of shape (n_val, n_features), default=None
            Validation samples for early stopping of the last stage. With them, `fit`
            stops early even if `early_stopping` is False, and sets aside no rows of X.

        y_val : array-like of shape (n_val,), default=None
            Class labels of `X_val`.

        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the samples in `X_val`.

        Returns
        -------
        StackedAutoencoderClassifier
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
            X, known = fitted._validated(X, y, reset=not is_warm_start, trains=True)
            fitted._set_classes(known)
            given = fitted._encoded(X, known, sample_weight)
            random_state = check_random_state(self.random_state)
            with closing(Threads(self.n_jobs)) as threads, threads:
                rows = rows_of(*given, threads)
                held_out = fitted._validation_rows(
                    X_val, y_val, sample_weight_val, threads, rows
                )
                fitted._train(rows, held_out, random_state, task)
            fitted.classes_ = _beside(fitted.classes_, X)
            task.end(lambda: dict(vars(fitted)))
        return self

    @checks.available_if(checks.check_supports_partial_fit)
    @checks.validates_parameters
    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Weights = None
    ) -> Self:
        """Update the model with a single pass over the data, for incremental learning.

        `partial_fit` requires ``solver='adam'`` and keeps the moments of Adam between
        calls. It is not available with options that need all rows or the number of
        epochs: ``learning_rate='linear'``, ``early_stopping=True``,
        ``class_weight='balanced'`` and pseudo-labels. The first call pretrains the
        hidden layers on its samples, with the solver of the prototype. Every call then
        makes one pass of fine-tuning (or of softmax training if ``fine_tune=False``)
        over its labeled samples and appends its loss to `loss_curve_`. `history_` has
        the records of pretraining.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples. The first call sets the number of features and the precision.

        y : array-like of shape (n_samples,)
            Class labels; `unlabeled_label` for unlabeled samples.

        classes : array-like of shape (n_classes,), default=None
            All class labels that occur in any call. Required in the first call.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of these samples, relative to each other. If None, all samples have
            the same weight.

        Returns
        -------
        StackedAutoencoderClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            If data or weights are invalid, if y has labels that are not among the
            classes, if parameters contradict each other, or if the loss becomes
            infinite or NaN. The estimator is then left unchanged.
        """
        self._validate_params()
        labels.check_unlabeled_label(self.unlabeled_label)
        is_fitted = hasattr(self, "coefs_")
        with fitting(self) as fitted:
            X, known = fitted._validated(X, y, reset=not is_fitted, trains=True)
            if is_fitted:
                fitted.classes_ = to_numpy(self.classes_)
            if classes is not None:
                classes, labeled = self._checked_labels(classes, "classes")
                classes = classes[labeled]
            _check_partial_fit_first_call(fitted, classes)
            labels.check_classes(fitted.classes_, self.unlabeled_label, name="classes")
            if not is_fitted:
                labels.warn_of_minus_one(fitted.classes_, self.unlabeled_label)
            given = fitted._encoded(X, known, sample_weight)
            n_passes = self.n_iter_ if is_fitted else 0
            random_state = checks.random_state_of_pass(self.random_state, n_passes)
            dtype = dtype_of(self.coefs_[0]) if is_fitted else None
            with closing(Threads(self.n_jobs)) as threads, threads:
                rows = rows_of(*given, threads, dtype)
                fitted._partial_fit(rows, random_state, is_fitted)
            fitted.classes_ = _beside(fitted.classes_, X)
        self._extend_loss_curve()
        return self

    def predict(self, X: Any) -> Array:
        """Predict class labels.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            The most probable class of each sample.
        """
        codes: Any = self._apply(_codes, X, method="predict")
        if is_on_cluster(codes):
            return codes.map_blocks(self.classes_.take, dtype=self.classes_.dtype)
        if is_numpy(self.classes_):
            return self.classes_[to_numpy(codes)]
        return array_namespace(codes).take(self.classes_, codes)

    def predict_proba(self, X: Any) -> Array:
        """Predict class probabilities.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probability of each class, in the order of `classes_`.
        """
        return self._apply(_probabilities, X, method="predict_proba")

    def predict_log_proba(self, X: Any) -> Array:
        """Predict log-probabilities, which are finite even for tiny probabilities.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Log-probability of each class, in the order of `classes_`.
        """
        return self._apply(_log_probabilities, X, method="predict_log_proba")

    def decision_function(self, X: Any) -> Array:
        """Return the logits.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or (n_samples,) for two classes
            Logit of each class, in the order of `classes_`. For two classes, the logit
            of the second class minus the logit of the first class.
        """
        logits = self._apply(forward_output, X, method="decision_function")
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def _sk_visual_block_(self) -> Any:
        classes = getattr(self, "classes_", ())
        n_classes = f" of {len(classes)} classes" if len(classes) else ""
        return stack_block(self, f"softmax layer{n_classes}")

    def score(self, X: Any, y: Any, sample_weight: Weights = None) -> float:
        """Return the accuracy on the labeled samples.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.

        y : array-like of shape (n_samples,)
            Class labels; samples with `unlabeled_label` are left out.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        float
            Weighted fraction of the samples whose label is predicted.
        """
        y = computed(to_numpy(y))
        sample_weight = computed(to_numpy(sample_weight))
        if are_lazy := is_on_cluster(X):
            # The rows of a dask X cannot be selected, but those of its predictions can.
            X = computed(self.predict(X))
        check_consistent_length(X, y)
        _, labeled = self._checked_labels(y, "y")
        if sample_weight is not None:
            sample_weight = checks.check_sample_weight(sample_weight, X)
        if not labeled.all():
            if not labeled.any():
                raise ValueError("No row has a label: y contains only unlabeled_label.")
            rows = np.flatnonzero(labeled)
            if isinstance(X, RowsOnDisk):
                X = X[rows]
            else:
                # Not every sparse format can be indexed.
                X = _safe_indexing(X.tocsr() if issparse(X) else X, rows)
            y = _safe_indexing(y, rows)
            if sample_weight is not None:
                sample_weight = checks.check_sample_weight(sample_weight[rows], y)
        predicted = X if are_lazy else to_numpy(self.predict(X))
        try:
            return float(accuracy_score(y, predicted, sample_weight=sample_weight))
        except TypeError as error:
            # numpy raises it if it has to compare dates with numbers.
            raise ValueError(
                "The labels in y differ in type from the classes "
                f"{labels.shown(to_numpy(self.classes_).tolist())}."
            ) from error

    def _validated(self, X: Any, y: Any = "no_validation", **options: bool) -> Any:
        y = computed(to_numpy(y))
        if not (y is None or isinstance(y, str)):
            # scikit-learn's error message would not mention unlabeled_label.
            labels.check_present(y)
        return super()._validated(X, y, **options)

    def _checked_labels(self, y: Any, name: str) -> tuple[Array, Array]:
        """Return labels as an array, and which of them are not `unlabeled_label`."""
        y = computed(to_numpy(y))
        labels.check_present(y, name)
        y = checks.check_labels(y, name)
        return y, labels.is_labeled(y, self.unlabeled_label, name)

    def _set_classes(self, y: Array) -> None:
        labels.check_unlabeled_label(self.unlabeled_label)
        given = y[labels.is_labeled(y, self.unlabeled_label)]
        if not len(given):
            raise ValueError(
                f"No row has a label: y contains only unlabeled_label="
                f"{self.unlabeled_label!r}."
            )
        check_classification_targets(given)
        classes = np.unique(given)
        labels.check_classes(classes, self.unlabeled_label)
        labels.warn_of_minus_one(classes, self.unlabeled_label)
        before = to_numpy(getattr(self, "classes_", classes))
        if self._is_warm_start() and not np.array_equal(classes, before):
            raise ValueError(
                f"y has the classes {labels.shown(classes.tolist())}, but the previous "
                f"fit has {labels.shown(before.tolist())}: with warm_start=True "
                "pass rows of these classes, or set warm_start=False."
            )
        self.classes_ = classes

    def _encoded(
        self, X: Any, y: Array, sample_weight: Any, name: str = "y"
    ) -> tuple[Any, Array, Array]:
        codes = labels.encode_labels(y, self.classes_, self.unlabeled_label, name=name)
        return X, codes, checks.check_sample_weight(sample_weight, X)

    def _rows_for_validation(
        self, X: Any, y: Any, sample_weight: Weights, threads: Threads, rows: Rows
    ) -> Rows:
        X, y = self._validated(X, y, trains=True)
        checks.check_beside(X, rows.X)
        given = self._encoded(X, y, sample_weight, name="y_val")
        # Class weights count in training only: `score` does not use them either.
        return labels.labeled_rows(rows_of(*given, threads, rows.dtype))

    @property
    def _loss(self) -> Loss:
        return SOFTMAX

    @property
    def _output_activation(self) -> str:
        return "softmax"

    def _n_targets(self) -> int:
        return len(self.classes_)

    def _has_targets(self, rows: Rows) -> bool:
        return bool(np.any(rows.y != labels.UNLABELED))

    def _targeted(self, rows: Rows) -> tuple[Rows, PseudoLabels | None]:
        y = np.asarray(rows.y)
        class_weights = labels.class_weights(
            self.class_weight, self.classes_, y, rows.weights
        )
        labeled = labels.labeled_rows(rows, class_weights)
        return labeled, self._pseudo_labels(rows, class_weights)

    def _pseudo_labels(self, rows: Rows, class_weights: Array) -> PseudoLabels | None:
        if self.pseudo_label_weight == 0:
            return None
        unlabeled = labels.unlabeled_rows(rows)
        if unlabeled is None:
            warn_user(
                f"pseudo_label_weight={self.pseudo_label_weight!r} has no effect, "
                "because all rows with a weight above 0 have a label: mark "
                "unlabeled rows with unlabeled_label, or set pseudo_label_weight=0.",
                UserWarning,
            )
            return None
        return PseudoLabels.from_frequencies(
            unlabeled,
            self.pseudo_label_weight,
            self.unlabeled_ratio,
            totals=labels.class_totals(
                np.asarray(rows.y), len(self.classes_), rows.weights
            ),
            class_weights=class_weights,
            align=self.align_pseudo_labels,
        )

    def _hold_out(
        self, rows: Rows, random_state: np.random.RandomState
    ) -> tuple[Rows, Rows]:
        return labels.hold_out_labeled(rows, self.validation_fraction, random_state)


def _beside(classes: Array, X: Any) -> Any:
    """Return numeric classes on the device of X; a device cannot store others."""
    is_number = classes.dtype.kind in "biuf"
    return array_like(classes, X) if is_number and is_on_device(X) else classes


def _codes(X: Array, layers: Sequence[Layer]) -> Array:
    logits = forward_output(X, layers)
    return array_namespace(logits).argmax(logits, axis=1)


def _probabilities(X: Array, layers: Sequence[Layer]) -> Array:
    return SOFTMAX.predict(forward_output(X, layers))


def _log_probabilities(X: Array, layers: Sequence[Layer]) -> Array:
    return SOFTMAX.log_predict(forward_output(X, layers))
