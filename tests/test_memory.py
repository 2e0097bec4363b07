"""Pretraining from the cache."""

import warnings
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pytest
from helpers import small_classifier
from numpy.testing import assert_array_equal
from sklearn.model_selection import GridSearchCV

from skstackedae import SparseAutoencoder
from skstackedae._training import pretraining

# Layers after so few iterations are no good ones.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Stopped after max_iter", "ignore:Most units of the"
)


small = partial(small_classifier, pretraining={"max_iter": 15}, max_iter=5)


@pytest.fixture
def data(few_digits):
    return few_digits[0][:150], few_digits[1][:150]


@pytest.fixture
def trained(monkeypatch):
    """Layers that were trained, not taken from a cache."""
    numbers = []
    train = pretraining.train_autoencoder

    def counted(rows, settings, stage, *rest, **options):
        numbers.append(stage.layer)
        return train(rows, settings, stage, *rest, **options)

    monkeypatch.setattr(pretraining, "train_autoencoder", counted)
    return numbers


@pytest.mark.parametrize("kind", [str, Path, joblib.Memory])
def test_memory_may_be_a_path_or_a_cache(
    kind, data, tmp_path, trained, global_random_seed
):
    where = {"str": str(tmp_path), "Path": tmp_path}.get(kind.__name__)
    memory = where or joblib.Memory(tmp_path, verbose=0)
    first = small(memory=memory, random_state=global_random_seed).fit(*data)
    assert trained == [1, 2]
    second = small(memory=memory, random_state=global_random_seed).fit(*data)
    assert trained == [1, 2]
    plain = small(random_state=global_random_seed).fit(*data)
    for model in (first, second):
        for part, expected in zip(model.coefs_, plain.coefs_, strict=True):
            assert_array_equal(part, expected)
        for mine, other in zip(model.autoencoders_, plain.autoencoders_, strict=True):
            assert mine.get_params() == other.get_params()
            assert vars(mine).keys() == vars(other).keys()
            assert_array_equal(mine.mean_activations_, other.mean_activations_)
            assert mine.loss_curve_ == other.loss_curve_
    names = [(stage["name"], stage["layer"]) for stage in second.history_]
    assert names == [(stage["name"], stage["layer"]) for stage in plain.history_]


def test_a_search_pretrains_once_a_fold(data, tmp_path, trained):
    settings = {"alpha": [1e-4, 1e-3, 1e-2], "hidden_alpha": [None, 0.0]}
    search = GridSearchCV(small(memory=str(tmp_path)), settings, cv=3).fit(*data)
    # Two layers in each of three folds, and on all rows in the end.
    assert sorted(trained) == [1] * 4 + [2] * 4
    del trained[:]
    without = GridSearchCV(small(), settings, cv=3).fit(*data)
    assert len(trained) == 2 * (6 * 3 + 1)
    assert_array_equal(
        search.cv_results_["mean_test_score"], without.cv_results_["mean_test_score"]
    )


@pytest.mark.parametrize(
    ("changes", "layers"),
    [
        ({"alpha": 0.1, "max_iter": 3, "fine_tune": False}, []),
        ({"n_jobs": 2, "verbose": 1}, []),
        ({"class_weight": "balanced", "solver": "adam"}, []),
        ({"hidden_layer_sizes": (10, 7)}, [2]),
        ({"autoencoder": SparseAutoencoder(max_iter=15, alpha=1e-3)}, [1, 2]),
        ({"random_state": 1}, [1, 2]),
        (
            {
                "autoencoder": [
                    SparseAutoencoder(max_iter=15),
                    SparseAutoencoder(max_iter=16),
                ]
            },
            [2],
        ),
    ],
)
def test_the_key_is_what_a_layer_depends_on(changes, layers, data, tmp_path, trained):
    # All by Adam: with lbfgs alone rows are brought into canonical form before.
    settings = {"memory": str(tmp_path), "solver": "adam"}
    small(**settings).fit(*data)
    del trained[:]
    small(**settings | changes).fit(*data)
    assert trained == layers


def test_rows_and_weights_are_in_the_key(data, tmp_path, trained):
    X, y = data
    model = small(memory=str(tmp_path))
    model.fit(X, y)
    model.fit(X[:-1], y[:-1])
    model.fit(X, y, np.linspace(1, 2, len(y)))
    model.fit(X.astype(np.float32), y)
    assert trained == [1, 2] * 4


def test_no_seed_finds_nothing_and_an_instance_what_its_state_draws(
    data, tmp_path, trained, global_random_seed
):
    for _ in range(2):
        small(memory=str(tmp_path), random_state=None).fit(*data)
    assert trained == [1, 2] * 2
    del trained[:]
    for _ in range(2):
        random_state = np.random.RandomState(global_random_seed)
        small(memory=str(tmp_path), random_state=random_state).fit(*data)
    assert trained == [1, 2]


def test_a_damaged_cache_is_computed_anew_with_a_warning(
    data, tmp_path, trained, caplog
):
    model = small(memory=str(tmp_path)).fit(*data)
    for path in tmp_path.rglob("output.pkl"):
        path.write_bytes(b"damaged")
    with caplog.at_level("WARNING"):
        again = small(memory=str(tmp_path)).fit(*data)
    # joblib warns through Python's logging.
    assert caplog.text.count("Exception while loading results for _train_uncached") == 2
    assert trained == [1, 2] * 2
    assert_array_equal(again.coefs_[0], model.coefs_[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for message in ("Stopped after max_iter", "Most units of the", "Persisting"):
            warnings.filterwarnings("ignore", message)
        small(memory=str(tmp_path)).fit(*data)
    assert trained == [1, 2] * 2


def test_a_cached_layer_takes_its_threads_and_lines_from_the_classifier(data, tmp_path):
    small(memory=str(tmp_path), n_jobs=1).fit(*data)
    model = small(memory=str(tmp_path), n_jobs=2).fit(*data)
    assert [layer.n_jobs for layer in model.autoencoders_] == [2, 2]


def test_a_cached_layer_is_told_of_and_is_in_memory(data, tmp_path, capsys):
    memory = joblib.Memory(tmp_path, mmap_mode="r", verbose=0)
    small(memory=memory).fit(*data)
    model = small(memory=memory, verbose=1).fit(*data)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "[pretraining of layer 1] taken from the cache"
    for layer in model.autoencoders_:
        arrays = [*layer.coefs_, *layer.intercepts_, layer.mean_activations_]
        assert {type(array) for array in arrays} == {np.ndarray}


def test_wrong_memory_is_an_error(data):
    with pytest.raises(ValueError, match="'memory' parameter"):
        small(memory=3).fit(*data)
