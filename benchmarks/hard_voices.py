"""What becomes of hard voices? `python -m latentcam.benchmarks.hard_voices --data SPEECH`

SPEECH holds LJ Speech with phone times, room impulse responses, office noise and recordings of
whispers, creak, breath and laughter (realtime_models.training.motion describes it). Two tables, of
the lips as they are shown, with articulation and gate:

1. The same sentences, which training never saw, as hard voices would say them: AUC of open vowels
   over M, B, P; the share of M, B, P in which lips come together; the share of other phones in
   which they do for nothing; and how wide the mouth opens, as a share of how wide it does for the
   sentences as recorded (95th percentile of the aperture).
2. Recordings without words: how wide the mouth opens, and the share of the time in which it is
   open by more than a tenth.

A whisper, creak and song are the sentence's own resonances (linear prediction, Makhoul 1975) with
another source: noise, slow uneven pulses, pulses on the notes of a melody.

Needs `pip install ".[train]"`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_toeplitz
from scipy.signal import lfilter

from latentcam.benchmarks.motion import as_shown
from latentcam.benchmarks.tools.machine_card import machine_card, print_card, print_json
from latentcam.benchmarks.tools.options import avatar_options
from latentcam.realtime_models.arrays import Samples
from latentcam.realtime_models.avatar_pack import load_pack
from latentcam.realtime_models.errors import LatentcamError
from latentcam.realtime_models.training.motion.data.augment import mix, room, telephone, warp
from latentcam.realtime_models.training.motion.data.phones import Phone
from latentcam.realtime_models.training.motion.data.sound import RATE, read_sound
from latentcam.realtime_models.training.motion.judge.evaluate import (
    Judge,
    Sound,
    spoken,
    unseen_lj,
)
from latentcam.realtime_models.training.motion.targets.corpora import (
    babble,
    music,
    office_noise,
)

Float64 = NDArray[np.float64]
Change = Callable[[Samples, np.random.Generator], Samples]

ORDER = 18  # of the prediction
FRAME = 320  # samples, 20 ms; half of it is a step
CHILD, DEEP = 1.35, 0.8  # rates of playing
MELODY = (220.0, 247.0, 262.0, 294.0, 330.0, 294.0, 262.0, 247.0)  # Hz, half a second each
WORDLESS = (
    "whisper", "whisper2", "mfa_whisper", "mfa_creaky", "mfa_breathy", "mfa_falsetto",
    "mfa_exaggerated", "mfa_laughter", "mfa_breaths", "Claire_anger", "Claire_sadness",
    "Claire_joy_mandarin", "Claire_outofbreath_mandarin",
)  # fmt: skip
"""Recordings of the second table, if they are there."""
OPENED = 0.1  # of the reach of the sentences as recorded


def revoiced(samples: Samples, source: Float64) -> Samples:
    """The resonances and the loudness of a voice, 20 ms by 20 ms, with another source [n]."""
    step = FRAME // 2
    window = np.hanning(FRAME + 1)[:-1]
    padded = np.pad(samples.astype(np.float64), (FRAME, FRAME))
    driven = np.pad(source.astype(np.float64), (FRAME, FRAME))
    out = np.zeros_like(padded)
    for start in range(0, len(padded) - FRAME, step):
        frame = padded[start : start + FRAME] * window
        own = np.correlate(frame, frame, "full")[FRAME - 1 : FRAME + ORDER]
        if own[0] < 1e-9:
            continue
        own[0] *= 1 + 1e-5
        predictor = solve_toeplitz(own[:-1], own[1:])
        excited = driven[max(0, start - FRAME) : start + FRAME]
        made = lfilter([1.0], np.concatenate([[1.0], -predictor]), excited)[-FRAME:] * window
        level = np.sqrt(own[0] / max(float(made @ made), 1e-12))
        out[start : start + FRAME] += level * made
    return out[FRAME:-FRAME].astype(np.float32)


def pulses(hertz: Float64) -> Float64:
    """A pulse for each period of a pitch, float64 [n]."""
    phase = np.cumsum(hertz) / RATE
    return np.diff(np.floor(phase), prepend=0.0)


def whispered(samples: Samples, rng: np.random.Generator) -> Samples:
    return revoiced(samples, rng.standard_normal(len(samples)))


def creaked(samples: Samples, rng: np.random.Generator) -> Samples:
    knots = rng.uniform(25, 70, len(samples) // 800 + 2)
    hertz = np.interp(np.arange(len(samples)), np.arange(len(knots)) * 800, knots)
    return revoiced(samples, pulses(hertz))


def sung(samples: Samples, rng: np.random.Generator) -> Samples:
    notes = np.repeat(MELODY, RATE // 2)
    return revoiced(samples, pulses(np.resize(notes, len(samples))))


def changes(
    rooms: list[Samples], noise: Samples, other: Samples, tune: Samples
) -> dict[str, Change]:
    """What is done to a sentence; its phones stay when they were."""

    def far(samples: Samples, rng: np.random.Generator) -> Samples:
        return mix(room(samples, rooms[int(rng.integers(len(rooms)))]), noise, 10, rng)

    return {
        "as recorded": lambda s, rng: s,
        "whispered": whispered,
        "creaky": creaked,
        "sung": sung,
        "telephone": telephone,
        "far microphone: a room, noise 10 dB below": far,
        "somebody else, 10 dB below": lambda s, rng: mix(s, other, 10, rng),
        "somebody else, as loud": lambda s, rng: mix(s, other, 0, rng),
        "music, 10 dB below": lambda s, rng: mix(s, tune, 10, rng),
        "music, as loud": lambda s, rng: mix(s, tune, 0, rng),
    }


def faster(sound: Sound, rate: float) -> Sound:
    """As a smaller speaker says it: pitch, resonances and pace go up together."""
    samples, phones = sound
    played, _ = warp(samples, [], rate)
    return played, [Phone(p.name, p.start / rate, p.stop / rate) for p in phones]


def reach(judged: Judge, sounds: list[Sound]) -> float:
    """95th percentile of the aperture."""
    opened = [judged.aperture(judged.controls(samples)) for samples, _ in sounds]
    return float(np.quantile(np.concatenate(opened), 0.95))


def wordless(judged: Judge, samples: Samples, full: float) -> dict[str, float]:
    """How wide and how long a mouth is open, of a reach."""
    opened = judged.aperture(judged.controls(samples)) / full
    return {
        "seconds": round(len(samples) / RATE, 1),
        "opens": round(float(np.quantile(opened, 0.95)), 3),
        "open_share": round(float((opened > OPENED).mean()), 3),
    }


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[avatar_options()],
    )
    parser.add_argument("--data", type=Path, required=True, help="recordings, see above")
    parser.add_argument("--natural", type=Path, help="more of LJ Speech: LJ*.wav, LJ*.TextGrid")
    args = parser.parse_args(argv)
    sounds = unseen_lj(args.data, args.natural)
    files = {path.stem: path for path in sorted((args.data / "speech").rglob("*.*"))}
    rooms = [read_sound(path) for name, path in files.items() if name.startswith("rir")]
    try:
        noise = office_noise(args.data)
    except StopIteration:
        noise = np.zeros(0, np.float32)
    if not sounds or not rooms or not len(noise):
        parser.error(
            f"{args.data} holds {len(sounds)} clips of LJ Speech that training never saw, "
            f"{len(rooms)} room impulse responses and {len(noise) / RATE:.0f} s of office noise, "
            "expected some of each"
        )
    card = machine_card()
    print_card(card)
    try:
        pack = load_pack(args.avatar)
    except LatentcamError as error:
        parser.error(str(error))
    judged, rng = as_shown(pack), np.random.default_rng(0)
    voices = [samples for samples, _ in sounds]
    tune, crowd = music(20 * RATE, rng), babble(voices, 20 * RATE, rng)
    other = read_sound(files["Claire_neutral"]) if "Claire_neutral" in files else voices[-1]
    said: dict[str, list[Sound]] = {
        name: [(change(samples, rng), phones) for samples, phones in sounds]
        for name, change in changes(rooms, noise, other, tune).items()
    }
    said["a child: all frequencies 1.35 times as high"] = [faster(s, CHILD) for s in sounds]
    said["deep: 0.8 times"] = [faster(s, DEEP) for s in sounds]
    full = reach(judged, sounds)
    table = {}
    print(f"\n{'said':46}{'AUC':>7}{'closed':>8}{'needless':>10}{'opens':>7}")
    for name, some in said.items():
        f = spoken(judged, some)
        table[name] = row = {
            "auc": round(f["auc_open_over_mbp"], 3), "closed": round(f["mbp_closed"], 3),
            "needless": round(f["others_closed"], 3),
            "opens": round(reach(judged, some) / full, 3),
        }  # fmt: skip
        print(f"{name:46}{row['auc']:7.3f}{row['closed']:8.3f}{row['needless']:10.3f}"
              f"{row['opens']:7.2f}", flush=True)  # fmt: skip
    heard = {name: read_sound(files[name]) for name in WORDLESS if name in files}
    heard |= {"music alone": tune, "office noise alone": noise[: 20 * RATE], "a crowd": crowd}
    print(f"\n{'heard':46}{'s':>7}{'opens':>8}{'open for':>10}")
    without = {}
    for name, samples in heard.items():
        without[name] = found = wordless(judged, samples, full)
        print(f"{name:46}{found['seconds']:7.1f}{found['opens']:8.2f}"
              f"{100 * found['open_share']:8.0f} %", flush=True)  # fmt: skip
    print_json({"benchmark": "hard_voices", "clips": len(sounds), "said": table,
                "wordless": without, "card": card})  # fmt: skip


if __name__ == "__main__":
    main()
