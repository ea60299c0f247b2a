"""Prepare the training data: sound, disturbed in many ways, as features; mouths as targets.

python -m realtime_models.training.motion.prepare --data DIR --out DIR
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from realtime_models.mel import MelConfig, log_mel, mel_initial_state
from realtime_models.training.motion import augment
from realtime_models.training.motion.lips import LipClip, at_hops, held_out, read_lips
from realtime_models.training.motion.prepared import Example, write_prepared
from realtime_models.training.motion.retarget import (
    LIP_AXES,
    RenderedLips,
    retarget,
    speaker_of,
)
from realtime_models.training.motion.sound import RATE, read_sound

AXES = (*LIP_AXES, "mouthFunnel", "mouthSmile", "mouthUpperUp", "mouthLowerDown", "mouthRollLower")
LIPS = RenderedLips((0.0, 1.0), (0.0, 0.13), -0.035, 0.02)
MEL = MelConfig()
log = logging.getLogger(__name__)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--copies", type=int, default=4)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    args.out.mkdir(parents=True, exist_ok=True)
    clips = list(read_lips(args.data / "lips"))
    seen = [c for c in clips if not held_out(c.name)]
    speaker = speaker_of(np.concatenate([c.geometry for c in seen]))
    print(speaker)
    rng = np.random.default_rng(0)
    noise = read_sound(next(args.data.glob("speech/pipecat*/**/office*.mp3")))
    around = augment.Surroundings([noise], [read_sound(p) for p in sorted(args.data.glob("speech/speechbrain*/**/RIRs/*.wav"))])

    def make(clips, copies) -> Iterator[Example]:
        for clip in clips:
            hops = len(clip.samples) // 160
            lips4 = retarget(clip.geometry, speaker, LIPS)
            s = clip.scores
            avg = lambda n: (s[n + "Left"] + s[n + "Right"]) / 2
            extra = np.stack([s["mouthFunnel"] * 15, avg("mouthSmile") * 3, avg("mouthUpperUp") * 30, avg("mouthLowerDown") * 10, np.clip(s["mouthRollLower"] - .008, 0, 1) * 20], 1).clip(0, 1)
            t = at_hops(np.concatenate([lips4, extra], 1), clip.fps, hops)
            w = np.ones_like(t)
            for copy in range(copies):
                x, tt, ww = clip.samples, t, w
                if copy:
                    if rng.random() < .7:
                        x, (tt, ww) = augment.warp(x, [t, w], float(rng.uniform(.82, 1.25)))
                    x = augment.disturb(x, around, rng)
                f, _ = log_mel(x, mel_initial_state(MEL), MEL)
                n = min(len(f), len(tt))
                yield Example(f"grid/s1/{clip.name}", f[:n], tt[:n], ww[:n])

    print(write_prepared(args.out / "train.npz", AXES, make(seen, args.copies)))
    print(write_prepared(args.out / "test.npz", AXES, make([c for c in clips if held_out(c.name)], 1)))
    (args.out / "provenance.json").write_text(json.dumps({"GRID": "s1, CC BY 4.0"}))


if __name__ == "__main__":
    main()
