"""People who call a server, each in a way of its own: some leave without a word, some do not
listen, some fall asleep. What they do is measured in pictures that they see, not in seconds, so
that it is the same on a busy machine.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from latentcam.benchmarks.tools.caller import Caller
from latentcam.benchmarks.tools.link import Link, Script, own_address
from latentcam.benchmarks.tools.served import Served
from latentcam.server.webrtc import latent_channel

PATIENCE = 120.0  # seconds for what has to come, of a machine that may be busy
SHORTEST, LONGEST = 5, 150  # pictures that somebody stays for
BURST = Script(loss=0.5, jitter=0.05)
BURST_PICTURES = 15
UNHEARD = 20.0  # seconds; a server's pings that nobody answers end a call after 40
UNREAD = 300  # messages whose refusals are not read
RELOADS = 3
MOST_REASONS = 20
NAP = (1.0, 8.0)  # seconds; a place is given to others after 3


class TurnedAway(Exception):
    """There is no place."""


class CutOff(Exception):
    """The server has ended the call: its place was given to somebody else."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One line of the script: who comes, how many seconds after the one before, for how many
    pictures."""

    kind: str
    after: float
    pictures: int


def script(seed: int, every: float) -> Iterator[Visit]:
    """Without end: every kind once, in a drawn order, then again. every: seconds, the mean of what
    passes between two."""
    drawn = random.Random(seed)
    while True:
        kinds = list(KINDS)
        drawn.shuffle(kinds)
        for kind in kinds:
            pictures = drawn.randint(SHORTEST, LONGEST)
            yield Visit(kind, drawn.expovariate(1.0 / every), pictures)


class Guest:
    """One call through a link, which may be cut. Counts pictures, and keeps none."""

    def __init__(self, server: Served, sound: NDArray[np.float32]) -> None:
        self.server, self.link = server, Link()
        self.caller = Caller(sound, lambda frame: None, False, again=True)
        self._taken = 0

    async def offer(self) -> str:
        await self.link.open(own_address())
        return self.link.rewrite_offer(await self.caller.offer())

    async def accept(self, answer: str) -> None:
        await self.caller.accept(self.link.rewrite_answer(answer))

    async def by_page(self, **wishes: Any) -> ClientConnection:
        """Over a WebSocket, whose messages are to be read. Raises TurnedAway."""
        address = f"ws://127.0.0.1:{self.server.port}/ws"
        socket = await connect(address, max_queue=1, ping_interval=None)
        await socket.send(json.dumps({"type": "offer", "sdp": await self.offer(), **wishes}))
        told = json.loads(await socket.recv())
        if told["type"] == "error" and told["code"] == "full":
            await socket.close()
            raise TurnedAway
        await self.accept(told["sdp"])
        return socket

    async def by_post(self) -> None:
        """Raises TurnedAway."""
        async with httpx.AsyncClient(timeout=PATIENCE) as http:
            body = {"type": "offer", "sdp": await self.offer()}
            answer = await http.post(f"http://127.0.0.1:{self.server.port}/offer", json=body)
        if answer.status_code == 503:
            raise TurnedAway
        await self.accept(answer.json()["sdp"])

    async def sees(self, pictures: int) -> None:
        """Waits for so many more. Raises TimeoutError, or CutOff when the call has ended."""
        self._taken += pictures
        async with asyncio.timeout(PATIENCE):
            while len(self.caller.frames) < self._taken:
                if self.caller.pc.connectionState in ("closed", "failed"):
                    raise CutOff
                await asyncio.sleep(0.05)

    async def aclose(self) -> None:
        await self.caller.aclose()
        self.link.close()


async def _heard(socket: ClientConnection) -> None:
    """Reads telemetry for as long as it comes."""
    with suppress(ConnectionClosed):
        async for _ in socket:
            pass


class Crowd:
    """Those who come to one server. counts: of visits by their kinds and ends."""

    def __init__(self, server: Served, sound: NDArray[np.float32], seed: int) -> None:
        self._server, self._sound, self._random = server, sound, random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.pictures = 0
        self.why: list[str] = []
        """What failed, and how; not all of it."""

    async def visit(self, visit: Visit) -> None:
        """From coming to leaving. Counts how it ended; raises nothing but cancellation."""
        guest = Guest(self._server, self._sound)
        end = "left"
        try:
            await KINDS[visit.kind](self, guest, visit.pictures)
        except TurnedAway:
            end = "turned away"
        except CutOff:
            end = "cut off"
        except TimeoutError:
            end = "saw nothing"
        except Exception as error:
            end = "failed"
            if len(self.why) < MOST_REASONS:
                self.why.append(f"{visit.kind}: {error!r}")
        finally:
            self.pictures += len(guest.caller.frames)
            await guest.aclose()
        self.counts[f"{visit.kind}, {end}"] += 1

    async def _reading(self, what: Awaitable[None], socket: ClientConnection) -> None:
        """Meanwhile, its messages are read."""
        reader = asyncio.create_task(_heard(socket))
        try:
            await what
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    async def talks(self, guest: Guest, pictures: int) -> None:
        """Comes, stays, says goodbye."""
        socket = await guest.by_page()
        await self._reading(guest.sees(pictures), socket)
        await socket.close()

    async def vanishes(self, guest: Guest, pictures: int) -> None:
        """A program that dies: nothing says so, neither a socket nor a packet."""
        await guest.by_post()
        await guest.sees(pictures)
        guest.link.still = True

    async def reloads(self, guest: Guest, pictures: int) -> None:
        """The page is loaded again, some times in a row, each time in the middle of its call."""
        await self._breaks_off(guest, pictures)
        for _ in range(RELOADS):
            again = Guest(self._server, self._sound)
            try:
                await self._breaks_off(again, 1 + pictures // RELOADS)
            finally:
                self.pictures += len(again.caller.frames)
                await again.aclose()

    async def _breaks_off(self, guest: Guest, pictures: int) -> None:
        socket = await guest.by_page()
        await self._reading(guest.sees(pictures), socket)
        socket.transport.abort()

    async def loses(self, guest: Guest, pictures: int) -> None:
        """Half of all packets are lost for a while, several times."""
        socket = await guest.by_page()

        async def worse_and_better() -> None:
            for _ in range(1 + pictures // (4 * BURST_PICTURES)):
                await guest.sees(BURST_PICTURES)
                guest.link.suffer(BURST)
                await asyncio.sleep(1.0)
                guest.link.suffer(None)

        await self._reading(worse_and_better(), socket)
        await socket.close()

    async def does_not_read(self, guest: Guest, pictures: int) -> None:
        """A page that asks for what is refused, and reads none of the refusals."""
        socket = await guest.by_page()
        await guest.sees(1)
        refused = json.dumps({"type": "change", "identity": "?" * 64, "morph": 1.0})
        with suppress(ConnectionClosed, TimeoutError):
            for _ in range(UNREAD):
                async with asyncio.timeout(1.0):
                    await socket.send(refused)
                await asyncio.sleep(0.005)
            async with asyncio.timeout(UNHEARD):
                await guest.sees(pictures)
        socket.transport.abort()

    async def sleeps(self, guest: Guest, pictures: int) -> None:
        """A laptop that is shut: it reads and sends nothing, and is opened again or too late."""
        socket = await guest.by_page()
        await guest.sees(pictures)
        socket.transport.pause_reading()
        guest.link.still = True
        await asyncio.sleep(self._random.uniform(*NAP))
        guest.link.still = False
        with suppress(ConnectionError, RuntimeError):
            socket.transport.resume_reading()
        with suppress(TimeoutError):
            async with asyncio.timeout(5.0):  # or its place has been given to somebody else
                await guest.sees(pictures)
        socket.transport.abort()

    async def knocks(self, guest: Guest, pictures: int) -> None:
        """Offers and never connects."""
        async with httpx.AsyncClient(timeout=PATIENCE) as http:
            status = await self._server.offer(http, await guest.offer())
        if status == 503:
            raise TurnedAway

    async def draws(self, guest: Guest, pictures: int) -> None:
        """A page that draws the face itself: motion comes over a data channel."""
        channel = guest.caller.pc.createDataChannel(
            latent_channel.NAME, ordered=False, maxRetransmits=0
        )
        packets, enough = 0, asyncio.Event()

        def came(message: object) -> None:
            nonlocal packets
            packets += 1
            if packets >= pictures:
                enough.set()

        channel.on("message", came)
        socket = await guest.by_page(latents=True)
        async with asyncio.timeout(PATIENCE):
            await enough.wait()
        await socket.close()


Way = Callable[[Crowd, Guest, int], Awaitable[None]]
KINDS: dict[str, Way] = {
    "talks": Crowd.talks,
    "vanishes": Crowd.vanishes,
    "reloads": Crowd.reloads,
    "loses packets": Crowd.loses,
    "does not read": Crowd.does_not_read,
    "sleeps": Crowd.sleeps,
    "knocks": Crowd.knocks,
    "draws itself": Crowd.draws,
}
"""Ways to call, by their names."""
