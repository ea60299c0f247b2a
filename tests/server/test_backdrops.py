"""Pictures behind faces, for pages that draw the face themselves."""

from __future__ import annotations

import io

import httpx
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.server.app import make_app
from latentcam.server.backdrops import backdrop
from latentcam.server.config import ServerConfig
from tests.aio import run
from tests.server.test_server import make_engine


def seen(jpeg: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))


def test_a_picture_of_any_size_is_seen_as_it_is() -> None:
    picture = np.zeros((33, 51, 3), np.uint8)
    picture[:, 20:] = (200, 40, 90)
    shown = seen(backdrop(picture)).astype(int)
    assert shown.shape == (32, 50, 3)
    assert np.abs(shown[:, 28:] - (200, 40, 90)).max() < 8
    assert shown[:, :12].max() < 8


def test_they_are_asked_for_by_name(tiny_pack: AvatarPack) -> None:
    async def scene() -> list[httpx.Response]:
        app = make_app(make_engine(tiny_pack), ServerConfig())
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            paths = ("room.jpg", "own.jpg", "%23ff8000.jpg", "nowhere.jpg")
            return [await client.get(f"/backgrounds/{path}") for path in paths]

    room, own, colour, nowhere = run(scene())
    assert room.headers["content-type"] == "image/jpeg" and room.content == own.content
    assert np.abs(seen(colour.content).astype(int) - (255, 128, 0)).max() < 8
    assert nowhere.status_code == 404 and "expected #rrggbb" in nowhere.json()["error"]
