"""Looks for the mark in a video or a picture file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.lone_media import damage_told
from latentcam.realtime_models.mark_search import LEAST_LINES, LINES, Finding, search
from latentcam.stream.errors import MediaError
from latentcam.stream.media_input import open_container, opened

EVERY = 5  # of the frames is looked at
FRAMES = 50  # looked at make a stretch, of which the mean is searched: 10 s at 25 fps
CERTAIN = -6.0  # log10 of the chance of an accident: certain of the mark
POSSIBLE = -2.0  # neither that nor its absence can be told


@dataclass(frozen=True, slots=True)
class Verdict:
    """findings: one for each stretch of the file. seconds: how long they are together, 0 of a
    still picture."""

    findings: tuple[Finding, ...]
    seconds: float

    @property
    def log10_chance(self) -> float:
        """Logarithm of the probability that a file of this length without a mark looks as marked as
        this, at most."""
        return min(self._chances)

    @property
    def marked(self) -> int:
        """How many stretches certainly are."""
        return sum(chance <= CERTAIN for chance in self._chances)

    @property
    def marks(self) -> list[int]:
        """Of the sessions, as far as they can be read from stretches that certainly are marked."""
        certain = zip(self.findings, self._chances, strict=True)
        found = [f.mark for f, chance in certain if chance <= CERTAIN and f.mark is not None]
        return list(dict.fromkeys(found))

    @property
    def _chances(self) -> list[float]:
        return [finding.log10_chance(len(self.findings)) for finding in self.findings]


def verdict_on(path: Path, most: float = math.inf) -> Verdict:
    """Searches a file, or its first so many seconds. Raises MediaError."""
    stretches = means_of(path, most)
    return Verdict(tuple(search(mean) for mean, _ in stretches), stretches[-1][1])


def means_of(path: Path, most: float = math.inf) -> list[tuple[NDArray[np.float32], float]]:
    """A file's stretches: their mean luma, float32 [H, W], and the second each ends at. At least
    one; raises MediaError."""
    try:
        with opened(path) as part, open_container(part) as container:
            if not container.streams.video:
                raise MediaError(f"{path} has no picture in it")
            found = list(_stretches(container.decode(video=0), most))
    except (OSError, av.FFmpegError) as error:
        raise MediaError(f"{path} cannot be read as a video: {error.strerror}") from None
    if not found:
        raise MediaError(f"{path} has no picture of {LEAST_LINES} lines or more in it")
    return found


def _stretches(
    frames: Iterator[av.VideoFrame], most: float
) -> Iterator[tuple[NDArray[np.float32], float]]:
    """Means of luma, of frames of one size, and the second each ends at."""
    total, count, end = np.zeros((0, 0), np.float32), 0, 0.0
    for index, frame in enumerate(_until_damaged(frames)):
        end = float(frame.time or 0.0)
        if end > most:
            break
        if index % EVERY or frame.height < LEAST_LINES:
            continue
        luma = _luma(frame)
        if count and (count == FRAMES or luma.shape != total.shape):
            yield total / np.float32(count), end
            count = 0
        total = luma if count == 0 else total + luma
        count += 1
    if count:
        yield total / np.float32(count), end


def _until_damaged(frames: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    """A recording that was cut off is good up to there."""
    count = 0
    try:
        while True:
            with damage_told():
                frame = next(frames, None)
            if frame is None:
                return
            count += 1
            yield frame
    except av.FFmpegError:
        if not count:
            raise


def _luma(frame: av.VideoFrame) -> NDArray[np.float32]:
    height = min(frame.height, LINES)
    width = max(1, round(frame.width * height / frame.height))
    grey = frame.reformat(width, height, "gray", interpolation="AREA", threads=1)
    return grey.to_ndarray().astype(np.float32)
