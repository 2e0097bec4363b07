"""
=============================
Progress, scores and stopping
=============================

The callbacks of scikit-learn 1.9 and later follow every iteration of a fit. Here one
callback ends fine-tuning as soon as nearly all training digits are learned. This
example needs this version of scikit-learn and, for the progress bar, the package
``rich`` (``pip install rich``).
"""

# %%
# A network to watch
# ------------------

import matplotlib.pyplot as plt
import numpy as np
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, test_size=0.3, stratify=y, random_state=0
)
classifier = StackedAutoencoderClassifier(
    (64, 32),
    autoencoder=SparseAutoencoder(alpha=1e-3, sparsity_weight=0.1),
    alpha=1e-3,
    hidden_alpha=1e-4,
    random_state=0,
)

# %%
# A custom callback
# -----------------
# A callback has four methods. ``on_fit_task_end`` receives the arguments that its
# signature names. From softmax training on, `fitted_estimator` is a copy that predicts
# as if the fit had ended (before that, it is None). If the method returns True after an
# iteration, the stage ends and the next stage begins. This callback ends a stage when
# 99.5 % of the training digits are classified correctly. It also records the accuracy
# on held-out digits.


class StopWhenLearned:
    """Ends a stage when nearly all training rows are classified correctly."""

    def __init__(self, X_held_out, y_held_out, enough=0.995):
        self.X_held_out, self.y_held_out, self.enough = X_held_out, y_held_out, enough
        self.accuracy = []

    def setup(self, estimator, context):
        """Forget earlier accuracies."""
        self.accuracy.clear()

    def teardown(self, estimator, context):
        """Do nothing."""

    def on_fit_task_begin(self, estimator, context):
        """Do nothing."""

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
        """Record the held-out accuracy; tell whether the stage may end."""
        if context.task_name != "iteration" or fitted_estimator is None:
            return False
        score = fitted_estimator.score(self.X_held_out, self.y_held_out)
        self.accuracy.append(score)
        return fitted_estimator.score(X, y) >= self.enough


# %%
# A fit can have several callbacks. scikit-learn's ``ScoringMonitor`` records scores on
# the training rows. The first fit is not stopped, because its limit is infinite.

held_out = StopWhenLearned(X_test, y_test, enough=np.inf)
training = ScoringMonitor(scoring="accuracy")
classifier.set_callbacks(held_out, training).fit(X_train, y_train)
unstopped = [stage["n_iter"] for stage in classifier.history_]

stopping = StopWhenLearned(X_test, y_test)
classifier.set_callbacks(stopping).fit(X_train, y_train)

for stage, before in zip(classifier.history_, unstopped, strict=True):
    title = stage["name"] + (f" {stage['layer']}" if stage["layer"] else "")
    print(f"{title:14} {stage['n_iter']:4} iterations, {before:4} without stopping")
print(f"Accuracy on held-out digits: {stopping.accuracy[-1]:.3f}")
print(f"without stopping:            {held_out.accuracy[-1]:.3f}")

# %%
# The figure shows the accuracy after each iteration of fine-tuning, without stopping,
# and where the callback stopped it.

training_accuracy = [
    row["accuracy"]
    for row in training.get_logs().data
    if row["task_name"] == "iteration"
]
n_softmax, n_stopped = (stage["n_iter"] for stage in classifier.history_[-2:])

figure, axis = plt.subplots(figsize=(6.5, 4.2), layout="constrained")
for label, accuracy, color, below in [
    ("training digits", training_accuracy, "#555555", 0.5),
    ("held-out digits", held_out.accuracy, "#0072B2", -1.0),
]:
    percent = 100 * np.array(accuracy[n_softmax:])
    iterations = np.arange(1, len(percent) + 1)
    axis.plot(iterations, percent, color=color, linewidth=2)
    place = iterations[-1], percent[-1] + below
    axis.text(*place, label, color=color, fontsize=12, ha="right")
axis.axvline(n_stopped, color="#D55E00", linestyle="--")
axis.text(
    n_stopped + 1,
    91,
    f"The callback stops here:\n{stopping.enough:.1%} of the training\n"
    "digits are correct",
    color="#D55E00",
    fontsize=12,
)
axis.set(xlabel="iteration of fine-tuning", ylabel="accuracy in %", ylim=(89, 101))
axis.set_title(f"Stopped after {n_stopped} of {len(percent)} iterations", fontsize=13)
axis.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# A progress bar
# --------------
# The progress bar draws the fit, its stages and their iterations. A stage may end
# before `max_iter`.

classifier.set_callbacks(ProgressBar()).fit(X_train, y_train)
