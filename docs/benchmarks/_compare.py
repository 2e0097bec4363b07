"""Measurement of candidates in turn in one process, and tables."""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from _machine import describe_machine

# BLAS and OpenMP threads spin for tens of milliseconds after a call. Without a pause
# the next candidate would share its cores with them.
REST_SECONDS = 0.2


class Timing(NamedTuple):
    """Seconds of one candidate: median, least and most over the rounds."""

    median: float
    low: float
    high: float


def measure(
    candidates: dict[str, Callable[[], Any]], rounds: int, warm_up: bool = True
) -> dict[str, Timing]:
    """Run the candidates in turn (A B A B), so that disturbances affect all of them."""
    return measure_by([time.perf_counter], candidates, rounds, warm_up)[0]


def measure_by(
    clocks: list[Callable[[], float]],
    candidates: dict[str, Callable[[], Any]],
    rounds: int,
    warm_up: bool = True,
) -> list[dict[str, Timing]]:
    """Return the same for each of several clocks, all of them for the same runs."""
    seconds: dict[str, list[list[float]]] = {name: [] for name in candidates}
    if warm_up:
        for candidate in candidates.values():
            candidate()
    for _ in range(rounds):
        for name, candidate in candidates.items():
            time.sleep(REST_SECONDS)
            starts = [clock() for clock in clocks]
            candidate()
            seconds[name].append(
                [clock() - start for clock, start in zip(clocks, starts, strict=True)]
            )
    return [
        {
            name: Timing(float(np.median(times)), min(times), max(times))
            for name, times in (
                (name, [round_[position] for round_ in of_candidate])
                for name, of_candidate in seconds.items()
            )
        }
        for position in range(len(clocks))
    ]


def repeated(function: Callable[[], Any], repeats: int) -> Callable[[], None]:
    """Return a function that calls another one several times in a row."""

    def several() -> None:
        for _ in range(repeats):
            function()

    return several


def per_repeat(timing: Timing, repeats: int) -> Timing:
    """Return the seconds of one of several repeats."""
    return Timing(*(seconds / repeats for seconds in timing))


def format_seconds(timing: Timing) -> str:
    """Write median and range in milliseconds or seconds."""
    scale, unit = (1e3, "ms") if timing.median < 1 else (1.0, "s")
    median, low, high = (f"{scale * value:.3g}" for value in timing)
    return f"{median} {unit} ({low} to {high})"


def parser_with_out(description: str, rounds: int) -> argparse.ArgumentParser:
    """Return a parser with the arguments that every benchmark has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, help="mnist.npz; default: from OpenML")
    parser.add_argument("--out", type=Path, help="folder for table, numbers and plots")
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument(
        "--quick", action="store_true", help="a small size: does the script run?"
    )
    return parser


def report(
    name: str,
    title: str,
    rows: list[dict[str, Any]],
    out: Path | None,
    note: str = "",
    formats: dict[str, str] | None = None,
) -> None:
    """Print rows as a Markdown table; save it, and the rows as JSON, in a folder."""
    formats = formats or {}

    def cell(row: dict[str, Any], column: str) -> str:
        return formats.get(column, "{}").format(row[column])

    lines = [f"## {title}", ""]
    columns = list(rows[0])
    lines.append("| " + " | ".join(columns) + " |")
    lines.append("|" + "---|" * len(columns))
    lines += ["| " + " | ".join(cell(row, c) for c in columns) + " |" for row in rows]
    lines += ["", f"{note} {describe_machine()}".strip(), ""]
    print("\n".join(lines), flush=True)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / f"{name}.md").write_text("\n".join(lines))
        (out / f"{name}.json").write_text(json.dumps(rows, indent=1))
