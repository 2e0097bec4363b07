"""Pseudo-labels: the network's own predictions as labels of unlabeled rows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._array_api import Array, to_numpy
from .._network import kernels
from .._network.layers import Layer
from .._rows.noise import DropoutMasks
from .._rows.rows import Rows
from .batches import Batch

# The weight rises from 0 to its final value between these fractions of the epochs.
RAMP_START, RAMP_END = 1 / 8, 3 / 4

# Rows for each class, distributed like the prior, that are added to a mini-batch when
# the frequencies of its classes are estimated.
ADDED_ROWS = 5


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
    class_prior : ndarray of shape (n_classes,) or None
        Frequencies of the classes that the labels should have; None for any.
    dropout : DropoutMasks or None
        Dropped units.
    """

    rows: Rows
    weight: float
    unlabeled_ratio: float
    class_weights: Array
    class_prior: Array | None = None
    dropout: DropoutMasks | None = None

    @classmethod
    def from_frequencies(
        cls,
        rows: Rows,
        weight: float,
        unlabeled_ratio: float,
        *,
        totals: Array,
        class_weights: Array,
        align: bool,
    ) -> "PseudoLabels":
        """Take the frequencies of the classes from the labels' total weights."""
        frequencies = totals / totals.sum()
        return cls(
            rows,
            weight,
            unlabeled_ratio,
            # On the scale that they have for labeled rows, whose weights sum to 1.
            class_weights=class_weights / (frequencies @ class_weights),
            class_prior=frequencies if align else None,
        )

    def weight_at(self, progress: float) -> float:
        """Weight after this fraction of the epochs: 0, then rising, then constant."""
        risen = (progress - RAMP_START) / (RAMP_END - RAMP_START)
        return self.weight * min(max(risen, 0.0), 1.0)

    def loss_and_gradients(
        self, layers: Sequence[Layer], batch: Batch
    ) -> list[Any] | None:
        """Weighted loss and gradients of a mini-batch; None as long as they are 0."""
        weight = self.weight_at(batch.progress)
        if weight == 0 or batch.unlabeled is None:
            return None
        rows = self.rows.batch(batch.unlabeled, batch.number)
        predicted, (totals, total_weight) = rows.keep(kernels.predict_clean, layers)
        frequencies = to_numpy(totals / total_weight)
        log_ratios = self._log_ratios(frequencies, rows.n_rows)
        return rows.sum(
            kernels.predict_pseudo_labels,
            layers,
            log_ratios.astype(rows.dtype),
            (weight * self.class_weights).astype(rows.dtype),
            self.dropout.probability if self.dropout else 0.0,
            kept=predicted,
            draw=self.dropout,
        )

    def _log_ratios(self, mean_probabilities: Array, n_rows: int) -> Array:
        """Log of how much more frequent each class should be than it is predicted."""
        if self.class_prior is None:
            return np.zeros_like(mean_probabilities)
        # Few rows say little about frequencies, and may have no row of a class.
        n_added = ADDED_ROWS * len(self.class_prior)
        smoothed = (n_rows * mean_probabilities + n_added * self.class_prior) / (
            n_rows + n_added
        )
        # A class without a label has a smoothed frequency of 0 or nearly so.
        tiny = np.finfo(np.float64).tiny
        return np.log(np.maximum(self.class_prior, tiny) / np.maximum(smoothed, tiny))


def ramp_end(max_iter: int) -> int:
    """Return the number of epochs after which the weight stays the same."""
    return math.ceil(RAMP_END * max_iter)
