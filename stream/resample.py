"""Sound of any format as one voice, mono float32 at one rate, even if the format changes midway."""

from __future__ import annotations

from functools import cache

import av
import numpy as np
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import Samples
from latentcam.stream.errors import MediaError

LOWEST_RATE, HIGHEST_RATE = 4_000, 2_000_000  # Hz: no speech below, nothing recorded above
MOST_CHANNELS = 64  # as many as FFmpeg mixes

_TYPES = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}
_SAFE_PLANES = 7  # PyAV counts planes up to a null that FFmpeg does not set beyond seven

# How loud each place of a layout is in the mix (ITU-R BS.775, table 2); what is not named is half.
_WEIGHTS = {"FC": 1.0, "FL": 0.5**0.5, "FR": 0.5**0.5, "LFE": 0.0, "LFE2": 0.0}


def mono(frame: av.AudioFrame) -> Samples:
    """float32 [n] in [-1, 1] at the frame's rate.

    The channels' weights add up to 1: a voice that is the same on all of them keeps its level, and
    no mix is louder than full scale. Numbers beyond full scale are cut there; NaN is silence.
    Raises MediaError if there is no voice in such a format.
    """
    check_format(frame.sample_rate, frame.layout.nb_channels)
    kind, channels = frame.format.name.removesuffix("p"), frame.layout.nb_channels
    if frame.format.is_planar and channels > _SAFE_PLANES:
        frame = AudioResampler(kind, frame.layout, frame.sample_rate).resample(frame)[0]
    planes = [np.frombuffer(bytes(plane), _TYPES[kind]) for plane in frame.planes]
    if frame.format.is_planar:
        sound = np.stack([plane[: frame.samples] for plane in planes])
    else:
        sound = planes[0][: frame.samples * channels].reshape(-1, channels).T
    if kind == "u8":
        sound = (sound.astype(np.float32) - 128.0) / 128.0
    elif kind.startswith("s"):
        sound = sound.astype(np.float32) / np.float32(2.0 ** (8 * sound.itemsize - 1))
    else:
        sound = np.clip(np.nan_to_num(sound, nan=0.0), -1.0, 1.0)
    mixed: Samples = np.asarray(_weights(frame.layout.name) @ sound, np.float32)
    return mixed


def check_format(rate: int, channels: int) -> None:
    """Raises MediaError if there is no voice in such a format."""
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise MediaError(
            f"the sound has {rate} samples a second, expected {LOWEST_RATE} to {HIGHEST_RATE}"
        )
    if not 1 <= channels <= MOST_CHANNELS:
        raise MediaError(f"the sound has {channels} channels, expected 1 to {MOST_CHANNELS}")


@cache
def _weights(layout: str) -> NDArray[np.float32]:
    """float32 [channels], adding up to 1."""
    names = [channel.name for channel in av.AudioLayout(layout).channels]
    weights = np.array([_WEIGHTS.get(name, 0.5) for name in names], np.float32)
    if not weights.any():
        weights[:] = 1.0
    weights /= weights.sum()
    return weights


class Resampler:
    """Turns mono sound of any rate, and of rates that change, into `rate`.

    Counts samples and ignores timestamps: a caller that has a clock fills the gaps.
    """

    def __init__(self, rate: int) -> None:
        """Raises MediaError for a rate at which there is no voice; so does `push`."""
        check_format(rate, 1)
        self._rate = rate
        self._from = 0  # Hz of what comes in; 0 before anything did
        self._inner: AudioResampler | None = None  # none is needed while the rates are the same
        self._came = self._gone = 0  # samples through the inner one, each at its own rate

    @property
    def held(self) -> int:
        """Samples at `rate` that have come in but not gone out: a few milliseconds at most.

        A caller that counts them as heard need not wait for the next packet to end a tick."""
        return self._came * self._rate // self._from - self._gone if self._inner else 0

    def push(self, samples: Samples, rate: int) -> Samples:
        """float32 [n] at the new rate; see `held`."""
        rest = []
        if rate != self._from:
            check_format(rate, 1)
            rest = [self.flush()]
            self._from = rate
            if rate != self._rate:
                self._inner = AudioResampler("flt", "mono", self._rate)
        if self._inner is None or not len(samples):
            return np.concatenate([*rest, samples])
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples, np.float32)[None], format="flt", layout="mono"
        )
        frame.sample_rate = rate
        blocks = [block.to_ndarray()[0] for block in self._inner.resample(frame)]
        self._came += len(samples)
        self._gone += sum(len(block) for block in blocks)
        return np.concatenate([*rest, *blocks, np.zeros(0, np.float32)])

    def flush(self) -> Samples:
        """float32 [n]: what is held. What is pushed later begins anew."""
        inner, self._inner = self._inner, None
        self._from = self._came = self._gone = 0
        blocks = inner.resample(None) if inner is not None else []
        return np.concatenate([np.zeros(0, np.float32), *(b.to_ndarray()[0] for b in blocks)])
