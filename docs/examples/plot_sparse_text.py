"""
============================================
Sparse input: words of scipy's documentation
============================================

This example predicts the module of scipy that a docstring belongs to. The texts are the
docstrings of scipy's public functions and classes, so nothing needs to be downloaded.
The words of a docstring form a sparse row. Both estimators accept sparse input.
The first figure is a map of scipy, drawn by an autoencoder that knows only the words.
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
from matplotlib.patheffects import withStroke
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import TSNE
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestNeighbors

from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier

MODULES = ["fft", "integrate", "interpolate", "linalg", "ndimage"]
MODULES += ["optimize", "signal", "sparse", "special", "stats"]


def descriptions(module_name):
    """Return the names in a module by their docstrings without examples."""
    module = importlib.import_module(f"scipy.{module_name}")
    names = {}
    for name in module.__all__:
        text = inspect.getdoc(getattr(module, name)) or ""
        opening = re.split(r"\n(?:Examples|References|See Also)\n-+\n", text)[0]
        # Equal texts belong to aliases; very short texts only point to other functions.
        if callable(getattr(module, name)) and len(opening.split()) >= 30:
            names.setdefault(opening, name)
    return names


texts_of = {name: descriptions(name) for name in MODULES}
texts = [text for name in MODULES for text in texts_of[name]]
names = [name for of_module in texts_of.values() for name in of_module.values()]
labels = np.repeat(MODULES, [len(texts_of[name]) for name in MODULES])
print(f"scipy {scipy.__version__}: {len(texts)} docstrings")
print(", ".join(f"{name} {len(texts_of[name])}" for name in MODULES))

# %%
# Words
# -----
# A row contains a 1 for each word that occurs. The names of the modules are left out,
# because they would give away the answer. ``dtype=float32`` makes the fit compute in
# float32.

texts_train, texts_test, _, names_test, y_train, y_test = train_test_split(
    texts, names, labels, test_size=0.3, stratify=labels, random_state=0
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
# A map of scipy
# --------------
# The cross-entropy (``loss="log_loss"``) is the natural loss for binary rows. With a
# small `sparsity_target`, only a few rows excite each unit, so these rows describe the
# unit. Sparse input is densified block by block.
#
# The figure shows all docstrings by the features of the pretrained layer, which uses no
# labels: t-SNE puts docstrings with similar features next to each other. Colors and
# names of modules are added afterwards.

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
pretrained = network.autoencoders_[0]
features = pretrained.transform(vectorizer.transform(texts))
places = TSNE(random_state=0).fit_transform(features)

# Ten colors after Paul Tol's schemes for color-blind readers.
COLORS = ["#332288", "#3399CC", "#44AA99", "#117733", "#999933"]
COLORS += ["#DDAA33", "#CC6677", "#882255", "#AA4499", "#555555"]
figure, axis = plt.subplots(figsize=(7, 5), layout="constrained")
for name, color in zip(MODULES, COLORS, strict=True):
    of_module = places[labels == name]
    axis.scatter(*of_module.T, s=14, color=color, alpha=0.8, linewidths=0)
    # The name stands where a third of the module is nearest.
    neighbors = NearestNeighbors(n_neighbors=len(of_module) // 3).fit(of_module)
    middle = of_module[neighbors.kneighbors()[0].mean(axis=1).argmin()]
    text = axis.text(*middle, name, color=color, fontsize=12, fontweight="bold")
    text.set_path_effects([withStroke(linewidth=4, foreground="white")])
axis.set(xticks=[], yticks=[])
axis.spines[:].set_visible(False)
axis.set_title("A map of scipy by the words of its docstrings", fontsize=13)
plt.show()

# %%
# A classifier
# ------------
# After pretraining, the network was fine-tuned with labels. Logistic regression, a
# strong method for text, is the baseline.

linear = LogisticRegression(max_iter=1000).fit(X_train, y_train)
print("\nAccuracy on held-out docstrings")
print(f"  network              {network.score(X_test, y_test):.3f}")
print(f"  logistic regression  {linear.score(X_test, y_test):.3f}")

# %%
# A difference of 0.01 corresponds to four of about 360 docstrings, so both models are
# about equally good. The network also provides a short description of each text,
# learned without labels.

# %%
# Hidden units
# ------------
# The last figure shows hidden units after pretraining: for each module the unit that is
# most specific to it. Modules can share a unit. The caption of a unit is the three
# held-out functions or classes that excite it most.

activations = pretrained.transform(X_test)
mean = np.array([activations[y_test == name].mean(axis=0) for name in MODULES])
# The mean activation on a module, minus the average over the modules.
specificity = mean - mean.mean(axis=0)
units = list(dict.fromkeys(specificity.argmax(axis=1)))
captions = [
    ", ".join(names_test[row] for row in np.argsort(-activations[:, unit])[:3])
    for unit in units
]

figure, axis = plt.subplots(figsize=(9, 5), layout="constrained")
image = axis.imshow(mean[:, units].T, cmap="viridis", vmin=0, vmax=1, aspect="auto")
axis.set_xticks(range(len(MODULES)), MODULES, rotation=40, ha="right")
axis.set_yticks(range(len(units)), captions)
axis.set_title("Which units are active for which module")
figure.colorbar(image, ax=axis, label="mean activation on held-out docstrings")
plt.show()
