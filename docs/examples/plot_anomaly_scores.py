"""
====================================
Anomalies: tumors unlike benign ones
====================================

An autoencoder that was trained only on ordinary samples reconstructs other samples
worse. The error is an anomaly score: ``-score_samples(X)``. Here the ordinary samples
are benign tumors; malignant tumors are only in the test set.
"""

# %%
# Benign training samples
# -----------------------
# The training set is 60 % of the benign tumors, drawn ten times. The other benign
# tumors and all malignant tumors are the test set. The scaler also uses only benign
# samples.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import RocCurveDisplay, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skstackedae import SparseAutoencoder

X, y = load_breast_cancer(return_X_y=True)
benign, malignant = X[y == 1], X[y == 0]
print(f"{len(benign)} benign, {len(malignant)} malignant, {X.shape[1]} measurements")

# %%
# Three scores
# ------------
# Without anomalies in the training set, settings cannot be tuned to find anomalies. The
# autoencoder has fewer units than there are measurements, and no sparsity penalty. PCA
# has the same number of components. Both scores are half the squared error of the
# reconstruction. The isolation forest has scikit-learn's defaults.

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
first_split = {}
for seed in range(10):
    train, unseen = train_test_split(benign, train_size=0.6, random_state=seed)
    X_test = np.concatenate([unseen, malignant])
    is_malignant = np.repeat([False, True], [len(unseen), len(malignant)])
    for name, score in methods.items():
        scores = score(train, X_test, seed)
        areas[name].append(roc_auc_score(is_malignant, scores))
        first_split.setdefault(name, (is_malignant, scores))

print("\nArea under the ROC curve, mean and standard deviation over ten splits")
for name, values in areas.items():
    print(f"  {name:17} {np.mean(values):.3f} ± {np.std(values):.3f}")

# %%
# All three methods separate the two kinds well. The differences between the methods are
# smaller than the differences between the splits, so no method is best on these data.

# %%
# The figure
# ----------
# The figure shows the first of the ten splits: on the left the scores of the
# autoencoder, on the right the fraction of malignant tumors that each score finds, by
# the fraction of false alarms.

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
is_malignant, scores = first_split["autoencoder"]
bins = np.geomspace(scores.min(), scores.max(), 30)
for of_class, label, color in [
    (~is_malignant, "benign, not seen before", "#0072B2"),
    (is_malignant, "malignant", "#D55E00"),
]:
    left.hist(scores[of_class], bins, label=label, color=color, alpha=0.65)
left.set(
    xscale="log",
    xlabel="half the squared error of the reconstruction",
    ylabel="tumors",
    title="Anomaly score of the autoencoder",
)
left.legend(frameon=False)

right.set_prop_cycle(color=["#0072B2", "#E69F00", "#555555"])
for name, (is_malignant, scores) in first_split.items():
    RocCurveDisplay.from_predictions(is_malignant, scores, name=name, ax=right)
right.set(title="ROC curves", xlabel="false alarms (fraction of the benign)")
right.set_ylabel("found (fraction of the malignant)")
for axis in (left, right):
    axis.spines[["top", "right"]].set_visible(False)
plt.show()
