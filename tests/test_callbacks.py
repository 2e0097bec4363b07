"""Callbacks: the tree of a fit's tasks, as scikit-learn's callbacks see it."""

from functools import partial

import numpy as np
import pytest
from helpers import SOLVERS, assert_same_weights, small_autoencoder, small_classifier
from numpy.testing import assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skstackedae import SparseAutoencoder
from skstackedae._training.callbacks import Iterations, Task

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stopped after max_iter", "ignore:Most units of the"
)


small = partial(small_classifier, pretraining={"max_iter": 3}, max_iter=4)


@pytest.fixture
def data(few_digits):
    return few_digits[0][:100], few_digits[1][:100]


@pytest.fixture
def callback_package():
    return pytest.importorskip("sklearn.callback")


class Recorder:
    """Writes down what it is called with; stops where it is told to."""

    def __init__(self, stop_at=None):
        self.calls, self.stop_at = [], stop_at
        self.models = []

    def setup(self, estimator, context):
        self.calls.append("setup")

    def teardown(self, estimator, context):
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.calls.append(("begin", *self.path(context)))

    def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator):
        path = self.path(context)
        self.calls.append(("end", *path))
        self.models.append((path, fitted_estimator))
        self.seen = X, y, metadata
        return path == self.stop_at

    @staticmethod
    def path(context):
        names = []
        while context is not None:
            name = context.task_name
            names.append(f"{name} {context.task_id}" if name == "iteration" else name)
            context = context.parent
        return tuple(names[::-1])

    def ended(self, *path):
        """Count the iterations of a task that were ended."""
        return sum(
            call[: len(path) + 1] == ("end", *path) and len(call) == len(path) + 2
            for call in self.calls
        )


def test_tree_of_the_classifier(data, callback_package):
    recorder = Recorder()
    model = small().set_callbacks(recorder).fit(*data)
    assert recorder.calls[0] == "setup"
    assert recorder.calls[-1] == "teardown"
    stages = [call[2] for call in recorder.calls[1:-1] if len(call) == 3]
    names = [
        "pretraining of layer 1",
        "pretraining of layer 2",
        "softmax",
        "fine-tuning",
    ]
    assert stages == [name for name in names for _ in "ab"]
    for name, record in zip(names, model.history_, strict=True):
        assert recorder.ended("fit", name) == record["n_iter"]
    # Every task that begins ends, and the innermost first.
    open_tasks = []
    for what, *path in recorder.calls[1:-1]:
        if what == "begin":
            open_tasks.append(path)
        else:
            assert open_tasks.pop() == path
    assert not open_tasks
    assert recorder.seen[0] is data[0]
    assert recorder.seen[1] is data[1]


def test_tree_of_the_autoencoder(data, callback_package):
    recorder = Recorder()
    model = small_autoencoder(5, max_iter=6)
    w = np.linspace(1, 2, 100)
    model.set_callbacks(recorder).fit(data[0], sample_weight=w)
    assert recorder.ended("fit") == model.n_iter_ == 6
    assert recorder.seen[1] is None
    assert recorder.seen[2] == {"sample_weight": w}


@pytest.mark.parametrize("solver", SOLVERS)
def test_intermediate_models_predict_as_if_fit_had_stopped(
    solver, data, callback_package, global_random_seed
):
    X, y = data
    recorder = Recorder()
    model = (
        small(solver=solver, fine_tune=False, random_state=global_random_seed)
        .set_callbacks(recorder)
        .fit(X, y)
    )
    snapshots = {path: found for path, found in recorder.models if found is not None}
    # There is no classifier before the softmax stage.
    assert {path[1] for path in snapshots if len(path) > 1} == {"softmax"}
    for n_iter in (1, 4):
        stopped = small(
            solver=solver,
            fine_tune=False,
            max_iter=n_iter,
            random_state=global_random_seed,
        ).fit(X, y)
        snapshot = snapshots["fit", "softmax", f"iteration {n_iter - 1}"]
        assert_array_equal(snapshot.predict_proba(X), stopped.predict_proba(X))
    assert_array_equal(snapshots[("fit",)].predict_proba(X), model.predict_proba(X))


