"""What of the documentation runs as tests here."""

from importlib.util import find_spec

import pytest


def pytest_collection_modifyitems(items):
    """Skip the page on callbacks where scikit-learn has none."""
    if find_spec("sklearn.callback") is not None:
        return
    for item in items:
        if item.path.name == "callbacks.rst":
            item.add_marker(pytest.mark.skip(reason="callbacks: scikit-learn 1.9"))
