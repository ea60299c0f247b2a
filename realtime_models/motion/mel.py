"""Log-mel features of a live voice: causal, streaming, and nearly independent of recording level.

Frame i covers the `window` samples that end at sample (i + 1) * hop; before the first sample there
is digital silence. Nothing from the future is used, and any split of the same samples into calls
gives bit-equal frames, because every frame is computed alone.

The gain of a microphone is removed by a slow level estimate (`LevelState`): features are log
energies relative to the level of the voice so far. The estimate moves only while something stands
out from the background, so that silence and steady noise are not pumped up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import msgspec
import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import Mel, Samples
from latentcam.realtime_models.bounds import within

# The voice's level, in dBFS (dB of mean square, full scale = 0).
START_LEVEL = -26.0  # ITU-T P.56 nominal active speech level, the guess before anything is heard
LOWEST_LEVEL = -55.0  # nothing below is taken for a voice: no gain is spent on it
STANDS_OUT = 12.0  # dB over the background that count as voice
RISE = 0.05  # share of the way per hop upwards: 0.2 s
FALL = 0.02  # share of the way per hop downwards: 0.5 s of voice
FAR = 18.0  # dB under the level, where only the softest sounds of the same voice lie
FAR_HOPS = 25  # hops of nothing louder, 0.25 s: whoever or whatever was louder has gone
FAR_FALL = 0.15  # share of the way per hop downwards from then on
FOUND = 6.0  # dB under the level, within which the level fits again
FLOOR_RISE = 0.03  # dB per hop that the background estimate may rise: 3 dB/s
FLOOR_FALL = 0.2  # share of the way per hop that it falls
SILENT_POWER = 1e-12  # mean square of digital silence, -120 dBFS
RELATIVE_FLOOR = 1e-6  # everything 60 dB below the voice's level is inaudible and counts alike


class MelConfig(msgspec.Struct, frozen=True, dict=True, forbid_unknown_fields=True):
    """What the features are made of.

    window, hop: samples. mels: bands between low_hz and high_hz, triangular, equal area.
    """

    sample_rate: int = 16000
    window: int = 400  # 25 ms
    hop: int = 160  # 10 ms
    mels: int = 40
    low_hz: float = 60.0
    high_hz: float = 7600.0

    def __post_init__(self) -> None:
        within("mel: sample_rate", self.sample_rate, 1000, 192_000)
        within("mel: window", self.window, 2, 8192)
        within("mel: mels", self.mels, 1, 256)
        if not 0 < self.hop <= self.window:
            raise ValueError(
                f"got hop {self.hop}, window {self.window}, expected 0 < hop <= window"
            )
        within("mel: hop", self.hop, 16, 8192)
        if not 0 <= self.low_hz <= self.high_hz - self.mels <= self.sample_rate / 2 - self.mels:
            raise ValueError(
                f"got bands from {self.low_hz} to {self.high_hz} Hz, expected them to rise "
                f"within 0 to {self.sample_rate / 2} Hz, and 1 Hz for each"
            )

    @cached_property
    def fft_size(self) -> int:
        """The next power of two above the window."""
        return 1 << (self.window - 1).bit_length()

    @cached_property
    def hann(self) -> NDArray[np.float32]:
        """float32 [window], of mean square 1, so that a frame's power is that of its samples."""
        hann = np.hanning(self.window + 2)[1:-1]
        return np.asarray(hann / math.sqrt(np.mean(hann**2)), np.float32)

    @cached_property
    def filters(self) -> NDArray[np.float32]:
        """float32 [mels, fft_size // 2 + 1]: power spectrum -> mean-square per band."""
        return _mel_filters(self)


@dataclass(frozen=True, slots=True)
class LevelState:
    """What is known about the loudness so far: both in dBFS.

    far: hops that stood out of the background since one was about as loud as the voice.
    """

    voice: float = START_LEVEL
    background: float = -120.0
    far: int = 0


@dataclass(frozen=True, slots=True)
class MelState:
    """What the next call needs of the past. Never written after it is made.

    tail: float32 [n], window - hop <= n < window: the samples that the next frame also covers.
    """

    tail: Samples
    level: LevelState


def mel_initial_state(config: MelConfig) -> MelState:
    """The state before the first sample: silence."""
    return MelState(np.zeros(config.window - config.hop, np.float32), LevelState())


def log_mel(samples: Samples, state: MelState, config: MelConfig) -> tuple[Mel, MelState]:
    """The frames that `samples` complete (perhaps none), and the state for what follows.

    samples: float32 [n], n >= 0, finite, the ones that follow those of the last call.
    Returns float32 [t, mels]: natural log of band power relative to the voice's level; the level
    of a voice gives about 0 in its loudest bands, silence gives ln(RELATIVE_FLOOR) = -13.8.
    """
    heard = np.concatenate([state.tail, samples])
    overlap = config.window - config.hop
    count = (len(heard) - overlap) // config.hop
    mel = np.empty((count, config.mels), np.float32)
    level = state.level
    for i in range(count):
        frame = heard[i * config.hop : i * config.hop + config.window]
        level = _follow_level(frame[overlap:], level)
        spectrum = np.fft.rfft(frame * config.hann, config.fft_size)
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
        gain = 10.0 ** (-level.voice / 10.0)
        mel[i] = np.log((config.filters @ power) * np.float32(gain) + np.float32(RELATIVE_FLOOR))
    return mel, MelState(heard[count * config.hop :].copy(), level)


def _follow_level(hop: Samples, level: LevelState) -> LevelState:
    """The level after one more hop, float32 [hop].

    The background follows minima (cf. Martin 2001, "Noise power spectral density estimation based
    on optimal smoothing and minimum statistics"); the voice follows what stands out of it.
    """
    loudness = 10.0 * math.log10(float(np.dot(hop, hop)) / len(hop) + SILENT_POWER)
    background, voice, far = level.background, level.voice, level.far
    if loudness < background:
        background += FLOOR_FALL * (loudness - background)
    else:
        background = min(background + FLOOR_RISE, loudness)
    if loudness > max(background + STANDS_OUT, LOWEST_LEVEL):
        gone = far > FAR_HOPS
        far = far + 1 if loudness < voice - (FOUND if gone else FAR) else 0
        fall = FAR_FALL if gone else FALL
        voice += (RISE if loudness > voice else fall) * (loudness - voice)
    return LevelState(voice, background, far)


def _mel_filters(config: MelConfig) -> NDArray[np.float32]:
    """Triangles on the mel scale of O'Shaughnessy (1987): mel = 2595 log10(1 + f / 700)."""

    def mel(hz: float) -> float:
        return 2595.0 * math.log10(1.0 + hz / 700.0)

    edges_mel = np.linspace(mel(config.low_hz), mel(config.high_hz), config.mels + 2)
    edges = 700.0 * (10.0 ** (edges_mel / 2595.0) - 1.0)  # [mels + 2] in Hz
    bins = np.arange(config.fft_size // 2 + 1) * (config.sample_rate / config.fft_size)  # Hz
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]  # [mels, 1]
    rising = (bins[None] - low) / (centre - low)
    falling = (high - bins[None]) / (high - centre)
    triangles = np.maximum(0.0, np.minimum(rising, falling))  # [mels, bins]
    # Two sides of the spectrum, Parseval over fft_size, mean over the window.
    scale = 2.0 / (config.fft_size * config.window)
    return np.asarray(triangles * scale, np.float32)
