"""
=============================
What did pretraining achieve?
=============================

Three layers are pretrained on digits, without labels. After that, many units of the
third layer respond to one kind of digit. The displays of ``skstackedae.inspection``
show more of what a stack has learned: the activity of the units, the reconstruction of
a digit from the last layer, and the loss in each stage.
"""

# %%
# Digits that excite the units
# ----------------------------
# The stack has 64, 36 and 16 units. Each row of the figure belongs to a unit of the
# third layer: the twelve held-out digits with its largest activations. Several rows
# have digits of one class, although pretraining uses no labels.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier
from skstackedae.inspection import (
    ActivationDisplay,
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
pretrained = StackedAutoencoderClassifier(fine_tune=False, **settings)
activations = pretrained.fit(X_train, y_train).transform(X_test)

N_UNITS, N_DIGITS = 8, 12
most_exciting = np.argsort(-activations[:, :N_UNITS], axis=0)[:N_DIGITS].T
digits = X_test[most_exciting].reshape(N_UNITS, N_DIGITS, 8, 8)
tiles = np.pad(digits, [(0, 0), (0, 0), (2, 2), (1, 1)]).swapaxes(1, 2)

figure, axis = plt.subplots(figsize=(6, 4.4), layout="constrained")
axis.imshow(tiles.reshape(N_UNITS * 12, N_DIGITS * 10), cmap="gray_r")
axis.set_yticks(12 * np.arange(N_UNITS) + 6, [f"unit {u}" for u in range(N_UNITS)])
axis.set_xticks([])
axis.tick_params(length=0)
axis.spines[:].set_visible(False)
axis.set_title("Digits that excite units of layer 3 most", fontsize=13)
plt.show()

# %%
# With and without pretraining
# ----------------------------
# The simplest comparison is between the same network with pretrained layers and with
# the random weights from which pretraining starts, both before and after fine-tuning.

print("Accuracy on held-out digits   softmax alone   fine-tuned")
fine_tuned = StackedAutoencoderClassifier(**settings).fit(X_train, y_train)
random, random_fine_tuned = (
    StackedAutoencoderClassifier(pretrain=False, fine_tune=fine_tune, **settings).fit(
        X_train, y_train
    )
    for fine_tune in (False, True)
)
for name, softmax_alone, network in [
    ("pretrained layers", pretrained, fine_tuned),
    ("random layers", random, random_fine_tuned),
]:
    before, after = (model.score(X_test, y_test) for model in (softmax_alone, network))
    print(f"  {name:25}   {before:13.3f}   {after:10.3f}")

# %%
# The pretrained layers provide useful features, learned without labels. With all
# labels, fine-tuning makes up for the lack of pretraining: the two networks differ on
# only a few of the 540 test digits.
#
# ``history_`` and ``diagnose`` show why the layers are useful. The loss fell in each
# stage, and no unit has the same activation for nearly all digits.

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
# Activations
# -----------
# The display shows the second layer on held-out digits: a histogram of all activations,
# and a histogram of the mean activations of the units.

ActivationDisplay.from_estimator(pretrained, X_test, layer=2)
plt.show()

# %%
# Reconstructions from the last layer
# -----------------------------------
# The last layer describes each digit with sixteen numbers. The stack decodes these
# numbers: the digits are blurred but legible. Below each pair is its root mean squared
# error.

one_of_each = [(y_test == digit).argmax() for digit in range(10)]
ReconstructionDisplay.from_estimator(
    pretrained, X_test[one_of_each], image_shape=(8, 8)
)
plt.show()

# %%
# Training curves
# ---------------
# The display shows all stages of the fine-tuned network.

TrainingCurveDisplay.from_estimator(fine_tuned)
plt.show()
