"""What the motion model is trained on and judged by, as sound and target mouths."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import Samples
from latentcam.realtime_models.training.motion.data.annotate import (
    lj_folders,
    lj_speech,
    natural,
    ocean,
    said,
)
from latentcam.realtime_models.training.motion.data.lips import (
    LipClip,
    at_hops,
    in_step,
    read_lips,
)
from latentcam.realtime_models.training.motion.data.phones import SILENCE, Phone, clip_edges
from latentcam.realtime_models.training.motion.data.sound import RATE, read_sound
from latentcam.realtime_models.training.motion.data.unseen import unseen
from latentcam.realtime_models.training.motion.targets.coarticulation import (
    Dominance,
    close_lips,
    curves,
    shape_table,
    smooth,
)
from latentcam.realtime_models.training.motion.targets.retarget import (
    AXES,
    RenderedLips,
    Speaker,
    compose,
    speaker_of,
    wanted_lips,
)

NOISE_FOR_TRAINING_S = 100.0
"""Of the office noise; the rest of it is for the evaluation."""


BREATH_S = 0.35
"""Real lips part as long before the first word, and have closed as long after the last."""

LEAST_FIT = 0.5
"""Of a natural recording: below are those that say something else than their text, or softly in
noise; of Common Voice one in forty."""


@dataclass(frozen=True)
class Scene:
    """A sound and the mouth that goes with it.

    name: "<corpus>/<speaker>/<clip>". curves: float32 [hops, len(AXES)], hop i at (i + 1) * 10 ms.
    phones: when what is said; empty for silence and noise.
    """

    name: str
    samples: Samples
    curves: NDArray[np.float32]
    phones: list[Phone]


def read_annotations(path: Path) -> dict[str, list[Phone]]:
    """What `annotate` wrote: utterance -> phones, where the phones fit into the sound, and where
    natural recordings are not too unlike their text."""
    table = json.loads(path.read_text())
    return {
        name: [Phone(**p) for p in entry["phones"]]
        for name, entry in table.items()
        if entry["fit"] > (LEAST_FIT if name.startswith("natural/") else -math.inf)
    }


def speakers(clips: list[LipClip]) -> dict[str, Speaker]:
    """Everyone of whom training may see clips, from those clips."""
    seen: dict[str, list[NDArray[np.float64]]] = {}
    for clip in clips:
        if not unseen(lips_name(clip)):
            seen.setdefault(clip.speaker, []).append(clip.geometry)
    return {name: speaker_of(np.concatenate(geometry)) for name, geometry in seen.items()}


def lips_name(clip: LipClip) -> str:
    """As `annotate` calls it: "grid" is the one speaker of many clips, "lips" the many of few."""
    return f"{'grid' if clip.speaker == 's1' else 'lips'}/{clip.speaker}/{clip.name}"


def all_lips(data: Path) -> list[LipClip]:
    """Every clip of real lips that may be learned from, if not held out."""
    many = data / "lips_many" / "learn"
    return [*read_lips(data / "lips"), *(read_lips(many) if many.is_dir() else ())]


def lips_scenes(
    data: Path, annotations: dict[str, list[Phone]], lips: RenderedLips
) -> Iterator[Scene]:
    """Real lips: aperture, rounding and spreading as tracked, the other axes from the phones."""
    clips = all_lips(data)
    known, shapes = speakers(clips), shape_table()
    for clip in clips:
        phones = annotations.get(lips_name(clip))
        if phones is None or not in_step(clip):
            continue
        hops = len(clip.samples) // 160
        asked = wanted_lips(clip.geometry, known[clip.speaker], lips)
        wanted = at_hops(asked, clip.fps, hops, clip.late_s)
        shaped = smooth(curves(phones, hops, shapes))
        # A breath is heard; before it nobody knows when a mouth will open: far from words it rests.
        silent = far_from_speech(phones, hops, BREATH_S, BREATH_S)[:, None]
        x = compose(wanted * (1.0 - silent), shaped * (1.0 - silent), lips)
        yield Scene(lips_name(clip), clip.samples, x.astype(np.float32), phones)


def in_the_room_before(scene: Scene, seconds: float) -> Scene:
    """The scene after that much of what its first 0.1 s sound like, whole hops, at rest.

    Clips of GRID begin alike, and how long ago one began shall not tell when somebody speaks.
    """
    hops = round(seconds * 100)
    room = np.pad(scene.samples[: RATE // 10], (hops * 160, 0), mode="reflect")[: hops * 160]
    rest = np.zeros((hops, scene.curves.shape[1]), np.float32)
    phones = [Phone(p.name, p.start + hops / 100, p.stop + hops / 100) for p in scene.phones]
    return Scene(
        scene.name,
        np.concatenate([room, scene.samples]),
        np.concatenate([rest, scene.curves]),
        [Phone(SILENCE, 0.0, hops / 100), *phones],
    )


def far_from_speech(
    phones: Sequence[Phone], hops: int, before_s: float, after_s: float
) -> NDArray[np.float64]:
    """float64 [hops]: 1 in silence, 0 in speech and a little before and after it, ramps between."""
    t = (np.arange(hops) + 1) * 0.01
    away = np.full(hops, 1.0)
    for phone in phones:
        if phone.name != SILENCE:
            before = np.clip((phone.start - t - before_s) / 0.1, 0.0, 1.0)
            after = np.clip((t - phone.stop - after_s) / 0.1, 0.0, 1.0)
            away = np.minimum(away, before + after)
    return away


def phone_scenes(
    data: Path,
    said_folder: Path,
    natural_folder: Path | None,
    learners: Path | None,
    annotations: dict[str, list[Phone]],
    table: Dominance,
    lips: RenderedLips,
) -> Iterator[Scene]:
    """Speech with phone times; its mouths come from the coarticulation model.

    learners: see `ocean`.
    """
    shapes = shape_table()
    recorded = natural(natural_folder) if natural_folder else ()
    lj = lj_speech(*lj_folders(data, natural_folder))
    for utterance in itertools.chain(lj, ocean(data, learners), said(said_folder), recorded):
        phones = utterance.phones or annotations.get(utterance.name)
        if not phones:
            continue
        hops = len(utterance.samples) // 160
        wanted = smooth(curves(phones, hops, table))
        wanted[:, 0] = close_lips(wanted[:, 0], phones)
        x = compose(wanted, smooth(curves(phones, hops, shapes)), lips)
        yield Scene(utterance.name, utterance.samples, x.astype(np.float32), phones)


def office_noise(data: Path) -> Samples:
    return read_sound(next((data / "speech").glob("pipecat*/**/office*.mp3")))


def rest_scenes(
    data: Path, voices: Sequence[Samples], rng: np.random.Generator, count: int = 98
) -> Iterator[Scene]:
    """Sounds that are not the speaker's, 10 s each: noise, hum, typing, music, breath, laughter,
    and the babble of several of `voices`."""
    office = office_noise(data)[: int(NOISE_FOR_TRAINING_S * RATE)]
    breath = [
        read_sound(path)
        for path in sorted((data / "speech").rglob("mfa_*.flac"))
        if path.stem in ("mfa_breaths", "mfa_laughter")
    ]
    n = 10 * RATE
    for i in range(count):
        match i % 7:
            case 0:
                start = int(rng.integers(len(office) - n))
                samples = office[start : start + n]
            case 1:
                samples = _coloured_noise(n, rng)
            case 2:
                samples = _typing(n, rng) + 0.02 * _coloured_noise(n, rng)
            case 3:
                samples = music(n, rng)
            case 4 if breath:
                samples = np.resize(breath[int(rng.integers(len(breath)))], n)
            case 5 if voices:
                samples = babble(voices, n, rng)
            case _:
                samples = np.zeros(n, np.float32)
        rest = np.zeros((n // 160, len(AXES)), np.float32)
        yield Scene(f"rest/nobody/{i:03d}", samples.astype(np.float32), rest, [])


def sung_scenes(
    table: Dominance, lips: RenderedLips, rng: np.random.Generator, count: int = 100
) -> Iterator[Scene]:
    """Vowels and hums on a tone, with pauses, 12 s each, of voices made of numbers.

    Nothing else here is sung, or spoken without melody; it must not be taken for music.
    """
    shapes = shape_table()
    for i in range(count):
        phones: list[Phone] = []
        now = 0.0
        while now < 12.0:
            pause = float(rng.choice([0.3, 1.0, 2.0, 4.0])) * float(rng.uniform(0.5, 1.2))
            phones.append(Phone(SILENCE, now, now + pause))
            now += pause
            for _ in range(int(rng.integers(2, 12))):
                name = str(rng.choice(list(FORMANTS)))
                lasts = float(rng.uniform(0.1, 0.2 if name == "M" else 0.45))
                phones.append(Phone(name, now, now + lasts))
                now += lasts
        phones = clip_edges(phones, 12.0)
        samples = _vowels(phones, 12 * RATE, rng)
        wanted = smooth(curves(phones, 1200, table))
        wanted[:, 0] = close_lips(wanted[:, 0], phones)
        x = compose(wanted, smooth(curves(phones, 1200, shapes)), lips)
        yield Scene(f"sung/numbers/{i:03d}", samples, x.astype(np.float32), phones)


FORMANTS = {
    "AA": (730, 1090, 2440), "IY": (270, 2290, 3010), "UW": (300, 870, 2240),
    "AE": (660, 1720, 2410), "EH": (530, 1840, 2480), "AO": (570, 840, 2410),
    "AH": (640, 1190, 2390), "M": (250, 1000, 2200),
}  # fmt: skip
"""Hz; vowels of men after Peterson and Barney 1952, and a hum."""


def _vowels(phones: Sequence[Phone], n: int, rng: np.random.Generator) -> Samples:
    """Harmonics of a tone that formants weigh; float32 [n]."""
    t = np.arange(n) / RATE
    tone = float(rng.uniform(85, 300))
    wander = float(rng.choice([0.0, 0.03, 0.15]))
    pitch = tone * 2 ** (wander * np.interp(t, np.arange(0, 14, 0.3), rng.normal(size=47)))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    size, syllables = float(rng.uniform(0.9, 1.25)), bool(rng.integers(2))
    hop = np.arange(0, n, 80)
    owner = np.searchsorted([p.stop for p in phones], hop / RATE, side="right")
    owner = owner.clip(0, len(phones) - 1)
    loud = np.array([0.0 if p.name == SILENCE else 0.4 if p.name == "M" else 1.0 for p in phones])
    within = np.array(
        [(h / RATE - phones[o].start) / (phones[o].stop - phones[o].start)
         for h, o in zip(hop, owner, strict=True)]
    )  # fmt: skip
    swell = 0.55 - 0.45 * np.cos(2 * np.pi * within) if syllables else 1.0
    envelope = np.interp(t, hop / RATE, np.convolve(loud[owner] * swell, np.ones(4) / 4, "same"))
    places = np.array([FORMANTS.get(p.name, (500, 1500, 2500)) for p in phones]) * size
    sound = np.zeros(n)
    for k in range(1, min(40, int(7000 / tone))):
        gains = np.exp(-(((k * tone - places) / 140.0) ** 2)).sum(1) + 0.02
        sound += np.repeat(gains[owner], 80)[:n] * np.sin(k * phase)
    sound = sound * envelope + 0.02 * envelope * rng.standard_normal(n)
    return np.asarray(0.1 * sound / (sound.std() + 1e-9), np.float32)


def babble(voices: Sequence[Samples], n: int, rng: np.random.Generator) -> Samples:
    """Four to eight voices at once, float32 [n], none of them near."""
    out = np.zeros(n, np.float32)
    for _ in range(int(rng.integers(4, 9))):
        chosen = [voices[int(i)] for i in rng.integers(len(voices), size=8)]
        voice = np.resize(np.concatenate(chosen), n)
        out += rng.uniform(0.3, 1.0) * np.roll(voice / voice.std(), int(rng.integers(n)))
    return np.asarray(0.02 * out, np.float32)


def noises(data: Path, voices: Sequence[Samples], rng: np.random.Generator) -> list[Samples]:
    """What is mixed into speech for training: the office twice, then 10 s of each other kind."""
    office = office_noise(data)[: int(NOISE_FOR_TRAINING_S * RATE)]
    n = 10 * RATE
    made = [_coloured_noise(n, rng), _coloured_noise(n, rng), _typing(n, rng), music(n, rng)]
    return [office, office, *made, babble(voices, n, rng), babble(voices, n, rng)]


def _coloured_noise(n: int, rng: np.random.Generator) -> Samples:
    """Noise whose power falls as 1/f^a, a between 0 (white) and 2 (brown), with a mains hum."""
    spectrum = rng.standard_normal(n // 2 + 1) + 1j * rng.standard_normal(n // 2 + 1)
    spectrum *= (np.arange(n // 2 + 1) + 50.0) ** (-rng.uniform(0, 2) / 2)
    noise = np.fft.irfft(spectrum, n)
    noise /= noise.std()
    t = np.arange(n) / RATE
    hum = sum(np.sin(2 * np.pi * rng.choice([50, 60]) * k * t) / k for k in (1, 2, 3, 5))
    return np.asarray(noise + rng.uniform(0, 1) * hum, np.float32)


def _typing(n: int, rng: np.random.Generator) -> Samples:
    """Clicks with the decay and the rhythm of keys."""
    out = np.zeros(n + 4000)
    at = 0.0
    while (at := at + rng.exponential(0.12) + 0.04) < n / RATE:
        length = int(rng.uniform(300, 2500))
        decay = np.exp(-np.arange(length) / rng.uniform(30, 300))
        out[int(at * RATE) :][:length] += rng.uniform(0.2, 1) * decay * rng.standard_normal(length)
    return np.asarray(out[:n], np.float32)


def music(n: int, rng: np.random.Generator) -> Samples:
    """Chords of decaying harmonics, with a beat."""
    out = np.zeros(n + 4 * RATE)
    t = np.arange(3 * RATE) / RATE
    at = 0.0
    while at < n / RATE:
        root = 110 * 2 ** (rng.integers(0, 24) / 12)
        for interval in (1.0, 1.25, 1.5, 2.0):
            for k in range(1, 8):
                tone = np.sin(2 * np.pi * root * interval * k * t + rng.uniform(0, 6)) / k**1.5
                out[int(at * RATE) :][: len(t)] += tone * np.exp(-t * rng.uniform(1, 5))
        at += rng.choice([0.25, 0.5, 1.0])
    return np.asarray(out[:n] / np.abs(out).max(), np.float32)
