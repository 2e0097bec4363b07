"""How many workers an X wants: the cost of an evaluation, measured and extrapolated.

Value and gradient of the autoencoder 784-200 with kept activations, which are two
rounds of tasks, take about

    rows * c / cores + rounds * (a + b * parts) + sent / bandwidth

seconds on a cluster. ``sent`` are the bytes that one worker must wait for: parameters
in float32 that go down to all workers (one copy for each group of eight, then one for
each worker), and sums in float64 that come up a tree of width eight. The script
measures ``c`` (CPU seconds of a row, in as many processes as there are workers),
``a`` and ``b`` (rounds of tasks on hardly any rows, in few and in many parts) and the
bandwidth (the same with all parameters). It predicts evaluations of three sizes on one
worker and on two, measures them, and extrapolates to clusters of many machines.

Run it with ``python docs/benchmarks/cost_model.py [--out DIR]``. It needs the extra
``dask``, matplotlib, and 6 GB of memory.
"""

import sys
import time
import warnings
from contextlib import closing
from dataclasses import dataclass
from math import ceil

import numpy as np
from _compare import measure, parser_with_out, report

from skstackedae._network.activations import ACTIVATIONS
from skstackedae._network.layout import ParameterLayout
from skstackedae._network.losses import RECONSTRUCTION_LOSSES
from skstackedae._network.penalties import KLSparsity
from skstackedae._rows import cluster as on_cluster
from skstackedae._rows.blocks import RowsInBlocks
from skstackedae._rows.cluster import ChunkedArray, RowsOnCluster
from skstackedae._rows.threads import Threads
from skstackedae._training.objectives import AutoencoderObjective

N_FEATURES, N_UNITS = 784, 200
N_PARAMETERS = ParameterLayout((N_FEATURES, N_UNITS, N_FEATURES)).n_parameters
ROUNDS = 2
CHUNK_ROWS = 20_000
SIZES = (60_000, 240_000, 800_000)
WORKERS = (1, 2)
# Parts of hardly any rows, for the cost of a round.
FEW_PARTS, MANY_PARTS = 2, 64

# The clusters to which the model is extrapolated.
CORES_OF_A_WORKER = 8
NETWORK_BYTES = 1.25e9  # a second, of 10 Gbit/s
MEMORY_OF_A_WORKER = 64 * 2**30
MANY_ROWS = tuple(10**power for power in range(6, 11))
MANY_WORKERS = tuple(2**power for power in range(10))


def main() -> None:
    """Measure on LocalClusters, compare with the model, and extrapolate."""
    parser = parser_with_out(__doc__.splitlines()[0], rounds=5)
    arguments = parser.parse_args()
    try:
        from dask.distributed import Client, LocalCluster
    except ImportError:
        sys.exit("cost_model.py needs Dask: pip install '.[dask]'")
    warnings.simplefilter("ignore")
    if arguments.quick:
        global SIZES, CHUNK_ROWS
        SIZES, CHUNK_ROWS = (2_000, 4_000), 1_000
    rows = []
    for n_workers in WORKERS:
        options = {"n_workers": n_workers, "threads_per_worker": 1, "memory_limit": 0}
        with (
            LocalCluster(dashboard_address=":0", **options) as cluster,
            Client(cluster) as client,
        ):
            costs = measure_costs(client, arguments.rounds)
            for n_rows in SIZES:
                found = seconds_of(rows_of_size(n_rows), arguments.rounds)
                n_parts = ceil(n_rows / CHUNK_ROWS)
                expected = costs.predict(n_rows, n_workers, n_parts, n_workers)
                rows.append(
                    {
                        "workers": n_workers,
                        "rows": f"{n_rows:,}",
                        "predicted": f"{expected:.2f} s",
                        "measured": f"{found:.2f} s",
                        "predicted : measured": f"{expected / found:.2f}",
                    }
                )
    note = f"Constants with {n_workers} workers: {costs}. Chunks of {CHUNK_ROWS:,} rows"
    note += f" in float32; medians of {arguments.rounds} rounds."
    report("cost_model", "Cost model and measurement", rows, arguments.out, note)
    extrapolate(costs, arguments.out)


