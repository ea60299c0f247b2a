"""Do the lips say what is said? `python -m latentcam.benchmarks.motion --data DIR --said DIR`

Without folders: the time of a tick, in total and for the model alone, and rest in silence. With
them (realtime_models.training.motion describes their content), on clips, speakers and voices that
training never saw:

lips: correlation of the aperture with that of tracked lips, mean and spread over clips; the lag at
    which it is best.
open: AUC of the aperture in open vowels over that in M, B, P. Half is chance. In brackets, where
    95 % of the AUCs of bootstrap samples of the clips lie.
closed: share of M, B, P in which lips come together (15 % of the clip's range) within a frame.
round: AUC of rounding minus spreading, OW UW W over IY EH S.

Compared with the pack's model: the same as shown, with articulation and the gate; the momentary
loudness; its logarithm, smoothed over 50 ms; and with --models the small networks that `--train`
makes there, identical except for how much of the future they may hear: 0, 40, 80 ms, everything.
They are trained for the same short time, so compare them only with each other.

Needs `pip install ".[train]"`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentcam.benchmarks.tools.machine_card import machine_card, print_card, print_json
from latentcam.benchmarks.tools.options import avatar_options
from latentcam.benchmarks.tools.voice import talk
from latentcam.realtime_models.arrays import Samples
from latentcam.realtime_models.avatar_pack import AvatarPack, load_pack
from latentcam.realtime_models.motion.model import MotionModel
from latentcam.realtime_models.motion.performance import Performer, Settings

try:
    from latentcam.realtime_models.training.motion.data.augment import lose_packets, mix, to_dbfs
    from latentcam.realtime_models.training.motion.data.lips import LipClip, held_out, read_lips
    from latentcam.realtime_models.training.motion.data.phones import SILENCE, VOWELS
    from latentcam.realtime_models.training.motion.data.sound import RATE
    from latentcam.realtime_models.training.motion.judge.evaluate import (
        Judge,
        Sound,
        judge,
        judge_both_ways,
        open_model,
        real_lips,
        spoken,
        tick_ms,
        unseen_lj,
        unseen_voices,
    )
    from latentcam.realtime_models.training.motion.targets.corpora import (
        NOISE_FOR_TRAINING_S,
        office_noise,
    )
    from latentcam.realtime_models.training.motion.targets.retarget import (
        compose,
        rendered_lips,
        shown_aperture,
    )
except ModuleNotFoundError as error:
    if __name__ != "__main__":
        raise
    raise SystemExit(
        f"benchmarks.motion needs {error.name}, not installed: pip install 'latentcam[train]'"
    ) from None

Float64 = NDArray[np.float64]

Sets = dict[str, dict[str, float]]
"""LJ Speech, then each voice -> what `spoken` says of it."""

FPS = 25
HOP = 160  # samples, 10 ms
AHEAD = {"0 ms": "0.0", "40 ms": "0.04", "80 ms": "0.08", "everything": "both"}
SIZE = ("--batch", "12", "--rate", "4e-3")


def loudness(samples: Samples) -> Float64:
    """rms of each hop, causal, float64 [hops]."""
    hops = samples[: len(samples) // 160 * 160].reshape(-1, 160).astype(np.float64)
    return np.asarray(np.sqrt(np.mean(hops**2, axis=1)))


def log_loudness(samples: Samples) -> Float64:
    """Its logarithm, smoothed by the mean of the last 50 ms."""
    heard = np.log(loudness(samples) + 1e-4) - np.log(1e-4)
    return np.asarray(np.convolve(heard, np.ones(5) / 5)[: len(heard)])


def follows(loud: Callable[[Samples], Float64]) -> Judge:
    """Lips as far apart as the voice is loud."""

    def controls(samples: Samples) -> Float64:
        wanted = np.zeros((len(samples) // 160, 3))
        level = loud(samples)
        wanted[:, 0] = 0.12 * level / (level.max() + 1e-9)
        return compose(wanted, np.zeros((len(wanted), 8)), rendered_lips())

    return Judge(controls)


def row(judged: Judge, clips: Sequence[LipClip], sets: Sets) -> dict[str, float]:
    """Everything that the table says of one model; of the voices, the mean."""
    lips = real_lips(judged, clips)
    free, *others = sets.values()
    figures: dict[str, Any] = {
        "lips_r": lips["r_mean"], "lips_spread": lips["r_spread"], "lag_ms": lips["best_lag_ms"],
        "lj_open": free["auc_open_over_mbp"], "lj_closed": free["mbp_closed"],
        "lj_round": free["auc_rounded_over_spread"],
        "voices_open": np.mean([o["auc_open_over_mbp"] for o in others]),
        "voices_closed": np.mean([o["mbp_closed"] for o in others]),
        "voices_round": np.mean([o["auc_rounded_over_spread"] for o in others]),
    }  # fmt: skip
    return {name: float(value) for name, value in figures.items()}


def print_table(rows: dict[str, dict[str, float]]) -> None:
    print(f"\n{'':24}{'lips r':>14}{'lag':>7}{'LJ open':>9}{'closed':>8}{'round':>8}"
          f"{'voices open':>13}{'closed':>8}{'round':>8}")  # fmt: skip
    for name, f in rows.items():
        print(f"{name:24}{f['lips_r']:8.3f} ±{f['lips_spread']:.3f}{f['lag_ms']:4.0f} ms"
              f"{f['lj_open']:9.3f}{f['lj_closed']:8.3f}{f['lj_round']:8.3f}"
              f"{f['voices_open']:13.3f}{f['voices_closed']:8.3f}{f['voices_round']:8.3f}"
              )  # fmt: skip


def print_sets(name: str, sets: Sets) -> None:
    """How many moments the figures of a model come from, and how sure they are."""
    print(f"\n{name:24}{'clips':>6}{'open':>6}{'M B P':>7}{'open over M B P':>24}{'closed':>8}"
          f"{'round':>7}{'spread':>8}{'round over spread':>24}")  # fmt: skip
    for what, f in sets.items():
        print(f"{what:24}{f['utterances']:6.0f}{f['n_open']:6.0f}{f['n_mbp']:7.0f}"
              f"{_auc(f, 'auc_open_over_mbp'):>24}{f['mbp_closed']:8.3f}{f['n_rounded']:7.0f}"
              f"{f['n_spread']:8.0f}{_auc(f, 'auc_rounded_over_spread'):>24}")  # fmt: skip


def _auc(figures: dict[str, float], name: str) -> str:
    low, high = figures[f"{name}_low"], figures[f"{name}_high"]
    return f"{figures[name]:.3f} [{low:.3f}, {high:.3f}]"


def perform(
    pack: AvatarPack, sound: Samples, tick: int = RATE // FPS, life: float = 0.0,
    other: Samples | None = None,
) -> tuple[Float64, Float64]:  # fmt: skip
    """Controls over the pack's axes as a session asks for them, articulation, gate and all, and
    the seconds that each tick took. tick: samples. other: to whom the face listens meanwhile."""
    performer, settings = Performer(pack), Settings(life=life)
    state = performer.initial_state(seed=0)
    xs, seconds = [], []
    for i in range(0, len(sound) - tick + 1, tick):
        begun = time.perf_counter()
        said = None if other is None else other[i : i + tick]
        x, state = performer.perform(sound[i : i + tick], state, settings, other=said)
        seconds.append(time.perf_counter() - begun)
        xs.append(x)
    return np.stack(xs).astype(np.float64), np.array(seconds)


def as_shown(pack: AvatarPack) -> Judge:
    """The pack with all that stands between the model and the face: articulation and gate."""
    shift = round(pack.card.motion.look_ahead_s * 100)

    def controls(samples: Samples) -> Float64:
        return perform(pack, np.pad(samples, (0, shift * HOP)), HOP)[0][shift:]

    return Judge(controls, tuple(axis.name for axis in pack.card.axes))


def rest(pack: AvatarPack, speech: Samples, noise: Samples | None) -> dict[str, float]:
    """Range of the aperture where nobody speaks, as a share of its range in speech; ranges are
    from the 1st to the 99th percentile, after half a second."""
    speech = to_dbfs(speech, -26.0)
    silence = np.zeros(20 * RATE, np.float32)
    quiet = {"silence": silence, "silence_worst": silence}
    if noise is not None:
        for below in (30, 20, 10):
            quiet[f"office_{below}_db_below"] = to_dbfs(noise[: 20 * RATE], -26.0 - below)
            quiet[f"office_{below}_db_below_alone"] = quiet[f"office_{below}_db_below"]
    out = {}
    ends = len(speech) * FPS // RATE
    names = tuple(axis.name for axis in pack.card.axes)

    def apertures(sound: Samples) -> Float64:
        return shown_aperture(perform(pack, sound)[0], names, rendered_lips())

    talking = apertures(speech)
    span = float(np.ptp(np.quantile(talking, (0.01, 0.99))))
    for name, sound in quiet.items():
        if name.endswith("alone"):
            after = apertures(sound)[FPS // 2 :]
        else:
            after = apertures(np.concatenate([speech, sound]))[ends + FPS // 2 :]
        worst = (0.0, 1.0) if name.endswith("worst") else (0.01, 0.99)
        out[name] = float(np.ptp(np.quantile(after, worst))) / span
    return out


def onsets(judged: Judge, sounds: Sequence[Sound]) -> dict[str, float]:
    """Vowels after 0.1 s of silence: when the lips part by a fifth of the clip's range, in ms after
    the vowel's first sample, look-ahead taken out; and the widest step of 10 ms there, as a share
    of the range. n of all: the others were open already, or did not part within 0.3 s."""
    late, steps, counts = [], [], {"n": 0, "all": 0, "open_before": 0, "never_part": 0}
    for samples, phones in sounds:
        opened = judged.aperture(judged.controls(samples))
        low, high = np.quantile(opened, (0.01, 0.99))
        for before, phone in zip(phones, phones[1:], strict=False):
            vowel = phone.name in VOWELS or phone.name[-1] == "1"
            if not vowel or before.name != SILENCE or before.stop - before.start < 0.1:
                continue
            first = round(phone.start * 100)
            seen = opened[first - 10 : first + 30]
            if len(seen) < 40:  # the clip ends here
                continue
            counts["all"] += 1
            parted = np.flatnonzero(seen > low + 0.2 * (high - low))
            if not len(parted):
                counts["never_part"] += 1
            elif parted[0] == 0:
                counts["open_before"] += 1
            else:
                counts["n"] += 1
                late.append(10.0 * (int(parted[0]) - 10 + 1))
                steps.append(float(np.abs(np.diff(seen)).max() / (high - low)))
    if not late:
        return {**counts}
    return {
        **counts, "p50_ms": float(np.median(late)), "p90_ms": float(np.quantile(late, 0.9)),
        "step_p50": float(np.median(steps)), "step_worst": max(steps),
    }  # fmt: skip


def robust(judged: Judge, clips: Sequence[LipClip], lj: list[Sound], noise: Samples
           ) -> dict[str, dict[str, float]]:  # fmt: skip
    """The model in office noise (below the mean of the clip) and with packets lost."""
    rng = np.random.default_rng(0)
    changes: dict[str, Callable[[Samples], Samples]] = {
        "clean": lambda s: s,
        "office noise 20 dB": lambda s: mix(s, noise, 20, rng),
        "office noise 10 dB": lambda s: mix(s, noise, 10, rng),
        "office noise 5 dB": lambda s: mix(s, noise, 5, rng),
        "10 % packets lost": lambda s: lose_packets(s, 0.1, rng),
    }
    out = {}
    for name, change in changes.items():
        lips = real_lips(judged, clips, change)
        free = spoken(judged, [(change(samples), phones) for samples, phones in lj])
        out[name] = {
            "lips_r": float(lips["r_mean"]), "lips_spread": float(lips["r_spread"]),
            "lj_open": free["auc_open_over_mbp"], "lj_closed": free["mbp_closed"],
        }  # fmt: skip
    return out


def train(prepared: Path, models: Path, steps: int) -> None:
    """The little networks, where they do not lie yet."""
    for folder in AHEAD.values():
        both = ["--bidirectional", "--look-ahead", "0", "--hidden", "38"]  # as many weights
        hears = both if folder == "both" else ["--look-ahead", folder, "--hidden", "64"]
        if not (models / folder / "motion.safetensors").exists():
            command = [
                sys.executable, "-m", "latentcam.realtime_models.training.motion.train",
                "--prepared", str(prepared), "--out", str(models / folder),
                "--steps", str(steps), *SIZE, *hears,
            ]  # fmt: skip
            subprocess.run(command, check=True)


def plot(path: Path, rows: dict[str, dict[str, float]]) -> None:
    """Accuracy against look-ahead."""
    from matplotlib.figure import Figure

    names = [name for name in AHEAD if name in rows]
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for key, label in (
        ("lips_r", "r with tracked lips"), ("lj_open", "AUC open vowels, LJ Speech"),
        ("voices_open", "AUC open vowels, unheard voices"),
        ("lj_closed", "M, B, P closed, LJ Speech"),
    ):  # fmt: skip
        axes.plot(names, [rows[name][key] for name in names], "o-", label=label)
    axes.set_xlabel("what is heard of the future")
    axes.grid(alpha=0.3)
    figure.legend(loc="outside upper center", ncols=2)
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[avatar_options()],
    )
    parser.add_argument("--data", type=Path, help="tracked lips, LJ Speech, office noise")
    parser.add_argument("--said", type=Path, help="what training.motion.synthesise made")
    parser.add_argument("--natural", type=Path, help="more of LJ Speech: LJ*.wav, LJ*.TextGrid")
    parser.add_argument("--models", type=Path, help="folder of the little networks")
    parser.add_argument("--train", type=Path, metavar="PREPARED", help="train them if not there")
    parser.add_argument("--steps", type=int, default=300, help="of that training")
    parser.add_argument("--plot", type=Path, help="accuracy against look-ahead, as PNG")
    args = parser.parse_args()
    if (args.data is None) != (args.said is None):
        parser.error("got one of --data and --said, expected both or none")
    if (args.models is None) and (args.train or args.plot):
        parser.error("got --train or --plot alone, expected --models DIR too")
    card = machine_card()
    print_card(card)
    pack = load_pack(args.avatar)
    model = MotionModel(pack.card.motion, pack.motion)
    figures: dict[str, Any] = {}

    voice = talk(60.0, RATE)
    print(f"\na tick of {1000 // FPS} ms, model, gate, gestures, life:")
    for what, heard, other in (
        ("tick_ms", voice, None), ("listening_tick_ms", np.zeros_like(voice), voice),
    ):  # fmt: skip
        _, seconds = perform(pack, heard, life=1.0, other=other)
        p50, p95, p99 = (float(np.quantile(seconds, q)) * 1000 for q in (0.5, 0.95, 0.99))
        print(f"  {'listens' if other is not None else 'speaks'}: "
              f"p50 {p50:.2f} ms, p95 {p95:.2f} ms, p99 {p99:.2f} ms")  # fmt: skip
        figures[what] = {"p50": p50, "p95": p95, "p99": p99}
    figures["model_tick_ms"] = alone = tick_ms(model)
    print("the model alone:", ", ".join(f"{name} {ms:.2f} ms" for name, ms in alone.items()))

    speech, noise = talk(20.0, RATE), None
    if args.data:
        clips = [clip for clip in read_lips(args.data / "lips") if held_out(clip.name)]
        lj, voices = unseen_lj(args.data, args.natural), unseen_voices(args.said)
        noise = office_noise(args.data)[int(NOISE_FOR_TRAINING_S * RATE) :]
        speech = np.concatenate([samples for samples, _ in lj[:3]])
        figures |= accuracy(args, pack, clips, lj, voices)
        judged = judge(model)
        figures["robust"] = changed = robust(judged, clips, lj, noise)
        print()
        for name, f in changed.items():
            print(f"{name:24}lips r {f['lips_r']:.3f} ±{f['lips_spread']:.3f}  "
                  f"LJ open {f['lj_open']:.3f}  closed {f['lj_closed']:.3f}")  # fmt: skip
        said = [*lj, *(s for v in voices.values() for s in v)]
        begun = {"the model": onsets(judged, said), "as shown": onsets(as_shown(pack), said)}
        figures["onset"] = begun
        print("\nvowels after silence, in ms after the first sample until lips part:")
        for name, f in begun.items():
            print(f"  {name:10}", "  ".join(f"{k} {v:.3g}" for k, v in f.items()))
    figures["rest"] = resting = rest(pack, speech, noise)
    print("\nmotion where nobody speaks, share of the range in speech:")
    for name, share in resting.items():
        print(f"  {name:28}{100 * share:6.2f} %")
    print_json({"benchmark": "motion", **_rounded(figures), "card": card})


def accuracy(
    args: argparse.Namespace, pack: AvatarPack, clips: Sequence[LipClip], lj: list[Sound],
    voices: dict[str, list[Sound]],
) -> dict[str, object]:  # fmt: skip
    """The table of all models; printed, plotted, returned."""
    print(f"\n{len(clips)} clips with tracked lips; LJ Speech {len(lj)} clips; "
          f"voices {', '.join(f'{name} {len(s)}' for name, s in voices.items())}")  # fmt: skip
    packs = {
        f"pack, {1000 * pack.card.motion.look_ahead_s:.0f} ms": judge(
            MotionModel(pack.card.motion, pack.motion)
        ),
        "pack, as shown": as_shown(pack),
    }
    judges = {"loudness": follows(loudness), "log loudness": follows(log_loudness), **packs}
    if args.train:
        train(args.train, args.models, args.steps)
    if args.models:
        for name, folder in AHEAD.items():
            path = args.models / folder
            if (path / "motion.safetensors").exists():
                both = folder == "both"
                judges[name] = judge_both_ways(path) if both else judge(open_model(path))
    spoken_of = {"LJ Speech": lj, **voices}
    sets = {
        name: {what: spoken(judged, sounds) for what, sounds in spoken_of.items()}
        for name, judged in judges.items()
    }
    rows = {name: row(judged, clips, sets[name]) for name, judged in judges.items()}
    print_table(rows)
    for name in packs:
        print_sets(name, sets[name])
    if args.plot:
        plot(args.plot, rows)
    return {"table": rows, "sets": sets, "clips": len(clips), "lj": len(lj)}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    return round(value, 4) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
