"""A caller's camera lends the face a head: over a data channel, beside pictures or latents."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.motion.codec import Decoder
from latentcam.realtime_models.motion.driven import Driven, to_packet
from latentcam.server.webrtc import latent_channel
from latentcam.server.webrtc.drive_channel import NAME, DriveChannel
from tests.aio import run
from tests.peers import Caller, serving
from tests.server.test_server import VOICE, make_engine

TURNED = Driven({"headYaw": 20.0, "headRoll": -9.0})


def test_a_head_that_is_lent_turns_the_face(tiny_pack: AvatarPack) -> None:
    """Of a page that draws; strangers' channels are closed, and what is no packet does no harm."""
    decoder = Decoder(tiny_pack.card.axes)
    yaw = [axis.name for axis in tiny_pack.card.axes].index("headYaw")

    async def scene() -> None:
        async with serving(make_engine(tiny_pack)) as port:
            caller = Caller(VOICE)
            loose: dict[str, Any] = {"ordered": False, "maxRetransmits": 0}
            latents = caller.pc.createDataChannel(latent_channel.NAME, **loose)
            latents.on("message", decoder.decode)
            drive = caller.pc.createDataChannel(NAME, **loose)
            again = caller.pc.createDataChannel(NAME, **loose)
            socket = await caller.call(port, latents=True, drive=True)
            async with asyncio.timeout(60):
                number = 0
                while again.readyState != "closed" or decoder.x is None or decoder.x[yaw] < 19.0:
                    await asyncio.sleep(0.03)
                    if drive.readyState == "open":
                        for packet in (b"", b"\xff" * 48, "turn!", to_packet(TURNED, number)):
                            drive.send(packet)
                        number += 1
                while abs(decoder.x[yaw]) > 10.0:  # its camera stopped: it goes its own way
                    await asyncio.sleep(0.03)
            await socket.close()
            await caller.aclose()

    run(scene(), timeout=90)


def test_a_head_is_lent_to_a_face_that_is_sent_as_video(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        engine = make_engine(tiny_pack)
        shown = []
        render = engine.renderer.render

        async def watched(anchor: object, x: np.ndarray) -> object:
            shown.append(x)
            return await render(anchor, x)  # type: ignore[arg-type]

        engine.renderer.render = watched  # type: ignore[assignment]
        yaw = [axis.name for axis in tiny_pack.card.axes].index("headYaw")
        async with serving(engine) as port:
            caller = Caller(VOICE)
            drive = caller.pc.createDataChannel(NAME, ordered=False, maxRetransmits=0)
            socket = await caller.call(port, drive=True)
            async with asyncio.timeout(60):
                number = 0
                while not caller.frames or shown[-1][yaw] < 19.0:
                    await asyncio.sleep(0.03)
                    if drive.readyState == "open":
                        drive.send(to_packet(TURNED, number))
                        number += 1
            await socket.close()
            await caller.aclose()

    run(scene(), timeout=90)


def test_a_packet_that_was_overtaken_is_passed_over() -> None:
    got: list[float] = []
    channel = DriveChannel(lambda driven: got.append(driven.values["headYaw"]))
    for yaw, number in ((1.0, 65_534), (2.0, 0), (3.0, 65_535), (4.0, 0), (5.0, 1)):
        channel.hear(to_packet(Driven({"headYaw": yaw}), number))
    assert got == pytest.approx([1.0, 2.0, 5.0], abs=1e-3)
