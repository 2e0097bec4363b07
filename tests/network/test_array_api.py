"""The namespace of array operations."""

import numpy as np

from skstackedae._array_api import array_namespace


class Standard:
    def __array_namespace__(self):
        return "its own"


def test_arrays_bring_their_namespace():
    assert array_namespace(Standard()) == "its own"
    assert array_namespace(np.ones(2)).exp is np.exp


def test_arrays_without_a_namespace_are_those_of_numpy_1():
    assert array_namespace(object()) is np
