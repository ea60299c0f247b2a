"""Lets the mouth rest when nobody speaks: voice activity with hysteresis, level and memory.

Sound far below the speaker's level is the room or somebody else, and moves nothing. But the speaker
may have become softer, or the loud sound may not have been a speaker: so a clear voice that
persists while nothing louder is heard is taken for the speaker's. A voice of any level is heard
within a second, whatever came before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from latentcam.realtime_models.arrays import SAMPLE_RATE, Samples
from latentcam.realtime_models.motion.gestures import WINDOW, pitch
from latentcam.realtime_models.motion.voice_activity import (
    ActivityState,
    activity_initial_state,
    voice_activity,
)

FRAME = SAMPLE_RATE // 100  # 10 ms, a length that voice activity takes
STEP = FRAME / SAMPLE_RATE  # seconds
HOLD = 0.30  # seconds without voice before the mouth goes to rest; plosives are shorter
FADE = 0.15  # seconds from speech to rest
ATTACK = 0.02  # seconds from rest to speech; the motion model lags by more
QUIETEST = 4e-4  # rms of the background at least (-68 dBFS)
FLOOR_RISE = 1.02  # per 10 ms: the background estimate follows a louder room within seconds
HELD_RISE = 1.0005  # and a vowel that is held, as who sings does, in a quarter of a minute
OVER_FLOOR = 2.0  # rms of a voice over the background
NEAR_FLOOR = 4.0  # rms over the background, below which a held vowel is looked for
ONSET_RATIO = 6.0  # rms over the background that opens at once, before the detector is sure
UNDER_VOICE = 0.12  # rms under the speaker's own (-18 dB) that is somebody else, or a room
CLEAR = 3.0  # rms over the background of a voice that is near, though under the speaker's own
INSISTS = 0.15  # seconds of a clear voice after which it is taken for the speaker's
PATIENCE = 0.25  # share of the time without it that counts against it
PAUSE = 0.6  # seconds of the speaker's silence in which nobody else is taken for the speaker
FIRST_VOICE = 0.01  # rms of the speaker before anything is heard: low, so that all may begin
VOICE_RISE, VOICE_FALL = 0.05, 0.001  # share per 10 ms of voice that the speaker's level follows
DETECTOR_LEVEL = 0.05  # rms of the voice as the detector hears it: it is deaf to soft ones


@dataclass(frozen=True, slots=True)
class GateState:
    """All that is remembered of one voice and its room. Never written to after it is made.

    rest: float32 [n], n < FRAME, heard but not judged yet. recent: float32 [WINDOW], the newest
    before it. silent: seconds since the last voice. floor, voice: rms of the background and of the
    speaker. asked: seconds of a clear voice under the speaker's, lately. open: how far the mouth
    may move, 0 rests, 1 speaks freely. level: rms of the newest 10 ms.
    """

    rest: Samples
    recent: Samples
    activity: ActivityState
    silent: float = HOLD + FADE
    floor: float = QUIETEST
    voice: float = FIRST_VOICE
    asked: float = 0.0
    open: float = 0.0
    level: float = 0.0

    @property
    def speaking(self) -> bool:
        return self.silent < HOLD


def gate_initial_state() -> GateState:
    """Before the first sample: silence."""
    return GateState(
        np.zeros(0, np.float32), np.zeros(WINDOW, np.float32), activity_initial_state()
    )


def gate_after_gap(state: GateState) -> GateState:
    """The mouth rests, the speaker and the room are as loud as before."""
    return replace(gate_initial_state(), floor=state.floor, voice=state.voice)


def gate(samples: Samples, state: GateState) -> GateState:
    """Hear what follows: any number of finite samples; any chunking gives the same result."""
    heard = np.concatenate([state.rest, samples])
    count = len(heard) // FRAME
    for frame in heard[: count * FRAME].reshape(count, FRAME):
        state = _hear(frame, state)
    return replace(state, rest=heard[count * FRAME :].copy())


def _hear(frame: Samples, state: GateState) -> GateState:
    voice, floor = state.voice, state.floor
    level = math.sqrt(float(frame @ frame) / FRAME)
    gain = np.float32(min(max(DETECTOR_LEVEL / voice, 0.1), 30.0))
    pcm = ((gain * frame).clip(-1.0, 1.0) * np.float32(32767.0)).astype("<i2").tobytes()
    least = UNDER_VOICE * voice
    asked = max(0.0, state.asked - PATIENCE * STEP)
    recent = np.concatenate([state.recent[FRAME:], frame])
    if CLEAR * floor < level <= least and pitch(recent) is not None:
        asked += (1.0 + PATIENCE) * STEP
        if asked > INSISTS and state.silent >= PAUSE:  # whatever was louder has gone
            voice, least, asked = level, UNDER_VOICE * level, 0.0
    onset = level > max(ONSET_RATIO * floor, 2.0 * least)
    voiced, activity = voice_activity(pcm, state.activity)
    held = voiced and level < NEAR_FLOOR * floor and pitch(recent) is not None
    voiced = voiced and level > max(OVER_FLOOR * floor, least)
    if voiced:
        voice += (VOICE_RISE if level > voice else VOICE_FALL) * (level - voice)
    floor = max(QUIETEST, min(level, floor * (HELD_RISE if held else FLOOR_RISE)))
    silent = 0.0 if onset or voiced else state.silent + STEP
    wanted = min(max(1.0 - (silent - HOLD) / FADE, 0.0), 1.0)
    return replace(
        state, recent=recent, activity=activity, silent=silent, floor=floor, voice=voice,
        asked=asked, open=min(wanted, state.open + STEP / ATTACK), level=level,
    )  # fmt: skip
