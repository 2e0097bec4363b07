"""X on a cluster: the models of X in memory, and what happens when workers are lost."""

import gc
import os
import signal
import time
from functools import partial

import joblib
import numpy as np
import pytest
from helpers import (
    ACTIVATION_NAMES,
    assert_same_weights,
    small_autoencoder,
    small_classifier,
)
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skstackedae import ReconstructionOutlierDetector, SparseAutoencoder
from skstackedae._network.activations import ACTIVATIONS
from skstackedae._network.kernels import moments
from skstackedae._network.layout import ParameterLayout
from skstackedae._network.losses import RECONSTRUCTION_LOSSES
from skstackedae._network.penalties import KLSparsity
from skstackedae._rows import cluster as on_cluster
from skstackedae._rows.blocks import RowsInBlocks
from skstackedae._rows.cluster import ChunkedArray, RowsOnCluster
from skstackedae._rows.noise import Corruption, DropoutMasks, Emphasis
from skstackedae._training.objectives import AutoencoderObjective, NetworkObjective

distributed = pytest.importorskip("distributed")
da = pytest.importorskip("dask.array")

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stopped after max_iter",
    "ignore:Most units of the",
    # Of Python and of distributed, when processes and their sockets end.
    "ignore:unclosed:ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)

small = partial(small_classifier, pretraining={"max_iter": 3}, max_iter=3)
OPTIONS = {"threads_per_worker": 1, "dashboard_address": ":0"}


