"""One measured call to a served application: ages, skews and what became of each tick."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection

from latentcam.benchmarks.tools.caller import RATE, Caller
from latentcam.benchmarks.tools.link import Link, Script, own_address
from latentcam.benchmarks.tools.skew import OPUS_DELAY, VoiceFinder
from latentcam.benchmarks.tools.stamp import read_stamp, whole_tick
from latentcam.realtime_models.arrays import SAMPLE_RATE
from latentcam.stream.timeline import Timeline

PACKET = 0.02  # seconds of sound in a packet
CLOCK = 90_000  # Hz, of video

MOUTH = 36, 52  # points, in height and width


@dataclass(frozen=True)
class Look:
    """What is kept of a received picture. mouth: grey, float32 MOUTH, whatever the picture's size,
    which may change within a call."""

    tick: int | None
    mouth: NDArray[np.float32]


def look(frame: av.VideoFrame) -> Look:
    """By the brightness alone: colours would take longer than decoding took."""
    side = frame.height
    grey = np.asarray(frame.to_ndarray()[:side], np.uint8)  # of YUV 4:2:0, Y comes first
    rows = np.linspace(0.55 * side, 0.82 * side, MOUTH[0], endpoint=False).astype(int)
    columns = np.linspace(0.3 * side, 0.7 * side, MOUTH[1], endpoint=False).astype(int)
    return Look(read_stamp(grey), grey[np.ix_(rows, columns)].astype(np.float32))


@dataclass(frozen=True)
class Shown:
    """A frame in the receiver's hands. age: seconds since the last sample of its tick left."""

    tick: int
    at: float
    age: float
    mouth: NDArray[np.float32]


@dataclass
class Call:
    """Says `sound` again and again for as long as it is open. Seconds count from the first packet
    that left."""

    sound: NDArray[np.float32]
    fps: int
    look_ahead: float
    patient: bool = False
    script: Script | None = None
    life: float = 1.0
    skews: list[tuple[float, float]] = field(default_factory=list)
    """(when, by how many seconds the returned voice is later than the lips)"""
    telemetry: dict[str, Any] = field(default_factory=dict)

    async def open(self, port: int) -> None:
        """Connect, see the first face, begin to talk."""
        finder = VoiceFinder(self.sound, self._found)
        self.caller = Caller(self.sound, look, self.patient, False, finder.hear, again=True)
        self.link: Link | None = None
        if self.script is not None:
            self.link = Link()
            await self.link.open(own_address())
        loop = asyncio.get_running_loop()
        asked = loop.time()
        self._socket: ClientConnection = await self.caller.call(port, self.link)
        await self._socket.send(json.dumps({"type": "change", "life": self.life}))
        self._reader = asyncio.create_task(self._read())
        await self.caller.until_frames(10)
        self.first_frame = self.caller.frames[0][1] - asked
        """Seconds from the offer to the first picture, before any word."""
        self.caller.speak()
        if self.link is not None and self.script is not None:
            await asyncio.sleep(0.5)  # the first packet must arrive: it is where pts begin
            self.link.suffer(self.script)

    async def _read(self) -> None:
        async for message in self._socket:
            found = json.loads(message)
            if found["type"] == "telemetry":
                self.telemetry = found

    def _found(self, pts: float, moment: float) -> None:
        clock = self.caller.voice_clock
        heard = moment + OPUS_DELAY + self.telemetry.get("voice_offset_s", 0.0)
        due = (heard + self.look_ahead) * self.fps - 1  # the tick that shows this moment
        stamped = [
            (p, whole_tick(seen.tick, due))
            for p, _, seen in self.caller.frames[-40:]
            if seen.tick is not None
        ]
        if not stamped:
            return
        origin = float(np.median([p - t * CLOCK / self.fps for p, t in stamped]))
        shown = self.caller.face_clock.wall(origin + due * CLOCK / self.fps) + 0.5 / self.fps
        skew = clock.wall(pts * RATE) - shown
        if np.isfinite(skew):
            now = asyncio.get_running_loop().time() - self.caller.voice_origin
            self.skews.append((now, skew))

    def take_shown(self) -> list[Shown]:
        """The frames that came since this was last asked."""
        frames, self.caller.frames = self.caller.frames, self.caller.frames[-40:]
        offset, origin = self.telemetry.get("voice_offset_s"), self.caller.voice_origin
        shown = []
        for _, at, seen in frames[self._taken :]:
            if seen.tick is None or not origin or offset is None:
                continue
            tick = whole_tick(seen.tick, (at - origin) * self.fps)
            # Ticks are cut at whole samples, and the offset is told in hundredths of a millisecond.
            end = Timeline(self.fps).first_sample(tick + 1) / SAMPLE_RATE - offset
            packet = int(np.ceil(end / PACKET - 1e-3)) - 1
            if 0 <= packet < len(self.caller.left):
                age = at - self.caller.left[packet]
                shown.append(Shown(tick, at - origin, age, seen.mouth))
        self._taken = len(self.caller.frames)
        return shown

    _taken = 0

    async def close(self) -> None:
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        await self._socket.close()
        await self.caller.aclose()
        if self.link is not None:
            self.link.close()


def percentiles(seconds: list[float]) -> dict[str, float]:
    """p50, p95 and p99 in milliseconds; nan of nothing."""
    values = [float(np.percentile(seconds, p)) * 1000 if seconds else np.nan for p in (50, 95, 99)]
    return {f"p{p}_ms": round(v, 1) for p, v in zip((50, 95, 99), values, strict=True)}
