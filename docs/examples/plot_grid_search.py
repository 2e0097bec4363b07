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
hidden_alphas = [1e-4, 1e-2, 0.1, 1.0]
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
# The standard error of the accuracy on 171 held-out rows is about 0.016. The score in
# cross-validation is a little too high, because it is the best of twelve scores.
#
# The figure shows the mean accuracy over the folds; a frame marks the best. Strong
# decay of the weights costs accuracy, and with the strongest, all tumors are put into
# one class. With `hidden_alpha` up to 0.01, the accuracies differ by half a point,
# which is not significant.

shape = len(sparsity_weights), len(hidden_alphas)
# GridSearchCV varies the parameters in the order of their names: hidden_alpha last.
percent = 100 * search.cv_results_["mean_test_score"].reshape(shape)
best = np.unravel_index(percent.argmax(), shape)

figure, axis = plt.subplots(figsize=(6.5, 4.2), layout="constrained")
image = axis.imshow(percent, cmap="viridis", aspect="auto")
for i, j in np.ndindex(shape):
    is_light = image.norm(percent[i, j]) > 0.5
    text = axis.text(j, i, f"{percent[i, j]:.1f}", ha="center", va="center")
    text.set(color="black" if is_light else "white", fontsize=14)
frame = plt.Rectangle((best[1] - 0.47, best[0] - 0.46), 0.94, 0.92, fill=False)
frame.set(edgecolor="#D55E00", linewidth=3)
axis.add_patch(frame)
axis.set_xticks(range(shape[1]), [f"{value:g}" for value in hidden_alphas])
axis.set_yticks(range(shape[0]), [f"{value:g}" for value in sparsity_weights])
axis.set(xlabel="hidden_alpha", ylabel="autoencoder__sparsity_weight")
axis.set_title("Strong decay costs accuracy (in %)", fontsize=13)
axis.spines[:].set_visible(False)
axis.tick_params(length=0)
plt.show()

# %%
# Number of pretrained layers
# ---------------------------
# The cache contains a file for each trained layer. Each layer is trained once for each
# fold and `sparsity_weight`, and once more on all rows with the best parameters.

n_candidates = len(search.cv_results_["params"])
n_trained = len(list(Path(cache.name).rglob("output.pkl")))
n_needed = (n_candidates * N_FOLDS + 1) * len(LAYERS)
print(f"Layers needed in all fits: {n_needed}, layers in the cache: {n_trained}")
cache.cleanup()
