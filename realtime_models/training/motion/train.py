"""Train the motion model on prepared examples; may be stopped, and resumes where it was.

python -m latentcam.realtime_models.training.motion.train --prepared DIR --out DIR [--minutes M]
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import time
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from latentcam.realtime_models.motion.model import MotionConfig
from latentcam.realtime_models.training.motion.data.phones import PHONES, SILENCE
from latentcam.realtime_models.training.motion.data.vary import FLOOR, vary
from latentcam.realtime_models.training.motion.network import MotionNetwork
from latentcam.realtime_models.training.motion.targets.prepared import Prepared, read_prepared
from latentcam.realtime_models.training.motion.targets.retarget import (
    AXES,
    BESIDE_JAW,
    RenderedLips,
    rendered_lips,
)
from latentcam.realtime_models.training.weights import save_weights
from latentcam.realtime_models.training.whole import whole

SHARES = "grid=0.18,lips=0.20,lj=0.10,ocean=0.12,said=0.10,natural=0.22,sung=0.03,rest=0.05"
CROP = 350  # hops: 3.5 s
WARM_UP = 20  # hops of a crop that are heard and not judged
AXIS_WEIGHT = {"jawOpen": 3.0, "mouthClose": 1.5}
CLOSED_WEIGHT = 3.0  # more for moments when lips must be closed
SPEED_WEIGHT = 4.0  # of the loss on movement over 40 ms, beside the loss on position
APERTURE_WEIGHT = 0.5  # of the squared error of the aperture, in units of APERTURE_SCALE
APERTURE_SCALE = 0.1
CLARITY_WEIGHT = 0.1
LIKENESS_WEIGHT = 0.02
CLOSURE_WEIGHT = 0.1  # trades missed closures for needless ones, see docs/lips.md
NEAR = 4  # hops: as far from where phones say so, lips may come together
LEAD = 1  # hops by which lips come before what phones say
SHUT, CLEARLY_OPEN = 0.004, 0.05  # apertures over face height

log = logging.getLogger(__name__)


class Drawn(NamedTuple):
    """Crops. features: [n, CROP, mels]. targets, weights: [n, CROP, k]. phones: int64 [n, CROP].
    real: bool [n], lips that were tracked."""

    features: Tensor
    targets: Tensor
    weights: Tensor
    phones: Tensor
    real: Tensor


class Crops:
    """Random crops of random examples, the corpora in given shares."""

    def __init__(
        self,
        prepared: Prepared,
        look_ahead_hops: int,
        shares: dict[str, float],
        without: Collection[str] = (),
    ) -> None:
        """without: speakers of whose real lips nothing is drawn, so that they can judge."""
        self._data, self._shift = prepared, look_ahead_hops
        lengths = np.diff(prepared.starts).astype(np.float64)
        corpus = np.array([name.split("/")[0] for name in prepared.names])
        speaker = np.array([name.split("/")[1] for name in prepared.names])
        lengths[(corpus == "lips") & np.isin(speaker, list(without))] = 0.0
        chance = lengths.copy()
        for name in set(corpus):
            mine = corpus == name
            chance[mine] *= shares.get(name, 0.0) / max(chance[mine].sum(), 1.0)
        self._chance = chance / chance.sum()
        self._real = (corpus == "grid") | (corpus == "lips")
        self._rests = np.flatnonzero((corpus == "rest") & (lengths > CROP))

    def draw(self, count: int, rng: np.random.Generator) -> Drawn:
        """`count` crops, each varied in its own way."""
        data, shift = self._data, self._shift
        # Silence, where an example is too short.
        features = np.full((count, CROP, data.features.shape[1]), FLOOR, np.float32)
        targets = np.zeros((count, CROP, len(data.axes)), np.float32)
        weights = np.zeros_like(targets)
        phones = np.full((count, CROP), PHONES.index(SILENCE))
        chosen = rng.choice(len(self._chance), count, p=self._chance)
        for row, i in enumerate(chosen):
            start, stop = int(data.starts[i]), int(data.starts[i + 1])
            # A third of the crops begin where the clip does: the state is fresh there too.
            spare = max(0, stop - start - CROP)
            offset = 0 if rng.random() < 0.33 else int(rng.integers(spare + 1))
            first = start + offset
            length = min(CROP, stop - first)
            features[row, :length] = data.features[first : first + length]
            # What is heard at hop i describes the moment `shift` hops earlier; where phones say
            # what is meant, one LEAD later, or lips come late whenever they hesitate.
            lead = 0 if self._real[i] else min(LEAD, shift)
            known = slice(first + lead, first + lead + length - shift)
            targets[row, shift:length] = data.targets[known]
            phones[row, shift:length] = data.phones[known]
            weights[row, shift:length] = 1.0
            if offset:
                weights[row, :WARM_UP] = 0
        if "mouthClose" in data.axes:
            closed = targets[:, :, data.axes.index("mouthClose")]
            weights *= 1.0 + CLOSED_WEIGHT * closed[..., None]
        features = vary(features, rng)
        self._pause(features, targets, weights, phones, rng)
        arrays = features, targets, weights, phones, self._real[chosen]
        return Drawn(*(torch.from_numpy(array) for array in arrays))

    def _pause(
        self,
        features: NDArray[np.float32],
        targets: NDArray[np.float32],
        weights: NDArray[np.float32],
        phones: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> None:
        """A quarter of the crops fall silent half-way, or into noise: then the mouth must rest."""
        data = self._data
        for row in np.flatnonzero(rng.random(len(features)) < 0.25):
            stop = int(rng.integers(60, CROP - 60))
            length = CROP - stop
            quiet = np.full((length, features.shape[2]), FLOOR, np.float32)
            if len(self._rests) and rng.random() < 0.7:
                i = int(rng.choice(self._rests))
                first = int(rng.integers(data.starts[i], data.starts[i + 1] - length))
                noise = data.features[first : first + length].astype(np.float32)
                lower = max(0.0, float(np.quantile(noise, 0.95))) + rng.uniform(1.5, 9.0)
                quiet = np.maximum(noise - lower, FLOOR)  # 6 to 40 dB under the voice
            features[row, stop:] = quiet
            # Lips close within 0.2 s of the last sound heard.
            fade = 0.5 + 0.5 * np.cos(np.pi * np.clip(np.arange(length) / 20.0, 0.0, 1.0))
            targets[row, stop:] = targets[row, stop - 1] * fade[:, None]
            weights[row, stop:] = 1.0
            phones[row, stop:] = PHONES.index(SILENCE)


def loss_of(got: Tensor, wanted: Tensor, weights: Tensor) -> Tensor:
    """Squared error of position and, so that movement is crisp, of its change over 40 ms."""
    position = (weights * (got - wanted) ** 2).sum() / weights.sum()
    both = torch.minimum(weights[:, 4:], weights[:, :-4])
    speed = ((got[:, 4:] - got[:, :-4]) - (wanted[:, 4:] - wanted[:, :-4])) ** 2
    return position + SPEED_WEIGHT * 0.25 * (both * speed).sum() / both.sum()


class ShownAperture:
    """`retarget.shown_aperture` with gradients: controls [..., k] -> aperture [...]."""

    def __init__(self, axes: tuple[str, ...], lips: RenderedLips) -> None:
        self._at = {name: axes.index(name) for name in axes}
        knots, heights = lips.jaw_open, lips.aperture
        slopes = np.diff(heights) / np.diff(knots)
        self._segments = [
            (float(a), float(b - a), float(slope))
            for a, b, slope in zip(knots[:-1], knots[1:], slopes, strict=True)
        ]
        self._beside = {name: lips.beside_jaw[name] for name in BESIDE_JAW}

    def __call__(self, x: Tensor) -> Tensor:
        axis = {name: x[..., i].clamp(0.0, 1.0) for name, i in self._at.items()}
        jaw = axis["jawOpen"]
        shown = torch.zeros_like(jaw)
        for start, length, slope in self._segments:
            shown = shown + slope * (jaw - start).clamp(0.0, length)
        for name, gain in self._beside.items():
            shown = shown + 0.8 * gain * axis[name]
        return shown * (1.0 - axis["mouthClose"] * ((0.7 - jaw) / 0.4).clamp(0.0, 1.0))


def clarity_loss(got: Tensor, wanted: Tensor, closing: Tensor, counts: Tensor) -> Tensor:
    """How far lips are from being clearly shut, at rest, or clearly open, where they should be.

    got, wanted: apertures [n, t]. closing: [n, t], 1 in M, B, P. counts: [n, t], 0 for hops that
    are not judged. Linear in the distance, so that a doubtful moment is decided, where a squared
    error would show half of each.
    """
    shut = wanted < SHUT
    loss = got.new_zeros(())
    for where, short in (
        (shut & (closing > 0.5), got - SHUT),
        (shut & (closing < 0.05), got - 0.5 * SHUT),
        (wanted > CLEARLY_OPEN, 0.6 * CLEARLY_OPEN - got),
    ):
        judged = where * (counts > 0)
        loss = loss + (judged * short.clamp(min=0.0)).sum() / (judged.sum() + 1.0)
    return loss / CLEARLY_OPEN


def closure_loss(got: Tensor, closing: Tensor, counts: Tensor) -> Tensor:
    """How far lips are from coming together once within NEAR hops of each hop of M, B, P.

    Arguments as of `clarity_loss`. What is missed altogether costs here, not what comes a little
    early or late, as phone times do, too: the best of many moments is judged, cf. learning from
    bags of instances, Dietterich et al. 1997.
    """
    nearest = -torch.nn.functional.max_pool1d(-got, 2 * NEAR + 1, 1, NEAR)
    judged = (closing > 0.5) & (counts > 0)
    short = (nearest - SHUT).clamp(min=0.0) / CLEARLY_OPEN
    return (judged * short).sum() / (judged.sum() + 1.0)


def likeness_loss(got: Tensor, wanted: Tensor, counts: Tensor) -> Tensor:
    """1 - r of each crop's aperture [n, t], in the mean: a voice tells when lips open and which
    opening is the wider, hardly how wide this speaker opens them."""
    share = counts / (counts.sum(1, keepdim=True) + 1e-6)
    got = got - (share * got).sum(1, keepdim=True)
    wanted = wanted - (share * wanted).sum(1, keepdim=True)
    spreads = (share * got**2).sum(1) * (share * wanted**2).sum(1)
    return (1.0 - (share * got * wanted).sum(1) / (spreads + 1e-12).sqrt()).mean()


def phone_loss(named: Tensor, phones: Tensor, counts: Tensor) -> Tensor:
    """Cross entropy of the phones that the network hears, over the hops that count.

    What lips need is not all that tells voices' phones apart: a second task teaches the layers
    below more than the lips do (Caruana 1997).
    """
    judged = counts > 0
    return torch.nn.functional.cross_entropy(named[judged], phones[judged])


def grown(weights: dict[str, Tensor], hidden: int) -> dict[str, Tensor]:
    """The same function with more hidden units: the new ones hear, and nobody hears them yet.

    Cf. Net2Net, Chen et al. 2016.
    """
    old = weights["output.weight"].shape[1]
    if old >= hidden:
        return weights
    out = {}
    for name, tensor in weights.items():
        if not name.startswith("lstm."):
            out[name] = tensor
            continue
        gates = tensor.reshape(4, old, *tensor.shape[1:])
        rows = torch.zeros(4, hidden, *tensor.shape[1:])
        if tensor.dim() == 2:
            rows.uniform_(-1.0, 1.0).mul_(hidden**-0.5)
        rows[:, :old] = gates
        wide = rows.flatten(0, 1)
        if tensor.dim() == 2 and not name.endswith("ih_l0"):
            wider = torch.zeros(4, hidden, hidden)
            wider[:, old:].uniform_(-1.0, 1.0).mul_(hidden**-0.5)
            wider[:, :, :old] = rows
            wide = wider.flatten(0, 1)
        out[name] = wide
    out["output.weight"] = torch.nn.functional.pad(weights["output.weight"], (0, hidden - old))
    return out


def save_pack(
    out: Path, config: MotionConfig, network: MotionNetwork, card: dict[str, object]
) -> None:
    """motion.safetensors and motion.json: what a session needs, and where it came from."""
    weights = {name: tensor.numpy() for name, tensor in network.weights().items()}
    save_weights(weights, out / "motion.safetensors")
    text = json.dumps({"config": config.to_json(), **card}, indent=1) + "\n"
    with whole(out / "motion.json") as part:
        part.write_text(text)


def train(args: argparse.Namespace) -> None:
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    prepared = read_prepared(args.prepared / "train.npz")
    config = MotionConfig(
        axes=prepared.axes, hidden=args.hidden, layers=args.layers, look_ahead_s=args.look_ahead
    )
    network = MotionNetwork(
        config.mel.mels, config.hidden, config.layers, len(config.axes), args.bidirectional
    )
    sample = prepared.features[:: max(1, len(prepared.features) // 50000)].astype(np.float32)
    network.mean.copy_(torch.from_numpy(sample.mean(0)))
    network.std.copy_(torch.from_numpy(sample.std(0) + 0.1))
    args.out.mkdir(parents=True, exist_ok=True)
    optimiser = torch.optim.AdamW(network.parameters(), lr=args.rate, weight_decay=0.01)
    checkpoint, done, spent = args.out / "checkpoint.pt", 0, 0.0
    if checkpoint.exists():
        stored = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(stored["network"])
        optimiser.load_state_dict(stored["optimiser"])
        done, spent = stored["steps"], stored["seconds"]
        log.info("going on at step %d after %.0f s", done, spent)
    elif args.start:
        start = {name: tensor.float() for name, tensor in load_file(args.start).items()}
        network.load_weights(grown(start, args.hidden))
    shares = {k: float(v) for k, v in (item.split("=") for item in args.shares.split(","))}
    crops = Crops(prepared, round(args.look_ahead * 100), shares, args.without)
    axis_weight = torch.tensor([AXIS_WEIGHT.get(axis, 1.0) for axis in prepared.axes])
    aperture, close = ShownAperture(prepared.axes, rendered_lips()), AXES.index("mouthClose")
    rng = np.random.default_rng(args.seed + done)
    budget, began, recent = args.minutes * 60, time.monotonic() - spent, []
    while True:
        seconds = time.monotonic() - began
        # The rate falls as a cosine over the given time (Loshchilov and Hutter 2017).
        progress = done / args.steps if args.steps else seconds / budget
        if progress >= 1.0:
            break
        for group in optimiser.param_groups:
            group["lr"] = args.rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))
        features, targets, weights, phones, real = crops.draw(args.batch, rng)
        with torch.autocast("cpu", torch.bfloat16, enabled=args.bf16):
            got, named = network.both(features)
        got = got.float()
        loss = loss_of(got, targets, weights * axis_weight)
        shown, wanted = aperture(got), aperture(targets)
        counts = weights[..., 0]
        miss = (counts * ((shown - wanted) / APERTURE_SCALE) ** 2).sum() / counts.sum()
        # Real lips are to be followed as they are; phones say what is meant.
        meant, closing = counts * ~real[:, None], targets[..., close]
        clarity = clarity_loss(shown, wanted, closing, meant)
        loss = loss + APERTURE_WEIGHT * miss + CLARITY_WEIGHT * clarity
        loss = loss + CLOSURE_WEIGHT * closure_loss(shown, closing, meant)
        if real.any():
            alike = likeness_loss(shown[real], wanted[real], counts[real])
            loss = loss + args.likeness * alike
        loss = loss + args.phones * phone_loss(named.float(), phones, counts)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        done += 1
        recent.append(loss.item())
        if done % 50 == 0:
            log.info("step %d, %.0f s, loss %.5f", done, seconds, float(np.mean(recent[-50:])))
        if done % 250 == 0:
            _keep(checkpoint, network, optimiser, done, seconds)
            save_pack(args.out, config, network, {"bidirectional": args.bidirectional})
    _keep(checkpoint, network, optimiser, done, time.monotonic() - began)
    corpora = {
        name: len([n for n in prepared.names if n.startswith(name + "/")]) for name in shares
    }
    provenance = {
        "examples": corpora, "shares": shares, "steps": done, "batch": args.batch,
        "crop_s": CROP / 100,
        "minutes": args.minutes, "seed": args.seed, "without": list(args.without),
        "data": json.loads((args.prepared / "provenance.json").read_text()),
    }  # fmt: skip
    card = {"bidirectional": args.bidirectional, "provenance": provenance, "figures": {}}
    save_pack(args.out, config, network, card)


def _keep(
    path: Path, network: MotionNetwork, optimiser: torch.optim.AdamW, steps: int, seconds: float
) -> None:
    state = {
        "network": network.state_dict(),
        "optimiser": optimiser.state_dict(),
        "steps": steps,
        "seconds": seconds,
    }
    with whole(path) as part:
        torch.save(state, part)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--prepared", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=90.0, help="in all, also over restarts")
    parser.add_argument("--steps", type=int, help="instead of minutes")
    parser.add_argument("--look-ahead", type=float, default=0.04, help="seconds")
    parser.add_argument("--hidden", type=int, default=192)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--shares", default=SHARES, help="corpus=share, with commas")
    parser.add_argument(
        "--without", type=lambda names: tuple(names.split(",")), default=(), metavar="SPEAKERS",
        help="of the real lips of many, with commas: nothing of theirs is learned",
    )  # fmt: skip
    parser.add_argument(
        "--likeness", type=float, default=LIKENESS_WEIGHT, help="weight of 1 - r with real lips"
    )
    parser.add_argument("--phones", type=float, default=0.02, help="weight of naming phones")
    parser.add_argument("--bidirectional", action="store_true", help="only to compare with")
    parser.add_argument("--start", type=Path, help="motion.safetensors to start from")
    parser.add_argument("--bf16", action="store_true", help="faster on a CPU with bf16 units")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    args = parser.parse_args(argv)
    if args.bf16 and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        parser.error("got --bf16, expected a CPU with bf16 units; this one has none: leave it out")
    train(args)


if __name__ == "__main__":
    main()
