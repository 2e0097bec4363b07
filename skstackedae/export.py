"""Fitted models for places where this package is not: scikit-learn and ONNX."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import LabelBinarizer

from ._array_api import Array
from ._input_checks import check_fitted_instance
from ._network.layers import Layer
from ._sparse_autoencoder import SparseAutoencoder
from ._stacked_classifier import StackedAutoencoderClassifier

__all__ = ["register_onnx_converters", "to_mlp_classifier", "to_mlp_regressor"]

# Each activation's operator in ONNX's standard set.
ONNX_OPERATORS = {
    "logistic": "OnnxSigmoid",
    "tanh": "OnnxTanh",
    "relu": "OnnxRelu",
    "identity": "OnnxIdentity",
}


def to_mlp_classifier(classifier: StackedAutoencoderClassifier) -> MLPClassifier:
    """Return a fitted stacked autoencoder as scikit-learn's `MLPClassifier`.

    Both predict the same up to rounding. What is returned holds copies and nothing of
    this package: its pickle opens where only scikit-learn is installed.

    Parameters
    ----------
    classifier : StackedAutoencoderClassifier
        A fitted classifier whose hidden layers all have one activation, because
        `MLPClassifier` knows only one.

    Returns
    -------
    sklearn.neural_network.MLPClassifier
        The fitted network. `coefs_` and `intercepts_` have the shapes and the precision
        of the classifier's, but the last ones have shape (n_in, 1) and (1,) for two
        classes: one logistic output, the second logit less the first. `loss_`,
        `loss_curve_` and `n_iter_` are the classifier's; `t_`, a number of rows that
        it does not keep, is 0.

    Raises
    ------
    TypeError
        If `classifier` is something else, a pipeline for example.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    ValueError
        If hidden layers differ in their activations.

    See Also
    --------
    to_mlp_regressor : The same for a single autoencoder.
    register_onnx_converters : Models for ONNX, also with several activations.

    Notes
    -----
    Only `hidden_layer_sizes` and `activation` are set: the other parameters, which
    matter in training alone, are scikit-learn's defaults. `partial_fit` goes on from
    these weights; `fit` starts anew, without pretraining.

    Of two classes `MLPClassifier` computes the first's probability as 1 less the
    second's: where that rounds to 0, `predict_log_proba` has minus infinity.

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
        activation=_common_activation(classifier.activations_),
    )
    mlp._label_binarizer = LabelBinarizer().fit(classifier.classes_)
    # fit turns labels that are objects into strings.
    mlp._label_binarizer.classes_ = classifier.classes_.copy()
    mlp.classes_ = mlp._label_binarizer.classes_
    out_activation = "softmax"
    if len(mlp.classes_) == 2:
        softmax = _logistic_output(softmax)
        out_activation = "logistic"
    _set_fitted(mlp, classifier, [*hidden, softmax], out_activation)
    return mlp


def to_mlp_regressor(autoencoder: SparseAutoencoder) -> MLPRegressor:
    """Return a fitted sparse autoencoder as scikit-learn's `MLPRegressor`.

    Its `predict` reconstructs X, as ``inverse_transform(transform(X))`` of the
    autoencoder does, up to rounding. What is returned holds copies and nothing of this
    package: its pickle opens where only scikit-learn is installed.

    Parameters
    ----------
    autoencoder : SparseAutoencoder
        A fitted autoencoder.

    Returns
    -------
    sklearn.neural_network.MLPRegressor
        The fitted network. `coefs_` and `intercepts_` have the shapes and the precision
        of the autoencoder's, `out_activation_` is its decoder's. `loss_`,
        `loss_curve_` and `n_iter_` are the autoencoder's; `t_`, a number of rows that
        it does not keep, is 0.

    Raises
    ------
    TypeError
        If `autoencoder` is something else, a pipeline for example.
    sklearn.exceptions.NotFittedError
        If it is not fitted.

    See Also
    --------
    to_mlp_classifier : The same for the classifier.
    register_onnx_converters : The hidden activations as an ONNX graph.

    Notes
    -----
    The network is for predictions: trained further, `MLPRegressor` has a right gradient
    for identity outputs alone, and no sparsity penalty. For data of a single feature
    its `predict` has shape (n_samples,).

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
    check_fitted_instance(autoencoder, SparseAutoencoder)
    (activation,) = autoencoder.activations_
    layers = autoencoder._layers()
    mlp = MLPRegressor(hidden_layer_sizes=(len(layers[0].b),), activation=activation)
    _set_fitted(mlp, autoencoder, layers, autoencoder.out_activation_)
    return mlp


def register_onnx_converters() -> None:
    """Teach skl2onnx to convert the estimators of this package.

    Call it once in a process; from then on ``skl2onnx.to_onnx`` converts fitted
    estimators, alone and as steps of pipelines. It needs the extra
    ``skstackedae[onnx]``; what runs the converted graph needs neither this package
    nor scikit-learn.

    A :class:`~skstackedae.StackedAutoencoderClassifier` becomes a graph with the labels
    and probabilities of every class, with skl2onnx's options for classifiers: `zipmap`,
    `output_class_labels` and `nocl`. It has to be the last step of a pipeline. A
    :class:`~skstackedae.SparseAutoencoder` becomes a transformer: the activations of
    its hidden units. Layers may differ in their activations.

    The graph computes in float64 if its input is float64, otherwise in float32,
    whatever the precision of the model. In float64 pass ``options={"zipmap": False}``
    (or "columns"): skl2onnx's default, a dict for each row, exists in float32 alone.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.

    See Also
    --------
    to_mlp_classifier : The classifier as scikit-learn's own network.
    to_mlp_regressor : The autoencoder as scikit-learn's own network.

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
        },
    )
    update_registered_converter(
        SparseAutoencoder,
        "SkstackedaeSparseAutoencoder",
        _infer_autoencoder_shape,
        _convert_autoencoder,
    )


