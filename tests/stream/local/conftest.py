from __future__ import annotations

from collections.abc import Iterator
from ctypes.util import find_library
from pathlib import Path

import pytest

from latentcam.stream.local.sound_devices import refresh
from tests.sound_server import SoundServer


@pytest.fixture
def sound_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoundServer]:
    """A sound server of its own, to which the environment leads."""
    for name in ("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.delenv("PULSE_SERVER", raising=False)
    server = SoundServer(tmp_path)
    server.start()
    if find_library("portaudio"):
        refresh()  # another test may have had it read the devices of another server
    try:
        yield server
    finally:
        server.kill()
