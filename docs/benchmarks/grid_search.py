"""GridSearchCV: does it oversubscribe the cores, and what does cached pretraining save?

A search over four settings of `alpha` in three folds, on 6,000 rows of MNIST in
float32. During the search, the script counts the threads of all processes that run or
wait for a core (state R). More threads than cores are oversubscription. With
``n_jobs=1`` the fits use threads, with ``n_jobs=2`` each process has one thread. For
comparison of the threads, a search by MLPClassifier has about as many iterations; the
work is not the same.

A second table compares searches over eight settings of `alpha` with and without
``memory=``: pretraining of 200 iterations a layer, softmax training and fine-tuning of
50, in three folds, ``n_jobs=1``. The cache is empty when each search begins.

Run it with ``python docs/benchmarks/grid_search.py [--data mnist.npz] [--out DIR]``
(on Linux, where the states of threads can be read).
"""

import os
import tempfile
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
    """Answer both questions."""
    parser = parser_with_out(__doc__.splitlines()[0], rounds=5)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    data = load_mnist(arguments.data, "float32")
    n_rows = 200 if arguments.quick else 6_000
    X, y = data.X_train[:n_rows], data.y_train[:n_rows]
    oversubscription(X, y, arguments)
    cached_pretraining(X, y, arguments)


def oversubscription(X, y, arguments):
    """Search with each model and number of processes, and count threads."""
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


def cached_pretraining(X, y, arguments):
    """Compare a search that pretrains once for each fold with one without a cache."""
    n_pretraining, n_supervised = (5, 2) if arguments.quick else (200, 50)
    searches = {}

    def search(memory):
        classifier = StackedAutoencoderClassifier(
            (100, 50),
            autoencoder=SparseAutoencoder(max_iter=n_pretraining, tol=0),
            max_iter=n_supervised,
            tol=0,
            memory=memory,
            random_state=0,
        )
        alphas = {"alpha": np.logspace(-6, -2.5, 8)}
        return GridSearchCV(classifier, alphas, cv=3, n_jobs=1).fit(X, y)

    def with_cache():
        with tempfile.TemporaryDirectory() as folder:
            searches["with memory"] = search(folder)

    def without_cache():
        searches["without"] = search(None)

    timings = measure(
        {"without": without_cache, "with memory": with_cache},
        arguments.rounds,
        warm_up=False,
    )
    rows = [
        {
            "search": name,
            "time": format_seconds(timing),
            "without : this": f"{timings['without'].median / timing.median:.2f}",
            "same scores": bool(
                np.array_equal(
                    searches[name].cv_results_["mean_test_score"],
                    searches["without"].cv_results_["mean_test_score"],
                )
            ),
            "best score": f"{searches[name].best_score_:.4f}",
        }
        for name, timing in timings.items()
    ]
    note = f"{len(X):,} rows; medians of {arguments.rounds} rounds, with the range."
    title = "Search over 8 settings of alpha, pretraining cached and not"
    report("grid_search_memory", title, rows, arguments.out, note)


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
    """Counts of the threads that run or wait for a core, except the sampler's own."""

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
    """Return a function that fits the search while the sampler counts threads."""

    def fit():
        with sampler:
            search.fit(X, y)

    return fit


if __name__ == "__main__":
    main()