def _common_activation(activations: Sequence[str]) -> str:
    if len(set(activations)) > 1:
        raise ValueError(
            f"The hidden layers have the activations {list(activations)}, but "
            "MLPClassifier has one for all of them. Convert the classifier to ONNX "
            "(register_onnx_converters), or fit it with autoencoders of the same "
            "activation."
        )
    # Without hidden layers none is used.
    return activations[0] if activations else "identity"


def _logistic_output(softmax: Layer) -> Layer:
    """Merge two softmax outputs into one: P[1] is the logistic of z_1 - z_0."""
    W, b = softmax.W, softmax.b
    return softmax._replace(W=W[:, 1:] - W[:, :1], b=b[1:] - b[:1])


def _set_fitted(
    mlp: Any, model: Any, layers: Sequence[Layer], out_activation: str
) -> None:
    """Give an MLP all that its `fit` would have set."""
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
    # As after any fit without early stopping, which is what its parameters say.
    mlp.validation_scores_ = mlp.best_validation_score_ = None
    # partial_fit counts on from here.
    mlp._no_improvement_count = 0


# From here on functions import skl2onnx, because the package works without it. Their
# parameters have the names that it asks for.


def _infer_autoencoder_shape(operator: Any) -> None:
    from skl2onnx.common.data_types import guess_tensor_type

    (X,), (hidden,) = operator.inputs, operator.outputs
    tensor = guess_tensor_type(X.type)
    n_components = len(operator.raw_operator.intercepts_[0])
    tensor.shape = [X.get_first_dimension(), n_components]
    hidden.set_type(tensor)


def _convert_autoencoder(scope: Any, operator: Any, container: Any) -> None:
    from skl2onnx.algebra.onnx_ops import OnnxIdentity

    layers = operator.raw_operator._layers()[:1]
    hidden = OnnxIdentity(
        _onnx_output(operator.inputs[0], layers, container),
        op_version=container.target_opset,
        output_names=operator.outputs,
    )
    hidden.add_to(scope, container)


def _convert_classifier(scope: Any, operator: Any, container: Any) -> None:
    from skl2onnx.algebra.onnx_ops import OnnxArgMax, OnnxGather, OnnxSoftmax
    from skl2onnx.common.utils_classifier import get_label_classes

    version = container.target_opset
    classifier = operator.raw_operator
    logits = _onnx_output(operator.inputs[0], classifier._layers(), container)
    label = OnnxGather(
        _onnx_labels(get_label_classes(scope, classifier)),
        OnnxArgMax(logits, axis=1, keepdims=0, op_version=version),
        op_version=version,
        output_names=operator.outputs[:1],
    )
    probabilities = OnnxSoftmax(
        logits, axis=1, op_version=version, output_names=operator.outputs[1:]
    )
    label.add_to(scope, container)
    probabilities.add_to(scope, container)


def _onnx_output(X: Any, layers: Sequence[Layer], container: Any) -> Any:
    """Write the forward pass as ONNX operators; the last layer's output."""
    from skl2onnx.algebra import onnx_ops
    from skl2onnx.common.data_types import (
        DoubleTensorType,
        guess_proto_type,
        guess_tensor_type,
    )

    version = container.target_opset
    tensor = guess_tensor_type(X.type)
    dtype = np.float64 if isinstance(tensor, DoubleTensorType) else np.float32
    A = onnx_ops.OnnxCast(X, to=guess_proto_type(tensor), op_version=version)
    for layer in layers:
        W, b, activation = layer.astype(dtype)
        Z = onnx_ops.OnnxGemm(A, W, b, op_version=version)
        operator = getattr(onnx_ops, ONNX_OPERATORS[activation.name])
        A = operator(Z, op_version=version)
    return A


def _onnx_labels(classes: Array) -> Array:
    # Arrays of objects hold strings or numbers; their list tells which.
    labels = np.array(classes.tolist())
    return labels if labels.dtype.kind == "U" else labels.astype(np.int64)
