"""The tree of errors, as its docstring draws it."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from latentcam.realtime_models import errors
from latentcam.realtime_models.errors import LatentcamError, in_one_line, lacks_memory
from tests.test_architecture import MODULES, RUNTIME

UNDRAWN = ("latentcam.realtime_models.training", "latentcam.benchmarks")


def test_the_docstring_draws_all_errors() -> None:
    """Every module that defines an error is imported first; those of training and of benchmarks are
    not drawn."""
    for name, path in MODULES.items():
        room, text = name.split(".")[1:2], path.read_text()
        if room and room[0] in RUNTIME and re.search(r"class \w+\(\w*Error\b", text):
            importlib.import_module(name)
    drawn = re.findall(r"^[├└]── (\w+) .*?(?:\((\S+)\))?$", errors.__doc__ or "", re.M)
    assert drawn
    wanted = {(name, f"latentcam.{module or 'realtime_models.errors'}") for name, module in drawn}
    below, found = [LatentcamError], set()
    while below:
        for error in below.pop().__subclasses__():
            below.append(error)
            if not error.__module__.startswith(UNDRAWN):
                found.add((error.__name__, error.__module__))
    assert {one for one in found if one[1].startswith("latentcam.")} == wanted


@pytest.mark.parametrize(
    ("error", "lacks"),
    [
        (MemoryError(), True),
        (RuntimeError("Exception from src/inference/src/cpp/core.cpp:117:\ncan't alloc"), True),
        (ImportError("libopenvino.so: failed to map segment from shared object"), True),
        (OSError(12, "Cannot allocate memory"), True),
        (RuntimeError("can't start new thread"), True),
        (RuntimeError("plugin.cpp:54:\nResource temporarily unavailable"), True),
        (BlockingIOError(11, "Resource temporarily unavailable"), False),
        (ExceptionGroup("two", [ValueError("a bug"), MemoryError()]), True),
        (RuntimeError("a bug"), False),
    ],
)
def test_no_memory_is_known_by_what_libraries_say(error: Exception, lacks: bool) -> None:
    assert lacks_memory(error) is lacks


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits its address space")
@pytest.mark.parametrize("megabytes", [200, 300, 450, 600, 750])
def test_too_little_memory_is_one_sentence(tiny_folder: Path, megabytes: int) -> None:
    """Whatever the limit, the start used to be a traceback, or it works."""
    limited = f'ulimit -v {megabytes * 1024}; exec "$@"'
    command = [sys.executable, "-m", "latentcam", "avatar", "check", str(tiny_folder)]
    done = subprocess.run(
        ["sh", "-c", limited, "sh", *command], capture_output=True, text=True, timeout=200
    )
    assert done.returncode in (0, 2) and "Traceback" not in done.stderr, done.stderr
    if done.returncode == 2:
        assert "latentcam: there is not enough memory" in done.stderr


def test_a_sentence_that_repeats_what_was_sent_stays_one_line() -> None:
    """A member that nobody knows was told as it was named: a card could clear a terminal."""
    assert in_one_line("Grüße, 'x': 5") == "Grüße, 'x': 5"
    assert in_one_line("no \n\x1b[2J\u2028\ud800") == r"no \n\x1b[2J\u2028\ud800"
