"""Fit the read-out of a motion model anew to the lips of many speakers; what hears stays as it was.

The layers below know enough of a voice to say what any speaker's lips do; minutes of ten speakers
are too few to change them without spoiling what they know of thousands (cf. Kumar et al. 2022,
"Fine-tuning can distort pretrained features and underperform out-of-distribution"). Other speech
keeps the lips it had: there the model's own answers are the targets (Li and Hoiem 2016, "Learning
without forgetting"), and lips still have to meet in M, B, P. A minute of one core.

python -m latentcam.realtime_models.training.motion.read_out --data DIR --said DIR --pack PACK \\
    --out DIR [--natural DIR] [--learners DIR] [--annotated DIR] [--without SPEAKERS]
"""

from __future__ import annotations

import argparse
import logging
import math
import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from latentcam.realtime_models.arrays import Mel, Samples
from latentcam.realtime_models.errors import AvatarPackError
from latentcam.realtime_models.motion.lstm import REST_MARGIN, Float32
from latentcam.realtime_models.motion.mel import log_mel, mel_initial_state
from latentcam.realtime_models.motion.model import MotionConfig
from latentcam.realtime_models.training.motion.data.align import labels
from latentcam.realtime_models.training.motion.data.annotate import (
    Utterance,
    learners_folder,
    lj_folders,
    lj_speech,
    natural,
    ocean,
    said,
)
from latentcam.realtime_models.training.motion.data.lips import LipClip, at_hops, in_step
from latentcam.realtime_models.training.motion.data.phones import (
    CLOSED_LIPS,
    PHONES,
    SILENCE,
    Phone,
)
from latentcam.realtime_models.training.motion.data.unseen import unseen
from latentcam.realtime_models.training.motion.data.vary import FLOOR, vary
from latentcam.realtime_models.training.motion.judge.evaluate import open_parts
from latentcam.realtime_models.training.motion.network import MotionNetwork
from latentcam.realtime_models.training.motion.targets.corpora import (
    BREATH_S,
    all_lips,
    far_from_speech,
    lips_name,
    read_annotations,
    rest_scenes,
    speakers,
)
from latentcam.realtime_models.training.motion.targets.retarget import (
    AXES,
    Speaker,
    rendered_lips,
    wanted_lips,
)
from latentcam.realtime_models.training.motion.train import (
    APERTURE_SCALE,
    AXIS_WEIGHT,
    CLEARLY_OPEN,
    ShownAperture,
    closure_loss,
    likeness_loss,
    save_pack,
)

CROP = 300  # hops: 3 s
LOUD, LOUDEST_BANDS = -4.5, 8  # mean of the loudest bands of a hop in which somebody speaks
S1_EVERY = 4  # of the many clips of GRID's s1
SAID, NATURAL, LEARNERS, RESTS = 110, 110, 220, 28  # recordings of each, whose lips stay
BATCH = 16  # recordings that are heard together
CLOSES = 35  # hops after the last sound in which lips come to rest
REAL, KEPT, QUIET = 16, 12, 6  # crops of a step
MANY = 0.6  # share of the real crops that are of the many
POSITION, LIKENESS, OTHER_AXES = 0.5, 1.0, 1.0  # weights of the losses, of real lips
KEEP, CLOSURE, PARTING, REST = 0.6, 1.0, 0.4, 10.0  # and of other speech
AWAY = 8  # hops from M, B, P within which lips may be together
PARTED = 0.016  # aperture over face height that is no closure
CLOSING = np.array([PHONES.index(name) for name in sorted(CLOSED_LIPS)])

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sounding:
    """What is to be heard, one row per hop, look-ahead taken out.

    name: "<corpus>/<speaker>/<clip>". features: float32 [skip + hops, mels]. aperture: float32
    [hops], of real lips, else empty. lips: float32 [hops], see `asked_of_lips`.
    """

    name: str
    features: Mel
    aperture: Float32
    lips: Float32
    skip: int = 0


@dataclass(frozen=True)
class Heard:
    """The same as the read-out is given it. h: float32 [hops, hidden]."""

    name: str
    h: Float32
    aperture: Float32
    lips: Float32


