"""X on disk, larger than the memory that the process may use.

A process that may use 1 GiB of memory of its own (``RLIMIT_DATA`` of Linux) fits both
estimators on 4 GiB of bytes in a file, which are 16 GiB in float32. The table has the
seconds of an iteration, and the peak of the memory that belongs to the process alone
(``RssAnon``; pages of the file do not count, because the system takes them back where
memory is short). A second table compares rows on disk with the same rows in memory: the
time of a fit, and whether the models are the same, bit for bit.

The rows are made in a temporary file: 200 prototypes of 784 bytes with noise, and the
label of each prototype. Before the fits the system is asked to forget the file, so that
the first pass reads from the disk.

Run it with ``python docs/benchmarks/larger_than_memory.py [--limit 1GiB] [--size 4GiB]
[--units 100] [--iterations 3] [--folder DIR] [--out DIR]``, on Linux.
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from _compare import format_seconds, measure, parser_with_out, report
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning

from skstackedae import RowsOnDisk, SparseAutoencoder, StackedAutoencoderClassifier

N_FEATURES = 784
N_PROTOTYPES, N_CLASSES = 200, 10
ROWS_AT_ONCE = 20_000
# So many rows fit in memory for the comparison, and so many iterations are timed.
N_COMPARED, COMPARED_ITERATIONS = 100_000, 4


def main() -> None:
    """Make the file, fit in a process with little memory, and compare with memory."""
    parser = parser_with_out(__doc__.splitlines()[0], rounds=3)
    parser.add_argument("--limit", type=n_bytes, default=n_bytes("1GiB"))
    parser.add_argument("--size", type=n_bytes, default=n_bytes("4GiB"))
    parser.add_argument("--units", type=int, default=100)
    parser.add_argument("--iterations", type=int, default=3)
    parser.add_argument("--folder", help="of the file; default: the temporary one")
    parser.add_argument("--fit", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.filterwarnings("ignore", "Most units")
    if arguments.fit is not None:
        fit_all(Path(arguments.fit), arguments)
        return
    if arguments.quick:
        arguments.size, arguments.units = n_bytes("40MiB"), 10
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        path = Path(folder) / "X.bin"
        write_rows(path, arguments.size // N_FEATURES)
        under_the_limit(path, arguments)
        compare_with_memory(path, arguments)


def n_bytes(text: str) -> int:
    """Read a size such as 4GiB."""
    number, unit = re.fullmatch(r"([\d.]+) ?(MiB|GiB)", text).groups()
    return int(float(number) * 2 ** {"MiB": 20, "GiB": 30}[unit])


def write_rows(path: Path, n_rows: int) -> None:
    """Write rows to a file, and their labels to another one."""
    rng = np.random.default_rng(0)
    prototypes = rng.integers(0, 192, size=(N_PROTOTYPES, N_FEATURES), dtype=np.uint8)
    labels = rng.integers(N_PROTOTYPES, size=n_rows)
    with path.open("wb") as file:
        for start in range(0, n_rows, ROWS_AT_ONCE):
            rows = prototypes[labels[start : start + ROWS_AT_ONCE]]
            rows += rng.integers(0, 64, size=rows.shape, dtype=np.uint8)
            rows.tofile(file)
    np.save(path.with_suffix(".npy"), (labels % N_CLASSES).astype(np.int8))
    forget(path)


def forget(path: Path) -> None:
    """Ask the system to drop the pages of the file that it has in memory."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def open_rows(path: Path) -> np.memmap:
    """Return the bytes of the file."""
    n_rows = path.stat().st_size // N_FEATURES
    return np.memmap(path, np.uint8, mode="r", shape=(n_rows, N_FEATURES))


def scale(block: np.ndarray) -> np.ndarray:
    """Scale bytes to [0, 1]."""
    block /= 255
    return block


def models(n_units: int, n_iterations: int) -> dict:
    """Return the estimators by name; each stage has so many iterations or epochs."""
    budget = {"max_iter": n_iterations, "tol": 0, "random_state": 0}
    few = {"sparsity_weight": 0.1, **budget}
    width = f"{N_FEATURES}-{n_units}"
    return {
        f"SparseAutoencoder {width}, lbfgs": SparseAutoencoder(n_units, **few),
        f"SparseAutoencoder {width}, adam": SparseAutoencoder(
            n_units, **{**few, "solver": "adam", "max_iter": 1}
        ),
        f"StackedAutoencoderClassifier {width}-{n_units}-10, lbfgs": (
            StackedAutoencoderClassifier(
                (n_units, n_units), autoencoder=SparseAutoencoder(**few), **budget
            )
        ),
    }


