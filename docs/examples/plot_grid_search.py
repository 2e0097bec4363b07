"""
=======================================
Searching over all stages in a pipeline
=======================================

A scaler and a stacked classifier form one Pipeline. The grid has a parameter of the
autoencoders (`autoencoder__sparsity_weight`) and a parameter of fine-tuning
(`hidden_alpha`). A search over parameters of the autoencoders needs an autoencoder as
prototype. With `memory`, candidates that differ only in fine-tuning share pretraining.
"""

# %%
# Data and pipeline
# -----------------
# The data are 30 measurements of 569 tumors. Each measurement is scaled to [0, 1], the
# range of the logistic decoder.

from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler

from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.3, stratify=y, random_state=0
)
cache = TemporaryDirectory()
LAYERS = (30, 15)
pipeline = Pipeline(
    [
        # A test value may lie outside the training range: clip it to [0, 1].
        ("scale", MinMaxScaler(clip=True)),
        (
            "network",
            StackedAutoencoderClassifier(
                LAYERS,
                autoencoder=SparseAutoencoder(),
                max_iter=500,
                memory=cache.name,
                random_state=0,
            ),
        ),
    ]
)

# %%
# The search
# ----------
# The search has two workers; each worker uses one thread for its fits.

sparsity_weights = [0.0, 0.3, 3.0]
hidden_alphas = [1e-5, 1e-4, 1e-3]
N_FOLDS = 3
search = GridSearchCV(
    pipeline,
    {
        "network__autoencoder__sparsity_weight": sparsity_weights,
        "network__hidden_alpha": hidden_alphas,
    },
    cv=StratifiedKFold(N_FOLDS, shuffle=True, random_state=0),
    n_jobs=2,
)
search.fit(X_train, y_train)
print(f"Best parameters: {search.best_params_}")
print(f"Accuracy in cross-validation: {search.best_score_:.4f}")
print(f"Accuracy on held-out rows:    {search.score(X_test, y_test):.4f}")

# %%
# The standard error of the accuracy on 171 held-out rows is about 0.015. The score in
# cross-validation is a little too high, because it is the best of nine.

# %%
# Number of pretrained layers
# ---------------------------
# The cache has a file for each trained layer. Each layer is trained once for each fold
# and `sparsity_weight`, and once more for the best parameters on all rows.

n_candidates = len(search.cv_results_["params"])
n_trained = len(list(Path(cache.name).rglob("output.pkl")))
n_needed = (n_candidates * N_FOLDS + 1) * len(LAYERS)
print(f"Layers needed in all fits: {n_needed}, layers in the cache: {n_trained}")
cache.cleanup()

# %%
# The figure
# ----------
# The figure shows the mean accuracy and its standard deviation over the folds.
# Differences that are smaller than the standard deviation are not significant.

shape = len(sparsity_weights), len(hidden_alphas)
# GridSearchCV varies the parameters in the order of their names: hidden_alpha last.
mean = search.cv_results_["mean_test_score"].reshape(shape)
spread = search.cv_results_["std_test_score"].reshape(shape)

figure, axis = plt.subplots(figsize=(6.5, 5), layout="constrained")
image = axis.imshow(mean, cmap="viridis")
for i, j in np.ndindex(shape):
    is_light = mean[i, j] > (mean.min() + mean.max()) / 2
    axis.text(
        j,
        i,
        f"{mean[i, j]:.3f}\n± {spread[i, j]:.3f}",
        ha="center",
        va="center",
        color="black" if is_light else "white",
    )
axis.set_xticks(range(shape[1]), [f"{value:g}" for value in hidden_alphas])
axis.set_yticks(range(shape[0]), [f"{value:g}" for value in sparsity_weights])
axis.set_xlabel("hidden_alpha")
axis.set_ylabel("autoencoder__sparsity_weight")
axis.set_title("Accuracy in cross-validation")
figure.colorbar(image, ax=axis, shrink=0.8, label="accuracy")
plt.show()
