"""Activation maximization: the input of unit norm that excites a unit most.

The search maximizes the pre-activation, as in [1]_. The same input maximizes the
activation, because all functions in `ACTIVATIONS` are nondecreasing. Unlike the
activation, the pre-activation also has a gradient where a unit is saturated or silent.

References
----------
.. [1] Dumitru Erhan et al., "Visualizing higher-layer
   features of a deep network", Technical report 1341, Université de Montréal, 2009.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.optimize import OptimizeResult, minimize
from sklearn.utils import check_random_state

from .._array_api import Array
from .activations import IDENTITY
from .layers import Layer, backward, forward

# The search starts from the best N_RANDOM_STARTS of N_RANDOM_INPUTS random inputs, and
# from the gradient at the origin. On digits, all starts led to the same maximum for
# units above logistic and tanh layers, and to different ones above relu layers.
N_RANDOM_INPUTS = 256
N_RANDOM_STARTS = 3

MAX_ITER = 200


def maximize_activation(
    layers: Sequence[Layer],
    units: Iterable[int],
    random_state: int | np.random.RandomState | None = None,
) -> tuple[Array, Array]:
    """Find the input of unit norm that excites each of these units most.

    Parameters
    ----------
    layers : sequence of Layer
        The network up to the units' layer.
    units : iterable of int
        Positions in the last of these layers.
    random_state : int, RandomState instance or None
        Draws the starts, which all units share.

    Returns
    -------
    inputs : ndarray of shape (n_units, n_features)
        float64. Rows have unit norm; a row is 0 if no input changes its unit.
    gains : ndarray of shape (n_units,)
        How much each input raises the unit's pre-activation, compared with an input of
        zeros; 0 if it does not raise it. ||W_j|| in the first layer.
    """
    layers = [layer.astype(np.float64) for layer in layers]
    n_features = len(layers[0].W)
    rng = check_random_state(random_state)
    candidates = rng.normal(size=(N_RANDOM_INPUTS, n_features))
    candidates /= np.linalg.norm(candidates, axis=1, keepdims=True)
    # The logistic function may overflow to its right limit.
    with np.errstate(over="ignore"):
        found = [
            _maximize_output(ending_in(layers, unit), candidates) for unit in units
        ]
    inputs, gains = zip(*found, strict=True)
    return np.array(inputs), np.array(gains)


def ending_in(layers: Sequence[Layer], unit: int) -> list[Layer]:
    """Replace the last layer by one of its units, with a linear activation."""
    *below, (W, b, _) = layers
    return [*below, Layer(W[:, [unit]], b[[unit]], IDENTITY)]


def excitation(x: Array, layers: Sequence[Layer]) -> tuple[float, Array]:
    """Return a network's one output at x (n_features,), and its gradient by x."""
    activations = forward(x[None, :], layers)
    # Inputs without columns make backward skip the gradient by W_1.
    below = [activations[0][:, :0], *activations[1:]]
    _, intercept_grads = backward(below, layers, np.ones((1, 1)))
    # For a single row the gradient by b_1 is delta_1.
    return float(activations[-1][0, 0]), layers[0].W @ intercept_grads[0]


def _maximize_output(layers: Sequence[Layer], candidates: Array) -> tuple[Array, float]:
    at_rest, slope = excitation(np.zeros(candidates.shape[1]), layers)
    if len(layers) == 1:
        # The slope is W_j everywhere.
        return normalize(slope), float(np.linalg.norm(slope))
    order = np.argsort(forward(candidates, layers)[-1][:, 0], kind="stable")
    starts = candidates[order[-N_RANDOM_STARTS:]]
    best = min(
        (_ascend(start, layers) for start in (slope, *starts) if start.any()),
        key=lambda result: result.fun,
    )
    x = normalize(best.x)
    if not excitation(x, layers)[1].any():
        return np.zeros_like(x), 0.0
    return x, max(0.0, -best.fun - at_rest)


def _ascend(start: Array, layers: Sequence[Layer]) -> OptimizeResult:
    return minimize(
        _negative_on_sphere,
        normalize(start),
        args=(layers,),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": MAX_ITER, "gtol": 1e-8, "ftol": 1e-14},
    )


def _negative_on_sphere(v: Array, layers: Sequence[Layer]) -> tuple[float, Array]:
    """Return minus the excitation by v / ||v||, and its gradient by v."""
    norm = np.linalg.norm(v)
    x = v / norm
    value, gradient = excitation(x, layers)
    return -value, (x * (gradient @ x) - gradient) / norm


def normalize(v: Array) -> Array:
    norm = np.linalg.norm(v)
    return v / norm if norm else v
