"""A key that works everywhere: a sentence where it cannot, and on a desktop it is heard.

The desktop is an X server without a screen, where Xvfb is installed; its own test extension
presses the keys, since pynput does not hear those that pynput presses.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from latentcam.stream.errors import DeviceError
from latentcam.stream.local.hot_key import hot_key

ROOT = Path(__file__).resolve().parents[3]

PRESSES = """
import sys, threading
from latentcam.stream.local.hot_key import hot_key
from Xlib import X, XK, display
from Xlib.ext import xtest

heard, desktop = threading.Event(), display.Display()
names = ("Control_L", "Alt_L", "p")
codes = [desktop.keysym_to_keycode(XK.string_to_keysym(name)) for name in names]
with hot_key("<ctrl>+<alt>+p", heard.set):
    for _ in range(50):  # until the listener listens
        for kind, pressed in ((X.KeyPress, codes), (X.KeyRelease, codes[::-1])):
            for code in pressed:
                xtest.fake_input(desktop, kind, code)
                desktop.sync()
        if heard.wait(0.2):
            break
sys.exit(not heard.is_set())
"""


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynput.keyboard", None)
    with pytest.raises(DeviceError, match="pynput is missing|lets no program watch keys"):
        with hot_key("<f9>", lambda: None):
            pass


@pytest.fixture
def desktop() -> Iterator[str]:
    if find_spec("pynput") is None or not shutil.which("Xvfb"):
        pytest.skip("pynput and Xvfb are not both installed")
    reads, writes = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writes), "-screen", "0", "64x64x24"],
        pass_fds=[writes], stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(writes)
    with server, os.fdopen(reads) as number:
        yield f":{number.readline().strip()}"
        server.terminate()


def test_it_is_heard_on_a_desktop(desktop: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PRESSES], cwd=ROOT, env={**os.environ, "DISPLAY": desktop},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_keys_that_there_are_not_are_one_sentence(desktop: str) -> None:
    code = (
        "from latentcam.stream.local.hot_key import hot_key\nwith hot_key('<hyper>+p', print): pass"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "DISPLAY": desktop},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "DeviceError: --hot-key is '<hyper>+p', expected keys like" in done.stderr