@dataclass(frozen=True)
class Costs:
    """What the model is made of."""

    of_row: float
    of_round: float
    of_part: float
    bandwidth: float

    def __str__(self) -> str:
        return (
            f"{1e6 * self.of_row:.2f} µs of one core for a row, "
            f"{1e3 * self.of_round:.1f} ms for a round and "
            f"{1e3 * self.of_part:.2f} ms for each of its parts, "
            f"{self.bandwidth / 1e9:.2f} GB/s"
        )

    def predict(self, n_rows: int, n_workers: int, n_parts: int, n_cores: int) -> float:
        """Return the seconds of an evaluation."""
        # The last round of tasks is not full.
        rows_of_core = n_rows * ceil(n_parts / n_cores) / n_parts
        return (
            rows_of_core * self.of_row
            + ROUNDS * (self.of_round + self.of_part * n_parts)
            + N_PARAMETERS * bytes_sent(n_workers, n_parts) / self.bandwidth
        )


def bytes_sent(n_workers: int, n_parts: int) -> int:
    """Return the bytes of each parameter for which an evaluation waits."""
    width = on_cluster.TREE_WIDTH
    receivers = n_workers
    if n_workers > width:
        receivers = ceil(n_workers / width) + width
    down = 4 * (1 + receivers)
    up = 8
    while n_parts > 1:
        up += 8 * min(width, n_parts)
        n_parts = ceil(n_parts / width)
    return ROUNDS * down + up


def objective_of(rows, n_features: int, n_units: int):
    """Return a function that evaluates the autoencoder, and its parameters."""
    sizes = ParameterLayout((n_features, n_units, n_features))
    objective = AutoencoderObjective(
        rows.cut_for(sum(sizes.sizes)),
        sizes,
        ACTIVATIONS["logistic"],
        RECONSTRUCTION_LOSSES["squared_error"](ACTIVATIONS["logistic"]),
        alpha=1e-4,
        mean_penalty=KLSparsity(0.1, 3.0),
    )
    theta = sizes.initialize(np.random.RandomState(0))
    return lambda: objective.value_and_gradient(theta)


def rows_of_size(n_rows: int, n_features: int = N_FEATURES, n_parts: int | None = None):
    """Make random rows on the workers, a part for each chunk."""
    import dask.array as da

    chunk = CHUNK_ROWS if n_parts is None else n_rows // n_parts
    X = da.random.default_rng(0).random(
        (n_rows, n_features), dtype=np.float32, chunks=(chunk, n_features)
    )
    on_cluster.PART_BYTES = chunk * n_features * 4
    w = np.broadcast_to(np.float32(1 / n_rows), n_rows)
    return RowsOnCluster(ChunkedArray.from_dask(X.persist()), None, w, X.dtype)


def seconds_of(
    rows, rounds: int, n_features: int = N_FEATURES, n_units: int = N_UNITS
) -> float:
    """Return the median seconds of an evaluation."""
    evaluate = objective_of(rows, n_features, n_units)
    return measure({"": evaluate}, rounds)[""].median


def measure_costs(client, rounds: int) -> Costs:
    """Measure the constants on this cluster."""
    workers = list(client.nthreads())
    given = [
        client.submit(seconds_of_row, CHUNK_ROWS, rounds, workers=[name], pure=False)
        for name in workers
    ]
    of_row = float(np.mean(client.gather(given)))
    few = seconds_of(rows_of_size(FEW_PARTS, 1, FEW_PARTS), rounds, 1, 1)
    many = seconds_of(rows_of_size(MANY_PARTS, 1, MANY_PARTS), rounds, 1, 1)
    of_part = (many - few) / (MANY_PARTS - FEW_PARTS) / ROUNDS
    of_round = few / ROUNDS - FEW_PARTS * of_part
    # A few rows with all parameters, for which the cluster waits for transfers.
    wide = seconds_of(rows_of_size(MANY_PARTS, N_FEATURES, MANY_PARTS), rounds)
    sent = N_PARAMETERS * bytes_sent(len(workers), MANY_PARTS)
    return Costs(of_row, of_round, of_part, sent / (wide - many))


def seconds_of_row(n_rows: int, rounds: int) -> float:
    """Return the seconds of a row in this process, on one thread."""
    X = np.random.default_rng(0).random((n_rows, N_FEATURES), dtype=np.float32)
    w = np.broadcast_to(np.float32(1 / n_rows), n_rows)
    seconds = []
    with closing(Threads(1)) as threads, threads:
        rows = RowsInBlocks(X, None, w, X.dtype, threads=threads)
        evaluate = objective_of(rows, N_FEATURES, N_UNITS)
        evaluate()
        for _ in range(3 * rounds):
            start = time.perf_counter()
            evaluate()
            seconds.append(time.perf_counter() - start)
    return float(np.median(seconds)) / n_rows


