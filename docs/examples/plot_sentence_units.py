"""
===========================
What the units of text mean
===========================

A language model turns a sentence into a vector of a few hundred numbers, and a single
one of them says little. A top-k autoencoder describes the same sentence by 8 units of
512, and many units stand for a topic. The first figure shows what six units respond to.
The second compares all units with the numbers of the vectors.
"""

# %%
# Sentences as vectors
# --------------------
# The sentences are the first sentences of docstrings of numpy, scipy and scikit-learn:
# of public functions, classes, methods and properties, without duplicates, 20 to 150
# characters long. All three packages have the BSD 3-clause license; the license texts
# are in the file. The model all-MiniLM-L6-v2 turned each sentence into a vector of 384
# numbers. To keep the file small, it has these numbers as integers of 8 bits, with one
# scale for each sentence.
#
# If you run this example elsewhere, save
# :download:`docstring_embeddings.npz </examples/data/docstring_embeddings.npz>` in a
# folder ``data`` beside it. The script ``docs/benchmarks/embed_docstrings.py`` of the
# repository made the file.

import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Patch
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skstackedae import SparseAutoencoder

N_UNITS, N_ON = 512, 8

# Notebooks have no __file__; they run in their own folder.
folder = Path(__file__).parent if "__file__" in globals() else Path()
with np.load(folder / "data" / "docstring_embeddings.npz") as file:
    X = file["codes"] * file["scale"][:, None]
    sentences, names, versions = file["sentences"], file["names"], file["versions"]
print(", ".join(versions))
print(f"{X.shape[0]} sentences of {X.shape[1]} numbers, {X.dtype}\n")
for index in np.random.default_rng(0).choice(len(X), 4, replace=False):
    print(f"{names[index]}: {sentences[index]}")
X_train, X_test, train_sentences, test_sentences = train_test_split(
    X, sentences, test_size=0.25, random_state=0
)

# %%
# Eight units of 512
# ------------------
# :class:`~skstackedae.SparseAutoencoder` with ``sparsity="top_k"`` keeps the 8 largest
# activations of each sentence and sets all others to exactly 0.
# :doc:`/user_guide/sparsity` explains the parameters. For comparison, the table has
# principal components: 8 of them, and as many as explain the same variance. A code of
# principal components uses the same components for all sentences, a code of the
# autoencoder uses 8 others for each sentence.

autoencoder = SparseAutoencoder(
    n_components=N_UNITS,
    sparsity="top_k",
    sparsity_target=N_ON,
    idle_weight=0.1,
    activation="relu",
    decoder_activation="identity",
    standardize=True,
    alpha=0,
    solver="adam",
    learning_rate="linear",
    learning_rate_init=3e-3,
    batch_size=100,
    max_iter=20,
    random_state=0,
).fit(X_train)
train_codes, test_codes = map(autoencoder.transform, (X_train, X_test))
found = autoencoder.diagnose(X_test)

pca = PCA().fit(X_train)
removed = np.square(pca.transform(X_test)).sum(axis=0).cumsum()
error = np.square(X_test - pca.mean_).sum() - removed
explained = 1 - error / np.square(X_test - X_test.mean(axis=0)).sum()
n_same = np.argmax(explained >= found["explained_variance"]) + 1
print("Explained variance of the held-out sentences")
print(f"{N_ON:5} of {N_UNITS} units         {found['explained_variance']:.3f}")
for n_components in (N_ON, n_same):
    print(f"{n_components:5} principal components {explained[n_components - 1]:.3f}")
print(f"Mean number of units that are on: {found['mean_active']:.2f}")
print(f"Units that are off for all held-out sentences: {found['dead']:.1%}")

# %%
# What six units respond to
# -------------------------
# The sentences with the largest activations show what a unit stands for, if they have
# something in common. The coherence of a unit measures this: it is the mean cosine
# similarity between the vectors of its five strongest sentences.
#
# The figure shows six units, not the best six. The rule for the choice: take the units
# that are on for 0.3% to 3% of the training sentences and for five or more of the
# held-out sentences. Sort them by coherence on the held-out sentences, cut the list
# into six equal parts, and take the unit in the middle of each part. A bar is as long
# as the activation, compared with the largest one of the unit.

N_TOP = 5


def coherence(X, chosen):
    """Return the mean cosine similarity of chosen rows, whose norms are nearly 1."""
    similarities = X[chosen] @ X[chosen].T
    return similarities[~np.eye(len(chosen), dtype=bool)].mean()


def coherence_of_units(X, codes):
    """Return the coherence of each unit, NaN if it is on for fewer than five rows."""
    strongest = np.argsort(-codes, axis=0)[:N_TOP].T
    found = np.array([coherence(X, chosen) for chosen in strongest])
    found[np.count_nonzero(codes, axis=0) < N_TOP] = np.nan
    return found


on_train = np.count_nonzero(train_codes, axis=0) / len(train_codes)
on_test = coherence_of_units(X_test, test_codes)
eligible = (on_train > 0.003) & (on_train < 0.03) & ~np.isnan(on_test)
ranked = np.flatnonzero(eligible)
ranked = ranked[np.argsort(-on_test[ranked])]
places = (np.arange(1, 12, 2) * len(ranked)) // 12

