"""Judge a motion model on clips, speakers and voices that training never saw.

python -m latentcam.realtime_models.training.motion.judge.evaluate --data DIR --said DIR \\
    --annotated DIR [--natural DIR] [--learners DIR] --pack PACK
prints a table. PACK is a folder that `train` filled, in which case --write puts the figures into
its motion.json; or an avatar pack, of which only the motion model is judged. Beside every AUC is
the range of 95 % of those of bootstrap samples of the clips.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file
from safetensors.torch import load_file as load_torch

from latentcam.realtime_models.arrays import Samples
from latentcam.realtime_models.avatar_pack import load_pack
from latentcam.realtime_models.errors import AvatarPackError
from latentcam.realtime_models.motion.mel import log_mel, mel_initial_state
from latentcam.realtime_models.motion.model import MotionConfig, MotionModel
from latentcam.realtime_models.training.motion.data.annotate import (
    Utterance,
    learners_folder,
    lj_folders,
    lj_speech,
    natural,
    ocean,
    said,
)
from latentcam.realtime_models.training.motion.data.augment import mix, opus, telephone, to_dbfs
from latentcam.realtime_models.training.motion.data.lips import (
    LipClip,
    at_hops,
    held_out,
    read_lips,
)
from latentcam.realtime_models.training.motion.data.phones import Phone
from latentcam.realtime_models.training.motion.data.sound import RATE
from latentcam.realtime_models.training.motion.data.synthesise import HELD_OUT
from latentcam.realtime_models.training.motion.data.unseen import held_out_reader, unseen
from latentcam.realtime_models.training.motion.judge.figures import (
    at_phone,
    auc,
    auc_interval,
    best_lag,
    closures,
    correlation,
    needless_closures,
    open_and_closed,
)
from latentcam.realtime_models.training.motion.network import MotionNetwork
from latentcam.realtime_models.training.motion.targets.corpora import (
    NOISE_FOR_TRAINING_S,
    lips_name,
    office_noise,
    read_annotations,
)
from latentcam.realtime_models.training.motion.targets.retarget import (
    AXES,
    rendered_lips,
    shown_aperture,
)

ROUNDED = {"OW1", "OW2", "UW", "W"}
SPREAD = {"IY", "EH", "S"}
FEWEST = 10

log = logging.getLogger(__name__)


Float64 = NDArray[np.float64]
Sound = tuple[Samples, list[Phone]]


@dataclass(frozen=True)
class Judge:
    """Something that moves lips, and what is asked of it.

    controls: samples -> float64 [hops, len(axes)], row i for the moment (i + 1) * 10 ms, without
        any look-ahead: it is taken out.
    """

    controls: Callable[[Samples], Float64]
    axes: tuple[str, ...] = AXES

    def aperture(self, x: Float64) -> Float64:
        """What the renderer will show, float64 [hops], over face height."""
        return shown_aperture(x, self.axes, rendered_lips())

    def rounding(self, x: Float64) -> Float64:
        return x[:, self.axes.index("mouthPucker")] - x[:, self.axes.index("mouthStretch")]


def judge(model: MotionModel) -> Judge:
    """The motion model, hop by hop as a session runs it."""
    shift = round(model.config.look_ahead_s * 100)

    def controls(samples: Samples) -> Float64:
        padded = np.pad(samples, (0, shift * 160))
        x, _ = model.steps(padded, model.initial_state())
        return np.asarray(x[shift:], np.float64)

    return Judge(controls, model.config.axes)


def judge_both_ways(folder: Path) -> Judge:
    """What `train --bidirectional` left in `folder`; it hears the whole clip at once."""
    card = json.loads((folder / "motion.json").read_text())
    config = MotionConfig.from_json(card["config"])
    network = MotionNetwork(config.mel.mels, config.hidden, config.layers, len(config.axes), True)
    network.load_weights(load_torch(folder / "motion.safetensors"))
    network.eval()

    @torch.inference_mode()
    def controls(samples: Samples) -> Float64:
        mel, _ = log_mel(samples, mel_initial_state(config.mel), config.mel)
        got = network(torch.from_numpy(mel)[None])[0].numpy()
        return np.asarray(np.clip(got, 0.0, 1.0), np.float64)

    return Judge(controls, config.axes)


def open_model(folder: Path) -> MotionModel:
    """What `train` left in `folder`."""
    return MotionModel(*_trained(folder))


def open_pack(pack: str) -> MotionModel:
    """What `train` left in a folder, or the motion model of an avatar pack, a name or a folder.

    Raises AvatarPackError.
    """
    return MotionModel(*open_parts(pack))


def open_parts(pack: str) -> tuple[MotionConfig, Mapping[str, NDArray[np.float32]]]:
    """The config and the weights of what `open_pack` opens. Raises AvatarPackError."""
    folder = Path(pack)
    if all((folder / name).is_file() for name in ("motion.json", "motion.safetensors")):
        return _trained(folder)
    avatar = load_pack(pack)
    return avatar.card.motion, avatar.motion


def _trained(folder: Path) -> tuple[MotionConfig, Mapping[str, NDArray[np.float32]]]:
    card = json.loads((folder / "motion.json").read_text())
    return MotionConfig.from_json(card["config"]), load_file(folder / "motion.safetensors")


def real_lips(
    judge: Judge, clips: Sequence[LipClip], change: Callable[[Samples], Samples] = lambda s: s
) -> dict[str, float]:
    """Correlation of the shown with the tracked aperture, over clips."""
    r, lags, gains = [], [], []
    for clip in clips:
        got = judge.aperture(judge.controls(change(clip.samples)))
        real = at_hops(clip.geometry[:, :1], clip.fps, len(got))[:, 0].astype(np.float64)
        r.append(correlation(got, real))
        lags.append(best_lag(got, real) * 10)
        gains.append(float(np.quantile(got, 0.95) / np.quantile(real, 0.95)))
    return {
        "clips": len(r), "r_mean": np.mean(r), "r_spread": np.std(r), "r_lowest": np.min(r),
        "best_lag_ms": float(np.median(lags)), "gain": float(np.median(gains)),
    }  # fmt: skip


def by_speaker(judge: Judge, clips: Sequence[LipClip]) -> dict[str, dict[str, float]]:
    """`real_lips` of each speaker; and "mean": that of the speakers' r, their spread, the lowest,
    and the median of their lags."""
    speakers = sorted({clip.speaker for clip in clips})
    out = {s: real_lips(judge, [clip for clip in clips if clip.speaker == s]) for s in speakers}
    r = [figures["r_mean"] for figures in out.values()]
    lags = [figures["best_lag_ms"] for figures in out.values()]
    out["mean"] = {
        "clips": len(clips), "r_mean": float(np.mean(r)), "r_spread": float(np.std(r)),
        "r_lowest": min(r), "best_lag_ms": float(np.median(lags)),
    }  # fmt: skip
    return out


def as_they_were(
    clips: Sequence[LipClip], annotations: Mapping[str, list[Phone]]
) -> dict[str, float]:
    """How often real lips come together, asked of them as `spoken` asks it of rendered ones."""
    shut, needless = [], []
    for clip in clips:
        if phones := annotations.get(lips_name(clip)):
            tracked = clip.geometry[:, :1]
            hops = len(clip.samples) // 160
            real = at_hops(tracked, clip.fps, hops, clip.late_s)[:, 0].astype(np.float64)
            shut += closures(real, phones)
            needless += needless_closures(real, phones)
    return {"mbp_closed": float(np.mean(shut)), "others_closed": float(np.mean(needless))}


def spoken(judge: Judge, sounds: Sequence[Sound]) -> dict[str, float]:
    """How well mouths tell phones apart; *_low, *_high: the bounds of `auc_interval`."""
    parted, rounds, shut, needless = [], [], [], []
    for samples, phones in sounds:
        x = judge.controls(samples)
        aperture, rounding = judge.aperture(x), judge.rounding(x)
        parted.append(open_and_closed(aperture, phones))
        shut += closures(aperture, phones)
        needless += needless_closures(aperture, phones)
        rounds.append(
            ([at_phone(rounding, p) for p in phones if p.name in ROUNDED],
             [at_phone(rounding, p) for p in phones if p.name in SPREAD])
        )  # fmt: skip
    opened, closed = ([value for clip in parted for value in clip[i]] for i in (0, 1))
    rounded, spread = ([value for clip in rounds for value in clip[i]] for i in (0, 1))
    figures = {
        "utterances": len(sounds), "n_open": len(opened), "n_mbp": len(closed),
        "n_rounded": len(rounded), "n_spread": len(spread), "mbp_closed": float(np.mean(shut)),
        "others_closed": float(np.mean(needless)),
        "open_aperture": float(np.median(opened)), "mbp_aperture": float(np.median(closed)),
    }  # fmt: skip
    for name, clips, high, low in (
        ("auc_open_over_mbp", parted, opened, closed),
        ("auc_rounded_over_spread", rounds, rounded, spread),
    ):
        figures[name] = auc(high, low)
        figures[f"{name}_low"], figures[f"{name}_high"] = auc_interval(clips)
    return figures


def at_rest(judge: Judge, speech: Samples, noise: Samples) -> dict[str, float]:
    """Movement of the aperture where nobody speaks, as a share of its range in speech."""
    speech = to_dbfs(speech, -26.0)
    x = judge.aperture(judge.controls(speech))
    span = float(np.quantile(x, 0.99) - np.quantile(x, 0.01))

    def moves(quiet: Samples) -> tuple[float, float]:
        heard = judge.aperture(judge.controls(np.concatenate([speech, quiet])))
        after = heard[len(speech) // 160 + 50 :]
        return float((np.quantile(after, 0.99) - np.quantile(after, 0.01)) / span), float(
            np.quantile(after, 0.99) / span
        )

    out = {}
    sounds = {"silence": np.zeros(10 * RATE, np.float32)}
    for below in (20, 10):
        sounds[f"office_noise_{below}_db_below"] = to_dbfs(noise[: 20 * RATE], -26.0 - below)
    for name, sound in sounds.items():
        out[f"motion_in_{name}"], out[f"opening_in_{name}"] = moves(sound)
    return out


def tick_ms(model: MotionModel) -> dict[str, float]:
    """p50, p95 and p99 of a step of 40 ms of noise."""
    samples = np.random.default_rng(0).normal(0, 0.1, 640).astype(np.float32)
    state, times = model.initial_state(), []
    for _ in range(600):
        began = time.perf_counter()
        _, state = model.step(samples, state)
        times.append(1e3 * (time.perf_counter() - began))
    return {f"p{p}": float(np.percentile(times[100:], p)) for p in (50, 95, 99)}


def unseen_lj(data: Path, natural_folder: Path | None = None) -> list[Sound]:
    """The clips of LJ Speech that training never saw."""
    clips = lj_speech(*lj_folders(data, natural_folder))
    return [(u.samples, u.phones) for u in clips if unseen(u.name)]


def unseen_voices(folder: Path, most: int = 40) -> dict[str, list[Sound]]:
    """Sentences of the voices and languages that training never heard, up to `most` of each."""
    voices: dict[str, list[Sound]] = {}
    for u in said(folder):
        if unseen(u.name):
            voice, _, variant = u.name.split("/")[1].partition("+")
            key = "slt" if "slt" in voice else voice if voice in HELD_OUT else f"espeak {variant}"
            voices.setdefault(key, []).append((u.samples, u.phones))
    return {voice: sounds[:most] for voice, sounds in voices.items()}


def unseen_of(
    utterances: Iterable[Utterance], annotations: Mapping[str, list[Phone]]
) -> list[Sound]:
    """Those that training never saw, with the phones that `annotate` found in them."""
    return [
        (u.samples, annotations[u.name])
        for u in utterances
        if unseen(u.name) and u.name in annotations
    ]


def unseen_readers(folder: Path, annotations: Mapping[str, list[Phone]]) -> dict[str, list[Sound]]:
    """Natural recordings that training never saw, by their corpus (what the speaker's name has
    before its first "-") and by whether it saw others of the same speaker. Groups of fewer than
    FEWEST clips would say little and are left out."""
    groups: dict[str, list[Utterance]] = {}
    for u in natural(folder, unseen):
        speaker = u.name.split("/")[1]
        what = "unseen speakers" if held_out_reader(speaker) else "unseen clips"
        groups.setdefault(f"{speaker.split('-')[0]}, {what}", []).append(u)
    sounds = {name: unseen_of(group, annotations) for name, group in sorted(groups.items())}
    return {name: some for name, some in sounds.items() if len(some) >= FEWEST}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--said", type=Path, required=True)
    parser.add_argument("--natural", type=Path, help="what annotate knew too")
    parser.add_argument("--learners", type=learners_folder, help="what annotate knew too")
    parser.add_argument("--annotated", type=Path, required=True, help="folder of phones.json")
    parser.add_argument("--pack", required=True, help="train's folder, or an avatar pack")
    parser.add_argument("--quick", action="store_true", help="without disturbances")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    card = Path(args.pack) / "motion.json"
    try:
        model = open_pack(args.pack)
    except AvatarPackError as error:
        parser.error(f"--pack has no motion.json and motion.safetensors, and {error}")
    if args.write and not card.is_file():
        parser.error(f"got --write, expected --pack with a motion.json, {args.pack} has none")
    judged = judge(model)
    annotations = read_annotations(args.annotated / "phones.json")
    rng = np.random.default_rng(0)
    noise = office_noise(args.data)[int(NOISE_FOR_TRAINING_S * RATE) :]

    clips = [clip for clip in read_lips(args.data / "lips") if held_out(clip.name)]
    figures: dict[str, dict[str, float]] = {"grid unseen clips": real_lips(judged, clips)}
    figures["grid phones"] = spoken(
        judged, [(c.samples, annotations[f"grid/s1/{c.name}"]) for c in clips]
    )
    figures["grid phones, real lips"] = as_they_were(clips, annotations)
    for name, folder in (("many", "learn"), ("judge", "judge")):
        if (args.data / "lips_many" / folder).is_dir():
            tracked = list(read_lips(args.data / "lips_many" / folder))
            for speaker, values in by_speaker(judged, tracked).items():
                figures[f"{name}, {speaker}"] = values
            if name == "many":
                figures["many phones"] = spoken(
                    judged,
                    [(c.samples, annotations[n]) for c in tracked
                     if (n := lips_name(c)) in annotations],
                )  # fmt: skip
                figures["many phones, real lips"] = as_they_were(tracked, annotations)
    if not args.quick:
        some = clips[::3]
        changes: dict[str, Callable[[Samples], Samples]] = {
            "-40 dBFS": lambda s: to_dbfs(s, -40.0), "-6 dBFS": lambda s: to_dbfs(s, -6.0),
            "office 20 dB": lambda s: mix(s, noise, 20, rng),
            "office 10 dB": lambda s: mix(s, noise, 10, rng),
            "telephone": lambda s: telephone(s, rng), "opus 16k": lambda s: opus(s, 16000),
        }  # fmt: skip
        for name, change in changes.items():
            figures[f"grid, {name}"] = real_lips(judged, some, change)

    lj = unseen_lj(args.data, args.natural)
    figures["LJ unseen clips"] = spoken(judged, lj)
    figures["speechocean unseen speakers"] = spoken(
        judged, unseen_of(ocean(args.data, args.learners), annotations)
    )
    if args.natural:
        for name, sounds in unseen_readers(args.natural, annotations).items():
            figures[f"natural, {name}"] = spoken(judged, sounds)
    for voice, sounds in unseen_voices(args.said).items():
        figures[f"unseen voice {voice}"] = spoken(judged, sounds)
    figures["rest"] = at_rest(judged, np.concatenate([s for s, _ in lj[:3]]), noise)
    figures["time"] = {f"tick_ms_{name}": ms for name, ms in tick_ms(model).items()}

    figures = {k: {n: round(float(v), 4) for n, v in f.items()} for k, f in figures.items()}
    for name, values in figures.items():
        log.info("%-28s %s", name, "  ".join(f"{k} {v:g}" for k, v in values.items()))
    if args.write:
        kept = json.loads(card.read_text())
        card.write_text(json.dumps({**kept, "figures": figures}, indent=1) + "\n")


if __name__ == "__main__":
    main()
