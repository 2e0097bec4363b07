"""
============================================
Sparse input: words of scipy's documentation
============================================

Which module of scipy does a description belong to? The text is on every machine that
has this package: the docstrings of scipy's public functions and classes. Which words a
docstring has makes a sparse row, which both estimators take as it is.
"""

# %%
# Docstrings, and the module of each
# ----------------------------------
# Only what stands before the examples and references, which name the module.

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
    # Twice the same text is an alias; the shortest ones only point elsewhere.
    return [text for text in dict.fromkeys(opening) if len(text.split()) >= 30]


texts_of = {name: descriptions(name) for name in MODULES}
texts = [text for name in MODULES for text in texts_of[name]]
labels = np.repeat(MODULES, [len(texts_of[name]) for name in MODULES])
print(f"scipy {scipy.__version__}: {len(texts)} docstrings")
print(", ".join(f"{name} {len(texts_of[name])}" for name in MODULES))

# %%
# Words
# -----
# A row says which words occur. The names of the modules are left out, because they
# would give the answer away. ``dtype=float32`` makes a float32 fit.

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
# The cross-entropy of a word being there is the natural loss for such rows
# (``loss="log_loss"``). A small `sparsity_target` asks for units that few rows excite,
# so that they can be named by their words. Rows are made dense in blocks, never as a
# whole. Logistic regression, strong on text, is the model to compare with.

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
# On about 360 docstrings a difference of 0.01 is four of them: the two are on a par.
# What the network adds is a short description of each text, learned without the labels.

# %%
# The figure
# ----------
# Hidden units after pretraining, which saw no labels: for each module the one that is
# most peculiar to it. Modules can share one. A unit's caption is the four words that it
# makes likelier, by the decoder's weights.

pretrained = network.autoencoders_[0]
activations = pretrained.transform(X_test)
mean = np.array([activations[y_test == name].mean(axis=0) for name in MODULES])
# How much more active a unit is on one module than on the average one.
peculiarity = mean - mean.mean(axis=0)
units = list(dict.fromkeys(peculiarity.argmax(axis=1)))
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
