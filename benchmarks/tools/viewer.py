"""A browser's side of a call to somebody else's server: what it shows and plays, and when."""

from __future__ import annotations

import asyncio

import av
import numpy as np
from aiortc.rtp import RtpPacket

from latentcam.benchmarks.tools.caller import RATE as SENT
from latentcam.benchmarks.tools.caller import Caller, Clock, NoFace, since
from latentcam.benchmarks.tools.mouths import Recording, mouth

RATE = 24000  # Hz, of the recording


class Arrivals(Clock):
    """When the packets of a stream arrived, for when the call is over. The time stamps of some
    senders run faster or slower than the clock, and packets come late: a browser lays a line
    through what comes, and so does this."""

    AROUND = 2.0  # seconds before a moment, and after it, whose packets are looked at

    def __init__(self, rate: int) -> None:
        super().__init__(rate)
        self._found: list[tuple[int, float]] = []  # timestamp, the loop's time

    def packet(self, packet: RtpPacket, first: int | None) -> None:
        super().packet(packet, first)
        if not self._found or since(packet.timestamp, self._found[-1][0]) > 0:
            self._found.append((packet.timestamp, asyncio.get_running_loop().time()))

    def walls(self, pts: list[int]) -> list[float]:
        """On the loop's clock."""
        if self.first is None:
            raise NoFace("a call showed no picture, expected at least one")
        found = np.array([(since(timestamp, self.first), at) for timestamp, at in self._found])
        ticks, times = found[:, 0], found[:, 1] - found[0, 1]
        shown = []
        for moment in pts:
            around = moment + self.AROUND * self._rate * np.array([-1, 1])
            first, last = np.searchsorted(ticks, around)
            x, y = ticks[first:last] - moment, times[first:last]
            shown.append(float(found[0, 1] + np.median(y - np.polyfit(x, y, 1)[0] * x)))
        return shown


class Viewer(Caller):
    """Sends silence. Pictures and sound are noted as they come out of the decoders; `settle` tells
    when a viewer who keeps both in sync, as browsers do, shows and plays them: as they were sent.
    """

    clock = Arrivals
    face_clock: Arrivals
    voice_clock: Arrivals

    def __init__(self) -> None:
        self.recording = Recording()
        self._pictures: list[int] = []  # their pts
        self._sound: list[int] = []
        super().__init__(np.zeros(SENT, np.float32), self._show, False, True, self._play, True)

    def _show(self, frame: av.VideoFrame) -> float:
        opened = mouth(np.asarray(frame.reformat(format="gray").to_ndarray()))
        self._pictures.append(pts(frame))
        self.recording.pictures.append((asyncio.get_running_loop().time(), opened))
        return opened

    def _play(self, packet: av.AudioFrame) -> None:
        stereo = packet.to_ndarray().reshape(-1, 2)
        samples = (stereo[::2, 0] / 32768).astype(np.float32)  # of 48 kHz
        self._sound.append(pts(packet))
        self.recording.sound.append((asyncio.get_running_loop().time(), samples))

    async def seen(self) -> None:
        """Wait for the first picture."""
        await self.until_frames(1, deadline=60.0)

    def settle(self) -> None:
        """Correct the times of the recording."""
        shown = self.face_clock.walls(self._pictures)
        played = self.voice_clock.walls(self._sound)
        pictures, sound = self.recording.pictures, self.recording.sound
        pictures[:] = [(at, opened) for at, (_, opened) in zip(shown, pictures, strict=True)]
        sound[:] = [(at, samples) for at, (_, samples) in zip(played, sound, strict=True)]


def pts(frame: av.VideoFrame | av.AudioFrame) -> int:
    assert frame.pts is not None
    return frame.pts
