"""
==================================
Edge filters from natural pictures
==================================

A sparse autoencoder learns edge detectors from 8 x 8 patches of photographs, as in the
first exercise of UFLDL. This needs two things. The pictures must be whitened, so that
slow changes of brightness do not outweigh all other structure, and the sparsity target
must be small, so that units are off most of the time. The first figure shows a picture
before and after whitening, the second the inputs that excite the units most: edges and
bars in several directions.
"""

# %%
# Whitened pictures
# -----------------
# Natural pictures have an amplitude spectrum that falls as 1/f. Whitening multiplies it
# by f, and a low-pass filter removes the highest frequencies, which contain only noise
# and artifacts of the grid. Both steps are the filter f * exp(-(f / f0)^4) of B. A.
# Olshausen and D. J. Field, "Sparse coding with an overcomplete basis set: a strategy
# employed by V1?", Vision Research 37, 1997.

# sphinx_gallery_thumbnail_number = 2
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_images
from sklearn.feature_extraction.image import extract_patches_2d

from skstackedae import SparseAutoencoder
from skstackedae.inspection import ComponentsDisplay

PATCH = 8
# In cycles per pixel. With the paper's 0.4, 8 of the 25 units are dead on these images.
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
whitened = whiten(pictures[0])
limit = 3 * whitened.std()

figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
axes[0].imshow(pictures[0], cmap="gray", vmin=0, vmax=255)
axes[0].set_title("A picture")
axes[1].imshow(whitened, cmap="gray", vmin=-limit, vmax=limit)
axes[1].set_title("Whitened: edges stay, slow changes go")
for axis in axes:
    axis.set_axis_off()
plt.show()

# %%
# The training data are 10,000 patches of two pictures. The mean of each patch is
# subtracted. Clipping at three standard deviations and scaling to [0.1, 0.9] then bring
# the patches into the range of the logistic decoder.

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
# The figure shows the input that excites each unit most, W_j / ||W_j||.

figure, axis = plt.subplots(figsize=(2.7, 2.8), dpi=200, layout="constrained")
ComponentsDisplay.from_estimator(autoencoder, image_shape=(PATCH, PATCH), ax=axis)
axis.set_title("What 25 units look for: edges and bars", fontsize=7)
plt.show()