@torch.inference_mode()
def hear(network: MotionNetwork, ahead: int, sounding: Sequence[Sounding]) -> list[Heard]:
    """What the model makes of features before its read-out. ahead: hops of its look-ahead."""
    network.eval()
    out = []
    # Together with those of about the same length.
    by_length = sorted(sounding, key=lambda one: len(one.features))
    for first in range(0, len(by_length), BATCH):
        some = by_length[first : first + BATCH]
        longest = len(some[-1].features) + ahead
        heard = np.full((len(some), longest, some[0].features.shape[1]), FLOOR, np.float32)
        for row, one in enumerate(some):
            heard[row, : len(one.features)] = one.features
        h, _ = network.lstm((torch.from_numpy(heard) - network.mean) / network.std)
        for row, one in enumerate(some):
            mine = h[row, ahead + one.skip : ahead + len(one.features)].numpy()
            out.append(Heard(one.name, mine.copy(), one.aperture, one.lips))
    return out


def mel_of(samples: Samples, config: MotionConfig) -> Mel:
    return log_mel(samples, mel_initial_state(config.mel), config.mel)[0]


def speech_bounds(features: Mel) -> Phone | None:
    """From the first sound of a clip to its last, as if it were one phone; None in silence."""
    loud = np.flatnonzero(np.sort(features, axis=1)[:, -LOUDEST_BANDS:].mean(1) > LOUD)
    if len(loud) < 5:
        return None
    # The outermost hops may be a click.
    return Phone("AA", float(loud[2]) / 100, float(loud[-3]) / 100)


def wanted_aperture(clip: LipClip, speaker: Speaker, features: Mel) -> Float32:
    """What the clip's lips ask of ours, float32 [hops]; rest, where nobody speaks for long."""
    asked = wanted_lips(clip.geometry, speaker, rendered_lips())[:, :1]
    wanted = at_hops(asked, clip.fps, len(features), clip.late_s)[:, 0]
    bounds = speech_bounds(features)
    silent = far_from_speech([bounds] if bounds else [], len(features), BREATH_S, BREATH_S)
    return np.asarray(wanted * (1.0 - silent), np.float32)


def with_background(features: Mel, rng: np.random.Generator) -> tuple[int, Mel]:
    """The clip after 0.5 to 2 s of what its first hops sound like, and how many hops that is:
    clips of GRID all begin alike, and how long ago it began shall not tell when somebody speaks."""
    hops = int(rng.integers(50, 200))
    before = features[:6].mean(0) + 0.3 * rng.standard_normal((hops, features.shape[1]))
    return hops, np.concatenate([np.maximum(before, FLOOR), features]).astype(np.float32)


def real_lips(
    data: Path, config: MotionConfig, without: Collection[str], rng: np.random.Generator
) -> Iterator[Sounding]:
    """Everybody's clips that may be learned from: as recorded, after some background, and those
    of the many four times more, as other throats and microphones would have it."""
    clips = [clip for clip in all_lips(data) if not unseen(lips_name(clip))]
    known = speakers(clips)
    for i, clip in enumerate(clips):
        many = clip.speaker != "s1"
        if clip.speaker in without or not in_step(clip) or (not many and i % S1_EVERY):
            continue
        features = mel_of(clip.samples, config)
        aperture = wanted_aperture(clip, known[clip.speaker], features)
        unknown = np.zeros(len(features), np.float32)  # where M, B, P are
        versions = [(0, features), with_background(features, rng)]
        for k in range(4 if many else 0):
            skip, other = with_background(features, rng) if k % 2 else (0, features)
            versions.append((skip, vary(other[None], rng)[0]))
        for skip, version in versions:
            yield Sounding(lips_name(clip), version, aperture, unknown, skip)


