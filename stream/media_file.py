"""Sound out of any audio or video file, and video with its voice into a file."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import Rgb, Samples
from latentcam.stream.errors import MediaError
from latentcam.stream.timeline import Timeline

OUTPUT_RATE = 48000  # Hz, the voice in the file
OUTPUT_BLOCK = 1024  # samples handed to the encoder at a time


def read_voice(path: Path, rate: int) -> Iterator[NDArray[np.float32]]:
    """Decode the first audio track: float32 [n] mono at `rate` Hz, block by block.

    Raises MediaError before the first block when there is nothing to hear.
    """
    try:
        container = av.open(str(path))
    except (OSError, av.FFmpegError) as error:
        raise MediaError(f"{path} cannot be read as audio or video: {error.strerror}") from None
    with container:
        if not container.streams.audio:
            raise MediaError(f"{path} has no audio track, expected a file with speech")
        resampler = av.AudioResampler("flt", "mono", rate)
        heard = False
        try:
            for frame in container.decode(audio=0):
                frame.pts = None  # resample by count: files may have broken timestamps
                for block in resampler.resample(frame):
                    heard = True
                    yield block.to_ndarray()[0]
            for block in resampler.resample(None) if heard else ():
                yield block.to_ndarray()[0]
        except av.FFmpegError as error:
            if not heard:
                raise MediaError(f"{path} cannot be decoded: {error.strerror}") from None
            # A truncated file: what was readable is used, as players do.
    if not heard:
        raise MediaError(f"{path} has an audio track without sound in it")


def voice_seconds(path: Path) -> float:
    """Length that the file states, for a progress bar; 0 if it does not."""
    try:
        with av.open(str(path)) as container:
            return float(container.duration or 0) / av.time_base
    except (OSError, av.FFmpegError):
        return 0.0


class Blocks:
    """Takes any number of samples at a time out of blocks; silence after the end."""

    def __init__(self, blocks: Iterator[NDArray[np.float32]]) -> None:
        self._blocks = blocks
        self._rest = np.zeros(0, np.float32)
        self.taken = 0
        self.length: int | None = None
        """Samples in all, known once the end was reached."""

    def take(self, count: int) -> Samples:
        """float32 [count]."""
        parts, have = [self._rest], len(self._rest)
        while have < count and self.length is None:
            block = next(self._blocks, None)
            if block is None:
                self.length = self.taken + have
            else:
                parts.append(block)
                have += len(block)
        parts.append(np.zeros(max(0, count - have), np.float32))
        joined = np.concatenate(parts)
        self._rest = joined[count:]
        self.taken += count
        return joined[:count]


SYNTHETIC = "Synthetic face, made by latentcam"
"""What a video says of itself, in its comment."""


class VideoFile:
    """H.264 and AAC in an MP4. Appears under its name only when it is whole."""

    def __init__(self, path: Path, timeline: Timeline, size: int) -> None:
        if path.suffix.lower() not in (".mp4", ".mov", ".mkv"):
            raise MediaError(f"the output is {path.name}, expected a name in .mp4, .mov or .mkv")
        if not path.parent.is_dir():
            raise MediaError(f"the folder {path.parent} does not exist")
        self._path = path
        self._partial = path.with_name(f".{path.stem}.partial{path.suffix}")
        try:
            self._container = av.open(str(self._partial), "w", options={"movflags": "+faststart"})
        except (OSError, av.FFmpegError) as error:
            raise MediaError(f"{path} cannot be written: {error.strerror}") from None
        self._container.metadata["comment"] = SYNTHETIC
        self._video: VideoStream = self._container.add_stream("libx264", rate=timeline.fps)
        self._video.width = self._video.height = size
        self._video.pix_fmt = "yuv420p"
        self._video.time_base = Fraction(1, timeline.fps)
        self._video.options = {"crf": "18", "preset": "fast"}
        self._audio: AudioStream = self._container.add_stream("aac", rate=OUTPUT_RATE)
        self._audio.layout = "mono"
        self._audio.bit_rate = 128_000
        self._samples = 0

    def write(self, tick: int, rgb: Rgb, voice: Samples) -> None:
        """One frame and the voice of its tick, float32 at OUTPUT_RATE."""
        frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
        frame.pts = tick
        self._container.mux(self._video.encode(frame))
        for start in range(0, len(voice), OUTPUT_BLOCK):
            block = np.ascontiguousarray(voice[None, start : start + OUTPUT_BLOCK])
            sound = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
            sound.rate, sound.pts = OUTPUT_RATE, self._samples
            sound.time_base = Fraction(1, OUTPUT_RATE)
            self._samples += block.shape[1]
            self._container.mux(self._audio.encode(sound))

    def __enter__(self) -> VideoFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._container.mux(self._video.encode(None))
                self._container.mux(self._audio.encode(None))
            self._container.close()
            if kind is None:
                self._partial.replace(self._path)
        finally:
            self._partial.unlink(missing_ok=True)
