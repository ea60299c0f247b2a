"""The three things that travel through a session. Their arrays must never be written to."""

from __future__ import annotations

from dataclasses import dataclass

from latentcam.realtime_models.arrays import Control, Picture, Samples


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """One tick of voice. born: the loop's time, seconds, when its last sample arrived."""

    tick: int
    born: float
    samples: Samples


@dataclass(frozen=True, slots=True)
class Motion:
    """The control vector that the voice calls for, over the axes of the avatar."""

    tick: int
    born: float
    x: Control


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of the face."""

    tick: int
    born: float
    picture: Picture
