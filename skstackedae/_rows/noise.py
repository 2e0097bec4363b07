"""Random numbers for rows: corrupted inputs and dropped units during training.

They are a function of the seed, the number of the mini-batch, and the position of the
row in the mini-batch. A row has the same numbers however the rows are cut into blocks,
and no state is kept: the generator is a counter that starts at the position of the
row [1]_.

References
----------
.. [1] John K. Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._array_api import Array, DType, array_like, dtype_of

# One 16-bit number is drawn for each entry, because random floats would take a fifth of
# the time of an evaluation.
N_LEVELS = 2**16

# Number of entries that one step of the generator's counter serves.
ENTRIES_PER_STEP = 16


@dataclass(frozen=True)
class Corruption:
    """Replaces entries of X, each with the same probability [1]_.

    Parameters
    ----------
    probability : float
        Probability that an entry is replaced, rounded to a multiple of 1 / N_LEVELS.
    seed : int
        Nonnegative seed.
    values : (float, float)
        An entry is replaced by one of these, each with probability 1/2: (0, 0) for
        masking noise, the smallest and the largest value for salt-and-pepper noise.
    is_scaled : bool
        Whether the other entries are multiplied by ``1 / (1 - probability)``, so that
        masking noise does not change the expected value of any entry.

    References
    ----------
    .. [1] Pascal Vincent et al., "Stacked Denoising Autoencoders", Journal of Machine
       Learning Research 11, 2010.
    """

    probability: float
    seed: int
    values: tuple[float, float] = (0.0, 0.0)
    is_scaled: bool = False

    @classmethod
    def draw(
        cls,
        probability: float,
        random_state: np.random.RandomState,
        values: tuple[float, float] = (0.0, 0.0),
        is_scaled: bool = False,
    ) -> "Corruption | None":
        """Draw a seed; return None without a draw if the probability is 0."""
        if probability == 0:
            return None
        return cls(probability, _draw_seed(random_state), values, is_scaled)

    @property
    def is_masking(self) -> bool:
        """Whether entries are set to 0 and others stay as they are."""
        return self.values == (0.0, 0.0) and not self.is_scaled

    def apply(self, X: Array, batch_number: int, first_row: int) -> Array:
        """Return a copy of X with noise; its rows are numbered from ``first_row``."""
        levels = self._levels(batch_number, first_row, X.shape)
        threshold = _threshold(self.probability)
        # Products, because np.where takes ten times as long with random conditions.
        noisy = X * _factor(levels >= threshold, X)
        if self.is_scaled:
            noisy *= N_LEVELS / (N_LEVELS - threshold)
        low, high = self.values
        if low or high:
            is_low = levels < threshold // 2
            is_high = (levels < threshold) & ~is_low
            noisy += low * _factor(is_low, X)
            noisy += high * _factor(is_high, X)
        return noisy

    def is_corrupted(
        self, batch_number: int, first_row: int, shape: tuple[int, int]
    ) -> Array:
        """Return which entries `apply` replaces in an X of this shape."""
        levels = self._levels(batch_number, first_row, shape)
        return levels < _threshold(self.probability)

    def _levels(
        self, batch_number: int, first_row: int, shape: tuple[int, int]
    ) -> Array:
        return _random_levels((self.seed, batch_number), first_row, shape)


@dataclass(frozen=True)
class Emphasis:
    """Weights of the entries of X in the loss: 1 for corrupted ones, less for others.

    A draw for `Rows.sum`: it returns the weights for the rows of a block.
    """

    corruption: Corruption
    weight_of_others: float
    n_features: int
    dtype: DType

    def __call__(self, batch_number: int, first_row: int, n_rows: int) -> Array:
        """Return the weights, of shape (n_rows, n_features)."""
        corrupted = self.corruption.is_corrupted(
            batch_number, first_row, (n_rows, self.n_features)
        )
        other = self.weight_of_others
        return other + (1.0 - other) * corrupted.astype(self.dtype)


@dataclass(frozen=True)
class DropoutMasks:
    """Which units of the hidden layers are kept, for the rows of a block.

    A draw for `Rows.sum`. Each unit of each row is dropped with the same probability,
    rounded to a multiple of 1 / N_LEVELS.
    """

    probability: float
    seed: int
    widths: tuple[int, ...]

    @classmethod
    def draw(
        cls,
        probability: float,
        random_state: np.random.RandomState,
        widths: tuple[int, ...],
    ) -> "DropoutMasks | None":
        """Draw a seed; return None without a draw if the probability is 0."""
        if probability == 0:
            return None
        return cls(probability, _draw_seed(random_state), widths)

    def __call__(self, batch_number: int, first_row: int, n_rows: int) -> list[Array]:
        """Return a mask of shape (n_rows, width) for each layer; True is kept."""
        threshold = _threshold(self.probability)
        # Layers count from 1, because a seed of (a, b, 0) is the same as (a, b).
        return [
            _random_levels((self.seed, batch_number, layer), first_row, (n_rows, width))
            >= threshold
            for layer, width in enumerate(self.widths, start=1)
        ]


def _factor(mask: Array, X: Array) -> Any:
    """Return 1 where a mask is true and else 0, in the type and on the device of X."""
    return array_like(mask, X, dtype_of(X))


def _draw_seed(random_state: np.random.RandomState) -> int:
    """Draw a seed for the noise of a stage."""
    return int(random_state.randint(2**31 - 1))


def _threshold(probability: float) -> int:
    """Round a probability between 0 and 1, but not to 0 or 1."""
    return min(max(1, round(probability * N_LEVELS)), N_LEVELS - 1)


def _random_levels(
    key: tuple[int, ...], first_row: int, shape: tuple[int, int]
) -> Array:
    """Return random 16-bit integers for some rows, numbered from ``first_row``."""
    n_rows, width = shape
    steps = -(-width // ENTRIES_PER_STEP)
    seeds = np.random.SeedSequence(key)
    generator = np.random.Philox(
        key=seeds.generate_state(2, np.uint64), counter=first_row * steps
    )
    draws = generator.random_raw(4 * steps * n_rows).view(np.uint16)
    return draws.reshape(n_rows, -1)[:, :width]
