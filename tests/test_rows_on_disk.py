"""X on disk: the models of X in memory, which is never read as a whole."""

import os
import pickle
import tempfile
import tracemalloc
from functools import partial

import numpy as np
import pytest
from helpers import SOLVERS, assert_same_weights, small_autoencoder, small_classifier
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skstackedae import RowsOnDisk, SparseAutoencoder
from skstackedae._rows import blocks, files, stored
from skstackedae._training import layer_cache

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stopped after max_iter", "ignore:Most units of the"
)

small = partial(small_classifier, pretraining={"max_iter": 5}, max_iter=4)

# Results of rows on disk that are equal up to rounding, and no more, to those in
# memory: with a penalty, one pass over the rows takes the place of two.
ONE_PASS = {"working_memory": 0}


class Watched:
    """An array of slices that remembers how many rows were read at once."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.most = 0

    def __getitem__(self, key):
        rows = self.array[key]
        self.most = max(self.most, len(rows))
        return rows


@pytest.fixture(autouse=True)
def small_sizes(monkeypatch):
    """Data of a few kilobytes stay on disk, and have several blocks."""
    monkeypatch.setattr(stored, "CHUNK_BYTES", 2_000)
    monkeypatch.setattr(stored, "BUFFER_BYTES", 16 * 2_000)
    monkeypatch.setattr(files, "GAP_BYTES", 100)
    monkeypatch.setattr(blocks, "MIN_BLOCK_ROWS", 100)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 20_000)


@pytest.fixture
def pixels(digits):
    """Digits as integers, and their labels."""
    X, y = digits
    return (16 * X[:1_200]).astype(np.uint8), y[:1_200]


def scaled(block):
    """What the tests do to a block; a function of a module, so that it pickles."""
    return block / 16


def memmap_of(array, folder, order="C"):
    path = folder / "X.bin"
    path.write_bytes(array.tobytes(order))
    return np.memmap(path, array.dtype, mode="r", shape=array.shape, order=order)


def outputs(model, X):
    names = "transform", "score_samples", "predict_proba", "predict_log_proba"
    return {name: getattr(model, name)(X) for name in names if hasattr(model, name)}


MODELS = {
    "autoencoder": partial(small_autoencoder, max_iter=6),
    "no penalty": partial(
        small_autoencoder, max_iter=6, sparsity_weight=0, corruption=0.3
    ),
    "salt and pepper": partial(
        small_autoencoder, max_iter=6, corruption=0.2, corruption_kind="salt_and_pepper"
    ),
    "validation rows": partial(small_autoencoder, max_iter=6, early_stopping=True),
    "classifier": small,
    "classifier, validation rows": partial(small, early_stopping=True),
    "no hidden layer": partial(small, hidden_layer_sizes=()),
    "class weights": partial(small, class_weight="balanced", fine_tune=False),
}


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", MODELS)
def test_models_are_those_of_rows_in_memory(name, solver, pixels, global_random_seed):
    pixels, y = pixels
    # In the order of the file, because batches of the same rows are compared.
    batches = {"solver": solver, "shuffle": False, "batch_size": 100}
    model = MODELS[name](random_state=global_random_seed, **batches)
    if "autoencoder__solver" in model.get_params():
        model.autoencoder.set_params(**batches)
    watched = Watched(pixels)
    X = scaled(pixels.astype(np.float32))
    on_disk = RowsOnDisk(watched, transform=scaled)
    with config_context(**ONE_PASS):
        in_memory = clone(model).fit(X, y)
        model.fit(on_disk, y)
        assert_same_weights(model, in_memory)
        assert model.score(on_disk, y) == pytest.approx(in_memory.score(X, y))
        assert watched.most < len(pixels) / 2
        for method, expected in outputs(in_memory, X).items():
            assert_array_equal(outputs(model, on_disk)[method], expected)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["uint8", "float32", ">f4", "float64", "int64"])
def test_memmaps_of_any_type_give_the_models_of_arrays(
    dtype, order, solver, pixels, tmp_path, global_random_seed
):
    pixels, y = pixels
    X = pixels.astype(dtype)
    settings = {"solver": solver, "random_state": global_random_seed}
    pretraining = {**settings, "max_iter": 4, "decoder_activation": "identity"}
    model = small_classifier(pretraining=pretraining, max_iter=4, **settings)
    in_memory = clone(model).fit(X, y)
    on_disk = memmap_of(X, tmp_path, order)
    model.fit(on_disk, y)
    assert_same_weights(model, in_memory)
    for name, expected in outputs(in_memory, X).items():
        assert_array_equal(outputs(model, on_disk)[name], expected)


@pytest.mark.filterwarnings("ignore:The input of the pretraining")
def test_a_memmap_is_no_more_read_than_rows_on_disk(tmp_path, pixels, monkeypatch):
    """Fits of all kinds, and the most rows that any of them has read at once."""
    pixels, y = pixels
    read, most = stored.read_rows, []

    def watched(array, positions):
        most.append(len(positions))
        return read(array, positions)

    monkeypatch.setattr(stored, "read_rows", watched)
    X = memmap_of(pixels, tmp_path, "F")
    partly = np.where(np.arange(len(y)) % 3 == 0, y, -1)
    weights = np.arange(len(y)) % 5
    adam = {"solver": "adam", "pretraining": {"solver": "adam", "max_iter": 2}}
    identity = small_autoencoder(decoder_activation="identity", max_iter=3)
    identity.fit(X, sample_weight=weights).diagnose(X)
    identity.score(X, sample_weight=weights)
    identity.set_params(early_stopping=True, warm_start=True).fit(X)
    small(unlabeled_label=-1).fit(X, partly, sample_weight=weights)
    model = small(
        unlabeled_label=-1, pseudo_label_weight=1.0, early_stopping=True, **adam
    ).fit(X, partly)
    model.score(X, partly)
    small(**adam).partial_fit(X, y, classes=np.unique(y)).partial_fit(X, y)
    assert 0 < max(most) < len(y) / 2


def test_shuffled_mini_batches_learn_as_well(pixels, global_random_seed):
    pixels, y = pixels
    settings = {
        "solver": "adam",
        "pretrain": False,
        "max_iter": 30,
        "batch_size": 100,
        "tol": 0,
        "learning_rate_init": 0.01,
        "random_state": global_random_seed,
    }
    X = RowsOnDisk(pixels, transform=scaled)
    model = small_classifier((30,), **settings).fit(X[:900], y[:900])
    in_memory = small_classifier((30,), **settings).fit(np.asarray(X[:900]), y[:900])
    # Another order of the rows: another model, as good.
    assert not np.array_equal(model.coefs_[0], in_memory.coefs_[0])
    assert model.score(X[900:], y[900:]) > in_memory.score(X[900:], y[900:]) - 0.05


def test_results_up_to_rounding_with_a_penalty(pixels):
    pixels, _ = pixels
    X = RowsOnDisk(pixels, dtype="float64", transform=scaled)
    settings = {"max_iter": 5, "tol": 0}
    model = small_autoencoder(**settings).fit(X)
    in_memory = small_autoencoder(**settings).fit(np.asarray(X))
    for part, expected in zip(model.coefs_, in_memory.coefs_, strict=True):
        assert_allclose(part, expected, rtol=1e-9, atol=1e-12)


def test_searches_and_cross_validation(pixels, global_random_seed):
    pixels, y = pixels
    watched = Watched(pixels)
    X = RowsOnDisk(watched, transform=scaled)
    model = small(random_state=global_random_seed)
    with config_context(**ONE_PASS):
        scores = cross_val_score(model, X, y, cv=3)
        in_memory = scaled(pixels.astype(np.float32))
        expected = cross_val_score(model, in_memory, y, cv=3)
    assert_array_equal(scores, expected)
    assert watched.most < len(pixels)
    pipeline = make_pipeline(model)
    search = GridSearchCV(
        pipeline, {"stackedautoencoderclassifier__alpha": [1e-4, 1e-2]}, cv=2, n_jobs=2
    ).fit(RowsOnDisk(pixels, transform=scaled), y)
    assert search.predict(X).shape == y.shape


def test_first_step_of_a_pipeline(pixels):
    pixels, y = pixels
    X = RowsOnDisk(pixels, transform=MinMaxScaler().fit(pixels).transform)
    features = small_autoencoder(30, max_iter=10, sparsity_weight=0)
    pipeline = make_pipeline(features, small(hidden_layer_sizes=(), max_iter=50))
    assert pipeline.fit(X, y).score(X, y) > 0.8


def test_memory_knows_the_content(pixels, tmp_path, monkeypatch):
    pixels, y = pixels
    trained = []
    train = layer_cache.train_autoencoder

    def counted(rows, settings, stage, *rest, **options):
        trained.append(stage.layer)
        return train(rows, settings, stage, *rest, **options)

    monkeypatch.setattr(layer_cache, "train_autoencoder", counted)
    model = small(memory=str(tmp_path / "cache"))
    first = clone(model).fit(RowsOnDisk(pixels, transform=scaled), y)
    assert trained == [1, 2]
    again = pickle.loads(pickle.dumps(RowsOnDisk(pixels, transform=scaled)))
    assert_same_weights(clone(model).fit(again, y), first)
    assert trained == [1, 2]
    clone(model).fit(RowsOnDisk(pixels, transform=lambda block: block / 20), y)
    assert trained == [1, 2, 1, 2]


def test_wrong_rows_leave_the_earlier_fit(pixels):
    pixels, y = pixels
    X = RowsOnDisk(pixels, transform=scaled)
    model = small().fit(X, y)
    before = pickle.dumps(model.coefs_)
    bad = pixels.astype(float)
    bad[1_100, 3] = np.nan
    wrong = [
        (RowsOnDisk(bad), y, "X contains NaN, infinity or a value too large"),
        (RowsOnDisk(pixels[:, 1:]), y[:-1], "inconsistent numbers of samples"),
        (X, np.where(y == 3, np.nan, y), "contains NaN"),
        (X[:0], y[:0], "0 sample"),
        (X, np.column_stack([y, y]), "1d array"),
    ]
    for X_bad, y_bad, message in wrong:
        with pytest.raises(ValueError, match=message):
            model.fit(X_bad, y_bad)
    with pytest.raises(ValueError, match="63 features"):
        model.predict(RowsOnDisk(pixels[:, 1:]))
    with pytest.raises(ValueError, match="X contains NaN"):
        model.predict(RowsOnDisk(bad))
    with config_context(assume_finite=True):
        assert model.predict(RowsOnDisk(bad)).shape == y.shape
    assert pickle.dumps(model.coefs_) == before


def test_decoding_features_on_disk(pixels):
    pixels, y = pixels
    X = RowsOnDisk(pixels, transform=scaled)
    model = small_autoencoder(max_iter=3).fit(X)
    H = model.transform(X)
    assert_array_equal(
        model.inverse_transform(RowsOnDisk(H, dtype=H.dtype)),
        model.inverse_transform(H),
    )
    flat = small(hidden_layer_sizes=()).fit(X, y)
    assert_array_equal(flat.transform(X), np.asarray(X))
    assert_array_equal(flat.inverse_transform(X), np.asarray(X))


def test_activations_between_layers_are_a_file_without_a_name(
    pixels, tmp_path, monkeypatch
):
    pixels, y = pixels
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    written, write = [], stored.write_rows

    def watched(blocks, shape, *options):
        written.append(shape)
        rows = write(blocks, shape, *options)
        if os.name == "posix":
            assert not list(tmp_path.iterdir())
        return rows

    monkeypatch.setattr("skstackedae._rows.blocks.write_rows", watched)
    small((20, 16)).fit(RowsOnDisk(pixels, transform=scaled), y)
    # The input of the second layer, and of the softmax layer.
    assert written == [(1_200, 20), (1_200, 16)]


def test_an_interrupt_leaves_no_file(pixels, tmp_path, monkeypatch):
    pixels, y = pixels
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    model = small()

    def interrupted(block):
        if list(calls) == [1] * 60:
            raise KeyboardInterrupt
        calls.append(1)
        return scaled(block)

    calls = []
    with pytest.raises(KeyboardInterrupt):
        model.fit(RowsOnDisk(pixels, transform=interrupted), y)
    assert not hasattr(model, "coefs_")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["memmap", "rows on disk"])
def test_fits_without_all_rows_in_memory(kind, tmp_path, monkeypatch, rng):
    """12 MB of bytes, which are 48 MB in float32."""
    monkeypatch.undo()
    shape = (200_000, 60)
    path = tmp_path / "X.bin"
    rng.randint(0, 2, size=shape, dtype=np.uint8).tofile(path)
    X = np.memmap(path, np.uint8, mode="r", shape=shape)
    if kind == "rows on disk":
        X = RowsOnDisk(X)
    model = SparseAutoencoder(5, max_iter=2, random_state=0)
    tracemalloc.start()
    try:
        model.fit(X)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 30e6


@pytest.mark.filterwarnings("ignore:The input of the pretraining")
def test_files_of_another_precision_than_the_fit(pixels, tmp_path):
    pixels, y = pixels
    X = scaled(pixels.astype(float))
    other = RowsOnDisk(memmap_of(X.astype(np.float32), tmp_path))
    model = small(fine_tune=False, hidden_layer_sizes=(40,))
    on_disk = clone(model).fit(X, y, X_val=other, y_val=y)
    in_memory = clone(model).fit(X, y, X_val=np.asarray(other), y_val=y)
    assert_same_weights(on_disk, in_memory)
    adam = clone(model).set_params(solver="adam", shuffle=False)
    passes = [
        clone(adam).partial_fit(X, y, classes=np.arange(10)).partial_fit(rows, y)
        for rows in (other, np.asarray(other))
    ]
    assert_same_weights(*passes)


def test_nothing_is_remembered_of_a_file(pixels, tmp_path):
    pixels, _ = pixels
    path = tmp_path / "X.bin"
    pixels.astype(np.float32).tofile(path)
    array = np.memmap(path, np.float32, mode="r+", shape=pixels.shape)
    X = RowsOnDisk(array, transform=scaled)
    model = small_autoencoder(solver="adam", max_iter=2, batch_size=100).fit(X)
    assert not X._stored._chunks
    array[:] = 16 - array
    fresh = RowsOnDisk(array, transform=scaled)
    assert_same_weights(clone(model).fit(X), clone(model).fit(fresh))
    array[3, 3] = np.nan
    with pytest.raises(ValueError, match="X contains NaN"):
        model.transform(X)


def test_large_mini_batches_are_not_gathered(pixels, monkeypatch):
    pixels, _ = pixels
    X = RowsOnDisk(pixels, transform=scaled)
    settings = {"solver": "adam", "max_iter": 2, "batch_size": 600, "shuffle": False}
    monkeypatch.setattr(stored.StoredRows, "gather", None)
    model = small_autoencoder(**settings).fit(X)
    in_memory = small_autoencoder(**settings).fit(np.asarray(X))
    assert_same_weights(model, in_memory)


def test_weights_and_labels_of_rows_on_disk(pixels):
    pixels, y = pixels
    X = RowsOnDisk(pixels, transform=scaled)
    y = np.where(np.arange(len(y)) % 2, y, -1)
    w = (np.arange(len(y)) % 3).tolist()
    model = small(unlabeled_label=-1).fit(X, y, sample_weight=w)
    expected = model.score(np.asarray(X), y, w)
    assert model.score(X, y, w) == pytest.approx(expected)
