"""Promises of the repository: an example that runs, links, short functions, names."""

import ast
import contextlib
import json
import re
import textwrap
import tomllib
from pathlib import Path

import numpy as np
import pytest
from sklearn import datasets
from sklearn.datasets import load_digits

import skstackedae

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "skstackedae").rglob("*.py"))


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


PYPROJECT = tomllib.loads(read("pyproject.toml"))
URLS = PYPROJECT["project"]["urls"]


def blocks_of(path):
    """Return the blocks of code on a page, other than doctests: language, content."""
    text = read(path)
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
    tested = PYPROJECT["tool"]["pytest"]["ini_options"]["testpaths"]
    docs = (ROOT / "docs").rglob("*")
    pages = [p for p in (*ROOT.glob("*.md"), *docs) if p.suffix in (".md", ".rst")]
    doctests, blocks, skipped = set(), set(), set()
    for page in pages:
        name, text = page.relative_to(ROOT), read(page)
        doctests |= {name.parent.as_posix()} if ">>> " in text else set()
        skipped |= {name.as_posix()} if "doctest: +SKIP" in text else set()
        blocks |= {name.as_posix() for block in blocks_of(page) if is_python(*block)}
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


def test_example_of_the_readme(capsys, monkeypatch):
    ((_, code),) = [b for b in blocks_of(ROOT / "README.md") if is_python(*b)]
    # Digits in the place of MNIST, which needs a network and five minutes.
    X, y = load_digits(return_X_y=True)
    bunch = X[:800] * (255 / 16), y[:800].astype(str).astype(object)
    monkeypatch.setattr(datasets, "fetch_openml", lambda name, **options: bunch)
    exec(compile(code.replace("60_000", "500"), "README.md", "exec"), {})
    assert float(capsys.readouterr().out) > 0.5


def test_the_readme_has_the_accuracies_of_the_benchmark():
    records = ROOT / "docs" / "benchmarks" / "results" / "mnist_few_labels.jsonl"
    fits = [json.loads(line) for line in read(records).splitlines()]
    found = {}
    for fit in fits:
        if (fit["labels"], fit["images"], fit["validate"]) == (100, 60_000, False):
            found.setdefault(fit["model"], []).append(100 * fit["accuracy"])
    ours = found["one fit, pseudo-labels"]
    readme = " ".join(read("README.md").split())
    assert len(ours) == 10
    assert f"{np.mean(ours):.1f} % on average" in readme
    assert f"({min(ours):.1f} to {max(ours):.1f} %)" in readme
    for rival in ("LabelSpreading", "SVC", "`MLPClassifier`", "LogisticRegression"):
        mean = np.mean(found[f"pixels, {rival.strip('`')}"])
        assert f"{rival} {mean:.1f} %" in readme.replace(f"{rival} has", rival)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_functions_are_short(path):
    source = read(path)
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


def file_behind(link):
    """Return which file of the tree a link shows, None for links to other sites."""
    repository, site = re.escape(URLS["Repository"]), re.escape(URLS["Documentation"])
    raw = repository.replace("github", r"raw\.githubusercontent", 1)
    if found := re.match(
        rf"(?:{repository}/(?:blob|tree|raw)|{raw})/main/([^#]+)", link
    ):
        return found[1]
    if found := re.match(rf"{repository}/actions/workflows/([^/]+)", link):
        return f".github/workflows/{found[1]}"
    if found := re.match(rf"{site}/en/(?:stable|latest)/([^#]+)\.html", link):
        page = found[1].removesuffix("/index")
        if page.startswith("auto_examples"):
            page = page.replace("auto_examples", "examples")
        pages = [f"docs/{page}{end}" for end in (".rst", ".md", ".py", "")]
        return next((path for path in pages if (ROOT / path).exists()), pages[0])
    return None if re.match("https?:|#", link) else link.split("#")[0]


def links_of(text):
    """Find the targets of links and pictures in Markdown and its HTML."""
    return re.findall(r"""\]\(([^)\s]+)|(?:href|src)="([^"]+)""", text)


@pytest.mark.parametrize("path", sorted(ROOT.glob("*.md")), ids=lambda path: path.name)
def test_links_to_files_lead_somewhere(path):
    links = ["".join(found) for found in links_of(read(path))]
    files = [file for file in map(file_behind, links) if file is not None]
    assert [file for file in files if not (ROOT / file).exists()] == []


def test_links_of_the_readme_are_absolute():
    """Because package indexes show it, too."""
    links = ["".join(found) for found in links_of(read("README.md"))]
    assert [link for link in links if not re.match("https?:|#", link)] == []


def test_files_behind_links():
    repository, site = URLS["Repository"], URLS["Documentation"]
    for link, file in [
        (f"{repository}/blob/main/CHANGELOG.md#0.1.0", "CHANGELOG.md"),
        (f"{repository}/raw/main/docs/images/a.png", "docs/images/a.png"),
        ("https://raw.githubusercontent.com/a/b/main/c.png", None),
        (
            repository.replace("github", "raw.githubusercontent") + "/main/a.png",
            "a.png",
        ),
        (f"{repository}/actions/workflows/a.yml/badge.svg", ".github/workflows/a.yml"),
        (f"{site}/en/stable/results.html#speed", "docs/results.md"),
        (f"{site}/en/latest/user_guide/index.html", "docs/user_guide"),
        (f"{site}/en/stable/auto_examples/index.html", "docs/examples"),
        (f"{site}/en/stable/no_such_page.html", "docs/no_such_page.rst"),
        ("docs/policy.rst#names", "docs/policy.rst"),
        ("https://scikit-learn.org/stable", None),
        ("#results", None),
    ]:
        assert file_behind(link) == file
    found = links_of('[![alt](b.svg)](c.html) <img src="d.png" width="9">')
    assert ["".join(link) for link in found] == ["b.svg", "c.html", "d.png"]


