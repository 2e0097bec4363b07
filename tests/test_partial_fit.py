"""Data that come in parts."""

import copy
from functools import partial

import numpy as np
import pytest
from helpers import assert_same_weights, small_autoencoder, small_classifier
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError

from skstackedae import SparseAutoencoder
from skstackedae._rows.noise import Corruption
from skstackedae._rows.threads import Threads
from skstackedae._training.batches import Sampler

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stopped after max_iter", "ignore:Most units of the"
)


autoencoder = partial(small_autoencoder, solver="adam", batch_size=50)
classifier = partial(
    small_classifier,
    hidden_layer_sizes=(16, 12),
    pretraining={"max_iter": 30},
    solver="adam",
)
both_makers = pytest.mark.parametrize(
    "make", [autoencoder, classifier], ids=["autoencoder", "classifier"]
)


# SparseAutoencoder ------------------------------------------------------------------


def test_a_call_is_an_epoch_of_fit(few_digits, global_random_seed):
    X = few_digits[0]
    assert_same_weights(
        autoencoder(random_state=global_random_seed).partial_fit(X),
        autoencoder(max_iter=1, random_state=global_random_seed).fit(X),
    )


def test_moments_go_on_from_call_to_call(few_digits, global_random_seed):
    X = few_digits[0]
    model = autoencoder(shuffle=False, random_state=global_random_seed)
    for _ in range(4):
        model.partial_fit(X)
    fitted = autoencoder(
        shuffle=False, max_iter=4, tol=0, random_state=global_random_seed
    ).fit(X)
    assert_same_weights(model, fitted)
    assert_allclose(model.loss_curve_, fitted.loss_curve_)
    assert model.n_iter_ == 4
    assert_allclose(model.mean_activations_, fitted.mean_activations_)


def test_an_autoencoder_learns_from_a_stream(digits, global_random_seed):
    X = digits[0]
    model = autoencoder(
        sparsity_weight=0, learning_rate_init=0.01, random_state=global_random_seed
    )
    for _ in range(20):
        for start in range(0, 1_700, 100):
            model.partial_fit(X[start : start + 100])
    baseline = -0.5 * ((X - X.mean(axis=0)) ** 2).sum(axis=1).mean()
    assert model.score(X) > 0.5 * baseline


@both_makers
@pytest.mark.parametrize(
    ("name", "value", "needed"),
    [
        ("solver", "lbfgs", "solver='adam'"),
        ("early_stopping", True, "early_stopping=False"),
        ("learning_rate", "linear", "learning_rate='constant'"),
        ("class_weight", "balanced", "class_weight as a dict or None"),
    ],
)
def test_no_partial_fit_with_options_that_need_all_rows(make, name, value, needed):
    if name not in make().get_params():
        return
    model = make(**{name: value})
    assert not hasattr(model, "partial_fit")
    with pytest.raises(AttributeError, match=f"no partial_fit.*{needed}"):
        model.partial_fit(np.ones((3, 2)), [0, 1, 0])
    default = type(model)().get_params()[name]
    assert hasattr(make(**({} if name == "solver" else {name: default})), "partial_fit")


def test_a_stream_has_one_number_of_features_and_one_precision(few_digits):
    X = few_digits[0].astype(np.float32)
    model = autoencoder().partial_fit(X)
    with pytest.raises(ValueError, match="features"):
        model.partial_fit(X[:, :5])
    with pytest.raises(ValueError, match="n_components=3"):
        model.set_params(n_components=3).partial_fit(X)
    model.set_params(n_components=10).partial_fit(X.astype(np.float64))
    assert model.coefs_[0].dtype == np.float32


def test_a_call_that_fails_leaves_the_model(few_digits):
    X = few_digits[0]
    model = autoencoder().partial_fit(X)
    before = copy.deepcopy(vars(model))
    with pytest.raises(ValueError, match="no longer finite"):
        model.set_params(learning_rate_init=1e308).partial_fit(X)
    with pytest.raises(ValueError, match="NaN"):
        model.partial_fit(np.full((2, 64), np.nan))
    model.set_params(learning_rate_init=0.001)
    assert vars(model).keys() == before.keys()
    assert_array_equal(model.coefs_[0], before["coefs_"][0])
    assert_array_equal(model._adam_state["moment_1"], before["_adam_state"]["moment_1"])


def test_fit_forgets_the_stream(few_digits):
    X = few_digits[0]
    model = autoencoder(max_iter=3).partial_fit(X).fit(X)
    assert_same_weights(model, autoencoder(max_iter=3).fit(X))
    assert model._adam_state is None


