"""What a real browser may do amid a call. CHROMIUM names another than /usr/bin/chromium."""

from __future__ import annotations

import json
import os
import time
import urllib.request
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from latentcam.benchmarks.tools.served import served
from tests.voice import speech

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}; set CHROMIUM"
)
LIMIT = 60  # seconds for anything on a busy machine

KEEP_PEERS = """
window.peers = [];
const Native = RTCPeerConnection;
window.RTCPeerConnection = class extends Native {
  constructor(...given) { super(...given); window.peers.push(this); }
};
"""

SPEAK_IN = """async (kind) => {
  const sender = window.peers.at(-1).getSenders().find((s) => s.track?.kind === 'audio');
  const parameters = sender.getParameters();
  parameters.encodings[0].codec = parameters.codecs.find((c) => c.mimeType === kind);
  await sender.setParameters(parameters);
}"""

SPOKEN = """async () => {
  const report = await window.peers.at(-1).getStats();
  const out = [...report.values()].find((e) => e.type === 'outbound-rtp' && e.kind === 'audio');
  return report.get(out.codecId).mimeType;
}"""


def session(port: int) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/stats", timeout=LIMIT) as answer:
        (found,) = json.loads(answer.read())["sessions"]
        return dict(found)


def until_heard(port: int, frames: int) -> int:
    """Until that many more frames left and a voice was heard among them; returns all that left."""
    begun, deadline, loudest = session(port)["frames"], time.monotonic() + LIMIT, 0.0
    while (now := session(port))["frames"] < begun + frames or loudest < 0.02:
        assert time.monotonic() < deadline, now
        loudest = max(loudest, now["level"])
        time.sleep(0.05)
    return int(now["frames"])


def test_a_browser_that_changes_its_codec_is_heard_on(tiny_folder: Path, tmp_path: Path) -> None:
    """Opus to G.711 by setParameters ended the session with a traceback."""
    microphone = tmp_path / "voice.wav"
    with wave.open(str(microphone), "wb") as file:
        file.setparams((1, 2, 48_000, 0, "NONE", ""))
        file.writeframes((speech(3.0, 48_000) * 32_767).astype(np.int16).tobytes())
    switches = (
        "--no-sandbox --disable-gpu --autoplay-policy=no-user-gesture-required "
        "--use-fake-ui-for-media-stream --use-fake-device-for-media-stream "
        f"--use-file-for-fake-audio-capture={microphone}"
    )
    with (
        served("--avatar", str(tiny_folder), cache=tmp_path) as server,
        playwright.sync_playwright() as browsers,
    ):
        browser = browsers.chromium.launch(executable_path=str(CHROMIUM), args=switches.split())
        page = browser.new_page()
        page.set_default_timeout(LIMIT * 1000)
        page.add_init_script(KEEP_PEERS)
        page.goto(f"http://127.0.0.1:{server.port}/")
        page.wait_for_selector("body[data-ready]")
        page.click("#talk")
        page.wait_for_selector("body[data-phase=live]")
        name = session(server.port)["session"]
        for kind in ("audio/PCMU", "audio/G722"):
            page.evaluate(SPEAK_IN, kind)
            until_heard(server.port, 60)
            assert page.evaluate(SPOKEN).lower() == kind.lower()
        assert session(server.port)["session"] == name, "it is the same session"
        browser.close()
