"""The order of the examples, and what is done around each; named in conf.py."""

import warnings
from contextlib import ExitStack

_around_example = ExitStack()


def warnings_are_errors(gallery_conf, fname, when):
    """Let an example fail on any warning, and leave the rest of the build as it is."""
    if when == "before":
        _around_example.enter_context(warnings.catch_warnings(action="error"))
    else:
        _around_example.close()


# From the main job to its parts, and out of the package again.
ORDER = (
    "plot_digits_classification.py",
    "plot_what_layers_learn.py",
    "plot_few_labels.py",
    "plot_grid_search.py",
    "plot_callbacks.py",
    "plot_edge_filters.py",
    "plot_sparse_dictionary.py",
    "plot_sentence_units.py",
    "plot_denoising.py",
    "plot_missing_values.py",
    "plot_deep_features.py",
    "plot_deep_codes.py",
    "plot_anomaly_scores.py",
    "plot_tabular_data.py",
    "plot_regression.py",
    "plot_sparse_text.py",
    "plot_on_a_cluster.py",
    "plot_save_and_export.py",
)


def place_in_gallery(file_name):
    """Return the place of an example; a new one has to be given one."""
    return ORDER.index(file_name)
