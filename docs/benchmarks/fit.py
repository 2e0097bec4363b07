"""Whole fits on MNIST, side by side with peers.

Four questions, each with a table:

- pipeline: the UFLDL exercise (784-200-200-10: two autoencoders, softmax, fine-tuning;
  equal numbers of L-BFGS iterations a stage, starting points of one distribution)
  against a whole-array numpy translation;
- adam: one epoch of Adam on 784-200-200-10 in batches of 200, against MLPClassifier, a
  plain PyTorch loop with fused Adam, and skorch;
- accuracy: seconds until 97.6 % of the test images are right, for each of them;
- small: one L-BFGS iteration on scikit-learn's digits (1,797 x 64), 64-100-10, against
  MLPClassifier.

Run it with ``python docs/benchmarks/fit.py [--data mnist.npz] [--out DIR]``; the full
exercise (``--iterations 200 --rounds 1 --parts pipeline``) takes an hour.
"""

import time
import warnings
from functools import partial

import numpy as np
from _compare import (
    format_seconds,
    measure,
    measure_by,
    parser_with_out,
    per_repeat,
    repeated,
    report,
)
from _mnist import load_mnist
from _numpy_network import autoencoder_cost, logistic, minimized, network_cost
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier
from skstackedae._network.layout import ParameterLayout

try:
    import _torch_network as in_torch
    import torch
    from skorch import NeuralNetClassifier
except ImportError:
    torch = None

HIDDEN = (200, 200)
SIZES = (784, *HIDDEN, 10)
ALPHA, RHO, BETA = 3e-3, 0.1, 3.0
SOFTMAX_ALPHA = 1e-4
BATCH_SIZE = 200
N_EPOCHS = 4
OURS = "skstackedae"
TARGET_ACCURACY = 0.976
# Numbers of epochs to try, in this order.
TRIED_EPOCHS = (5, 10, 15, 20, 25, 30, 40, 60)
# The same decay as the others; torch also decays biases.
TORCH_ADAM = {"fused": True, "weight_decay": 1e-4}


def main() -> None:
    """Run the chosen parts."""
    parts = {"pipeline": pipeline, "adam": adam_epochs, "accuracy": time_to_accuracy}
    parts["small"] = small_data
    parser = parser_with_out(__doc__.splitlines()[0], rounds=5)
    parser.add_argument("--parts", nargs="+", choices=parts, default=list(parts))
    parser.add_argument("--dtypes", nargs="+", default=["float32", "float64"])
    parser.add_argument("--iterations", type=int, help="a stage; default: 10")
    arguments = parser.parse_args()
    if arguments.iterations is None:
        arguments.iterations = 3 if arguments.quick else 10
    warnings.simplefilter("ignore", ConvergenceWarning)
    for part in arguments.parts:
        parts[part](arguments)


def pipeline(arguments):
    """Compare the exercise's stages with the translation's."""
    results, candidates = {}, {}
    for dtype in arguments.dtypes:
        data = shortened(load_mnist(arguments.data, dtype), arguments)
        for name, run in (("skstackedae", ours), ("numpy translation", translated)):
            key = f"{name}, {dtype}"
            candidates[key] = lambda key=key, run=run, data=data: results.update(
                {key: run(data, arguments.iterations)}
            )
    timings = measure(candidates, arguments.rounds, warm_up=False)
    base_name = f"numpy translation, {arguments.dtypes[-1]}"
    rows = [
        {
            "pipeline": name,
            "time": format_seconds(timing),
            f"{base_name} : this": f"{timings[base_name].median / timing.median:.2f}",
            "iterations of the stages": results[name][0],
            "test accuracy": f"{results[name][1]:.2%}",
        }
        for name, timing in timings.items()
    ]
    title = f"UFLDL exercise, at most {arguments.iterations} iterations a stage"
    note = f"Medians of {arguments.rounds} rounds, with the range."
    name = f"fit_pipeline_{arguments.iterations}"
    report(name, title, rows, arguments.out, note)


def shortened(data, arguments):
    """Take few rows if --quick is given."""
    if not arguments.quick:
        return data
    return data._replace(X_train=data.X_train[:400], y_train=data.y_train[:400])


def ours(data, n_iterations):
    """Fit this package's classifier."""
    budget = {"max_iter": n_iterations, "tol": 0}
    model = StackedAutoencoderClassifier(
        HIDDEN,
        autoencoder=SparseAutoencoder(
            alpha=ALPHA, sparsity_target=RHO, sparsity_weight=BETA, **budget
        ),
        alpha=SOFTMAX_ALPHA,
        random_state=0,
        **budget,
    ).fit(data.X_train, data.y_train)
    n_iter = [stage["n_iter"] for stage in model.history_]
    return n_iter, model.score(data.X_test, data.y_test)


