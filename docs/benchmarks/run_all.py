"""Run every speed benchmark and join their tables in one file.

Run it with ``python docs/benchmarks/run_all.py --data mnist.npz --out DIR``; it takes
more than an hour. ``--quick`` tries every script with a small size. The tables are
written to ``DIR/results.md``, the figures to ``DIR``.
"""

import argparse
import subprocess
import sys
from pathlib import Path

SCRIPTS = (
    "kernel",
    "where_time_goes",
    "fit",
    "predict",
    "memory",
    "scaling",
    "grid_search",
    "beside_others",
    "larger_than_memory",
    "dask_overhead",
    "larger_than_cluster",
    "cost_model",
)
HERE = Path(__file__).parent


def main() -> None:
    """Run the scripts one after the other, so that they do not disturb each other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="mnist.npz; default: from OpenML")
    parser.add_argument("--out", type=Path, required=True, help="folder for results")
    parser.add_argument("--rounds", type=int, help="default: each script's own")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    options = ["--out", str(arguments.out)]
    if arguments.data is not None:
        options += ["--data", str(arguments.data)]
    if arguments.rounds is not None:
        options += ["--rounds", str(arguments.rounds)]
    if arguments.quick:
        options.append("--quick")
    for script in SCRIPTS:
        command = [sys.executable, str(HERE / f"{script}.py"), *options]
        subprocess.run(command, check=True)
    tables = [
        path
        for script in SCRIPTS
        for path in sorted(arguments.out.glob(f"{script}*.md"))
    ]
    text = "\n".join(path.read_text() for path in tables)
    (arguments.out / "results.md").write_text(text)


if __name__ == "__main__":
    main()
