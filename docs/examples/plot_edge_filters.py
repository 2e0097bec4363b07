"""
==================================
Edge filters from natural pictures
==================================

A sparse autoencoder learns edge detectors from 8 x 8 patches of photographs, as in the
first exercise of UFLDL. This needs two things. The pictures must be whitened, so that
slow changes of brightness do not outweigh all other structure, and the sparsity target
must be small, so that units are off most of the time.
"""

# %%
# Whitened pictures
# -----------------
# Natural pictures have an amplitude spectrum that falls as 1/f. Whitening multiplies it
# by f, and a low-pass filter removes the highest frequencies, which have only noise and
# artifacts of the grid: the filter f * exp(-(f / f0)^4) of B. A. Olshausen and D. J.
# Field, "Sparse coding with an overcomplete basis set: a strategy employed by V1?",
# Vision Research 37, 1997.

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
# The mean of each patch is subtracted. Clipping at three standard deviations and
# scaling to [0.1, 0.9] then bring the patches into the range of the logistic decoder.

patches -= patches.mean(axis=1, keepdims=True)
limit = 3 * patches.std()
X = 0.5 + 0.4 * np.clip(patches, -limit, limit) / limit

# %%
# Training
# --------
# The settings are those of the exercise: 25 hidden units, with a mean activation near
# 0.01.

autoencoder = SparseAutoencoder(
    25,
    sparsity_target=0.01,
    sparsity_weight=3.0,
    alpha=1e-4,
    max_iter=1000,
    # The loss has plateaus: look back over more iterations before stopping.
    n_iter_no_change=50,
    random_state=0,
).fit(X)
print(f"{len(X)} patches, {autoencoder.n_iter_} iterations")
print(f"Loss: {autoencoder.loss_:.4f}")
print(f"Mean activation of the units: {autoencoder.mean_activations_.mean():.4f}")

# %%
# The figure
# ----------
# On the left is a picture before and after whitening. On the right are the inputs that
# excite each unit most, W_j / ||W_j||: edges and bars of several directions.

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
