"""Fuzzing: random settings on random small data, in search of what must not happen.

    python tests/fuzz.py SECONDS SEED       try cases until the seconds are over
    python tests/fuzz.py --case N SEED      try case N alone

A fit and all public methods after it may raise a ValueError of this package or of
scikit-learn, and nothing else. A refused fit leaves the model as it was. No fitted
attribute and no output is nan or infinite, and a call warns a few times at most. A case
is a run of hypothesis over some examples; an example that fails is shrunk and printed,
with the line that repeats its case. The exit code is then 1.
"""

import argparse
import inspect
import itertools
import math
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import scipy.sparse as sp
import sklearn
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, is_regressor
from strategies import AUTOENCODER, prototypes, sparse_autoencoders, stacked_classifiers

import skstackedae
from skstackedae import (
    ReconstructionOutlierDetector,
    StackedAutoencoder,
    StackedAutoencoderRegressor,
)

EXAMPLES = 50
MAX_WARNINGS = 5

# Wider than what agrees: contradictions, steps that diverge, decay that forbids all.
WILD = {
    "alpha": st.sampled_from([1e-4, 0, 1, 1e10, 1e300]),
    "learning_rate_init": st.sampled_from([1e-3, 1, 1e3, 1e12, 1e300]),
    "early_stopping": st.sampled_from([False, False, False, True]),
    "validation_fraction": st.floats(0.01, 0.99),
    "max_iter": st.integers(1, 15),
    "n_jobs": st.sampled_from([None, 1, 2]),
    "warm_start": st.booleans(),
}
WILD_AUTOENCODER = WILD | {
    name: AUTOENCODER[name]
    for name in ("activation", "decoder_activation", "loss", "sparsity_weight")
}
ONE_PROTOTYPE = (
    prototypes() | prototypes(**WILD) | sparse_autoencoders(**WILD_AUTOENCODER)
)
SIZES = st.integers(1, 5)
CLASSIFIERS = stacked_classifiers(
    autoencoder=st.none() | ONE_PROTOTYPE | st.lists(ONE_PROTOTYPE, max_size=2),
    hidden_layer_sizes=SIZES | st.lists(SIZES, max_size=2) | st.just(()),
    corruption=st.sampled_from([0, 0.5, 0.99]),
    class_weight=st.sampled_from([None, "balanced", {0: 0.0, 1: 2.0}]),
    unlabeled_label=st.sampled_from([None, -1, "?"]),
    **WILD,
)
AUTOENCODERS = sparse_autoencoders(**WILD) | sparse_autoencoders(**WILD_AUTOENCODER)
STACK = WILD | {
    "hidden_layer_sizes": SIZES | st.lists(SIZES, max_size=2) | st.just(()),
    "autoencoder": st.none() | ONE_PROTOTYPE | st.lists(ONE_PROTOTYPE, max_size=2),
    "solver": st.sampled_from(["lbfgs", "adam"]),
    "pretrain": st.booleans(),
    "fine_tune": st.booleans(),
}
STACKS = st.sampled_from([StackedAutoencoder, StackedAutoencoderRegressor])
OTHERS = st.fixed_dictionaries(STACK).flatmap(
    lambda settings: STACKS.map(lambda stack: stack(**settings))
)
DETECTORS = st.builds(
    ReconstructionOutlierDetector,
    st.none() | AUTOENCODERS,
    contamination=st.sampled_from(["auto", 0.5, 0.01]),
)

#: What X comes as; the number is what its entries are multiplied by.
FORMATS: dict[str, tuple[Callable[[np.ndarray], Any], float]] = {
    "float64": (lambda X: X, 1),
    "float32": (np.float32, 1),
    "float16": (np.float16, 1),
    "uint8": (np.uint8, 9),
    "int64": (np.int64, 9),
    "bool": (lambda X: X > 0.5, 1),
    "list": (np.ndarray.tolist, 1),
    "Fortran": (np.asfortranarray, 1),
    "every other": (lambda X: np.repeat(X, 2, axis=1)[:, ::2], 1),
    "csr_matrix": (sp.csr_matrix, 1),
    "csc_array": (lambda X: sp.csc_array(np.float32(X)), 1),
    "coo_array": (lambda X: sp.coo_array(np.int8(X)), 9),
    "pandas": (lambda X: pd.DataFrame(X).add_prefix("x"), 1),
    "polars": (lambda X: pl.DataFrame(np.float32(X)), 1),
}


METHODS = (
    "transform",
    "score_samples",
    "reconstruction_errors",
    "diagnose",
    "impute",
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
)


@dataclass
class Example:
    """A model, data, and which methods to call with them."""

    model: BaseEstimator
    fits: list[str]
    X: Any
    y: Any
    sample_weight: Any
    validates: bool


@st.composite
def examples(draw: Any) -> Example:
    """Draw settings, data of any format, and one or two calls that fit."""
    n_rows = draw(st.integers(10, 30) | st.integers(1, 9))
    n_features = draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_values = draw(st.sampled_from([2**20, 2, 1]))
    X = rng.integers(0, n_values, (n_rows, n_features), endpoint=True) / n_values
    # Zeros, as sparse data have them, constant columns, values outside of [0, 1].
    X *= rng.random(X.shape) < draw(st.sampled_from([1, 0.5, 0]))
    make, scale = FORMATS[draw(st.sampled_from(list(FORMATS)))]
    if scale == 1:
        scale = draw(st.sampled_from([1, 1, 1, -1, 1e3]))
    y = rng.permutation(np.arange(n_rows) % draw(st.sampled_from([2, 3, 4, 1])))
    forms = [y, y > 0, y.astype(str), y - 1, y.tolist(), y * 1.0, y * 0.5]
    y = draw(st.sampled_from(forms))
    weights = st.sampled_from([np.ones, rng.random, lambda n: rng.integers(0, 2, n)])
    w = draw(st.none() | weights.map(lambda draw_weights: draw_weights(n_rows)))
    fits = st.lists(st.sampled_from(["fit", "partial_fit"]), min_size=1, max_size=2)
    model = draw(AUTOENCODERS | CLASSIFIERS | OTHERS | DETECTORS)
    return Example(model, draw(fits), make(X * scale), y, w, draw(st.booleans()))


