"""
======================================
Regression: the lower halves of digits
======================================

A regressor sees the upper half of a digit and predicts the 32 pixels of the lower half.
Only 200 of 1,257 training digits have a lower half. The targets of the other digits are
NaN, and :class:`~skstackedae.StackedAutoencoderRegressor` uses their upper halves for
pretraining. The first figure shows completed digits. The second figure shows when the
digits without targets help, and when they do not.
"""

# %%
# The data
# --------
# The 200 complete digits are drawn five times from the training digits. The 540 test
# digits are used only to measure errors.

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import rotate
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor

from skstackedae import StackedAutoencoderRegressor

N_COMPLETE, N_DRAWS = 200, 5
X, digits = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)
upper, lower = X[:, :32], X[:, 32:]
train, test = train_test_split(
    np.arange(len(X)), test_size=0.3, stratify=digits, random_state=0
)
draws = [
    np.random.default_rng(seed).permutation(train)[:N_COMPLETE]
    for seed in range(N_DRAWS)
]

# %%
# Five regressors
# ---------------
# The network has two layers of relu units, which learn to restore masked pixels
# (``autoencoder="denoising"``). Pixels are between 0 and 1, so the targets need no
# scaling.
#
# The settings of all models were chosen on other draws, by the error on the training
# digits that were not drawn. Both networks were limited to two layers of 200 units.

network = StackedAutoencoderRegressor(
    (200, 200),
    autoencoder="denoising",
    solver="adam",
    dropout=0.2,
    batch_size=50,
    learning_rate="linear",
    learning_rate_init=0.003,
    max_iter=100,
    random_state=0,
)
mlp = MLPRegressor(
    hidden_layer_sizes=(200, 200),
    alpha=0.3,
    batch_size=50,
    max_iter=1000,
    random_state=0,
)
models = {
    "Ridge": Ridge(alpha=3),
    "KNeighborsRegressor": KNeighborsRegressor(7, weights="distance"),
    "ExtraTreesRegressor": ExtraTreesRegressor(random_state=0),
    "MLPRegressor": mlp,
    "StackedAutoencoderRegressor": network,
}

# %%
# Errors on test digits
# ---------------------
# scikit-learn's models refuse NaN in y, so they are fitted only on the 200 digits.


def predict_test(model, X, y, uses_all=False):
    """Fit on each draw, or on all training digits; predict the test digits."""
    predicted = []
    for draw in draws:
        rows = np.append(draw, np.setdiff1d(train, draw)) if uses_all else draw
        targets = y[rows]
        targets[N_COMPLETE:] = np.nan
        predicted.append(clone(model).fit(X[rows], targets).predict(X[test]))
    return predicted


def errors_of(predicted, y):
    """Return the mean squared error of each draw."""
    return np.array([mean_squared_error(y[test], values) for values in predicted])


errors, completed = {}, {}
for name, model in models.items():
    predicted = predict_test(model, upper, lower, uses_all=model is network)
    errors[name] = errors_of(predicted, lower)
    completed[name] = np.hstack([upper[test], predicted[0]])
    print(f"{name:27} {errors[name].mean():.4f} ± {errors[name].std():.4f}")

# %%
# The network has the smallest error, but its lead is small: about 4 % before
# :class:`~sklearn.neural_network.MLPRegressor` and
# :class:`~sklearn.ensemble.ExtraTreesRegressor`. In the figure, predicted pixels are
# blue.

one_of_each = [(digits[test] == digit).argmax() for digit in range(10)]


def strip(images, colors):
    """Return a picture of one digit of each class, the lower halves in colors."""
    margins = (0, 0), (0, 0), (1, 1)
    images = images[one_of_each].reshape(10, 8, 8)
    # Colormaps leave NaN transparent.
    images = np.pad(images, margins, constant_values=np.nan)
    above, below = np.split(np.hstack(images), 2)
    return np.vstack([plt.get_cmap("gray_r")(above), plt.get_cmap(colors)(below)])


strips = {"test digits": strip(X[test], "gray_r")} | {
    f"{name}\n(error {errors[name].mean():.4f})": strip(images, "Blues")
    for name, images in completed.items()
}
figure, axes = plt.subplots(6, 1, figsize=(8, 3.8), layout="constrained")
for axis, (title, picture) in zip(axes, strips.items(), strict=True):
    axis.imshow(picture)
    axis.set_ylabel(title, rotation=0, ha="right", va="center")
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(False)
plt.show()

# %%
# When pretraining helps
# ----------------------
# A second task has the same draws. The digits are turned by up to 45°; a regressor sees
# all 64 pixels and predicts the angle. The unit of the angle is 45°, so the targets are
# of order 1. All models keep the settings that were chosen for the lower halves.
#
# In both tasks, the same network is fitted in three ways: not pretrained, pretrained on
# the 200 digits with targets, and pretrained on all training digits.

turns = np.random.default_rng(0).uniform(-1, 1, len(X)).astype(np.float32)
turned = np.zeros_like(X)
for row, image in enumerate(X.reshape(-1, 8, 8)):
    turned[row] = rotate(image, 45 * turns[row], reshape=False, order=1).ravel()

ways = {
    "ExtraTreesRegressor": (models["ExtraTreesRegressor"], False),
    "not pretrained": (clone(network).set_params(pretrain=False), False),
    "pretrained on 200": (network, False),
    "pretrained on 1,257": (network, True),
}
of_halves, of_angles = {}, {}
for way, (model, uses_all) in ways.items():
    of_halves[way] = errors_of(predict_test(model, upper, lower, uses_all), lower)
    squared = errors_of(predict_test(model, turned, turns, uses_all), turns)
    of_angles[way] = 45 * np.sqrt(squared)
    half, angle = of_halves[way].mean(), of_angles[way].mean()
    print(f"{way:20} lower half {half:.4f}, angle {angle:.1f}°")

# %%
# *Lower halves.* Pretraining hardly matters: it lowers the error by 1 to 2 %, and draws
# differ more than that. The network leads because of its dropout. With ``dropout=0``,
# its error is 0.050, larger than the errors of the trees and of the nearest neighbors.
#
# *Angles.* Pretraining lowers the error in every draw. Half of the gain comes from the
# digits without targets. The trees still have the smallest error: unlabeled rows can
# make the network better, but not always better than another model.
#
# Each dot of the figure is a draw, each line a mean.

panels = (
    (of_halves, "mean squared error of lower halves", "{:.4f}"),
    (of_angles, "root mean squared error of angles", "{:.1f}°"),
)
figure, axes = plt.subplots(1, 2, figsize=(9, 3), sharey=True, layout="constrained")
for axis, (errors_of_ways, label, number) in zip(axes, panels, strict=True):
    for position, (way, values) in enumerate(reversed(errors_of_ways.items())):
        color = "#555555" if way == "ExtraTreesRegressor" else "#0072B2"
        axis.plot(values, np.full(N_DRAWS, position), "o", color=color, alpha=0.5)
        mean = values.mean()
        axis.plot([mean, mean], position + np.array([-0.3, 0.3]), color=color)
        text = number.format(mean)
        axis.text(mean, position + 0.34, text, ha="center", color=color)
    axis.set_xlabel(label)
    axis.spines[["top", "right"]].set_visible(False)
axes[0].set_yticks(range(len(ways)), reversed(ways))
axes[0].set_ylim(-0.5, len(ways) - 0.2)
plt.show()