@both_makers
def test_passes_do_not_copy_the_losses_of_earlier_ones(make, few_digits):
    model = make()
    more = {} if isinstance(model, SparseAutoencoder) else {"classes": range(10)}
    losses = model.partial_fit(*few_digits, **more).loss_curve_
    assert model.partial_fit(*few_digits).loss_curve_ is losses
    assert len(losses) == model.n_iter_ == 2
    with pytest.raises(ValueError, match="no longer finite"):
        model.set_params(learning_rate_init=1e308).partial_fit(*few_digits)
    assert len(losses) == model.n_iter_ == 2


@both_makers
def test_an_interrupt_at_the_end_of_a_pass_leaves_the_losses(
    make, few_digits, monkeypatch
):
    model = make()
    more = {} if isinstance(model, SparseAutoencoder) else {"classes": range(10)}
    losses = model.partial_fit(*few_digits, **more).loss_curve_

    def interrupted(threads):
        raise KeyboardInterrupt

    monkeypatch.setattr(Threads, "close", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.partial_fit(*few_digits)
    assert len(losses) == len(model.loss_curve_) == model.n_iter_ == 1


def test_weights_are_those_of_repeated_rows(few_digits, global_random_seed):
    X, counts = few_digits[0][:60], np.arange(60) % 3
    # One batch: others hold other rows.
    weighted = autoencoder(batch_size=500, random_state=global_random_seed).partial_fit(
        X, sample_weight=counts
    )
    repeated = autoencoder(batch_size=500, random_state=global_random_seed).partial_fit(
        np.repeat(X, counts, axis=0)
    )
    # Adam divides gradients by their size: rounding of small ones shows.
    assert_allclose(weighted.coefs_[0], repeated.coefs_[0], atol=1e-7)


@pytest.mark.parametrize("make_random_state", [int, np.random.RandomState])
def test_every_pass_draws_anew(
    make_random_state, few_digits, monkeypatch, global_random_seed
):
    orders, seeds = [], []
    epoch, draw = Sampler.epoch, Corruption.draw.__func__

    def watched_epoch(*arguments):
        batches = list(epoch(*arguments))
        orders.append([indices for indices, _ in batches])
        return batches

    def watched_draw(cls, *arguments, **options):
        seeds.append(draw(cls, *arguments, **options))
        return seeds[-1]

    monkeypatch.setattr(Sampler, "epoch", watched_epoch)
    monkeypatch.setattr(Corruption, "draw", classmethod(watched_draw))
    settings = {
        "corruption": 0.3,
        "random_state": make_random_state(global_random_seed),
    }
    for model in (autoencoder(**settings), classifier(pretrain=False, **settings)):
        more = {} if isinstance(model, SparseAutoencoder) else {"classes": range(10)}
        for _ in range(4):
            model.partial_fit(*few_digits, **more)
        assert len(set(seeds)) == len(seeds) == 4
        assert len({tuple(np.concatenate(order)) for order in orders}) == 4
        del orders[:], seeds[:]


# StackedAutoencoderClassifier -------------------------------------------------------


@pytest.fixture(scope="module")
def stream():
    X, y = load_digits(return_X_y=True)
    return X / 16, y


def test_first_call_pretrains_on_its_rows_and_goes_over_the_network_once(
    few_digits, global_random_seed
):
    X, y = few_digits
    model = classifier(random_state=global_random_seed).partial_fit(
        X, y, classes=np.arange(10)
    )
    pretrained = classifier(
        fine_tune=False, max_iter=1, random_state=global_random_seed
    ).fit(X, y)
    for mine, other in zip(model.autoencoders_, pretrained.autoencoders_, strict=True):
        assert_same_weights(mine, other)
    assert [stage["name"] for stage in model.history_] == ["pretraining"] * 2
    assert len(model.loss_curve_) == model.n_iter_ == 1
    assert (model.coefs_[0] != model.autoencoders_[0].coefs_[0]).any()


def test_a_pass_is_an_epoch_of_fit_without_pretraining(few_digits):
    X, y = few_digits
    settings = {"pretrain": False, "shuffle": False, "hidden_layer_sizes": ()}
    model = classifier(**settings)
    for _ in range(3):
        model.partial_fit(X, y, classes=np.arange(10))
    assert_same_weights(model, classifier(**settings, max_iter=3, tol=0).fit(X, y))


def test_a_classifier_learns_from_a_stream(stream, global_random_seed):
    X, y = stream
    model = classifier(learning_rate_init=0.01, random_state=global_random_seed)
    for epoch in range(30):
        for start in range(0, 1_400, 200):
            rows = slice(start, start + 200)
            classes = np.arange(10) if epoch == start == 0 else None
            model.partial_fit(X[rows], y[rows], classes=classes)
    assert model.score(X[1_400:], y[1_400:]) > 0.8
    assert len(model.loss_curve_) == 30 * 7
    assert model.loss_curve_[-1] < 0.3 * model.loss_curve_[0]


def test_classes_are_needed_once_and_stay(few_digits):
    X, y = few_digits
    model = classifier().partial_fit(X[:50], y[:50] % 2, classes=[0, 1, 2])
    assert_array_equal(model.classes_, [0, 1, 2])
    with pytest.raises(ValueError, match="is not the same as on last call"):
        model.partial_fit(X, y % 2, classes=[0, 1])
    with pytest.raises(ValueError, match=r"labels \[3\].* not among the classes"):
        model.partial_fit(X, y % 4)
    model.partial_fit(X, y % 3)


def test_streams_may_hold_unlabeled_rows(few_digits):
    X, y = few_digits[0], few_digits[1].copy()
    y[100:] = -1
    model = classifier(unlabeled_label=-1)
    model.partial_fit(X[100:], y[100:], classes=np.arange(-1, 10))
    assert_array_equal(model.classes_, np.arange(10))
    assert model.loss_curve_ == []
    # The network is as pretraining left it: the softmax layer knows nothing yet.
    assert_allclose(model.predict_proba(X), 0.1)
    before = [W.copy() for W in model.coefs_]
    model.partial_fit(X[100:], y[100:])
    for W, old in zip(model.coefs_, before, strict=True):
        assert_array_equal(W, old)
    model.partial_fit(X, y)
    assert len(model.loss_curve_) == 1
    assert (model.coefs_[0] != before[0]).any()


def test_without_fine_tuning_only_the_softmax_layer_learns(
    few_digits, global_random_seed
):
    X, y = few_digits
    model = classifier(fine_tune=False, random_state=global_random_seed).partial_fit(
        X, y, classes=np.arange(10)
    )
    hidden = [W.copy() for W in model.coefs_[:-1]]
    model.partial_fit(X, y)
    for W, old, pretrained in zip(
        model.coefs_[:-1], hidden, model.autoencoders_, strict=True
    ):
        assert_array_equal(W, old)
        assert_array_equal(W, pretrained.coefs_[0])
    # After two passes: better than chance, which is right once in ten.
    assert model.score(X, y) > 0.15


def test_fine_tuning_may_begin_in_mid_stream(few_digits):
    X, y = few_digits
    model = classifier(fine_tune=False).partial_fit(X, y, classes=np.arange(10))
    model.set_params(fine_tune=True).partial_fit(X, y)
    assert len(model._adam_state["moment_1"]) == sum(
        W.size + len(b) for W, b in zip(model.coefs_, model.intercepts_, strict=True)
    )
    model.set_params(fine_tune=False).partial_fit(X, y)


@pytest.mark.parametrize("classes", [[0], [-1], [-1, 0]])
def test_a_stream_needs_two_classes(classes, few_digits):
    model = classifier(unlabeled_label=-1)
    with pytest.raises(ValueError, match=r"classes has .* a classifier needs 2"):
        model.partial_fit(few_digits[0], np.full(400, -1), classes=classes)


def test_class_weight_in_a_stream(few_digits, global_random_seed):
    X, y = few_digits
    settings = {"pretrain": False, "batch_size": 500}
    weighted = classifier(
        class_weight={3: 5.0}, **settings, random_state=global_random_seed
    )
    weighted.partial_fit(X, y, classes=np.arange(10))
    plain = classifier(**settings, random_state=global_random_seed)
    plain.partial_fit(
        X, y, classes=np.arange(10), sample_weight=np.where(y == 3, 5.0, 1.0)
    )
    assert_allclose(weighted.coefs_[-1], plain.coefs_[-1], atol=1e-10)


def test_a_failed_first_call_leaves_nothing(few_digits):
    X, y = few_digits
    model = classifier()
    with pytest.raises(ValueError, match="not among the classes"):
        model.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(NotFittedError):
        model.predict(X)
    assert vars(model).keys() == vars(clone(model)).keys()


def test_a_fitted_model_goes_on_with_a_stream(few_digits, global_random_seed):
    X, y = few_digits
    model = classifier(max_iter=20, random_state=global_random_seed).fit(
        X[:200], y[:200]
    )
    loss = model.loss_
    n_iter = model.n_iter_
    model.partial_fit(X[:200], y[:200])
    assert model.loss_ < 1.2 * loss
    assert model.n_iter_ == n_iter + 1
