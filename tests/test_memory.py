"""Pretraining from the cache."""

import errno
import os
import warnings
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pytest
from helpers import assert_same_weights, small_classifier
from joblib._store_backends import FileSystemStoreBackend
from numpy.testing import assert_array_equal
from sklearn.model_selection import GridSearchCV

from skstackedae import SparseAutoencoder
from skstackedae._training import layer_cache

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
    train = layer_cache.train_autoencoder

    def counted(rows, settings, stage, *rest, **options):
        numbers.append(stage.layer)
        return train(rows, settings, stage, *rest, **options)

    monkeypatch.setattr(layer_cache, "train_autoencoder", counted)
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
    assert caplog.text.count("Exception while loading results for _train(") == 2
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


# Caches that do not work --------------------------------------------------------------


def assert_fits_without_cache(model, data, reason):
    with pytest.warns(UserWarning, match="cache of `memory` does not") as warned:
        model.fit(*data)
    told = [str(w.message) for w in warned if "without it" in str(w.message)]
    assert len(told) == 1
    assert reason in told[0]
    assert_same_weights(model, small().fit(*data))


@pytest.mark.parametrize("content", [{"foreign": 1}, (), None])
def test_a_foreign_object_in_the_cache(content, data, tmp_path):
    small(memory=str(tmp_path)).fit(*data)
    for path in tmp_path.rglob("output.pkl"):
        joblib.dump(content, path)
    reason = f"it holds a {type(content).__name__}"
    assert_fits_without_cache(small(memory=str(tmp_path)), data, reason)


def test_a_file_in_place_of_the_folder(data, tmp_path):
    (tmp_path / "file").write_text("")
    model = small(memory=tmp_path / "file")
    assert_fits_without_cache(model, data, "Not a directory")


@pytest.mark.parametrize("trains_before", [False, True])
def test_a_cache_that_fails_in_mid_fit(trains_before, data, trained):
    class Fails:
        location = None

        def cache(self, function, ignore):
            def call(*args, **options):
                if trains_before:
                    function(*args, **options)
                raise OSError("the disk is gone")

            return call

    assert_fits_without_cache(small(memory=Fails()), data, "the disk is gone")
    # Twice by this fit and twice by the one to compare with.
    assert trained == [1, 2, 1, 2]


@pytest.mark.parametrize("allowed", [0, 1, 2])
def test_a_full_disk(allowed, data, tmp_path, monkeypatch, trained):
    writes = []

    def full(path, mode):
        writes.append(path)
        if len(writes) > allowed:
            raise OSError(errno.ENOSPC, "No space left on device")
        return open(path, mode)

    monkeypatch.setattr(FileSystemStoreBackend, "_open_item", staticmethod(full))
    model = small(memory=str(tmp_path))
    with pytest.warns(Warning, match="No space left on device"):
        model.fit(*data)
    # Each layer once, although what was trained could not be stored.
    assert trained == [1, 2]
    assert_same_weights(model, small().fit(*data))


def test_errors_of_training_are_no_errors_of_the_cache(data, tmp_path, monkeypatch):
    error = OSError("from a callback")
    calls = []

    def fails(*args, **options):
        calls.append(args)
        raise error

    monkeypatch.setattr(layer_cache, "train_autoencoder", fails)
    with pytest.raises(OSError, match="from a callback") as raised:
        small(memory=str(tmp_path)).fit(*data)
    assert raised.value is error
    assert len(calls) == 1


def test_an_empty_path_is_an_error(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="memory='' is not a folder"):
        small(memory="").fit(*data)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
@pytest.mark.parametrize("mode", [0o700, 0o755, 0o777, 0o1777, 0o775])
def test_a_folder_that_others_can_write_to_warns(mode, data, tmp_path, monkeypatch):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(mode)
    monkeypatch.setattr(layer_cache, "_is_private_group", lambda folder: False)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        small(memory=tmp_path / "cache").fit(*data)
    told = sum("Other users can write" in str(w.message) for w in warned)
    assert told == (mode not in (0o700, 0o755))


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_the_folder_of_the_pickles_counts_too(data, tmp_path):
    (tmp_path / "joblib").mkdir()
    (tmp_path / "joblib").chmod(0o777)
    with pytest.warns(UserWarning, match="Other users can write"):
        small(memory=tmp_path).fit(*data)


@pytest.mark.skipif(os.name != "posix", reason="owners of POSIX")
def test_the_groups_and_owners_of_folders(data, tmp_path, monkeypatch):
    pwd = pytest.importorskip("pwd")
    (tmp_path / "cache").mkdir()
    # A group with the user's name, as many systems make one for each user.
    (tmp_path / "cache").chmod(0o775)
    name = pwd.getpwuid(os.getuid()).pw_name
    monkeypatch.setattr("grp.getgrgid", lambda gid: (name, "x", gid, []))
    small(memory=tmp_path / "cache").fit(*data)
    monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
    if os.getuid() == 0:
        monkeypatch.setattr("os.stat", foreign_stat(os.stat, tmp_path / "cache"))
    with pytest.warns(UserWarning, match="Other users can write"):
        small(memory=tmp_path / "cache").fit(*data)


def foreign_stat(stat, folder):
    """A folder of another user; root may be its owner in tests."""

    def changed(path, **options):
        found = stat(path, **options)
        if os.fspath(path) != str(folder):
            return found
        return os.stat_result((*found[:4], 12345, *found[5:]))

    return changed


def test_memory_may_be_anything_that_caches(data):
    class Memory:
        def cache(self, function, ignore):
            return function

    assert_same_weights(small(memory=Memory()).fit(*data), small().fit(*data))