def translated(data, n_iterations):
    """Run the exercise's stages on all rows at once."""
    A, Y = data.X_train, np.eye(10, dtype=data.X_train.dtype)[data.y_train]
    rng = np.random.RandomState(0)
    coefs, intercepts, iterations = [], [], []
    for n_in, n_out in zip(SIZES, HIDDEN, strict=False):
        layout = ParameterLayout((n_in, n_out, n_in))
        theta = layout.initialize(rng)
        penalties = (ALPHA, RHO, BETA)
        theta, n = minimized(
            autoencoder_cost, theta, n_iterations, A, layout, *penalties
        )
        (W, _), (b, _) = layout.unpack(theta)
        coefs.append(W)
        intercepts.append(b)
        iterations.append(n)
        A = logistic(A @ W.astype(A.dtype) + b.astype(A.dtype))
    layout = ParameterLayout((n_out, 10))
    decays = (SOFTMAX_ALPHA, SOFTMAX_ALPHA)
    theta = np.zeros(layout.n_parameters)
    theta, n = minimized(network_cost, theta, n_iterations, A, Y, layout, *decays)
    iterations.append(n)
    (W,), (b,) = layout.unpack(theta)
    layout = ParameterLayout(SIZES)
    theta = layout.pack([*coefs, W], [*intercepts, b])
    theta, n = minimized(
        network_cost, theta, n_iterations, data.X_train, Y, layout, *decays
    )
    iterations.append(n)
    return iterations, accuracy_of(theta, layout, data)


def accuracy_of(theta, layout, data):
    """Classify the test images with a flat vector's network."""
    coefs, intercepts = layout.unpack(theta)
    A = data.X_test
    for W, b in zip(coefs[:-1], intercepts[:-1], strict=True):
        A = logistic(A @ W + b)
    return np.mean((A @ coefs[-1] + intercepts[-1]).argmax(axis=1) == data.y_test)


def adam_epochs(arguments):
    """Compare the seconds of an epoch, by the clock and of CPU."""
    rows = []
    for dtype in arguments.dtypes:
        data = shortened(load_mnist(arguments.data, dtype), arguments)
        passes = adam_passes(data.X_train, data.y_train, dtype)
        timings, cpu_timings = measure_by(
            [time.perf_counter, time.process_time], passes, arguments.rounds
        )
        for name in passes:
            timing, cpu = timings[name], cpu_timings[name]
            rows.append(
                {
                    "dtype": dtype,
                    "fit": name,
                    "time of an epoch": format_seconds(per_repeat(timing, N_EPOCHS)),
                    "this : ours": f"{timing.median / timings[OURS].median:.2f}",
                    "CPU time": format_seconds(per_repeat(cpu, N_EPOCHS)),
                    "CPU, this : ours": f"{cpu.median / cpu_timings[OURS].median:.2f}",
                }
            )
    title = "One epoch of Adam, 784-200-200-10, batches of 200"
    note = f"Medians of {arguments.rounds} rounds of {N_EPOCHS} epochs, with the range."
    report("fit_adam", title, rows, arguments.out, note)


def adam_passes(X, y, dtype):
    """Return functions that make N_EPOCHS passes over the rows, each with its model."""
    passes = {
        name: partial(model.partial_fit, X, y, classes=np.unique(y))
        for name, model in (
            (OURS, adam_classifier(1)),
            ("MLPClassifier", multilayer_perceptron(1)),
        )
    }
    if torch is not None:
        network = in_torch.multilayer_perceptron(SIZES, dtype)
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, **TORCH_ADAM)
        passes["PyTorch, fused Adam"] = partial(
            *(in_torch.adam_epoch, network, optimizer),
            *(*in_torch.tensors(X, y), BATCH_SIZE),
        )
        passes["skorch"] = partial(skorch_classifier(1, dtype).partial_fit, X, y)
    return {name: repeated(one_pass, N_EPOCHS) for name, one_pass in passes.items()}


def adam_fits(data, dtype):
    """Return functions that train a new network for n epochs and return it."""
    X, y = data.X_train, data.y_train
    fits = {
        "skstackedae": lambda n: adam_classifier(n).fit(X, y),
        "MLPClassifier": lambda n: multilayer_perceptron(n).fit(X, y),
    }
    if torch is not None:
        fits["PyTorch, fused Adam"] = lambda n: torch_fit(n, X, y, dtype)
        fits["skorch"] = lambda n: skorch_classifier(n, dtype).fit(X, y)
    return fits


def adam_classifier(n_epochs):
    """Return this package's network without pretraining."""
    return StackedAutoencoderClassifier(
        HIDDEN,
        pretrain=False,
        solver="adam",
        batch_size=BATCH_SIZE,
        max_iter=n_epochs,
        tol=0,
        n_iter_no_change=TRIED_EPOCHS[-1],
        random_state=0,
    )


