"""
===========================
Saving and exporting models
===========================

This example saves a fitted classifier in four forms. Two forms need this package for
loading, two do not. It compares their sizes and the differences of their probabilities.
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
# Loading a pickle runs any code that it contains: load pickles only from sources that
# you trust. skops loads only trusted types; ``TRUSTED_TYPES`` names the types of this
# package. Without this list skops refuses the file:

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
# The pickle and the skops file predict the same, bit for bit. The exported forms agree
# up to rounding in their precision. They contain only the network; the saved
# classifiers also contain the pretrained autoencoders and the records of training.

# %%
# The figure
# ----------
# The figure shows file sizes and the largest difference of a probability on held-out
# digits.

places = np.arange(len(files))
figure, (left, right) = plt.subplots(
    1, 2, figsize=(9, 3.8), sharey=True, layout="constrained"
)
left.barh(places, [len(saved) / 1000 for saved in files.values()], color="#0072B2")
left.set_yticks(places, files)
left.invert_yaxis()
left.set(title="Size", xlabel="kilobytes")

FLOOR = 1e-17
right.set(xscale="log", xlim=(FLOOR, 1e-5), title="Largest difference")
right.set_xlabel("difference of a probability")
for place, difference in zip(places, differences.values(), strict=True):
    if difference == 0:
        right.text(2 * FLOOR, place, "none", va="center")
    else:
        right.hlines(place, FLOOR, difference, color="#E69F00", linewidth=2)
        right.plot(difference, place, "o", color="#E69F00", markersize=9)
for axis in (left, right):
    axis.spines[["top", "right"]].set_visible(False)
plt.show()
