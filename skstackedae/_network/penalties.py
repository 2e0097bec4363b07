"""Penalties on parameters and on mean activations, and a constraint on weights.

Each penalty gives its value and its derivative.
"""

from typing import Any

import numpy as np

from .._array_api import Array, array_namespace, cast

# For mean activations closer than this to 0 or 1, the KL penalty becomes its tangent.
MARGIN = 1e-8


def weight_decay(W: Array, alpha: float) -> tuple[Any, Array]:
    """alpha/2 * ||W||^2 and its gradient, in the precision of W."""
    flat = array_namespace(W).reshape(W, (-1,))
    return 0.5 * alpha * cast(flat @ flat, np.float64), alpha * W


def limit_norms(W: Array, max_norm: float) -> None:
    """Shrink the columns of W, the incoming weights of units, to this norm, in place.

    This is the max-norm constraint of [1]_.

    References
    ----------
    .. [1] Nitish Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks
       from Overfitting", Journal of Machine Learning Research 15, 2014.
    """
    xp = array_namespace(W)
    norms = xp.sqrt(xp.sum(W * W, axis=0))
    if bool(xp.any(norms > max_norm)):
        W *= xp.where(norms > max_norm, max_norm / norms, xp.ones_like(norms))


def kl_sparsity(mean_activation: Array, target: float) -> tuple[Array, Array]:
    """KL(target || mean activation) of each unit, and its derivative by the mean.

    Outside [MARGIN, 1 - MARGIN] the divergence continues along its tangent, so that
    value and derivative agree and stay finite.
    """
    xp = array_namespace(mean_activation)
    inside = xp.clip(mean_activation, MARGIN, 1.0 - MARGIN)
    divergence = target * xp.log(target / inside) + (1.0 - target) * xp.log(
        (1.0 - target) / (1.0 - inside)
    )
    derivative = (1.0 - target) / (1.0 - inside) - target / inside
    return divergence + derivative * (mean_activation - inside), derivative