def multilayer_perceptron(n_epochs):
    """Return scikit-learn's network; it divides alpha by the rows of a batch."""
    return MLPClassifier(
        HIDDEN,
        activation="logistic",
        alpha=1e-4 * BATCH_SIZE,
        batch_size=BATCH_SIZE,
        max_iter=n_epochs,
        tol=0,
        n_iter_no_change=TRIED_EPOCHS[-1],
        random_state=0,
    )


def torch_fit(n_epochs, X, y, dtype):
    """Train a network in a plain loop."""
    torch.manual_seed(0)
    network = in_torch.multilayer_perceptron(SIZES, dtype)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, **TORCH_ADAM)
    X, y = in_torch.tensors(X, y)
    for _ in range(n_epochs):
        in_torch.adam_epoch(network, optimizer, X, y, BATCH_SIZE)
    return network


def skorch_classifier(n_epochs, dtype):
    """Wrap the same network and optimizer by skorch."""
    torch.manual_seed(0)
    return NeuralNetClassifier(
        in_torch.multilayer_perceptron(SIZES, dtype),
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        **{f"optimizer__{key}": value for key, value in TORCH_ADAM.items()},
        lr=1e-3,
        batch_size=BATCH_SIZE,
        max_epochs=n_epochs,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )


def time_to_accuracy(arguments):
    """Compare the seconds of the shortest fit that reaches the target accuracy."""
    data = shortened(load_mnist(arguments.data, "float32"), arguments)
    tried = TRIED_EPOCHS[:1] if arguments.quick else TRIED_EPOCHS
    fits = adam_fits(data, "float32")
    n_epochs = {name: epochs_needed(fit, data, tried) for name, fit in fits.items()}
    timings = measure(
        {name: lambda n=name: fits[n](n_epochs[n] or tried[-1]) for name in fits},
        arguments.rounds,
        warm_up=False,
    )
    base = timings[OURS].median
    rows = [
        {
            "fit": name,
            "epochs": n_epochs[name] or f"not reached in {tried[-1]}",
            "time": format_seconds(timing),
            "ratio to ours": f"{timing.median / base:.2f}",
        }
        for name, timing in timings.items()
    ]
    title = f"Adam until {TARGET_ACCURACY:.1%} on the test images (float32, one seed)"
    note = f"Medians of {arguments.rounds} fits, with the range. Tried: "
    note += f"{', '.join(map(str, tried))} epochs; skstackedae first trains only the "
    note += "softmax layer for the same number of epochs."
    report("fit_accuracy", title, rows, arguments.out, note)


def epochs_needed(fit, data, tried):
    """Find the first of these numbers of epochs that reaches the target, or None."""
    for n_epochs in tried:
        if accuracy_after(fit, n_epochs, data) >= TARGET_ACCURACY:
            return n_epochs
    return None


def accuracy_after(fit, n_epochs, data):
    """Fit anew and classify the test images."""
    model = fit(n_epochs)
    if hasattr(model, "predict"):
        return np.mean(model.predict(data.X_test) == data.y_test)
    with torch.inference_mode():
        logits = model(torch.from_numpy(data.X_test))
    return np.mean(logits.argmax(dim=1).numpy() == data.y_test)


def small_data(arguments):
    """Compare the seconds of an L-BFGS iteration, whole fits divided by n_iter_."""
    X, y = load_digits(return_X_y=True)
    budget = {"max_iter": 20 if arguments.quick else 100, "tol": 0, "random_state": 0}
    rows = []
    for dtype in arguments.dtypes:
        data = (X / 16).astype(dtype), y
        models = {
            "skstackedae": StackedAutoencoderClassifier(
                (100,), pretrain=False, **budget
            ),
            "MLPClassifier": MLPClassifier(
                (100,),
                activation="logistic",
                solver="lbfgs",
                alpha=1e-4 * len(X),
                **budget,
            ),
        }
        timings = measure(
            {name: lambda m=model, d=data: m.fit(*d) for name, model in models.items()},
            arguments.rounds,
        )
        for name, timing in timings.items():
            n_iter = models[name].n_iter_
            per_iteration = per_repeat(timing, n_iter)
            rows.append(
                {
                    "dtype": dtype,
                    "fit": name,
                    "iterations": n_iter,
                    "time of an iteration": format_seconds(per_iteration),
                }
            )
    title = "L-BFGS on small data, 1,797 x 64, 64-100-10"
    note = f"Medians of {arguments.rounds} fits divided by their iterations; the time "
    note += "of skstackedae includes softmax training, the iterations do not."
    report("fit_small", title, rows, arguments.out, note)


if __name__ == "__main__":
    main()
