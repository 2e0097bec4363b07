"""Rows on a device give the sums of rows in memory, up to rounding in float64."""

from itertools import product

import numpy as np
import pytest
from helpers import ACTIVATION_NAMES, LIBRARIES, library_of, rows_in_blocks
from numpy.testing import assert_allclose, assert_array_equal

from skstackedae._array_api import to_numpy
from skstackedae._network.activations import ACTIVATIONS
from skstackedae._network.layers import forward_output
from skstackedae._network.layout import ParameterLayout
from skstackedae._network.losses import RECONSTRUCTION_LOSSES
from skstackedae._network.penalties import KLSparsity
from skstackedae._rows import device
from skstackedae._rows.device import RowsOnDevice
from skstackedae._rows.noise import Corruption, DropoutMasks, Emphasis
from skstackedae._training.batches import Batch
from skstackedae._training.diagnostics import ActivationStatistics
from skstackedae._training.objectives import (
    AutoencoderObjective,
    NetworkObjective,
    mean_loss,
)
from skstackedae._training.propagation import propagate
from skstackedae._training.pseudo_labels import PseudoLabels
from skstackedae._training.solvers import AdamState

N_ROWS, N_FEATURES, N_UNITS, N_CLASSES = 60, 7, 5, 3

# Fewer rows than all, in an order of their own.
BATCH = Batch(np.array([5, 3, 40, 41, 59, 0, 17, 18]), 4, np.arange(9), 0.6)


@pytest.fixture(params=LIBRARIES)
def make(request):
    """Makes an array of another library."""
    return library_of(request.param)


@pytest.fixture
def several_blocks(monkeypatch):
    monkeypatch.setattr(device, "BLOCK_BYTES", 4_000)


@pytest.fixture
def data(rng):
    X = rng.rand(N_ROWS, N_FEATURES)
    w = rng.rand(N_ROWS)
    return X, rng.randint(N_CLASSES, size=N_ROWS), w / w.sum()


def both_rows(make, X, y, w):
    """Rows in memory, and the same on a device."""
    return rows_in_blocks(X, y, w), RowsOnDevice(make(X), y, w, X.dtype)


def assert_close(on_device, in_memory):
    assert_allclose(to_numpy(on_device), in_memory, rtol=1e-12, atol=1e-13)


def assert_same_objective(on_device, in_memory, theta, batches=(None, BATCH)):
    """Value and gradient: by a vector in memory, and by one on the device."""
    for batch in batches:
        value, gradient = in_memory.value_and_gradient(theta, batch)
        found, found_gradient = on_device.value_and_gradient(theta, batch)
        assert isinstance(found, float)
        assert_close(found, value)
        assert_close(found_gradient, gradient)
        placed = on_device.rows.place(theta)
        found, found_gradient = on_device.value_and_gradient(placed, batch)
        assert type(found_gradient) is type(placed)
        assert float(found) == pytest.approx(value, rel=1e-12)
        assert_close(found_gradient, gradient)


AUTOENCODERS = [
    (activation, decoder, loss, weight)
    for activation, decoder, loss, weight in product(
        ACTIVATION_NAMES, ACTIVATION_NAMES, RECONSTRUCTION_LOSSES, [0.0, 0.7]
    )
    if (loss == "squared_error" or decoder == "logistic")
    and (weight == 0 or activation in ("logistic", "tanh"))
]


@pytest.mark.parametrize(("activation", "decoder", "loss", "weight"), AUTOENCODERS)
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("noise", [None, "masking", "salt and pepper", "emphasis"])
def test_autoencoders(
    activation, decoder, loss, weight, tied, noise, make, data, several_blocks, rng
):
    X, _, w = data
    layout = ParameterLayout((N_FEATURES, N_UNITS, N_FEATURES), tied=tied)
    theta = layout.initialize(rng) + 0.1 * rng.randn(layout.n_parameters)
    corruption = emphasis = None
    if noise is not None:
        values = (0.0, 0.0) if noise == "masking" else (0.1, 0.8)
        corruption = Corruption(0.3, 5, values)
    if noise == "emphasis":
        emphasis = Emphasis(corruption, 0.4, N_FEATURES, X.dtype)
    on_device, in_memory = (
        AutoencoderObjective(
            rows.cut_for(sum(layout.sizes)).with_noise(corruption),
            layout,
            ACTIVATIONS[activation],
            RECONSTRUCTION_LOSSES[loss](ACTIVATIONS[decoder]),
            alpha=0.01,
            mean_penalty=KLSparsity(0.2, weight),
            emphasis=emphasis,
        )
        for rows in reversed(both_rows(make, X, None, w))
    )
    assert_same_objective(on_device, in_memory, theta)
    assert mean_loss(on_device, theta) == pytest.approx(mean_loss(in_memory, theta))


