"""Sphinx configuration."""

import sys
from pathlib import Path

import skstackedae

# For _gallery_hooks.
sys.path.insert(0, str(Path(__file__).parent))

project = "skstackedae"
author = "The skstackedae developers"
copyright = "2026, the skstackedae developers"
release = version = skstackedae.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "examples", "benchmarks", "sg_execution_times.rst"]

autosummary_generate = True
numpydoc_class_members_toctree = False
# Methods that scikit-learn's mixins add have their own documentation there.
numpydoc_show_inherited_class_members = False
# References into scikit-learn's documentation need its inventory from the network.
suppress_warnings = ["ref.class", "ref.ref"]

# Prompts are not copied, nor is what a line printed.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("skstackedae",),
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "reset_modules": ("_gallery_hooks.warnings_are_errors", "matplotlib"),
    "reset_modules_order": "both",
    # Seconds and megabytes of the machine that builds say nothing to a reader.
    "min_reported_time": float("inf"),
    "show_memory": False,
    "write_computation_times": False,
    "download_all_examples": False,
    "show_signature": False,
    "image_srcset": ["2x"],
}

html_theme = "pydata_sphinx_theme"
html_title = f"skstackedae {version}"
