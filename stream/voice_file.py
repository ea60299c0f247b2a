"""The voice out of any audio or video file, on the file's own clock, as far as it can be read."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition

from latentcam.realtime_models.arrays import Samples
from latentcam.realtime_models.lone_media import damage_told
from latentcam.stream.errors import MediaError
from latentcam.stream.media_input import PIECE, Part, open_container, opened
from latentcam.stream.resample import Resampler, check_format, mono

logger = logging.getLogger(__name__)

FILLED_FROM = 0.05  # seconds; less between clock and sound is rounding
MOST_SILENCE = 3600.0  # seconds in all; a clock that wants more is broken, and ignored
TOLD_FROM = 0.1  # seconds missing by the clock; less is an encoder's beginning or end
READ_AGAIN = 20  # times in a row that a file may fail to give a packet before it is given up
STATES_LENGTH = (
    "wav", "w64", "aiff", "au", "caf", "flac", "matroska,webm", "mov,mp4,m4a,3gp,3g2,mj2",
)  # fmt: skip
"""Formats whose header says how long the sound is; with others it is a guess."""
NO_CLOCK = ("aac", "loas", "mp3")
"""Formats that are nothing but frames: FFmpeg invents their times, at the rate of the first."""
UNKNOWN_LENGTH = 2.0e9  # bytes of sound; writers into a pipe, who cannot know, claim as much

Sound = tuple[Samples, int]
"""float32 [n] mono in [-1, 1], and its rate in Hz."""


class VoiceFile:
    """The default audio track of a file; the first one if none is marked so.

    Time is the container's: where the sound begins later, or pauses, there is silence. Broken parts
    are left out, as players do. Raises MediaError if there is no voice in it.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._told = path, False
        self._begin()
        with ExitStack() as closing:
            whole = closing.enter_context(opened(path))
            try:
                container = open_container(whole)
            except (OSError, av.FFmpegError) as error:
                raise MediaError(
                    f"{path} cannot be read as audio or video: {error.strerror}"
                ) from None
            with container:
                self._track(container)
                self.seconds = max(0.0, float(container.duration or 0) / av.time_base)
                """The length the file states, for a progress bar; 0 if it states none."""
                self._parts = _chain(whole) if container.format.name == "ogg" else [whole]
            self._closing = closing.pop_all()

    def _begin(self) -> None:
        self._heard = False
        self._silence = 0.0  # seconds that were filled in
        self._refused: MediaError | None = None  # the newest sound that makes no sense
        self._missing = 0.0  # seconds that should be there, by the clock or the header
        self._broken = 0.0  # seconds that are there and could not be decoded
        self._torn = False  # nobody knows how many more

    def sounds(self) -> Iterator[Sound]:
        """Decode it from its beginning; at the first end, the log says what was missing."""
        self._begin()
        for part in self._parts:
            try:
                container = open_container(part)
            except (OSError, av.FFmpegError):
                self._torn = True  # a link of a chain; the first one opened before
                continue
            with container:
                try:
                    track = self._track(container)
                except MediaError as error:
                    self._refused, self._torn = error, True
                    continue
                yield from self._sounds(container, track)
        if not self._heard:
            no_sound = MediaError(f"{self._path} has an audio track without sound in it")
            raise self._refused or no_sound
        lost = max(self._missing, self._broken)
        if not self._told and (self._missing >= TOLD_FROM or self._broken or self._torn):
            self._told = True
            logger.warning(
                "%s: %s of its sound is missing or broken; the rest is used",
                self._path,
                "a part" if self._torn else f"about {lost:.2f} s",
            )

    def _sounds(self, container: InputContainer, track: AudioStream) -> Iterator[Sound]:
        position, clock = 0.0, container.format.name not in NO_CLOCK
        origin = None if container.start_time is None else container.start_time / av.time_base
        for frame in self._frames(container, track):
            try:
                samples, rate = mono(frame), frame.sample_rate
            except MediaError as error:
                self._refused = error
                continue
            if clock and frame.time is not None:
                origin = frame.time if origin is None else origin
                late = frame.time - origin - position
                if self._silence + late > MOST_SILENCE:
                    origin += late
                elif late >= FILLED_FROM:
                    self._silence += late
                    self._missing += late if self._heard else 0.0
                    for _ in range(int(late)):
                        yield np.zeros(rate, np.float32), rate
                    yield np.zeros(round(late % 1 * rate), np.float32), rate
                    position += late
            self._heard = self._heard or len(samples) > 0
            yield samples, rate
            position += len(samples) / rate
        self._missing += max(0.0, _claimed(container, track) - position)

    def _frames(self, container: InputContainer, track: AudioStream) -> Iterator[av.AudioFrame]:
        failures = 0
        while failures < READ_AGAIN:
            packets = container.demux(track)
            try:
                while True:
                    with damage_told():
                        packet = next(packets, None)
                    if packet is None:
                        return
                    failures = 0
                    try:
                        frames = packet.decode()
                    except av.FFmpegError:
                        frames = []
                        self._broken += float((packet.duration or 0) * (packet.time_base or 0))
                    for frame in frames:
                        assert isinstance(frame, av.AudioFrame)
                        yield frame
            except av.FFmpegError:
                failures += 1
        self._torn = True

    def _track(self, container: InputContainer) -> AudioStream:
        """Raises MediaError."""
        if not container.streams.audio:
            raise MediaError(f"{self._path} has no audio track, expected a file with speech")
        # PyAV's type does not say that there may be no decoder.
        tracks = [t for t in container.streams.audio if t.codec_context is not None]
        if not tracks:
            raise MediaError(f"the sound of {self._path} is in a format that cannot be decoded")
        track = next((t for t in tracks if t.disposition & Disposition.default), tracks[0])
        if track.codec_context.sample_rate:  # if not, the sound itself says so
            check_format(track.codec_context.sample_rate, track.codec_context.channels)
        return track

    def __enter__(self) -> VoiceFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.close()