def test_scoring_monitor_scores_intermediate_models(data, callback_package):
    X, y = data
    monitor = callback_package.ScoringMonitor(scoring="accuracy")
    model = small(max_iter=5).set_callbacks(monitor).fit(X, y)
    log = monitor.get_logs().data
    by_stage = [
        entry["accuracy"] for entry in log if entry["task_name"] == "fine-tuning"
    ]
    assert by_stage == [model.score(X, y)]
    iterations = [entry for entry in log if entry["task_name"] == "iteration"]
    assert len(iterations) == 2 * 5
    # scikit-learn's monitor scores only where there is a y.
    scoring = {"reconstruction": lambda estimator, X, y: estimator.score(X)}
    monitor = callback_package.ScoringMonitor(scoring=scoring)
    autoencoder = small_autoencoder(5, max_iter=4)
    autoencoder.set_callbacks(monitor).fit(X, y)
    scores = [entry["reconstruction"] for entry in monitor.get_logs().data]
    assert len(scores) == 4 + 1
    assert autoencoder.score(X) in scores


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("stage", ["pretraining of layer 1", "softmax", "fine-tuning"])
def test_a_callback_ends_a_stage_without_a_warning(
    solver, stage, data, callback_package, recwarn
):
    recorder = Recorder(stop_at=("fit", stage, "iteration 1"))
    # Only the stage that is stopped has not enough iterations.
    model = small(
        solver=solver, tol=1e9, n_iter_no_change=1 if "pre" in stage else 3, max_iter=9
    )
    model.autoencoder.set_params(solver=solver, max_iter=9)
    model.set_callbacks(recorder).fit(*data)
    (record,) = (
        r
        for r in model.history_
        if stage in (r["name"], f"pretraining of layer {r['layer']}")
    )
    assert record["n_iter"] == 2
    assert record["converged"]
    assert not [w for w in recwarn if issubclass(w.category, ConvergenceWarning)]
    # The next stages run.
    assert len(model.history_) == 4


def test_a_stage_that_converges_has_no_iteration_too_many(data, callback_package):
    recorder = Recorder()
    settings = {"tol": 0.5, "n_iter_no_change": 2, "max_iter": 100}
    model = small(autoencoder=SparseAutoencoder(**settings), **settings)
    model.set_callbacks(recorder).fit(*data)
    for record in model.history_:
        name = record["name"]
        if record["layer"] is not None:
            name += f" of layer {record['layer']}"
        assert record["converged"]
        # L-BFGS may try a step that it gives up in the end.
        assert 0 <= recorder.ended("fit", name) - record["n_iter"] <= 0


def test_what_a_callback_stopped_is_not_kept_for_others(
    data, callback_package, tmp_path
):
    recorder = Recorder(stop_at=("fit", "pretraining of layer 1", "iteration 0"))
    settings = {"memory": str(tmp_path)}
    stopped = small(**settings).set_callbacks(recorder).fit(*data)
    assert stopped.history_[0]["n_iter"] == 1
    again, plain = small(**settings).fit(*data), small().fit(*data)
    assert again.history_[0]["n_iter"] == 3
    assert_array_equal(again.coefs_[0], plain.coefs_[0])


def test_callbacks_change_nothing(data, callback_package, global_random_seed):
    plain, watched = (
        small(random_state=global_random_seed).fit(*data),
        small(random_state=global_random_seed).set_callbacks(Recorder()).fit(*data),
    )
    assert_same_weights(plain, watched)
    assert vars(plain).keys() == vars(watched).keys() - {"_skl_callbacks"}


# scikit-learn warns of its own scaler.
@pytest.mark.filterwarnings("ignore:The estimator MinMaxScaler does not support")
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_progress_bar_in_pipeline_and_search(n_jobs, data, callback_package, capfd):
    pytest.importorskip("rich")
    bar = callback_package.ProgressBar(max_propagation_depth=None)
    pipeline = make_pipeline(MinMaxScaler(), small())
    grid = {"stackedautoencoderclassifier__alpha": [1e-3, 1e-2]}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=n_jobs).set_callbacks(bar)
    search.fit(*data)
    shown = capfd.readouterr().out
    for name in ("pretraining of layer 2", "softmax", "fine-tuning"):
        assert name in shown
    plain = GridSearchCV(pipeline, grid, cv=2).fit(*data)
    assert_array_equal(
        search.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"]
    )


def test_a_cached_layer_is_a_task_without_iterations(data, callback_package, tmp_path):
    small(memory=str(tmp_path)).fit(*data)
    recorder = Recorder()
    small(memory=str(tmp_path)).set_callbacks(recorder).fit(*data)
    assert ("end", "fit", "pretraining of layer 2") in recorder.calls
    assert recorder.ended("fit", "pretraining of layer 2") == 0
    assert recorder.ended("fit", "softmax") > 0


def test_without_callbacks_there_is_one_task_that_does_nothing(data):
    task = Task.begin_fit(small(), 4, X=data[0], y=data[1])
    assert task.subtask("any", max_subtasks=3) is task
    assert task.end(lambda: pytest.fail("nobody asked for attributes")) is False
    iterations = Iterations(task, lambda theta: pytest.fail("nobody asked"))
    assert iterations.should_stop(1, 0.0, None) is False


def test_verbose_prints_a_line_a_stage_or_an_iteration(data, capsys):
    model = small(verbose=1).fit(*data)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("]")[0] for line in lines] == [
        "[pretraining of layer 1",
        "[pretraining of layer 2",
        "[softmax",
        "[fine-tuning",
    ]
    small(verbose=2).fit(*data)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 + sum(stage["n_iter"] for stage in model.history_)
