"""Mutation testing: small changes of the code, each of which some test must notice.

    python tests/mutate.py [MODULE ...] [--sample N] [--seed SEED]

A mutant is the package with one change: another comparison, operator or constant, a
condition turned round, a statement or an argument left out, two arguments swapped. The
tests of its module run on a temporary copy of the tree. Mutants that pass them survive
and are printed as a diff: either a test is missing, or the change makes no difference.
By default all mutants of the modules in TESTS are tried; --sample draws some of them.
The exit code is 1 if mutants survived.

Each run is forked from a process that has loaded the libraries, because to load them
takes longer than most tests. Therefore the script needs a POSIX system.
"""

import argparse
import ast
import copy
import difflib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from itertools import accumulate, groupby
from pathlib import Path
from typing import NamedTuple, NoReturn, TypeAlias

import pytest

ROOT = Path(__file__).parents[1]
LIBRARIES = """
    joblib numpy pandas scipy.optimize scipy.sparse scipy.special
    sklearn.datasets sklearn.metrics sklearn.model_selection sklearn.pipeline
"""

#: The fast tests that are nearest to each module; one of them must notice each mutant.
TESTS = {
    "_network/activation_maximization.py": "test_inspection.py",
    "_network/activations.py": "network",
    "_network/in_place.py": "network",
    "_network/kernels.py": "network/test_kernels.py training/test_objectives.py",
    "_network/layers.py": "network",
    "_network/layout.py": "network",
    "_network/losses.py": "network",
    "_network/penalties.py": "network test_sparsity.py",
    "_network/sparse_codes.py": "test_sparsity.py",
    "_rows/blas.py": "rows/test_threads.py",
    "_rows/blocks.py": "rows/test_blocks.py rows/test_noise.py",
    "_rows/disk.py": "rows/test_disk.py test_rows_on_disk.py",
    "_rows/feature_maps.py": "test_missing_values.py test_standardization.py",
    "_rows/files.py": "rows/test_disk.py",
    "_rows/labels.py": "test_labels.py test_early_stopping.py",
    "_rows/malloc.py": "rows/test_malloc.py",
    "_rows/noise.py": "rows/test_noise.py",
    "_rows/preparation.py": "rows/test_blocks.py test_early_stopping.py",
    "_rows/rows.py": "rows/test_blocks.py",
    "_rows/stored.py": "rows/test_disk.py test_rows_on_disk.py",
    "_rows/threads.py": "rows/test_threads.py",
    "_training/decay.py": "training/test_objectives.py rows/test_device.py",
    "_training/objectives.py": "training/test_objectives.py",
    "_training/solvers.py": "training/test_solvers.py test_learning_rate.py",
    "_training/standardization.py": "test_standardization.py",
}
# Left out: tests that start other processes, which takes seconds.
SLOW = "blas_setting or loky"

COMPARISONS: dict[type, list[type]] = {
    ast.Lt: [ast.LtE, ast.GtE],
    ast.LtE: [ast.Lt, ast.Gt],
    ast.Gt: [ast.GtE, ast.LtE],
    ast.GtE: [ast.Gt, ast.Lt],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
}
OPERATORS: dict[type, type] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
SYMMETRIC = {"add", "max", "min", "maximum", "minimum"}
NAMES = {"float64": "float32", "max": "min", "min": "max", "maximum": "minimum"}


class Mutant(NamedTuple):
    """A module with one change."""

    module: str
    line: int
    source: str
    mutated: str


#: An expression or statement, and the text that takes its place.
Change: TypeAlias = tuple[ast.AST, str]


def changes(node: ast.AST) -> Iterator[Change]:
    """Yield the changes of a node itself."""
    match node:
        case ast.Compare(ops=[op]):
            for other in COMPARISONS[type(op)]:
                yield node, unparsed(node, ops=[other()])
        case ast.BinOp(left=left, op=op) if type(op) in OPERATORS:
            yield node, unparsed(node, op=OPERATORS[type(op)]())
            yield node, unparsed(left)
        case ast.AugAssign(op=op) if type(op) in OPERATORS:
            yield node, unparsed(node, op=OPERATORS[type(op)]())
            yield node, "pass"
        case ast.UnaryOp(operand=operand):
            yield node, unparsed(operand)
        case ast.BoolOp(op=op):
            other = ast.Or() if isinstance(op, ast.And) else ast.And()
            yield node, unparsed(node, op=other)
        case ast.Constant(value=bool(value)):
            yield node, str(not value)
        case ast.Constant(value=int(value)):
            yield node, str(value + 1)
        case ast.Constant(value=float(value)):
            yield node, str(2 * value or 1.0)
        case ast.Attribute(attr=name) if name in NAMES:
            yield node, unparsed(node, attr=NAMES[name])
        case ast.Call(args=args, keywords=keywords):
            if can_swap(node):
                yield node, unparsed(node, args=[args[1], args[0], *args[2:]])
            for keyword in keywords:
                rest = [other for other in keywords if other is not keyword]
                # A bool is turned round instead.
                if not isinstance(getattr(keyword.value, "value", None), bool):
                    yield node, unparsed(node, keywords=rest)
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            if isinstance(test, ast.Name | ast.Attribute | ast.Call):
                yield test, f"(not {ast.unparse(test)})"
        case ast.Expr(value=ast.Call()) | ast.Raise():
            yield node, "pass"


def can_swap(call: ast.Call) -> bool:
    """Tell whether it makes a difference if two arguments are swapped."""
    function = ast.unparse(call.func).rpartition(".")[2]
    if len(call.args) < 2 or function in SYMMETRIC:
        return False
    return ast.dump(call.args[0]) != ast.dump(call.args[1])


