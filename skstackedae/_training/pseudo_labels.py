"""Pseudo-labels: the network's own predictions as labels of unlabeled rows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .._array_api import Array
from .._network import kernels
from .._network.layers import Layer
from .._network.losses import Loss
from .._rows.noise import DropoutMasks
from .._rows.rows import Rows
from .batches import Batch

# The weight rises from 0 to its final value between these fractions of the epochs.
RAMP_START, RAMP_END = 1 / 8, 3 / 4


@dataclass(frozen=True)
class PseudoLabels:
    """Unlabeled rows, and how their pseudo-labels count in the loss.

    Parameters
    ----------
    rows : Rows
        Unlabeled rows, without targets and with weights of sum 1.
    weight : float
        Final weight of their loss, relative to the loss of the labeled rows.
    unlabeled_ratio : float
        Number of unlabeled rows for each labeled row in a mini-batch.
    class_weights : ndarray of shape (n_classes,)
        Weights of the labels, relative to the labeled rows.
    dropout : DropoutMasks or None
        Dropped units.
    """

    rows: Rows
    weight: float
    unlabeled_ratio: float
    class_weights: Array
    dropout: DropoutMasks | None = None

    def weight_at(self, progress: float) -> float:
        """Weight after this fraction of the epochs: 0, then rising, then constant."""
        risen = (progress - RAMP_START) / (RAMP_END - RAMP_START)
        return self.weight * min(max(risen, 0.0), 1.0)

    def loss_and_gradients(
        self, layers: Sequence[Layer], loss: Loss, batch: Batch
    ) -> list[Any] | None:
        """Weighted loss and gradients of a mini-batch; None as long as they are 0."""
        weight = self.weight_at(batch.progress)
        if weight == 0 or batch.unlabeled is None:
            return None
        class_weights = (weight * self.class_weights).astype(self.rows.dtype)
        return self.rows.batch(batch.unlabeled, batch.number).sum(
            kernels.predict_pseudo_labels,
            layers,
            class_weights,
            loss,
            self.dropout.probability if self.dropout else 0.0,
            draw=self.dropout,
        )


def ramp_end(max_iter: int) -> int:
    """Return the number of epochs after which the weight stays the same."""
    return math.ceil(RAMP_END * max_iter)
