"""
=======================
Few labels, many digits
=======================

Labels are expensive, images are cheap: here only 50 of 1,257 digits have a label, but a
single fit uses all digits. An autoencoder learns from all images, then the network
learns from the labels and from its own predictions for the other images, which are
called pseudo-labels.
"""

# %%
# The data
# --------
# The figure shows all training digits. Only those on orange have a label.

import time
from functools import partial
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.semi_supervised import LabelSpreading
from sklearn.svm import SVC

from skstackedae import StackedAutoencoderClassifier

UNLABELED = -1
X, y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.3, stratify=y, random_state=0
)
N_LABELS, N_DRAWS = 50, 5


def draw_labels(seed):
    """Remove the labels of all rows except a few."""
    rows = np.arange(len(y_train))
    kept, _ = train_test_split(
        rows, train_size=N_LABELS, stratify=y_train, random_state=seed
    )
    return np.where(np.isin(rows, kept), y_train, UNLABELED)


draws = [draw_labels(seed) for seed in range(N_DRAWS)]

N_ROWS, N_COLUMNS = 30, 42
tiles = np.zeros((N_ROWS * N_COLUMNS, 8, 8))
tiles[: len(X_train)] = X_train.reshape(-1, 8, 8)
# Ink of the digits without label is pale.
tiles[: len(X_train)] *= np.where(draws[0] == UNLABELED, 0.4, 1)[:, None, None]
picture = tiles.reshape(N_ROWS, N_COLUMNS, 8, 8).swapaxes(1, 2)
lines, columns = np.divmod(np.flatnonzero(draws[0] != UNLABELED), N_COLUMNS)

figure, axis = plt.subplots(figsize=(6.5, 4.8), layout="constrained")
axis.imshow(picture.reshape(8 * N_ROWS, 8 * N_COLUMNS), cmap="gray_r")
place = {"x": 8 * columns + 3.5, "y": 8 * lines + 3.5}
axis.scatter(**place, s=110, marker="s", color="#E69F00", alpha=0.55)
axis.set_axis_off()
axis.set_title(f"{N_LABELS} of {len(X_train):,} digits have a label")
plt.show()

# %%
# A network for few labels
# ------------------------
# ``for_few_labels`` makes a :class:`~skstackedae.StackedAutoencoderClassifier` with
# settings for few labels. A denoising autoencoder with relu units learns from all
# images. Fine-tuning masks some of the pixels and drops half of the hidden units in
# each step; the network's own predictions serve as labels of the unlabeled images, and
# their weight rises from 0 over the epochs. ``memory`` caches the autoencoder, which
# uses no labels and is therefore trained only once for all fits below.

cache = TemporaryDirectory()
for_few_labels = partial(
    StackedAutoencoderClassifier.for_few_labels,
    (500,),
    unlabeled_label=UNLABELED,
    memory=cache.name,
    random_state=0,
)

# %%
# Models for comparison
# ---------------------
# The same network without pseudo-labels gets more epochs, because its epochs are passes
# over only the labeled images and therefore shorter. :class:`~sklearn.svm.SVC` and
# :class:`~sklearn.neural_network.MLPClassifier` learn from the labeled images, too.
# :class:`~sklearn.semi_supervised.LabelSpreading` also uses the unlabeled images: it
# spreads labels to neighbors.
#
# The settings of all models were tuned on other draws of labels, by the accuracy on a
# subset of the training images. The test images were not used.

models = {
    "pseudo-labels": for_few_labels(max_iter=200),
    "no pseudo-labels": for_few_labels(pseudo_label_weight=0, max_iter=1000),
    "LabelSpreading": LabelSpreading(gamma=2),
    "SVC": SVC(C=10, gamma=0.1),
    "MLPClassifier": MLPClassifier((500,), max_iter=1000, random_state=0),
}

# %%
# Accuracy on held-out digits
# ---------------------------
# The labels are drawn five times, stratified by class.


def score(model, labels):
    """Fit on the labels, score on the test rows."""
    rows = labels != UNLABELED
    # The other models would treat -1 as a class.
    if isinstance(model, StackedAutoencoderClassifier | LabelSpreading):
        rows[:] = True
    return model.fit(X_train[rows], labels[rows]).score(X_test, y_test)


accuracy = {}
for name, model in models.items():
    start = time.perf_counter()
    accuracy[name] = np.array([score(model, labels) for labels in draws])
    seconds = (time.perf_counter() - start) / N_DRAWS
    mean, std = accuracy[name].mean(), accuracy[name].std()
    print(f"{name:20} {mean:.3f} ±{std:.3f} {seconds:6.1f} s a fit")
cache.cleanup()

# %%
# Discussion
# ----------
# Pseudo-labels gain about five points. With pseudo-labels, the network is better than
# the classifiers that learn only from the labeled images; without them, it is not.
# LabelSpreading is better still: these small images form clusters, which it uses
# directly. It needs the distances between all pairs of images, which is little work for
# 1,257 images.

# %%
# Each dot of the figure is a draw of labels, each line a mean.

figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
for position, (name, values) in enumerate(reversed(accuracy.items())):
    color = "#0072B2" if name == "pseudo-labels" else "#555555"
    percent = 100 * values
    axis.plot(percent, np.full(N_DRAWS, position), "o", color=color, alpha=0.5)
    middle = percent.mean()
    axis.plot([middle, middle], position + np.array([-0.3, 0.3]), color=color)
    axis.text(middle, position + 0.34, f"{middle:.1f}", ha="center", color=color)
axis.set_yticks(range(len(accuracy)), reversed(accuracy))
axis.set_ylim(-0.5, len(accuracy) - 0.3)
axis.set_xlabel("accuracy on held-out digits in %")
axis.set_title("Pseudo-labels help the network; LabelSpreading is better here")
axis.spines[["top", "right"]].set_visible(False)
plt.show()
