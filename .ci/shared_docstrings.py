"""Fill in the entries that the docstrings of several estimators share.

    python .ci/shared_docstrings.py            check
    python .ci/shared_docstrings.py --write    fill in

A reader wants each docstring whole, so that entries for the same parameter stand in
several files. The text of a shared entry is written in one docstring, the first of
`SHARED` below; the others are filled in from there. The check also finds entries that
are the same but not in `SHARED`.
"""

import ast
import re
import sys
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).parents[1] / "skstackedae"
SECTIONS = ("Parameters", "Attributes", "Returns", "Raises")
CLASSES = {
    "BaseAutoencoder": "_base_autoencoder.py",
    "SparseAutoencoder": "_sparse_autoencoder.py",
    "BaseSupervisedStack": "_base_supervised.py",
    "StackedAutoencoder": "_stacked_autoencoder.py",
    "StackedAutoencoderClassifier": "_stacked_classifier.py",
    "StackedAutoencoderRegressor": "_stacked_regressor.py",
    "ReconstructionOutlierDetector": "_outlier_detector.py",
}
SPARSE, STACK = "SparseAutoencoder", "StackedAutoencoder"
CLASSIFIER, REGRESSOR = "StackedAutoencoderClassifier", "StackedAutoencoderRegressor"
DETECTOR = "ReconstructionOutlierDetector"

#: Docstrings that share entries, the one with the text first; and the entries.
SHARED: list[tuple[list[str], list[str]]] = [
    (
        [SPARSE, STACK, CLASSIFIER, REGRESSOR],
        [
            *("Parameters.batch_size", "Parameters.learning_rate"),
            *("Parameters.learning_rate_init", "Parameters.shuffle"),
            "Parameters.n_jobs",
        ],
    ),
    (
        [SPARSE, STACK, CLASSIFIER, REGRESSOR, DETECTOR],
        ["Attributes.n_features_in_", "Attributes.feature_names_in_"],
    ),
    ([SPARSE, STACK], ["Parameters.validation_fraction"]),
    (
        [CLASSIFIER, REGRESSOR, STACK],
        [
            *("Parameters.verbose", "Attributes.autoencoders_", "Attributes.loss_"),
            *("Attributes.loss_curve_", "Attributes.best_validation_score_"),
            *("Attributes.n_iter_", "Attributes.n_layers_"),
        ],
    ),
    (
        [CLASSIFIER, REGRESSOR],
        [
            *("Parameters.pretrain", "Parameters.corruption", "Parameters.tol"),
            *("Parameters.n_iter_no_change", "Parameters.memory"),
            *("Parameters.random_state", "Attributes.coefs_"),
        ],
    ),
    ([f"{SPARSE}.fit", f"{CLASSIFIER}.fit"], ["Parameters.X"]),
    ([f"{SPARSE}.fit", f"{STACK}.fit"], ["Raises.ValueError"]),
    (
        [f"{CLASSIFIER}.fit", f"{REGRESSOR}.fit"],
        ["Parameters.X_val", "Raises.ValueError"],
    ),
    (
        [f"{CLASSIFIER}.fit", f"{REGRESSOR}.fit", f"{STACK}.fit"],
        ["Parameters.sample_weight"],
    ),
    (
        [f"{name}.partial_fit" for name in (SPARSE, STACK, CLASSIFIER, REGRESSOR)],
        ["Parameters.sample_weight"],
    ),
    ([f"{SPARSE}.partial_fit", f"{STACK}.partial_fit"], ["Raises.ValueError"]),
]


class Entry(NamedTuple):
    """An entry of a section of a docstring, and its lines in the file."""

    text: str
    start: int
    stop: int


def docstrings(path: Path) -> dict[str, list[int]]:
    """Return the first and last line of each docstring, by class or class.method."""
    found = {}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef) and node.name in CLASSES:
            found[node.name] = node
            methods = (part for part in node.body if isinstance(part, ast.FunctionDef))
            found |= {f"{node.name}.{method.name}": method for method in methods}
    lines = {}
    for name, node in found.items():
        if ast.get_docstring(node) is not None:
            literal = node.body[0]
            lines[name] = [literal.lineno, literal.end_lineno]
    return lines


def entries(lines: list[str], first: int, last: int) -> dict[str, Entry]:
    """Return the entries of the docstring between these lines, counted from 1."""
    found: dict[str, Entry] = {}
    section, name, start = "", "", 0
    base = re.match(" *", lines[last - 1])[0]

    def close(stop: int) -> None:
        if name:
            while not lines[stop - 1].strip():
                stop -= 1
            text = "".join(lines[start:stop])
            found[f"{section}.{name}"] = Entry(text, start, stop)

    for position in range(first - 1, last):
        line = lines[position]
        below = lines[position + 1].strip() if position + 1 < last else ""
        is_title = bool(below) and set(below) == {"-"}
        header = re.match(base + r"([\w*][\w*, ]*?)( : .*)?$", line.rstrip("\n"))
        if is_title or position == last - 1:
            close(position)
            section, name = line.strip(), ""
        elif header and section in SECTIONS and not line.strip().startswith("---"):
            close(position)
            name, start = header[1], position
    return found


def all_entries() -> dict[str, dict[str, Entry]]:
    """Return the entries of all docstrings."""
    found = {}
    for file in CLASSES.values():
        lines = (PACKAGE / file).read_text().splitlines(keepends=True)
        for name, (first, last) in docstrings(PACKAGE / file).items():
            found[name] = entries(lines, first, last)
    return found


def stale() -> list[tuple[str, str, Entry, str]]:
    """Return docstring, entry and right text of each copy that is not the same."""
    found, wrong = all_entries(), []
    for (source, *copies), names in SHARED:
        for name in names:
            text = found[source][name].text
            wrong += [
                (copy, name, found[copy][name], text)
                for copy in copies
                if found[copy][name].text != text
            ]
    return wrong


def unlisted() -> list[str]:
    """Name entries of several lines that are the same but not in `SHARED`."""
    listed = {
        (docstring, name)
        for sharing, names in SHARED
        for docstring in sharing
        for name in names
    }
    places: dict[tuple[str, str], list[str]] = {}
    for docstring, of_docstring in all_entries().items():
        for name, entry in of_docstring.items():
            if entry.text.count("\n") > 2:
                places.setdefault((name, entry.text), []).append(docstring)
    return [
        f"{name} of {', '.join(same)}"
        for (name, _), same in places.items()
        if len(same) > 1 and not all((docstring, name) in listed for docstring in same)
    ]


def write() -> None:
    """Fill in all copies; from the end of a file, so that line numbers stay right."""
    for copy, _, entry, text in sorted(stale(), key=lambda found: -found[2].start):
        path = PACKAGE / CLASSES[copy.partition(".")[0]]
        lines = path.read_text().splitlines(keepends=True)
        lines[entry.start : entry.stop] = [text]
        path.write_text("".join(lines))


def main() -> None:
    """Fill in, or say what is wrong."""
    if "--write" in sys.argv:
        write()
    problems = [f"{copy}: {name} is not its source's" for copy, name, *_ in stale()]
    problems += [f"the same, but not in SHARED: {names}" for names in unlisted()]
    print("\n".join(problems) or "Shared entries of docstrings are the same")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
