"""Writes a video and its voice to a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

from latentcam.realtime_models.alpha import straight
from latentcam.realtime_models.arrays import Picture, Samples
from latentcam.stream.backgrounds import Background
from latentcam.stream.badge import put_badge
from latentcam.stream.composition import Composer
from latentcam.stream.errors import MediaError
from latentcam.stream.marker import Marker
from latentcam.stream.timeline import Timeline
from latentcam.stream.whole_file import whole_file

OUTPUT_RATE = 48000  # Hz, the voice in the file

SYNTHETIC = "Synthetic face, made by latentcam"
"""What a video says about itself, in its comment."""


@dataclass(frozen=True, slots=True)
class Sound:
    """block: samples handed to the encoder at a time, as many as it encodes together."""

    codec: str
    block: int
    bits: int
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Form:
    """How pictures and voice are encoded."""

    codec: str
    pixels: str
    sound: Sound
    options: Mapping[str, str] = field(default_factory=dict)


# The default coder at 128 kbit/s was seen to double the peak of a loud chord; with these a voice at
# 0.97 of full scale comes back at 0.97.
AAC = Sound("aac", 1024, 192_000, {"aac_coder": "fast"})
OPUS = Sound("libopus", 960, 96_000)
VP9 = {"crf": "24", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"}
H264 = Form("libx264", "yuv420p", AAC, {"crf": "18", "preset": "fast"})

OPAQUE = {
    ".mp4": H264, ".mov": H264, ".mkv": H264, ".webm": Form("libvpx-vp9", "yuv420p", OPUS, VP9),
}  # fmt: skip
CLEAR = {  # libvpx keeps no alpha of pictures that it makes up for itself
    ".webm": Form("libvpx-vp9", "yuva420p", OPUS, {**VP9, "auto-alt-ref": "0"}),
    ".mov": Form("prores_ks", "yuva444p10le", AAC, {"profile": "4444", "alpha_bits": "16"}),
}
"""By the ending of a file's name: video with something behind the face, and with its alpha."""


@contextmanager
def new_video(
    path: Path,
    timeline: Timeline,
    size: int,
    background: Background | None,
    sign: Callable[[Path, str], None] | None = None,
    badge: bool = False,
) -> Iterator[VideoFile]:
    """Appears under its name only when it is whole. Raises MediaError if it cannot be written.

    size: pixels a side. background: None keeps the alpha of pictures that have it. sign: gets the
    whole file, before it has its name, and the name of its mark. badge: a label for people to see,
    in pictures with a background.
    """
    form = form_of(path, background is None)
    # "file:" makes a name of it, whatever it looks like: 10:30.mp4 is no address
    options = {"movflags": "+faststart"} if path.suffix.lower() in (".mp4", ".mov") else {}
    with whole_file(path) as partial:
        try:
            with av.open(f"file:{partial}", "w", options=options) as container:
                video = VideoFile(container, form, timeline, size, background, badge)
                yield video
                video.flush()
            if sign is not None:
                sign(partial, video.marker.name)
        except av.FFmpegError as error:  # a full disk, above all
            raise MediaError(f"{path} cannot be written: {error.strerror}") from None


def form_of(path: Path, clear: bool) -> Form:
    """By the file's name; clear: with alpha. Raises MediaError if there is none."""
    forms = CLEAR if clear else OPAQUE
    form = forms.get(path.suffix.lower())
    if form is None:
        *others, last = forms
        kind = "the output keeps what is behind the face transparent and" if clear else "the output"
        raise MediaError(f"{kind} is {path.name}, expected a name in {', '.join(others)} or {last}")
    return form


class VideoFile:
    """Pictures and voice, tick by tick, into a container; the pictures are marked."""

    def __init__(
        self, container: OutputContainer, form: Form, timeline: Timeline, size: int,
        background: Background | None, badge: bool = False,
    ) -> None:  # fmt: skip
        self._container = container
        self.marker = Marker()
        """Marks every picture."""
        self._container.metadata["comment"] = f"{SYNTHETIC}, mark {self.marker.name}"
        video = self._container.add_stream(form.codec, rate=timeline.fps)
        audio = self._container.add_stream(form.sound.codec, rate=OUTPUT_RATE)
        assert isinstance(video, VideoStream) and isinstance(audio, AudioStream)
        self._video, self._audio = video, audio
        self._video.width = self._video.height = size
        self._video.pix_fmt = form.pixels
        self._video.time_base = Fraction(1, timeline.fps)
        self._video.options = dict(form.options)
        self._sound = form.sound
        self._audio.layout = "mono"
        self._audio.bit_rate = form.sound.bits
        self._audio.options = dict(form.sound.options)
        self._badge = badge
        self._composer = None if background is None else Composer(size, size, background)
        self._waiting = np.zeros(0, np.float32)  # less than a block of the voice
        self._samples = 0

    def write(self, tick: int, picture: Picture, voice: Samples) -> None:
        """One picture and the voice of its tick, float32 at OUTPUT_RATE."""
        if self._composer is None:
            clear = self.marker.colours(straight(picture))
            frame = av.VideoFrame.from_ndarray(clear, format="rgba")
        else:
            opaque = self._composer(picture)
            if self._badge:
                put_badge(opaque)
            frame = av.VideoFrame.from_ndarray(self.marker.camera(opaque), format="yuv420p")
        frame.pts = tick
        self._container.mux(self._video.encode(frame))
        sound = np.concatenate([self._waiting, voice])
        whole = len(sound) - len(sound) % self._sound.block
        for start in range(0, whole, self._sound.block):
            self._say(sound[start : start + self._sound.block])
        self._waiting = sound[whole:]

    def _say(self, block: Samples) -> None:
        sound = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(block[None]), format="fltp", layout="mono"
        )
        sound.rate, sound.pts = OUTPUT_RATE, self._samples
        sound.time_base = Fraction(1, OUTPUT_RATE)
        self._samples += len(block)
        self._container.mux(self._audio.encode(sound))

    def flush(self) -> None:
        """Write what waits, and what the encoders still hold. Nothing may follow."""
        if len(self._waiting):
            self._say(self._waiting)
        self._container.mux(self._video.encode(None))
        self._container.mux(self._audio.encode(None))
