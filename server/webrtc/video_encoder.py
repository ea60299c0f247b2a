"""Video encoders for a face: no delay, bits that fit the picture, few restarts.

aiortc's own start at 500 kbit/s whatever the size, filter noise that a generator does not produce,
and restart with a key frame whenever the estimate changes by a tenth.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from fractions import Fraction

import av
from aiortc import RTCRtpTransceiver
from aiortc.mediastreams import VIDEO_TIME_BASE, convert_timebase
from av.frame import Frame
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from latentcam.server.webrtc.aiortc_inside import (
    encode_with,
    h264_payloads,
    send_codec,
    vp8_payloads,
)

START_BITS = 15.0  # bit/s for each pixel, 1 Mbit/s at 256²: a talking face needs about 600 kbit/s
LEAST_BITS, MOST_BITS = 2.0, 40.0  # bit/s for each pixel
LEAST_START = 300_000  # bit/s, for pictures of any size
RESTART_DOWN, RESTART_UP = 0.85, 1.5  # of the running rate; changing it costs a key frame
CALM = 5.0  # seconds after a restart before the rate may go up


class Rate:
    """The bit rate of one stream: the receiver's estimate, within what the picture needs."""

    def __init__(self, pixels: int, fps: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._fps, self._clock = fps, clock
        self.wanted = self.running = max(LEAST_START, round(pixels * START_BITS))
        self._changed = clock()
        self.fit(pixels)

    def fit(self, pixels: int) -> None:
        """The picture has so many from now on."""
        start = max(LEAST_START, round(pixels * START_BITS))
        self._least, self._most = round(pixels * LEAST_BITS), round(pixels * MOST_BITS)
        self._most = max(start, self._most)
        self.want(self.wanted)
        self.running = self.wanted

    def want(self, bitrate: int) -> None:
        """The receiver's newest estimate (REMB), bit/s."""
        self.wanted = max(self._least, min(self._most, bitrate))

    def restart(self) -> bool:
        """Whether the encoder should begin anew at `running`, which is then `wanted`."""
        now, change = self._clock(), self.wanted / self.running
        down = change < RESTART_DOWN
        if not down and not (change > RESTART_UP and now - self._changed > CALM):
            return False
        self.running, self._changed = self.wanted, now
        return True

    def context(self, codec: str, frame: av.VideoFrame) -> VideoCodecContext:
        context = av.CodecContext.create(codec, "w")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height = frame.width, frame.height
        context.bit_rate, context.pix_fmt = self.running, "yuv420p"
        context.time_base, context.framerate = VIDEO_TIME_BASE, Fraction(self._fps)
        context.thread_count = 1
        return context


class _FaceEncoder:
    """What aiortc's sender expects: pictures in, RTP payloads out. look: makes of a picture what is
    encoded, yuv420p. on_encoded gets the seconds that a frame took. Both run on the thread that
    encodes."""

    def __init__(
        self, rate: Rate, look: Callable[[av.VideoFrame], av.VideoFrame],
        on_encoded: Callable[[float], None],
    ) -> None:  # fmt: skip
        self._rate, self._look, self._on_encoded = rate, look, on_encoded
        self._codec: VideoCodecContext | None = None
        self._size = (0, 0)

    @property
    def target_bitrate(self) -> int:
        """What the sender sets when the receiver's estimate comes, bit/s."""
        return self._rate.wanted

    @target_bitrate.setter
    def target_bitrate(self, bitrate: int) -> None:
        self._rate.want(bitrate)

    def encode(self, frame: Frame, force_keyframe: bool = False) -> tuple[list[bytes], int]:
        begun = time.perf_counter()
        assert isinstance(frame, av.VideoFrame) and frame.pts is not None
        assert frame.time_base is not None
        picture = self._look(frame)
        picture.pict_type = PictureType.I if force_keyframe else PictureType.NONE
        size = (picture.width, picture.height)
        if size != self._size:  # it begins anew: the resolution may change during a call
            self._rate.fit(picture.width * picture.height)
        if size != self._size or self._rate.restart():
            self._codec, self._size = self._open(picture), size
        assert self._codec is not None
        payloads = self._payloads(b"".join(map(bytes, self._codec.encode(picture))))
        self._on_encoded(time.perf_counter() - begun)
        return payloads, convert_timebase(frame.pts, frame.time_base, VIDEO_TIME_BASE)

    def _open(self, picture: av.VideoFrame) -> VideoCodecContext:
        raise NotImplementedError

    def _payloads(self, data: bytes) -> list[bytes]:
        raise NotImplementedError


class FaceVp8(_FaceEncoder):
    """VP8."""

    def __init__(
        self, rate: Rate, look: Callable[[av.VideoFrame], av.VideoFrame],
        on_encoded: Callable[[float], None],
    ) -> None:  # fmt: skip
        super().__init__(rate, look, on_encoded)
        self._picture_id = secrets.randbelow(1 << 15)

    def _open(self, picture: av.VideoFrame) -> VideoCodecContext:
        context = self._rate.context("libvpx", picture)
        context.gop_size = 3000  # key frames are asked for
        context.qmin, context.qmax = 2, 56
        rate = str(self._rate.running)
        context.options = {
            "deadline": "realtime", "cpu-used": "-8", "lag-in-frames": "0",
            "minrate": rate, "maxrate": rate, "bufsize": rate,  # constant rate, one second
            "undershoot-pct": "100", "overshoot-pct": "15", "static-thresh": "1",
        }  # fmt: skip
        return context

    def _payloads(self, data: bytes) -> list[bytes]:
        self._picture_id = (self._picture_id + 1) % (1 << 15)
        return vp8_payloads(data, self._picture_id)


class FaceH264(_FaceEncoder):
    """H.264 baseline."""

    def _open(self, picture: av.VideoFrame) -> VideoCodecContext:
        context = self._rate.context("libx264", picture)
        context.options = {"level": "31", "tune": "zerolatency", "preset": "veryfast"}
        context.profile = "Baseline"
        return context

    def _payloads(self, data: bytes) -> list[bytes]:
        return h264_payloads(data)


def encode_face(
    video: RTCRtpTransceiver, rate: Rate, look: Callable[[av.VideoFrame], av.VideoFrame],
    on_encoded: Callable[[float], None],
) -> None:  # fmt: skip
    """Let a negotiated transceiver encode as above."""
    kinds = {"video/vp8": FaceVp8, "video/h264": FaceH264}
    kind = kinds[send_codec(video).mimeType.lower()]
    encode_with(video.sender, kind(rate, look, on_encoded))
