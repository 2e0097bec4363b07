"""
================================
Features learned without labels
================================

A linear classifier recognizes handwritten digits well as long as each digit stands in
the middle of its image. Move them by one pixel, and it fails. Here a network first
learns features from the images alone, without labels. On these features the same linear
classifier works again.
"""

# %%
# Digits that move
# ----------------
# scikit-learn has 1,797 images of 8 x 8 pixels. As in its `example with a restricted
# Boltzmann machine
# <https://scikit-learn.org/stable/auto_examples/neural_networks/plot_rbm_logistic_classification.html>`_,
# each of them is shown five times: in its place, and moved by one pixel up, down, left
# and right. The pixels are scaled to [0, 1]. No image is moved from the training
# images to the test images.

import sys

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import shift
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from skstackedae import StackedAutoencoderClassifier

MOVES = [(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)]


def moved(images):
    """Show each image in five places."""
    places = [shift(images, (0, *move), order=0) for move in MOVES]
    return np.concatenate(places).reshape(-1, 64)


digits = load_digits()
train, test, y_train, y_test = train_test_split(
    (digits.images / 16).astype(np.float32),
    digits.target,
    test_size=0.3,
    stratify=digits.target,
    random_state=0,
)
X_train, X_test = moved(train), moved(test)
y_train, y_test = (np.tile(y, len(MOVES)) for y in (y_train, y_test))

# %%
# Five classifiers
# ----------------
# All networks end with a softmax layer, which is a linear classifier:
#
# - ``hidden_layer_sizes=()`` leaves nothing but the softmax layer.
# - With ``fine_tune=False``, an autoencoder learns 500 features without labels. Pixels
#   are masked, and it learns to restore them from the others. Only the softmax layer
#   learns from labels.
# - By default, ``fit`` then fine-tunes the whole network with the labels.
# - ``pretrain=False`` starts fine-tuning from random weights instead.
#
# A support vector machine is the rival.

settings = {"autoencoder": "denoising", "alpha": 1e-4, "random_state": 0}
models = {
    "linear classifier, on pixels": StackedAutoencoderClassifier((), alpha=1e-4),
    "linear classifier, on features": StackedAutoencoderClassifier(
        (500,), fine_tune=False, **settings
    ),
    "network, fine-tuned": StackedAutoencoderClassifier((500,), **settings),
    "network, not pretrained": StackedAutoencoderClassifier(
        (500,), pretrain=False, **settings
    ),
    "SVC": SVC(C=10, gamma=0.1),
}
accuracy = {}
print(f"Accuracy on {len(X_test):,} images of digits, moved by up to one pixel")
for name, model in models.items():
    accuracy[name] = model.fit(X_train, y_train).score(X_test, y_test)
    print(f"  {name:30} {accuracy[name]:.3f}")

# %%
# What the features bring
# -----------------------
# The same 150 test images twice; those that a classifier mistakes are red. With a file
# name as argument of the script, the figure is saved.


def draw_mistakes(axis, name, rows):
    """Draw images side by side, red where the model is wrong."""
    wrong = models[name].predict(X_test[rows]) != y_test[rows]
    ink = X_test[rows].reshape(10, 15, 8, 8)
    colors = np.where(wrong[:, None], [0.84, 0.15, 0.1], [0.3, 0.3, 0.3])
    colors = colors.reshape(10, 15, 1, 1, 3)
    images = np.pad(
        1 - ink[..., None] * (1 - colors),
        [(0, 0), (0, 0), (1, 1), (1, 1), (0, 0)],
        constant_values=1,
    )
    axis.imshow(np.concatenate(np.concatenate(images, axis=1), axis=1))
    axis.set_title(f"{name}: {accuracy[name]:.0%} right", fontsize=16)
    axis.set_axis_off()


rows = np.random.default_rng(0).permutation(len(X_test))[:150]
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
draw_mistakes(left, "linear classifier, on pixels", rows)
draw_mistakes(right, "linear classifier, on features", rows)

# %%
# When pretraining helps
# ----------------------
# The features lift the linear classifier by 18 percentage points, without any label.
# With labels for all images, the network learns nearly as good features from the labels
# themselves: the fine-tuned network and the one that was not pretrained are about
# equal, and a support vector machine is better than both. Pretraining pays where labels
# are few and images are many, see :ref:`sphx_glr_auto_examples_plot_few_labels.py`, and
# where the features are for another model.

from_pixels, from_features = (
    accuracy[f"linear classifier, on {x}"] for x in ("pixels", "features")
)
print(
    f"\nA linear classifier recognizes {from_pixels:.0%} of the digits from pixels, and"
)
print(
    f"{from_features:.0%} from features that an autoencoder has learned without labels."
)
if len(sys.argv) > 1:
    figure.savefig(sys.argv[1], dpi=110)
    print(
        f"{sys.argv[1]} shows some of the images twice. Those that the classifier gets"
    )
    print("wrong are red: on the left from pixels, on the right from features.")
else:
    plt.show()
