"""
======================
A dictionary of digits
======================

A top-k autoencoder describes each image by a few units out of many: here by 8 of 256.
Each unit has an image of its own, a stroke or a correction, and a digit is the mean
image plus the images of its 8 units, each times its activation. The first figure adds
up two digits. The second shows which digits turn six of the units on.
"""

# %%
# Eight units of 256
# ------------------
# ``sparsity="top_k"`` keeps the largest activations of each image and sets all others
# to exactly 0. ``sparsity_target`` is the fraction of units that are on. With a linear
# decoder, the reconstruction is a sum, and relu units only add their images, never
# subtract them. With ``idle_weight``, units that are off in a whole mini-batch learn
# too. Weight decay is off because it shrinks the weights of units that are rarely on.

# sphinx_gallery_thumbnail_number = 1
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from skstackedae import SparseAutoencoder

N_UNITS, N_ON = 256, 8

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, test_size=0.3, stratify=y, random_state=0
)
common = {
    "n_components": N_UNITS,
    "decoder_activation": "identity",
    "sparsity_target": N_ON / N_UNITS,
    "alpha": 0,
    "solver": "adam",
    "batch_size": 50,
    "max_iter": 120,
    "n_iter_no_change": np.inf,
    "random_state": 0,
}
top_k = {"sparsity": "top_k", "activation": "relu"}
dictionary = SparseAutoencoder(**common, **top_k, idle_weight=0.1).fit(X_train)
codes = dictionary.transform(X_test)
atoms, background = dictionary.coefs_[1], dictionary.intercepts_[1]

# %%
# Each digit is a sum
# -------------------
# The figure shows two digits that the autoencoder has not seen. The upper row of each
# shows what its 8 units add, largest first: the unit's row of the decoder times its
# activation, which is printed above. Red adds ink, blue removes it. The lower row
# begins with the decoder's bias, which is close to the mean of all digits. It continues
# with the sum so far, and its last image is the reconstruction.


def draw(axis, image, cmap, limit):
    """Draw an image of 8 x 8 pixels without ticks."""
    low = -limit if cmap == "RdBu_r" else 0
    axis.imshow(image.reshape(8, 8), cmap=cmap, vmin=low, vmax=limit)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_color("0.8")


figure, axes = plt.subplots(4, N_ON + 1, figsize=(9, 4.5), layout="constrained")
for (upper, lower), digit in zip(axes.reshape(2, 2, -1), (3, 6), strict=True):
    index = (y_test == digit).argmax()
    on = np.flatnonzero(codes[index])
    added = codes[index, on, None] * atoms[on]
    largest_first = np.argsort(-np.linalg.norm(added, axis=1))
    on, added = on[largest_first], added[largest_first]
    draw(upper[0], X_test[index], "gray_r", 1)
    draw(lower[0], background, "gray_r", 1)
    for axis, name in ((upper[0], "test digit"), (lower[0], "bias")):
        axis.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8)
    sums = background + np.cumsum(added, axis=0)
    for axis, unit, image in zip(upper[1:], on, added, strict=True):
        draw(axis, image, "RdBu_r", 0.6)
        axis.set_title(f"unit {unit}\n{codes[index, unit]:.2f}", fontsize=8)
    for axis, image in zip(lower[1:], sums, strict=True):
        draw(axis, image, "gray_r", 1)
plt.show()

# %%
# What six units mean
# -------------------
# A unit is specific to a digit if most of its activation falls on images of this digit.
# The rule for the choice: of the units that are on in at least 2% of the training
# images, take the most specific one for each digit, and of these ten the six most
# specific. Each row of the figure shows the unit's row of the decoder and the six test
# images with its largest activations.

train_codes = dictionary.transform(X_train)
by_digit = np.stack([train_codes[y_train == digit].sum(axis=0) for digit in range(10)])
share = by_digit / np.maximum(by_digit.sum(axis=0), 1e-12)
share[:, (train_codes > 0).mean(axis=0) < 0.02] = 0
digits = np.argsort(-share.max(axis=1))[:6]

