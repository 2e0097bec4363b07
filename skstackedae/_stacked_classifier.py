"""The stacked autoencoder as a classifier."""

import copy
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_array, check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from ._activations import ACTIVATIONS, IDENTITY
from ._arrays import Array
from ._html import stack_block
from ._layer_prototypes import LayerAutoencoder, layer_autoencoders, layer_sizes
from ._losses import SOFTMAX
from ._network import Layer, make_layers, output
from ._objectives import NetworkObjective
from ._parameters import ParameterLayout
from ._persistence import VersionedStateMixin
from ._row_blocks import RowBlocks, map_rows, weighted_rows
from ._sparse_autoencoder import SparseAutoencoder
from ._stages import TRAINING_CONSTRAINTS, Stage, warn_unconverged
from ._validation import check_sample_weight, float_dtypes
from ._workers import Workers


class TrainingRows(NamedTuple):
    """What all stages of a fit share: the rows that count, and threads for them."""

    X: Array
    y: Array
    weights: Array
    workers: Workers

    def blocks(self, row_width: int) -> RowBlocks:
        """Cut the rows for a network of this width."""
        return RowBlocks(
            self.X, self.y, self.weights, row_width=row_width, workers=self.workers
        )

    def features(self, layers: Sequence[Layer]) -> Array:
        """Activations of the last of these layers."""
        if not layers:
            return self.X
        row_width = self.X.shape[1] + sum(len(layer.b) for layer in layers)
        return self.blocks(row_width).stack(output, layers)


def _has_decoders(classifier: "StackedAutoencoderClassifier") -> bool:
    if hasattr(classifier, "coefs_"):
        return hasattr(classifier, "autoencoders_")
    return bool(classifier.pretrain)


