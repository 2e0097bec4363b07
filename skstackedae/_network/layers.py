"""Forward pass and backpropagation, layer by layer.

Conventions
-----------
Rows are samples. A layer maps A (n_rows, n_in) to f(A @ W + b) (n_rows, n_out), with W
(n_in, n_out) and b (n_out,). ``activations[0]`` is X and ``activations[l]`` the output
of ``layers[l - 1]``. ``delta`` of a layer is dJ/dZ, Z its pre-activations.

The numbered steps are those of [1]_, transposed because rows are samples here.

References
----------
.. [1] Andrew Ng et al., "Fine-tuning Stacked AEs", Unsupervised Feature Learning and
   Deep Learning tutorial, Stanford University.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from .._array_api import Array, array_namespace, cast
from .activations import Activation, with_dropout


class Layer(NamedTuple):
    """An affine map and the activation after it."""

    W: Array
    b: Array
    activation: Activation

    def astype(self, dtype: Any) -> "Layer":
        """Return the layer in this precision; without a copy if it has it already."""
        W, b = (cast(part, dtype) for part in (self.W, self.b))
        return Layer(W, b, self.activation)


def make_layers(
    coefs: Iterable[Array],
    intercepts: Iterable[Array],
    activations: Iterable[Activation],
) -> list[Layer]:
    """Make layers from lists of weights, biases and activations."""
    return [Layer(*parts) for parts in zip(coefs, intercepts, activations, strict=True)]


def drop_units(
    layers: Sequence[Layer], masks: Sequence[Array], probability: float
) -> list[Layer]:
    """Layers whose hidden units are dropped where a mask of the layer is false.

    Kept activations grow by 1 / (1 - probability), so that their expected values stay
    the same [1]_. Masks are (n_rows, n_out) and belong to the rows of one forward pass.

    References
    ----------
    .. [1] Nitish Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks
       from Overfitting", Journal of Machine Learning Research 15, 2014.
    """
    hidden = [
        layer._replace(activation=with_dropout(layer.activation, mask, probability))
        for layer, mask in zip(layers[:-1], masks, strict=True)
    ]
    return [*hidden, layers[-1]]


def forward(X: Array, layers: Sequence[Layer]) -> list[Array]:
    """Step 1, the feedforward pass: X and the output of every layer."""
    activations = [X]
    for layer in layers:
        Z = activations[-1] @ layer.W
        Z += layer.b
        activations.append(layer.activation.function(Z))
    return activations


def forward_output(X: Array, layers: Sequence[Layer]) -> Array:
    """The output of the last layer; X itself without layers."""
    return forward(X, layers)[-1]


def backward(
    activations: Sequence[Array],
    layers: Sequence[Layer],
    delta: Array,
    activity_error: Array | None = None,
) -> tuple[list[Array], list[Array]]:
    """Gradients of all weights and biases from the output's delta (step 2).

    ``activity_error`` is the derivative of a penalty on the activations of the last
    hidden layer. It is added to the error of this layer.
    """
    coef_grads: list[Array] = []
    intercept_grads: list[Array] = []
    for position in reversed(range(len(layers))):
        A = activations[position]
        # Step 4: partial derivatives from the delta above and the activations below.
        coef_grads.append(A.T @ delta)
        intercept_grads.append(array_namespace(delta).sum(delta, axis=0))
        if position > 0:
            # Step 3: the error goes back through the weights, then through f'.
            error = delta @ layers[position].W.T
            if activity_error is not None and position == len(layers) - 1:
                error += activity_error
            delta = layers[position - 1].activation.backward(error, A)
    return coef_grads[::-1], intercept_grads[::-1]