def check(example: Example, counts: Counter[str]) -> None:
    """Fit as the example says, then call all other methods."""
    model, X, y, w = example.model, example.X, example.y, example.sample_weight
    for name in example.fits:
        if not hasattr(model, name):
            continue
        options = {"sample_weight": w}
        taken = inspect.signature(getattr(model, name)).parameters
        more = {"classes": np.unique(y)}
        if example.validates:
            more |= {"X_val": X, "y_val": y}
        options |= {key: value for key, value in more.items() if key in taken}
        before = dict(vars(model))
        accepted, found = allowed(getattr(model, name), X, y, **options)
        counts[f"{name} {'accepted' if accepted else 'refused'}"] += 1
        if not accepted:
            assert 10 < len(found) < 2_000, found
            after = vars(model)
            assert before.keys() == after.keys()
            assert all(after[key] is value for key, value in before.items())
    if hasattr(model, "n_features_in_"):
        check_finite(type(model).__name__, model)
        check_other_methods(model, X, y, w)


def check_other_methods(model: Any, X: Any, y: Any, w: Any) -> None:
    """Call what does not fit."""
    for name in METHODS:
        if not hasattr(model, name):
            continue
        accepted, found = allowed(getattr(model, name), X)
        assert accepted, f"{name} refused what was fitted"
        check_finite(name, found)
        if name == "transform" and hasattr(model, "inverse_transform"):
            accepted, back = allowed(model.inverse_transform, found)
            assert accepted
            assert back.shape[1] == model.n_features_in_
            check_finite("inverse_transform", back)
    # It may be refused, where no row has both a label and a weight.
    n_counted = len(y) if w is None else np.count_nonzero(w)
    # As everywhere in scikit-learn, R squared of one row is NaN.
    if hasattr(model, "score") and not (is_regressor(model) and n_counted < 2):
        check_finite("score", allowed(model.score, X, y, w))


def check_finite(name: str, value: Any) -> None:
    """Look at all numbers in attributes, lists, dicts and nested estimators."""
    match value:
        case float() | np.floating():
            assert np.isfinite(value), f"{name} is {value}"
        case np.ndarray() if value.dtype.kind == "f":
            assert np.isfinite(value).all(), f"{name} is {value}"
        case dict():
            for key, part in value.items():
                check_finite(f"{name}.{key}", part)
        case list() | tuple():
            for position, part in enumerate(value):
                check_finite(f"{name}[{position}]", part)
        case BaseEstimator():
            check_finite(name, fitted_attributes(value))
        case _ if sp.issparse(value):
            check_finite(name, value.data)


def fitted_attributes(model: Any) -> dict[str, Any]:
    """Return what a fit has set; parameters may be infinite."""
    parameters = model.get_params(deep=False)
    fitted = {
        name: part for name, part in vars(model).items() if name not in parameters
    }
    if fitted.get("n_iter_") == 0:
        # So far partial_fit has seen no labels, or no iteration was possible.
        del fitted["loss_"]
    return fitted


def allowed(call: Callable[..., Any], *args: Any, **options: Any) -> tuple[bool, Any]:
    """Call; return whether that was accepted, and the result or the error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = True, call(*args, **options)
        except ValueError as error:
            *_, last = traceback.extract_tb(error.__traceback__)
            homes = [Path(p.__file__).parent for p in (skstackedae, sklearn)]
            if not any(Path(last.filename).is_relative_to(home) for home in homes):
                raise
            result = False, str(error)
    messages = [f"{w.category.__name__}: {w.message}" for w in caught]
    assert len(messages) <= MAX_WARNINGS, messages
    assert all(issubclass(w.category, UserWarning) for w in caught), messages
    return result


def run_case(number: int, seed_of_all: int, counts: Counter[str]) -> bool:
    """Try the examples of a case; print what fails."""

    @seed(1_000_000 * seed_of_all + number)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(examples())
    def run(example: Example) -> None:
        check(example, counts)

    try:
        run()
    except Exception:
        print(f"\n== python tests/fuzz.py --case {number} {seed_of_all}", flush=True)
        traceback.print_exc(file=sys.stdout)
        return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("seconds", type=float, nargs="?")
    parser.add_argument("seed", type=int)
    parser.add_argument("--case", type=int, metavar="N", help="only this case")
    options = parser.parse_args()
    if (options.seconds is None) == (options.case is None):
        parser.error("pass SECONDS, or --case N")
    counts: Counter[str] = Counter()
    numbers, end = itertools.count(), time.monotonic() + (options.seconds or math.inf)
    if options.case is not None:
        numbers = iter([options.case])
    passed = []
    for number in numbers:
        passed.append(run_case(number, options.seed, counts))
        if time.monotonic() > end:
            break
    print(f"{len(passed)} cases, {passed.count(False)} failed; {dict(counts)}")
    return int(not all(passed))


if __name__ == "__main__":
    sys.exit(main())
