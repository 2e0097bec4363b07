"""
=============================
Progress, scores and stopping
=============================

The callbacks of scikit-learn 1.9 and later follow every iteration of a fit. This
example needs this version and, for the progress bar, the package ``rich`` (``pip
install rich``).
"""

# %%
# A network to watch
# ------------------

import matplotlib.pyplot as plt
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
# A progress bar
# --------------
# The progress bar draws the fit, its stages and their iterations. A stage may end
# before `max_iter`.

classifier.set_callbacks(ProgressBar()).fit(X_train, y_train)

# %%
# A custom callback
# -----------------
# A callback has four methods. ``on_fit_task_end`` gets the arguments that it names.
# From softmax training on, `fitted_estimator` is a copy that predicts as if the fit had
# ended (before, it is None). If the method returns True after an iteration, the stage
# ends and the next stage begins. This callback ends a stage when 99.5 % of the training
# digits are classified correctly. It also records the accuracy on held-out digits.


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
# the training rows.

unstopped = [stage["n_iter"] for stage in classifier.history_]
held_out = StopWhenLearned(X_test, y_test)
training = ScoringMonitor(scoring="accuracy")
classifier.set_callbacks(held_out, training).fit(X_train, y_train)

for stage, before in zip(classifier.history_, unstopped, strict=True):
    title = stage["name"] + (f" {stage['layer']}" if stage["layer"] else "")
    print(f"{title:14} {stage['n_iter']:4} iterations, {before:4} without the callback")
print(f"Accuracy on held-out digits: {classifier.score(X_test, y_test):.3f}")

# %%
# The figure
# ----------
# The figure shows the accuracy after each iteration of softmax training and
# fine-tuning.

training_accuracy = [
    row["accuracy"]
    for row in training.get_logs().data
    if row["task_name"] == "iteration"
]
n_softmax = classifier.history_[-2]["n_iter"]

figure, axis = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
for label, accuracy, color in [
    ("training digits", training_accuracy, "#555555"),
    ("held-out digits", held_out.accuracy, "#0072B2"),
]:
    axis.plot(range(1, len(accuracy) + 1), accuracy, label=label, color=color)
axis.axvline(n_softmax + 0.5, color="0.6", linestyle="--", linewidth=1)
axis.axhline(held_out.enough, color="#D55E00", linestyle=":", label="enough")
axis.set(xlabel="iteration", ylabel="accuracy", ylim=(0.5, 1.02))
for x, name, side in [
    (n_softmax, "softmax", "right"),
    (n_softmax + 1, "fine-tuning", "left"),
]:
    axis.text(x, 0.52, f" {name} ", ha=side)
axis.legend(frameon=False, loc="center right")
axis.spines[["top", "right"]].set_visible(False)
plt.show()
