"""Activation maximisation: the input of a given norm that excites a unit most.

The pre-activation is maximised, which has the maximiser of the activation (none of
`ACTIVATIONS` ever falls) and a gradient also where a unit is saturated or silent [1]_.

References
----------
.. [1] D. Erhan, Y. Bengio, A. Courville and P. Vincent, "Visualizing higher-layer
   features of a deep network", Technical report 1341, Université de Montréal, 2009.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from scipy.optimize import minimize
from sklearn.utils import check_random_state

from .._array_api import Array
from .activations import IDENTITY
from .layers import Layer, backward, forward

# The best of so many random inputs are starts, beside the gradient at the origin. On
# digits all starts led units above logistic and tanh layers to one maximum; above relu
# layers they led to several.
N_RANDOM_INPUTS = 256
N_RANDOM_STARTS = 3

MAX_ITER = 200


def most_exciting_inputs(
    layers: Sequence[Layer], units: Iterable[int], random_state: Any = None
) -> tuple[Array, Array]:
    """Find the input of unit norm that excites each of these units most.

    Parameters
    ----------
    layers : sequence of Layer
        The network up to the units' layer.
    units : iterable of int
        Positions in the last of these layers.
    random_state : int, RandomState instance or None
        Draws the starts, the same for each unit.

    Returns
    -------
    inputs : ndarray of shape (n_units, n_features)
        float64. Rows have unit norm; those of units that no input moves are 0.
    gains : ndarray of shape (n_units,)
        How much each input raises the unit's pre-activation over that of the input 0;
        0 where it does not. ||W_j|| in the first layer.
    """
    layers = [layer.astype(np.float64) for layer in layers]
    n_features = len(layers[0].W)
    random_state = check_random_state(random_state)
    inputs = random_state.normal(size=(N_RANDOM_INPUTS, n_features))
    inputs /= np.linalg.norm(inputs, axis=1, keepdims=True)
    # The logistic function may overflow to its right limit.
    with np.errstate(over="ignore"):
        found = [_most_exciting(ending_in(layers, unit), inputs) for unit in units]
    inputs, gains = zip(*found, strict=True)
    return np.array(inputs), np.array(gains)


def ending_in(layers: Sequence[Layer], unit: int) -> list[Layer]:
    """Cut a network down to what one unit of its last layer sees: one linear output."""
    *below, (W, b, _) = layers
    return [*below, Layer(W[:, [unit]], b[[unit]], IDENTITY)]


def excitation(x: Array, layers: Sequence[Layer]) -> tuple[float, Array]:
    """Value of a network's one output at x (n_features,), and its gradient by x."""
    activations = forward(x[None, :], layers)
    # The inputs are left out, because the gradient by W_1 is not needed.
    below = [activations[0][:, :0], *activations[1:]]
    _, intercept_grads = backward(below, layers, np.ones((1, 1)))
    # Of a single row the gradient by b_1 is delta_1.
    return float(activations[-1][0, 0]), layers[0].W @ intercept_grads[0]


def _most_exciting(layers: Sequence[Layer], candidates: Array) -> tuple[Array, float]:
    at_rest, slope = excitation(np.zeros(candidates.shape[1]), layers)
    if len(layers) == 1:
        # The slope is W_j everywhere.
        return normalised(slope), float(np.linalg.norm(slope))
    order = np.argsort(forward(candidates, layers)[-1][:, 0], kind="stable")
    starts = candidates[order[-N_RANDOM_STARTS:]]
    best = min(
        (_climbed(start, layers) for start in (slope, *starts) if start.any()),
        key=lambda result: result.fun,
    )
    x = normalised(best.x)
    if not excitation(x, layers)[1].any():
        return np.zeros_like(x), 0.0
    return x, max(0.0, -best.fun - at_rest)


def _climbed(start: Array, layers: Sequence[Layer]) -> Any:
    return minimize(
        _negative_on_sphere,
        normalised(start),
        args=(layers,),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": MAX_ITER, "gtol": 1e-8, "ftol": 1e-14},
    )


def _negative_on_sphere(v: Array, layers: Sequence[Layer]) -> tuple[float, Array]:
    """Minus the excitation by v / ||v||, and its gradient by v."""
    norm = np.linalg.norm(v)
    x = v / norm
    value, gradient = excitation(x, layers)
    return -value, (x * (gradient @ x) - gradient) / norm


def normalised(v: Array) -> Array:
    norm = np.linalg.norm(v)
    return v / norm if norm else v
