"""
========================================
Handwritten digits, from pixels to depth
========================================

This example compares three classifiers on scikit-learn's digits:

1. softmax regression on raw pixels;
2. two sparse autoencoders, pretrained one after the other without labels, and a softmax
   classifier on their features;
3. the same network after fine-tuning of all weights together.

The figure shows the features of the first layer, reconstructions of unseen digits by
the pretrained stack, and the loss of all stages.
"""

# %%
# Data
# ----
# There are 1,797 images of 8 x 8 pixels. They are scaled to [0, 1], the range of
# logistic units.

import sys

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier
from skstackedae.inspection import (
    ComponentsDisplay,
    ReconstructionDisplay,
    TrainingCurveDisplay,
)

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, test_size=0.3, stratify=y, random_state=0
)

# %%
# Three classifiers
# -----------------
# ``hidden_layer_sizes=()`` makes softmax regression; ``fine_tune=False`` stops after
# the second stage. The prototype has the parameters for training the hidden layers.
# Images of 64 pixels have small reconstruction errors, so a small penalty makes units
# sparse.

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
# Records of the stages
# ---------------------
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
# On the left is the image that excites each unit of the pretrained first layer most:
# light pixels raise its activation, dark pixels lower it. Top right are test digits
# above their reconstructions by the pretrained stack. With a file name as argument of
# the script, the figure is saved in this file.

pretrained = models["pretraining + softmax"]
one_of_each = [(y_test == digit).argmax() for digit in range(10)]

figure = plt.figure(figsize=(12, 6), layout="constrained")
grid = figure.add_gridspec(2, 2, width_ratios=[1, 1.2], height_ratios=[1, 1.7])
axis = figure.add_subplot(grid[:, 0])
ComponentsDisplay.from_estimator(pretrained, image_shape=(8, 8), ax=axis)
axis.set_title("What excites each unit of layer 1")
axis = figure.add_subplot(grid[0, 1])
ReconstructionDisplay.from_estimator(
    pretrained, X_test[one_of_each], image_shape=(8, 8), ax=axis
)
axis.set_title("Unseen digits, and their reconstructions from layer 2")
axis = figure.add_subplot(grid[1, 1])
TrainingCurveDisplay.from_estimator(network, ax=axis)
axis.set_title("Training of each stage")

if len(sys.argv) > 1:
    figure.savefig(sys.argv[1], dpi=110)
    print(f"\nFigure saved to {sys.argv[1]}")
else:
    plt.show()
