"""
===============================
Progress, scores and stopping
===============================

From scikit-learn 1.9 on, callbacks see every iteration of a fit. This example needs that
version and, for the progress bar, the package ``rich`` (``pip install rich``).
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
# It draws the fit, its stages and their iterations. A stage may end before `max_iter`.

classifier.set_callbacks(ProgressBar()).fit(X_train, y_train)

# %%
# A callback of one's own
# -----------------------
# Four methods make a callback. ``on_fit_task_end`` may ask for `fitted_estimator`: from
# softmax training on, a copy that predicts as the fit would if it ended there. If the
# method returns True, the stage ends and the next one begins. This one ends fine-tuning
# once nearly all training digits are right, and notes how held-out digits fare.
