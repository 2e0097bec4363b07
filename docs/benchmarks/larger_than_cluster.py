"""X on a cluster, larger than the memory of all its workers.

A dask array of random blocks, 4 GiB that no process ever holds, is fitted on two
workers of 1 GiB each, which spill to disk what they have no room for. The table has the
seconds of a fit, which computes X, and the peak of each process's memory.

Run it with ``python docs/benchmarks/larger_than_cluster.py [--limit 1GiB] [--size 4GiB]
[--folder DIR] [--out DIR]``. It needs the extra ``dask``, and as much room on the disk
as X has.
"""

import logging
import sys
import tempfile
import threading
import time
import warnings
from contextlib import contextmanager

import numpy as np
from _compare import parser_with_out, report

from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier

N_FEATURES, CHUNK_ROWS = 1024, 8192
N_UNITS, N_ITERATIONS = 64, 5


def main() -> None:
    """Fit both estimators on a LocalCluster with little memory; print a table."""
    parser = parser_with_out(__doc__.splitlines()[0], rounds=1)
    parser.add_argument("--limit", default="1GiB", help="memory of each worker")
    parser.add_argument("--size", default="4GiB", help="of X in float32")
    parser.add_argument("--folder", help="for spilled rows; default: the temporary one")
    arguments = parser.parse_args()
    try:
        import dask
        from dask.distributed import Client, LocalCluster
    except ImportError:
        sys.exit("larger_than_cluster.py needs Dask: pip install '.[dask]'")
    warnings.simplefilter("ignore")
    if arguments.quick:
        arguments.size = "96MiB"
    n_rows = dask.utils.parse_bytes(arguments.size) // (4 * N_FEATURES)
    rows = []
    with (
        tempfile.TemporaryDirectory(dir=arguments.folder) as folder,
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            memory_limit=arguments.limit,
            local_directory=folder,
            dashboard_address=":0",
            # It warns whenever a worker pauses to spill.
            silence_logs=logging.ERROR,
        ) as cluster,
        Client(cluster) as client,
    ):
        for name, model in models().items():
            X, y = random_rows(n_rows)
            with peaks_of_memory(list(client.run(process_id).values())) as peaks:
                start = time.perf_counter()
                model.fit(X, y)
                seconds = time.perf_counter() - start
            *of_workers, of_client = (f"{peak / 2**20:.0f} MiB" for peak in peaks)
            rows.append(
                {
                    "fit": name,
                    "seconds of the fit": f"{seconds:.0f}",
                    "peak of the workers": ", ".join(of_workers),
                    "peak of the client": of_client,
                }
            )
    note = f"X: {n_rows:,} rows of {N_FEATURES:,} in float32, {arguments.size}. "
    note += f"Two workers of {arguments.limit}; {N_ITERATIONS} iterations a stage."
    title = "Fits on X larger than a cluster's memory"
    report("larger_than_cluster", title, rows, arguments.out, note)


def random_rows(n_rows: int) -> tuple:
    """Return random rows and labels, as graphs that are not computed."""
    import dask.array as da

    shape = {"size": (n_rows, N_FEATURES), "chunks": (CHUNK_ROWS, N_FEATURES)}
    X = da.random.default_rng(0).random(dtype=np.float32, **shape)
    return X, (X[:, 0] > 0.5).astype(np.int8)


def models() -> dict:
    """Return the estimators by name."""
    budget = {"max_iter": N_ITERATIONS, "tol": 0, "random_state": 0}
    width = f"{N_FEATURES}-{N_UNITS}"
    return {
        f"SparseAutoencoder {width}": SparseAutoencoder(N_UNITS, **budget),
        f"StackedAutoencoderClassifier {width}-{N_UNITS}-2": (
            StackedAutoencoderClassifier(
                (N_UNITS, N_UNITS), autoencoder=SparseAutoencoder(**budget), **budget
            )
        ),
    }


def process_id() -> int:
    """Return the number of the process that calls it."""
    import os

    return os.getpid()


@contextmanager
def peaks_of_memory(numbers: list[int]):
    """Watch processes and this one; yield a list of peaks in bytes."""
    import psutil

    watched = [*map(psutil.Process, numbers), psutil.Process()]
    peaks, ended = [0] * len(watched), threading.Event()

    def watch() -> None:
        while not ended.wait(0.02):
            for position, process in enumerate(watched):
                peaks[position] = max(peaks[position], process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peaks
    finally:
        ended.set()
        watcher.join()


if __name__ == "__main__":
    main()
