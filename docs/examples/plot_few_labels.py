"""
=======================
Few labels, many digits
=======================

Labels are expensive, images are cheap: here 50 of 1,257 digits have a label. One fit
uses all of them. An autoencoder learns from all images, then the network learns from
the labels and from pseudo-labels, which it gives to the other images itself.
"""

# %%
# A network for few labels
# ------------------------
# ``for_few_labels`` makes a :class:`~skstackedae.StackedAutoencoderClassifier` with
# settings for few labels. A denoising autoencoder with relu units learns from all
# images. Fine-tuning masks some of the pixels and drops half of the hidden units in
# each step; the network's own predictions are labels of the unlabeled images, and their
# weight rises from 0 over the epochs. ``memory`` caches the autoencoder, which uses no
# labels: it is trained once for all fits below.

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
cache = TemporaryDirectory()
for_few_labels = partial(
    StackedAutoencoderClassifier.for_few_labels,
    (500,),
    unlabeled_label=UNLABELED,
    memory=cache.name,
    random_state=0,
)

# %%
# Rivals
# ------
# The same network without pseudo-labels has more epochs, because they are shorter: they
# are passes over the labeled images alone. :class:`~sklearn.svm.SVC` and
# :class:`~sklearn.neural_network.MLPClassifier` learn from the labeled images, too.
# :class:`~sklearn.semi_supervised.LabelSpreading` also uses the unlabeled images:
# labels spread to neighbors.
#
# The settings of all models were chosen on other draws of labels, by accuracy on a part
# of the training images. The test images were not used.

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


def score(model, labels):
    """Fit on the labels, score on the test rows."""
    rows = labels != UNLABELED
    # The others would take -1 for a class.
    if isinstance(model, StackedAutoencoderClassifier | LabelSpreading):
        rows[:] = True
    return model.fit(X_train[rows], labels[rows]).score(X_test, y_test)


draws = [draw_labels(seed) for seed in range(N_DRAWS)]
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
# Pseudo-labels gain about four points. With them the network is better than the
# classifiers that learn from the labeled images alone, and without them it is not.
# LabelSpreading is better still: these small images form clusters, which it uses
# directly. It needs the distances between all pairs of images, which is little work for
# 1,257 images.

# %%
# The figure
# ----------
# Each dot is a draw of labels, each line a mean.

figure, axis = plt.subplots(figsize=(8, 3.5), layout="constrained")
for position, (name, values) in enumerate(reversed(accuracy.items())):
    color = "#0072B2" if name == "pseudo-labels" else "#555555"
    axis.plot(values, np.full(N_DRAWS, position), "o", color=color, alpha=0.5)
    axis.plot(np.full(2, values.mean()), position + np.array([-0.3, 0.3]), color=color)
axis.set_yticks(range(len(accuracy)), reversed(accuracy))
axis.set_xlabel(f"accuracy on held-out digits, {N_LABELS} labels")
axis.spines[["top", "right"]].set_visible(False)
plt.show()
