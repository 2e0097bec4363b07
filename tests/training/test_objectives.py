"""Objectives against finite differences and against whole-array formulas.

The whole-array formulas follow UFLDL's own layout, where samples are columns and a
layer computes f(W A + b): another path through the mathematics than the package's.
"""

import dataclasses

import numpy as np
import pytest
from helpers import finite_difference, rows_in_blocks
from numpy.testing import assert_allclose
from scipy.special import expit, rel_entr, softmax
from sklearn import config_context

from skstackedae._network.activations import ACTIVATIONS
from skstackedae._network.layout import ParameterLayout
from skstackedae._network.losses import LogLoss, SquaredError
from skstackedae._network.penalties import KLSparsity
from skstackedae._rows.blocks import RowsInBlocks
from skstackedae._rows.noise import Corruption, DropoutMasks, Emphasis
from skstackedae._training.batches import Batch
from skstackedae._training.diagnostics import ActivationStatistics
from skstackedae._training.objectives import (
    AutoencoderObjective,
    NetworkObjective,
    mean_loss,
)
from skstackedae._training.pseudo_labels import PseudoLabels

FUNCTIONS = {
    "logistic": expit,
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "identity": lambda z: z,
}
SLOPES = {
    "logistic": lambda a: a * (1 - a),
    "tanh": lambda a: 1 - a**2,
    "relu": lambda a: (a > 0) * 1.0,
    "identity": np.ones_like,
}
# Mean activations, from 0 for silence to 1, and their slope by the activation.
RATES = {"logistic": lambda a: (a, 1.0), "tanh": lambda a: ((1 + a) / 2, 0.5)}

N_ROWS, N_FEATURES, N_CLASSES = 12, 5, 3


@pytest.fixture(params=[1, 4], ids=["1 block", "4 blocks"])
def n_blocks(request):
    """Number of blocks that the few rows of a test are cut into."""
    return request.param


@pytest.fixture(params=[1, 0], ids=["activations kept", "one pass"])
def activations_in_memory(request):
    """Memory in MiB for the activations of an autoencoder with a sparsity penalty."""
    with config_context(working_memory=request.param):
        yield request.param


RHO = 0.2


def make_rows(rng, weighted, dtype=np.float64):
    X = rng.rand(N_ROWS, N_FEATURES).astype(dtype)
    y = rng.randint(N_CLASSES, size=N_ROWS)
    if weighted:
        return X, y, rng.dirichlet(np.ones(N_ROWS)).astype(dtype)
    return X, y, np.broadcast_to(np.full((), 1 / N_ROWS, dtype), N_ROWS)


