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

from ._activations import IDENTITY
from ._arrays import Array
from ._network import Layer, backward, forward

# Beside the gradient at the origin. On digits all starts led units above logistic and
# tanh layers to one maximum; above relu layers they led to several.
N_RANDOM_STARTS = 2

MAX_ITER = 200


def most_exciting_inputs(
    layers: Sequence[Layer], units: Iterable[int], random_state: Any = None
) -> Array:
    """Return the input of unit norm that excites each of these units most.

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
    ndarray of shape (n_units, n_features)
        float64. Rows have unit norm; those of units that no input moves are 0.
    """
    layers = [layer.astype(np.float64) for layer in layers]
    n_features = len(layers[0].W)
    random_state = check_random_state(random_state)
    starts = random_state.normal(size=(N_RANDOM_STARTS, n_features))
    # The logistic function may overflow to its right limit.
    with np.errstate(over="ignore"):
        return np.array([_most_exciting(ending_in(layers, u), starts) for u in units])


def ending_in(layers: Sequence[Layer], unit: int) -> list[Layer]:
    """Cut a network down to what one unit of its last layer sees: one linear output."""
    *below, (W, b, _) = layers
    return [*below, Layer(W[:, [unit]], b[[unit]], IDENTITY)]


def excitation(x: Array, layers: Sequence[Layer]) -> tuple[float, Array]:
    """Value of a network's one output at x (n_features,), and its gradient by x."""
    activations = forward(x[None, :], layers)
    _, intercept_grads = backward(activations, layers, np.ones((1, 1)))
    # Of a single row the gradient by b_1 is delta_1.
    return float(activations[-1][0, 0]), layers[0].W @ intercept_grads[0]


def _most_exciting(layers: Sequence[Layer], starts: Array) -> Array:
    _, slope = excitation(np.zeros(starts.shape[1]), layers)
    if len(layers) == 1:
        # Linear: the slope is W_j everywhere.
        return normalised(slope)
    candidates = [
        minimize(
            _negative_on_sphere,
            normalised(start),
            args=(layers,),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": MAX_ITER, "gtol": 1e-8, "ftol": 1e-14},
        )
        for start in (slope, *starts)
        if start.any()
    ]
    best = normalised(min(candidates, key=lambda result: result.fun).x)
    return best if excitation(best, layers)[1].any() else np.zeros_like(best)


def _negative_on_sphere(v: Array, layers: Sequence[Layer]) -> tuple[float, Array]:
    """Minus the excitation by v / ||v||, and its gradient by v."""
    norm = np.linalg.norm(v)
    x = v / norm
    value, gradient = excitation(x, layers)
    return -value, (x * (gradient @ x) - gradient) / norm


def normalised(v: Array) -> Array:
    norm = np.linalg.norm(v)
    return v / norm if norm else v