def other_speech(
    data: Path,
    said_folder: Path,
    natural_folder: Path | None,
    learners: Path | None,
    annotations: Mapping[str, list[Phone]],
    config: MotionConfig,
    rng: np.random.Generator,
) -> Iterator[Sounding]:
    """Speech of which the lips are to stay as they were, and sounds in which they rest.

    learners: see `ocean`. annotations: the phones of recordings that come without.
    """
    voices = _some(said(said_folder), SAID)
    recorded = _some(natural(natural_folder), NATURAL) if natural_folder else []
    lj = [u for u in lj_speech(*lj_folders(data, None)) if not unseen(u.name)]
    none = np.zeros(0, np.float32)
    for u in [*lj, *voices, *recorded, *_some(ocean(data, learners), LEARNERS)]:
        features = mel_of(u.samples, config)
        phones = u.phones or annotations.get(u.name, [])
        yield Sounding(u.name, features, none, asked_of_lips(phones, len(features)))
    for scene in rest_scenes(data, [u.samples for u in voices], rng, RESTS):
        features = mel_of(scene.samples * np.float32(10 ** rng.uniform(-2, 0)), config)
        yield Sounding(scene.name, features, none, np.zeros(len(features), np.float32))
        # The same when somebody has just spoken, 6 to 40 dB louder.
        before = mel_of(voices[int(rng.integers(len(voices)))].samples, config)
        lower = max(0.0, float(np.quantile(features, 0.95))) + rng.uniform(1.5, 9.0)
        after = np.concatenate([before, np.maximum(features - lower, FLOOR)]).astype(np.float32)
        rest = np.zeros(len(features) - CLOSES, np.float32)
        yield Sounding(scene.name, after, none, rest, len(before) + CLOSES)


def asked_of_lips(phones: Sequence[Phone], hops: int) -> Float32:
    """float32 [hops]: 1 in M, B, P, where lips meet; -1 in phones farther than AWAY from those and
    from silence, where they need not; else 0."""
    said = labels(phones, hops, back_s=0.0)
    shut = np.isin(said, CLOSING)
    near = np.convolve(shut | (said == PHONES.index(SILENCE)), np.ones(2 * AWAY + 1), "same") > 0.5
    return np.asarray(np.where(shut, 1.0, np.where(near, 0.0, -1.0)), np.float32)


def parting_loss(shown: Tensor, lips: Tensor, counts: Tensor) -> Tensor:
    """How far lips are from being apart where they need not meet. shown, lips, counts: [n, t]."""
    judged = (lips < -0.5) & (counts > 0)
    short = (PARTED - shown).clamp(min=0.0) / CLEARLY_OPEN
    return (judged * short).sum() / (judged.sum() + 1.0)


def _some(utterances: Iterator[Utterance], count: int) -> list[Utterance]:
    seen = [u for u in utterances if not unseen(u.name)]
    random.Random(0).shuffle(seen)
    return seen[:count]


