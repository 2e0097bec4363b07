"""Sentence embeddings for the example `plot_sentence_units.py`: docstring summaries.

The sentences are the first sentences of the docstrings of public functions, classes and
methods of numpy, scipy and scikit-learn, in the versions that are installed. All three
have the BSD license, and their license texts are saved with the sentences. The model is
that of `embed_glosses.py`, which lists what it needs. Nothing is downloaded.

Run it with ``python docs/benchmarks/embed_docstrings.py OUT.npz``; it takes
half a minute on one core. The file has int8 codes, and for each row the factor that
turns them into the embedding.
"""

import argparse
import importlib
import inspect
import pkgutil
import re
import warnings
from collections.abc import Iterator
from importlib.metadata import distribution, version
from pathlib import Path
from types import ModuleType

import numpy as np
from embed_glosses import embed, model_folder

PACKAGES = {"numpy": "numpy", "scipy": "scipy", "sklearn": "scikit-learn"}
SHORTEST, LONGEST = 20, 150
# Modules that only build, test or configure, or that import other packages.
SKIPPED = re.compile(
    r"\.(_|core\b|tests?\b|testing\b|conftest|externals|setup|distutils|f2py|typing"
    r"|array_api_|cython_special)"
)
ROLE = re.compile(r"(?::[a-z:]+)?(`+)~?([^`<]*?)(?:\s*<[^`]*>)?\1_*")
DEPRECATED = re.compile("deprecated|no longer|will be removed", re.IGNORECASE)


def main() -> None:
    """Collect sentences, embed them, save both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    name_of = collect_sentences()
    sentences, names = np.array(list(name_of)), np.array(list(name_of.values()))
    X = embed(sentences.tolist(), model_folder(), bf16=False)
    scale = (np.abs(X).max(axis=1) / 127).astype(np.float32)
    codes = np.rint(X / scale[:, None]).astype(np.int8)
    restored = codes * scale[:, None]
    cosine = (X * restored).sum(axis=1) / np.linalg.norm(restored, axis=1)
    print(f"cosine of embedding and codes: min {cosine.min():.6f}")
    print(f"                              mean {cosine.mean():.6f}")
    np.savez_compressed(
        arguments.out,
        codes=codes,
        scale=scale,
        sentences=sentences,
        names=names,
        versions=[f"{name} {version(name)}" for name in PACKAGES.values()],
        licenses=[license_text(name) for name in PACKAGES.values()],
    )
    print(f"{len(codes):,} rows, {arguments.out.stat().st_size:,} bytes")


def collect_sentences() -> dict[str, str]:
    """Return the distinct sentences, each with the first object that has it."""
    name_of: dict[str, str] = {}
    seen = set()
    for package in PACKAGES:
        for module in public_modules(package):
            for name, value in public_objects(module):
                sentence = first_sentence(inspect.getdoc(value) or "")
                key = sentence.rstrip(".").casefold()
                if SHORTEST <= len(sentence) <= LONGEST and key not in seen:
                    seen.add(key)
                    name_of[sentence] = name
    return name_of


def public_modules(package: str) -> list[ModuleType]:
    """Return the modules of a package, those of the top level first."""
    folder = importlib.import_module(package).__path__
    with warnings.catch_warnings(action="ignore"):
        found = pkgutil.walk_packages(folder, f"{package}.", onerror=lambda _: None)
        names = [package, *(module.name for module in found)]
        names = [name for name in names if not SKIPPED.search(name)]
        names.sort(key=lambda name: (name.count("."), name))
        return [importlib.import_module(name) for name in names]


def public_objects(module: ModuleType) -> Iterator[tuple[str, object]]:
    """Return functions, classes, methods and properties with their dotted names."""
    for name in sorted(getattr(module, "__all__", vars(module))):
        with warnings.catch_warnings(action="ignore"):
            value = getattr(module, name, None)
        origin = getattr(value, "__module__", None) or module.__name__
        if (
            name.startswith("_")
            or not callable(value)
            or origin.partition(".")[0] not in PACKAGES
        ):
            continue
        yield f"{module.__name__}.{name}", value
        if inspect.isclass(value):
            for attribute in sorted(vars(value)):
                member = getattr(value, attribute, None)
                is_public = not attribute.startswith("_")
                if is_public and (callable(member) or inspect.isdatadescriptor(member)):
                    yield f"{module.__name__}.{name}.{attribute}", member


def first_sentence(docstring: str) -> str:
    """Return the first sentence of a docstring in plain text, or an empty string."""
    if DEPRECATED.search(docstring[:300]):
        return ""
    for paragraph in re.split(r"\n\s*\n", docstring.strip()):
        text = " ".join(paragraph.split())
        # Functions in C begin with their signature; some have nothing else.
        if re.match(r"([\w., ]+ = ?)?[\w.]+\(.*\)", text) or text.startswith(".. "):
            continue
        if "----" in text:
            return ""
        text = ROLE.sub(r"\2", text)
        return re.split(r"(?<=[a-z0-9)]\.)\s+(?=[A-Z])", text)[0]
    return ""


def license_text(name: str) -> str:
    """Return a package's own license, without those of the libraries in its wheel."""
    files = distribution(name).files or []
    own = [file for file in files if file.name in {"LICENSE.txt", "COPYING"}]
    path = min(own, key=lambda file: len(file.parts))
    text = distribution(name).locate_file(path).read_text(encoding="utf-8")
    return text.partition("\n----")[0].strip()


if __name__ == "__main__":
    main()
