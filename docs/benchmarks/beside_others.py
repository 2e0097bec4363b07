"""How a fit shares its machine: time beside other busy processes.

On a shared machine, in a container with a quota, or in a search over all cores, a fit
seldom has the cores for itself. Threads that wait for each other then wait for the
slowest of them. Processes that only count keep a core busy each, while these tasks run
on 10,000 images of MNIST (float32, 784-200-200-10):

- an epoch of Adam, in mini-batches of 200 (`partial_fit`),
- an iteration of L-BFGS, without pretraining,
- predict_proba of all images,
- a grid search over four values of alpha in three folds with ``n_jobs=2``, each fit
  with two epochs of Adam.

This package, MLPClassifier and PyTorch run in turn, each with as many threads as it
takes by itself. The table has the seconds by the clock and the seconds of CPU, of the
process and its children.

Run it with ``python docs/benchmarks/beside_others.py [--data mnist.npz] [--out DIR]
[--tasks NAME ...]`` (on Linux, where the CPU seconds of processes can be read).
"""

import os
import subprocess
import sys
import time
import warnings
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
from _compare import (
    REST_SECONDS,
    format_seconds,
    measure_by,
    parser_with_out,
    per_repeat,
    repeated,
    report,
)
from _mnist import load_mnist
from fit import (
    HIDDEN,
    N_EPOCHS,
    OURS,
    SIZES,
    adam_classifier,
    adam_passes,
    multilayer_perceptron,
    skorch_classifier,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier

from skstackedae import StackedAutoencoderClassifier

try:
    import _torch_network as in_torch
    import skorch  # noqa: F401 - the peers come together, as in fit.py
    import torch
except ImportError:
    torch = None

N_BUSY = (0, 1, 2)
N_ITERATIONS, N_PREDICTIONS = 10, 10
TORCH = "PyTorch"
COLORS = {
    OURS: "#0072B2",
    "MLPClassifier": "#C77700",
    TORCH: "#555555",
    "PyTorch, fused Adam": "#555555",
    "skorch": "#555555",
}
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Time every task beside each number of busy processes; print one table."""
    parser = parser_with_out(__doc__.splitlines()[0], rounds=5)
    parser.add_argument("--tasks", nargs="+", help="default: all")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    data = load_mnist(arguments.data, "float32")
    n_rows = 400 if arguments.quick else 10_000
    X, y = data.X_train[:n_rows], data.y_train[:n_rows]
    rows = []
    for task, candidates in tasks(X, y).items():
        if arguments.tasks is not None and task not in arguments.tasks:
            continue
        for run in candidates[0].values():
            run()
        for n_busy in N_BUSY:
            with busy_processes(n_busy) as others:
                rows += measured(task, candidates, n_busy, others, arguments.rounds)
    note = f"{n_rows:,} images. Medians of {arguments.rounds} rounds, with the range."
    table = [
        {column: value for column, value in row.items() if column != "seconds"}
        for row in rows
    ]
    report("beside_others", "Beside busy processes", table, arguments.out, note)
    if arguments.out is not None and arguments.tasks is None:
        draw(rows).savefig(arguments.out / "beside_others.png", dpi=200)


def tasks(X, y):
    """Return, for each task, the candidates, and how often they repeat it."""
    theirs = "MLPClassifier"
    passes = adam_passes(X, y, "float32")
    passes.pop("skorch", None)
    iterations = {
        OURS: lambda: our_lbfgs().fit(X, y),
        theirs: lambda: their_lbfgs(len(X)).fit(X, y),
    }
    predictions = {
        OURS: partial(adam_classifier(1).fit(X, y).predict_proba, X),
        theirs: partial(multilayer_perceptron(1).fit(X, y).predict_proba, X),
    }
    searches = {
        OURS: lambda: search(adam_classifier(2)).fit(X, y),
        theirs: lambda: search(multilayer_perceptron(2)).fit(X, y),
    }
    if torch is not None:
        network = in_torch.multilayer_perceptron(SIZES, "float32")
        iterations[TORCH] = partial(torch_lbfgs, X, y)
        predictions[TORCH] = partial(torch_predict_proba, network, X)
        decay = "optimizer__weight_decay"
        searches["skorch"] = lambda: search(skorch_classifier(2, "float32"), decay).fit(
            X, y
        )
    predictions = {
        name: repeated(predict, N_PREDICTIONS) for name, predict in predictions.items()
    }
    return {
        "epoch of Adam": (passes, N_EPOCHS),
        "iteration of L-BFGS": (iterations, N_ITERATIONS),
        "predict_proba": (predictions, N_PREDICTIONS),
        "grid search": (searches, 1),
    }


def our_lbfgs():
    """Return this package's network with L-BFGS."""
    return StackedAutoencoderClassifier(
        HIDDEN, pretrain=False, max_iter=N_ITERATIONS, tol=0, random_state=0
    )


def their_lbfgs(n_rows):
    """Return scikit-learn's network with L-BFGS; it divides alpha by the rows."""
    return MLPClassifier(
        HIDDEN,
        activation="logistic",
        solver="lbfgs",
        alpha=1e-4 * n_rows,
        max_iter=N_ITERATIONS,
        random_state=0,
    )


def torch_lbfgs(X, y):
    """Train a network by the L-BFGS of PyTorch."""
    torch.manual_seed(0)
    network = in_torch.multilayer_perceptron(SIZES, "float32")
    X, y = in_torch.tensors(X, y)
    optimizer = torch.optim.LBFGS(
        network.parameters(), max_iter=N_ITERATIONS, line_search_fn="strong_wolfe"
    )

    def evaluate():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(X), y)
        loss.backward()
        return loss

    optimizer.step(evaluate)


