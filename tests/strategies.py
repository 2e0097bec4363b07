"""Hypothesis strategies: estimators whose settings agree, and small data for them.

================================  ==================================================
``sparse_autoencoders(**fixed)``  unfitted `SparseAutoencoder`
``stacked_classifiers(**fixed)``  unfitted `StackedAutoencoderClassifier`
``prototypes(**fixed)``           `SparseAutoencoder` for all layers of a classifier
``data_sets(...)``                a `DataSet`: rows in [0, 1], codes of classes, weights
================================  ==================================================

Fits take milliseconds: few rows and units, few iterations. `fixed` gives parameters as
values or as strategies; the others are drawn, except those that only change speed or
output::

    sparse_autoencoders(solver="adam", n_jobs=st.integers(1, 3))

Drawn settings agree with each other and with data in [0, 1]: an unbounded activation
comes without sparsity penalty, 'log_loss' with a logistic decoder. Early stopping is
off unless it is fixed, because it refuses data with too few rows.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier

BOUNDED = ("logistic", "tanh")

#: Parameters of both estimators.
TRAINING = {
    "alpha": st.sampled_from([1e-4, 0.0, 1e-2, 1.0]),
    "corruption": st.sampled_from([0.0, 0.3]),
    "solver": st.sampled_from(["lbfgs", "adam"]),
    "max_iter": st.integers(1, 8),
    "tol": st.sampled_from([1e-2, 0.0, 0.5]),
    "n_iter_no_change": st.sampled_from([1, 3, np.inf]),
    "batch_size": st.just("auto") | st.integers(1, 50),
    "learning_rate": st.sampled_from(["constant", "linear"]),
    "learning_rate_init": st.sampled_from([1e-3, 1e-2, 1e-1]),
    "shuffle": st.booleans(),
    "random_state": st.integers(0, 2**31 - 1),
}
AUTOENCODER = TRAINING | {
    "n_components": st.integers(1, 6),
    "activation": st.sampled_from([*BOUNDED, "relu", "identity"]),
    "decoder_activation": st.sampled_from([*BOUNDED, "relu", "identity"]),
    "loss": st.sampled_from(["squared_error", "log_loss"]),
    "sparsity": st.sampled_from(["kl", "kl", "l1", "top_k"]),
    "sparsity_target": st.sampled_from([0.1, 0.01, 0.5, 0.9, 1]),
    "idle_weight": st.sampled_from([0.0, 0.0, 0.1]),
    "sparsity_weight": st.sampled_from([3.0, 0.0, 0.1]),
    "tied_weights": st.booleans(),
    "standardize": st.booleans(),
    "missing_values": st.sampled_from([None, np.nan]),
}
CLASSIFIER = TRAINING | {
    "hidden_layer_sizes": st.lists(st.integers(1, 6), max_size=2).map(tuple),
    "pretrain": st.booleans(),
    "fine_tune": st.booleans(),
    "hidden_alpha": st.sampled_from([None, 0.0, 1e-2]),
    "class_weight": st.sampled_from([None, "balanced"]),
}


def sparse_autoencoders(**fixed: Any) -> st.SearchStrategy[SparseAutoencoder]:
    """Draw unfitted autoencoders."""
    return _settings(AUTOENCODER, fixed).map(
        lambda settings: SparseAutoencoder(**_agreeing(settings, fixed))
    )


def stacked_classifiers(
    **fixed: Any,
) -> st.SearchStrategy[StackedAutoencoderClassifier]:
    """Draw unfitted classifiers; `autoencoder` is one of `prototypes` unless fixed."""
    return _settings(CLASSIFIER | {"autoencoder": prototypes()}, fixed).map(
        lambda settings: StackedAutoencoderClassifier(**settings)
    )


def prototypes(**fixed: Any) -> st.SearchStrategy[SparseAutoencoder]:
    """Draw autoencoders that can train every layer of a stack."""
    # Log-loss above the first layer needs the units below to be in [0, 1].
    return sparse_autoencoders(**{"loss": "squared_error"} | fixed) | (
        sparse_autoencoders(**{"loss": "log_loss", "activation": "logistic"} | fixed)
    )


@dataclass(frozen=True)
class DataSet:
    """Rows, codes of their classes (each occurs), and positive integers as weights."""

    X: np.ndarray
    y: np.ndarray
    weights: np.ndarray


@st.composite
def data_sets(
    draw: Any,
    *,
    max_rows: int = 30,
    dtypes: Any = (np.float64, np.float32),
    distinct: bool = False,
) -> DataSet:
    """Draw small data; rows are often equal to others unless they must be distinct.

    hypothesis draws the shape and a seed, and numpy the entries, because single entries
    are slow to draw and shrinking them explains little.
    """
    n_classes = draw(st.integers(2, 4))
    n_rows = draw(st.integers(n_classes, max_rows))
    n_features = draw(st.integers(1, 6))
    n_values = draw(st.sampled_from([2**20] if distinct else [2**20, 3, 1]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    X = rng.integers(0, n_values, (n_rows, n_features), endpoint=True) / n_values
    y = rng.permutation(np.arange(n_rows) % n_classes)
    weights = rng.integers(1, 4, n_rows).astype(float)
    return DataSet(X.astype(draw(st.sampled_from(dtypes))), y, weights)


def _settings(
    drawn: dict[str, st.SearchStrategy[Any]], fixed: dict[str, Any]
) -> st.SearchStrategy[dict[str, Any]]:
    given = {
        name: value if isinstance(value, st.SearchStrategy) else st.just(value)
        for name, value in fixed.items()
    }
    return st.fixed_dictionaries(drawn | given)


def _agreeing(settings: dict[str, Any], fixed: dict[str, Any]) -> dict[str, Any]:
    """Change what is not fixed, so that it agrees with the rest."""
    mended = {}
    if settings["activation"] not in BOUNDED and settings["sparsity"] == "kl":
        mended["sparsity_weight"] = 0.0
    if settings["loss"] == "log_loss":
        mended["decoder_activation"] = "logistic"
    if settings["sparsity_target"] == 1:
        mended["sparsity"] = "top_k"
    agreeing = settings | mended | {name: settings[name] for name in fixed}
    if agreeing["decoder_activation"] != "identity":
        agreeing["standardize"] = False
    if agreeing["solver"] != "adam":
        agreeing["idle_weight"] = 0.0
    return agreeing
