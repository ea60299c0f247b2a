"""A real Chromium, whose camera is a test picture, enrols a face: from the form to the pack.

What learns is a process that only tells news. CHROMIUM names another browser than
/usr/bin/chromium.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from latentcam.realtime_models import enrolment
from latentcam.realtime_models.training.enrol.sources import open_sources, pictures
from latentcam.server.config import ServerConfig
from latentcam.server.enrolling import Enrolling, takes
from tests.server.test_enrolling import DONE, work

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}; set CHROMIUM"
)
LIMIT = 90  # seconds for anything on a busy machine
PAGE = Path(__file__).resolve().parents[2] / "client_demo"
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--use-fake-ui-for-media-stream --use-fake-device-for-media-stream"
).split()


@contextmanager
def serving() -> Iterator[int]:
    """The page and what it asks for, without an engine. Gives the port."""
    routes = [*Enrolling().routes(ServerConfig(), PAGE), Mount("/", StaticFiles(directory=PAGE))]
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(LIMIT)


def until(holds: object) -> None:
    deadline = time.monotonic() + LIMIT
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_person_is_guided_from_the_camera_to_a_pack(monkeypatch: pytest.MonkeyPatch) -> None:
    work(monkeypatch, DONE)
    enrolment.models().mkdir(parents=True)
    for name in enrolment.MODELS:
        (enrolment.models() / name).touch()
    with serving() as port, playwright.sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = browser.new_page()
        page.set_default_timeout(LIMIT * 1000)
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.clock.install()
        page.goto(f"http://127.0.0.1:{port}/enrol")
        page.fill("#whose", "Ada Lovelace")
        assert page.input_value("#name") == "ada-lovelace"
        page.click("#who button")
        assert page.is_visible("#who"), "nobody is filmed without a statement"
        page.check("#own")
        page.check("#of-age")
        page.click("#who button")
        page.wait_for_selector("#record", state="visible")
        until(lambda: page.evaluate("document.getElementById('camera').videoWidth") > 0)
        page.click("#roll")
        until(lambda: takes("ada-lovelace") and takes("ada-lovelace")[0].stat().st_size > 20_000)
        assert page.inner_text("#prompt").startswith("Look into the camera")
        page.clock.fast_forward(15_000)
        until(lambda: page.inner_text("#prompt").startswith("Turn"))
        page.clock.fast_forward(60_000)
        page.wait_for_selector("#learn", state="visible")
        (take,) = takes("ada-lovelace")
        (source,) = open_sources([take])
        assert next(pictures(source)).shape[2] == 3 and source.frames > 10
        page.click("#learn")
        until(lambda: "serve --avatar ada-lovelace" in page.inner_text("#step"))
        assert page.inner_text("#missing-list") == "a smile"
        assert page.is_visible("#preview")
        page.on("dialog", lambda dialog: dialog.accept())
        page.click("#forget")
        page.wait_for_selector("#who", state="visible")
        until(lambda: not takes("ada-lovelace"))
        assert not faults
        browser.close()
