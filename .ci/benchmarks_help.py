"""Ask every benchmark for its --help, in one process, because imports take seconds."""

import contextlib
import io
import runpy
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[1] / "docs" / "benchmarks"


def help_of(path):
    """Return what a script prints with --help; it must end there, without an error."""
    sys.argv = [str(path), "--help"]
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        try:
            runpy.run_path(str(path), run_name="__main__")
        except SystemExit as end:
            if end.code not in (None, 0):
                raise
        else:
            sys.exit(f"{path.name} --help does not end")
    return printed.getvalue()


def main():
    """Check all scripts; modules that they share begin with an underscore."""
    # Where they find those when they run by themselves.
    sys.path.insert(0, str(BENCHMARKS))
    for path in sorted(BENCHMARKS.glob("[a-z]*.py")):
        if "usage:" not in help_of(path):
            sys.exit(f"{path.name} --help shows no usage")
        print(path.name)


if __name__ == "__main__":
    main()
