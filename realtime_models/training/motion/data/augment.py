"""What rooms, microphones and networks do to a voice, and how voices differ from one another.

Everything takes a seeded generator: the same seed prepares the same data.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import av
import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from latentcam.realtime_models.arrays import Samples
from latentcam.realtime_models.training.motion.data.sound import RATE

Float64 = NDArray[np.float64]

Curves = NDArray[np.float32]
"""float32 [hops, n]: values of axes, or weights of them, once per 10 ms."""


@dataclass(frozen=True)
class Surroundings:
    """What is mixed in. noises: sound without speech; rooms: impulse responses."""

    noises: Sequence[Samples]
    rooms: Sequence[Samples]


def warp(samples: Samples, curves: Sequence[Curves], rate: float) -> tuple[Samples, list[Curves]]:
    """Play faster (rate > 1): time, pitch and formants move together, as in a smaller speaker.

    Cf. vocal tract length perturbation, Jaitly and Hinton 2013. `curves` are stretched alike.
    """
    count = int(len(samples) / rate)
    warped = np.interp(np.arange(count) * rate, np.arange(len(samples)), lowpass(samples, rate))
    hops = count // 160
    at = (np.arange(1, hops + 1) * rate) - 1.0  # hop i shows time (i + 1) * 10 ms
    stretched = [
        np.stack([np.interp(at, np.arange(len(c)), c[:, k]) for k in range(c.shape[1])], 1)
        for c in curves
    ]
    return warped.astype(np.float32), [c.astype(np.float32) for c in stretched]


def lowpass(samples: Samples, rate: float) -> Samples:
    """Without what would alias when played `rate` times faster."""
    if rate <= 1.0:
        return samples
    return _filter(samples, lambda hz: (hz < 0.5 * RATE / rate).astype(np.float64))


def colour(samples: Samples, rng: np.random.Generator, strength_db: float = 9.0) -> Samples:
    """Another microphone: a smooth random gain over frequency, +-strength at its knots."""
    knots = np.array([0, 150, 400, 1000, 2500, 5000, 8000.0])
    gains = rng.normal(0, strength_db / 2, len(knots)).clip(-strength_db, strength_db)
    return _filter(samples, lambda hz: 10 ** (np.interp(hz, knots, gains) / 20))


def telephone(samples: Samples, rng: np.random.Generator) -> Samples:
    """A narrow band: nothing above 3.4 to 5 kHz, perhaps nothing below 80 to 300 Hz."""
    low, high = rng.uniform(0, 300) * rng.integers(2), rng.uniform(3400, 5000)
    return _filter(samples, lambda hz: 1 / (1 + (low / (hz + 1)) ** 6) / (1 + (hz / high) ** 16))


def room(samples: Samples, response: Samples) -> Samples:
    """The voice in a room; the direct sound keeps its time."""
    start = int(np.argmax(np.abs(response)))
    tail = response[start : start + RATE // 2]
    wet = fftconvolve(samples, tail)[: len(samples)]
    return _to_level(wet.astype(np.float32), _power(samples))


def mix(samples: Samples, noise: Samples, snr_db: float, rng: np.random.Generator) -> Samples:
    """The voice with noise `snr_db` below it (mean power of the whole clip)."""
    start = int(rng.integers(len(noise)))
    cut = np.resize(np.roll(noise, -start), len(samples))
    return samples + _to_level(cut, _power(samples) * 10 ** (-snr_db / 10))


def opus(samples: Samples, bits_per_second: int) -> Samples:
    """Through an Opus encoder and back, aligned in time again."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=RATE, layout="mono")
        stream.bit_rate = bits_per_second
        frame = av.AudioFrame.from_ndarray(
            (samples.clip(-1, 1) * 32767).astype(np.int16)[None], format="s16", layout="mono"
        )
        frame.sample_rate = RATE
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    buffer.seek(0)
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    with av.open(buffer, "r") as container:
        parts = [p for f in container.decode(audio=0) for p in resampler.resample(f)]
    parts += resampler.resample(None)
    heard = np.concatenate([p.to_ndarray().ravel() for p in parts])
    # The decoder gives the pre-skip back or not, by version: align by correlation within 20 ms.
    reach = 320
    padded = np.pad(heard, (reach, reach + len(samples)))
    middle = slice(len(samples) // 4, min(len(samples), len(samples) // 4 + RATE // 2))
    lags = range(0, 2 * reach, 4)
    scores = [
        float(np.dot(padded[middle.start + lag : middle.stop + lag], samples[middle]))
        for lag in lags
    ]
    best = lags[int(np.argmax(scores))] if max(scores) > 0.0 else reach  # 0 in silence
    return padded[best : best + len(samples)].astype(np.float32)


def lose_packets(samples: Samples, share: float, rng: np.random.Generator) -> Samples:
    """Holes of 20 ms, as a receiver without concealment has them."""
    kept = np.repeat(rng.random(len(samples) // 320 + 1) >= share, 320)[: len(samples)]
    return samples * kept.astype(np.float32)


def to_dbfs(samples: Samples, level: float) -> Samples:
    """At this level (mean power of the whole clip, dB of full scale), clipped where it must be."""
    return _to_level(samples, 10 ** (level / 10)).clip(-1.0, 1.0)


def disturb(samples: Samples, surroundings: Surroundings, rng: np.random.Generator) -> Samples:
    """One random draw of all of the above but the warp."""
    if rng.random() < 0.7:
        samples = colour(samples, rng)
    if rng.random() < 0.3 and surroundings.rooms:
        samples = room(samples, surroundings.rooms[int(rng.integers(len(surroundings.rooms)))])
    if rng.random() < 0.5 and surroundings.noises:
        noise = surroundings.noises[int(rng.integers(len(surroundings.noises)))]
        samples = mix(samples, noise, rng.uniform(5, 40), rng)
    if rng.random() < 0.15:
        samples = telephone(samples, rng)
    samples = to_dbfs(samples, rng.uniform(-45, -8))
    if rng.random() < 0.15:
        samples = opus(samples, int(rng.choice([12000, 16000, 24000, 32000])))
    if rng.random() < 0.08:
        samples = lose_packets(samples, rng.uniform(0.01, 0.1), rng)
    return samples


def _filter(samples: Samples, gain: Callable[[Float64], Float64]) -> Samples:
    spectrum = np.fft.rfft(samples)
    hz = np.asarray(np.fft.rfftfreq(len(samples), 1 / RATE), np.float64)
    return np.fft.irfft(spectrum * gain(hz), len(samples)).astype(np.float32)


def _power(samples: Samples) -> float:
    return float(np.mean(np.square(samples, dtype=np.float64))) + 1e-12


def _to_level(samples: Samples, power: float) -> Samples:
    return samples * np.float32(np.sqrt(power / _power(samples)))