class StackedAutoencoderClassifier(
    VersionedStateMixin,
    ClassNamePrefixFeaturesOutMixin,
    ClassifierMixin,
    TransformerMixin,
    BaseEstimator,
):
    r"""Deep classifier: pretrained sparse autoencoders, softmax, fine-tuning.

    `fit` runs three stages [1]_:

    1. Pretraining: one :class:`SparseAutoencoder` for each hidden layer, trained on the
       activations of the layer below.
    2. Softmax training: a softmax classifier on the last layer's activations.
    3. Fine-tuning: backpropagation through the whole network, all weights together.

    The last two minimise, for samples with weights :math:`w_i` that sum to 1,

    .. math::
        -\sum_i w_i \log P_{i, y_i} + \tfrac{\alpha}{2} \|W_{out}\|^2
        + \tfrac{\alpha_h}{2} \sum_l \|W_l\|^2

    with `alpha` = :math:`\alpha` and `hidden_alpha` = :math:`\alpha_h`. Biases are not
    decayed. In :class:`~sklearn.neural_network.MLPClassifier` alpha is `n_samples`
    times as large for the same decay.

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

    learning_rate_init : float, default=0.001
        Step length of 'adam'.

    shuffle : bool, default=True
        Whether 'adam' draws the rows of mini-batches in a new order in each epoch.

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
        `last_loss`, `seconds`, `accuracy` (weighted, on the training rows; None for
        pretraining) and `loss_curve`. The accuracies
        after 'softmax' and after 'fine-tuning' tell what each stage did.

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

    _parameter_constraints: dict[str, list[Any]] = {
        "hidden_layer_sizes": [
            "array-like",
            Interval(Integral, 1, None, closed="left"),
        ],
        "autoencoder": [SparseAutoencoder, list, tuple, None],
        "pretrain": ["boolean"],
        "fine_tune": ["boolean"],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "hidden_alpha": [Interval(Real, 0, None, closed="left"), None],
        **TRAINING_CONSTRAINTS,
    }

    _doc_link_module = "skstackedae"
    _doc_link_template = SparseAutoencoder._doc_link_template

    def __init__(
        self,
        hidden_layer_sizes: Any = (100, 100),
        *,
        autoencoder: Any = None,
        pretrain: bool = True,
        fine_tune: bool = True,
        alpha: float = 1e-4,
        hidden_alpha: float | None = None,
        solver: str = "lbfgs",
        max_iter: int = 200,
        tol: float = 1e-2,
        n_iter_no_change: int = 10,
        batch_size: int | str = "auto",
        learning_rate_init: float = 0.001,
        shuffle: bool = True,
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
        self.solver = solver
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.shuffle = shuffle
        self.warm_start = warm_start
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None
    ) -> "StackedAutoencoderClassifier":
        """Pretrain the hidden layers, train the softmax layer, fine-tune the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples. float32 is kept, other types become float64.

        y : array-like of shape (n_samples,)
            Class labels.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples in all stages, not negative; None weighs all alike.

        Returns
        -------
        StackedAutoencoderClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, y or the weights are not valid, if parameters do not go together, or
            if the loss does not stay finite. The estimator is then as it was before.
        """
        # All is written to a copy: a fit that fails leaves this estimator as it was.
        fitted = copy.copy(self)
        X, y = validate_data(
            fitted, X, y, dtype=float_dtypes(X), order="C", reset=not self._goes_on()
        )
        weights = check_sample_weight(sample_weight, X)
        codes = fitted._encode_classes(y)
        random_state = check_random_state(self.random_state)
        with Workers(self.n_jobs) as workers:
            fitted._train(X, codes, weights, random_state, workers)
        supervised = [stage for stage in fitted.history_ if stage["layer"] is None]
        warn_unconverged(supervised, self.max_iter)
        self.__dict__ = fitted.__dict__
        return self

    def predict(self, X: Any) -> Array:
        """Predict class labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            The most probable class of each sample.
        """
        logits = self._map_rows(output, X, self._layers())
        return self.classes_[logits.argmax(axis=1)]

    def predict_proba(self, X: Any) -> Array:
        """Predict class probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probability of each class, in the order of `classes_`.
        """
        return self._map_rows(_probabilities, X, self._layers())

    def predict_log_proba(self, X: Any) -> Array:
        """Predict logarithms of class probabilities, finite also for tiny ones.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Log-probability of each class, in the order of `classes_`.
        """
        return self._map_rows(_log_probabilities, X, self._layers())

    def decision_function(self, X: Any) -> Array:
        """Return the logits.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or (n_samples,) for two classes
            Logit of each class, in the order of `classes_`; for two classes the
            second's less the first's.
        """
        logits = self._map_rows(output, X, self._layers())
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def transform(self, X: Any) -> Any:
        """Return the deep features: what the softmax layer sees.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            Activations of the last hidden layer; X itself without hidden layers.
        """
        features = self._map_rows(output, X, self._layers()[:-1])
        # Without hidden layers it is the caller's own array.
        return features if self.activations_ else features.copy()

    @available_if(_has_decoders)
    def inverse_transform(self, X: Any) -> Any:
        """Decode deep features down the pretrained stack.

        The decoders are those of pretraining. Fine-tuning moves the encoders away from
        them: with ``fine_tune=True`` a decoded sample shows what the pretrained
        network would have meant by these features, not the best reconstruction.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Activations of the last hidden layer, as `transform` returns them.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Samples.
        """
        check_is_fitted(self)
        decoded = check_array(X, dtype=float_dtypes(X), order="C", input_name="X")
        if decoded.shape[1] != self._n_features_out:
            raise ValueError(
                f"X has {decoded.shape[1]} columns, but the last hidden layer of this "
                f"{type(self).__name__} has {self._n_features_out} units."
            )
        for autoencoder in reversed(self.autoencoders_):
            decoded = autoencoder._decode(decoded)
        return decoded if self.activations_ else decoded.copy()

    @property
    def _n_features_out(self) -> int:
        return self.coefs_[-1].shape[0]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _sk_visual_block_(self) -> Any:
        return stack_block(self)

    def _goes_on(self) -> bool:
        return bool(self.warm_start) and hasattr(self, "coefs_")

    def _encode_classes(self, y: Array) -> Array:
        check_classification_targets(y)
        classes, codes = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(
                f"y has 1 class, {classes.tolist()}: a classifier needs 2 or more."
            )
        if self._goes_on() and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"y has the classes {classes.tolist()}, but the fit that warm_start="
                f"True goes on from has {self.classes_.tolist()}: pass rows of these "
                "classes, or set warm_start=False."
            )
        self.classes_: Array = classes
        return codes

    def _train(
        self,
        X: Array,
        codes: Array,
        sample_weight: Array,
        random_state: np.random.RandomState,
        workers: Workers,
    ) -> None:
        """Run the stages on validated rows, inside of a call that holds the workers."""
        sizes = layer_sizes(self.hidden_layer_sizes)
        autoencoders = layer_autoencoders(
            self.autoencoder,
            (X.shape[1], *sizes),
            random_state,
            n_jobs=self.n_jobs,
            verbose=self.verbose,
            feature_names=getattr(self, "feature_names_in_", None),
        )
        canonical = self._trains_by_lbfgs_alone(autoencoders)
        counted = weighted_rows(X, codes, sample_weight, canonical=canonical)
        rows = TrainingRows(*counted, workers)
        self.history_: list[dict[str, Any]] = []
        if self._goes_on():
            *hidden, softmax = self._previous_layers(sizes, autoencoders, X.dtype)
        else:
            hidden = self._hidden_layers(autoencoders, rows)
            softmax = _zero_layer((X.shape[1], *sizes)[-1], len(self.classes_))
        fine_tunes = self.fine_tune and bool(hidden)
        if not (self._goes_on() and fine_tunes):
            on_features = rows._replace(X=rows.features(hidden))
            (softmax,) = self._minimise("softmax", [softmax], on_features, random_state)
        if fine_tunes:
            network = [*hidden, softmax]
            network = self._minimise("fine-tuning", network, rows, random_state)
            *hidden, softmax = network
        self._store([*hidden, softmax], X.dtype)

    def _trains_by_lbfgs_alone(self, autoencoders: list[LayerAutoencoder]) -> bool:
        trained: list[Any] = [self]
        if self.pretrain and not self._goes_on():
            trained += [a for a in autoencoders if isinstance(a, SparseAutoencoder)]
        return all(estimator.solver == "lbfgs" for estimator in trained)

    def _hidden_layers(
        self,
        autoencoders: list[LayerAutoencoder],
        rows: TrainingRows,
    ) -> list[Layer]:
        """Stage 1: pretrain the layers from the input up, or only initialise them."""
        if self.pretrain:
            _check_penalties(autoencoders)
        layers: list[Layer] = []
        fitted: list[SparseAutoencoder] = []
        for number, autoencoder in enumerate(autoencoders, start=1):
            if isinstance(autoencoder, FrozenEstimator):
                # A copy, because a refit elsewhere must not change this model.
                autoencoder = copy.deepcopy(autoencoder.estimator)
            elif self.pretrain:
                stage = Stage.of(autoencoder, "pretraining", number)
                record = autoencoder._train(
                    rows.features(layers), rows.weights, stage, rows.workers
                )
                self.history_.append(record)
            else:
                n_in = len(layers[-1].b) if layers else rows.X.shape[1]
                autoencoder._initialize(n_in)
            fitted.append(autoencoder)
            # A frozen layer may come in another precision.
            layers.append(autoencoder._encoder().astype(rows.X.dtype))
        # What an earlier fit left must not pass for this one's.
        self.__dict__.pop("autoencoders_", None)
        if self.pretrain:
            self.autoencoders_ = fitted
        return layers

    def _previous_layers(
        self, sizes: Sequence[int], autoencoders: list[LayerAutoencoder], dtype: Any
    ) -> list[Layer]:
        now = {
            "hidden_layer_sizes": tuple(sizes),
            "activations of the autoencoders": [a.activation for a in autoencoders],
        }
        before = [tuple(len(b) for b in self.intercepts_[:-1]), self.activations_]
        for (name, value), value_before in zip(now.items(), before, strict=True):
            if value != value_before:
                raise ValueError(
                    f"{name}={value!r}, but the fit that warm_start=True goes on from "
                    f"has {value_before!r}: set it back, or set warm_start=False."
                )
        return [layer.astype(dtype) for layer in self._layers()]

    def _minimise(
        self,
        name: str,
        layers: Sequence[Layer],
        rows: TrainingRows,
        random_state: np.random.RandomState,
    ) -> list[Layer]:
        """Stages 2 and 3: train these layers on these rows, the last as the softmax."""
        layout = ParameterLayout(
            (rows.X.shape[1], *(len(layer.b) for layer in layers)),
        )
        data = rows.blocks(sum(layout.sizes))
        hidden_alpha = self.alpha if self.hidden_alpha is None else self.hidden_alpha
        objective = NetworkObjective(
            data,
            layout,
            tuple(layer.activation for layer in layers[:-1]),
            alpha=self.alpha,
            hidden_alpha=hidden_alpha,
        )
        theta0 = layout.pack(
            [layer.W for layer in layers], [layer.b for layer in layers], rows.X.dtype
        )
        result, record = Stage.of(self, name).run(
            objective, theta0, random_state, objective.accuracy
        )
        self.history_.append(record)
        self.loss_, self.loss_curve_ = result.loss, list(result.loss_curve)
        self.n_iter_ = result.n_iter
        return objective.layers(result.theta)

    def _store(self, layers: Sequence[Layer], dtype: Any) -> None:
        # Copies of their own: a view would keep the solver's whole vector alive.
        self.coefs_ = [np.array(layer.W, dtype=dtype) for layer in layers]
        self.intercepts_ = [np.array(layer.b, dtype=dtype) for layer in layers]
        self.activations_ = [layer.activation.name for layer in layers[:-1]]
        self.n_layers_ = len(layers) + 1
        self.n_outputs_ = len(self.classes_)
        self.out_activation_ = "softmax"

    def _layers(self) -> list[Layer]:
        check_is_fitted(self)
        hidden = [ACTIVATIONS[name] for name in self.activations_]
        return make_layers(self.coefs_, self.intercepts_, [*hidden, IDENTITY])

    def _map_rows(self, function: Any, X: Any, layers: list[Layer]) -> Array:
        X = validate_data(self, X, dtype=float_dtypes(X), order="C", reset=False)
        row_width = X.shape[1] + sum(len(layer.b) for layer in layers)
        return map_rows(function, X, layers, row_width=row_width, n_jobs=self.n_jobs)


def _check_penalties(autoencoders: list[LayerAutoencoder]) -> None:
    # Before the first layer is trained, not when the wrong one's turn comes.
    for autoencoder in autoencoders:
        if isinstance(autoencoder, SparseAutoencoder):
            autoencoder._check_penalty()


def _zero_layer(n_in: int, n_out: int) -> Layer:
    return Layer(np.zeros((n_in, n_out)), np.zeros(n_out), IDENTITY)


def _probabilities(X: Array, layers: Sequence[Layer]) -> Array:
    return SOFTMAX.predict(output(X, layers))


def _log_probabilities(X: Array, layers: Sequence[Layer]) -> Array:
    return SOFTMAX.log_predict(output(X, layers))
