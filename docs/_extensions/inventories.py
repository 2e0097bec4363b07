"""Names in other projects' documentation that this one links to.

Sphinx asks the site of each project first. Where it cannot be reached, it takes these
instead: links are the same, and a name that is neither there nor here is a warning.
"""

import inspect
import zlib
from itertools import takewhile

from sklearn.utils.discovery import all_displays, all_estimators, all_functions

SITES = {
    "joblib": "https://joblib.readthedocs.io/en/stable/",
    "matplotlib": "https://matplotlib.org/stable/",
    "numpy": "https://numpy.org/doc/stable/",
    "python": "https://docs.python.org/3/",
    "sklearn": "https://scikit-learn.org/stable/",
}

# Of each project: name, role and page; "$" stands for the name.
NAMES = {
    "joblib": [
        ("joblib.Memory", "py:class", "generated/joblib.Memory.html#$"),
    ],
    "matplotlib": [
        ("matplotlib.axes.Axes", "py:class", "api/_as_gen/$.html#$"),
        ("matplotlib.figure.Figure", "py:class", "api/figure_api.html#$"),
    ],
    "numpy": [
        ("array_like", "std:term", "glossary.html#term-$"),
        ("numpy.ndarray", "py:class", "reference/generated/$.html#$"),
        (
            "numpy.random.RandomState",
            "py:class",
            "reference/random/legacy.html#$",
        ),
    ],
    "python": [
        ("False", "py:data", "library/constants.html#$"),
        ("None", "py:data", "library/constants.html#$"),
        ("True", "py:data", "library/constants.html#$"),
        (
            "bltin-boolean-values",
            "std:label",
            "library/stdtypes.html#boolean-type-bool",
        ),
        ("dict", "py:class", "library/stdtypes.html#$"),
        ("float", "py:class", "library/functions.html#$"),
        ("int", "py:class", "library/functions.html#$"),
        ("list", "py:class", "library/stdtypes.html#$"),
        ("sequence", "std:term", "glossary.html#term-$"),
        ("str", "py:class", "library/stdtypes.html#$"),
        ("tuple", "py:class", "library/stdtypes.html#$"),
    ],
    "sklearn": [
        (
            "df_output_transform",
            "std:label",
            "auto_examples/miscellaneous/plot_set_output.html#df-output-transform",
        ),
        ("meta-estimator", "std:term", "glossary.html#term-$"),
        ("metadata_routing", "std:label", "metadata_routing.html#metadata-routing"),
        ("sklearn.semi_supervised", "py:module", "api/$.html#module-$"),
        ("sklearn.set_config", "py:function", "modules/generated/$.html#$"),
        (
            "sphx_glr_auto_examples_miscellaneous_plot_set_output.py",
            "std:label",
            "auto_examples/miscellaneous/plot_set_output.html"
            "#sphx-glr-auto-examples-miscellaneous-plot-set-output-py",
        ),
        (
            "sklearn.exceptions.ConvergenceWarning",
            "py:class",
            "modules/generated/$.html#$",
        ),
        (
            "sklearn.utils.metadata_routing.MetadataRequest",
            "py:class",
            "modules/generated/$.html#$",
        ),
    ],
}


def sklearn_names():
    """Yield what scikit-learn exports; all of it has a page of its own name."""
    for name, exported in (*all_estimators(), *all_functions(), *all_displays()):
        parts = takewhile(lambda part: part[0] != "_", exported.__module__.split("."))
        role = "py:class" if inspect.isclass(exported) else "py:function"
        yield ".".join((*parts, name)), role, "modules/generated/$.html#$"


def intersphinx_mapping(folder):
    """Write an inventory of each project into a folder, as what to fall back to."""
    folder.mkdir(parents=True, exist_ok=True)
    mapping = {}
    for project, site in SITES.items():
        path = folder / f"{project}.inv"
        path.write_bytes(_inventory(project))
        mapping[project] = (site, (None, str(path)))
    return mapping


def _inventory(project):
    # Version 2 of Sphinx's format: four lines, and what follows them compressed.
    head = f"# Sphinx inventory version 2\n# Project: {project}\n# Version: \n"
    head += "# The remainder of this file is compressed using zlib.\n"
    names = [*NAMES[project], *(sklearn_names() if project == "sklearn" else ())]
    lines = (
        f"{name} {role} 1 {page.replace('$', name)} -\n" for name, role, page in names
    )
    return head.encode() + zlib.compress("".join(lines).encode())