def make_autoencoder(
    rng,
    activation="logistic",
    decoder="logistic",
    beta=3.0,
    weighted=True,
    dtype="f8",
    n_blocks=1,
):
    X, _, w = make_rows(rng, weighted, dtype)
    layout = ParameterLayout((N_FEATURES, 4, N_FEATURES))
    objective = AutoencoderObjective(
        rows_in_blocks(X, None, w, block_rows=N_ROWS // n_blocks),
        layout,
        ACTIVATIONS[activation],
        SquaredError(ACTIVATIONS[decoder]),
        alpha=0.01,
        mean_penalty=KLSparsity(RHO, beta) if beta else None,
    )
    return objective, rng.uniform(-1, 1, layout.n_parameters)


def make_network(
    rng,
    hidden,
    alpha=0.02,
    hidden_alpha=0.01,
    weighted=True,
    dtype="f8",
    n_blocks=1,
):
    X, y, w = make_rows(rng, weighted, dtype)
    sizes = (N_FEATURES, *range(4, 4 + len(hidden)), N_CLASSES)
    layout = ParameterLayout(sizes)
    objective = NetworkObjective(
        rows_in_blocks(X, y, w, block_rows=N_ROWS // n_blocks),
        layout,
        tuple(ACTIVATIONS[name] for name in hidden),
        alpha=alpha,
        hidden_alpha=hidden_alpha,
    )
    return objective, rng.uniform(-1, 1, layout.n_parameters)


def with_noise(objective, noise):
    return dataclasses.replace(objective, rows=objective.rows.with_noise(noise))


def numeric_gradient(objective, theta, rows=None):
    return finite_difference(
        lambda theta: objective.value_and_gradient(theta, rows)[0], theta
    )


def ufldl_autoencoder(objective, theta):
    """Cost and gradient as in the sparse autoencoder exercise, columns as samples."""
    coefs, intercepts = objective.layout.unpack(theta)
    W1, W2 = (W.T for W in coefs)
    b1, b2 = (b[:, None] for b in intercepts)
    data, w = objective.rows.X.T, objective.rows.weights
    f, g = objective.activation.name, objective.loss.activation.name
    alpha, rho = objective.alpha, RHO
    beta = objective.mean_penalty.weight if objective.mean_penalty else 0.0
    a2 = FUNCTIONS[f](W1 @ data + b1)
    a3 = FUNCTIONS[g](W2 @ a2 + b2)
    cost = 0.5 * np.sum(w * (a3 - data) ** 2)
    cost += alpha / 2 * (np.sum(W1**2) + np.sum(W2**2))
    delta3 = (a3 - data) * SLOPES[g](a3)
    error2 = W2.T @ delta3
    if beta:
        rates, slope = RATES[f](a2)
        rho_hat = (rates @ w)[:, None]
        cost += beta * np.sum(
            rho * np.log(rho / rho_hat) + (1 - rho) * np.log((1 - rho) / (1 - rho_hat))
        )
        error2 = error2 + beta * slope * (-rho / rho_hat + (1 - rho) / (1 - rho_hat))
    delta2 = error2 * SLOPES[f](a2)
    gradients = [
        ((w * delta2) @ data.T + alpha * W1).T,
        ((w * delta3) @ a2.T + alpha * W2).T,
    ]
    return cost, objective.layout.pack(gradients, [delta2 @ w, delta3 @ w])


def ufldl_network(objective, theta):
    """Cost and gradient as in the page on fine-tuning, columns as samples."""
    coefs, intercepts = objective.layout.unpack(theta)
    stack = [(W.T, b[:, None]) for W, b in zip(coefs, intercepts, strict=True)]
    names = [activation.name for activation in objective.activations]
    w, y = objective.rows.weights, objective.rows.y
    a = [objective.rows.X.T]
    for (W, b), name in zip(stack, names, strict=False):
        a.append(FUNCTIONS[name](W @ a[-1] + b))
    theta_softmax, b_softmax = stack[-1]
    P = softmax(theta_softmax @ a[-1] + b_softmax, axis=0)
    indicator = np.eye(N_CLASSES)[:, y]
    decays = [objective.hidden_alpha] * len(names) + [objective.alpha]
    cost = -np.sum(w * np.log(P[y, np.arange(len(y))]))
    cost += sum(
        decay / 2 * np.sum(W**2) for decay, (W, _) in zip(decays, stack, strict=True)
    )
    residual = indicator - P
    gradients = [-(w * residual) @ a[-1].T]
    biases = [-(residual @ w)]
    delta = -(theta_softmax.T @ residual)
    for position in reversed(range(len(names))):
        delta = delta * SLOPES[names[position]](a[position + 1])
        gradients.insert(0, (w * delta) @ a[position].T)
        biases.insert(0, delta @ w)
        delta = stack[position][0].T @ delta
    gradients = [
        (g + decay * W).T
        for g, decay, (W, _) in zip(gradients, decays, stack, strict=True)
    ]
    return cost, objective.layout.pack(gradients, biases)


def check_gradient(objective, theta, formula):
    value, gradient = objective.value_and_gradient(theta)
    numeric = numeric_gradient(objective, theta)
    assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-7)
    expected_value, expected_gradient = formula(objective, theta)
    assert value == pytest.approx(expected_value, rel=1e-12)
    assert_allclose(gradient, expected_gradient, rtol=1e-10, atol=1e-12)


AUTOENCODERS = [
    (f, g, beta)
    for f in ACTIVATIONS
    for g in ACTIVATIONS
    for beta in (0.0, 3.0)
    if beta == 0 or ACTIVATIONS[f].is_bounded
]
NETWORKS = [
    (),
    *((name,) for name in ACTIVATIONS),
    ("logistic", "logistic"),
    ("tanh", "relu", "identity"),
    ("relu", "logistic", "tanh", "logistic"),
]


@pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
@pytest.mark.parametrize(("activation", "decoder", "beta"), AUTOENCODERS)
@pytest.mark.usefixtures("activations_in_memory")
def test_autoencoder_gradient(activation, decoder, beta, weighted, n_blocks, rng):
    objective, theta = make_autoencoder(
        rng, activation, decoder, beta, weighted, n_blocks=n_blocks
    )
    assert len(objective.rows.slices) == n_blocks
    check_gradient(objective, theta, ufldl_autoencoder)


@pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
@pytest.mark.parametrize("hidden", NETWORKS, ids="-".join)
def test_network_gradient(hidden, weighted, n_blocks, rng):
    objective, theta = make_network(rng, hidden, weighted=weighted, n_blocks=n_blocks)
    assert len(objective.rows.slices) == n_blocks
    check_gradient(objective, theta, ufldl_network)


@pytest.mark.parametrize("make", [make_autoencoder, make_network])
def test_mini_batch_gradient(make, n_blocks, rng):
    objective, theta = make(
        rng,
        "logistic" if make is make_autoencoder else ("tanh",),
        n_blocks=n_blocks,
    )
    rows = Batch(np.array([7, 0, 3, 11, 5]), 1)
    _, gradient = objective.value_and_gradient(theta, rows)
    numeric = numeric_gradient(objective, theta, rows)
    assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-7)


