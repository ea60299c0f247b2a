"""A face as video over a link that loses packets, with the encoders that a call has.

Packets are asked for again (NACK, RFC 4585), so nothing is lost for good, but a picture can be
decoded only when it and all before it are there: a loss freezes the picture for a round trip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from aiortc.codecs import depayload
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext

from latentcam.realtime_models.arrays import Rgb
from latentcam.server.webrtc.video_encoder import FaceH264, FaceVp8, Rate

HEADERS = 20 + 8 + 12 + 10  # bytes: IPv4, UDP, RTP, the tag of SRTP
ROUND_TRIP = 2  # ticks until a lost packet comes again: 80 ms at 25 a second
ENCODERS = {"VP8": FaceVp8, "H264": FaceH264}


class FixedRate(Rate):
    """Always the same, whatever the picture's size and the receiver's estimates."""

    def __init__(self, bits: int, fps: int) -> None:
        super().__init__(1, fps)
        self.wanted = self.running = bits

    def fit(self, pixels: int) -> None:
        pass

    def want(self, bitrate: int) -> None:
        pass

    def restart(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Coded:
    """pictures: after decoding. packets: bytes of each packet's payload, picture by picture."""

    pictures: list[Rgb]
    packets: list[list[int]]


def coded(pictures: Sequence[Rgb], codec: str, bits: int, fps: int) -> Coded:
    """Pictures through one of ENCODERS at so many bit/s, and through FFmpeg's decoder."""
    encoder = ENCODERS[codec](FixedRate(bits, fps), lambda frame: frame, lambda seconds: None)
    about = RTCRtpCodecParameters(mimeType=f"video/{codec}", clockRate=90_000)
    decoder = av.CodecContext.create(codec.lower(), "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.flags |= Flags.low_delay  # no picture is held back
    found, packets = [], []
    for tick, picture in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = tick, Fraction(1, fps)
        payloads, _ = encoder.encode(frame)
        packets.append([len(payload) for payload in payloads])
        data = b"".join(depayload(about, payload) for payload in payloads)
        found += decoder.decode(av.Packet(data))
    found += decoder.decode(None)
    shown = [frame.to_ndarray(format="rgb24").astype(np.uint8) for frame in found]
    if len(shown) != len(pictures):
        raise ValueError(f"{codec} gave {len(shown)} pictures back, expected {len(pictures)}")
    return Coded(shown, packets)


def sent(packets: Sequence[Sequence[int]], loss: float, seed: int) -> tuple[list[int], int]:
    """For each tick the newest picture that can be shown, -1 for none yet, and all bytes sent."""
    chance = np.random.default_rng(seed)
    ready, total, late = [], 0, 0
    for tick, sizes in enumerate(packets):
        for size in sizes:
            tries = int(chance.geometric(1 - loss))
            total += tries * (size + HEADERS)
            late = max(late, tick + (tries - 1) * ROUND_TRIP)
        ready.append(late)
    times = np.array(ready)
    newest = np.searchsorted(times, np.arange(len(packets)), side="right") - 1
    return newest.tolist(), total
