"""GridSearchCV with one and two processes: does anything oversubscribe the cores?

A search over four settings of `alpha` in three folds, on 6,000 rows of MNIST in
float32. While it runs, the threads of all its processes are counted that want a core
(state R); more of them than cores would be oversubscription. With ``n_jobs=1`` the
threads are those of the fits, with ``n_jobs=2`` each process has one. A search by
MLPClassifier with about as many iterations stands beside it, for its threads: the work
is not the same.

Run it with ``python docs/benchmarks/grid_search.py [--data mnist.npz] [--out DIR]``
(on Linux, where the states of threads can be read).
"""

import os
import threading
import warnings
from pathlib import Path

import joblib
import numpy as np
from _compare import format_seconds, measure, parser_with_out, report
from _mnist import load_mnist
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier

from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier

ALPHAS = [1e-5, 1e-4, 1e-3, 1e-2]
SAMPLING_SECONDS = 0.02


def main() -> None:
    """Search with each model and number of processes; print one table."""
    parser = parser_with_out(__doc__.splitlines()[0], rounds=5)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    data = load_mnist(arguments.data, "float32")
    n_rows = 600 if arguments.quick else 6_000
    X, y = data.X_train[:n_rows], data.y_train[:n_rows]
    models = {
        "skstackedae": StackedAutoencoderClassifier(
            (100,),
            autoencoder=SparseAutoencoder(max_iter=20),
            max_iter=20,
            random_state=0,
        ),
        "MLPClassifier": MLPClassifier(
            (100,), solver="lbfgs", activation="logistic", max_iter=40, random_state=0
        ),
    }
    samplers = {}
    searches = {}
    for name, model in models.items():
        for n_jobs in (1, 2):
            search = GridSearchCV(model, {"alpha": ALPHAS}, cv=3, n_jobs=n_jobs)
            key = (name, n_jobs)
            samplers[key] = RunningThreads()
            searches[key] = watched(samplers[key], search, X, y)
    timings = measure(searches, arguments.rounds)
    rows = [
        describe(name, n_jobs, timings, samplers[name, n_jobs].counts)
        for name, n_jobs in timings
    ]
    note = f"Medians of {arguments.rounds} rounds, with the range; "
    note += f"{joblib.cpu_count()} cores."
    report("grid_search", "Grid search", rows, arguments.out, note)


def describe(name, n_jobs, timings, counts):
    """Return a search's row of the table."""
    timing = timings[name, n_jobs]
    return {
        "model": name,
        "n_jobs": n_jobs,
        "time": format_seconds(timing),
        "times that of n_jobs=1": f"{timing.median / timings[name, 1].median:.2f}",
        "threads running (mean)": f"{np.mean(counts):.1f}",
        "95th percentile": f"{np.percentile(counts, 95):.0f}",
    }


class RunningThreads:
    """Counts of the threads that run or wait for a core, this sampler's left out."""

    def __init__(self):
        self.counts = []

    def __enter__(self):
        """Begin to count."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()

    def __exit__(self, *exception):
        """Stop counting."""
        self._stop.set()
        self._thread.join()

    def _sample(self):
        own = str(threading.get_native_id())
        while not self._stop.wait(SAMPLING_SECONDS):
            self.counts.append(n_running(os.getpid(), own))


def n_running(pid, own):
    """Count the threads in state R of a process and of its children."""
    count = 0
    for task in Path(f"/proc/{pid}/task").glob("*"):
        try:
            state = (task / "stat").read_text().rsplit(")", 1)[1].split()[0]
            children = (task / "children").read_text().split()
        except OSError:
            # The thread has ended meanwhile.
            continue
        count += state == "R" and task.name != own
        count += sum(n_running(child, own) for child in children)
    return count


def watched(sampler, search, X, y):
    """Return a function that fits the search under the sampler's eyes."""

    def fit():
        with sampler:
            search.fit(X, y)

    return fit


if __name__ == "__main__":
    main()