def _claimed(container: InputContainer, track: AudioStream) -> float:
    """Seconds of sound that the header says there are; 0 if it does not."""
    if container.format.name not in STATES_LENGTH:
        return 0.0
    if track.duration:
        seconds = float(track.duration * (track.time_base or 0))
    elif len(container.streams) == 1:
        seconds = (container.duration or 0) / av.time_base
    else:
        return 0.0
    return seconds if seconds * (container.bit_rate or 0) / 8 < UNKNOWN_LENGTH else 0.0


def _chain(whole: Part) -> list[Part]:
    """The links of an Ogg chain: radio recordings, or files joined end to end.

    FFmpeg reads on only if all links are alike. A link begins with pages marked as the beginning
    of a stream, one for each track (RFC 3533, sections 4 and 6).
    """
    begins, after_mark, at = [0], True, 0
    rest = b""
    whole.seek(0)
    while piece := whole.read(PIECE):
        searched = rest + piece
        for page in re.finditer(rb"OggS\0([\0-\7])", searched):
            marked = bool(page[1][0] & 2)
            if marked and not after_mark:
                begins.append(at - len(rest) + page.start())
            after_mark = marked
        at += len(piece)
        rest = searched[-5:]
    return [whole.part(*ends) for ends in zip(begins, [*begins[1:], at], strict=True)]


def resampled(sounds: Iterable[Sound], rate: int) -> Iterator[Samples]:
    """float32 [n] mono at `rate`, block by block."""
    resampler = Resampler(rate)
    for samples, own in sounds:
        yield resampler.push(samples, own)
    yield resampler.flush()


def read_voice(path: Path, rate: int) -> Iterator[Samples]:
    """The voice of a file: float32 [n] mono at `rate`, block by block. Raises MediaError."""
    with VoiceFile(path) as file:
        yield from resampled(file.sounds(), rate)


class Blocks:
    """Takes any number of samples at a time from blocks; silence after the end."""

    def __init__(self, blocks: Iterator[Samples]) -> None:
        self._blocks = blocks
        self._rest = np.zeros(0, np.float32)
        self.taken = 0
        self.length: int | None = None
        """Samples in all, known once the end has been reached."""

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
