"""Mini-batches: which rows share a step of the solver."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import numpy as np

from .._array_api import Array

#: Returns all rows in a random order; None stands for any order.
Permute: TypeAlias = Callable[[np.random.RandomState], Array] | None


class Batch(NamedTuple):
    """A mini-batch of a run.

    Parameters
    ----------
    indices : ndarray of int
        Rows of the mini-batch.
    number : int
        Number of the mini-batch in the run; it determines the noise.
    unlabeled : ndarray of int or None
        Unlabeled rows of the mini-batch, counted among themselves.
    progress : float
        Fraction of the epochs that the run has made.
    """

    indices: Array
    number: int
    unlabeled: Array | None = None
    progress: float = 1.0


@dataclass(frozen=True)
class Sampler:
    """Draws the mini-batches of an epoch.

    With unlabeled rows, each mini-batch has both kinds of rows: ``unlabeled_ratio``
    unlabeled rows for each labeled row, ``batch_size`` rows in all. The kind that needs
    more mini-batches is used once in an epoch, the other kind repeatedly. ``permute``
    and ``permute_unlabeled`` shuffle the rows of each kind.
    """

    n_rows: int
    batch_size: int | str
    shuffle: bool
    n_unlabeled: int = 0
    unlabeled_ratio: float = 1.0
    permute: Permute = None
    permute_unlabeled: Permute = None

    def epoch(
        self, random_state: np.random.RandomState
    ) -> Iterator[tuple[Array, Array | None]]:
        """Yield the rows and the unlabeled rows of each mini-batch."""
        total = 200 if self.batch_size == "auto" else int(self.batch_size)
        if not self.n_unlabeled:
            size, n_batches = _count_batches(self.n_rows, total)
            order = self._order(self.n_rows, self.permute, random_state)
            # A short last batch is merged with the previous one.
            bounds = [*range(0, n_batches * size, size), self.n_rows]
            yield from ((order[slice(*pair)], None) for pair in pairwise(bounds))
            return
        n_labeled = max(1, round(total / (1 + self.unlabeled_ratio)))
        size, n_batches = _count_batches(self.n_rows, n_labeled)
        other_size, n_others = _count_batches(
            self.n_unlabeled, max(1, total - n_labeled)
        )
        n_batches = max(n_batches, n_others)
        yield from zip(
            self._deal(self.n_rows, size, n_batches, self.permute, random_state),
            self._deal(
                *(self.n_unlabeled, other_size, n_batches),
                *(self.permute_unlabeled, random_state),
            ),
            strict=True,
        )

    def _deal(
        self,
        n_rows: int,
        size: int,
        n_batches: int,
        permute: Permute,
        random_state: np.random.RandomState,
    ) -> list[Array]:
        """Deal rows into batches of about this size: all rows, some again if needed."""
        # An epoch over all rows may have up to half a batch more or less.
        is_whole = n_batches == _count_batches(n_rows, size)[1]
        n_dealt = n_rows if is_whole else n_batches * size
        n_passes = -(-n_dealt // n_rows)
        passes = [self._order(n_rows, permute, random_state) for _ in range(n_passes)]
        return np.array_split(np.concatenate(passes)[:n_dealt], n_batches)

    def _order(
        self, n_rows: int, permute: Permute, random_state: np.random.RandomState
    ) -> Array:
        if not self.shuffle:
            return np.arange(n_rows)
        if permute is None:
            return random_state.permutation(n_rows)
        return permute(random_state)


def _count_batches(n_rows: int, size: int) -> tuple[int, int]:
    """Return the size and the number of batches; half a batch or more counts as one."""
    size = min(size, n_rows)
    n_batches, rest = divmod(n_rows, size)
    return size, n_batches + (2 * rest >= size)
