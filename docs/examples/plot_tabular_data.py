"""
===========================================
Tabular data: wines in standardized columns
===========================================

Columns with different units of measurement are standardized first. Standardized values
are not within [0, 1], so they need ``decoder_activation="identity"``, whatever the
activation of the hidden units is. The first figure is a map of wines by two hidden
units.
"""

# %%
# Thirteen measurements of wines
# ------------------------------
# The data are 178 wines from three cultivars. Values of proline are in the hundreds,
# values of hue are about 1. After scaling, an autoencoder with two units draws a map of
# the wines. It does not see the cultivars, but separates them.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import (
    RepeatedStratifiedKFold,
    cross_val_score,
    train_test_split,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier
from skstackedae.inspection import ComponentsDisplay

wine = load_wine()
X, y = wine.data, wine.target
settings = {
    "activation": "tanh",
    "decoder_activation": "identity",
    "sparsity_weight": 0,
    "alpha": 1e-3,
    "random_state": 0,
}
two_units = make_pipeline(StandardScaler(), SparseAutoencoder(2, **settings))
places = two_units.fit_transform(X)

figure, axis = plt.subplots(figsize=(6, 4.4), layout="constrained")
for cultivar, color in enumerate(["#0072B2", "#D55E00", "#009E73"]):
    of_cultivar = places[y == cultivar]
    axis.scatter(*of_cultivar.T, s=35, color=color, alpha=0.6, linewidths=0)
    x, y_mean = of_cultivar.mean(axis=0)
    # Names stand above or below their wines.
    low, high = of_cultivar[:, 1].min(), of_cultivar[:, 1].max()
    y_name = high + 0.06 if y_mean > 0 else low - 0.14
    name = f"cultivar {cultivar + 1}"
    axis.text(x, y_name, name, color=color, fontsize=13, ha="center")
axis.set(xlabel="unit 0", ylabel="unit 1", xticks=[-1, 0, 1], yticks=[-1, 0, 1])
axis.set_title("Wines by two units that know no labels", fontsize=13)
axis.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# Five units instead of thirteen columns
# --------------------------------------
# Five units cannot copy thirteen columns, so they need no sparsity penalty. PCA is the
# best linear map of this size on its training rows.

X_train, X_test = train_test_split(X, test_size=0.3, stratify=y, random_state=0)

N_UNITS = 5
scaler = StandardScaler().fit(X_train)
A_train, A_test = scaler.transform(X_train), scaler.transform(X_test)
autoencoder = SparseAutoencoder(N_UNITS, **settings).fit(A_train)
pca = PCA(N_UNITS).fit(A_train)

reconstructed = {
    "autoencoder": autoencoder.inverse_transform(autoencoder.transform(A_test)),
    "PCA": pca.inverse_transform(pca.transform(A_test)),
}
print("Variance of held-out wines that five numbers explain")
for name, values in reconstructed.items():
    explained = r2_score(A_test, values, multioutput="variance_weighted")
    print(f"  {name:12} {explained:.3f}")

# %%
# Classifying cultivars
# ---------------------
# The pipeline scales each fold with the statistics of the fold's training rows.

classifiers = {
    "stacked autoencoders": StackedAutoencoderClassifier(
        (10, N_UNITS),
        autoencoder=SparseAutoencoder(**settings),
        alpha=1e-3,
        random_state=0,
    ),
    "logistic regression": LogisticRegression(),
}
folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=4, random_state=0)
print("\nAccuracy in cross-validation, mean and standard deviation over 20 folds")
for name, classifier in classifiers.items():
    scores = cross_val_score(
        make_pipeline(StandardScaler(), classifier), X, y, cv=folds
    )
    print(f"  {name:20} {scores.mean():.3f} ± {scores.std():.3f}")

# %%
# The networks are not better in these comparisons: PCA reconstructs the wines at least
# as well, and the linear classifier is about as accurate. This is expected for few rows
# and for columns with almost linear relations. The example shows the settings for such
# data.

# %%
# The last figure shows on the left the wines that excite each of the five units most:
# red for measurements above the mean, blue for measurements below. On the right is the
# explained variance of each measurement.

names = [name.replace("_", " ") for name in wine.feature_names]
names[names.index("od280/od315 of diluted wines")] = "OD280/OD315"

figure, (left, right) = plt.subplots(
    1, 2, figsize=(11, 5), width_ratios=[1, 1.2], layout="constrained"
)
figure.get_layout_engine().set(wspace=0.06)
ComponentsDisplay.from_estimator(autoencoder, feature_names=names, ax=left)
left.set_title("What excites each unit")

places = np.arange(len(names))
for name, shift, color in [("autoencoder", -0.2, "#0072B2"), ("PCA", 0.2, "#E69F00")]:
    explained = r2_score(A_test, reconstructed[name], multioutput="raw_values")
    right.barh(places + shift, explained, 0.38, label=name, color=color)
right.set_yticks(places, [])
right.set(xlim=(0, 1), ylim=left.get_ylim())  # in line with the rows on the left
right.set_xlabel("explained variance of held-out wines")
right.set_title("How well they are reconstructed")
right.legend(frameon=False, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.1))
right.spines[["top", "right"]].set_visible(False)
plt.show()
