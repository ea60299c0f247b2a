"""A folder on a plain web server: a person talks, and the page's own face talks for them."""

from __future__ import annotations

import argparse
import base64
import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from latentcam.server.command_line import parser_of
from latentcam.server.commands.page import run
from latentcam.server.errors import UsageError
from tests.client_demo.conftest import LIMIT, Quiet

# Pictures, 16 x 16 in grey, with whether the page heard speech then. The mouth goes to rest a
# moment after it hears no more, and pictures come later still: those are left out.
WATCH = """async (count) => {
  const video = document.getElementById('face'), frames = [];
  const canvas = Object.assign(document.createElement('canvas'), { width: 16, height: 16 });
  const ink = canvas.getContext('2d', { willReadFrequently: true });
  for (const wanted of [true, false, true, false]) {
    for (let n = 0, since = 0; n < count;) {
      await new Promise((done) => { video.requestVideoFrameCallback(done); });
      since = 'speaking' in document.body.dataset === wanted ? since + 1 : 0;
      if (since < 8) continue;
      ink.drawImage(video, 0, 0, 16, 16);
      const grey = ink.getImageData(0, 0, 16, 16).data.filter((_, i) => i % 4 === 1);
      frames.push([wanted, btoa(String.fromCharCode(...grey))]);
      n += 1;
    }
  }
  return frames;
}"""


def arguments(*argv: str) -> argparse.Namespace:
    return parser_of("page").parse_args(["page", *argv])


@pytest.fixture(scope="module")
def folder(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("page") / "out"
    argv = ("--avatar", str(tiny_folder), "--decoder", "eager", "--fps", "10", "--out", str(out))
    run(arguments(*argv))
    return out


@pytest.fixture
def server(folder: Path) -> Iterator[http.server.ThreadingHTTPServer]:
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield server
        server.shutdown()
        serving.join()


def test_a_face_talks_without_a_server_and_without_a_network(
    browser: Any, server: http.server.ThreadingHTTPServer
) -> None:
    page = browser.new_page()
    page.set_default_timeout(LIMIT)
    errors: list[Any] = []
    asked: set[str] = set()
    page.on("pageerror", lambda error: errors.append(error))
    page.on("request", lambda request: asked.add(request.url))
    address = f"http://127.0.0.1:{server.server_port}/"
    page.goto(address)
    page.wait_for_selector("body[data-ready][data-way=here]")
    assert "leaves this device" in page.inner_text("#way")
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.get_by_role("slider", name="Liveliness", exact=True).focus()
    page.keyboard.press("Home")  # no blinks, no sway: what moves now is what was said
    page.click("#talk")
    page.wait_for_selector("body[data-phase=live][data-picture]")

    frames = page.evaluate(WATCH, 10)
    pictures = np.array([list(base64.b64decode(grey)) for _, grey in frames], float)
    speaks = np.array([spoken for spoken, _ in frames])

    def spread(of: NDArray[np.bool_]) -> float:
        return float(pictures[of].std(axis=0).mean())

    assert spread(speaks) > 2 * spread(~speaks), (spread(speaks), spread(~speaks))
    page.click("#talk")
    page.wait_for_selector("body[data-phase=idle]")
    assert all(url.startswith((address, "blob:", "data:")) for url in asked), asked

    page.evaluate("navigator.serviceWorker.ready.then(() => {})")
    server.shutdown()
    server.server_close()
    page.reload()
    page.wait_for_selector("body[data-ready][data-way=here]")
    page.click("#talk")
    page.wait_for_selector("body[data-phase=live][data-picture]")
    page.close()
    assert not errors


def test_the_page_guards_itself(folder: Path) -> None:
    index = (folder / "index.html").read_text()
    assert """<meta http-equiv="Content-Security-Policy" content="default-src 'self'; """ in index
    assert "frame-ancestors" not in index  # which only a header may say


def test_a_folder_that_exists_is_kept(folder: Path, tiny_folder: Path) -> None:
    with pytest.raises(UsageError, match="exists: give another --out, or --force"):
        run(arguments("--avatar", str(tiny_folder), "--out", str(folder)))


def test_a_face_that_is_not_there(tiny_folder: Path, tmp_path: Path) -> None:
    argv = ("--avatar", str(tiny_folder), "--decoder", "eager", "--identity", "Nobody")
    with pytest.raises(UsageError, match="'Nobody' is neither one of Ada, Bo nor a whole number"):
        run(arguments(*argv, "--out", str(tmp_path / "out")))
    assert not (tmp_path / "out").exists()
