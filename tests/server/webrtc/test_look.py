"""What leaves of a face with alpha: before what was asked for, or with its alpha below it."""

from __future__ import annotations

import asyncio
import json
from fractions import Fraction

import av
import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.decoders.openvino import OpenVinoDecoder
from latentcam.realtime_models.motion.performance import Performer
from latentcam.realtime_models.resolutions import drawn_at, resolutions
from latentcam.server.webrtc.look import Look
from latentcam.stream.backgrounds import Backgrounds
from latentcam.stream.engine import Engine
from latentcam.stream.stepping import Stepping
from latentcam.stream.timeline import Timeline
from tests.aio import run
from tests.peers import Caller, serving
from tests.server.test_server import SILENCE, make_engine

RED, BLUE = "#e01010", "#1010e0"


def face(side: int = 64, channels: int = 4) -> av.VideoFrame:
    """A white disc, before nothing or before black."""
    y, x = np.mgrid[:side, :side] / side - 0.5
    disc = np.uint8(255) * (y**2 + x**2 < 0.1)
    frame = av.VideoFrame.from_numpy_buffer(
        np.ascontiguousarray(np.repeat(disc[..., None], channels, axis=2)),
        "rgba" if channels == 4 else "rgb24",
    )
    frame.pts, frame.time_base = 7, Fraction(1, 25)
    return frame


def rgb(frame: av.VideoFrame) -> NDArray[np.uint8]:
    assert frame.format.name == "yuv420p"
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def test_a_face_is_before_what_was_asked_for_at_any_size() -> None:
    backgrounds = Backgrounds()
    look = Look(backgrounds.find(RED), stacked=False)
    for side, name, colour in ((64, RED, (0xE0, 16, 16)), (32, RED, (0xE0, 16, 16)),
                               (32, BLUE, (16, 16, 0xE0))):  # fmt: skip
        look.background = backgrounds.find(name)
        shown = look(face(side))
        assert (shown.pts, shown.time_base) == (7, Fraction(1, 25))
        picture = rgb(shown)
        assert picture.shape == (side, side, 3)
        np.testing.assert_allclose(picture[1, 1], colour, atol=4)
        np.testing.assert_allclose(picture[side // 2, side // 2], (255, 255, 255), atol=3)


def test_a_face_without_alpha_is_shown_whole() -> None:
    for stacked in (False, True):
        picture = rgb(Look(Backgrounds(RED).first, stacked)(face(channels=3)))
        assert picture.shape == (64, 64, 3)
        np.testing.assert_allclose(picture[1, 1], (0, 0, 0), atol=3)


def test_alpha_comes_below_the_colours() -> None:
    picture = rgb(Look(Backgrounds().first, stacked=True)(face()))
    assert picture.shape == (128, 64, 3)
    # Through limited range and back, with other vector units for other columns: some levels apart.
    np.testing.assert_allclose(picture[64:], picture[:64], atol=6)


async def config_of(port: int) -> dict[str, object]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        return dict((await http.get("/config")).json())


def test_a_caller_asks_for_a_background_and_for_another(clear_pack: AvatarPack) -> None:
    async def scene() -> None:
        async with serving(make_engine(clear_pack), backgrounds=Backgrounds("blur:room")) as port:
            config = await config_of(port)
            assert config["alpha"] is True and config["background"] == "blur:room"
            assert config["backgrounds"] == ["own", "room"]
            caller = Caller(SILENCE)
            socket = await caller.call(port, background=RED)
            await socket.send(json.dumps({"type": "change", "life": 0}))
            await caller.until_frames(30)
            red = caller.frames[-1][2].astype(int)
            await socket.send(json.dumps({"type": "change", "background": BLUE}))
            await caller.until_frames(len(caller.frames) + 20)
            blue = caller.frames[-1][2].astype(int)
            await socket.send(json.dumps({"type": "change", "background": "/etc/passwd"}))
            said = ""
            while "background" not in said:
                said = json.loads(await socket.recv()).get("message", "")
            assert "expected #rrggbb, own, room, or blur:" in said
            await socket.close()
            await caller.aclose()
        assert red.shape == (64, 64, 3)
        assert (red - blue)[..., 0].mean() > 20 and (blue - red)[..., 2].mean() > 20

    run(scene(), timeout=90)


@pytest.mark.parametrize("asked", [True, False])
def test_a_caller_that_asks_for_alpha_gets_it(clear_pack: AvatarPack, asked: bool) -> None:
    async def scene() -> None:
        async with serving(make_engine(clear_pack)) as port:
            caller = Caller(SILENCE)
            offer = {"type": "offer", "sdp": await caller.offer()}
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
                answer = (await http.post("/offer", json={**offer, "alpha": asked})).json()
            assert answer.get("alpha", False) is asked
            await caller.accept(answer["sdp"])
            await caller.until_frames(5)
            await caller.aclose()
        assert caller.frames[-1][2].shape == (128 if asked else 64, 64, 3)

    run(scene(), timeout=90)


def test_an_avatar_without_alpha_has_none_to_give(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        async with serving(make_engine(tiny_pack), backgrounds=Backgrounds(RED)) as port:
            config = await config_of(port)
            assert config["alpha"] is False and config["backgrounds"] == []
            caller = Caller(SILENCE)
            socket = await caller.call(port, alpha=True)
            await caller.until_frames(5)
            await socket.send(json.dumps({"type": "change", "background": "room"}))
            async with asyncio.timeout(30):
                while (message := json.loads(await socket.recv()))["type"] != "error":
                    pass
            assert "these faces have no alpha" in message["message"]
            await socket.close()
            await caller.aclose()
        assert caller.frames[-1][2].shape == (32, 32, 3)

    run(scene(), timeout=90)


def test_a_call_goes_on_in_another_resolution(three_pack: AvatarPack) -> None:
    """The video's size changes with it, and the telemetry says so."""

    async def scene() -> None:
        decoders = [OpenVinoDecoder(drawn_at(three_pack, n)) for n in resolutions(three_pack.card)]
        engine = Engine(Avatar(three_pack, *decoders), Performer(three_pack), Timeline(25), 2)
        async with serving(engine) as port:
            caller = Caller(SILENCE)
            socket = await caller.call(port, background=RED)
            for index, side in ((0, 64), (2, 32), (0, 64)):
                engine.renderer._stepping = Stepping([1.0, 1.0, 1.0], due=1.0)
                engine.renderer._stepping.index = index
                async with asyncio.timeout(30):
                    while not caller.frames or caller.frames[-1][2].shape != (side, side, 3):
                        await asyncio.sleep(0.02)
                    name = decoders[index].resolution
                    while json.loads(await socket.recv()).get("resolution") != name:
                        pass
            await socket.close()
            await caller.aclose()

    run(scene(), timeout=120)
