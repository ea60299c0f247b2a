"""Memory that is freed is used again, not asked for anew."""

from __future__ import annotations

import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import numpy as np
from latentcam.stream.memory import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
def pictures():
    return [np.ones(1_400_000, np.uint8) for _ in range(4)]
for _ in range(20):
    pictures()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(100):
    pictures()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def libc() -> str:
    import platform

    return platform.libc_ver()[0]


@pytest.mark.skipif(sys.platform != "linux" or libc() != "glibc", reason="for glibc")
def test_pictures_come_and_go_in_the_same_memory() -> None:
    """A page fault is counted for every page that the system hands out."""
    faults = {
        how: int(subprocess.check_output([sys.executable, "-c", FAULTS, how]))
        for how in ("given back", "kept")
    }
    assert faults["given back"] > 100 * 100 and faults["kept"] < 1000, faults
