"""
======================
Digits in ten numbers
======================

A deep autoencoder squeezes images of 64 pixels through a layer of ten units, and
restores them from there. Principal component analysis does the same with straight
lines. The figure shows what is left of digits that neither has seen.
"""

# %%
# Two ways to ten numbers
# -----------------------
# The hidden layer has 60 units, the code ten linear ones: no limit keeps them from
# being any number. No sparsity penalty is wanted, because ten numbers are few. With
# ``n_iter_no_change=np.inf`` fine-tuning makes all 500 iterations: reconstructions
# improve for a long time.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skstackedae import SparseAutoencoder, StackedAutoencoder

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, test_size=0.3, stratify=y, random_state=0
)
hidden = SparseAutoencoder(alpha=1e-5, sparsity_weight=0, tol=1e-3)
code = SparseAutoencoder(alpha=1e-5, sparsity_weight=0, tol=1e-3, activation="identity")
models = {
    "PCA": PCA(10),
    "deep autoencoder": StackedAutoencoder(
        (60, 10),
        autoencoder=[hidden, code],
        alpha=1e-5,
        max_iter=500,
        n_iter_no_change=np.inf,
        random_state=0,
    ),
}
reconstructed, errors = {}, {}
for name, model in models.items():
    codes = model.fit(X_train).transform(X_test)
    reconstructed[name] = model.inverse_transform(codes)
    errors[name] = ((reconstructed[name] - X_test) ** 2).sum(axis=1).mean()
    print(f"{name:18} {codes.shape[1]} numbers, squared error {errors[name]:.2f}")

# %%
# What is left of unseen digits
# -----------------------------

one_of_each = [(y_test == digit).argmax() for digit in range(10)]
rows = {"test digits": X_test[one_of_each]} | {
    f"{name}\n(error {errors[name]:.2f})": outputs[one_of_each]
    for name, outputs in reconstructed.items()
}
figure, axes = plt.subplots(3, 1, figsize=(7, 2.6), layout="constrained")
for axis, (title, images) in zip(axes, rows.items(), strict=True):
    strip = images.reshape(10, 8, 8).transpose(1, 0, 2).reshape(8, 80)
    axis.imshow(strip, cmap="gray_r", vmin=0, vmax=1)
    axis.set_ylabel(title, rotation=0, ha="right", va="center")
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(False)

# %%
# Did pretraining and fine-tuning help?
# -------------------------------------
# The same network without each of them. Both are needed: from random weights, the same
# 500 iterations end with a larger error than PCA has, and pretraining alone is hardly
# better than PCA.

for change in ({"fine_tune": False}, {"pretrain": False}):
    model = models["deep autoencoder"].set_params(**change).fit(X_train)
    error = -2 * model.score(X_test)
    ((name, _),) = change.items()
    print(f"{name}=False: squared error {error:.2f}")
    model.set_params(**{name: True})

plt.show()
