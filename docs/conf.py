"""Sphinx configuration."""

import sys
from pathlib import Path

import skstackedae

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER / "_extensions"))
import inventories  # noqa: E402
import mathml  # noqa: E402

project = "skstackedae"
author = "The skstackedae developers"
copyright = "2026, the skstackedae developers"
release = version = skstackedae.__version__

extensions = [
    "matplotlib.sphinxext.plot_directive",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "mathml",
    "myst_parser",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "examples"]
templates_path = ["_templates"]
# As scikit-learn's documentation writes parameters: `alpha` is code.
default_role = "literal"

# A reference without a target is a warning, and warnings are errors.
nitpicky = True
intersphinx_mapping = inventories.intersphinx_mapping(FOLDER / "generated")
intersphinx_timeout = 5

autosummary_generate = True
# The docstrings have the types.
autodoc_typehints = "none"
toc_object_entries_show_parents = "hide"
numpydoc_class_members_toctree = False
numpydoc_xref_param_type = True
numpydoc_xref_ignore = "all"

# The copy button leaves out prompts and output.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("skstackedae",),
    "within_subsection_order": "gallery_hooks.place_in_gallery",
    "abort_on_example_error": True,
    "reset_modules": ("gallery_hooks.warnings_are_errors", "matplotlib"),
    "reset_modules_order": "both",
    # Times and memory of the build machine do not matter to a reader.
    "min_reported_time": float("inf"),
    "show_memory": False,
    "remove_config_comments": True,
    "write_computation_times": False,
    "download_all_examples": False,
    "show_signature": False,
    "image_srcset": ["2x"],
}

plot_include_source = True
plot_html_show_source_link = False
plot_html_show_formats = False
plot_formats = [("png", 140)]

html_math_renderer = "mathml"
html_static_path = ["_static", str(mathml.FONT)]
html_css_files = ["site.css"]
html_favicon = "_static/favicon.svg"
html_title = f"skstackedae {version}"
html_show_sourcelink = False
html_context = {"default_mode": "auto"}
html_theme = "pydata_sphinx_theme"
html_theme_options = {
    "logo": {
        "text": "skstackedae",
        "alt_text": "skstackedae: home",
        "image_light": "_static/logo.svg",
        "image_dark": "_static/logo_dark.svg",
    },
    "icon_links": [
        {
            "name": "Repository",
            "url": "https://github.com/skstackedae/skstackedae",
            "icon": "fa-brands fa-github",
        }
    ],
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
}
# Pages without subpages need no list of subpages.
html_sidebars = {
    page: []
    for page in (
        *("index", "results", "benchmarks/README", "benchmarks/claims"),
        *("outliers_and_codes", "extending", "changelog"),
    )
}
