"""WHIP and WHEP with WebRTC that is none of ours nor Python's: GStreamer's, and libdatachannel's,
with which OBS sends. Where they are not installed, the tests say what is missing."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from latentcam.benchmarks.tools.caller import encoded
from latentcam.realtime_models.avatar_pack import AvatarPack
from tests.aio import run
from tests.peers import serving
from tests.server.test_server import make_engine
from tests.voice import speech

SCRIPTS = Path(__file__).resolve().parent.parent / "foreign"
SYSTEM_PYTHON = "/usr/bin/python3"  # Debian's, which has its own `gi`
NEEDED = """
import gi
gi.require_version("Gst", "1.0"); gi.require_version("GstWebRTC", "1.0")
from gi.repository import Gst, GstWebRTC
Gst.init(None)
for name in ("webrtcbin", "nicesrc", "dtlsdec", "opusenc", "vp8enc"):
    assert Gst.ElementFactory.find(name), f"GStreamer has no {name}"
"""


def works(*command: str) -> bool:
    """Whether a command succeeds."""
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, capture_output=True, timeout=120).returncode == 0


def talk(pack: AvatarPack, *command: str) -> dict[str, Any]:
    """What a script says that was given the address of a server of ours; `{}` stands for that."""

    async def scene() -> dict[str, Any]:
        async with serving(make_engine(pack)) as port:
            base = f"http://127.0.0.1:{port}"
            process = await asyncio.create_subprocess_exec(
                *(base if part == "{}" else part for part in command),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            told, why = await process.communicate()
            assert process.returncode == 0, why.decode()
        result: dict[str, Any] = json.loads(told.splitlines()[-1])
        return result

    return run(scene(), timeout=180)


def test_gstreamer_sends_and_watches(tiny_pack: AvatarPack, tmp_path: Path) -> None:
    if not works(SYSTEM_PYTHON, "-c", NEEDED):
        pytest.skip(f"{SYSTEM_PYTHON} has no GStreamer with webrtcbin: see {SCRIPTS}/gstreamer.py")
    voice = tmp_path / "voice.wav"
    with wave.open(str(voice), "wb") as file:
        file.setparams((1, 2, 48000, 0, "NONE", ""))
        file.writeframes((speech(2.0, 48000) * 32767).astype(np.int16).tobytes())
    script = str(SCRIPTS / "gstreamer.py")
    told = talk(tiny_pack, SYSTEM_PYTHON, script, "{}", "ada", str(voice), "2")
    assert told["frames"] > 10 and told["size"] == [32, 32]
    assert told["loudest"] > 1000 and told["sound_to_voice_ms"] > 0
    assert told["trickled"] and set(told["trickled"]) == {204}
    assert told["ended"] == [200, 200]


def test_libdatachannel_sends_and_watches(tiny_pack: AvatarPack, tmp_path: Path) -> None:
    """Every other sender was not connected, until answers had a SHA-256 only."""
    if not works("node", "-e", "require('node-datachannel')"):
        modules = os.environ.get("NODE_PATH", "")
        pytest.skip(f"node has no node-datachannel: npm install it where NODE_PATH={modules} says")
    voice = tmp_path / "voice.opus"
    packets = encoded(speech(2.0, 48000))
    voice.write_bytes(b"".join(len(p).to_bytes(2, "big") + p for p in packets))
    script = str(SCRIPTS / "libdatachannel.cjs")
    for _ in range(3):
        told = talk(tiny_pack, "node", script, "{}", "obs", str(voice), "1")
        assert min(told["rates"].values()) > 0 and told["pictures"] == told["sent"] > 0
        assert told["ended"] == [200, 404], "the stream's end is the viewer's"
