"""Is it a voice? WebRTC's detector, with a memory that is a value.

The detector keeps its memory in C, where it can be neither read nor copied. So a state holds what
the detector has heard, one to two seconds of it, and the detector itself only saves hearing that
again: a state stepped a second time gets a new detector, and the answer is the same. What is not
remembered cannot affect what follows: no noise or music makes it deaf for longer than that.
"""

from __future__ import annotations

from dataclasses import dataclass

import webrtcvad

from latentcam.realtime_models.arrays import SAMPLE_RATE

AGGRESSIVENESS = 2  # of 0 to 3: how much is taken for noise
REMEMBERED = 100  # frames that a new detector hears again, 1 s; it is replaced after as many more


class _Detector:
    """Some of the frames of a voice, heard one after the other. Used by one thread at a time."""

    def __init__(self, frames: tuple[bytes, ...]) -> None:
        self._vad = webrtcvad.Vad(AGGRESSIVENESS)
        self.heard = 0
        for frame in frames:
            self.hear(frame)

    def hear(self, frame: bytes) -> bool:
        self.heard += 1
        return bool(self._vad.is_speech(frame, SAMPLE_RATE))


@dataclass(frozen=True, slots=True)
class ActivityState:
    """frames: 10 ms of little-endian int16 each, oldest first; all that is remembered.

    detector: has heard these frames, unless a later state took it along.
    """

    frames: tuple[bytes, ...]
    detector: _Detector


def activity_initial_state() -> ActivityState:
    return ActivityState((), _Detector(()))


def voice_activity(frame: bytes, state: ActivityState) -> tuple[bool, ActivityState]:
    """Whether this frame, 10 ms of little-endian int16 at 16 kHz, is voice."""
    frames, detector = state.frames, state.detector
    if len(frames) == 2 * REMEMBERED:
        frames = frames[REMEMBERED:]
    if detector.heard != len(frames):
        detector = _Detector(frames)
    is_voice = detector.hear(frame)
    return is_voice, ActivityState((*frames, frame), detector)
