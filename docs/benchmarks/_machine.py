"""Description of the machine, for the line below each table."""

import contextlib
import datetime
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import joblib
import numpy as np
import scipy
import sklearn

import skstackedae


def describe_machine() -> str:
    """Date, processor, cores and versions in one line."""
    versions = {
        "Python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
        "skstackedae": skstackedae.__version__,
    }
    for peer in ("torch", "skorch"):
        with contextlib.suppress(PackageNotFoundError):
            versions[peer] = version(peer)
    listed = ", ".join(f"{name} {version}" for name, version in versions.items())
    today = datetime.date.today().isoformat()
    return f"{today}, {processor()}, {joblib.cpu_count()} cores and threads; {listed}"


def processor() -> str:
    """Name of the processor."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