def extrapolate(costs: Costs, out) -> None:
    """Print and draw the seconds of an evaluation on clusters of many machines."""
    bandwidth = min(costs.bandwidth, NETWORK_BYTES)
    costs = Costs(costs.of_row, costs.of_round, costs.of_part, bandwidth)
    seconds = {
        n_rows: [on_machines(costs, n_rows, n) for n in MANY_WORKERS]
        for n_rows in MANY_ROWS
    }
    rows = []
    for n_rows, of_workers in seconds.items():
        best = int(np.argmin(of_workers))
        n_bytes = 4 * N_FEATURES * n_rows
        few = ceil(1.5 * n_bytes / MEMORY_OF_A_WORKER)
        row = {"rows": f"{n_rows:,}", "in float32": format_bytes(n_bytes)}
        for n_workers in MANY_WORKERS[::3]:
            time_ = of_workers[MANY_WORKERS.index(n_workers)]
            name = f"{n_workers} worker" + "s" * (n_workers > 1)
            row[name] = f"{float(f'{time_:.3g}'):,g} s"
        row["fastest with"] = f"{MANY_WORKERS[best]}: {of_workers[best]:.2g} s"
        row["X fits in memory from"] = f"{few:,}"
        rows.append(row)
    note = f"Seconds of an evaluation. Workers of {CORES_OF_A_WORKER} cores and "
    note += f"{MEMORY_OF_A_WORKER / 2**30:.0f} GiB, of which X takes two thirds at "
    note += f"most; {bandwidth / 1e9:.2f} GB/s; the other constants as measured."
    name, title = "cost_model_extrapolated", "Extrapolation to many machines"
    report(name, title, rows, out, note)
    if out is not None:
        draw(seconds, out)


def on_machines(costs: Costs, n_rows: int, n_workers: int) -> float:
    """Return the seconds on workers of several cores."""
    n_bytes = 4 * N_FEATURES * n_rows
    part_bytes = max(64 * 2**20, n_bytes / on_cluster.MOST_PARTS)
    n_parts = ceil(n_bytes / part_bytes)
    n_cores = min(n_parts, n_workers * CORES_OF_A_WORKER)
    return costs.predict(n_rows, n_workers, n_parts, n_cores)


def format_bytes(n_bytes: float) -> str:
    """Write bytes with a unit."""
    for unit in ("MB", "GB", "TB"):
        n_bytes /= 1e3 if unit != "MB" else 1e6
        if n_bytes < 1e3:
            break
    return f"{n_bytes:.3g} {unit}"


def draw(seconds: dict, out) -> None:
    """Draw the seconds by workers, a line for each number of rows."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(8, 4.8), layout="constrained")
    colors = plt.get_cmap("viridis")(np.linspace(0.85, 0.1, len(seconds)))
    for color, (n_rows, of_workers) in zip(colors, seconds.items(), strict=True):
        least = 1.5 * 4 * N_FEATURES * n_rows / MEMORY_OF_A_WORKER
        fits = np.array(MANY_WORKERS) >= least
        axis.plot(MANY_WORKERS, of_workers, ":", color=color)
        axis.plot(
            np.where(fits, MANY_WORKERS, np.nan), of_workers, "-", color=color, lw=2.5
        )
        best = int(np.argmin(np.where(fits | ~fits.any(), of_workers, np.inf)))
        axis.plot(MANY_WORKERS[best], of_workers[best], "o", color=color, ms=8)
        power = int(np.log10(n_rows))
        axis.annotate(
            f"$10^{{{power}}}$ rows",
            (MANY_WORKERS[0], of_workers[0]),
            xytext=(-8, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            color=color,
        )
    axis.set(xscale="log", yscale="log", xlim=(0.35, MANY_WORKERS[-1] * 1.3))
    axis.set_xticks(MANY_WORKERS, MANY_WORKERS)
    axis.minorticks_off()
    axis.set_xlabel(f"workers of {CORES_OF_A_WORKER} cores")
    axis.set_ylabel("seconds of an evaluation")
    axis.set_title(
        "Dotted: X does not fit in the workers' memory; dots: fastest", fontsize=10
    )
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="y", alpha=0.3)
    figure.savefig(out / "benchmark_cost_model.png", dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    main()
