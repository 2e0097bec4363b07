"""
====================================
Anomalies: tumors unlike benign ones
====================================

An autoencoder that has seen ordinary samples alone reconstructs other ones worse. The
error is an anomaly score: ``-score_samples(X)``. Here the ordinary samples are benign
tumors; malignant ones come up in the test only.
"""

# %%
# Benign samples to learn from
# ----------------------------
# Three fifths of the benign tumors, drawn ten times. The rest of them and all
# malignant ones are the test. The scaler, too, sees benign samples alone.

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
# Without anomalies to try them on, settings cannot be tuned for finding them. The
# autoencoder has fewer units than there are measurements and no sparsity penalty. PCA
# has as many components; its score is the squared error of the reconstruction, as the
# autoencoder's is. The isolation forest has scikit-learn's defaults.

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
# All three tell the two kinds apart well, and their areas differ by less than one
# score's area does from split to split: none of them is ahead on these data.

# %%
# The figure
# ----------
# The first of the ten splits. On the left the autoencoder's scores; on the right how
# many malignant tumors each score finds, for how many false alarms.

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
right.set(title="ROC curves", xlabel="false alarms (part of the benign)")
right.set_ylabel("found (part of the malignant)")
for axis in (left, right):
    axis.spines[["top", "right"]].set_visible(False)
plt.show()
