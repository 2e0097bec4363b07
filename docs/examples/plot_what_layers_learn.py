"""
============================
Did pretraining do anything?
============================

The displays of ``skstackedae.inspection`` show what a stack has learned, layer by
layer: whether the loss fell in each stage, whether units are active and not always so,
what excites them, and what is left of a digit at the top.
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
# The plainest answer: the same network from pretrained layers and from the random
# weights from which pretraining started, both before and after fine-tuning.

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
# The pretrained layers know a lot about digits without having seen a label. With all
# labels at hand, fine-tuning makes up for that: the two networks end within a few
# digits of each other, of 540.
#
# ``history_`` and ``diagnose`` say why the layers are of use. The loss fell in each
# stage, and no unit is the same for nearly all digits.

pretrained = models["pretrained", False]
print("\nThe loss of each stage")
for stage in pretrained.history_:
    title = stage["name"] + (f" {stage['layer']}" if stage["layer"] else "")
    print(f"  {title:14} {stage['first_loss']:8.4f} -> {stage['last_loss']:.4f}")
print("\nMean activations of the units, and the part that never changes")
inputs = X_train
for layer, autoencoder in enumerate(pretrained.autoencoders_, start=1):
    found = autoencoder.diagnose(inputs)
    rates, flat = found["mean_activations"], found["dead"] + found["saturated"]
    print(f"  layer {layer}: {rates.min():.2f} to {rates.max():.2f}, {flat:.0%}")
    inputs = autoencoder.transform(inputs)

# %%
# What excites the units
# ----------------------
# Higher up it takes an optimizer to find the input that excites a unit most.

figure, axes = plt.subplots(1, 3, figsize=(12, 4.6), layout="constrained")
for layer, axis in enumerate(axes, start=1):
    ComponentsDisplay.from_estimator(
        pretrained, layer=layer, image_shape=(8, 8), ax=axis
    )
    axis.set_title(f"Layer {layer}")
plt.show()

# %%
# How active they are
# -------------------
# The second layer on held-out digits: how often which activation occurs, and the mean
# of each unit.

ActivationDisplay.from_estimator(pretrained, X_test, layer=2)
plt.show()

# %%
# What is left at the top
# -----------------------
# Sixteen numbers for a digit, decoded down the stack.

ReconstructionDisplay.from_estimator(pretrained, X_test[:10], image_shape=(8, 8))
plt.show()

# %%
# How training went
# -----------------
# All stages of the fine-tuned network.

TrainingCurveDisplay.from_estimator(models["pretrained", True])
plt.show()
