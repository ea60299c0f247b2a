"""A real PulseAudio of a test's own, which needs no sound card."""

from __future__ import annotations

import ctypes.util
import shutil
import subprocess
from pathlib import Path

import pytest

MISSING = [tool for tool in ("pulseaudio", "pactl", "pacat", "parec") if not shutil.which(tool)]
NEEDS_PULSE = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
NEEDS_SOUND = [
    NEEDS_PULSE,
    pytest.mark.skipif(
        ctypes.util.find_library("portaudio") is None, reason="PortAudio is not installed"
    ),
    pytest.mark.skipif(
        not any(Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pulse.so")),
        reason="ALSA's plug-in for PulseAudio is not installed",
    ),
]


class SoundServer:
    """Where the environment leads: `folder` is HOME and XDG_RUNTIME_DIR."""

    def __init__(self, folder: Path) -> None:
        (folder / ".asoundrc").write_text(
            "pcm.!default { type pulse }\nctl.!default { type pulse }\n"
        )
        # A client that finds no server must not start one of its own.
        (folder / "pulse").mkdir(exist_ok=True)
        (folder / "pulse" / "client.conf").write_text("autospawn = no\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers. Only what it was started with is there."""
        self._process = subprocess.Popen(
            ["pulseaudio", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "-n",
             "-L", "module-native-protocol-unix", "-L", "module-null-sink sink_name=speakers"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        subprocess.run(
            ["bash", "-c", "until pactl info; do sleep 0.1; done"],
            check=True, timeout=30, capture_output=True,
        )  # fmt: skip

    def kill(self) -> None:
        """As when it crashes; may be called twice."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
