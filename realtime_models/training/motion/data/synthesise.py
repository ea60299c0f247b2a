"""Make speech with known phone times, in many voices and languages.

python -m latentcam.realtime_models.training.motion.data.synthesise --data DIR --out DIR
"""

from __future__ import annotations

import argparse
import csv
import json
import logging
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from latentcam.realtime_models.training.motion.data.phones import Phone
from latentcam.realtime_models.training.motion.data.voices import Spoken, espeak, festival, flite

FLITE = ("awb", "rms", "kal16", "slt")
FESTIVAL = ("ked_diphone", "cmu_us_slt_arctic_hts")
VARIANTS = ("m1", "m3", "m5", "m7", "f1", "f2", "f4", "f5")
DIALECTS = ("en-us", "en-gb-x-rp", "en-gb-scotland")
HELD_OUT = (
    "flite-slt",
    "festival-cmu_us_slt_arctic_hts",
    "espeak-de",
    "espeak-nl",
)
"""Voices, and whole languages, that training never hears; all of slt is one woman."""
HELD_OUT_VARIANT = "+m7"  # of espeak-ng, in every language

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Order:
    """What is to be said, by whom."""

    voice: str
    number: int
    text: str


def held_out_voice(voice: str) -> bool:
    return voice.split("+")[0] in HELD_OUT or voice.endswith(HELD_OUT_VARIANT)


def orders(data: Path) -> Iterator[Order]:
    """Every sentence in every voice, in an order that does not change."""
    sentences = json.loads((Path(__file__).parent / "sentences.json").read_text())
    english = [*sentences["en"], *_prompts(data)]
    for name in FLITE:
        for i, text in enumerate(english[:90]):
            yield Order(f"flite-{name}", i, text)
    for name in FESTIVAL:
        for i, text in enumerate(english[:50]):
            yield Order(f"festival-{name}", i, text)
    for n, variant in enumerate(VARIANTS):
        for m, dialect in enumerate(DIALECTS):
            for i in range(12):
                text = english[(i * 7 + n * 11 + m * 5) % len(english)]
                yield Order(f"espeak-{dialect}+{variant}", i, text)
        for language, texts in sentences.items():
            if language != "en":
                for i, text in enumerate(texts):
                    if (i + n) % 2 == 0:
                        yield Order(f"espeak-{language}+{variant}", i, text)


def _prompts(data: Path) -> list[str]:
    """The sentences that speechocean762's speakers read."""
    with (data / "MANIFEST.csv").open() as file:
        rows = [r for r in csv.DictReader(file) if "speechocean762" in r["file"]]
    return [row["transcript"].capitalize() + "." for row in rows if len(row["transcript"]) > 15]


def say(order: Order) -> Spoken:
    """Rates and pitches vary with the sentence, the same on every run."""
    rng = np.random.default_rng([order.number, sum(order.voice.encode())])
    engine, voice = order.voice.split("-", 1)
    if engine == "flite":
        return flite(order.text, voice, float(rng.uniform(0.85, 1.25)))
    if engine == "festival":
        return festival(order.text, voice)
    rate, pitch = int(rng.integers(120, 200)), int(rng.integers(20, 80))
    return espeak(order.text, voice, rate, pitch, int(rng.integers(30, 80)))


def write_spoken(path: Path, spoken: Spoken) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    phones = json.dumps([asdict(phone) for phone in spoken.phones])
    part = path.with_name(f"{path.stem}.part.npz")  # numpy would add its suffix to another
    np.savez(part, samples=(spoken.samples.clip(-1, 1) * 32767).astype(np.int16), phones=phones)
    part.replace(path)


def read_spoken(path: Path) -> Spoken:
    with np.load(path) as stored:
        phones = [Phone(**fields) for fields in json.loads(str(stored["phones"]))]
        return Spoken(stored["samples"].astype(np.float32) / 32768, phones)


def _make(order: Order, out: Path) -> int:
    path = out / order.voice / f"{order.number:03d}.npz"
    if path.exists():
        return 0
    try:
        write_spoken(path, say(order))
    except (subprocess.CalledProcessError, ValueError) as error:
        log.warning("%s could not say %r: %s", order.voice, order.text, error)
    return 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="a folder per voice is made there")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with ThreadPoolExecutor(2) as pool:  # each call is a program of its own
        made = sum(pool.map(partial(_make, out=args.out), orders(args.data)))
    log.info("made %d sentences", made)


if __name__ == "__main__":
    main()
