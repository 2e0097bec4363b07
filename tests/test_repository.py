"""Promises of the repository: the README's example, short functions, one version."""

import ast
import re
import textwrap
import tomllib
from pathlib import Path

import pytest

import skstackedae

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "skstackedae").rglob("*.py"))


def blocks_of(path):
    """Return the blocks of code on a page, other than doctests: language, content."""
    text = path.read_text()
    if path.suffix == ".md":
        return re.findall(r"^ *```(\w*)\n(.*?)^ *```", text, re.S | re.M)
    # After a paragraph that ends with two colons, or a directive for code.
    start = (
        r"^( *)(?!\.\. )\S.*::\n|^( *)\.\. (?:code-block|code|sourcecode):: ?(\w*)\n"
    )
    blocks = []
    for found in re.finditer(start, text, re.M):
        indent = found[1] if found[1] is not None else found[2]
        content = re.match(rf"(?:\n|{indent} +.*\n)*", text[found.end() :])[0]
        blocks.append((found[3] or "", textwrap.dedent(content)))
    return blocks


def is_python(language, content):
    if language:
        return language.startswith("py") and ">>>" not in content
    try:
        tree = ast.parse(content)
    except SyntaxError:
        return False
    return any(isinstance(node, ast.Call) for node in ast.walk(tree))


def test_code_on_pages_is_run_as_a_test():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    tested = settings["tool"]["pytest"]["ini_options"]["testpaths"]
    docs = (ROOT / "docs").rglob("*")
    pages = [p for p in (*ROOT.glob("*.md"), *docs) if p.suffix in (".md", ".rst")]
    doctests, blocks, skipped = set(), set(), set()
    for page in pages:
        name, text = page.relative_to(ROOT), page.read_text()
        doctests |= {str(name.parent)} if ">>> " in text else set()
        skipped |= {str(name)} if "doctest: +SKIP" in text else set()
        blocks |= {str(name) for block in blocks_of(page) if is_python(*block)}
    assert doctests == {path for path in tested if path.startswith("docs")}
    # Run below.
    assert blocks == {"README.md"}
    # Run in test_export.py.
    assert skipped == {"docs/user_guide/saving.rst"}


def test_blocks_of_code_are_found(tmp_path):
    rest, markdown = tmp_path / "page.rst", tmp_path / "page.md"
    rest.write_text(
        "Text::\n\n    f(1)\n\n    g(2)\n\nText. ::\n\n  a -> b\n\nMore.\n\n"
        "   .. code-block:: python\n\n      h(3)\n\n.. math::\n\n   k(4)\n"
    )
    markdown.write_text(
        "```python\nf(1)\n```\n\n```sh\nls\n```\n\n```\nmake all\n```\n"
    )
    assert [content.strip() for block in blocks_of(rest) for content in block[1:]] == [
        "f(1)\n\ng(2)",
        "a -> b",
        "h(3)",
    ]
    assert [is_python(*block) for block in blocks_of(rest)] == [True, False, True]
    assert [is_python(*block) for block in blocks_of(markdown)] == [True, False, False]


def test_example_of_the_readme(capsys):
    ((_, code),) = [b for b in blocks_of(ROOT / "README.md") if is_python(*b)]
    exec(compile(code, "README.md", "exec"), {})
    # Ten lines, and what they print is what the comment says: to some of the 1,697
    # digits, because processors round differently.
    assert len(code.splitlines()) == 10
    claimed = float(code.splitlines()[-1].split("#")[1])
    assert float(capsys.readouterr().out) == pytest.approx(claimed, abs=0.005)


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
        "RowsOnDisk",
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
