"""
===========================
A million rows on a cluster
===========================

Rows that fit on no machine stay on the workers of a Dask cluster: only parameters and
gradients travel. Here the cluster has two processes of this machine, and a million
noisy digits exist on the workers alone.
"""

# %%
# Rows that the workers make
# --------------------------
# Each chunk is made by the worker that will keep it. Real rows would be read from files
# by ``dask.array.from_zarr`` or ``dask.dataframe.read_parquet``. In a script, processes
# that are started import it again, so what starts them stands below the line with
# ``__main__``.

import time

import dask.array as da
import matplotlib.pyplot as plt
import numpy as np
from dask.distributed import Client, LocalCluster, get_task_stream
from dask.utils import key_split
from sklearn.datasets import load_digits

from skstackedae import SparseAutoencoder

N_ROWS, CHUNK_ROWS = 1_000_000, 125_000


def noisy_digits(block_id):
    """Make one chunk: digits drawn at random, with noise."""
    rng = np.random.default_rng(block_id)
    digits = load_digits().data.astype(np.float32) / 16
    X = digits[rng.integers(len(digits), size=CHUNK_ROWS)]
    return np.clip(X + rng.normal(0, 0.1, X.shape), 0, 1).astype(np.float32)


def make_rows():
    """Return an array whose chunks are not computed yet."""
    chunks = ((CHUNK_ROWS,) * (N_ROWS // CHUNK_ROWS), (64,))
    return da.map_blocks(
        lambda block_id=None: noisy_digits(block_id),
        chunks=chunks,
        dtype=np.float32,
        meta=np.empty((0, 0), dtype=np.float32),
    )


# %%
# Fit and watch
# -------------
# ``fit`` finds the client and leaves the rows where they are. Dask records which worker
# did what and when: the picture below is drawn from that.

if __name__ == "__main__":
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0"
        ) as cluster,
        Client(cluster) as client,
    ):
        X = make_rows()
        autoencoder = SparseAutoencoder(
            25, sparsity_weight=0.1, tol=0.3, random_state=0
        )
        with get_task_stream(client) as stream:
            start = time.perf_counter()
            autoencoder.fit(X)
            seconds = time.perf_counter() - start
        first_codes = autoencoder.transform(X)[:3].compute()
    print(f"{N_ROWS:,} rows, {autoencoder.n_iter_} iterations: {seconds:.1f} s")
    print(f"codes, computed for three rows only: {first_codes.shape}")

# %%
# Three evaluations
# -----------------
# An evaluation of the loss and its gradient needs two rounds, because the sparsity
# penalty depends on the mean activations of all rows: first all parts are encoded, then
# decoded and differentiated. Chunks are joined to four parts of 64 MB. Both workers are
# busy most of the time; in the gaps sums travel, and the optimizer takes its step.

STEPS = {
    "keep_of_part": ("encode, sum activations", "#56B4E9"),
    "sum_of_part": ("decode, sum gradients", "#0072B2"),
    "add": ("add sums", "#D55E00"),
}
N_PARTS, N_SHOWN = 4, 3


def runs_of_steps(tasks):
    """Return (step, worker, start, stop) of each task, in the order of their starts."""
    runs = [
        (key_split(task["key"]), task["worker"], run["start"], run["stop"])
        for task in tasks
        for run in task["startstops"]
        if key_split(task["key"]) in STEPS and run["action"] == "compute"
    ]
    return sorted(runs, key=lambda run: run[2])


def draw(runs):
    """Draw the last evaluations, a line for each worker."""
    encoded = [start for step, _, start, _ in runs if step == "keep_of_part"]
    first, last = encoded[-(N_SHOWN + 1) * N_PARTS], encoded[-N_PARTS]
    workers = sorted({worker for _, worker, *_ in runs})
    figure, axis = plt.subplots(figsize=(8, 2.4), layout="constrained")
    for step, worker, start, stop in runs:
        if first <= start < last:
            # Sums are added in less time than a pixel has.
            milliseconds = max(1e3 * (stop - start), 4)
            axis.barh(
                *(workers.index(worker), milliseconds, 0.7, 1e3 * (start - first)),
                color=STEPS[step][1],
                edgecolor="white",
            )
    for label, color in STEPS.values():
        axis.barh(0, 0, color=color, label=label)
    axis.set_yticks(
        range(len(workers)), [f"worker {i + 1}" for i in range(len(workers))]
    )
    axis.set_xlim(left=0)
    axis.set_xlabel("milliseconds")
    axis.tick_params(axis="y", length=0)
    axis.spines[["top", "right", "left"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=3, frameon=False)


if __name__ == "__main__":
    draw(runs_of_steps(stream.data))
    plt.show()
