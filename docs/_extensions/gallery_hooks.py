"""What the gallery does before and after each example; named in conf.py."""

import warnings
from contextlib import ExitStack

_around_example = ExitStack()


def warnings_are_errors(gallery_conf, fname, when):
    """Let an example fail on any warning, and leave the rest of the build as it is."""
    if when == "before":
        _around_example.enter_context(warnings.catch_warnings(action="error"))
    else:
        _around_example.close()