@pytest.fixture(scope="module")
def shared_client():
    with (
        distributed.LocalCluster(n_workers=2, **OPTIONS) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def client(shared_client, monkeypatch):
    """A client of two workers, and data of several parts."""
    monkeypatch.setattr(on_cluster, "PART_BYTES", 110_000)
    # Nothing of the fits may stay on the cluster.
    yield shared_client
    assert_nothing_stays(shared_client)


def assert_nothing_stays(client):
    def n_tasks(dask_scheduler):
        return len(dask_scheduler.tasks)

    for _ in range(50):
        gc.collect()
        if client.run_on_scheduler(n_tasks) == 0:
            return
        time.sleep(0.1)
    raise AssertionError("keys of a fit are still on the cluster")


@pytest.fixture
def data(digits, rng):
    # In any order, and too many rows to be sorted.
    X, y = digits
    rows = rng.permutation(len(X))[:1_100]
    return X[rows], y[rows]


def chunked(array, size=100):
    return da.from_array(array, chunks=(size, *array.shape[1:]))


def test_features_are_standardized_where_they_are(client, data):
    X = 10 * data[0] + 5
    model = small_autoencoder(
        *(6,), decoder_activation="identity", max_iter=5, standardize=True
    )
    on_cluster = clone(model).fit(chunked(X))
    model.fit(X)
    assert_allclose(on_cluster.feature_scales_, model.feature_scales_)
    assert_allclose(on_cluster.score_samples(X), model.score_samples(X), rtol=1e-6)


def test_outlier_detector(client, data):
    X, _ = data
    detector = ReconstructionOutlierDetector(small_autoencoder(6, max_iter=5))
    on_cluster = clone(detector).fit(chunked(X))
    detector.fit(X)
    assert on_cluster.offset_ == pytest.approx(detector.offset_)
    labels = on_cluster.predict(chunked(X))
    assert isinstance(labels, da.Array)
    assert_array_equal(np.asarray(labels), detector.predict(X))


def test_missing_entries_are_refused(client, data):
    X = np.where(data[0] == 0, np.nan, data[0])
    with pytest.raises(ValueError, match="contains NaN"):
        small_autoencoder(6, missing_values=np.nan).fit(chunked(X))


def test_parts_are_consecutive_chunks():
    sizes = [3, 3, 0, 3, 9, 1]
    assert on_cluster._grouped(sizes, 6) == [[0, 1], [3], [4], [5]]
    assert on_cluster._grouped(sizes, 6, 8) == [[0, 1, 3], [4], [5]]


def test_a_huge_X_has_larger_parts(client, data, monkeypatch):
    X, _ = data
    monkeypatch.setattr(on_cluster, "MOST_PARTS", 2)
    assert ChunkedArray.from_dask(chunked(X)).sizes == (600, 500)


@pytest.mark.parametrize(
    ("values", "n_bytes"),
    [([-1, 127], 1), ([0, 128], 2), ([40_000], 4), ([2**40], 8), ([0.5], 8)],
)
def test_labels_are_sent_in_few_bytes(values, n_bytes):
    narrowed = on_cluster._narrowed(np.array(values))
    assert narrowed.itemsize == n_bytes
    assert_array_equal(narrowed, values)


def rows_on_cluster(client, X, y, w):
    return RowsOnCluster(ChunkedArray.from_dask(chunked(X)), y, w, X.dtype)


@pytest.mark.parametrize("noise", [None, "masking", "emphasis"])
@pytest.mark.parametrize("form", ["kept", "one pass"])
def test_autoencoder_objectives(form, noise, client, data, rng, monkeypatch):
    X, _ = data
    w = rng.rand(len(X))
    w /= w.sum()
    monkeypatch.setattr(RowsOnCluster, "can_keep", lambda rows, n: form == "kept")
    monkeypatch.setattr(RowsInBlocks, "can_keep", lambda rows, n: form == "kept")
    layout = ParameterLayout((64, 10, 64))
    theta = layout.initialize(rng)
    corruption = Corruption(0.3, 5) if noise else None
    emphasis = Emphasis(corruption, 0.3, 64, X.dtype) if noise == "emphasis" else None

    def objective(rows):
        return AutoencoderObjective(
            rows.cut_for(138).with_noise(corruption),
            layout,
            ACTIVATIONS["tanh"],
            RECONSTRUCTION_LOSSES["squared_error"](ACTIVATIONS["identity"]),
            alpha=0.01,
            mean_penalty=KLSparsity(0.2, 0.5),
            emphasis=emphasis,
        )

    rows = rows_on_cluster(client, X, None, w)
    assert len(rows.X.parts) > 4
    value, gradient = objective(rows).value_and_gradient(theta)
    expected = objective(RowsInBlocks(X, None, w, X.dtype)).value_and_gradient(theta)
    assert value == pytest.approx(expected[0], rel=1e-12)
    assert_allclose(gradient, expected[1], rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("activation", ACTIVATION_NAMES)
def test_network_objectives(activation, client, data, rng):
    X, y = data
    w = np.full(len(X), 1 / len(X))
    layout = ParameterLayout((64, 8, 6, 10))
    theta = layout.initialize(rng)

    def objective(rows):
        return NetworkObjective(
            rows.cut_for(88),
            layout,
            (ACTIVATIONS[activation],) * 2,
            alpha=0.01,
            hidden_alpha=0.002,
            dropout=DropoutMasks(0.3, 4, (8, 6)),
        )

    on_workers = objective(rows_on_cluster(client, X, y, w))
    in_memory = objective(RowsInBlocks(X, y, w, X.dtype))
    value, gradient = on_workers.value_and_gradient(theta)
    expected = in_memory.value_and_gradient(theta)
    assert value == pytest.approx(expected[0], rel=1e-12)
    assert_allclose(gradient, expected[1], rtol=1e-11, atol=1e-13)
    assert on_workers.accuracy(theta) == pytest.approx(in_memory.accuracy(theta))


def assert_close_weights(one, other):
    for part, expected in zip(one.coefs_, other.coefs_, strict=True):
        assert_allclose(part, expected, rtol=1e-9, atol=1e-10)


AUTOENCODERS = {
    "default": {},
    "noise": {"sparsity_weight": 0, "corruption": 0.3},
    "salt and pepper": {
        "corruption": 0.2,
        "corruption_kind": "salt_and_pepper",
        "emphasis": 0.5,
    },
    "validation rows, tied": {
        "loss": "log_loss",
        "tied_weights": True,
        "early_stopping": True,
    },
}


@pytest.mark.parametrize("options", AUTOENCODERS)
def test_autoencoders(options, client, data, global_random_seed):
    X, _ = data
    model = small_autoencoder(
        max_iter=5, random_state=global_random_seed, **AUTOENCODERS[options]
    )
    in_memory, on_workers = clone(model).fit(X), clone(model).fit(chunked(X))
    assert_close_weights(on_workers, in_memory)
    for method in ("transform", "score_samples"):
        lazy = getattr(on_workers, method)(chunked(X))
        assert isinstance(lazy, da.Array)
        expected = getattr(on_workers, method)(X)
        assert lazy.dtype == expected.dtype
        assert_allclose(lazy.compute(), expected, rtol=1e-12)
    H = on_workers.transform(chunked(X))
    assert_allclose(
        on_workers.inverse_transform(H).compute(),
        on_workers.inverse_transform(H.compute()),
        rtol=1e-12,
    )
    assert on_workers.score(chunked(X)) == pytest.approx(on_workers.score(X))
    found = on_workers.diagnose(chunked(X))
    for name, value in on_workers.diagnose(X).items():
        assert_allclose(found[name], value, rtol=1e-9)


CLASSIFIERS = {
    "default": {},
    "validation rows": {"early_stopping": True, "class_weight": "balanced"},
    "unlabeled rows": {"unlabeled_label": -1},
    "no hidden layer": {"hidden_layer_sizes": ()},
    "not fine-tuned": {"fine_tune": False, "pretrain": False},
}


@pytest.mark.parametrize("options", CLASSIFIERS)
def test_classifiers(options, client, data, global_random_seed):
    X, y = data
    if options == "unlabeled rows":
        y = np.where(np.arange(len(y)) % 3 == 0, -1, y)
    model = small(random_state=global_random_seed, **CLASSIFIERS[options])
    in_memory = clone(model).fit(X, y)
    on_workers = clone(model).fit(chunked(X), chunked(y))
    assert_close_weights(on_workers, in_memory)
    for method in ("predict", "predict_proba", "decision_function", "transform"):
        lazy = getattr(on_workers, method)(chunked(X))
        assert isinstance(lazy, da.Array)
        expected = getattr(on_workers, method)(X)
        assert_allclose(lazy.compute(), expected, rtol=1e-11)
    score = on_workers.score(chunked(X), chunked(y))
    assert score == pytest.approx(on_workers.score(X, y))


def test_weights_validation_rows_and_what_is_given_in_memory(client, data, rng):
    X, y = data
    w = rng.randint(3, size=len(X)).astype(float)
    part = slice(0, 300)
    given = {"X_val": X[part], "y_val": y[part], "sample_weight_val": w[part]}
    in_memory = small().fit(X, y, w, **given)
    given = {name: chunked(values) for name, values in given.items()}
    on_workers = small().fit(chunked(X), y, chunked(w), **given)
    assert_close_weights(on_workers, in_memory)
    weighted = on_workers.score(chunked(X), chunked(y), chunked(w))
    assert weighted == pytest.approx(on_workers.score(X, y, w))


def test_any_chunks_of_any_kind(client, data):
    X, y = data
    expected = small(pretrain=False).fit(chunked(X), y)
    wide = da.from_array(X, chunks=(100, 17))
    assert_same_weights(small(pretrain=False).fit(wide, y), expected)
    unknown = chunked(np.vstack([X, X]))
    unknown = unknown[da.from_array(np.arange(2 * len(X)) < len(X), chunks=100)]
    assert np.isnan(unknown.shape[0])
    assert_same_weights(small(pretrain=False).fit(unknown, y), expected)
    rows = chunked(X).map_blocks(sparse.csr_array)
    assert_close_weights(small(pretrain=False).fit(rows, y), expected)
    dataframe = pytest.importorskip("dask.dataframe")
    pandas_frame = pytest.importorskip("pandas").DataFrame(X).add_prefix("pixel")
    frame = dataframe.from_pandas(pandas_frame, npartitions=6)
    model = small(pretrain=False).fit(frame, dataframe.from_dask_array(chunked(y)))
    assert_close_weights(model, expected)
    assert model.feature_names_in_[0] == "pixel0"
    assert model.predict(frame).compute().shape == y.shape
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame[frame.columns[::-1]])
    # Without a warning of missing names; some rows have no label.
    model.set_params(unlabeled_label=-1)
    labels = np.where(np.arange(len(y)) % 3 == 0, -1, y)
    assert model.score(frame, labels) == pytest.approx(
        model.score(pandas_frame, labels)
    )
    objects = chunked(X.astype(object))
    assert_same_weights(small(pretrain=False).fit(objects, y), expected)


def test_many_parameters_raise_no_warning(client, rng):
    X = chunked(rng.rand(200, 1_000))
    autoencoder = small_autoencoder(1_500, max_iter=1, tied_weights=True)
    # More than the 10 MiB from which distributed warns of data.
    assert autoencoder.fit(X).coefs_[0].nbytes > 10 * 2**20


def test_fits_go_on_and_take_layers(client, data, tmp_path):
    X, y = data
    model = small(warm_start=True)
    in_memory = clone(model).fit(X, y).fit(X, y)
    assert_close_weights(clone(model).fit(X, y).fit(chunked(X), y), in_memory)
    lowest = FrozenEstimator(small_autoencoder(12, max_iter=5).fit(X))
    layers = [lowest, SparseAutoencoder(max_iter=5)]
    stack = small_classifier((12, 6), autoencoder=layers, max_iter=3)
    assert_close_weights(clone(stack).fit(chunked(X), y), clone(stack).fit(X, y))
    cached = small(memory=str(tmp_path))
    first, second = (clone(cached).fit(chunked(X), y) for _ in range(2))
    assert_same_weights(first, second)
    assert second.history_[0]["seconds"] == first.history_[0]["seconds"]


def test_first_step_of_a_pipeline(client, data):
    X, y = data
    pipeline = make_pipeline(small()).fit(chunked(X), y)
    assert isinstance(pipeline.predict(chunked(X)), da.Array)


def test_wrong_input_leaves_the_earlier_fit(client, data):
    X, y = data
    model = small().fit(X, y)
    before = [part.copy() for part in model.coefs_]
    bad = X.copy()
    bad[700, 3] = np.nan
    wrong = [
        (chunked(bad), y, "X contains NaN"),
        (chunked(X), y[1:], "inconsistent numbers of samples"),
        (chunked(y), y, "Expected 2D array"),
        (chunked(X + 1j), y, "Complex data not supported"),
        (da.ma.masked_array(chunked(X), mask=chunked(X) > 0.5), y, "masked"),
        (chunked(X[:0]), y[:0], r"0 sample\(s\)"),
        (chunked(X[:, :0]), y, r"0 feature\(s\)"),
    ]
    for X_bad, y_bad, message in wrong:
        with pytest.raises(ValueError, match=message):
            model.fit(X_bad, y_bad)
    with pytest.raises(ValueError, match="X contains NaN"):
        model.predict(chunked(bad)).compute()
    with pytest.raises(ValueError, match="60 features"):
        model.predict(chunked(X[:, :60]))
    with pytest.raises(ValueError, match="mini-batches"):
        model.set_params(solver="adam").fit(chunked(X), y)
    with pytest.raises(ValueError, match="mini-batches"):
        small_autoencoder(solver="adam").fit(chunked(X))
    for part, expected in zip(model.coefs_, before, strict=True):
        assert_array_equal(part, expected)


def test_no_array_and_no_frame(client, data):
    _, y = data
    bag = pytest.importorskip("dask.bag").from_sequence([1, 2])
    with pytest.raises(TypeError, match="X is a Bag"):
        small().fit(bag, y)


def test_errors_of_chunks_arrive(client, data):
    X, y = data

    def broken(block):
        raise TimeoutError("storage")

    rows = chunked((16 * X).astype("u1"))
    rows = rows.map_blocks(broken, dtype="u1", meta=np.zeros((0, 0), "u1"))
    with pytest.raises(TimeoutError, match="storage"):
        small().fit(rows, y)


def test_chunks_are_computed_once(client, data, tmp_path):
    X, y = data
    path = tmp_path / "reads"

    def read(block):
        with path.open("a") as file:
            file.write("x")
        return block

    rows = chunked(X).map_blocks(read, dtype=X.dtype, meta=np.zeros((0, 0)))
    model = small().fit(rows, y)
    assert len(path.read_text()) == rows.numblocks[0]
    lazy = model.predict(rows)
    assert len(path.read_text()) == rows.numblocks[0]
    lazy.compute()
    assert len(path.read_text()) == 2 * rows.numblocks[0]


def test_passes_are_refused(client, data):
    X, y = data
    model = small(solver="adam")
    with pytest.raises(ValueError, match="as arrays in memory"):
        model.partial_fit(chunked(X), y, classes=np.arange(10))
    autoencoder = small_autoencoder(solver="adam")
    with pytest.raises(ValueError, match="as arrays in memory"):
        autoencoder.partial_fit(chunked(X))


def test_rows_that_pass_through_no_layer(client, data):
    X, y = data
    model = small(hidden_layer_sizes=()).fit(chunked(X), y)
    assert_array_equal(model.transform(chunked(X)).compute(), X)
    bad = np.where(X > 0.9, np.nan, X)
    with pytest.raises(ValueError, match="NaN"):
        model.transform(chunked(bad)).compute()


@pytest.fixture
def in_process(monkeypatch):
    """A client whose workers are threads, with one place for a task."""
    monkeypatch.setattr(on_cluster, "PART_BYTES", 110_000)
    with (
        distributed.LocalCluster(n_workers=1, processes=False, **OPTIONS) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def test_selections_of_rows(in_process, data, rng):
    X, y = data
    w = rng.rand(len(X))
    rows = rows_on_cluster(in_process, X, y, w)
    few = np.array([1_000, 3, 700])
    in_memory = RowsInBlocks(X, y, w, X.dtype).batch(np.sort(few), 2)
    sums = rows.batch(few, 2).sum(moments, [])
    for found, expected in zip(sums, in_memory.sum(moments, []), strict=True):
        assert_allclose(found, expected)
    assert_array_equal(np.sort(rows.permutation(rng)), np.arange(len(X)))


def test_fits_in_one_process(in_process, data, tmp_path, monkeypatch):
    """All kinds of tasks, in a process where they can be watched."""
    X, y = data
    rows = chunked(X)
    # Shorter than a task, so that waiting goes on.
    monkeypatch.setattr(on_cluster, "PATIENCE", 1e-3)
    with pytest.raises(ValueError, match="NaN"):
        small().fit(chunked(np.where(X > 0.9, np.nan, X)), y)
    fitted = small().fit(X, y)
    with pytest.raises(ValueError, match="NaN"):
        fitted.predict(chunked(np.where(X > 0.9, np.nan, X))).compute()
    model = small(early_stopping=True, memory=str(tmp_path)).fit(rows, y)
    assert model.predict(rows).compute().shape == y.shape
    sparse_rows = rows.map_blocks(sparse.csr_array)
    sparse_model = small(memory=str(tmp_path / "sparse")).fit(sparse_rows, y)
    assert_close_weights(sparse_model, small().fit(X, y))


def test_a_fit_inside_a_task(in_process, data):
    X, y = data

    def fit_twice():
        return [small(pretrain=False).fit(chunked(X), y) for _ in range(2)]

    found = in_process.submit(fit_twice).result(timeout=60)
    assert_same_weights(*found)


@pytest.fixture(scope="module")
def search(digits):
    """A search, its rows, and what it finds in this process."""
    X, y = (array[:600] for array in digits)
    grid = {"alpha": [1e-4, 1e-2]}
    search = GridSearchCV(small(solver="lbfgs"), grid, cv=3, n_jobs=1)
    return clone(search).set_params(n_jobs=None), X, y, search.fit(X, y)


def assert_same_search(found, expected):
    for name in ("mean_test_score", "std_test_score"):
        assert_array_equal(found.cv_results_[name], expected.cv_results_[name])
    assert_same_weights(found.best_estimator_, expected.best_estimator_)


def test_a_search_whose_candidates_are_fitted_on_workers(shared_client, search):
    in_this_process, X, y, expected = search
    with joblib.parallel_config("dask"):
        assert_same_search(in_this_process.fit(X, y), expected)


def test_searches_of_dask_ml(shared_client, search):
    dask_ml = pytest.importorskip("dask_ml.model_selection")
    in_this_process, X, y, expected = search
    settings = in_this_process.get_params(deep=False)
    found = dask_ml.GridSearchCV(
        settings["estimator"], settings["param_grid"], cv=settings["cv"]
    )
    assert_same_search(found.fit(X, y), expected)
    # Chunks are joined: its folds are arrays in memory.
    assert_same_search(found.fit(chunked(X), chunked(y)), expected)


def test_incremental_learning_of_dask_ml(shared_client, data):
    wrappers = pytest.importorskip("dask_ml.wrappers")
    X, y = data
    model = small(solver="adam", pretrain=False, batch_size=50)
    incremental = wrappers.Incremental(clone(model), shuffle_blocks=False)
    incremental.fit(chunked(X), chunked(y), classes=range(10))
    for rows in np.split(np.arange(len(X)), len(X) // 100):
        model.partial_fit(X[rows], y[rows], classes=range(10))
    assert_same_weights(incremental.estimator_, model)
    assert incremental.predict(chunked(X)).compute().shape == y.shape


def test_no_workers(data, monkeypatch):
    X, y = data
    monkeypatch.setattr(on_cluster, "PATIENCE", 0.5)
    options = {"n_workers": 0, "processes": False, "dashboard_address": ":0"}
    with (
        distributed.LocalCluster(**options) as cluster,
        distributed.Client(cluster),
        pytest.raises(RuntimeError, match="has no workers"),
    ):
        small().fit(chunked(X), y)


def test_a_client_for_coroutines(data, monkeypatch):
    X, y = data

    class Client:
        asynchronous = True

    monkeypatch.setattr(distributed, "get_client", Client)
    with pytest.raises(ValueError, match="asynchronous"):
        small().fit(chunked(X), y)


def test_without_a_cluster(data, monkeypatch):
    X, y = data

    def no_client():
        raise ValueError("No clients found")

    monkeypatch.setattr(distributed, "get_client", no_client)
    with pytest.raises(ValueError, match="there is no cluster"):
        small().fit(chunked(X), y)

    def not_installed(name):
        raise ImportError(name)

    monkeypatch.setattr(on_cluster, "import_module", not_installed)
    with pytest.raises(ImportError, match="extra dask"):
        small().fit(chunked(X), y)


def fit_on(n_workers, model, X, y):
    with (
        distributed.LocalCluster(n_workers=n_workers, **OPTIONS) as cluster,
        distributed.Client(cluster),
    ):
        return clone(model).fit(chunked(X), y)


@pytest.mark.slow
def test_equal_chunks_give_equal_bits(client, data, monkeypatch):
    # With copies of the parameters where there are three workers.
    monkeypatch.setattr(on_cluster, "TREE_WIDTH", 2)
    X, y = data
    model = small(fine_tune=True)
    expected = clone(model).fit(chunked(X), y)
    for n_workers in (1, 3):
        assert_same_weights(fit_on(n_workers, model, X, y), expected)


def kill_a_worker(client, seconds):
    """Kill the process of a worker after some time; its nanny starts another."""
    pids = client.run(os.getpid)
    time.sleep(seconds)
    os.kill(next(iter(pids.values())), signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_worker_that_is_killed(client, data):
    from threading import Thread

    X, y = data
    model = small(pretraining={"max_iter": 30}, max_iter=30)
    expected = clone(model).fit(chunked(X), y)
    killer = Thread(target=kill_a_worker, args=(client, 1.0))
    killer.start()
    fitted = clone(model).fit(chunked(X), y)
    killer.join()
    assert_same_weights(fitted, expected)


@pytest.mark.slow
def test_all_workers_lost(data, monkeypatch):
    X, y = data
    monkeypatch.setattr(on_cluster, "PATIENCE", 0.5)
    model = small(max_iter=2_000, tol=0)
    with (
        distributed.LocalCluster(n_workers=1, processes=False, **OPTIONS) as cluster,
        distributed.Client(cluster) as client,
    ):
        loop = client.loop
        loop.call_later(2.0, cluster.scale, 0)
        with pytest.raises(RuntimeError, match="has no workers"):
            model.fit(chunked(X), y)
    assert not hasattr(model, "coefs_")


def test_an_interrupt_cancels_what_runs(client, data, monkeypatch):
    X, y = data

    def interrupted(rows, future):
        raise KeyboardInterrupt

    model = small()
    monkeypatch.setattr(RowsOnCluster, "_result", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.fit(chunked(X), y)
    assert not hasattr(model, "coefs_")
