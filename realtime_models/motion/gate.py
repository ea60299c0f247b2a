"""Lets the mouth rest when nobody speaks: voice activity with hysteresis, level and memory."""

from __future__ import annotations

import math

import numpy as np
import webrtcvad

from latentcam.realtime_models.arrays import SAMPLE_RATE, Samples
from latentcam.realtime_models.motion.gestures import WINDOW, pitch

FRAME = SAMPLE_RATE // 100  # 10 ms, a length that webrtcvad takes
STEP = FRAME / SAMPLE_RATE  # seconds
HOLD = 0.30  # seconds without voice before the mouth goes to rest; plosives are shorter
FADE = 0.15  # seconds from speech to rest
ATTACK = 0.02  # seconds from rest to speech; the motion model lags by more
QUIETEST = 1e-3  # rms below this (-60 dBFS) never opens
FLOOR_RISE = 1.02  # per 10 ms: the background estimate follows a louder room within seconds
HELD_RISE = 1.0005  # and a vowel that is held, as who sings does, in a quarter of a minute
OVER_FLOOR = 2.0  # rms of a voice over the background
NEAR_FLOOR = 4.0  # rms over the background, below which a held vowel is looked for
ONSET_RATIO = 6.0  # rms over the background that opens at once, before the detector is sure
UNDER_VOICE = 0.12  # rms under the speaker's own (-18 dB) that is somebody else, or a room
FIRST_VOICE = 0.01  # rms of the speaker before anything is heard: low, so that all may begin
VOICE_RISE, VOICE_FALL = 0.05, 0.001  # share per 10 ms of voice that the speaker's level follows
DETECTOR_LEVEL = 0.05  # rms of the voice as webrtcvad hears it: it is deaf to soft ones


class VoiceGate:
    """One voice's gate. `step` takes its samples in order, any number at a time."""

    def __init__(self) -> None:
        self._vad = webrtcvad.Vad(2)
        self._rest = np.zeros(0, np.float32)
        self._recent = np.zeros(WINDOW, np.float32)
        self._silent = HOLD + FADE  # seconds since the last voice
        self._floor = QUIETEST
        self._voice = FIRST_VOICE
        self._open = 0.0
        self.level = 0.0
        """rms of the newest 10 ms, 0 to 1."""

    @property
    def speaking(self) -> bool:
        return self._silent < HOLD

    def step(self, samples: Samples) -> float:
        """Returns how far the mouth may move after these samples: 0 rests, 1 speaks freely."""
        heard = np.concatenate([self._rest, samples])
        count = len(heard) // FRAME
        self._rest = heard[count * FRAME :]
        for frame in heard[: count * FRAME].reshape(count, FRAME):
            self._hear(frame)
        return self._open

    def _hear(self, frame: Samples) -> None:
        self.level = math.sqrt(float(frame @ frame) / FRAME)
        gain = np.float32(min(max(DETECTOR_LEVEL / self._voice, 0.1), 30.0))
        pcm = ((gain * frame).clip(-1.0, 1.0) * np.float32(32767.0)).astype("<i2").tobytes()
        least = UNDER_VOICE * self._voice
        onset = self.level > max(ONSET_RATIO * self._floor, 2.0 * least)
        self._recent = np.concatenate([self._recent[FRAME:], frame])
        voiced = self._vad.is_speech(pcm, SAMPLE_RATE)
        held = voiced and self.level < NEAR_FLOOR * self._floor and pitch(self._recent) is not None
        voiced = voiced and self.level > max(OVER_FLOOR * self._floor, least)
        if voiced:
            share = VOICE_RISE if self.level > self._voice else VOICE_FALL
            self._voice += share * (self.level - self._voice)
        rise = HELD_RISE if held else FLOOR_RISE
        self._floor = max(QUIETEST, min(self.level, self._floor * rise))
        self._silent = 0.0 if onset or voiced else self._silent + STEP
        wanted = min(max(1.0 - (self._silent - HOLD) / FADE, 0.0), 1.0)
        self._open = min(wanted, self._open + STEP / ATTACK)
