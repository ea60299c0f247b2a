"""Somebody who is let in costs those who talk nothing until the connection stands."""

from __future__ import annotations

import asyncio

from latentcam.realtime_models.avatar_pack import AvatarPack
from tests.aio import run
from tests.server.test_lobby import HERE, THERE, connected, offer_of_nobody, opened


def test_no_picture_is_rendered_before_the_connection_stands(tiny_pack: AvatarPack) -> None:
    """From the offer on the newcomer's face was rendered, for nobody, at full rate, and the other
    calls were kept to a lane each: callers who came and went every five seconds, or only knocked,
    made a call beside them skip."""

    async def scene() -> None:
        async with opened(tiny_pack, 3) as lobby:
            caller, talking = await connected(lobby, HERE)
            decoded = lobby.engine.stages.histograms["decode"]
            sdp = await offer_of_nobody()
            knocking = [(await lobby.admit(sdp, None, THERE))[0] for _ in range(2)]
            before, heard = sum(decoded.counts), talking._motion.ticks_heard
            await caller.until_frames(len(caller.frames) + 25)
            rendered = sum(decoded.counts) - before
            assert 0 < rendered <= talking._motion.ticks_heard - heard + 1, "its own, and no others"
            assert [peer.stats().frames for peer in knocking] == [0, 0]
            await caller.aclose()

    run(scene(), timeout=60)


def test_who_is_dismissed_before_connecting_leaves_nothing(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        async with opened(tiny_pack, 2) as lobby:
            peer, _ = await lobby.admit(await offer_of_nobody(), None, HERE)
            await asyncio.sleep(0)
            await lobby.dismiss(peer, "a test")
            assert not lobby.peers

    run(scene(), timeout=60)
