"""Pictures for every session from one decoder: in the order requested, in parallel or in one call
where that is faster; from a coarser decoder where the machine is too slow."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import Control, Latent, Picture
from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.decoders.base import Decode, Decoder
from latentcam.stream.meter import percentile
from latentcam.stream.stepping import Stepping, why
from latentcam.stream.threads import finish

logger = logging.getLogger(__name__)

BATCHES = (2, 4, 8)  # sizes that are tried
FASTER = 0.85  # of the time alone, per picture: a batch that needs more is not used
TRIES = 5
MEASURED = 15  # pictures by each of several decoders; the tenth of them that takes longest counts

R = TypeVar("R")


@dataclass(slots=True, eq=False, repr=False)
class _Order:
    """Written once, by one render thread. Has no repr of its arrays, which would take 0.7 ms:
    `deque.remove` makes one for its error message."""

    anchor: Latent
    x: Control
    picture: Picture | None = None
    took: float = 0.0


class Renderer:
    """Owns the render threads, one for each of the decoder's lanes. A session asks for one picture
    at a time, first come, first served, so nobody gets a second picture while another session
    still waits for its first."""

    def __init__(
        self, avatar: Avatar, due: float, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        """due: seconds from one picture of a session to the next."""
        self._avatar, self._due, self._clock = avatar, due, clock
        # By decoder, those not in use; threads may share a deque.
        self._lanes = [deque(decoder.lanes) for decoder in avatar.decoders]
        self._threads = ThreadPoolExecutor(max(1, *map(len, self._lanes)), "render")
        self._orders: deque[_Order] = deque()
        self.most = 1
        """Pictures decoded in one call."""
        self._attending = 0  # sessions that run
        self._stepping = Stepping([due] * len(avatar.decoders), due)
        self.reason = ""
        """Why pictures began at their resolution, if there was a choice."""

    @property
    def decoder(self) -> Decoder:
        """The one that draws at present."""
        return self._avatar.decoders[self._stepping.index]

    @contextmanager
    def attended(self) -> Iterator[None]:
        """A session asks for pictures in here. Where several do, each keeps to a lane."""
        self._attending += 1
        try:
            yield
        finally:
            self._attending -= 1

    async def render(self, anchor: Latent, x: Control) -> tuple[Picture, float]:
        """The picture of the face at `anchor` moved by x, and the seconds that decoding took."""
        order, asked = _Order(anchor, x), self._clock()
        self._orders.append(order)
        try:
            await self._run(partial(self._carry_out, order))
        finally:  # cancelled, perhaps before the thread took it up
            self._forget(order)
        assert order.picture is not None
        now = self._clock()
        if self._stepping.rendered(now - asked, now):
            logger.info("pictures of %s from now on", self.decoder.resolution)
        return order.picture, order.took

    async def render_finest(self, anchor: Latent, x: Control) -> Picture:
        """The picture by the finest decoder, for whom nobody waits for the next; a session may
        begin meanwhile."""
        (picture,) = await self._run(partial(self._decode, [_Order(anchor, x)], 0))
        return picture

    def _carry_out(self, order: _Order) -> None:
        """On a thread. Takes along those who have waited longest; one failure fails no other."""
        if order.picture is not None:
            return
        self._forget(order)
        orders = [order]
        while self._orders and len(orders) < self.most:
            orders.append(self._orders.popleft())
        begun = self._clock()
        try:
            pictures = self._decode(orders, self._stepping.index)
        except Exception:
            if len(orders) == 1:
                raise
            orders, pictures = [order], self._decode([order], self._stepping.index)
        took = self._clock() - begun
        for served, picture in zip(orders, pictures, strict=True):
            served.took, served.picture = took, picture

    def _decode(self, orders: list[_Order], index: int) -> list[Picture]:
        """index: of the decoder. Nothing else calls one that has lanes: it decodes one picture at a
        time, and so does each of its lanes."""
        move = self._avatar.basis.move
        decoder, lanes = self._avatar.decoders[index], self._lanes[index]
        ws = np.stack([move(o.anchor, o.x) for o in orders])
        if not decoder.lanes:
            return list(decoder.decode(ws))
        lane = lanes.popleft()
        try:  # a session without company has the whole decoder
            alone = self._attending < 2 and len(lanes) == len(decoder.lanes) - 1
            return list(decoder.decode(ws) if alone else lane(ws))
        finally:
            lanes.append(lane)

    def _forget(self, order: _Order) -> None:
        with suppress(ValueError):
            self._orders.remove(order)

    async def warm_up(self, anchor: Latent, x: Control, sessions: int) -> None:
        """Choose a decoder, and use every lane once; if there are none, measure whether decoding
        several pictures in one call pays off, for up to `sessions`."""
        ws = self._avatar.basis.move(anchor, x)[None]
        if len(self._avatar.decoders) > 1:
            await self._choose(ws)
        lanes = [lane for decoder in self._avatar.decoders for lane in decoder.lanes]
        await asyncio.gather(*(self._run(partial(lane, ws)) for lane in lanes))
        if lanes:
            return
        alone = await self._run(partial(self._seconds, anchor, x, 1))
        best = alone
        for size in BATCHES:
            if size > sessions:
                break
            each = await self._run(partial(self._seconds, anchor, x, size)) / size
            if each < FASTER * best:
                self.most, best = size, each
        logger.info("%d pictures in a call, %.1f ms each", self.most, best * 1000)

    async def _choose(self, ws: NDArray[np.float32]) -> None:
        decoders = self._avatar.decoders
        took = [await self._run(partial(measured, one.decode, ws, self._clock)) for one in decoders]
        self._stepping = Stepping(took, self._due)
        self.reason = why([one.resolution for one in decoders], took, self._due)
        logger.info("resolution %s", self.reason)

    def _seconds(self, anchor: Latent, x: Control, size: int) -> float:
        """The fastest of a few calls: the time it takes with nothing else running."""
        orders, found = [_Order(anchor, x)] * size, []
        for _ in range(TRIES):
            begun = self._clock()
            self._decode(orders, self._stepping.index)
            found.append(self._clock() - begun)
        return min(found)

    async def _run(self, function: Callable[[], R]) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function)

    async def aclose(self) -> None:
        """Wait for what is being decoded. May be called twice."""
        await finish(self._threads)


def measured(decode: Decode, ws: NDArray[np.float32], clock: Callable[[], float]) -> float:
    """Seconds that a picture takes, but for one of ten that take longer."""
    decode(ws)
    found = []
    for _ in range(MEASURED):
        begun = clock()
        decode(ws)
        found.append(clock() - begun)
    return percentile(found, 90)
