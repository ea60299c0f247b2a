"""The server hears and sends motion, the page draws it; and what is shown while none comes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from latentcam.benchmarks.tools.served import served
from tests.client_demo.conftest import LIMIT

GLIDE = """async (came) => {
  const { Glide } = await import('/page/here/glide.js');
  const glide = new Glide();
  const shown = (one) => (one ? glide.came(new Float32Array(one[0]), one[1]) : glide.late());
  return came.map((one) => [...shown(one)]);
}"""


def glided(page: Any, came: list[tuple[list[float], int] | None]) -> Any:
    """What is shown, [ticks, axes]. came: what came in each tick, and how many were missed."""
    return np.array(page.evaluate(GLIDE, came))


def test_motion_is_shown_as_it_comes(page: Any) -> None:
    """Lost packets that the next one makes up for change nothing, either."""
    shown = glided(page, [([0.0, 1.0], 0), ([0.5, 1.0], 0), ([0.25, -1.0], 2)])
    assert shown.tolist() == [[0.0, 1.0], [0.5, 1.0], [0.25, -1.0]]


def test_a_face_goes_on_for_a_moment_and_is_led_back(page: Any) -> None:
    shown = glided(page, [([0.0], 0), ([0.2], 0), None, None, *[([0.0], 0)] * 8])[:, 0]
    assert np.allclose(shown[:4], [0.0, 0.2, 0.3, 0.35], atol=1e-6)
    assert np.allclose(shown[4:8], [0.175, 0.0875, 0.04375, 0.021875], atol=1e-6)
    assert (np.abs(np.diff(shown)) <= 0.2 + 1e-6).all(), "it jumps"
    assert shown[-1] == 0.0


def test_a_page_draws_what_the_server_hears(
    browser: Any, tiny_folder: Path, tmp_path: Path
) -> None:
    options = ("--avatar", str(tiny_folder), "--decoder", "eager", "--ways", "all", "--fps", "10")
    with served(*options, cache=tmp_path) as server:
        page = browser.new_page()
        page.set_default_timeout(LIMIT)
        errors: list[Any] = []
        page.on("pageerror", lambda error: errors.append(error))
        page.goto(f"http://127.0.0.1:{server.port}/?way=latents")
        page.wait_for_selector("body[data-ready][data-way=latents]")
        assert "only the motion comes back" in page.inner_text("#way")
        page.click("#talk")
        page.wait_for_selector("body[data-phase=live][data-picture]")
        page.wait_for_selector("body[data-speaking]")
        # Playwright's own way would evaluate a string in the page, which its policy forbids.
        end = time.monotonic() + LIMIT / 1000
        while page.evaluate("document.getElementById('face').currentTime") <= 1:
            assert time.monotonic() < end
            page.wait_for_timeout(50)
        page.click("#talk")
        page.wait_for_selector("body[data-phase=idle]")
        page.close()
        assert not errors
