"""
============================================
Sparse input: words of scipy's documentation
============================================

This example predicts the module of scipy that a docstring belongs to. The texts are the
docstrings of scipy's public functions and classes, so nothing needs to be downloaded.
The words of a docstring make a sparse row. Both estimators accept sparse input.
"""

# %%
# Docstrings and their modules
# ----------------------------
# Examples and references are removed, because they name the module.

import importlib
import inspect
import re

import matplotlib.pyplot as plt
import numpy as np
import scipy
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier

MODULES = ["fft", "integrate", "interpolate", "linalg", "ndimage"]
MODULES += ["optimize", "signal", "sparse", "special", "stats"]


def descriptions(module_name):
    """Return the docstrings of a module's public names, without examples."""
    module = importlib.import_module(f"scipy.{module_name}")
    members = [getattr(module, name) for name in module.__all__]
    texts = [inspect.getdoc(member) or "" for member in members if callable(member)]
    opening = [
        re.split(r"\n(?:Examples|References|See Also)\n-+\n", text)[0] for text in texts
    ]
    # Equal texts belong to aliases; very short texts only point to other functions.
    return [text for text in dict.fromkeys(opening) if len(text.split()) >= 30]


texts_of = {name: descriptions(name) for name in MODULES}
texts = [text for name in MODULES for text in texts_of[name]]
labels = np.repeat(MODULES, [len(texts_of[name]) for name in MODULES])
print(f"scipy {scipy.__version__}: {len(texts)} docstrings")
print(", ".join(f"{name} {len(texts_of[name])}" for name in MODULES))

# %%
# Words
# -----
# A row has 1 for each word that occurs. The names of the modules are left out, because
# they are the answer. ``dtype=float32`` makes the fit compute in float32.

texts_train, texts_test, y_train, y_test = train_test_split(
    texts, labels, test_size=0.3, stratify=labels, random_state=0
)
vectorizer = CountVectorizer(
    binary=True,
    token_pattern="[a-z]{3,}",
    stop_words=[*ENGLISH_STOP_WORDS, *MODULES, "scipy"],
    min_df=5,
    max_df=0.2,
    dtype=np.float32,
)
X_train = vectorizer.fit_transform(texts_train)
X_test = vectorizer.transform(texts_test)
n_rows, n_words = X_train.shape
filled = X_train.nnz / (n_rows * n_words)
print(f"\n{n_rows} rows, {n_words} words, {filled:.1%} of the entries are not zero")

# %%
# A classifier
# ------------
# The cross-entropy (``loss="log_loss"``) is the natural loss for binary rows. With a
# small `sparsity_target` only few rows excite a unit, so the words of these rows
# describe the unit. Sparse input is densified block by block. Logistic regression, a
# strong method for text, is the model for comparison.

autoencoder = SparseAutoencoder(
    loss="log_loss",
    sparsity_target=0.05,
    sparsity_weight=5.0,
    alpha=1e-3,
    solver="adam",
    learning_rate="linear",
    learning_rate_init=0.02,
    batch_size=50,
    max_iter=40,
    tol=0,
)
network = StackedAutoencoderClassifier(
    (40,), autoencoder=autoencoder, alpha=1e-3, random_state=0
).fit(X_train, y_train)
linear = LogisticRegression(max_iter=1000).fit(X_train, y_train)
print("\nAccuracy on held-out docstrings")
print(f"  network              {network.score(X_test, y_test):.3f}")
print(f"  logistic regression  {linear.score(X_test, y_test):.3f}")

# %%
# A difference of 0.01 is four of about 360 docstrings, so both models are about equally
# good. The network also has a short description of each text, learned without labels.

# %%
# The figure
# ----------
# The figure shows hidden units after pretraining, which uses no labels: for each module
# the unit that is most specific to it. Modules can share a unit. The caption of a unit
# is the four words with the largest decoder weights.

pretrained = network.autoencoders_[0]
activations = pretrained.transform(X_test)
mean = np.array([activations[y_test == name].mean(axis=0) for name in MODULES])
# The mean activation on a module, minus the average over the modules.
specificity = mean - mean.mean(axis=0)
units = list(dict.fromkeys(specificity.argmax(axis=1)))
words = vectorizer.get_feature_names_out()
_, decoder = pretrained.coefs_
captions = [", ".join(words[np.argsort(-decoder[unit])[:4]]) for unit in units]

figure, axis = plt.subplots(figsize=(9, 5), layout="constrained")
image = axis.imshow(mean[:, units].T, cmap="viridis", vmin=0, vmax=1, aspect="auto")
axis.set_xticks(range(len(MODULES)), MODULES, rotation=40, ha="right")
axis.set_yticks(range(len(units)), captions)
axis.set_title("Which units are active for which module")
figure.colorbar(image, ax=axis, label="mean activation on held-out docstrings")
plt.show()