def test_contributing_names_all_modules():
    """The tables of modules: a header names the folder, rows name its modules."""
    tables = re.findall(
        r"^\| [^|]*, in `(\w*)/` \| contents \|\n((?:\|.*\n)+)",
        read("CONTRIBUTING.md").replace("`skstackedae/`", "`/`"),
        re.M,
    )
    named = [
        f"{folder}/{name}".lstrip("/")
        for folder, rows in tables
        for row in rows.splitlines()
        for name in re.findall(r"`([\w/.]+)`", row.split("|")[1])
    ]
    package = ROOT / "skstackedae"
    modules = {path.relative_to(package).as_posix() for path in SOURCES}
    inits = {name for name in modules if name.endswith("/__init__.py")}
    displays = {name for name in modules if name.startswith("inspection/")}
    expected = (modules - inits - displays) | {"inspection/"}
    assert sorted(named) == sorted(expected)


def test_public_names():
    assert sorted(skstackedae.__all__) == [
        "ReconstructionOutlierDetector",
        "RowsOnDisk",
        "SparseAutoencoder",
        "StackedAutoencoder",
        "StackedAutoencoderClassifier",
        "StackedAutoencoderRegressor",
        "TRUSTED_TYPES",
    ]
    assert (ROOT / "skstackedae" / "py.typed").exists()


def check_release(version, changelog, citation):
    """Version, changelog and citation agree.

    A release heads the changelog with its date, and the citation has both. A version in
    development comes before the release that it is named after: the citation has the
    last release, or the first one while there is none.
    """
    headings = re.findall(r"^## (.*)$", changelog, re.M)
    assert headings.pop(0) == "Unreleased"
    releases = [tuple(heading.split(" - ")) for heading in headings]
    cited = tuple(
        re.search(rf'^{key}: "?([^"\n]+)"?$', citation, re.M)[1]
        for key in ("version", "date-released")
    )
    dates = [date for _, date in [cited, *releases]]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", date) for date in dates)
    versions = [number for number, _ in releases]
    number, _, development = version.partition(".dev")
    if development:
        assert number not in versions
    else:
        assert version == next(iter(versions), None)
    assert cited == (releases[0] if releases else (number, cited[1]))


def test_version_changelog_and_citation_agree():
    check_release(skstackedae.__version__, read("CHANGELOG.md"), read("CITATION.cff"))


@pytest.mark.parametrize(
    ("version", "headings", "cited", "is_right"),
    [
        ("0.1.0.dev0", [], "0.1.0", True),
        ("0.1.0.dev0", [], "0.2.0", False),
        ("0.1.0", [], "0.1.0", False),
        ("0.1.0", ["0.1.0 - 2026-01-01"], "0.1.0", True),
        ("0.1.0", ["0.1.0 - 2026-01-02"], "0.1.0", False),
        ("0.2.0", ["0.2.0 - 2026-01-01", "0.1.0 - 2025-01-01"], "0.2.0", True),
        ("0.2.0", ["0.2.0 - 2026-01-01", "0.1.0 - 2025-01-01"], "0.1.0", False),
        ("0.2.0", ["0.1.0 - 2026-01-01"], "0.1.0", False),
        ("0.2.0.dev0", ["0.1.0 - 2026-01-01"], "0.1.0", True),
        ("0.2.0.dev0", ["0.1.0 - 2026-01-01"], "0.2.0", False),
        ("0.1.0.dev0", ["0.1.0 - 2026-01-01"], "0.1.0", False),
    ],
)
def test_check_of_a_release(version, headings, cited, is_right):
    changelog = "".join(f"## {heading}\n" for heading in ["Unreleased", *headings])
    citation = f"version: {cited}\ndate-released: 2026-01-01\n"
    with contextlib.nullcontext() if is_right else pytest.raises(AssertionError):
        check_release(version, changelog, citation)


def test_the_conda_recipe_has_the_dependencies():
    recipe = read(".github/conda-recipe/recipe.yaml")
    run = re.search(r"^  run:\n((?:    - .*\n)+)", recipe, re.M)[1]
    required = [
        requirement.replace(">=", " >=")
        for requirement in PYPROJECT["project"]["dependencies"]
    ]
    assert re.findall("- (.*)", run) == ["python >=${{ python_min }}", *required]
    assert f'python_min: "{PYPROJECT["project"]["requires-python"][2:]}"' in recipe


def private_imports(path):
    """Name what a module imports from private parts of scikit-learn."""
    for node in ast.walk(ast.parse(read(path))):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("sklearn"):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            yield from (name for name in names if "._" in name)


def test_the_policy_lists_all_private_parts_of_scikit_learn():
    policy = read("docs/policy.rst")
    listed = set(re.findall(r"``(sklearn\.[\w.]+)``", policy))
    used = {name for path in SOURCES for name in private_imports(path)}
    # A listed module stands for all names in it.
    entries = {
        name: {e for e in listed if f"{name}.".startswith(f"{e}.")} for name in used
    }
    assert not [name for name in used if not entries[name]]
    assert set().union(*entries.values()) == listed
