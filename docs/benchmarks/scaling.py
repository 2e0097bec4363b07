"""Growth of the time of an evaluation with rows, features, hidden units and threads.

Times value and gradient of the sparse autoencoder, which take nearly all the time of a
fit, on synthetic data in float32. The largest set of rows is a memory-mapped file,
which passes through the page cache. The exponent is the slope of the least-squares line
through all points on logarithmic scales; 1 is linear growth.

Run it with ``python docs/benchmarks/scaling.py [--out DIR]``. With ``--redraw`` it
draws the figure again, from the numbers in ``DIR/scaling.json``. The figure leaves out
the threads: two points are no curve.
"""

import json
import re
import tempfile
from pathlib import Path

import matplotlib as mpl
import numpy as np
from _compare import Timing, format_seconds, measure, parser_with_out, report

from skstackedae._network.activations import ACTIVATIONS
from skstackedae._network.layout import ParameterLayout
from skstackedae._network.losses import SquaredError
from skstackedae._network.penalties import KLSparsity
from skstackedae._rows.blocks import as_one_number
from skstackedae._rows.rows import rows_of
from skstackedae._rows.threads import Threads
from skstackedae._training.objectives import AutoencoderObjective

mpl.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.ticker import LogLocator, StrMethodFormatter

N_ROWS, N_FEATURES, N_UNITS = 20_000, 784, 100
SIZES = {
    "rows": [10_000, 31_600, 100_000, 316_000, 1_000_000],
    "features": [100, 200, 400, 800, 1_600, 3_200],
    "hidden units": [25, 50, 100, 200, 400, 800],
    "threads": [1, 2],
}
MEMORY_MAPPED_ROWS = 1_000_000
CHUNK = 10_000


def main() -> None:
    """Time all series; print one table and draw one figure."""
    parser = parser_with_out(__doc__.splitlines()[0], rounds=5)
    parser.add_argument("--redraw", action="store_true", help="no measurements")
    arguments = parser.parse_args()
    if arguments.redraw:
        if arguments.out is None:
            parser.error("--redraw needs --out, the folder with scaling.json.")
        saved = json.loads((arguments.out / "scaling.json").read_text())
        draw(series_of(saved), arguments.out / "scaling.png")
        return
    all_sizes, n_rows = SIZES, N_ROWS
    if arguments.quick:
        all_sizes = {name: sizes[:2] for name, sizes in SIZES.items()}
        all_sizes["rows"], n_rows = [1_000, 3_160], N_ROWS // 10
    series = {}
    for name, sizes in all_sizes.items():
        with tempfile.TemporaryDirectory() as folder:
            evaluations = {n: evaluation(name, n, n_rows, Path(folder)) for n in sizes}
            series[name] = measure(evaluations, arguments.rounds)
    rows = [
        {
            "what grows": name,
            "size": f"{size:,}",
            "time": format_seconds(timing),
            "exponent of the series": f"{exponent(timings):.2f}",
        }
        for name, timings in series.items()
        for size, timing in timings.items()
    ]
    note = f"Otherwise {n_rows:,} rows, {N_FEATURES} features, {N_UNITS} hidden units. "
    note += f"Medians of {arguments.rounds} rounds, with the range."
    report("scaling", "Growth of one evaluation", rows, arguments.out, note)
    if arguments.out is not None:
        draw(series, arguments.out / "scaling.png")


def evaluation(what, size, n_rows, folder):
    """Return a function that evaluates value and gradient once at this size."""
    sizes = {"rows": n_rows, "features": N_FEATURES, "hidden units": N_UNITS}
    sizes |= {"threads": None, what: size}
    n_rows, n_features = sizes["rows"], sizes["features"]
    X = synthetic(n_rows, n_features, folder)
    weights = as_one_number(np.full(n_rows, 1 / n_rows, dtype=X.dtype))
    layout = ParameterLayout((n_features, sizes["hidden units"], n_features))
    theta = layout.initialize(np.random.RandomState(0))
    logistic = ACTIVATIONS["logistic"]

    def evaluate():
        with Threads(sizes["threads"]) as threads:
            rows = rows_of(X, None, weights, threads).cut_for(sum(layout.sizes))
            objective = AutoencoderObjective(
                rows,
                layout,
                logistic,
                SquaredError(logistic),
                alpha=1e-4,
                mean_penalty=KLSparsity(0.1, 3.0),
            )
            return objective.value_and_gradient(theta)

    return evaluate


def synthetic(n_rows, n_features, folder):
    """Draw uniform random rows, chunk by chunk; the largest set is in a file."""
    shape = (n_rows, n_features)
    if n_rows >= MEMORY_MAPPED_ROWS:
        X = np.memmap(folder / "X", dtype=np.float32, mode="w+", shape=shape)
    else:
        X = np.empty(shape, dtype=np.float32)
    rng = np.random.default_rng(0)
    for start in range(0, n_rows, CHUNK):
        rng.random(out=X[start : start + CHUNK], dtype=np.float32)
    return X


def exponent(timings):
    """Slope of seconds against size on logarithmic scales."""
    medians = [timing.median for timing in timings.values()]
    slope, _ = np.polyfit(np.log(list(timings)), np.log(medians), 1)
    return slope


def series_of(rows):
    """Return the timings by series and size, from the rows of the table."""
    series = {}
    for row in rows:
        median, unit, low, high = re.fullmatch(
            r"(\S+) (ms|s) \((\S+) to (\S+)\)", row["time"]
        ).groups()
        scale = 1e-3 if unit == "ms" else 1.0
        timing = Timing(*(scale * float(value) for value in (median, low, high)))
        size = int(row["size"].replace(",", ""))
        series.setdefault(row["what grows"], {})[size] = timing
    return series


def draw(series, path):
    """Draw each series on logarithmic scales, beside the line of linear growth."""
    drawn = {name: timings for name, timings in series.items() if name != "threads"}
    # At the width of a page, 7.2 inches, letters have the size of the text.
    figure, axes = plt.subplots(
        1, len(drawn), figsize=(7.2, 3.2), sharey=True, layout="constrained"
    )
    for axis, (name, timings) in zip(axes, drawn.items(), strict=True):
        sizes = np.array(list(timings))
        medians = np.array([timing.median for timing in timings.values()])
        ends = np.array(
            [[t.median - t.low, t.high - t.median] for t in timings.values()]
        )
        linear = medians[0] * sizes / sizes[0]
        axis.plot(sizes, linear, color="0.6", linestyle="--")
        axis.errorbar(sizes, medians, ends.T, marker="o", color="#0072B2")
        axis.annotate(
            "in proportion",
            (sizes[-1], linear[-1]),
            (-2, 4),
            textcoords="offset points",
            color="0.4",
            ha="right",
            va="bottom",
        )
        growth = f"{sizes[-1] / sizes[0]:.0f} times the {name}:"
        growth += f"\n{medians[-1] / medians[0]:.0f} times the time"
        axis.set_title(growth, fontsize=10)
        axis.set(xscale="log", yscale="log", xlabel=name)
        axis.set_xticks(sizes[::2], [f"{size:,}" for size in sizes[::2]], fontsize=9)
        axis.minorticks_off()
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylim(top=5)
    axes[0].yaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axes[0].yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes[0].set_ylabel("seconds for value and gradient")
    figure.savefig(path, dpi=200)


if __name__ == "__main__":
    main()
