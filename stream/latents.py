"""A face over a network as latents alone: packets of motion, a hundredth of a video's rate.

The packets are those of docs/protocol.md. How they travel is the program's: datagrams, a data
channel, anything that may lose and reorder.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from latentcam.realtime_models.axes import Axis
from latentcam.realtime_models.motion.codec import TICKS, BadPacket, Decoder, Encoder
from latentcam.realtime_models.motion.glide import GlideState, came, late
from latentcam.stream.latest import Latest
from latentcam.stream.messages import Motion

FRAMES = 3  # ticks in each packet: two losses in a row leave no trace
LATE = 1.6  # ticks without a packet after which the face goes on by itself
MOST_LATE = 4  # ticks that it does so


class LatentSender:
    """Of one face. axes: of its pack's card, which must be the receiver's."""

    def __init__(self, axes: Sequence[Axis]) -> None:
        self._encoder = Encoder(axes, FRAMES)

    def packet(self, motion: Motion) -> bytes:
        """What to send for a tick: every tick, in order, once."""
        return self._encoder.encode(motion.tick, motion.x)


class LatentReceiver:
    """Motion for a `Session` from packets as they come. On one event loop."""

    def __init__(self, axes: Sequence[Axis], fps: int) -> None:
        """axes: of the sender's pack; fps: its ticks a second."""
        self._decoder, self._fps = Decoder(axes), fps
        self._glide = GlideState()
        self._newest: Latest[Motion] = Latest()
        self._tick: int | None = None
        self.bad = 0
        """How many packets were none."""

    @property
    def missed(self) -> int:
        """Ticks that no packet told of."""
        return self._decoder.missed

    def put(self, packet: bytes) -> None:
        """Take what came, whatever it is. Returns at once."""
        missed = self._decoder.missed
        try:
            if not self._decoder.decode(packet):
                return
        except BadPacket:
            self.bad += 1  # as if it were lost
            return
        assert self._decoder.x is not None
        tick = int.from_bytes(packet[1:3], "big")
        self._tick = tick if self._tick is None else self._tick + (tick - self._tick) % TICKS
        self._glide = came(self._decoder.x, self._decoder.missed - missed, self._glide)
        assert self._glide.shown is not None
        now = asyncio.get_running_loop().time()
        self._newest.put(Motion(self._tick, now, self._glide.shown))

    def close(self) -> None:
        """No packet follows. May be called twice."""
        self._newest.close()

    async def motions(self) -> AsyncIterator[Motion]:
        """The motion as it comes; a few ticks that do not come are made up. Ends after `close`."""
        loop, made_up = asyncio.get_running_loop(), 0
        wait: float | None = None
        while True:
            try:
                async with asyncio.timeout(wait):
                    motion = await anext(self._newest)
            except StopAsyncIteration:
                return
            except TimeoutError:
                assert self._tick is not None
                made_up += 1
                self._glide = late(self._glide)
                assert self._glide.shown is not None
                motion = Motion(self._tick + made_up, loop.time(), self._glide.shown)
                wait = 1 / self._fps if made_up < MOST_LATE else None
            else:
                made_up, wait = 0, LATE / self._fps
            yield motion