figure, axes = plt.subplots(6, 7, figsize=(5.6, 4.6), layout="constrained")
for row, digit in zip(axes, digits, strict=True):
    unit = share[digit].argmax()
    draw(row[0], atoms[unit], "RdBu_r", np.abs(atoms[unit]).max())
    row[0].set_ylabel(
        f"unit {unit}\n{share[digit, unit]:.0%} digit {digit}",
        rotation=0,
        ha="right",
        va="center",
        fontsize=8,
    )
    for axis, index in zip(row[1:], np.argsort(-codes[:, unit])[:6], strict=True):
        draw(axis, X_test[index], "gray_r", 1)
axes[0, 0].set_title("decoder", fontsize=9)
axes[0, 3].set_title("test images that excite the unit most", fontsize=9)
plt.show()

# %%
# Training used no labels, but nearly all images in a row are of one digit, in similar
# writing. The decoder rows are not pictures of this digit: they are corrections that
# this kind of writing needs, on top of the bias and the other units.

# %%
# Kinds of sparsity
# -----------------
# The table compares the same network with other kinds of sparsity, on the test images.
# The 'kl' penalty pulls the mean activations of logistic units toward 8/256. For 'l1',
# the weight is such that about as many units are on as with 'top_k'. The first three
# columns are from ``diagnose``. A unit of 'top_k' is dead if it is 0 in all images,
# other units are dead if their activations hardly vary. The last column is therefore
# the fraction of units that are 0 in all images.

models = {
    "kl": {"sparsity_weight": 0.1},
    "l1": {
        "sparsity": "l1",
        "sparsity_weight": 0.35,
        "activation": "relu",
    },
    "top_k": top_k,
}
fitted = {}
with warnings.catch_warnings():
    # fit warns if most units are dead. The table says so, too.
    warnings.filterwarnings("ignore", message="Most units")
    for name, settings in models.items():
        fitted[name] = SparseAutoencoder(**common | settings).fit(X_train)
fitted["top_k, idle_weight"] = dictionary

print(f"{'':20} explained variance   units on   dead   always 0")
for name, model in fitted.items():
    found = model.diagnose(X_test)
    always_0 = (model.transform(X_test) == 0).all(axis=0).mean()
    print(
        f"{name:20} {found['explained_variance']:18.3f} {found['mean_active']:10.1f} "
        f"{found['dead']:6.0%} {always_0:10.0%}"
    )

# %%
# No kind is best in everything:
#
# - 'top_k' reconstructs better than 'l1' with about as many units on. One reason is
#   that the 'l1' penalty also shrinks the activations of the units that are on. But
#   nearly all units of 'l1' are used.
# - ``idle_weight`` leaves fewer units dead, but hardly improves the reconstruction of
#   these small images. Training takes longer.
# - 'kl' has no dead units, but its codes are small numbers, not zeros: all units are
#   on. The reconstruction depends much on ``sparsity_weight``. With 0.01 instead of 0.1
#   it is better than all others in the table, but the mean activation of the units is
#   three times the target.

# %%
# Sparse codes
# ------------
# With ``sparse_output=True``, ``transform`` returns a CSR matrix that stores only the
# activations of units that are on. Later steps of a pipeline that support sparse
# matrices never see the zeros.

sparse = dictionary.set_params(sparse_output=True)
train_codes, test_codes = sparse.transform(X_train), sparse.transform(X_test)
print(f"Dense codes:  {codes.size:7,} numbers")
print(f"Sparse codes: {test_codes.nnz:7,} stored entries ({test_codes.format})")
print(f"Pixels:       {X_test.size:7,} numbers, {np.count_nonzero(X_test):,} not 0")

print("\nLogistic regression, accuracy on the test images")
for name, train, test in [
    ("pixels", X_train, X_test),
    ("sparse codes", train_codes, test_codes),
]:
    classifier = LogisticRegression(max_iter=1000).fit(train, y_train)
    print(f"  {name:12} {classifier.score(test, y_test):.3f}")

# %%
# The codes store less than the nonzero pixels do, although each stored entry also needs
# a column index. The classifier is about as good on them as on pixels; which of the two
# is ahead by a few of the 540 images depends on the seed.