figure, axes = plt.subplots(3, 2, figsize=(10, 6), layout="constrained")
for axis, place in zip(axes.flat, places, strict=True):
    unit = ranked[place]
    largest = max(train_codes[:, unit].max(), test_codes[:, unit].max())
    row = 0
    for texts, codes, color in (
        (train_sentences, train_codes, "#c6dbef"),
        (test_sentences, test_codes, "#fdd0a2"),
    ):
        for index in np.argsort(-codes[:, unit])[:3]:
            axis.barh(row, codes[index, unit] / largest, height=0.9, color=color)
            text = textwrap.shorten(texts[index], 74, placeholder=" ...")
            axis.text(0.01, row, text, va="center", fontsize=8.5, parse_math=False)
            row += 1
    axis.set_title(
        f"unit {unit}, coherence {on_test[unit]:.2f}: "
        f"place {place + 1} of {len(ranked)}",
        loc="left",
        fontsize=9,
    )
    axis.set(xlim=(0, 1), ylim=(5.5, -0.5), xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
figure.legend(
    handles=[
        Patch(color="#c6dbef", label="strongest training sentences"),
        Patch(color="#fdd0a2", label="strongest held-out sentences"),
    ],
    loc="outside lower center",
    ncols=2,
    frameon=False,
)
plt.show()

# %%
# In the panels of the more coherent units, the held-out sentences share a topic or a
# word with the training sentences. In the last three panels, only one or two held-out
# sentences do. The others have short bars: look at the activations, too, before you
# give a unit a name.

# %%
# Are these units typical?
# ------------------------
# The second figure shows the coherence of all units that are on for five or more
# sentences. The line is the median. Other sets of five held-out sentences give the
# scale: five drawn at random, the five with the largest values of one of the vectors'
# 384 numbers, and a sentence with its four nearest neighbors. The training sentences
# are as many as the held-out ones, because the strongest five of more sentences have
# more in common.

rng = np.random.default_rng(0)
draws = [rng.choice(len(X_test), N_TOP, replace=False) for _ in range(1000)]
neighbors = np.argsort(-X_test @ X_test.T, axis=1)[:, :N_TOP]
as_many = slice(len(X_test))
measured = {
    "random held-out sentences": np.array([coherence(X_test, few) for few in draws]),
    "numbers of the vectors": coherence_of_units(X_test, X_test),
    "units, held-out sentences": on_test,
    "units, training sentences": coherence_of_units(
        X_train[as_many], train_codes[as_many]
    ),
    "nearest neighbors, held out": np.array(
        [coherence(X_test, few) for few in neighbors]
    ),
}
measured = {name: values[~np.isnan(values)] for name, values in measured.items()}
limit = np.quantile(measured["random held-out sentences"], 0.95)
print(f"Coherence                    sets  median  above {limit:.2f}")
for name, values in measured.items():
    print(
        f"{name:27} {len(values):5} {np.median(values):7.2f} "
        f"{(values > limit).mean():11.0%}"
    )

figure, axes = plt.subplots(
    5, 1, figsize=(7, 5), sharex=True, sharey=True, layout="constrained"
)
colors = ("0.75", "0.5", "#fd8d3c", "#6baed6", "0.5")
for axis, (name, values), color in zip(axes, measured.items(), colors, strict=True):
    weights = np.full(len(values), 1 / len(values))
    axis.hist(values, np.arange(-0.1, 1.01, 0.04), weights=weights, color=color)
    axis.axvline(np.median(values), color="0.1", linewidth=1.5)
    axis.text(1, 0.9, name, transform=axis.transAxes, ha="right", va="top")
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.set_yticks([])
axes[-1].set_xlabel("coherence: mean cosine similarity of five sentences")
plt.show()

# %%
# The median unit is more coherent than the median number of the vectors, and nearly as
# coherent on held-out sentences as on training sentences. A sentence and its nearest
# neighbors are more coherent, because they are chosen by the cosine similarity itself.
# Three of the 384 numbers are 0 in all sentences and do not count.

# %%
# A sentence as a sum of units
# ----------------------------
# The reconstruction of a sentence is the bias of the decoder plus, for each unit that
# is on, its row of the decoder times its activation. The tables show the sums for two
# held-out sentences: one whose reconstruction is better than those of three quarters of
# the held-out sentences, and the one with the median error. Each line has the length of
# what a unit adds, the cosine similarity of the sentence and the sum so far, and the
# unit's strongest training sentence as its name.

atoms, background = autoencoder.coefs_[1], autoencoder.intercepts_[1]
names_of_units = train_sentences[train_codes.argmax(axis=0)]
errors = np.square(X_test - autoencoder.inverse_transform(test_codes)).sum(axis=1)
by_error = np.argsort(errors)
for index in by_error[[len(errors) // 4, len(errors) // 2]]:
    print(f"\n{test_sentences[index]}\n  length  cosine")
    added = test_codes[index, :, None] * atoms
    lengths = np.linalg.norm(added, axis=1)
    largest_first = np.argsort(-lengths)[:N_ON]
    sums = background + np.cumsum(added[largest_first], axis=0)
    cosines = sums @ X_test[index] / np.linalg.norm(sums, axis=1)
    for unit, cosine in zip(largest_first, cosines, strict=True):
        name = textwrap.shorten(names_of_units[unit], 60, placeholder=" ...")
        print(f"{lengths[unit]:8.2f} {cosine:7.2f}  unit {unit:3}: {name}")

# %%
# The units share a topic with the sentence, or only a word. The first ones add most,
# and the last ones change the sum little.

# %%
# Your own vectors
# ----------------
# The same code works for embeddings of your own texts and for the activations of a
# layer of a language model, with one row for each token. There are usually many more
# rows than here:
#
# - Pass X as float32. X may be a file on disk (:doc:`/user_guide/large_data`).
# - Use batches of about 1,000 rows and a larger learning rate:
#   :doc:`/user_guide/sparsity` has settings for 54,000 sentences and 4,096 units.
# - Leave out ``idle_weight`` if ``diagnose`` reports few dead units without it.
# - With ``sparse_output=True``, ``transform`` returns a sparse matrix, which has only
#   the activations that are not 0.