def test_mini_batches_average_to_the_whole(rng):
    # True without the KL penalty only, which is no sum over rows.
    objective, theta = make_autoencoder(rng, beta=0.0)
    value, gradient = objective.value_and_gradient(theta)
    batches = np.split(rng.permutation(N_ROWS), [5])
    parts = [objective.value_and_gradient(theta, Batch(rows, 1)) for rows in batches]
    shares = [len(rows) / N_ROWS for rows in batches]
    assert np.dot(shares, [part[0] for part in parts]) == pytest.approx(value)
    average = sum(s * part[1] for s, part in zip(shares, parts, strict=True))
    assert_allclose(average, gradient, atol=1e-14)


def test_mini_batch_sparsity_uses_the_batchs_weighted_mean(rng):
    objective, theta = make_autoencoder(rng, beta=1e6)
    rows = np.array([1, 4, 6])
    value, _ = objective.value_and_gradient(theta, Batch(rows, 1))
    coefs, intercepts = objective.layout.unpack(theta)
    H = expit(objective.rows.X[rows] @ coefs[0] + intercepts[0])
    mean = np.average(H, axis=0, weights=objective.rows.weights[rows])
    rho = objective.mean_penalty.target
    kl = rho * np.log(rho / mean) + (1 - rho) * np.log((1 - rho) / (1 - mean))
    # Beside a weight of a million the other terms do not show.
    assert value == pytest.approx(1e6 * kl.sum(), rel=1e-4)


@pytest.mark.parametrize(
    ("beta", "working_memory", "n_kept"),
    [(3.0, 1, 1), (3.0, 0, 0), (0.0, 1, 0), (0.0, 0, 0)],
)
def test_activations_are_kept_where_a_penalty_needs_them_and_memory_lasts(
    beta, working_memory, n_kept, rng, monkeypatch
):
    objective, theta = make_autoencoder(rng, beta=beta)
    calls, keep = [], RowsInBlocks.keep
    monkeypatch.setattr(
        RowsInBlocks, "keep", lambda *args: calls.append(args) or keep(*args)
    )
    with config_context(working_memory=working_memory):
        objective.value_and_gradient(theta)
    assert len(calls) == n_kept


