"""What strangers can do to a running server and its calls, over real sockets.

Connections: test_door.py. Places: test_lobby.py. Answers: test_answers.py. Signals and secrets:
test_serve.py. Datagrams and offers: webrtc/.
"""

from __future__ import annotations

import asyncio
import json
import socket

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.server import lobby as lobbies
from tests.aio import run
from tests.peers import Caller, serving
from tests.server.test_server import SILENCE, make_engine

ELSEWHERE = "127.0.0.2"  # another address of this machine, where there is one


async def offer_of_nobody() -> dict[str, str]:
    """An offer by somebody who never connects."""
    caller = Caller(SILENCE)
    sdp = await caller.offer()
    await caller.aclose()
    return {"type": "offer", "sdp": sdp}


async def next_of(kind: str, page: ClientConnection) -> dict[str, str]:
    while (message := json.loads(await page.recv()))["type"] != kind:
        pass
    return dict(message)


def test_one_client_that_offers_again_and_again_keeps_no_page_out(tiny_pack: AvatarPack) -> None:
    """It held all places for ever: a page that asked once a second got in 1 time of 62."""
    with socket.socket() as probe:
        try:
            probe.bind((ELSEWHERE, 0))
        except OSError:
            pytest.skip(f"this machine has no {ELSEWHERE}")

    async def scene() -> None:
        offer = await offer_of_nobody()
        async with (
            serving(make_engine(tiny_pack)) as port,
            httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}",
                transport=httpx.AsyncHTTPTransport(local_address=ELSEWHERE),
            ) as stranger,
        ):

            async def hold() -> None:
                while True:
                    await stranger.post("/offer", json=offer)

            for _ in range(2):
                assert (await stranger.post("/offer", json=offer)).status_code == 200
            holding = asyncio.create_task(hold())
            for _ in range(3):
                guest = Caller(SILENCE)
                page = await guest.call(port)  # at the first try
                await guest.until_frames(3)
                await page.close()
                await guest.aclose()
            holding.cancel()
            await asyncio.wait({holding})

    run(scene(), timeout=90)


def test_callers_who_vanished_are_in_nobodys_way(
    tiny_pack: AvatarPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over HTTP nothing tells that they have died; their places were taken for half a minute."""
    monkeypatch.setattr(lobbies, "SILENT", 0.3)

    async def scene() -> None:
        async with (
            serving(make_engine(tiny_pack)) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http,
        ):
            offer = await offer_of_nobody()
            for _ in range(2):
                assert (await http.post("/offer", json=offer)).status_code == 200
            while (await http.post("/offer", json=offer)).status_code != 200:
                await asyncio.sleep(0.1)
            sessions = (await http.get("/stats")).json()["sessions"]
            assert len(sessions) == 2

    run(scene(), timeout=60)


@pytest.mark.parametrize("value", ["1e308", "-1e308", "1e999", "NaN", "Infinity"])
def test_an_expression_beyond_its_axis_is_refused(tiny_pack: AvatarPack, value: str) -> None:
    """1e308 and then -1e308 left a face turned for ever."""

    async def scene() -> None:
        async with serving(make_engine(tiny_pack)) as port:
            caller = Caller(SILENCE)
            page = await caller.call(port)
            await caller.until_frames(1)
            await page.send(f'{{"type":"change","expression":{{"headYaw":{value}}}}}')
            assert (await next_of("error", page))["code"] == "bad_request"
            await page.send('{"type":"change","expression":{"headYaw":5}}')
            await caller.until_frames(len(caller.frames) + 5)
            await page.close()
            await caller.aclose()

    run(scene(), timeout=60)


def test_a_page_that_never_reads_is_told_no_more_than_it_can_take(tiny_pack: AvatarPack) -> None:
    """Each refusal repeated the 60 000 characters that it refused."""

    async def scene() -> None:
        async with serving(make_engine(tiny_pack)) as port:
            async with connect(f"ws://127.0.0.1:{port}/ws") as page:
                await page.send(
                    json.dumps({"type": "offer", "sdp": "v=0", "identity": 60_000 * "x"})
                )
                told = str(await page.recv())
                assert "bad_request" in told and len(told) < 3_000

    run(scene(), timeout=60)
