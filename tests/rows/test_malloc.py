"""Freed memory stays for the next temporaries, whatever limits the host has set."""

import os
import platform
import subprocess
import sys
from types import SimpleNamespace

import pytest

from skstackedae._rows import malloc

TRIM, MMAP = "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGE = 2**30


@pytest.fixture
def calls(monkeypatch):
    """Calls of a mallopt that does nothing, where the environment sets no limits."""
    calls = []
    library = SimpleNamespace(mallopt=lambda *limit: calls.append(limit))
    monkeypatch.setattr(malloc.ctypes, "CDLL", lambda name: library)
    monkeypatch.setattr(malloc.platform, "libc_ver", lambda: ("glibc", "2.36"))
    for variable in (TRIM, MMAP, "GLIBC_TUNABLES"):
        monkeypatch.delenv(variable, raising=False)
    return calls


@pytest.mark.parametrize(
    ("variables", "limits"),
    [
        ({TRIM: "65536"}, (16 * 2**20, 8 * 2**20)),
        ({MMAP: "0x1000"}, (16 * 2**20, 8 * 2**20)),
        ({TRIM: "many"}, (16 * 2**20, 8 * 2**20)),
        ({TRIM: "65536", MMAP: str(LARGE)}, (16 * 2**20, LARGE)),
        (
            {"GLIBC_TUNABLES": f"a=1:glibc.malloc.trim_threshold={LARGE}", MMAP: "1"},
            (LARGE, 8 * 2**20),
        ),
    ],
)
def test_low_limits_are_raised_and_larger_ones_stay(
    variables, limits, calls, monkeypatch
):
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    malloc.keep_freed_memory.__wrapped__()
    trim, mmap = limits
    assert calls == [(M_TRIM_THRESHOLD, trim), (M_MMAP_THRESHOLD, mmap)]


@pytest.mark.parametrize(
    "variables", [{}, {TRIM: str(LARGE)}, {"GLIBC_TUNABLES": "glibc.pthread.rseq=0"}]
)
def test_nothing_is_set_without_low_limits(variables, calls, monkeypatch):
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    malloc.keep_freed_memory.__wrapped__()
    assert not calls


def test_other_libraries_are_left_alone(calls, monkeypatch):
    monkeypatch.setenv(TRIM, "65536")
    monkeypatch.setattr(malloc.platform, "libc_ver", lambda: ("", ""))
    malloc.keep_freed_memory.__wrapped__()
    assert not calls


COUNT_PAGE_FAULTS = """
import resource, sys
import numpy as np
from skstackedae._rows.threads import Threads

def faults_of_temporaries():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        np.ones(2**18)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

with Threads(1):
    faults_of_temporaries()
    print(faults_of_temporaries())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="about glibc's malloc")
@pytest.mark.parametrize(
    "limits",
    [
        {},
        {"MALLOC_TRIM_THRESHOLD_": "65536"},
        {"MALLOC_MMAP_THRESHOLD_": "65536"},
        {"GLIBC_TUNABLES": "glibc.pthread.rseq=0:glibc.malloc.trim_threshold=0x1000"},
        {"GLIBC_TUNABLES": "glibc.pthread.rseq=0", "MALLOC_TRIM_THRESHOLD_": "many"},
    ],
    ids=["unset", "trim", "mmap", "tunables", "no number"],
)
def test_memory_of_temporaries_is_kept_whatever_limits_the_host_sets(limits):
    run = subprocess.run(
        [sys.executable, "-c", COUNT_PAGE_FAULTS],
        env=os.environ | limits,
        capture_output=True,
        text=True,
        check=True,
    )
    # New memory for each of the arrays of 2 MiB would take 512 faults.
    assert int(run.stdout) < 20
