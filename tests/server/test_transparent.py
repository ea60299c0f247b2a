"""A browser source, `?obs=1`: what the face does not cover is transparent, in a real Chromium."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.server.test_browser import (
    LIVE_LIMIT,
    Server,
    chromium,
    launch,
    microphone,
    opened,
    pytestmark,
)
from tests.tiny import RED, half_pack, write_pack

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")

__all__ = ["chromium", "microphone", "pytestmark"]


@pytest.fixture(scope="module", params=["clear", "tiny"])
def face(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A server of a face with alpha, and of one without."""
    folder = tmp_path_factory.mktemp("packs") / request.param
    half_pack(folder) if request.param == "clear" else write_pack(folder)
    server = Server("serve", "--port", "0", "--avatar", str(folder), "--decoder", "openvino-f32")
    yield request.param, server
    server.close()


def shot(page: Any) -> NDArray[np.uint8]:
    """uint8 [H, W, 4], with straight alpha: what lies under the page shows through."""
    png = page.screenshot(omit_background=True)
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))


# Without a graphics card Chromium has a program in its place; without that, the page draws by hand.
@pytest.mark.parametrize("by", ["hand", "card"])
def test_what_the_face_does_not_cover_is_transparent(
    chromium: Any, microphone: Path, face: Any, by: str
) -> None:
    flags = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
             f"--use-file-for-fake-audio-capture={microphone}"]  # fmt: skip
    launched = launch(chromium, *flags, *(["--disable-3d-apis"] if by == "hand" else []))
    kind, server = face
    try:
        with opened(launched, f"{server.address}?obs=1") as page:
            page.wait_for_selector("body[data-picture]", timeout=LIVE_LIMIT)
            card = page.evaluate("!!document.createElement('canvas').getContext('webgl')")
            assert card is (by == "card")
            page.wait_for_timeout(1500)  # it fades in
            seen = shot(page)
            assert page.evaluate("cut.hidden") is (kind != "clear")
            size = page.evaluate("[face.videoWidth, face.videoHeight]")
    finally:
        launched.close()
    height, width = seen.shape[:2]
    middle = seen[:, width // 2 - 50 : width // 2 + 50].astype(float).mean(axis=1)
    upper, lower = middle[height // 4], middle[3 * height // 4]
    if kind == "clear":
        assert size == [64, 128]
        np.testing.assert_allclose(upper, (RED, 0, 0, 255), atol=8)
        assert lower[3] < 3
        assert seen[:, :20, 3].max() == 0, "beside the face nothing is"
    else:
        assert size == [32, 32]
        assert upper[3] == lower[3] == 255, "a face without alpha is shown whole"