def under_the_limit(path: Path, arguments) -> None:
    """Fit in a process with a limit, and print its table."""
    command = [sys.executable, __file__, "--fit", str(path)]
    command += ["--units", str(arguments.units)]
    command += ["--iterations", str(arguments.iterations)]

    def limit_memory() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (arguments.limit, arguments.limit))

    found = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, preexec_fn=limit_memory
    )
    rows = json.loads(found.stdout)
    gib = 2**30
    note = (
        f"X: {open_rows(path).shape[0]:,} rows, {arguments.size / gib:.3g} GiB in the "
        f"file, {4 * arguments.size / gib:.3g} GiB in float32. Limit of the process: "
        f"{arguments.limit / gib:.3g} GiB. An iteration of the classifier is one of "
        "all its stages."
    )
    title = "Fits on X larger than memory"
    report("larger_than_memory", title, rows, arguments.out, note)


def fit_all(path: Path, arguments) -> None:
    """Fit the models in this process; print what it took as JSON."""
    labels = np.load(path.with_suffix(".npy"))
    rows = []
    for name, model in models(arguments.units, arguments.iterations).items():
        forget(path)
        X = RowsOnDisk(open_rows(path), transform=scale)
        with peak_of_own_memory() as peak:
            start = time.perf_counter()
            model.fit(X, labels)
            seconds = time.perf_counter() - start
        n_iter = [stage["n_iter"] for stage in getattr(model, "history_", [])]
        spent = [stage["seconds"] for stage in getattr(model, "history_", [])]
        each = sum(spent) / max(n_iter) if n_iter else seconds / model.n_iter_
        rows.append(
            {
                "fit": name,
                "seconds of the fit": f"{seconds:.0f}",
                "seconds of an iteration": f"{each:.1f}",
                "peak of memory": f"{peak[0] / 2**20:.0f} MiB",
            }
        )
    print(json.dumps(rows))


@contextmanager
def peak_of_own_memory():
    """Watch the memory of the process that is not of files; yield [bytes]."""
    peak, ended = [0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.01):
            status = Path("/proc/self/status").read_text()
            anonymous = re.search(r"RssAnon:\s+(\d+) kB", status)
            peak[0] = max(peak[0], 1024 * int(anonymous[1]))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        ended.set()
        watcher.join()


def compare_with_memory(path: Path, arguments) -> None:
    """Time the same fits on disk and in memory, and compare the models."""
    stored = open_rows(path)[:N_COMPARED]
    labels = np.load(path.with_suffix(".npy"))[:N_COMPARED]
    on_disk = RowsOnDisk(stored, transform=scale)
    in_memory = np.asarray(on_disk)
    rows = []
    for name, model in models(arguments.units, COMPARED_ITERATIONS).items():
        # Both in one pass, or the form would be compared with the form in two.
        with config_context(working_memory=0):
            fits = {
                where: lambda X=X, model=model: model.fit(X, labels)
                for where, X in (("memory", in_memory), ("disk", on_disk))
            }
            timings = measure(fits, arguments.rounds)
            coefs = [fit().coefs_ for fit in fits.values()]
        with config_context(working_memory=1024):
            two_passes = measure({"memory": fits["memory"]}, arguments.rounds)
        is_same = all(map(np.array_equal, *coefs))
        rows.append(
            {
                "fit": name,
                "in memory": format_seconds(timings["memory"]),
                "on disk": format_seconds(timings["disk"]),
                "on disk : in memory": (
                    f"{timings['disk'].median / timings['memory'].median:.2f}"
                ),
                "on disk : in memory, activations kept": (
                    f"{timings['disk'].median / two_passes['memory'].median:.2f}"
                ),
                "same model": "yes" if is_same else "no",
            }
        )
    note = (
        f"{len(stored):,} rows, {COMPARED_ITERATIONS} iterations a stage, or one epoch "
        f"of 'adam'. Medians of {arguments.rounds} rounds, with the range. The file is "
        "in the memory of the system."
    )
    name, title = "larger_than_memory_ratio", "The same rows on disk and in memory"
    report(name, title, rows, arguments.out, note)


if __name__ == "__main__":
    main()
