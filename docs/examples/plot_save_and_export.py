"""
===========================
Saving and exporting models
===========================

A fitted classifier, kept in four ways: two files that need this package when they are
opened, and two forms that do not. What does each of them weigh, and how close are its
probabilities to the classifier's?
"""

# %%
# What is needed
# --------------
# Pickles and scikit-learn's own network need nothing more than this package. ``skops``
# is a package of its own; ONNX needs the extra ``skstackedae[onnx]``.

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
# For this package: pickle and skops
# ----------------------------------
# A pickle runs whatever code it holds: load it only from sources that you trust. skops
# loads no type that it is not told to trust; ``TRUSTED_TYPES`` names those of this
# package. Without them the file is refused:

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
# For places without it: MLPClassifier and ONNX
# ---------------------------------------------
# ``to_mlp_classifier`` makes scikit-learn's own network of the weights. An ONNX graph
# runs without Python, too. It computes in the precision of its input, here once in
# float64 and once in float32.

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
# What came back
# --------------

differences = {
    name: np.abs(values - expected).max() for name, values in probabilities.items()
}
print(f"{'':15} {'kilobytes':>9}   largest difference of a probability")
for name, saved in files.items():
    print(f"{name:15} {len(saved) / 1000:9.0f}   {differences[name]:.1g}")

# %%
# What was saved for this package predicts the same bit for bit. The exported forms
# agree to the rounding of their precision. They hold the network alone; the saved
# classifier also has the pretrained autoencoders and the record of its training.

# %%
# The figure
# ----------
# File sizes, and the largest difference of a probability on held-out digits.

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
