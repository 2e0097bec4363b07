"""
=============================
What did pretraining achieve?
=============================

The displays of ``skstackedae.inspection`` show what a stack has learned, layer by
layer: the loss in each stage, the activity of the units, the inputs that excite the
units, and the reconstruction of a digit from the last layer.
"""

# %%
# A stack of three layers
# -----------------------

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier
from skstackedae.inspection import (
    ActivationDisplay,
    ComponentsDisplay,
    ReconstructionDisplay,
    TrainingCurveDisplay,
)

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, test_size=0.3, stratify=y, random_state=0
)
settings = {
    "hidden_layer_sizes": (64, 36, 16),
    "autoencoder": SparseAutoencoder(alpha=3e-4, sparsity_weight=0.1),
    "max_iter": 1000,
    "tol": 1e-3,
    "random_state": 0,
}

# %%
# With and without pretraining
# ----------------------------
# The simplest comparison is the same network with pretrained layers and with the random
# weights from which pretraining starts, both before and after fine-tuning.

print("Accuracy on held-out digits   softmax alone   fine-tuned")
models = {}
for name, pretrain in [("pretrained", True), ("random", False)]:
    for fine_tune in (False, True):
        models[name, fine_tune] = StackedAutoencoderClassifier(
            pretrain=pretrain, fine_tune=fine_tune, **settings
        ).fit(X_train, y_train)
    before, after = (models[name, tuned].score(X_test, y_test) for tuned in (0, 1))
    print(f"  {name + ' layers':25}   {before:13.3f}   {after:10.3f}")

# %%
# The pretrained layers have useful features, learned without labels. With all labels,
# fine-tuning compensates for missing pretraining: the two networks differ by a few of
# 540 test digits.
#
# ``history_`` and ``diagnose`` show why the layers are useful. The loss fell in each
# stage, and no unit is the same for nearly all digits.

pretrained = models["pretrained", False]
print("\nThe loss of each stage")
for stage in pretrained.history_:
    title = stage["name"] + (f" {stage['layer']}" if stage["layer"] else "")
    print(f"  {title:14} {stage['first_loss']:8.4f} -> {stage['last_loss']:.4f}")
print("\nMean activations of the units, and the fraction of inactive units")
inputs = X_train
for layer, autoencoder in enumerate(pretrained.autoencoders_, start=1):
    found = autoencoder.diagnose(inputs)
    means, inactive = found["mean_activations"], found["dead"] + found["saturated"]
    print(f"  layer {layer}: {means.min():.2f} to {means.max():.2f}, {inactive:.0%}")
    inputs = autoencoder.transform(inputs)

# %%
# What excites the units
# ----------------------
# For units of higher layers, an optimizer finds the input that excites the unit most.

figure, axes = plt.subplots(1, 3, figsize=(12, 4.6), layout="constrained")
for layer, axis in enumerate(axes, start=1):
    ComponentsDisplay.from_estimator(
        pretrained, layer=layer, image_shape=(8, 8), ax=axis
    )
    axis.set_title(f"Layer {layer}")
plt.show()

# %%
# Activations
# -----------
# The display shows the second layer on held-out digits: a histogram of all activations,
# and one of the mean of each unit.

ActivationDisplay.from_estimator(pretrained, X_test, layer=2)
plt.show()

# %%
# Reconstructions from the last layer
# -----------------------------------
# The last layer describes a digit by sixteen numbers. The stack decodes these numbers.

ReconstructionDisplay.from_estimator(pretrained, X_test[:10], image_shape=(8, 8))
plt.show()

# %%
# Training curves
# ---------------
# The display shows all stages of the fine-tuned network.

TrainingCurveDisplay.from_estimator(models["pretrained", True])
plt.show()
