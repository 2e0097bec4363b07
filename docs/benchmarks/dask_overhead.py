"""What a cluster costs: evaluations on two worker processes beside two threads.

The same 100,000 rows of 784 features, in four chunks, are in this process and on a
LocalCluster of two workers with a thread each. The candidates evaluate value and
gradient in turn: an autoencoder of 200 hidden units, with kept activations and in one
pass, and the network 784-200-200-10. The last column compares the CPU seconds of the
same kernels in a worker, whose environment Dask changes, and in a process as it is.

Run it with ``python docs/benchmarks/dask_overhead.py [--out DIR]``. It needs the extra
``dask``.
"""

import os
import subprocess
import sys
import time
import warnings
from contextlib import closing

import numpy as np
from _compare import format_seconds, measure, parser_with_out, report

from skstackedae._network.activations import ACTIVATIONS
from skstackedae._network.layout import ParameterLayout
from skstackedae._network.losses import RECONSTRUCTION_LOSSES
from skstackedae._network.penalties import KLSparsity
from skstackedae._rows.blocks import RowsInBlocks
from skstackedae._rows.cluster import ChunkedArray, RowsOnCluster
from skstackedae._rows.threads import Threads
from skstackedae._training.objectives import AutoencoderObjective, NetworkObjective

N_ROWS, N_FEATURES, N_UNITS, N_CLASSES = 100_000, 784, 200, 10
N_CHUNKS = 4
KERNEL_ROWS, KERNEL_REPEATS = 10_000, 10


def main() -> None:
    """Measure on a LocalCluster; print one table."""
    parser = parser_with_out(__doc__.splitlines()[0], rounds=5)
    parser.add_argument("--kernel", action="store_true", help="CPU time alone")
    arguments = parser.parse_args()
    if arguments.kernel:
        print(kernel_seconds())
        return
    try:
        import dask.array as da
        from dask.distributed import Client, LocalCluster
    except ImportError:
        sys.exit("dask_overhead.py needs Dask: pip install '.[dask]'")
    warnings.simplefilter("ignore")
    n_rows = 2_000 if arguments.quick else N_ROWS
    X = np.random.default_rng(0).random((n_rows, N_FEATURES), dtype=np.float32)
    y = np.arange(n_rows) % N_CLASSES
    w = np.broadcast_to(np.float32(1 / n_rows), n_rows)
    rows = []
    options = {"threads_per_worker": 1, "dashboard_address": ":0"}
    with (
        LocalCluster(n_workers=2, **options) as cluster,
        Client(cluster) as client,
        closing(Threads(2)) as threads,
        threads,
    ):
        chunks = da.from_array(X, chunks=(n_rows // N_CHUNKS, N_FEATURES))
        X_on_workers = ChunkedArray.from_dask(chunks.persist())
        in_memory = RowsInBlocks(X, y, w, X.dtype, threads=threads)
        on_workers = RowsOnCluster(X_on_workers, y, w, X.dtype)
        cpu = cpu_ratio(client)
        for name, make in OBJECTIVES.items():
            timings = measure(
                {
                    "threads": evaluation(make, in_memory),
                    "workers": evaluation(make, on_workers),
                },
                arguments.rounds,
            )
            ratio = timings["workers"].median / timings["threads"].median
            rows.append(
                {
                    "objective": name,
                    "two threads": format_seconds(timings["threads"]),
                    "two workers": format_seconds(timings["workers"]),
                    "workers : threads": f"{ratio:.2f}",
                }
            )
    note = f"{n_rows:,} rows in {N_CHUNKS} chunks, float32. Medians of "
    note += f"{arguments.rounds} rounds, with the range. The kernels need {cpu:.2f} "
    note += "times as much CPU time in a worker as in a process of their own."
    report("dask_overhead", "Two workers and two threads", rows, arguments.out, note)


def autoencoder(rows, is_kept: bool) -> tuple:
    """Return the objective, and a vector at which it is evaluated."""
    layout = ParameterLayout((N_FEATURES, N_UNITS, N_FEATURES))
    objective = AutoencoderObjective(
        with_form(rows, is_kept)
        .with_targets(None, rows.weights)
        .cut_for(sum(layout.sizes)),
        layout,
        ACTIVATIONS["logistic"],
        RECONSTRUCTION_LOSSES["squared_error"](ACTIVATIONS["logistic"]),
        alpha=1e-4,
        mean_penalty=KLSparsity(0.1, 3.0),
    )
    return objective, layout.initialize(np.random.RandomState(0))


def network(rows) -> tuple:
    """Return the same for the network with a softmax layer."""
    layout = ParameterLayout((N_FEATURES, N_UNITS, N_UNITS, N_CLASSES))
    objective = NetworkObjective(
        rows.cut_for(sum(layout.sizes)),
        layout,
        (ACTIVATIONS["logistic"],) * 2,
        alpha=1e-4,
        hidden_alpha=1e-4,
    )
    return objective, layout.initialize(np.random.RandomState(0))


OBJECTIVES = {
    "autoencoder 784-200, activations kept": lambda rows: autoencoder(rows, True),
    "autoencoder 784-200, in one pass": lambda rows: autoencoder(rows, False),
    "network 784-200-200-10": network,
}


def with_form(rows, is_kept: bool):
    """Return rows that keep activations, or do not, whatever their size."""

    class Rows(type(rows)):
        def can_keep(self, n_bytes: int) -> bool:
            return is_kept

    return Rows(**{name: getattr(rows, name) for name in rows.__dataclass_fields__})


def evaluation(make, rows):
    """Return a function that evaluates an objective."""
    objective, theta = make(rows)
    return lambda: objective.value_and_gradient(theta)


def kernel_seconds() -> float:
    """Return CPU seconds of the kernels in this process, on one thread."""
    X = np.random.default_rng(0).random((KERNEL_ROWS, N_FEATURES), dtype=np.float32)
    w = np.broadcast_to(np.float32(1 / KERNEL_ROWS), KERNEL_ROWS)
    with closing(Threads(1)) as threads, threads:
        evaluate = evaluation(
            OBJECTIVES["autoencoder 784-200, activations kept"],
            RowsInBlocks(X, None, w, X.dtype, threads=threads),
        )
        evaluate()
        start = time.process_time()
        for _ in range(KERNEL_REPEATS):
            evaluate()
        return time.process_time() - start


def cpu_ratio(client) -> float:
    """Compare the kernels in a worker's environment with those in a process."""
    [environment] = list(client.run(lambda: dict(os.environ)).values())[:1]
    command = [sys.executable, __file__, "--kernel"]
    seconds = {}
    for _ in range(3):
        for name, env in (("worker", environment), ("process", dict(os.environ))):
            found = subprocess.run(command, check=True, env=env, capture_output=True)
            seconds.setdefault(name, []).append(float(found.stdout))
    return float(np.median(seconds["worker"]) / np.median(seconds["process"]))


if __name__ == "__main__":
    main()
