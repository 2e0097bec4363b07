"""
======================
Mending damaged digits
======================

With ``corruption=0.3`` an autoencoder sees images of which 30 % of the pixels were set
to 0, and is to tell what they were: a denoising autoencoder. What it learns shows on
digits that it has not seen, damaged in the same way.
"""

# %%
# Digits with missing pixels
# --------------------------
# A pixel that is missing cannot be told from one that is 0, as most of the background
# is.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import train_test_split

from skstackedae import SparseAutoencoder

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, test_size=0.3, stratify=y, random_state=0
)
CORRUPTION = 0.3
random_state = np.random.RandomState(0)


def damage(images):
    """Set a part of the pixels to 0."""
    is_missing = random_state.uniform(size=images.shape) < CORRUPTION
    return np.where(is_missing, 0.0, images)


damaged = damage(X_test)

# %%
# Three ways to mend them
# -----------------------
# Two autoencoders that differ in `corruption` alone; 'adam' draws the noise anew for
# each mini-batch. The third is the best linear map from damaged digits to whole ones,
# learned from ten damaged copies of each training digit (ridge regression, its penalty
# chosen by cross-validation). The autoencoders' settings were found by hand, on these
# digits. Leaving the digits as they are is the least to beat.

settings = {
    "sparsity_weight": 0,
    "alpha": 1e-5,
    "solver": "adam",
    "learning_rate_init": 0.01,
    "batch_size": 50,
    "random_state": 0,
}
plain = SparseAutoencoder(100, **settings).fit(X_train)
denoising = SparseAutoencoder(100, corruption=CORRUPTION, **settings).fit(X_train)
copies = np.concatenate([X_train] * 10)
linear = RidgeCV(alphas=np.logspace(-2, 3, 6)).fit(damage(copies), copies)

mended = {
    "damaged": damaged,
    "autoencoder": plain.inverse_transform(plain.transform(damaged)),
    "linear map": linear.predict(damaged),
    "denoising": denoising.inverse_transform(denoising.transform(damaged)),
}
errors = {
    name: np.mean(np.sum((images - X_test) ** 2, axis=1)) / 2
    for name, images in mended.items()
}
print("Half the squared distance to the whole digit, mean over held-out digits")
for name, error in errors.items():
    print(f"  {name:12} {error:.3f}")

# %%
# The plain autoencoder has learned to copy what it sees, and that includes damage. The
# linear map knows what is missing on average. The denoising autoencoder is the closest:
# what it puts into a gap depends on the rest of the digit in more than a linear way.

# %%
# The figure
# ----------
# The first digit of each class in the test, and the mean errors.

first = [np.flatnonzero(y_test == digit)[0] for digit in range(10)]
rows = {"whole": X_test, **mended}

figure, axes = plt.subplots(
    len(rows), 10, figsize=(9, 4.8), gridspec_kw={"wspace": 0.05, "hspace": 0.05}
)
for line, (name, images) in zip(axes, rows.items(), strict=True):
    for axis, row in zip(line, first, strict=True):
        axis.imshow(images[row].reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        axis.set(xticks=[], yticks=[])
    caption = f"{name}\n({errors[name]:.2f})" if name in errors else name
    line[0].set_ylabel(caption, rotation=0, ha="right", va="center", labelpad=8)
figure.subplots_adjust(left=0.13, right=0.99, bottom=0.02, top=0.92)
figure.suptitle("Held-out digits without 30 % of their pixels, and mended")
plt.show()