def test_one_pass_is_exact_in_float32(rng):
    objective, theta = make_autoencoder(rng, dtype="f4")
    kept = objective.value_and_gradient(theta)
    with config_context(working_memory=0):
        value, gradient = objective.value_and_gradient(theta)
    assert value == pytest.approx(kept[0], rel=1e-6)
    assert gradient.dtype == kept[1].dtype
    assert_allclose(gradient, kept[1], atol=1e-6)


@pytest.mark.parametrize("beta", [1e-6, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("activation", RATES)
def test_sparsity_is_in_proportion_to_its_weight(activation, beta, rng):
    with_penalty, theta = make_autoencoder(rng, activation, beta=beta)
    without = dataclasses.replace(with_penalty, mean_penalty=None)
    value, gradient = with_penalty.value_and_gradient(theta)
    plain_value, plain_gradient = without.value_and_gradient(theta)
    coefs, intercepts = with_penalty.layout.unpack(theta)
    H = FUNCTIONS[activation](with_penalty.rows.X @ coefs[0] + intercepts[0])
    rates = with_penalty.rows.weights @ RATES[activation](H)[0]
    rho = with_penalty.mean_penalty.target
    kl = np.sum(rel_entr(rho, rates) + rel_entr(1 - rho, 1 - rates))
    assert value - plain_value == pytest.approx(beta * kl, rel=1e-6)
    # The decoder does not see the penalty.
    changed, _ = with_penalty.layout.unpack(gradient - plain_gradient)
    assert np.abs(changed[0]).max() > 1e-4 * beta
    assert_allclose(changed[1], 0, atol=1e-15)


@pytest.mark.parametrize("make", [make_autoencoder, make_network])
def test_float32_follows_float64(make, global_random_seed):
    kind = "logistic" if make is make_autoencoder else ("logistic", "tanh")
    double, theta = make(np.random.RandomState(global_random_seed), kind)
    single, _ = make(np.random.RandomState(global_random_seed), kind, dtype="f4")
    value, gradient = single.value_and_gradient(theta)
    expected_value, expected = double.value_and_gradient(theta)
    assert gradient.dtype == np.float64
    assert value == pytest.approx(expected_value, rel=1e-6)
    assert_allclose(gradient, expected, atol=1e-5)
    _, gradient = single.value_and_gradient(theta.astype(np.float32))
    assert gradient.dtype == np.float32
    assert {layer.W.dtype for layer in single.layers(theta)} == {np.dtype("f4")}


@pytest.mark.parametrize("make", [make_autoencoder, make_network])
def test_objectives_change_nothing_they_are_handed(make, rng):
    objective, theta = make(rng, "tanh" if make is make_autoencoder else ("relu",))
    data = objective.rows
    before = [a.copy() for a in (theta, data.X, data.weights)]
    first = objective.value_and_gradient(theta)
    second = objective.value_and_gradient(theta)
    for array, copy in zip((theta, data.X, data.weights), before, strict=True):
        np.testing.assert_array_equal(array, copy)
    assert first[0] == second[0]
    np.testing.assert_array_equal(first[1], second[1])
    assert not np.shares_memory(first[1], second[1])


@pytest.mark.parametrize("make", [make_autoencoder, make_network])
def test_layers_are_views_of_a_theta_of_their_precision(make, rng):
    objective, theta = make(rng, "tanh" if make is make_autoencoder else ("relu",))
    for layer in objective.layers(theta):
        assert np.shares_memory(layer.W, theta)
        assert np.shares_memory(layer.b, theta)


def test_accuracy_is_weighted(n_blocks, rng):
    objective, theta = make_network(rng, ("logistic",), n_blocks=n_blocks)
    data = objective.rows
    W, b = objective.layout.unpack(theta)
    logits = expit(data.X @ W[0] + b[0]) @ W[1] + b[1]
    expected = np.average(logits.argmax(axis=1) == data.y, weights=data.weights)
    assert objective.accuracy(theta) == pytest.approx(expected)
    doubled = data.with_targets(data.y, 2 * data.weights)
    doubled = dataclasses.replace(objective, rows=doubled)
    assert doubled.accuracy(theta) == pytest.approx(expected)


def test_mean_loss_has_neither_decay_nor_noise(n_blocks, rng):
    objective, theta = make_network(rng, ("logistic",), n_blocks=n_blocks)
    plain = dataclasses.replace(objective, alpha=0.0, hidden_alpha=0.0)
    noisy = with_noise(objective, Corruption(0.5, 1))
    expected, _ = ufldl_network(plain, theta)
    assert mean_loss(noisy, theta) == pytest.approx(expected)
    assert noisy.accuracy(theta) == objective.accuracy(theta)


def test_activation_statistics(n_blocks, rng):
    objective, theta = make_autoencoder(rng, n_blocks=n_blocks)
    layer = objective.layers(theta)[0]
    statistics = ActivationStatistics.from_rows(objective.rows, [layer])
    H, w = expit(objective.rows.X @ layer.W + layer.b), objective.rows.weights
    mean = np.average(H, axis=0, weights=w)
    assert_allclose(statistics.mean, mean)
    assert_allclose(statistics.std**2, np.average((H - mean) ** 2, axis=0, weights=w))


@pytest.mark.parametrize("make", [make_autoencoder, make_network])
def test_objectives_with_noise_are_pure(make, n_blocks, rng):
    objective, theta = make(
        rng,
        "logistic" if make is make_autoencoder else ("logistic", "tanh"),
        n_blocks=n_blocks,
    )
    objective = with_noise(objective, Corruption(0.5, 3))
    batches = [None, *(Batch(rng.permutation(N_ROWS), k) for k in (1, 2, 3))]
    arguments = [(t, batch) for t in (theta, -theta) for batch in batches]
    first = [objective.value_and_gradient(*pair) for pair in arguments]
    for number in rng.permutation(np.repeat(np.arange(len(arguments)), 3)):
        value, gradient = objective.value_and_gradient(*arguments[number])
        assert value == first[number][0]
        np.testing.assert_array_equal(gradient, first[number][1])
    # Each batch has noise of its own, though its rows are the same.
    everything = np.arange(N_ROWS)
    one, other = (
        objective.value_and_gradient(theta, Batch(everything, k))[0] for k in (1, 2)
    )
    assert one != other


# Other losses, noise, shared weights ------------------------------------------------


@pytest.mark.parametrize("probability", [0.0, 0.4])
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("loss", [SquaredError, LogLoss])
@pytest.mark.parametrize("activation", ["logistic", "tanh"])
@pytest.mark.usefixtures("activations_in_memory")
def test_options_of_the_autoencoder_by_finite_differences(
    activation, loss, tied, probability, n_blocks, rng
):
    plain, _ = make_autoencoder(rng, activation, n_blocks=n_blocks)
    layout = ParameterLayout((N_FEATURES, 4, N_FEATURES), tied=tied)
    objective = dataclasses.replace(
        plain,
        rows=plain.rows.with_noise(Corruption(probability, 5)),
        layout=layout,
        loss=loss(ACTIVATIONS["logistic"]),
    )
    assert len(objective.rows.slices) == n_blocks
    theta = rng.uniform(-1, 1, layout.n_parameters)
    _, gradient = objective.value_and_gradient(theta)
    assert_allclose(gradient, numeric_gradient(objective, theta), atol=1e-7)


@pytest.mark.parametrize("probability", [0.0, 0.5])
def test_network_with_noise_by_finite_differences(probability, n_blocks, rng):
    objective, theta = make_network(rng, ["logistic", "relu"], n_blocks=n_blocks)
    objective = with_noise(objective, Corruption(probability, 5))
    _, gradient = objective.value_and_gradient(theta)
    assert_allclose(gradient, numeric_gradient(objective, theta), atol=1e-7)


def test_shared_weights_are_the_sum_of_both_layers(rng):
    plain, _ = make_autoencoder(rng)
    layout = ParameterLayout((N_FEATURES, 4, N_FEATURES), tied=True)
    tied = dataclasses.replace(plain, layout=layout)
    theta = rng.uniform(-1, 1, layout.n_parameters)
    both = plain.layout.pack(*layout.unpack(theta))
    value, gradient = plain.value_and_gradient(both)
    (encoder, decoder), biases = plain.layout.unpack(gradient)
    tied_value, tied_gradient = tied.value_and_gradient(theta)
    # The decay counts W twice, as it does in the plain objective.
    assert tied_value == pytest.approx(value)
    (W, _), tied_biases = layout.unpack(tied_gradient)
    assert_allclose(W, encoder + decoder.T)
    for b, other in zip(tied_biases, biases, strict=True):
        assert_allclose(b, other)


def test_noise_is_in_the_input_and_not_in_the_target(n_blocks, rng):
    objective, theta = make_autoencoder(rng, beta=0.0, n_blocks=n_blocks)
    objective = with_noise(objective, Corruption(0.5, 1))
    noisy = objective.rows.map(lambda X: X)
    X = objective.rows.X
    assert 0.2 < np.mean(noisy == 0) < 0.8
    assert_allclose(noisy[noisy != 0], X[noisy != 0])
    (W1, W2), (b1, b2) = objective.layout.unpack(theta)
    reconstructed = expit(expit(noisy @ W1 + b1) @ W2 + b2)
    decay = 0.005 * (np.sum(W1**2) + np.sum(W2**2))
    expected = 0.5 * objective.rows.weights @ np.sum((reconstructed - X) ** 2, axis=1)
    assert objective.value_and_gradient(theta)[0] == pytest.approx(expected + decay)
    # Without noise: what validation and diagnostics see.
    reconstructed = expit(expit(X @ W1 + b1) @ W2 + b2)
    expected = 0.5 * objective.rows.weights @ np.sum((reconstructed - X) ** 2, axis=1)
    assert mean_loss(objective, theta) == pytest.approx(expected)


# Emphasis, dropout, max-norm, pseudo-labels ------------------------------------------

EXTREMES = 0.0, 1.0


def make_emphasized(rng, emphasis, loss, n_blocks):
    plain, theta = make_autoencoder(rng, beta=0.0, n_blocks=n_blocks)
    noise = Corruption(0.4, 5, EXTREMES)
    return dataclasses.replace(
        plain,
        rows=plain.rows.with_noise(noise),
        loss=loss(ACTIVATIONS["logistic"]),
        emphasis=Emphasis(noise, 1 - emphasis, N_FEATURES, np.dtype(float)),
    ), theta


@pytest.mark.parametrize("loss", [SquaredError, LogLoss])
@pytest.mark.parametrize("emphasis", [0.0, 0.5, 1.0])
def test_emphasis_weights_the_entries_of_the_loss(emphasis, loss, n_blocks, rng):
    objective, theta = make_emphasized(rng, emphasis, loss, n_blocks)
    value, gradient = objective.value_and_gradient(theta)
    X, w = objective.rows.X, objective.rows.weights
    noisy = objective.rows.noise.apply(X, 0, 0)
    is_corrupted = noisy != X
    assert set(np.unique(noisy[is_corrupted])) == set(EXTREMES)
    (W1, W2), (b1, b2) = objective.layout.unpack(theta)
    P = expit(expit(noisy @ W1 + b1) @ W2 + b2)
    entries = (P - X) ** 2 / 2
    if loss is LogLoss:
        entries = -(X * np.log(P) + (1 - X) * np.log(1 - P))
    entries = np.where(is_corrupted, entries, (1 - emphasis) * entries)
    decay = 0.005 * (np.sum(W1**2) + np.sum(W2**2))
    assert value == pytest.approx(w @ entries.sum(axis=1) + decay)
    assert_allclose(gradient, numeric_gradient(objective, theta), atol=1e-7)


def masks_of(objective, n_rows, number=0):
    return objective.dropout(number, 0, n_rows)


def with_dropout(objective, probability, seed=7):
    widths = objective.layout.sizes[1:-1]
    masks = DropoutMasks(probability, seed, widths)
    return dataclasses.replace(objective, dropout=masks)


def dropped_network(objective, theta, X, masks, probability):
    """Logits of a network whose dropped units are set to 0, the others scaled up."""
    *hidden, (W, b) = zip(*objective.layout.unpack(theta), strict=True)
    for (W_hidden, b_hidden), activation, mask in zip(
        hidden, objective.activations, masks, strict=True
    ):
        H = FUNCTIONS[activation.name](X @ W_hidden + b_hidden)
        X = H * mask / (1 - probability)
    return X @ W + b


def log_loss(logits, y, w):
    return -w @ np.log(softmax(logits, axis=1))[np.arange(len(y)), y]


@pytest.mark.parametrize("probability", [0.25, 0.75])
@pytest.mark.parametrize("hidden", [["relu"], ["logistic", "tanh"], ["identity"] * 3])
def test_dropout(hidden, probability, n_blocks, rng):
    objective, theta = make_network(rng, hidden, 0.0, 0.0, n_blocks=n_blocks)
    objective = with_dropout(objective, probability)
    value, gradient = objective.value_and_gradient(theta)
    masks = masks_of(objective, N_ROWS)
    assert [mask.shape for mask in masks] == [
        (N_ROWS, width) for width in objective.layout.sizes[1:-1]
    ]
    rows = objective.rows
    logits = dropped_network(objective, theta, rows.X, masks, probability)
    assert value == pytest.approx(log_loss(logits, rows.y, rows.weights))
    assert_allclose(gradient, numeric_gradient(objective, theta), atol=1e-7)


def test_scores_are_without_dropout(rng):
    objective, theta = make_network(rng, ["logistic"])
    dropped = with_dropout(objective, 0.5)
    assert dropped.accuracy(theta) == objective.accuracy(theta)
    assert mean_loss(dropped, theta) == mean_loss(objective, theta)


def test_max_norm_shrinks_incoming_weights_of_hidden_units_alone(rng):
    objective, theta = make_network(rng, ["logistic", "relu"])
    objective = dataclasses.replace(objective, max_norm=1.0)
    # Of each layer, some weights are large and some small.
    for W in objective.layout.unpack(theta)[0]:
        W *= np.where(np.arange(W.shape[1]) % 2, 9, 0.1) / np.linalg.norm(W, axis=0)
    before, projected = theta.copy(), theta.copy()
    objective.project(projected)
    (coefs, biases), (old, old_biases) = map(
        objective.layout.unpack, (projected, before)
    )
    for W, W_before in zip(coefs[:-1], old[:-1], strict=True):
        norms = np.linalg.norm(W_before, axis=0)
        assert 0 < np.mean(norms > 1) < 1
        assert_allclose(W, W_before * np.minimum(1, 1 / norms))
        # What is short enough stays as it is.
        np.testing.assert_array_equal(W[:, norms <= 1], W_before[:, norms <= 1])
    np.testing.assert_array_equal(coefs[-1], old[-1])
    for b, b_before in zip(biases, old_biases, strict=True):
        np.testing.assert_array_equal(b, b_before)


def make_pseudo_labeled(rng, n_blocks, *, noise=0.0, dropout=0.0, class_prior=None):
    objective, theta = make_network(
        rng, ["logistic", "tanh"], alpha=0.0, hidden_alpha=0.0, n_blocks=n_blocks
    )
    X, _, v = make_rows(rng, weighted=True)
    if noise:
        objective = with_noise(objective, Corruption(noise, 1))
    if dropout:
        objective = with_dropout(objective, dropout, seed=1)
    rows = rows_in_blocks(X, None, v, block_rows=N_ROWS // n_blocks)
    pseudo_labels = PseudoLabels(
        rows.with_noise(Corruption(noise, 2) if noise else None),
        weight=3.0,
        unlabeled_ratio=1.0,
        class_weights=rng.uniform(1, 2, N_CLASSES),
        class_prior=class_prior,
        dropout=with_dropout(objective, dropout, seed=2).dropout if dropout else None,
    )
    return dataclasses.replace(objective, pseudo_labels=pseudo_labels), theta


@pytest.mark.parametrize(
    ("noise", "dropout"), [(0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.5, 0.5)]
)
@pytest.mark.parametrize("class_prior", [None, [0.1, 0.8, 0.1]])
@pytest.mark.parametrize("progress", [0.0, 0.5, 0.75, 1.0])
def test_pseudo_labels(progress, class_prior, noise, dropout, n_blocks, rng):
    prior = class_prior and np.array(class_prior)
    objective, theta = make_pseudo_labeled(
        rng, n_blocks, noise=noise, dropout=dropout, class_prior=prior
    )
    labeled, unlabeled = rng.permutation(N_ROWS)[:7], rng.permutation(N_ROWS)[:9]
    batch = Batch(labeled, 4, unlabeled, progress)
    value, gradient = objective.value_and_gradient(theta, batch)

    pseudo = objective.pseudo_labels

    def logits(rows, masks, X):
        X = X if rows.noise is None else rows.noise.apply(X, 4, 0)
        if masks is None:
            return dropped_network(objective, theta, X, [1.0, 1.0], 0.0)
        return dropped_network(objective, theta, X, masks(4, 0, len(X)), dropout)

    rows = objective.rows
    expected = log_loss(
        logits(rows, objective.dropout, rows.X[labeled]),
        rows.y[labeled],
        rows.weights[labeled] * N_ROWS / 7,
    )
    # The labels are predictions without noise.
    X = pseudo.rows.X[unlabeled]
    weights = pseudo.rows.weights[unlabeled] * N_ROWS / 9
    P = softmax(dropped_network(objective, theta, X, [1.0, 1.0], 0.0), axis=1)
    if class_prior is not None:
        # 5 rows for each of the 3 classes have been added to these 9.
        mean = np.average(P, axis=0, weights=weights)
        P *= prior / (9 / 24 * mean + 15 / 24 * prior)
    labels = P.argmax(axis=1)
    expected += {0.0: 0.0, 0.5: 1.8, 0.75: 3.0, 1.0: 3.0}[progress] * log_loss(
        logits(pseudo.rows, pseudo.dropout, X),
        labels,
        weights * pseudo.class_weights[labels],
    )
    assert value == pytest.approx(expected)
    # The labels do not change in a small neighborhood.
    assert_allclose(gradient, numeric_gradient(objective, theta, batch), atol=1e-7)


def test_alignment_changes_labels(rng):
    class_prior = np.array([0.01, 0.98, 0.01])
    batch = Batch(np.arange(N_ROWS), 1, np.arange(N_ROWS), 1.0)
    values = [
        objective.value_and_gradient(theta, batch)[0]
        for objective, theta in (
            make_pseudo_labeled(np.random.RandomState(0), 1, class_prior=prior)
            for prior in (None, class_prior)
        )
    ]
    assert values[0] < values[1]


@pytest.mark.filterwarnings("error")
def test_a_class_without_labels_gets_none(rng):
    objective, theta = make_pseudo_labeled(rng, 1, class_prior=np.array([0, 0.5, 0.5]))
    # The first class would be the most probable one of all rows.
    _, intercepts = objective.layout.unpack(theta)
    intercepts[-1][:] = 1e3, 0, 0
    batch = Batch(np.arange(N_ROWS), 1, np.arange(N_ROWS), 1.0)
    _, gradient = objective.value_and_gradient(theta, batch)
    assert np.isfinite(gradient).all()


def test_batches_without_unlabeled_rows_have_no_pseudo_labels(rng):
    objective, theta = make_pseudo_labeled(rng, 1)
    plain = dataclasses.replace(objective, pseudo_labels=None)
    for batch in (None, Batch(np.arange(N_ROWS), 1)):
        value, gradient = objective.value_and_gradient(theta, batch)
        expected, expected_gradient = plain.value_and_gradient(theta, batch)
        assert value == expected
        np.testing.assert_array_equal(gradient, expected_gradient)