class Drawer:
    """Crops of recordings: h [n, CROP, hidden], and aperture, what is asked of lips, and 1 where
    there is sound, [n, CROP] each."""

    def __init__(self, heard: Sequence[Heard], chance: Sequence[float]) -> None:
        self._heard = heard
        self._chance = np.array(chance) / np.sum(chance)

    def draw(self, n: int, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        h = np.zeros((n, CROP, self._heard[0].h.shape[1]), np.float32)
        aperture, lips, counts = np.zeros((3, n, CROP), np.float32)
        for row, i in enumerate(rng.choice(len(self._heard), n, p=self._chance)):
            one = self._heard[i]
            first = int(rng.integers(max(1, len(one.h) - CROP + 1)))
            part, length = slice(first, first + CROP), min(CROP, len(one.h) - first)
            h[row, :length], lips[row, :length] = one.h[part], one.lips[part]
            counts[row, :length] = 1.0
            if len(one.aperture):
                aperture[row, :length] = one.aperture[part][:length]
        tensors = [torch.from_numpy(array) for array in (h, aperture, lips, counts)]
        return tensors[0], tensors[1], tensors[2], tensors[3]


def fit(
    network: MotionNetwork, real: Sequence[Heard], other: Sequence[Heard], steps: int, rate: float
) -> None:
    """Move `network.output` towards real lips, and away from itself as little as may be."""
    rng = np.random.default_rng(0)
    shown = ShownAperture(AXES, rendered_lips())
    counted = [one.name.split("/")[1] for one in real]
    # Each speaker by the root of what there is of them.
    share = {s: counted.count(s) ** -0.5 for s in set(counted)}
    many = sum(share[s] for s in counted if s != "s1")
    first = sum(share[s] for s in counted if s == "s1")
    reals = Drawer(
        real,
        [(1 - MANY) * share[s] / first if s == "s1" else MANY * share[s] / many for s in counted],
    )
    quiet = [one for one in other if one.name.startswith("rest/")]
    rests = Drawer(quiet, [len(one.h) for one in quiet])
    spoken = [one for one in other if not one.name.startswith("rest/")]
    # Twice those with the best times.
    others = Drawer(spoken, [len(one.h) * (1 + one.name.startswith("lj/")) for one in spoken])
    axis_weight = torch.tensor([AXIS_WEIGHT.get(axis, 1.0) for axis in AXES])
    weight = network.output.weight.detach().clone()
    bias = network.output.bias.detach().clone()

    def say(h: Tensor, w: Tensor, b: Tensor) -> Tensor:
        return (1 + 2 * REST_MARGIN) * torch.sigmoid(h @ w.T + b) - REST_MARGIN

    optimiser = torch.optim.Adam(network.output.parameters(), lr=rate)
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = rate * 0.5 * (1 + math.cos(math.pi * step / steps))
        h, wanted, _, counts = reals.draw(REAL, rng)
        x, before = say(h, network.output.weight, network.output.bias), say(h, weight, bias)
        share_of = counts / counts.sum()
        got = shown(x)
        miss = (share_of * ((got - wanted) / APERTURE_SCALE) ** 2).sum()
        drift = (share_of[..., None] * (x - before)[..., 1:] ** 2).sum()  # but the jaw's
        loss = POSITION * miss + LIKENESS * likeness_loss(got, wanted, counts) + OTHER_AXES * drift
        h, _, lips, counts = others.draw(KEPT, rng)
        x, before = say(h, network.output.weight, network.output.bias), say(h, weight, bias)
        share_of = counts / counts.sum()
        moved = (share_of[..., None] * axis_weight * (x - before) ** 2).sum()
        opened = (share_of * ((shown(x) - shown(before)) / APERTURE_SCALE) ** 2).sum()
        loss = loss + KEEP * (moved + opened)
        loss = loss + CLOSURE * closure_loss(shown(x), lips, counts)
        loss = loss + PARTING * parting_loss(shown(x), lips, counts)
        h, _, _, counts = rests.draw(QUIET, rng)
        # Linear: nearly at rest is not at rest.
        x = say(h, network.output.weight, network.output.bias).clamp(min=0.0)
        loss = loss + REST * (counts[..., None] * x).sum() / counts.sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 25 == 24:
            log.info("step %d, loss %.4f", step + 1, loss.item())


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--said", type=Path, required=True, help="what synthesise made")
    parser.add_argument("--natural", type=Path, help="SPEAKER/NAME.wav, with NAME.txt")
    parser.add_argument("--learners", type=learners_folder, help="a copy of all of speechocean762")
    parser.add_argument("--annotated", type=Path, help="what annotate made")
    parser.add_argument("--pack", required=True, help="train's folder, or an avatar pack")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--without", type=lambda names: tuple(names.split(",")), default=(), metavar="SPEAKERS",
        help="of the many, with commas: nothing of theirs is learned",
    )  # fmt: skip
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--rate", type=float, default=8e-3)
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    try:
        config, weights = open_parts(args.pack)
    except AvatarPackError as error:
        parser.error(f"--pack has no motion.json and motion.safetensors, and {error}")
    if config.axes != AXES:
        parser.error(f"got a motion model of the axes {config.axes}, expected {AXES}")
    network = MotionNetwork(config.mel.mels, config.hidden, config.layers, len(config.axes))
    network.load_weights({n: torch.tensor(np.array(w, np.float32)) for n, w in weights.items()})
    rng, ahead = np.random.default_rng(0), round(config.look_ahead_s * 100)
    real = hear(network, ahead, list(real_lips(args.data, config, args.without, rng)))
    phones = read_annotations(args.annotated / "phones.json") if args.annotated else {}
    folders = args.data, args.said, args.natural, args.learners
    speech = other_speech(*folders, phones, config, rng)
    other = hear(network, ahead, list(speech))
    log.info("heard %d versions of clips, %d other recordings", len(real), len(other))
    fit(network, real, other, args.steps, args.rate)
    args.out.mkdir(parents=True, exist_ok=True)
    provenance = {
        "read_out_of": args.pack, "steps": args.steps, "without": list(args.without),
        "speakers": sorted({one.name.split("/")[1] for one in real}),
    }  # fmt: skip
    save_pack(args.out, config, network, {"bidirectional": False, "provenance": provenance})


if __name__ == "__main__":
    main()