def torch_predict_proba(network, X):
    """Predict class probabilities."""
    with torch.inference_mode():
        return torch.softmax(network(torch.from_numpy(X)), dim=1).numpy()


def search(model, parameter="alpha"):
    """Return a search by two processes."""
    return GridSearchCV(model, {parameter: [1e-5, 1e-4, 1e-3, 1e-2]}, cv=3, n_jobs=2)


@contextmanager
def busy_processes(n_busy):
    """Start processes that only count; end them."""
    command = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(command) for _ in range(n_busy)]
    try:
        # They start to count.
        time.sleep(REST_SECONDS)
        yield others
    finally:
        for other in others:
            other.kill()
            other.wait()


def measured(task, candidates, n_busy, others, rounds):
    """Run the candidates of a task in turn; return the lines of the table."""
    cpu_clock = partial(cpu_time, os.getpid(), {other.pid for other in others})
    functions, repeats = candidates
    timings, cpu_timings = measure_by(
        [time.perf_counter, cpu_clock], functions, rounds, warm_up=False
    )
    lines = []
    for name in functions:
        timing, cpu = timings[name], cpu_timings[name]
        lines.append(
            {
                "task": task,
                "busy processes": n_busy,
                "by": name,
                "time": format_seconds(per_repeat(timing, repeats)),
                "this : ours": f"{timing.median / timings[OURS].median:.2f}",
                "CPU time": format_seconds(per_repeat(cpu, repeats)),
                "CPU, this : ours": f"{cpu.median / cpu_timings[OURS].median:.2f}",
                "seconds": timing.median / repeats,
            }
        )
    return lines


def cpu_time(pid, apart):
    """Return the CPU seconds of a process and its children, but of some of them."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        tasks_of_pid = list(Path(f"/proc/{pid}/task").glob("*"))
        children = [(task / "children").read_text().split() for task in tasks_of_pid]
    except OSError:
        # The process or one of its threads has ended meanwhile.
        return 0.0
    own = (int(stat[11]) + int(stat[12])) / CLOCK_TICKS
    return own + sum(
        cpu_time(child, apart)
        for of_thread in children
        for child in map(int, of_thread)
        if child not in apart
    )


def draw(rows):
    """Draw the seconds of each task against the number of busy processes."""
    names = list(dict.fromkeys(row["task"] for row in rows))
    # At the width of a page, 7.2 inches, letters have the size of the text.
    figure, axes = plt.subplots(
        2, 2, figsize=(7.2, 5.4), sharex=True, layout="constrained"
    )
    figure.get_layout_engine().set(wspace=0.06, hspace=0.06)
    for axis, task in zip(axes.flat, names, strict=True):
        unit, scale = "milliseconds", 1e3
        if task == "grid search":
            unit, scale = "seconds", 1
        for name, color in COLORS.items():
            line = [r for r in rows if r["task"] == task and r["by"] == name]
            if not line:
                continue
            x = [row["busy processes"] for row in line]
            seconds = [scale * row["seconds"] for row in line]
            width = 2.5 if name == OURS else 1.5
            axis.plot(x, seconds, "o-", color=color, linewidth=width)
            axis.annotate(
                name.split(",")[0],
                (x[-1], seconds[-1]),
                (8, -2 if name == OURS else 1),
                textcoords="offset points",
                color=color,
                fontweight="bold" if name == OURS else "normal",
                va="center",
            )
        axis.set_title(task, fontsize=11)
        axis.set_ylabel(unit)
        axis.set_xticks(N_BUSY)
        axis.set_xlim(-0.1, 3.3)
        axis.set_ylim(bottom=0)
        axis.spines[["top", "right"]].set_visible(False)
        axis.spines.bottom.set_bounds(-0.1, 2)
    for axis in axes[1]:
        axis.set_xlabel("other processes that keep a core busy", x=0, ha="left")
    return figure


if __name__ == "__main__":
    main()
