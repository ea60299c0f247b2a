"""A camera moves the head, in a real Chromium: the switch, the thread that looks, what is said.

The tracker is a stand-in that sees a face for as long as the test says, and turns it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.realtime_models.motion.test_following import NAMES

STAND_IN = """
const scores = NAMES.map((categoryName) => ({ categoryName, score: 0.1 }));
const marks = Array.from({ length: 478 }, () => ({ x: 0.5, y: 0.5 }));
let looks = 0;
export const FaceLandmarker = {
  async createFromOptions(fileset, options) {
    for (const address of [...Object.values(fileset), options.baseOptions.modelAssetPath]) {
      if (!(await fetch(address)).ok) throw new Error(`no ${address}`);
    }
    return { detectForVideo(picture, ms) {
      looks += 1;
      const seen = SEEN(looks);
      if (!seen) {
        return { faceLandmarks: [], faceBlendshapes: [], facialTransformationMatrixes: [] };
      }
      const yaw = seen.yaw * Math.PI / 180, [c, s] = [Math.cos(yaw), Math.sin(yaw)];
      return {
        faceLandmarks: [marks], faceBlendshapes: [{ categories: scores }],
        facialTransformationMatrixes: [{ data: [c, 0, -s, 0, 0, 1, 0, 0, s, 0, c, 0, 0, 0, 0, 1] }],
      };
    } };
  },
};
""".replace("NAMES", str(NAMES))
SITS_THEN_TURNS = "(looks) => ({ yaw: looks < 150 ? 0 : 12 })"
LEAVES = "(looks) => (looks < 20 ? { yaw: 0 } : null)"

BUILD = """async ([tracker, on]) => {
  const follow = await import('/page/follow.js');
  globalThis.lent = [];
  globalThis.follow = follow;
  follow.buildFollow(document.body, { tracker }, (wanted) => { globalThis.wanted = wanted; });
  if (on) {
    document.getElementById('follow').click();
    void follow.startFollowing((driven) => globalThis.lent.push(driven));
  }
}"""


def files(site: tuple[Path, str], seen: str) -> None:
    """The stand-in's files, where the page looks for them."""
    folder = site[0] / "tracker"
    folder.mkdir(exist_ok=True)
    (folder / "vision_bundle.mjs").write_text(STAND_IN.replace("SEEN", f"({seen})"))
    for name in ("vision_wasm_internal.js", "vision_wasm_internal.wasm", "face_landmarker.task"):
        (folder / name).write_text("")


def until(page: Any, words: str) -> None:
    page.locator("#follow-state", has_text=words).wait_for()


def test_a_head_is_followed_once_its_rest_is_known(page: Any, site: tuple[Path, str]) -> None:
    files(site, SITS_THEN_TURNS)
    page.evaluate(BUILD, ["", True])
    assert page.evaluate("globalThis.wanted") and page.evaluate("follow.willFollow()")
    until(page, "rest for 2 seconds")
    assert page.evaluate("lent.length") == 0
    until(page, "The face follows your head.")
    page.wait_for_function("() => lent.length && lent.at(-1).values.headYaw > 11")
    driven = page.evaluate("lent.at(-1)")
    assert driven["values"]["headYaw"] == pytest.approx(12, abs=1) and driven["lips"] == 0
    assert "pictures a second" in page.inner_text("#follow-pace")
    page.fill("#follow-lips", "100")
    page.wait_for_function("() => lent.at(-1).lips > 0.5")
    assert page.get_attribute("#follow-lips", "aria-valuetext") == "your camera"
    page.click("#follow-rest")
    until(page, "rest for 2 seconds")
    page.evaluate("follow.stopFollowing()")
    assert page.inner_text("#follow-state") == "It begins when you talk."
    assert page.inner_text("#follow-pace") == ""


def test_a_person_who_leaves_is_missed(page: Any, site: tuple[Path, str]) -> None:
    files(site, LEAVES)
    page.evaluate(BUILD, ["", True])
    until(page, "Nobody is seen: the face goes its own way.")


def test_a_tracker_that_does_not_start_is_said(page: Any, site: tuple[Path, str]) -> None:
    files(site, SITS_THEN_TURNS)
    (site[0] / "tracker" / "face_landmarker.task").unlink()
    page.evaluate(BUILD, ["", True])
    until(page, "The tracker failed")
    assert not page.is_checked("#follow")


def test_a_camera_that_is_refused_is_said(page: Any, site: tuple[Path, str]) -> None:
    files(site, SITS_THEN_TURNS)
    page.evaluate("""() => {
      navigator.mediaDevices.getUserMedia = async () => {
        throw new DOMException('no', 'NotAllowedError');
      };
    }""")
    page.evaluate(BUILD, ["", True])
    until(page, "The camera was refused.")
    assert not page.is_checked("#follow") and not page.evaluate("lent.length")


def test_without_a_tracker_the_page_says_how_to_get_it(page: Any) -> None:
    page.evaluate(BUILD, ["Fetch it: latentcam tracker", False])
    assert page.is_disabled("#follow") and page.is_disabled("#follow-lips")
    assert "Fetch it: latentcam tracker" in page.inner_text("#follow-card")


def test_what_was_chosen_is_remembered(page: Any, site: tuple[Path, str]) -> None:
    page.evaluate(BUILD, ["", False])
    page.check("#follow")
    page.fill("#follow-lips", "40")
    page.goto(site[1] + "empty.html")
    page.evaluate(BUILD, ["", False])
    assert page.is_checked("#follow") and page.input_value("#follow-lips") == "40"
    assert page.inner_text("#follow-state") == "It begins when you talk."
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert not page.is_checked("#follow"), "the keyboard reaches it first"
