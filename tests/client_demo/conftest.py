"""A folder served over loopback, opened in a Chromium that draws with WebGPU in software."""

from __future__ import annotations

import base64
import functools
import http.server
import os
import threading
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.voice import speech

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
LIMIT = 120_000  # ms for anything on a busy machine
FLAGS = (
    "--no-sandbox --enable-unsafe-webgpu --use-webgpu-adapter=swiftshader --disable-quic "
    "--no-first-run --disable-background-networking --disable-component-update --disable-sync "
    "--autoplay-policy=no-user-gesture-required "
    "--use-fake-ui-for-media-stream --use-fake-device-for-media-stream"
)
SPEAKS = SILENT = 3.0  # seconds of the microphone's file
RATE = 48_000


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A folder, to put things in, and the address it is served at. The page's scripts are in it."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "page").symlink_to(ROOT / "client_demo")
    (folder / "studio").symlink_to(ROOT / "realtime_models" / "packs" / "studio")
    (folder / "empty.html").write_text(
        "<!doctype html><title>empty</title><link rel=icon href=data:,>"
    )
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield folder, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        serving.join()


@pytest.fixture(scope="module")  # two at once are not allowed, and other modules have their own
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Its microphone is a file: speech, then silence, again and again."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"no browser at {CHROMIUM}; set CHROMIUM")
    sound = np.concatenate([speech(SPEAKS, RATE), np.zeros(int(SILENT * RATE), np.float32)])
    path = tmp_path_factory.mktemp("microphone") / "voice.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((sound * 32767).astype("<i2").tobytes())
    flags = f"{FLAGS} --use-file-for-fake-audio-capture={path}"
    with playwright.sync_playwright() as api:
        launched = api.chromium.launch(executable_path=str(CHROMIUM), args=flags.split())
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Any, site: tuple[Path, str]) -> Iterator[Any]:
    """An empty page of the site. An error in a script of it fails the test."""
    opened = browser.new_page()
    opened.set_default_timeout(LIMIT)
    errors: list[Any] = []
    opened.on("pageerror", lambda error: errors.append(error))
    opened.goto(site[1] + "empty.html")
    yield opened
    opened.close()
    assert not errors


def packed(array: NDArray[Any]) -> str:
    """An array as a script takes it: `TO_BYTES` unpacks it."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def unpacked(text: str, dtype: Any) -> NDArray[Any]:
    """What a script gave by `FROM_BYTES`."""
    return np.frombuffer(base64.b64decode(text), dtype)


TO_BYTES = "(text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer"
FROM_BYTES = """(array) => {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  let text = '';
  for (let i = 0; i < bytes.length; i += 8192) {
    text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  }
  return btoa(text);
}"""
