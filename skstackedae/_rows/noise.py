"""Masking noise: some entries of X are 0 for a while."""

from dataclasses import dataclass

import numpy as np

from .._array_api import Array

# Entries are drawn as 16-bit numbers, because random floats would take as long as a
# fifth of an evaluation.
N_LEVELS = 2**16


@dataclass(frozen=True)
class Corruption:
    """Sets a part of the entries of X to 0 [1]_.

    Which ones follows from the seed and the place of a block, so that a block is the
    same whenever it is asked for, and nothing has to be kept.

    Parameters
    ----------
    rate : float
        Probability that an entry is set to 0; rounded to a multiple of 1 / N_LEVELS.
    seed : int
        Not negative.

    References
    ----------
    .. [1] P. Vincent et al., "Stacked Denoising Autoencoders", Journal of Machine
       Learning Research 11, 2010.
    """

    rate: float
    seed: int

    @classmethod
    def draw(
        cls, rate: float, random_state: np.random.RandomState
    ) -> "Corruption | None":
        """Draw a seed; without noise there is nothing to draw."""
        return cls(rate, random_state.randint(2**31 - 1)) if rate > 0 else None

    def apply(self, X: Array, *place: int) -> Array:
        """Return a copy of X with noise, the same for the same place."""
        seeds = np.random.SeedSequence((self.seed, *place))
        draws = np.random.Generator(np.random.SFC64(seeds)).bytes(2 * X.size)
        levels = np.frombuffer(draws, dtype=np.uint16).reshape(X.shape)
        return np.where(levels >= round(self.rate * N_LEVELS), X, X.dtype.type(0))
