"""Settings: dataclasses whose fields are parameters of an estimator."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np

Settings = TypeVar("Settings")


def from_parameters(cls: type[Settings], parameters: Mapping[str, Any]) -> Settings:
    """Make settings of this class; numpy scalars become Python numbers.

    Searches over arrays of values pass float64 scalars of numpy, which would convert
    float32 arrays to float64.
    """
    given = {f.name: parameters[f.name] for f in fields(cls)}  # type: ignore[arg-type]
    for name, value in given.items():
        given[name] = value.item() if isinstance(value, np.generic) else value
    return cls(**given)