def unparsed(node: ast.AST, **fields: object) -> str:
    """Return the code of a node, some of whose fields are replaced."""
    changed = copy.copy(node)
    vars(changed).update(fields)
    code = ast.unparse(changed)
    needs_none = ast.stmt | ast.Call | ast.Attribute | ast.Name | ast.Constant
    return code if isinstance(node, needs_none) else f"({code})"


def executed(node: ast.AST) -> Iterator[ast.AST]:
    """Walk through what runs: no types, messages, assertions nor docstrings."""
    yield node
    if isinstance(node, ast.JoinedStr | ast.Raise | ast.Assert):
        return
    for name, field in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "bases"}:
            continue
        for child in field if isinstance(field, list) else [field]:
            if isinstance(child, ast.AST):
                yield from executed(child)


def mutants_of(module: str) -> Iterator[Mutant]:
    """Yield all mutants of a module, in the order of its lines."""
    source = (ROOT / "skstackedae" / module).read_text()
    # Positions count bytes.
    lines = [line.encode() for line in source.splitlines(keepends=True)]
    starts = [0, *accumulate(map(len, lines))]
    code = b"".join(lines)
    seen = {source}
    for node in executed(ast.parse(source)):
        for replaced, text in changes(node):
            start = starts[replaced.lineno - 1] + replaced.col_offset
            stop = starts[replaced.end_lineno - 1] + replaced.end_col_offset
            mutated = (code[:start] + text.encode() + code[stop:]).decode()
            if mutated not in seen:
                seen.add(mutated)
                yield Mutant(module, replaced.lineno, source, mutated)


def run_tests(tree: Path, paths: Sequence[str], seconds: float) -> str:
    """Run tests of a tree in a forked process; return what became of them."""
    child = os.fork()
    if child == 0:
        os.setpgrp()
        run_tests_here(tree, paths)
    deadline = time.monotonic() + seconds
    finished = 0
    while not finished and time.monotonic() < deadline:
        time.sleep(0.02)
        finished, status = os.waitpid(child, os.WNOHANG)
    # Its own children, too.
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    if not finished:
        os.waitpid(child, 0)
        return "timeout"
    return "survived" if status == 0 else "killed"


def run_tests_here(tree: Path, paths: Sequence[str]) -> NoReturn:
    """Become a process that runs tests of a tree."""
    status = 1
    try:
        with open(tree / "log", "w") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        os.chdir(tree)
        os.environ["PYTHONPATH"] = str(tree)
        sys.path[:] = [str(tree), *(p for p in sys.path if not is_here(p))]
        options = ["-x", "-q", "-p", "no:cacheprovider", "-k", f"not ({SLOW})"]
        status = pytest.main([*options, *(f"tests/{path}" for path in paths)])
        package = sys.modules["skstackedae"].__file__
        assert package is not None
        assert package.startswith(str(tree)), package
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        # Not by sys.exit: what stands above the fork is not this process's business.
        os._exit(int(status))


def is_here(path: str) -> bool:
    """Tell whether a place of imports belongs to the tree that is copied."""
    return Path(path or ".").resolve() in {ROOT, ROOT / "tests"}


def diff(mutant: Mutant) -> str:
    """Show a mutant as a patch."""
    name = f"skstackedae/{mutant.module}"
    lines = (text.splitlines(keepends=True) for text in mutant[-2:])
    return "".join(difflib.unified_diff(*lines, name, name, n=1))


def try_mutants(tree: Path, mutants: Sequence[Mutant]) -> Counter[str]:
    """Run the tests of each mutant; print survivors; count what became of them."""
    counts: Counter[str] = Counter()
    for module, group in groupby(mutants, key=lambda mutant: mutant.module):
        paths, seconds = TESTS[module].split(), time.monotonic()
        # Only this run writes bytecode: that of a mutant could be mistaken for
        # another's, which has the same size and the same second.
        sys.dont_write_bytecode = False
        if run_tests(tree, paths, 600) != "survived":
            raise SystemExit((tree / "log").read_text())
        sys.dont_write_bytecode = True
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        seconds = time.monotonic() - seconds
        print(f"{module}: its tests take {seconds:.1f} s", flush=True)
        file, results = tree / "skstackedae" / module, Counter[str]()
        shutil.copy2(file, tree / "original")
        for mutant in group:
            file.write_text(mutant.mutated)
            result = run_tests(tree, paths, 10 + 4 * seconds)
            results[result] += 1
            if result == "survived":
                print(f"{result}:\n{diff(mutant)}", flush=True)
        shutil.copy2(tree / "original", file)
        print(f"{module}: {dict(results)}", flush=True)
        counts += results
    return counts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", metavar="MODULE", default=list(TESTS))
    parser.add_argument("--sample", type=int, metavar="N", help="draw N of the mutants")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    options = parser.parse_args()
    mutants = [mutant for module in options.modules for mutant in mutants_of(module)]
    if options.sample is not None and options.sample < len(mutants):
        places = random.Random(options.seed).sample(range(len(mutants)), options.sample)
        mutants = [mutants[place] for place in sorted(places)]
    print(f"{len(mutants)} mutants", flush=True)
    for library in LIBRARIES.split():
        import_module(library)
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        for name in ("skstackedae", "tests", "pyproject.toml"):
            copy_of = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
            copy_of(ROOT / name, tree / name)
        counts = try_mutants(tree, mutants)
    print(f"All modules: {dict(counts)}")
    return int(counts["survived"] > 0)


if __name__ == "__main__":
    sys.exit(main())
