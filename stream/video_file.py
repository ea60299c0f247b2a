"""Writes a video and its voice to a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

from latentcam.realtime_models.arrays import Rgb, Samples
from latentcam.stream.errors import MediaError
from latentcam.stream.timeline import Timeline
from latentcam.stream.whole_file import whole_file

OUTPUT_RATE = 48000  # Hz, the voice in the file
OUTPUT_BLOCK = 1024  # samples handed to the encoder at a time

SYNTHETIC = "Synthetic face, made by latentcam"
"""What a video says about itself, in its comment."""


@contextmanager
def new_video(path: Path, timeline: Timeline, size: int) -> Iterator[VideoFile]:
    """Appears under its name only when it is whole. Raises MediaError if it cannot be written."""
    if path.suffix.lower() not in (".mp4", ".mov", ".mkv"):
        raise MediaError(f"the output is {path.name}, expected a name in .mp4, .mov or .mkv")
    # "file:" makes a name of it, whatever it looks like: 10:30.mp4 is no address
    options = {"movflags": "+faststart"}
    with whole_file(path) as partial:
        try:
            with av.open(f"file:{partial}", "w", options=options) as container:
                video = VideoFile(container, timeline, size)
                yield video
                video.flush()
        except av.FFmpegError as error:  # a full disk, above all
            raise MediaError(f"{path} cannot be written: {error.strerror}") from None


class VideoFile:
    """H.264 and AAC, into a container of any kind."""

    def __init__(self, container: OutputContainer, timeline: Timeline, size: int) -> None:
        self._container = container
        self._container.metadata["comment"] = SYNTHETIC
        self._video: VideoStream = self._container.add_stream("libx264", rate=timeline.fps)
        self._video.width = self._video.height = size
        self._video.pix_fmt = "yuv420p"
        self._video.time_base = Fraction(1, timeline.fps)
        self._video.options = {"crf": "18", "preset": "fast"}
        self._audio: AudioStream = self._container.add_stream("aac", rate=OUTPUT_RATE)
        self._audio.layout = "mono"
        # The default coder at 128 kbit/s was seen to double the peak of a loud chord; with these
        # a voice at 0.97 of full scale comes back at 0.97.
        self._audio.bit_rate = 192_000
        self._audio.options = {"aac_coder": "fast"}
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

    def flush(self) -> None:
        """Write what the encoders still hold. Nothing may follow."""
        self._container.mux(self._video.encode(None))
        self._container.mux(self._audio.encode(None))
