"""
==================================
Edge filters from natural pictures
==================================

A sparse autoencoder that sees 8 x 8 patches of photographs learns edge detectors, as
the first exercise of UFLDL shows. Two things matter: the pictures must be whitened, so
that slow changes of brightness do not outweigh everything else, and the penalty must
ask for units that are silent most of the time.
"""

# %%
# Whitened pictures
# -----------------
# Natural pictures have an amplitude spectrum that falls as 1/f. Whitening multiplies it
# by f, and a low-pass filter takes off the highest frequencies, where only noise and
# the corners of the grid are left: the filter f * exp(-(f / f0)^4) of B. A. Olshausen
# and D. J. Field, "Sparse coding with an overcomplete basis set: a strategy employed by
# V1?", Vision Research 37, 1997.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_images
from sklearn.feature_extraction.image import extract_patches_2d

from skstackedae import SparseAutoencoder
from skstackedae.inspection import ComponentsDisplay

PATCH = 8
# In cycles a pixel. The paper's 0.4 leaves 8 of the 25 units dead on these pictures.
CUT_OFF = 0.25
N_PATCHES = 10_000


def whiten(picture):
    """Flatten the spectrum of a gray picture; the result has standard deviation 1."""
    frequency = np.hypot(
        np.fft.fftfreq(picture.shape[0])[:, None], np.fft.fftfreq(picture.shape[1])
    )
    response = frequency * np.exp(-((frequency / CUT_OFF) ** 4))
    whitened = np.fft.ifft2(np.fft.fft2(picture) * response).real
    return whitened / whitened.std()


pictures = [picture.mean(axis=2) for picture in load_sample_images().images]
patches = np.concatenate(
    [
        extract_patches_2d(
            whiten(picture),
            (PATCH, PATCH),
            max_patches=N_PATCHES // len(pictures),
            random_state=0,
        )
        for picture in pictures
    ]
).reshape(-1, PATCH * PATCH)

# %%
# Each patch loses its mean; clipping at three standard deviations and mapping to
# [0.1, 0.9] then puts the patches into the range of the logistic decoder.

patches -= patches.mean(axis=1, keepdims=True)
limit = 3 * patches.std()
X = 0.5 + 0.4 * np.clip(patches, -limit, limit) / limit

# %%
# Training
# --------
# The exercise's settings: 25 hidden units, each with a mean activation near 0.01.

autoencoder = SparseAutoencoder(
    25,
    sparsity_target=0.01,
    sparsity_weight=3.0,
    alpha=1e-4,
    max_iter=1000,
    # The loss rests on plateaus: look further back before stopping.
    n_iter_no_change=50,
    random_state=0,
).fit(X)
print(f"{len(X)} patches, {autoencoder.n_iter_} iterations")
print(f"Loss: {autoencoder.loss_:.4f}")
print(f"Mean activation of the units: {autoencoder.mean_activations_.mean():.4f}")

# %%
# The figure
# ----------
# On the left a picture before and after whitening; on the right what excites each unit
# most, W_j / ||W_j||: edges and bars of several directions.

figure = plt.figure(figsize=(10.5, 5.4), layout="constrained")
grid = figure.add_gridspec(2, 2, width_ratios=[1, 1.25])
whitened = whiten(pictures[0])
limit = 3 * whitened.std()
for row, (title, picture, scale) in enumerate(
    [
        ("A picture", pictures[0], {"vmin": 0, "vmax": 255}),
        ("Whitened", whitened, {"vmin": -limit, "vmax": limit}),
    ]
):
    axis = figure.add_subplot(grid[row, 0])
    axis.imshow(picture, cmap="gray", **scale)
    axis.set_title(title)
    axis.set_axis_off()
axis = figure.add_subplot(grid[:, 1])
ComponentsDisplay.from_estimator(autoencoder, image_shape=(PATCH, PATCH), ax=axis)
axis.set_title("What excites each hidden unit")
plt.show()
