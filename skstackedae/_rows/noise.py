"""Masking noise: sets entries of X to 0 during training."""

from dataclasses import dataclass

import numpy as np

from .._array_api import Array

# One 16-bit number is drawn for each entry, because random floats would take a fifth of
# the time of an evaluation.
N_LEVELS = 2**16

# Number of entries that one step of the generator's counter serves.
ENTRIES_PER_STEP = 16


@dataclass(frozen=True)
class MaskingNoise:
    """Sets entries of X to 0, each with the same probability [1]_.

    The masked entries are a function of the seed, the number of the mini-batch, and the
    position of the row in the mini-batch. A row has the same noise however the rows are
    cut into blocks, and no state is kept: the generator is a counter that starts at the
    position of the row [2]_.

    Parameters
    ----------
    probability : float
        Probability that an entry is set to 0, rounded to a multiple of 1 / N_LEVELS.
    seed : int
        Nonnegative seed.

    References
    ----------
    .. [1] P. Vincent et al., "Stacked Denoising Autoencoders", Journal of Machine
       Learning Research 11, 2010.
    .. [2] J. K. Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.
    """

    probability: float
    seed: int

    @classmethod
    def draw(
        cls, probability: float, random_state: np.random.RandomState
    ) -> "MaskingNoise | None":
        """Draw a seed; return None without a draw if the probability is 0."""
        if probability == 0:
            return None
        return cls(probability, random_state.randint(2**31 - 1))

    def apply(self, X: Array, batch_number: int, first_row: int) -> Array:
        """Return a copy of X with noise; its rows are numbered from ``first_row``."""
        n_rows, n_features = X.shape
        steps = -(-n_features // ENTRIES_PER_STEP)
        seeds = np.random.SeedSequence((self.seed, batch_number))
        generator = np.random.Philox(
            key=seeds.generate_state(2, np.uint64), counter=first_row * steps
        )
        draws = generator.random_raw(4 * steps * n_rows).view(np.uint16)
        levels = draws.reshape(n_rows, -1)[:, :n_features]
        return np.where(
            levels >= round(self.probability * N_LEVELS), X, X.dtype.type(0)
        )
