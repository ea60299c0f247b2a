"""Who is let in, who gives way, and what is left behind: nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import pytest

from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.server import lobby as lobbies
from latentcam.server.config import ServerConfig
from latentcam.server.lobby import Lobby, household_of
from latentcam.server.webrtc.peer import Peer
from latentcam.stream.errors import EngineFull
from tests.aio import run
from tests.peers import Caller
from tests.server.test_server import SILENCE, make_engine

HERE, THERE = "192.0.2.1", "198.51.100.7"


@contextlib.asynccontextmanager
async def opened(pack: AvatarPack, places: int) -> AsyncIterator[Lobby]:
    engine = make_engine(pack, places)
    lobby = Lobby(engine, ServerConfig())
    try:
        yield lobby
    finally:
        await lobby.aclose()
        assert engine.sessions == 0 and not lobby.peers
        await engine.aclose()


async def offer_of_nobody() -> str:
    """An offer by somebody who never connects."""
    caller = Caller(SILENCE)
    sdp = await caller.offer()
    await caller.aclose()
    return sdp


async def connected(lobby: Lobby, address: str) -> tuple[Caller, Peer]:
    caller = Caller(SILENCE)
    peer, answer = await lobby.admit(await caller.offer(), None, address)
    await caller.accept(answer)
    await caller.until_frames(1)
    return caller, peer


def test_whoever_never_connects_keeps_nobody_else_out(
    tiny_pack: AvatarPack, caplog: pytest.LogCaptureFixture
) -> None:
    """One client that offered again and again held all places for ever."""

    async def scene() -> None:
        async with opened(tiny_pack, 2) as lobby:
            sdp = await offer_of_nobody()
            first, _ = await lobby.admit(sdp, None, HERE)
            second, _ = await lobby.admit(sdp, None, HERE)
            with pytest.raises(EngineFull):
                await lobby.admit(sdp, None, HERE)
            guest, peer = await connected(lobby, THERE)
            assert lobby.peers == [second, peer], "the older one has given way"
            with pytest.raises(EngineFull):
                await lobby.admit(sdp, None, HERE)
            with pytest.raises(EngineFull):
                await lobby.admit(sdp, None, "203.0.113.9")  # each household has one place only
            assert peer in lobby.peers
            await guest.aclose()

    with caplog.at_level(logging.INFO, "latentcam"):
        run(scene(), timeout=60)
    assert "its place was given to a newcomer; 1 in all" in caplog.text
    assert "the server is shutting down; 0 in all" in caplog.text
    assert HERE not in caplog.text and THERE not in caplog.text


def test_whoever_has_fallen_silent_gives_way(
    tiny_pack: AvatarPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A caller that dies without a word kept its place for half a minute, also from itself."""
    silent: dict[str, float] = {}
    monkeypatch.setattr(Peer, "silent_for", property(lambda peer: silent.get(peer.id, 0.0)))

    async def scene() -> None:
        async with opened(tiny_pack, 2) as lobby:
            first, one = await connected(lobby, HERE)
            second, other = await connected(lobby, THERE)
            sdp = await offer_of_nobody()
            with pytest.raises(EngineFull):
                await lobby.admit(sdp, None, HERE)
            silent.update({one.id: lobbies.SILENT + 1, other.id: lobbies.SILENT + 2})
            again, _ = await lobby.admit(sdp, None, HERE)
            assert lobby.peers == [one, again], "who has been silent longest goes first"
            await first.aclose()
            await second.aclose()

    run(scene(), timeout=60)


def test_people_who_talk_give_way_to_nobody(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        async with opened(tiny_pack, 2) as lobby:
            first, one = await connected(lobby, HERE)
            second, other = await connected(lobby, HERE)
            with pytest.raises(EngineFull):
                await lobby.admit(await offer_of_nobody(), None, THERE)
            assert lobby.peers == [one, other]
            await first.aclose()
            await second.aclose()

    run(scene(), timeout=60)


def test_a_peer_that_does_not_end_loses_its_place_all_the_same(
    tiny_pack: AvatarPack, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A connection that never closed kept its place, and the server from ending, for ever."""
    monkeypatch.setattr(lobbies, "DISMISS_DEADLINE", 0.1)
    released = asyncio.Event()
    run_peer = Peer.run

    async def stuck(peer: Peer) -> None:
        try:
            await run_peer(peer)
        finally:
            await released.wait()

    monkeypatch.setattr(Peer, "run", stuck)

    async def scene() -> None:
        async with opened(tiny_pack, 1) as lobby:
            peer, _ = await lobby.admit(await offer_of_nobody(), None)
            await asyncio.sleep(0)
            await lobby.dismiss(peer, "enough")
            assert lobby.engine.sessions == 0 and not lobby.peers
            ended = lobby.wait(peer)
            released.set()
            await ended
        while len(asyncio.all_tasks()) > 2:
            await asyncio.sleep(0.01)

    run(scene(), timeout=60)
    assert "does not end; its place is given to others" in caplog.text


def test_nobody_comes_in_while_the_lobby_closes(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        async with opened(tiny_pack, 1) as lobby:
            coming = asyncio.create_task(lobby.admit(await offer_of_nobody(), None))
            while not lobby.engine.sessions:
                await asyncio.sleep(0)
            await lobby.aclose()
            with pytest.raises(EngineFull, match="shutting down"):
                await coming

    run(scene(), timeout=60)


@pytest.mark.parametrize("turns", range(0, 40, 3))
def test_hanging_up_while_a_session_ends_leaves_nothing(tiny_pack: AvatarPack, turns: int) -> None:
    """It left a task and a socket: the close in progress was cancelled."""

    async def scene() -> None:
        async with opened(tiny_pack, 1) as lobby:
            peer, _ = await lobby.admit(await offer_of_nobody(), None)
            task = asyncio.ensure_future(lobby.dismiss(peer, "one"))
            for _ in range(turns):
                await asyncio.sleep(0)
            await asyncio.gather(task, lobby.dismiss(peer, "another"))

    run(scene(), timeout=60)


def test_a_household_is_an_address_or_a_network_of_version_six() -> None:
    assert household_of("192.0.2.1") == household_of("::ffff:192.0.2.1") == "192.0.2.1"
    assert household_of("2001:db8::1") == household_of("2001:db8::2:3") == "2001:db8::/64"
    assert household_of("fe80::1%eth0") == "fe80::/64"
    assert household_of("") == "" and household_of("a unix socket") == "a unix socket"
