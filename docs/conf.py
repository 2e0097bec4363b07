"""Sphinx configuration."""

import skstackedae

project = "skstackedae"
author = "The skstackedae developers"
copyright = "2026, the skstackedae developers"
release = version = skstackedae.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
]
autosummary_generate = True
numpydoc_class_members_toctree = False
# Methods that scikit-learn's mixins add have their own documentation there.
numpydoc_show_inherited_class_members = False
exclude_patterns = ["_build", "examples", "benchmarks"]
# References into scikit-learn's documentation need its inventory from the network.
suppress_warnings = ["ref.class", "ref.ref"]

html_theme = "pydata_sphinx_theme"
html_title = f"skstackedae {version}"
