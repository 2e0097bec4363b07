"""The stacked autoencoder as a classifier."""

import math
import os
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from scipy.sparse import issparse
from sklearn.base import ClassifierMixin
from sklearn.utils import _safe_indexing, check_random_state, column_or_1d
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call,
    check_classification_targets,
)
from sklearn.utils.validation import check_consistent_length

from . import _input_checks as checks
from ._array_api import Array
from ._base import TRAINING_CONSTRAINTS, fitting, network_attributes
from ._base_stacked import BaseStacked
from ._layer_prototypes import LayerAutoencoder, layer_sizes
from ._network.layers import Layer, forward_output
from ._network.losses import SOFTMAX
from ._rows import labels
from ._rows.preparation import prepare_rows
from ._rows.rows import Rows, rows_of
from ._rows.threads import Threads
from ._sparse_autoencoder import SparseAutoencoder
from ._training.callbacks import Task
from ._training.stage import warn_unconverged
from ._training.supervised import SupervisedStage, zero_output_layer


class StackedAutoencoderClassifier(ClassifierMixin, BaseStacked):
    r"""Deep classifier: pretrained sparse autoencoders, softmax, fine-tuning.

    `fit` runs three stages [1]_:

    1. Pretraining: one :class:`SparseAutoencoder` for each hidden layer, trained on the
       activations of the layer below.
    2. Softmax training: a softmax classifier on the last layer's activations.
    3. Fine-tuning: backpropagation through the whole network, all weights together.

    The last two minimize, for samples with weights :math:`w_i` that sum to 1,

    .. math::
        -\sum_i w_i \log P_{i, y_i} + \tfrac{\alpha}{2} \|W_\mathrm{out}\|^2
        + \tfrac{\alpha_h}{2} \sum_l \|W_l\|^2

    with `alpha` = :math:`\alpha` and `hidden_alpha` = :math:`\alpha_h`. Biases are not
    decayed. In :class:`~sklearn.neural_network.MLPClassifier` alpha is `n_samples`
    ('lbfgs') or `batch_size` ('adam') times as large for the same decay.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(100, 100)
        Number of units in each hidden layer, from the input up. ``()`` is softmax
        regression, without pretraining and fine-tuning.

    autoencoder : SparseAutoencoder, list or None, default=None
        What trains the hidden layers. None is ``SparseAutoencoder()``. An estimator
        is cloned for each layer; a list has one entry for each layer. A clone gets
        `n_components` from `hidden_layer_sizes`, `n_jobs` and `verbose` from here, and
        a `random_state` drawn from this one's; all else is the prototype's: its
        activation, penalties, solver, `max_iter` and `tol`. A list may hold
        ``FrozenEstimator(fitted_autoencoder)``: that layer is taken as it is, for
        features that were learned elsewhere. Fine-tuning changes the network's copy
        of it like any other layer. Searches reach ``autoencoder__alpha`` and so on
        only if an estimator is given.

    pretrain : bool, default=True
        Whether to train the hidden layers on their own first. If not, they start from
        the random weights from which pretraining would start.

    fine_tune : bool, default=True
        Whether to train all layers together in the end.

    alpha : float, default=1e-4
        Weight decay of the softmax layer.

    hidden_alpha : float or None, default=None
        Weight decay of the hidden layers in fine-tuning. None means the same as
        `alpha`, so that the decay punishes all weights of the network; 0 is the
        UFLDL exercise, which decays the softmax layer alone.

    corruption : float, default=0.0
        Part of the entries of X that are set to 0 while the network is fine-tuned, in
        [0, 1): masking noise, drawn anew for each mini-batch by 'adam' and once for
        each fit by 'lbfgs'. That of pretraining is the prototype's.

    solver : {'lbfgs', 'adam'}, default='lbfgs'
        Solver of softmax training and fine-tuning. 'lbfgs' uses all rows in each
        iteration; 'adam' uses mini-batches. If this and the prototypes' are 'lbfgs',
        weighting rows and repeating them give identical models up to 1024 rows
        (repeated ones counted) and 2**20 entries of X.

    max_iter : int, default=200
        Maximum number of iterations ('lbfgs') or epochs ('adam') of softmax training
        and of fine-tuning, each.

    tol : float, default=1e-2
        A stage ends when its loss has fallen by no more than this part of itself over
        the last `n_iter_no_change` iterations or epochs.

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
        Whether to hold out a part of the labeled rows, of each class alike, and to
        end the last stage (fine-tuning, or softmax training if there is none) when
        their score no longer gets better, instead of when the loss does not; the
        weights with the best score are kept. The score is minus the log-loss for
        'lbfgs', the accuracy for 'adam'. Pretraining stops as the prototypes say.

    validation_fraction : float, default=0.1
        Part of the labeled rows that `early_stopping` holds out, in (0, 1).

    class_weight : dict, 'balanced' or None, default=None
        Weight of each class in softmax training and fine-tuning, times that of the
        sample; classes that a dict does not name have weight 1. 'balanced' makes all
        classes count the same, the sample weights considered.

    unlabeled_label : object, default=None
        Rows of y with this label (-1 in :mod:`sklearn.semi_supervised`) have none:
        they are pretrained on, and left out of softmax training and fine-tuning. None
        means that all rows are labeled.

    memory : None, str, path-like or joblib.Memory, default=None
        Where pretrained layers are cached, so that a search over parameters of
        fine-tuning pretrains once for each fold. A layer is found again by its input,
        weights, prototype and seed: with ``random_state=None`` never, with a
        RandomState instance only if that is in the same state.

    warm_start : bool, default=False
        Whether `fit` goes on from the network of the fit before: without pretraining
        and softmax training, with its last stage only. Features, classes, sizes and
        activations must be the same.

    random_state : int, RandomState instance or None, default=None
        Draws the autoencoders' seeds, layer by layer, and the order of mini-batches.
        Pass an int for results that can be repeated.

    n_jobs : int or None, default=None
        Number of threads over blocks of rows. None means as many as BLAS may use
        (not 1, as elsewhere in scikit-learn), but 1 inside of a joblib worker or
        beside another fit in the same process. Results do not depend on it.

    verbose : int, default=0
        1 prints a line for each stage, 2 a line for each iteration.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.

    autoencoders_ : list of SparseAutoencoder
        The pretrained autoencoder of each hidden layer, as it was before fine-tuning.
        Only there after pretraining.

    coefs_ : list of ndarray
        Weights of each layer, (n_in, n_out), in the precision of the data.

    intercepts_ : list of ndarray
        Biases of each layer, (n_out,).

    activations_ : list of str
        Activation of each hidden layer.

    loss_ : float
        Loss at the end of the last stage, penalties included; for 'adam' the mean over
        the last epoch, in which the weights still moved.

    loss_curve_ : list of float
        Loss of the last stage, after each iteration or over each epoch.

    n_iter_ : int
        Number of iterations or epochs of the last stage.

    history_ : list of dict
        One record for each stage that was run: `name` ('pretraining', 'softmax' or
        'fine-tuning'), `layer` (1 is the lowest; None but for pretraining), `n_iter`,
        `converged`, `first_loss` (after its first iteration or epoch) and
        `last_loss`, `seconds`, `accuracy` (weighted, on the labeled training rows;
        None for pretraining), `loss_curve` and `validation_scores`. The accuracies
        after 'softmax' and after 'fine-tuning' tell what each stage did. A layer from
        the cache of `memory` has the seconds that it took when it was trained.

    validation_scores_ : list of float or None
        Score of the held-out rows, or of `X_val`, after each iteration or epoch of the
        last stage.

    best_validation_score_ : float or None
        The highest of them: that of the weights that were kept.

    n_layers_ : int
        Number of layers, input and output included.

    n_outputs_ : int
        Number of outputs: one for each class.

    out_activation_ : str
        Activation of the outputs: 'softmax'.

    n_features_in_ : int
        Number of features seen during `fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`, if all were strings.

    See Also
    --------
    SparseAutoencoder : What each hidden layer is trained as.
    sklearn.neural_network.MLPClassifier : The same network, without pretraining.

    References
    ----------
    .. [1] A. Ng et al., "Fine-tuning Stacked AEs", Unsupervised Feature Learning and
       Deep Learning tutorial, Stanford University.

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
        "hidden_layer_sizes": [
            "array-like",
            Interval(Integral, 1, None, closed="left"),
        ],
        "autoencoder": [SparseAutoencoder, list, tuple, None],
        "pretrain": ["boolean"],
        "fine_tune": ["boolean"],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "hidden_alpha": [Interval(Real, 0, None, closed="left"), None],
        "corruption": [Interval(Real, 0, 1, closed="left")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "unlabeled_label": "no_validation",
        "memory": [str, os.PathLike, HasMethods(["cache"]), None],
        **TRAINING_CONSTRAINTS,
    }

    classes_: Array

    def __init__(
        self,
        hidden_layer_sizes: Any = (100, 100),
        *,
        autoencoder: Any = None,
        pretrain: bool = True,
        fine_tune: bool = True,
        alpha: float = 1e-4,
        hidden_alpha: float | None = None,
        corruption: float = 0.0,
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
        class_weight: Any = None,
        unlabeled_label: Any = None,
        memory: Any = None,
        warm_start: bool = False,
        random_state: Any = None,
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

    @checks.validates_parameters
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Pretrain the hidden layers, train the softmax layer, fine-tune the network.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples. float32 is kept, other types become float64. Sparse data are made
            dense block by block.

        y : array-like of shape (n_samples,)
            Class labels, `unlabeled_label` for samples that have none.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples in all stages, not negative; None weighs all alike.

        X_val : array-like or sparse matrix of shape (n_val, n_features), default=None
            Samples to watch the last stage by, as `early_stopping` does, whatever that
            parameter says; no row of X is held out then.

        y_val : array-like of shape (n_val,), default=None
            Their class labels.

        sample_weight_val : array-like of shape (n_val,), default=None
            Their weights.

        Returns
        -------
        StackedAutoencoderClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            If data or weights are not valid, if parameters do not go together, or if
            the loss does not stay finite. The estimator is then as it was before.
        """
        task = Task.begin_fit(
            self, self._n_stages(), X=X, y=y, sample_weight=sample_weight
        )
        goes_on = self._is_warm_start()
        with fitting(self) as fitted:
            X, y = fitted._validated(X, y, reset=not goes_on)
            fitted._set_classes(y)
            given = fitted._encoded(X, y, sample_weight)
            held_out = fitted._given_validation(X_val, y_val, sample_weight_val)
            random_state = check_random_state(self.random_state)
            with Threads(self.n_jobs) as threads:
                rows = rows_of(*given, threads)
                scored = held_out and labels.labeled_rows(rows_of(*held_out, threads))
                fitted._train(rows, scored, random_state, task)
            task.end(lambda: dict(vars(fitted)))
        return self

    @checks.available_if(checks.supports_partial_fit)
    @checks.validates_parameters
    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> Self:
        """Go over these samples once; for data that come in parts.

        Needs ``solver='adam'``, whose moments are kept from call to call. The first
        call pretrains the hidden layers on its samples, with the prototypes' own
        solver, then goes over the network once; later calls go over the network once.
        The loss of each pass goes into `loss_curve_`; `history_` has the records of
        pretraining.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples. The first call decides on their number of features and precision.

        y : array-like of shape (n_samples,)
            Class labels, `unlabeled_label` for samples that have none.

        classes : array-like of shape (n_classes,), default=None
            All class labels that will come. Needed in the first call.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of these samples among each other; None weighs all alike.

        Returns
        -------
        StackedAutoencoderClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            If data or weights are not valid, if y has labels that are not among the
            classes, if parameters do not go together, with ``early_stopping=True`` or
            ``class_weight='balanced'``, or if the loss does not stay finite. The
            estimator is then as it was before.
        """
        checks.check_partial_fit_params(self)
        labels.check_unlabeled_label(self.unlabeled_label)
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' needs all rows, which partial_fit never sees: "
                "pass the weights as a dict, or as sample_weight."
            )
        goes_on = hasattr(self, "coefs_")
        with fitting(self) as fitted:
            X, y = fitted._validated(X, y, reset=not goes_on)
            if classes is not None:
                classes = column_or_1d(classes)
                classes = classes[labels.is_labeled(classes, self.unlabeled_label)]
            _check_partial_fit_first_call(fitted, classes)
            labels.check_classes(fitted.classes_, self.unlabeled_label, name="classes")
            given = fitted._encoded(X, y, sample_weight)
            n_passes = self.n_iter_ if goes_on else 0
            random_state = checks.random_state_of_pass(self.random_state, n_passes)
            dtype = self.coefs_[0].dtype if goes_on else None
            with Threads(self.n_jobs) as threads:
                rows = rows_of(*given, threads, dtype)
                fitted._partial_fit(rows, random_state, goes_on)
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
        logits = self._map_rows(forward_output, self._validated(X), self._layers())
        return self.classes_[logits.argmax(axis=1)]

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
        return self._map_rows(_probabilities, self._validated(X), self._layers())

    def predict_log_proba(self, X: Any) -> Array:
        """Predict logarithms of class probabilities, finite also for tiny ones.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Log-probability of each class, in the order of `classes_`.
        """
        return self._map_rows(_log_probabilities, self._validated(X), self._layers())

    def decision_function(self, X: Any) -> Array:
        """Return the logits.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or (n_samples,) for two classes
            Logit of each class, in the order of `classes_`; for two classes the
            second's less the first's.
        """
        logits = self._map_rows(forward_output, self._validated(X), self._layers())
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy on the samples that have a label.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.

        y : array-like of shape (n_samples,)
            Class labels; samples with `unlabeled_label` do not count.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        float
            Weighted part of the samples whose label is predicted.
        """
        check_consistent_length(X, y)
        labeled = labels.is_labeled(column_or_1d(y), self.unlabeled_label)
        if not labeled.all():
            if not labeled.any():
                raise ValueError("No row has a label: y holds only unlabeled_label.")
            rows = np.flatnonzero(labeled)
            # Not every sparse format can be indexed.
            X = _safe_indexing(X.tocsr() if issparse(X) else X, rows)
            y = _safe_indexing(y, rows)
            if sample_weight is not None:
                sample_weight = _safe_indexing(sample_weight, rows)
        return float(super().score(X, y, sample_weight))

    def _n_stages(self) -> int:
        n_hidden = len(layer_sizes(self.hidden_layer_sizes))
        return self._n_pretrained() + len(self._supervised_stages(n_hidden))

    def _supervised_stages(self, n_hidden: int) -> list[SupervisedStage]:
        """Stages 2 and 3: softmax training, fine-tuning, or both."""
        fine_tunes = self.fine_tune and n_hidden > 0
        stages = []
        if not (fine_tunes and self._is_warm_start()):
            stages.append(self._supervised_stage("softmax", n_hidden))
        if fine_tunes:
            stages.append(self._supervised_stage("fine-tuning", 0))
        return stages

    def _supervised_stage(self, name: str, n_fixed: int) -> SupervisedStage:
        hidden_alpha = self.alpha if self.hidden_alpha is None else self.hidden_alpha
        return SupervisedStage(
            self._stage(name), n_fixed, self.alpha, hidden_alpha, self.corruption
        )

    def _set_classes(self, y: Array) -> None:
        labels.check_unlabeled_label(self.unlabeled_label)
        given = y[labels.is_labeled(y, self.unlabeled_label)]
        if not len(given):
            raise ValueError(
                f"No row has a label: y holds only unlabeled_label="
                f"{self.unlabeled_label!r}."
            )
        check_classification_targets(given)
        classes = np.unique(given)
        labels.check_classes(classes, self.unlabeled_label)
        if self._is_warm_start() and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"y has the classes {classes.tolist()}, but the fit that warm_start="
                f"True goes on from has {self.classes_.tolist()}: pass rows of these "
                "classes, or set warm_start=False."
            )
        self.classes_: Array = classes

    def _encoded(
        self, X: Any, y: Array, sample_weight: Any, name: str = "y"
    ) -> tuple[Any, Array, Array]:
        codes = labels.encode_labels(y, self.classes_, self.unlabeled_label, name=name)
        return X, codes, checks.check_sample_weight(sample_weight, X)

    def _given_validation(
        self, X_val: Any, y_val: Any, sample_weight_val: Any
    ) -> tuple[Any, Array, Array] | None:
        if X_val is None and y_val is None and sample_weight_val is None:
            return None
        if X_val is None or y_val is None:
            raise ValueError("X_val and y_val go together: pass both or none.")
        try:
            X_val, y_val = self._validated(X_val, y_val)
            given = self._encoded(X_val, y_val, sample_weight_val, name="y_val")
            # Weights of classes are for training: scores are what score would say.
            labels.labeled_rows(rows_of(*given, None))
        except ValueError as error:
            raise ValueError(f"X_val, y_val, sample_weight_val: {error}") from error
        return given

    def _train(
        self,
        rows: Rows,
        held_out: Rows | None,
        random_state: np.random.RandomState,
        task: Task,
    ) -> None:
        """Run the stages on validated rows, inside of a call that holds the threads."""
        autoencoders = self._autoencoders(rows.n_features, random_state)
        goes_on = self._is_warm_start()
        rows = prepare_rows(rows, canonical=self._is_canonical(autoencoders))
        if self.early_stopping and held_out is None:
            rows, held_out = labels.hold_out_labeled(
                rows, self.validation_fraction, random_state
            )
        labeled = labels.labeled_rows(rows, self._class_weights(rows))
        if goes_on:
            layers = self._previous_network(autoencoders, rows.dtype)
            self.history_ = []
        else:
            encoders, pretrained = self._new_encoders(autoencoders, rows, task)
            layers = self._with_output(encoders, rows.n_features)
            self.history_ = [record.to_dict() for record in pretrained]

        def attributes(network: Sequence[Layer]) -> dict[str, Any]:
            return {**vars(self), **network_attributes(network, "softmax")}

        records = []
        stages = self._supervised_stages(len(layers) - 1)
        for stage in stages:
            layers, record = stage.run(
                layers,
                labeled,
                held_out if stage is stages[-1] else None,
                random_state,
                task=task,
                fitted_attributes=attributes,
            )
            records.append(record)
            self.history_.append(record.to_dict())
            self._set_record(record)
        self._set_network(layers, "softmax")
        warn_unconverged(records, self.max_iter)

    def _partial_fit(
        self, rows: Rows, random_state: np.random.RandomState, goes_on: bool
    ) -> None:
        """Go over validated rows once; the first time, pretrain on them before."""
        autoencoders = self._autoencoders(rows.n_features, random_state)
        rows = prepare_rows(rows, canonical=False)
        if goes_on:
            layers = self._previous_network(autoencoders, rows.dtype)
        else:
            encoders, pretrained = self._new_encoders(autoencoders, rows, Task())
            layers = self._with_output(encoders, rows.n_features)
            self.history_ = [record.to_dict() for record in pretrained]
            self.loss_, self.n_iter_, self.loss_curve_ = math.nan, 0, []
        self.validation_scores_ = self.best_validation_score_ = None
        if rows.y is not None and (rows.y != labels.UNLABELED).any():
            labeled = labels.labeled_rows(rows, self._class_weights(rows))
            n_fixed = 0 if self.fine_tune else len(layers) - 1
            stage = self._supervised_stage("fine-tuning", n_fixed)
            layers, loss, adam_state = stage.run_epoch(
                layers, labeled, getattr(self, "_adam_state", None), random_state
            )
            self._set_epoch(loss, adam_state)
        self._set_network(layers, "softmax")

    def _class_weights(self, rows: Rows) -> Array:
        y, weights = np.asarray(rows.y), rows.weights
        return labels.class_weights(self.class_weight, self.classes_, y, weights)

    def _is_canonical(self, autoencoders: list[LayerAutoencoder]) -> bool:
        if self.pretrain and not self._is_warm_start():
            trained = [a for a in autoencoders if isinstance(a, SparseAutoencoder)]
            return all(model.solver == "lbfgs" for model in (self, *trained))
        return bool(self.solver == "lbfgs")

    def _with_output(self, encoders: list[Layer], n_features: int) -> list[Layer]:
        """Put a softmax layer of zeros above the hidden layers."""
        n_in = len(encoders[-1].b) if encoders else n_features
        return [*encoders, zero_output_layer(n_in, len(self.classes_))]


def _probabilities(X: Array, layers: Sequence[Layer]) -> Array:
    return SOFTMAX.predict(forward_output(X, layers))


def _log_probabilities(X: Array, layers: Sequence[Layer]) -> Array:
    return SOFTMAX.log_predict(forward_output(X, layers))
