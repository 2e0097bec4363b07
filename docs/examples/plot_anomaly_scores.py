"""
====================================
Anomalies: tumors unlike benign ones
====================================

An autoencoder that was trained only on ordinary samples reconstructs other samples
worse. The error is an anomaly score, by which outliers and novelties can be found:
``-score_samples(X)``. Here the ordinary samples
are benign tumors; malignant tumors are only in the test set. The figure shows that
their errors are much larger.
"""

# %%
# Benign training samples
# -----------------------
# The training set consists of 60 % of the benign tumors. The test set consists of the
# other benign tumors and all malignant tumors. The scaler, too, uses only benign
# samples. The autoencoder has fewer units than there are measurements, and no sparsity
# penalty. The score is half the squared error of the reconstruction.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skstackedae import SparseAutoencoder

X, y = load_breast_cancer(return_X_y=True)
benign, malignant = X[y == 1], X[y == 0]
print(f"{len(benign)} benign, {len(malignant)} malignant, {X.shape[1]} measurements")

N_COMPONENTS = 20


def autoencoder_scores(X_train, X_test, seed):
    """Score samples by an autoencoder's reconstruction error."""
    autoencoder = SparseAutoencoder(
        N_COMPONENTS,
        decoder_activation="identity",  # standardized data are not within [0, 1]
        sparsity_weight=0,
        alpha=1e-3,
        random_state=seed,
    )
    pipeline = make_pipeline(StandardScaler(), autoencoder).fit(X_train)
    return -pipeline.score_samples(X_test)


def split(seed):
    """Return benign training samples, test samples, and which are malignant."""
    train, unseen = train_test_split(benign, train_size=0.6, random_state=seed)
    is_malignant = np.repeat([False, True], [len(unseen), len(malignant)])
    return train, np.concatenate([unseen, malignant]), is_malignant


train, X_test, is_malignant = split(seed=0)
scores = autoencoder_scores(train, X_test, seed=0)
bins = np.geomspace(scores.min(), scores.max(), 30)

figure, axis = plt.subplots(figsize=(6.5, 4.2), layout="constrained")
for of_class, label, color in [
    (~is_malignant, "benign", "#0072B2"),
    (is_malignant, "malignant", "#D55E00"),
]:
    counts, *_ = axis.hist(scores[of_class], bins, color=color, alpha=0.65)
    peak = bins[counts.argmax()]
    axis.text(peak, counts.max() + 0.5, label, color=color, fontsize=12, ha="center")
axis.set(xscale="log", ylim=(0, 29))
axis.set_xlabel("half the squared error of the reconstruction")
axis.set_ylabel("tumors")
axis.set_title("Malignant tumors are reconstructed worse", fontsize=13)
axis.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# Three scores
# ------------
# Without anomalies in the training set, settings cannot be tuned to find anomalies. PCA
# has as many components as the autoencoder has units, and the same kind of score. The
# isolation forest has scikit-learn's defaults. The benign tumors are split ten times.


def pca_scores(X_train, X_test, seed):
    """Score samples by the error of their projection on principal components."""
    scaler = StandardScaler().fit(X_train)
    scaled = scaler.transform(X_test)
    pca = PCA(N_COMPONENTS, random_state=seed).fit(scaler.transform(X_train))
    errors = scaled - pca.inverse_transform(pca.transform(scaled))
    return np.sum(errors**2, axis=1) / 2


def forest_scores(X_train, X_test, seed):
    """Score samples by how soon random splits isolate them."""
    forest = IsolationForest(random_state=seed).fit(X_train)
    return -forest.score_samples(X_test)


methods = {
    "autoencoder": autoencoder_scores,
    "isolation forest": forest_scores,
    "PCA": pca_scores,
}
areas = {name: [] for name in methods}
for seed in range(10):
    train, X_test, is_malignant = split(seed)
    for name, score in methods.items():
        scores = score(train, X_test, seed)
        areas[name].append(roc_auc_score(is_malignant, scores))

print("\nArea under the ROC curve, mean and standard deviation over ten splits")
for name, values in areas.items():
    print(f"  {name:17} {np.mean(values):.3f} ± {np.std(values):.3f}")

# %%
# All three methods separate the two kinds well. The differences between the methods are
# smaller than the differences between the splits, so no method is best on these data.

# %%
# Each dot of the figure is a split, each line a mean.

figure, axis = plt.subplots(figsize=(7, 2.6), layout="constrained")
for position, values in enumerate(reversed(areas.values())):
    color = "#0072B2" if position == 2 else "#555555"
    axis.plot(values, np.full(len(values), position), "o", color=color, alpha=0.5)
    middle = np.mean(values)
    axis.plot([middle, middle], [position - 0.3, position + 0.3], color=color)
axis.set_yticks(range(len(areas)), reversed(areas))
axis.set_ylim(-0.5, 2.5)
axis.set_xlabel("area under the ROC curve")
axis.set_title("The splits differ more than the methods")
axis.spines[["top", "right"]].set_visible(False)
plt.show()
