"""Prepare the training data: sound, disturbed in many ways, as features; mouths as targets.

python -m latentcam.realtime_models.training.motion.targets.prepare --data DIR --said DIR \\
    --annotated DIR --out DIR [--natural DIR] [--learners DIR]
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import zlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from latentcam.realtime_models.motion.mel import MelConfig, log_mel, mel_initial_state
from latentcam.realtime_models.training.motion.data.align import labels
from latentcam.realtime_models.training.motion.data.annotate import learners_folder, said
from latentcam.realtime_models.training.motion.data.augment import (
    Surroundings,
    disturb,
    to_dbfs,
    warp,
)
from latentcam.realtime_models.training.motion.data.lips import at_hops, read_lips
from latentcam.realtime_models.training.motion.data.phones import Phone
from latentcam.realtime_models.training.motion.data.sound import RATE, read_sound
from latentcam.realtime_models.training.motion.data.synthesise import held_out_voice
from latentcam.realtime_models.training.motion.data.unseen import unseen
from latentcam.realtime_models.training.motion.targets.coarticulation import (
    fit_dominance,
    read_table,
    write_table,
)
from latentcam.realtime_models.training.motion.targets.corpora import (
    Scene,
    in_the_room_before,
    lips_name,
    lips_scenes,
    noises,
    phone_scenes,
    read_annotations,
    rest_scenes,
    speakers,
    sung_scenes,
)
from latentcam.realtime_models.training.motion.targets.prepared import Example, write_prepared
from latentcam.realtime_models.training.motion.targets.retarget import (
    AXES,
    rendered_lips,
    wanted_lips,
)

COPIES = {"grid": 5, "lips": 20, "lj": 4, "ocean": 2, "said": 2, "natural": 1, "sung": 2, "rest": 3}
"""How often each corpus is heard: first as recorded, then disturbed anew each time. What is heard
only once is disturbed half of the time."""

WARP = {"grid": (0.80, 1.35), "lips": (0.80, 1.25), "lj": (0.72, 1.15), "ocean": (0.80, 1.20),
        "said": (0.85, 1.35),
        "natural": (0.75, 1.2), "sung": (0.8, 1.3), "rest": (1.0, 1.0)}  # fmt: skip
"""Playing rates: the one man of GRID becomes a small woman and a giant."""

MEL = MelConfig()
log = logging.getLogger(__name__)


def examples_of(scene: Scene, around: Surroundings) -> list[Example]:
    """The scene's copies, see COPIES."""
    corpus = scene.name.split("/")[0]
    rng = np.random.default_rng(zlib.crc32(scene.name.encode()))
    out = []
    for copy in range(COPIES[corpus]):
        shown = scene
        if corpus in ("grid", "lips") and rng.random() < 0.5:
            shown = in_the_room_before(scene, float(rng.uniform(0.5, 2.0)))
        samples, target, rate = shown.samples, shown.curves, 1.0
        if copy or (COPIES[corpus] == 1 and rng.random() < 0.5):
            low, high = WARP[corpus]
            if high > low and rng.random() < 0.75:
                rate = float(rng.uniform(low, high))
                samples, (target,) = warp(samples, [target], rate)
            samples = disturb(samples, around, rng)
            if corpus == "rest":
                samples = to_dbfs(samples, float(rng.uniform(-75, -22)))
        features, _ = log_mel(samples, mel_initial_state(MEL), MEL)
        n = min(len(features), len(target))
        phones = [Phone(p.name, p.start / rate, p.stop / rate) for p in shown.phones]
        said_then = labels(phones, n, back_s=0.0).astype(np.uint8)
        out.append(Example(scene.name, features[:n], target[:n], said_then))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--said", type=Path, required=True, help="what synthesise made")
    parser.add_argument("--natural", type=Path, help="recordings that annotate knew too")
    parser.add_argument("--learners", type=learners_folder, help="what annotate knew too")
    parser.add_argument("--annotated", type=Path, required=True, help="what annotate made")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    args.out.mkdir(parents=True, exist_ok=True)
    lips, annotations = rendered_lips(), read_annotations(args.annotated / "phones.json")

    table_path = args.out / "dominance.json"
    if not table_path.exists():
        clips = list(read_lips(args.data / "lips"))
        speaker = speakers(clips)["s1"]
        seen = [c for c in clips if not unseen(lips_name(c)) and len(c.samples) >= 47000]
        wanted = [
            at_hops(wanted_lips(c.geometry, speaker, lips), c.fps, len(c.samples) // 160)
            for c in seen
        ]
        sentences = [annotations[lips_name(c)] for c in seen]
        write_table(table_path, fit_dominance(sentences, [w.astype(np.float64) for w in wanted]))
        log.info("fitted %s", table_path)
    table = read_table(table_path)

    rng = np.random.default_rng(0)
    voices = [u.samples for u in said(args.said) if not held_out_voice(u.name.split("/")[1])]
    around = noises(args.data, voices, rng)
    rooms = [read_sound(p) for p in sorted((args.data / "speech").rglob("RIRs/*.wav"))]
    seconds: dict[str, float] = {}

    def scenes() -> Iterator[Scene]:
        for scene in itertools.chain(
            lips_scenes(args.data, annotations, lips),
            phone_scenes(
                args.data, args.said, args.natural, args.learners, annotations, table, lips
            ),
            sung_scenes(table, lips, rng),
            rest_scenes(args.data, voices, rng),
        ):
            corpus = scene.name.split("/")[0]
            if corpus == "rest" or not unseen(scene.name):
                seconds[corpus] = seconds.get(corpus, 0.0) + len(scene.samples) / RATE
                yield scene

    with ProcessPoolExecutor(args.workers) as pool:
        made = pool.map(
            partial(examples_of, around=Surroundings(around, rooms)), scenes(), chunksize=8
        )
        examples = [example for few in made for example in few]
    hops = write_prepared(args.out / "train.npz", AXES, examples)
    provenance = {
        "minutes": {name: round(value / 60, 1) for name, value in seconds.items()},
        "sources": {
            "grid": "GRID s1 (Cooke et al. 2006), CC BY 4.0, lips tracked by MediaPipe",
            "lips": "ten more speakers of GRID, likewise",
            "lj": "LJ Speech, public domain, MFA phone times",
            "ocean": "speechocean762 (Zhang et al. 2021), phones aligned by annotate.py",
            "said": "flite, festival, espeak-ng, phone times of the synthesiser",
            "natural": "LibriSpeech (Panayotov et al. 2015, CC BY 4.0), Common Voice (CC0), VCTK "
            "(CC BY 4.0), CMU Arctic prompts read by Kathleen (rhasspy/dataset-voice-kathleen, "
            "CC0), wake words of many speakers (Picovoice/wake-word-benchmark, Apache-2.0); the "
            "pack's are listed in natural.csv",
            "sung": "vowels and hums made of numbers",
            "rest": "office noise (pipecat examples), breath and laughter (MFA), generated sounds",
        },
    }
    (args.out / "provenance.json").write_text(json.dumps(provenance, indent=1) + "\n")
    log.info("%d hops in %d examples, %s", hops, len(examples), provenance["minutes"])


if __name__ == "__main__":
    main()
