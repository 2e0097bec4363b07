"""Names in other projects' documentation that this one links to.

Sphinx asks the site of each project first. Where it cannot be reached, it takes these
instead: links are the same, and a name that is neither there nor here is a warning.
"""

import zlib

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
        *(
            (f"sklearn.{name}", "py:class", "modules/generated/$.html#$")
            for name in (
                "decomposition.PCA",
                "exceptions.ConvergenceWarning",
                "model_selection.LearningCurveDisplay",
                "neural_network.BernoulliRBM",
                "neural_network.MLPClassifier",
                "neural_network.MLPRegressor",
                "pipeline.Pipeline",
                "preprocessing.MinMaxScaler",
                "utils.metadata_routing.MetadataRequest",
            )
        ),
    ],
}


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
    lines = (
        f"{name} {role} 1 {page.replace('$', name)} -\n"
        for name, role, page in NAMES[project]
    )
    return head.encode() + zlib.compress("".join(lines).encode())
