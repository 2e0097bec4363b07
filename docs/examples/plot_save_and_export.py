"""
===========================
Saving and exporting models
===========================

This example saves a fitted classifier in four formats. Two of them need this package
for loading, two do not. The example compares the file sizes and the predicted
probabilities.
"""

# %%
# Requirements
# ------------
# Pickles and `MLPClassifier` need no other packages. ``skops`` is a separate package;
# ONNX needs the extra ``skstackedae[onnx]``.

import pickle

import matplotlib.pyplot as plt
import numpy as np
import skops.io
from onnxruntime import InferenceSession
from skl2onnx import to_onnx
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skstackedae import (
    TRUSTED_TYPES,
    SparseAutoencoder,
    StackedAutoencoderClassifier,
)
from skstackedae.export import register_onnx_converters, to_mlp_classifier

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, test_size=0.3, stratify=y, random_state=0
)
classifier = StackedAutoencoderClassifier(
    (64, 64),
    autoencoder=SparseAutoencoder(alpha=1e-3, sparsity_weight=0.1),
    alpha=1e-3,
    hidden_alpha=1e-4,
    random_state=0,
).fit(X_train, y_train)
expected = classifier.predict_proba(X_test)
files, probabilities = {}, {}

# %%
# With this package: pickle and skops
# -----------------------------------
# Loading a pickle runs any code that it contains, so load pickles only from sources
# that you trust. skops loads only trusted types; ``TRUSTED_TYPES`` names the types of
# this package. Without this list, skops refuses to load the file:

files["pickle"] = pickle.dumps(classifier)
probabilities["pickle"] = pickle.loads(files["pickle"]).predict_proba(X_test)

files["skops"] = skops.io.dumps(classifier)
try:
    skops.io.loads(files["skops"])
except skops.io.exceptions.UntrustedTypesFoundException as error:
    print(f"Refused: {error}")
loaded = skops.io.loads(files["skops"], trusted=TRUSTED_TYPES)
probabilities["skops"] = loaded.predict_proba(X_test)
print(f"\nTRUSTED_TYPES is {TRUSTED_TYPES}")

# %%
# Without this package: MLPClassifier and ONNX
# --------------------------------------------
# ``to_mlp_classifier`` makes a network of scikit-learn with the same weights. An ONNX
# graph also runs without Python. It computes in the precision of its input, here once
# in float64 and once in float32.

mlp = to_mlp_classifier(classifier)
files["MLPClassifier"] = pickle.dumps(mlp)
probabilities["MLPClassifier"] = mlp.predict_proba(X_test)

register_onnx_converters()
for dtype in (np.float64, np.float32):
    name = f"ONNX, {np.dtype(dtype)}"
    inputs = X_test.astype(dtype)
    graph = to_onnx(classifier, inputs[:1], options={"zipmap": False})
    files[name] = graph.SerializeToString()
    session = InferenceSession(files[name])
    _, probabilities[name] = session.run(None, {"X": inputs})

# %%
# Sizes and differences
# ---------------------

differences = {
    name: np.abs(values - expected).max() for name, values in probabilities.items()
}
print(f"{'':15} {'kilobytes':>9}   largest difference of a probability")
for name, saved in files.items():
    print(f"{name:15} {len(saved) / 1000:9.0f}   {differences[name]:.1g}")

# %%
# The models from the pickle and the skops file make identical predictions, bit for bit.
# The exported models agree up to rounding in their precision. They contain only the
# network; the saved classifiers also contain the pretrained autoencoders and the
# records of training.

# %%
# The figure shows a held-out digit and its probabilities by the classifier and by each
# file. The five lines cannot be told apart from the first.

# The digit that the classifier is least certain of.
row = expected.max(axis=1).argmin()
lines = {"classifier": expected, **probabilities}
percent = 100 * np.array([values[row] for values in lines.values()])
captions = ["fitted classifier"]
captions += [f"{name}, {len(saved) / 1000:.0f} kB" for name, saved in files.items()]

figure, (left, right) = plt.subplots(
    1, 2, figsize=(7, 3.8), width_ratios=[1, 2.6], layout="constrained"
)
left.imshow(X_test[row].reshape(8, 8), cmap="gray_r")
left.set_axis_off()
right.imshow(percent, cmap="Blues", vmin=0, vmax=50, aspect="auto")
for i, j in np.argwhere(percent >= 1):
    color = "white" if percent[i, j] > 30 else "black"
    right.text(j, i, f"{percent[i, j]:.0f}", ha="center", va="center", color=color)
right.set_xticks(range(10), [str(label) for label in classifier.classes_])
right.set_yticks(range(len(captions)), captions)
right.tick_params(length=0)
right.axhline(0.5, color="white", linewidth=4)
right.set_xlabel("digit")
right.set_title("Five files, the same probabilities (in %)")
plt.show()
