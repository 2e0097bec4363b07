"""
======================
Filling missing values
======================

With ``missing_values=np.nan``, an autoencoder learns from data with gaps, and `impute`
fills the gaps with reconstructions. This example compares it with three imputers of
scikit-learn. The figures show digits without half of their pixels, filled by each
method, and the errors for other fractions and for a table.
"""

# %%
# Digits with missing pixels
# --------------------------
# A fraction of the pixels is missing in all images, those for training and those for
# testing. The network sees the mean of the feature in place of a missing pixel, and the
# loss counts only observed pixels.
#
# To restore missing pixels, the network must do more than copy the observed pixels.
# Therefore ``corruption=0.4`` masks 40 % of the pixels during training: it sets them to
# 0. The images are centered first, so that the mean of each feature is 0 and masked
# pixels look like missing pixels. float32 makes training faster. The settings of all
# methods were chosen on validation rows that were split off the training rows.

import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skstackedae import SparseAutoencoder

FRACTIONS = [0.1, 0.3, 0.5]
settings = {
    "missing_values": np.nan,
    "activation": "relu",
    "decoder_activation": "identity",
    "sparsity_weight": 0,
    "emphasis": 0.3,
    "solver": "adam",
    "learning_rate": "linear",
    "learning_rate_init": 0.005,
    "batch_size": 100,
    "max_iter": 150,
    "n_iter_no_change": np.inf,
    "random_state": 0,
}
imputers = {
    "SimpleImputer": SimpleImputer(),
    "KNNImputer": KNNImputer(n_neighbors=8, weights="distance"),
    "IterativeImputer": IterativeImputer(max_iter=5, tol=0.01),
}
# More iterations take longer and are not better here.
warnings.filterwarnings("ignore", r"\[IterativeImputer\] Early stopping")


def remove(X, fraction, seed):
    """Return X without a fraction of its entries."""
    is_missing = np.random.default_rng(seed).random(X.shape) < fraction
    return np.where(is_missing, np.nan, X)


def fill(imputer, train, test):
    """Fit to rows with gaps, and fill the gaps of other rows."""
    if isinstance(imputer, SparseAutoencoder):
        return imputer.fit(train.astype("float32")).impute(test.astype("float32"))
    return imputer.fit(train).transform(test)


def compare(imputers, scaler, X_train, X_test, fraction):
    """Return the filled rows, the error and the seconds of each imputer."""
    train, test = remove(X_train, fraction, seed=0), remove(X_test, fraction, seed=1)
    train = scaler.fit_transform(train)
    # No method fills in values outside the range of the training rows.
    low, high = np.nanmin(train, axis=0), np.nanmax(train, axis=0)
    results = {}
    for name, imputer in imputers.items():
        start = time.perf_counter()
        filled = np.clip(fill(imputer, train, scaler.transform(test)), low, high)
        seconds = time.perf_counter() - start
        squares = (filled - scaler.transform(X_test))[np.isnan(test)] ** 2
        error = np.sqrt(squares.mean())
        results[name] = scaler.inverse_transform(filled), error, seconds
    return results


def print_errors(results):
    """Print a table of errors: a line for each imputer, a column for each fraction."""
    print("Missing entries   " + "".join(f"{fraction:7.0%}" for fraction in results))
    for name in results[FRACTIONS[0]]:
        errors = "".join(f"{of_all[name][1]:7.3f}" for of_all in results.values())
        seconds = sum(of_all[name][2] for of_all in results.values())
        print(f"{name:18}{errors}  {seconds:5.1f} s")


X, y = load_digits(return_X_y=True)
X_train, X_test, _, y_test = train_test_split(
    X / 16, y, test_size=0.3, stratify=y, random_state=0
)
imputers["SparseAutoencoder"] = SparseAutoencoder(
    1000, corruption=0.4, alpha=3e-4, **settings
)
centering = StandardScaler(with_std=False)
digits = {
    fraction: compare(imputers, centering, X_train, X_test, fraction)
    for fraction in FRACTIONS
}
print_errors(digits)

# %%
# The numbers are root mean squared errors of the missing pixels of test images, whose
# values are from 0 to 1, and the seconds for all three fractions.

# %%
# Digits without half of their pixels
# -----------------------------------

FRACTION = 0.5
one_of_each = [(y_test == digit).argmax() for digit in range(10)]
rows = {"test digits": X_test, "half missing": remove(X_test, FRACTION, seed=1)} | {
    f"{name}\n(error {error:.3f})": filled
    for name, (filled, error, _) in digits[FRACTION].items()
}
gray = plt.get_cmap("gray_r").with_extremes(bad="#F2C9A1")
figure, axes = plt.subplots(len(rows), 1, figsize=(8, 4.5), layout="constrained")
figure.get_layout_engine().set(h_pad=0.01, hspace=0.02)
for axis, (title, images) in zip(axes, rows.items(), strict=True):
    framed = np.pad(images[one_of_each].reshape(10, 8, 8), [(0, 0), (0, 0), (0, 2)])
    strip = framed.transpose(1, 0, 2).reshape(8, 100)[:, :-2]
    axis.imshow(strip, cmap=gray, vmin=0, vmax=1)
    axis.set_ylabel(title, rotation=0, ha="right", va="center")
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(False)
figure.suptitle("Half of the pixels are missing (orange); four methods fill them in")
plt.show()

# %%
# A table with almost linear relations
# ------------------------------------
# The table has 30 measurements of tumors, many of which are almost linear functions of
# others: radius and perimeter of the cells, for example. All methods get standardized
# columns, because ``KNNImputer`` needs them. (Without a scaler, ``standardize=True``
# trains the same autoencoder.) The errors are in units of the standard deviation of
# each column.

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test = train_test_split(X, test_size=0.3, stratify=y, random_state=0)
imputers["SparseAutoencoder"] = SparseAutoencoder(
    300, corruption=0.3, alpha=0.01, **settings
)
tumors = {
    fraction: compare(imputers, StandardScaler(), X_train, X_test, fraction)
    for fraction in FRACTIONS
}
print_errors(tumors)

# %%
# Which method for which data?
# ----------------------------
# For digits, the autoencoder has the smallest errors, but takes the most time. If 30 %
# of the pixels are missing, ``KNNImputer`` is almost as good in a fraction of the time.
# If half of them are missing, distances between images are less reliable, and its
# errors are larger.
#
# ``IterativeImputer`` predicts each column by a linear model of the other columns. For
# this table it has the smallest errors, and the autoencoder comes second. For tables,
# try ``IterativeImputer`` first.

COLORS = {
    "SimpleImputer": "#999999",
    "KNNImputer": "#E69F00",
    "IterativeImputer": "#D55E00",
    "SparseAutoencoder": "#0072B2",
}
figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
panels = {"Digits": digits, "Tumors (standardized columns)": tumors}
for axis, (title, results) in zip(axes, panels.items(), strict=True):
    for name, color in COLORS.items():
        errors = [results[fraction][name][1] for fraction in FRACTIONS]
        axis.plot(FRACTIONS, errors, "o-", color=color, label=name)
    axis.set(title=title, xlabel="fraction of missing entries", ylim=(0, None))
    axis.set_xticks(FRACTIONS, [f"{fraction:.0%}" for fraction in FRACTIONS])
    axis.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("root mean squared error")
figure.legend(
    *axes[0].get_legend_handles_labels(),
    loc="outside lower center",
    ncols=4,
    frameon=False,
)
plt.show()
