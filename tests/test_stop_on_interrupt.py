"""Interrupts that end training and keep the model."""

import pickle
import signal
import threading
import warnings

import numpy as np
import pytest
from helpers import SOLVERS, assert_same_weights, small_autoencoder, small_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skstackedae.callbacks import StopOnInterrupt

pytest.importorskip("sklearn.callback")
pytestmark = pytest.mark.filterwarnings(
    "ignore:Stopped after max_iter", "ignore:Most units of the"
)

STAGES = ["pretraining of layer 1", "pretraining of layer 2", "softmax", "fine-tuning"]


class Interrupts:
    """Sends signals after iterations of a stage, as Ctrl-C would."""

    max_propagation_depth = None

    def __init__(self, stage, *iterations):
        self.stage, self.iterations = stage, iterations

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        is_iteration = context.task_name == "iteration"
        is_stage = is_iteration and self.stage in (context.parent.task_name, None)
        if is_stage and context.task_id in self.iterations:
            signal.raise_signal(signal.SIGINT)
        return False


@pytest.fixture
def data(few_digits):
    return few_digits[0][:100], few_digits[1][:100]


@pytest.fixture(autouse=True)
def handler():
    """The handler of Python, which must be there again after each test."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def make(solver="lbfgs"):
    settings = {"solver": solver, "max_iter": 12, "tol": 0}
    return small_classifier(pretraining=settings, **settings)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("stage", STAGES)
def test_the_stage_ends_and_the_others_make_one_iteration(solver, stage, data):
    model = make(solver).set_callbacks(Interrupts(stage, 4), StopOnInterrupt())
    with pytest.warns(ConvergenceWarning, match="Interrupted") as warned:
        model.fit(*data)
    (warning,) = [w for w in warned if "Interrupted" in str(w.message)]
    assert str(warning.message).endswith("(StackedAutoencoderClassifier)")
    assert warning.filename == __file__
    number = STAGES.index(stage)
    assert [r["n_iter"] for r in model.history_] == (
        [12] * number + [5] + [1] * (3 - number)
    )
    assert [r["stopped"] for r in model.history_] == (
        [False] * number + [True] * (4 - number)
    )
    assert np.isfinite(model.predict_proba(data[0])).all()
    model.inverse_transform(model.transform(data[0]))


def test_it_is_the_model_of_so_many_iterations(data):
    interrupted = make().set_callbacks(Interrupts("fine-tuning", 4), StopOnInterrupt())
    with pytest.warns(ConvergenceWarning, match="Interrupted"):
        interrupted.fit(*data)
    # Softmax training ends by the same number.
    model = make().set_params(max_iter=12)
    stops = Interrupts("fine-tuning")
    stops.on_fit_task_end = lambda estimator, context: (
        context.task_id == 4 and context.parent.task_name == "fine-tuning"
    )
    assert_same_weights(interrupted, model.set_callbacks(stops).fit(*data))


@pytest.mark.parametrize("iterations", [(2, 3), (2,)])
def test_an_autoencoder_stops_too(iterations, data):
    model = small_autoencoder(5, max_iter=9, tol=0)
    # The second interrupt would end the fit, but the first has ended the stage.
    model.set_callbacks(Interrupts(None, *iterations), StopOnInterrupt())
    with pytest.warns(ConvergenceWarning, match="Interrupted"):
        model.fit(data[0])
    assert model.n_iter_ == 3


def test_a_second_interrupt_ends_the_fit_as_always(data):
    model = make().fit(*data)
    before = [W.copy() for W in model.coefs_]
    # Both are sent after the callback was asked, so that they come before it stops.
    twice = Interrupts("softmax", 2)
    twice.on_fit_task_end = lambda estimator, context: (
        [signal.raise_signal(signal.SIGINT) for _ in "12"] and False
    )
    model.set_callbacks(StopOnInterrupt(), twice)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*data)
    for W, old in zip(model.coefs_, before, strict=True):
        np.testing.assert_array_equal(W, old)


def test_an_interrupt_after_the_last_iteration_is_told_of(data):
    class InterruptsTheEnd(Interrupts):
        def on_fit_task_end(self, estimator, context):
            if context.task_name == "fit":
                signal.raise_signal(signal.SIGINT)

    model = make().set_callbacks(InterruptsTheEnd(None), StopOnInterrupt())
    with pytest.warns(ConvergenceWarning, match="too late"):
        model.fit(*data)
    assert not any(record["stopped"] for record in model.history_)


def test_the_next_fit_is_not_stopped(data):
    callback = StopOnInterrupt()
    model = make().set_callbacks(Interrupts("softmax", 0), callback)
    with pytest.warns(ConvergenceWarning, match="Interrupted"):
        model.fit(*data)
    model.set_callbacks(callback).fit(*data)
    assert not any(record["stopped"] for record in model.history_)
    assert_same_weights(model, make().fit(*data))


def test_a_pipeline_is_fitted_to_its_end(data):
    pipeline = make_pipeline(small_autoencoder(6, max_iter=9, tol=0), make())
    pipeline.set_callbacks(Interrupts(None, 3), StopOnInterrupt())
    with pytest.warns(ConvergenceWarning, match="Interrupted"):
        pipeline.fit(*data)
    assert pipeline[0].n_iter_ == 4
    assert [record["n_iter"] for record in pipeline[1].history_] == [1] * 4
    pipeline.predict(data[0])


@pytest.mark.parametrize("wrap", [lambda search: search, make_pipeline])
def test_a_search_ends_at_once(wrap, data):
    search = GridSearchCV(make(), {"alpha": [0.1, 0.01]}, cv=2)
    outermost = wrap(search).set_callbacks(Interrupts("softmax", 1), StopOnInterrupt())
    with pytest.raises(KeyboardInterrupt):
        outermost.fit(*data)
    assert not hasattr(search, "best_estimator_")


def test_other_threads_get_no_interrupts_and_say_so(data):
    model = make().set_callbacks(StopOnInterrupt())
    told = []

    def fit():
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            model.fit(*data)
        told.extend(str(w.message) for w in found)

    thread = threading.Thread(target=fit)
    thread.start()
    thread.join()
    assert sum("only the main thread" in message for message in told) == 1
    assert_same_weights(model, make().fit(*data))


def test_models_with_the_callback_can_be_pickled(data):
    model = make().set_callbacks(StopOnInterrupt()).fit(*data)
    again = pickle.loads(pickle.dumps(model))
    again.fit(*data)
    assert_same_weights(model, again)
