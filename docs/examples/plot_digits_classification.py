"""
========================================
Handwritten digits, from pixels to depth
========================================

Three classifiers on scikit-learn's digits, each a step on the way to the last:

1. softmax regression on raw pixels;
2. two sparse autoencoders, pretrained one after the other without labels, and a softmax
   classifier on what they learned;
3. the same network after fine-tuning all of its weights together.

The figure shows what the first layer learned, how well the pretrained stack
reconstructs digits that it never saw, and the loss of all stages.
"""

# %%
# Data
# ----
# 1,797 images of 8 x 8 pixels. Logistic units work on values in [0, 1].

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import NullLocator
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, test_size=0.3, stratify=y, random_state=0
)

# %%
# Three classifiers
# -----------------
# ``hidden_layer_sizes=()`` is softmax regression; ``fine_tune=False`` stops after the
# second stage. The prototype says how each hidden layer is trained: images of 64 pixels
# have small reconstruction errors, and a small penalty is enough to make units sparse.

autoencoder = SparseAutoencoder(alpha=1e-3, sparsity_weight=0.1)
settings = {"alpha": 1e-3, "hidden_alpha": 1e-4, "random_state": 0}
models = {
    "softmax on raw pixels": StackedAutoencoderClassifier((), random_state=0),
    "pretraining + softmax": StackedAutoencoderClassifier(
        (64, 64), autoencoder=autoencoder, fine_tune=False, **settings
    ),
    "fine-tuned network": StackedAutoencoderClassifier(
        (64, 64), autoencoder=autoencoder, **settings
    ),
}
print("Accuracy on held-out digits")
for name, model in models.items():
    model.fit(X_train, y_train)
    print(f"  {name:22} {model.score(X_test, y_test):.4f}")

# %%
# What each stage did
# -------------------
# ``history_`` has a record for each stage.

network = models["fine-tuned network"]
print("\nStages of the fine-tuned network")
for stage in network.history_:
    title = stage["name"] + (f" {stage['layer']}" if stage["layer"] else "")
    line = f"  {title:14} {stage['n_iter']:4d} iterations"
    line += f"   loss {stage['first_loss']:8.4f} -> {stage['last_loss']:.4f}"
    if stage["accuracy"] is not None:
        line += f"   training accuracy {stage['accuracy']:.4f}"
    print(line)

# %%
# The figure
# ----------
# A hidden unit is most excited by the image W_j / ||W_j||: light pixels raise its
# activation, dark ones lower it.


def draw_images(subfigure, images, n_columns, top, **options):
    """Draw 8 x 8 images in a grid."""
    n_rows = -(-len(images) // n_columns)
    margins = {"left": 0.02, "right": 0.98, "bottom": 0.02, "top": top}
    spaces = {"wspace": 0.06, "hspace": 0.06}
    axes = subfigure.subplots(n_rows, n_columns, gridspec_kw=margins | spaces)
    for axis, image in zip(axes.flat, images, strict=True):
        axis.imshow(image.reshape(8, 8), **options)
        axis.set_axis_off()


def draw_components(subfigure):
    """Draw the image that excites each unit of the first layer most."""
    components = network.autoencoders_[0].components_
    images = components / np.abs(components).max(axis=1, keepdims=True)
    subfigure.suptitle("What excites each unit of layer 1")
    draw_images(
        subfigure,
        images,
        8,
        0.92,
        cmap="gray",
        vmin=-1,
        vmax=1,
        interpolation="bicubic",
    )


def draw_reconstructions(subfigure, n_digits=12):
    """Draw unseen digits above what the pretrained stack makes of them."""
    pretrained = models["pretraining + softmax"]
    originals = X_test[:n_digits]
    reconstructed = pretrained.inverse_transform(pretrained.transform(originals))
    both = np.concatenate([originals, reconstructed])
    subfigure.suptitle("Unseen digits, and their reconstructions from layer 2")
    draw_images(subfigure, both, n_digits, 0.8, cmap="gray_r", vmin=0, vmax=1)


def draw_training_curves(subfigure):
    """Draw the loss of all stages on one logarithmic axis."""
    subfigure.suptitle("Training of each stage")
    axis = subfigure.subplots(gridspec_kw={"left": 0.12, "bottom": 0.15, "right": 0.97})
    for stage in network.history_:
        title = stage["name"] + (f", layer {stage['layer']}" if stage["layer"] else "")
        iterations = np.arange(1, stage["n_iter"] + 1)
        axis.loglog(iterations, stage["loss_curve"], label=title)
    axis.set_xlabel("iteration")
    axis.set_ylabel("loss, penalties included")
    axis.set_yticks([0.1, 0.2, 0.5, 1, 2, 5], ["0.1", "0.2", "0.5", "1", "2", "5"])
    axis.yaxis.set_minor_locator(NullLocator())
    axis.legend(frameon=False)
    axis.spines[["top", "right"]].set_visible(False)


figure = plt.figure(figsize=(12, 6))
left, right = figure.subfigures(1, 2, width_ratios=[1, 1.15])
top, bottom = right.subfigures(2, 1, height_ratios=[1, 1.9])
draw_components(left)
draw_reconstructions(top)
draw_training_curves(bottom)

# %%
# Run as a script, the example saves the figure; ``--out`` says where.

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description="Classify digits, draw what is learned"
    )
    parser.add_argument("--out", type=Path, default=Path("digits.png"))
    path = parser.parse_args().out
    figure.savefig(path, dpi=110)
    print(f"\nFigure saved to {path}")
