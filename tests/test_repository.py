"""Promises of the repository: the README's example, short functions, one version."""

import ast
import re
from pathlib import Path

import pytest

import skstackedae

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "skstackedae").rglob("*.py"))


def test_example_of_the_readme(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    exec(compile(code, "README.md", "exec"), {})
    # Ten lines, and what they print is what the comment says: to two of the 450 digits,
    # because processors round differently.
    assert len(code.splitlines()) == 10
    claimed = float(code.splitlines()[-1].split("#")[1])
    assert float(capsys.readouterr().out) == pytest.approx(claimed, abs=2.5 / 450)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_functions_are_short(path):
    source = path.read_text()
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef):
            continue
        body = node.body[1:] if ast.get_docstring(node) else node.body
        if not body:
            continue
        code = [
            line
            for line in lines[body[0].lineno - 1 : node.end_lineno]
            if line.strip() and not line.strip().startswith("#")
        ]
        assert len(code) <= 40, f"{node.name} has {len(code)} lines of code"


@pytest.mark.parametrize("path", sorted(ROOT.glob("*.md")), ids=lambda path: path.name)
def test_links_to_files_lead_somewhere(path):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text()):
        assert (ROOT / target).exists(), target


def test_public_names():
    assert sorted(skstackedae.__all__) == [
        "SparseAutoencoder",
        "StackedAutoencoderClassifier",
        "TRUSTED_TYPES",
    ]
    assert (ROOT / "skstackedae" / "py.typed").exists()


def test_changelog_knows_the_version():
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert "## Unreleased" in changelog
    if "dev" not in skstackedae.__version__:
        assert f"## {skstackedae.__version__}" in changelog


def private_imports(path):
    """Name what a module imports from private parts of scikit-learn."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("sklearn"):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            yield from (name for name in names if "._" in name)


def test_the_policy_lists_all_private_parts_of_scikit_learn():
    policy = (ROOT / "docs" / "policy.rst").read_text()
    listed = set(re.findall(r"``(sklearn\.[\w.]+)``", policy))
    used = {name for path in SOURCES for name in private_imports(path)}
    # A listed module stands for all names in it.
    entries = {
        name: {e for e in listed if f"{name}.".startswith(f"{e}.")} for name in used
    }
    assert not [name for name in used if not entries[name]]
    assert set().union(*entries.values()) == listed
