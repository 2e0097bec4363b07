"""Hold the public docstrings against numpydoc's rules, as pyproject.toml sets them.

``numpydoc lint`` reads source files, where it cannot tell public from private objects
nor properties from methods; this looks at what users import.
"""

import sys
import tomllib
from pathlib import Path

from numpydoc.validate import validate

import skstackedae
import skstackedae.callbacks
import skstackedae.export
import skstackedae.inspection

PUBLIC_MODULES = [
    skstackedae,
    skstackedae.callbacks,
    skstackedae.export,
    skstackedae.inspection,
]
PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def public_objects():
    """Name everything public; of classes our own methods, inherited or not."""
    for module, name in ((m, name) for m in PUBLIC_MODULES for name in m.__all__):
        public = getattr(module, name)
        if not callable(public):
            continue  # a constant has no docstring
        path = f"{module.__name__}.{name}"
        yield path
        members = {}
        for part in reversed(getattr(public, "__mro__", [])):
            members |= vars(part)
        for member, value in members.items():
            # What scikit-learn generates (set_fit_request ...) is not ours to mend.
            source = getattr(value, "fget", None) or getattr(value, "fn", value)
            module = getattr(source, "__module__", None) or ""
            if module.startswith("skstackedae.") and not member.startswith("_"):
                yield f"{path}.{member}"


def main():
    """Print all findings; fail if there are any, or nothing was looked at."""
    settings = tomllib.loads(PYPROJECT.read_text())["tool"]["numpydoc_validation"]
    left_out = set(settings["checks"]) - {"all"}
    names = list(public_objects())
    findings = [
        f"{name}: {code} {message}"
        for name in names
        for code, message in validate(name)["errors"]
        if code not in left_out
    ]
    print("\n".join(findings) or f"{len(names)} public docstrings follow numpydoc")
    sys.exit(bool(findings) or len(names) < 10)


if __name__ == "__main__":
    main()