def test_the_penalty_in_one_pass(make, data, several_blocks, rng, monkeypatch):
    X, _, w = data
    layout = ParameterLayout((N_FEATURES, N_UNITS, N_FEATURES))
    theta = layout.initialize(rng)
    objective = AutoencoderObjective(
        RowsOnDevice(make(X), None, w, X.dtype).cut_for(19),
        layout,
        ACTIVATIONS["tanh"],
        RECONSTRUCTION_LOSSES["squared_error"](ACTIVATIONS["identity"]),
        alpha=0.01,
        mean_penalty=KLSparsity(0.2, 1.0),
    )
    value, gradient = objective.value_and_gradient(theta)
    monkeypatch.setattr(RowsOnDevice, "can_keep", lambda rows, n_bytes: False)
    in_one_pass, its_gradient = objective.value_and_gradient(theta)
    assert in_one_pass == pytest.approx(value, rel=1e-13)
    assert_allclose(its_gradient, gradient, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("activation", ACTIVATION_NAMES)
@pytest.mark.parametrize("widths", [(), (4,), (6, 5)])
@pytest.mark.parametrize("options", ["plain", "noise", "dropout", "pseudo-labels"])
def test_networks(activation, widths, options, make, data, several_blocks, rng):
    X, y, w = data
    layout = ParameterLayout((N_FEATURES, *widths, N_CLASSES))
    theta = layout.initialize(rng) + 0.1 * rng.randn(layout.n_parameters)
    noise = Corruption(0.3, 5, is_scaled=True) if options == "noise" else None
    dropout = None
    if options in ("dropout", "pseudo-labels") and widths:
        dropout = DropoutMasks(0.4, 8, widths)

    def objective(rows):
        pseudo_labels = None
        if options == "pseudo-labels":
            unlabeled = rows.with_targets(None, rows.weights).view(np.arange(20, 60))
            pseudo_labels = PseudoLabels.from_frequencies(
                unlabeled,
                0.8,
                2.0,
                totals=np.array([0.5, 0.3, 0.2]),
                class_weights=np.array([1.0, 2.0, 0.5]),
                align=True,
            )
        return NetworkObjective(
            rows.cut_for(sum(layout.sizes)).with_noise(noise),
            layout,
            tuple(ACTIVATIONS[activation] for _ in widths),
            alpha=0.01,
            hidden_alpha=0.002,
            dropout=dropout,
            max_norm=0.8,
            pseudo_labels=pseudo_labels,
        )

    in_memory, on_device = map(objective, both_rows(make, X, y, w))
    assert_same_objective(on_device, in_memory, theta)
    assert on_device.accuracy(theta) == pytest.approx(in_memory.accuracy(theta))
    placed = on_device.rows.place(theta)
    on_device.project(placed)
    in_memory.project(theta)
    assert_close(placed, theta)


def test_selections_of_rows(make, data, rng):
    X, y, w = data
    indices = rng.permutation(N_ROWS)[:30]
    mask = rng.rand(N_ROWS) < 0.5
    for select in (
        lambda rows: rows.take(indices),
        lambda rows: rows.take(mask),
        lambda rows: rows.view(indices),
        lambda rows: rows.view(indices).view(np.arange(3, 9)),
        lambda rows: rows.view(indices).batch(np.array([2, 7, 7]), 3),
        lambda rows: rows.take(indices).batch(np.array([2, 7, 7]), 3),
    ):
        in_memory, on_device = map(select, both_rows(make, X, y, w))
        assert on_device.n_rows == in_memory.n_rows
        everything = slice(0, in_memory.n_rows)
        for part, expected in zip(
            on_device.load(everything), in_memory.load(everything), strict=True
        ):
            assert_close(part, expected)


def test_propagated_rows(make, data, several_blocks, rng):
    X, y, w = data
    W = rng.rand(N_FEATURES, 4)
    in_memory, on_device = (
        rows.view(np.arange(10, 50)).propagate(lambda A, W: A @ W, rows.place(W))
        for rows in both_rows(make, X, y, w)
    )
    assert_close(on_device.X, in_memory.X)
    assert_array_equal(on_device.y, in_memory.y)
    assert_array_equal(on_device.weights, in_memory.weights)
    assert propagate(on_device, []) is on_device


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "bool", "int64"])
def test_types_range_and_statistics(dtype, make, data, several_blocks):
    X, _, w = data
    X = (4 * X).astype(dtype)
    computed = np.float32 if dtype in ("float32", "uint8", "bool") else np.float64
    rows = RowsOnDevice(make(X), None, w, np.dtype(computed))
    assert rows.value_range() == (float(X.min()), float(X.max()))
    assert str(rows.load(slice(0, 3))[0].dtype).endswith(np.dtype(computed).name)
    statistics = ActivationStatistics.from_rows(rows, [])
    expected = np.average(X, axis=0, weights=w)
    assert_allclose(statistics.mean, expected, rtol=1e-6)


def test_an_order_and_keys(make, data, global_random_seed):
    X, y, w = data
    rows = RowsOnDevice(make(X), y, w, X.dtype)
    order = rows.permutation(np.random.RandomState(global_random_seed))
    expected = np.random.RandomState(global_random_seed).permutation(N_ROWS)
    assert_array_equal(order, expected)
    content, library, _ = rows.key()
    assert_array_equal(content, X)
    assert library == RowsOnDevice(make(X), y, w, X.dtype).key()[1] != "numpy"


def test_adam_on_the_device(make, rng):
    theta = rng.randn(100)
    state, other = AdamState(theta), AdamState(make(theta))
    placed = make(theta)
    for _ in range(3):
        gradient = rng.randn(100)
        state.step(theta, gradient, 0.1)
        other.step(placed, make(gradient), 0.1)
    assert_close(placed, theta)
    again = AdamState.from_dict(other.to_dict(), make_numpy_first(make))
    assert_close(again.moment_2, state.moment_2)


def make_numpy_first(make):
    return lambda values: make(to_numpy(values))


def test_maps_of_rows(make, data, several_blocks):
    X, _, _ = data
    rows = RowsOnDevice(make(X), None, None, X.dtype)
    assert len(rows.slices) > 1 or X.nbytes <= device.BLOCK_BYTES
    assert_close(rows.map(forward_output, []), X)
