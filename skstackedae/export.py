"""Export of fitted models to scikit-learn and ONNX, for use without this package."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import LabelBinarizer

from ._array_api import Array
from ._input_checks import check_fitted_instance
from ._network.activations import activation_of
from ._network.layers import Layer
from ._sparse_autoencoder import SparseAutoencoder
from ._stacked_autoencoder import StackedAutoencoder
from ._stacked_classifier import StackedAutoencoderClassifier
from ._stacked_regressor import StackedAutoencoderRegressor

__all__ = ["register_onnx_converters", "to_mlp_classifier", "to_mlp_regressor"]

# Each activation's operator in ONNX's standard set.
ONNX_OPERATORS = {
    "logistic": "OnnxSigmoid",
    "tanh": "OnnxTanh",
    "relu": "OnnxRelu",
    "identity": "OnnxIdentity",
}


def to_mlp_classifier(classifier: StackedAutoencoderClassifier) -> MLPClassifier:
    """Convert a fitted classifier to scikit-learn's `MLPClassifier`.

    Both predict the same up to rounding. The returned network holds copies of the
    weights and no objects of this package, so its pickle needs only scikit-learn.

    Parameters
    ----------
    classifier : StackedAutoencoderClassifier
        A fitted classifier. All hidden layers must have the same activation, because
        `MLPClassifier` has only one.

    Returns
    -------
    sklearn.neural_network.MLPClassifier
        The fitted network. `coefs_` and `intercepts_` have the same shapes and the same
        precision as those of the classifier. For two classes, the network has a single
        logistic output, whose logit is the second logit minus the first, so the last
        arrays have shape (n_in, 1) and (1,). `loss_`, `loss_curve_` and `n_iter_` are
        copied from the classifier. `t_`, the number of samples seen in training, is
        unknown and set to 0.

    Raises
    ------
    TypeError
        If `classifier` is another object, for example a pipeline.
    sklearn.exceptions.NotFittedError
        If `classifier` is not fitted.
    ValueError
        If the hidden layers have different activations.

    See Also
    --------
    to_mlp_regressor : The same for a single autoencoder.
    register_onnx_converters : Export to ONNX, which allows different activations.

    Notes
    -----
    Only `hidden_layer_sizes` and `activation` are set. The other parameters matter only
    for training and keep scikit-learn's defaults. `partial_fit` continues from these
    weights; `fit` starts over, without pretraining.

    For two classes, `MLPClassifier` computes the probability of the first class as 1
    minus the probability of the second. If the difference rounds to 0,
    `predict_log_proba` returns minus infinity.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skstackedae import StackedAutoencoderClassifier
    >>> from skstackedae.export import to_mlp_classifier
    >>> X, y = load_digits(return_X_y=True)
    >>> X = X / 16
    >>> classifier = StackedAutoencoderClassifier((16,), random_state=0).fit(X, y)
    >>> mlp = to_mlp_classifier(classifier)
    >>> mlp
    MLPClassifier(activation='logistic', hidden_layer_sizes=(16,))
    >>> np.allclose(mlp.predict_proba(X), classifier.predict_proba(X), atol=1e-12)
    True
    """
    check_fitted_instance(classifier, StackedAutoencoderClassifier)
    *hidden, softmax = classifier._layers()
    mlp = MLPClassifier(
        hidden_layer_sizes=tuple(len(layer.b) for layer in hidden),
        activation=_common_activation(classifier.activations_, "MLPClassifier"),
    )
    mlp._label_binarizer = LabelBinarizer().fit(classifier.classes_)
    # LabelBinarizer.fit converts object labels to strings.
    mlp._label_binarizer.classes_ = classifier.classes_.copy()
    mlp.classes_ = mlp._label_binarizer.classes_
    out_activation = "softmax"
    if len(mlp.classes_) == 2:
        softmax = _logistic_output(softmax)
        out_activation = "logistic"
    _set_fitted(mlp, classifier, [*hidden, softmax], out_activation)
    return mlp


def to_mlp_regressor(
    model: SparseAutoencoder | StackedAutoencoder | StackedAutoencoderRegressor,
) -> MLPRegressor:
    """Convert a fitted autoencoder or regressor to scikit-learn's `MLPRegressor`.

    Up to rounding, `predict` of the network returns the same predictions as the
    regressor, or the same reconstructions as ``inverse_transform(transform(X))`` of the
    autoencoder. The returned network holds
    copies of the weights and no objects of this package, so its pickle needs only
    scikit-learn.

    Parameters
    ----------
    model : SparseAutoencoder, StackedAutoencoder or StackedAutoencoderRegressor
        A fitted estimator. All layers but the last must have the same activation,
        because `MLPRegressor` has only one.

    Returns
    -------
    sklearn.neural_network.MLPRegressor
        The fitted network. `coefs_` and `intercepts_` have the same shapes and the same
        precision as those of the model. `out_activation_` is the activation of the
        output. `loss_`, `loss_curve_` and `n_iter_` are copied from the model. `t_`,
        the number of samples seen in training, is unknown and set to 0.

    Raises
    ------
    TypeError
        If `model` is another object, for example a pipeline.
    sklearn.exceptions.NotFittedError
        If `model` is not fitted.
    ValueError
        If the layers have different activations.

    See Also
    --------
    to_mlp_classifier : The same for a stacked classifier.
    register_onnx_converters : The hidden activations as an ONNX graph.

    Notes
    -----
    The network is meant for predictions, not for further training: the gradient of
    `MLPRegressor` is correct only for identity outputs, and it has no sparsity penalty.
    For data with a single feature `predict` returns shape (n_samples,).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skstackedae import SparseAutoencoder
    >>> from skstackedae.export import to_mlp_regressor
    >>> X = load_digits().data / 16
    >>> autoencoder = SparseAutoencoder(16, sparsity_weight=0.1, random_state=0).fit(X)
    >>> mlp = to_mlp_regressor(autoencoder)
    >>> reconstructed = autoencoder.inverse_transform(autoencoder.transform(X))
    >>> np.allclose(mlp.predict(X), reconstructed, atol=1e-12)
    True
    """
    check_fitted_instance(
        model, SparseAutoencoder, StackedAutoencoder, StackedAutoencoderRegressor
    )
    layers = model._layers()
    mlp = MLPRegressor(
        hidden_layer_sizes=tuple(len(layer.b) for layer in layers[:-1]),
        activation=_common_activation(model.activations_, "MLPRegressor"),
    )
    _set_fitted(mlp, model, layers, model.out_activation_)
    return mlp


def register_onnx_converters() -> None:
    """Register converters for the estimators of this package with skl2onnx.

    Call this function once per process. Afterward ``skl2onnx.to_onnx`` converts fitted
    estimators, alone and as steps of pipelines. The conversion needs the extra
    ``skstackedae[onnx]``; running the converted graph needs neither this package nor
    scikit-learn.

    A :class:`~skstackedae.StackedAutoencoderClassifier` becomes a graph that returns
    the label and the probabilities of each row. It supports skl2onnx's options for
    classifiers: `zipmap`, `output_class_labels`, `nocl`, and `raw_scores`, which
    returns logits instead of probabilities (for two classes, minus and plus
    `decision_function`). In a pipeline, the classifier must be the last step.
    Meta-estimators may wrap it if skl2onnx can convert them. A
    :class:`~skstackedae.SparseAutoencoder` or :class:`~skstackedae.StackedAutoencoder`
    becomes a graph that returns what `transform` returns, a
    :class:`~skstackedae.StackedAutoencoderRegressor` one that returns its predictions.
    Layers may have different activations.

    The graph computes in float64 if its input is float64, and in float32 otherwise; the
    precision of the model does not matter. For float64 input, pass ``options={"zipmap":
    False}`` (or "columns"), because skl2onnx's default, a dict for each row, supports
    only float32.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.

    See Also
    --------
    to_mlp_classifier : The classifier as a network of scikit-learn.
    to_mlp_regressor : The autoencoder as a network of scikit-learn.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skstackedae import StackedAutoencoderClassifier
    >>> from skstackedae.export import register_onnx_converters
    >>> X, y = load_digits(return_X_y=True)
    >>> X = (X / 16).astype(np.float32)
    >>> classifier = StackedAutoencoderClassifier((16,), random_state=0).fit(X, y)
    >>> from skl2onnx import to_onnx  # doctest: +SKIP
    >>> register_onnx_converters()  # doctest: +SKIP
    >>> graph = to_onnx(
    ...     classifier, X[:1], options={"zipmap": False}
    ... )  # doctest: +SKIP
    >>> [output.name for output in graph.graph.output]  # doctest: +SKIP
    ['label', 'probabilities']
    """
    try:
        from skl2onnx import update_registered_converter
        from skl2onnx.common.shape_calculator import (
            calculate_linear_classifier_output_shapes,
            calculate_linear_regressor_output_shapes,
        )
    except ImportError as error:
        raise ImportError(
            "register_onnx_converters needs skl2onnx: pip install 'skstackedae[onnx]'."
        ) from error
    update_registered_converter(
        StackedAutoencoderClassifier,
        "SkstackedaeStackedAutoencoderClassifier",
        calculate_linear_classifier_output_shapes,
        _convert_classifier,
        options={
            "zipmap": [True, False, "columns"],
            "output_class_labels": [False, True],
            "nocl": [True, False],
            "raw_scores": [True, False],
        },
    )
    update_registered_converter(
        StackedAutoencoderRegressor,
        "SkstackedaeStackedAutoencoderRegressor",
        calculate_linear_regressor_output_shapes,
        _convert_regressor,
    )
    for autoencoder in (SparseAutoencoder, StackedAutoencoder):
        update_registered_converter(
            autoencoder,
            f"Skstackedae{autoencoder.__name__}",
            _infer_autoencoder_shape,
            _convert_autoencoder,
        )


def _common_activation(activations: Sequence[str], network: str) -> str:
    if len(set(activations)) > 1:
        raise ValueError(
            f"The hidden layers have the activations {list(activations)}, but "
            f"{network} supports only one. Convert the model to ONNX "
            "(register_onnx_converters), or fit it with the same activation in all "
            "autoencoders."
        )
    if activations and activation_of(activations[0]).top_k is not None:
        raise ValueError(
            f"The hidden layers have the activation {activations[0]!r}, which "
            f"{network} does not have. Convert the model to ONNX "
            "(register_onnx_converters)."
        )
    # Without hidden layers the activation is not used.
    return activations[0] if activations else "identity"


def _logistic_output(softmax: Layer) -> Layer:
    """Merge two softmax outputs into one: P[1] is the logistic of z_1 - z_0."""
    W, b = softmax.W, softmax.b
    return softmax._replace(W=W[:, 1:] - W[:, :1], b=b[1:] - b[:1])


def _minus_and_plus(output: Layer) -> Layer:
    """Turn one output z into -z and z, the form that skl2onnx has for two classes."""
    W, b = output.W, output.b
    return output._replace(W=np.hstack([-W, W]), b=np.hstack([-b, b]))


def _set_fitted(
    mlp: Any, model: Any, layers: Sequence[Layer], out_activation: str
) -> None:
    """Set all attributes that `fit` of the MLP would set."""
    mlp.coefs_ = [np.array(layer.W) for layer in layers]
    mlp.intercepts_ = [np.array(layer.b) for layer in layers]
    mlp.n_layers_ = len(layers) + 1
    mlp.n_outputs_ = len(layers[-1].b)
    mlp.out_activation_ = out_activation
    mlp.n_features_in_ = model.n_features_in_
    if hasattr(model, "feature_names_in_"):
        mlp.feature_names_in_ = model.feature_names_in_.copy()
    mlp.n_iter_, mlp.t_ = model.n_iter_, 0
    mlp.loss_, mlp.loss_curve_ = model.loss_, list(model.loss_curve_)
    mlp.best_loss_ = min(mlp.loss_curve_, default=np.inf)
    # As after a fit without early stopping, which is the default.
    mlp.validation_scores_ = mlp.best_validation_score_ = None
    # partial_fit continues this count.
    mlp._no_improvement_count = 0


# The functions below import skl2onnx themselves, because the package works without it.
# skl2onnx prescribes the names of their parameters.


def _infer_autoencoder_shape(operator: Any) -> None:
    from skl2onnx.common.data_types import guess_tensor_type

    (X,), (hidden,) = operator.inputs, operator.outputs
    tensor = guess_tensor_type(X.type)
    n_components = operator.raw_operator._n_features_out
    tensor.shape = [X.get_first_dimension(), n_components]
    hidden.set_type(tensor)


def _convert_autoencoder(scope: Any, operator: Any, container: Any) -> None:
    autoencoder = operator.raw_operator
    layers = autoencoder._layers()[: autoencoder._n_encoders]
    _add_output(scope, operator, container, layers)


def _convert_regressor(scope: Any, operator: Any, container: Any) -> None:
    _add_output(scope, operator, container, operator.raw_operator._layers())


def _add_output(
    scope: Any, operator: Any, container: Any, layers: Sequence[Layer]
) -> None:
    from skl2onnx.algebra.onnx_ops import OnnxIdentity

    hidden = OnnxIdentity(
        _onnx_output(operator, layers, container),
        op_version=container.target_opset,
        output_names=operator.outputs,
    )
    hidden.add_to(scope, container)


def _convert_classifier(scope: Any, operator: Any, container: Any) -> None:
    from skl2onnx.algebra.onnx_ops import (
        OnnxArgMax,
        OnnxGather,
        OnnxIdentity,
        OnnxSoftmax,
    )
    from skl2onnx.common.utils_classifier import get_label_classes

    version = container.target_opset
    classifier = operator.raw_operator
    layers = classifier._layers()
    # skl2onnx also sets this if a meta-estimator uses the decision_function.
    is_raw = container.get_options(classifier, {"raw_scores": False})["raw_scores"]
    if is_raw and len(classifier.classes_) == 2:
        layers[-1] = _minus_and_plus(_logistic_output(layers[-1]))
    logits = _onnx_output(operator, layers, container)
    label = OnnxGather(
        _onnx_labels(get_label_classes(scope, classifier)),
        OnnxArgMax(logits, axis=1, keepdims=0, op_version=version),
        op_version=version,
        output_names=operator.outputs[:1],
    )
    final, axis = (OnnxIdentity, {}) if is_raw else (OnnxSoftmax, {"axis": 1})
    scores = final(
        logits, op_version=version, output_names=operator.outputs[1:], **axis
    )
    label.add_to(scope, container)
    scores.add_to(scope, container)


def _onnx_output(operator: Any, layers: Sequence[Layer], container: Any) -> Any:
    """Build the forward pass from ONNX operators; return the last layer's output."""
    from skl2onnx.algebra import onnx_ops
    from skl2onnx.common.data_types import (
        DoubleTensorType,
        guess_proto_type,
        guess_tensor_type,
    )

    version = container.target_opset
    (X,), means = (
        operator.inputs,
        getattr(operator.raw_operator, "feature_means_", None),
    )
    tensor = guess_tensor_type(X.type)
    dtype = np.float64 if isinstance(tensor, DoubleTensorType) else np.float32
    A = onnx_ops.OnnxCast(X, to=guess_proto_type(tensor), op_version=version)
    if means is not None:
        is_missing = onnx_ops.OnnxIsNaN(A, op_version=version)
        A = onnx_ops.OnnxWhere(is_missing, means.astype(dtype), A, op_version=version)
    for layer in layers:
        W, b, activation = layer.astype(dtype)
        Z = onnx_ops.OnnxGemm(A, W, b, op_version=version)
        operator = getattr(onnx_ops, ONNX_OPERATORS[activation.base_name])
        A = operator(Z, op_version=version)
        if activation.top_k is not None and activation.top_k < W.shape[1]:
            is_on = _onnx_is_on(Z, activation.top_k, version)
            zero = np.zeros(1, dtype=dtype)
            A = onnx_ops.OnnxWhere(is_on, A, zero, op_version=version)
    return A


def _onnx_is_on(Z: Any, k: int, version: int) -> Any:
    """Tell which entries of each row exceed its (k + 1)-th largest."""
    from skl2onnx.algebra import onnx_ops

    largest = onnx_ops.OnnxTopK(
        Z, np.array([k + 1], dtype=np.int64), axis=1, op_version=version
    )
    last = np.array([k], dtype=np.int64)
    next_value = onnx_ops.OnnxGather(largest[0], last, axis=1, op_version=version)
    return onnx_ops.OnnxGreater(Z, next_value, op_version=version)


def _onnx_labels(classes: Array) -> Array:
    # Object arrays contain strings or numbers; numpy infers the type from a list.
    labels = np.array(classes.tolist())
    return labels if labels.dtype.kind == "U" else labels.astype(np.int64)
