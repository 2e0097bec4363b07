"""
========================
Repairing damaged digits
========================

With ``corruption=0.3``, an autoencoder sees images in which 30 % of the pixels are
masked (set to 0), and learns to restore them from the rest: it is a denoising
autoencoder. In this example it repairs unseen digits with the same kind of damage.
The figures show digits before the damage, with the damage, and repaired.
"""

# %%
# Digits with missing pixels
# --------------------------
# A missing pixel is 0, like most pixels of the background, so a model cannot see which
# pixels are missing.

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
    """Set a fraction of the pixels to 0."""
    is_missing = random_state.uniform(size=images.shape) < CORRUPTION
    return np.where(is_missing, 0.0, images)


damaged = damage(X_test)
settings = {
    "sparsity_weight": 0,
    "alpha": 1e-5,
    "solver": "adam",
    "learning_rate_init": 0.01,
    "batch_size": 50,
    "random_state": 0,
}
denoising = SparseAutoencoder(100, corruption=CORRUPTION, **settings).fit(X_train)
repaired = {
    "damaged": damaged,
    "repaired": denoising.inverse_transform(denoising.transform(damaged)),
}


def draw_rows(rows, n_digits, **options):
    """Draw the first test digit of some classes, a row for each kind of images."""
    first = [np.flatnonzero(y_test == digit)[0] for digit in range(n_digits)]
    figure, axes = plt.subplots(len(rows), n_digits, layout="constrained", **options)
    for line, (name, images) in zip(axes, rows.items(), strict=True):
        for axis, row in zip(line, first, strict=True):
            axis.imshow(images[row].reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_color("0.8")
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", labelpad=8)
    return figure


with plt.rc_context({"font.size": 12}):
    figure = draw_rows({"whole": X_test, **repaired}, 6, figsize=(6.5, 3.8))
figure.suptitle("Unseen digits without 30 % of their pixels, and repaired")
plt.show()

# %%
# Three ways to repair them
# -------------------------
# The plain autoencoder differs from the denoising one only in `corruption`; 'adam'
# masks different pixels in every mini-batch. The third way is the best linear map from
# damaged digits to whole digits, learned from ten damaged copies of each training digit
# (ridge regression, with a penalty chosen by cross-validation). The settings of the
# autoencoders were tuned by hand on these digits. The unrepaired digits are the
# baseline.

plain = SparseAutoencoder(100, **settings).fit(X_train)
copies = np.concatenate([X_train] * 10)
linear = RidgeCV(alphas=np.logspace(-2, 3, 6)).fit(damage(copies), copies)

repaired = {
    "damaged": damaged,
    "autoencoder": plain.inverse_transform(plain.transform(damaged)),
    "linear map": linear.predict(damaged),
    "denoising": repaired["repaired"],
}
errors = {
    name: np.mean(np.sum((images - X_test) ** 2, axis=1)) / 2
    for name, images in repaired.items()
}
print("Half the squared distance to the whole digit, mean over held-out digits")
for name, error in errors.items():
    print(f"  {name:12} {error:.3f}")

# %%
# The plain autoencoder has learned to copy its input, damage included. The linear map
# fills gaps by a linear function of the other pixels. The denoising autoencoder has the
# smallest error, because it fills gaps by a nonlinear function of the other pixels.

# The figure has the mean errors in parentheses.

captions = {f"{name}\n({error:.2f})": repaired[name] for name, error in errors.items()}
draw_rows({"whole": X_test, **captions}, 10, figsize=(9, 4.8))
plt.show()
