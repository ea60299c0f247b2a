"""Train the generator.

`python -m latentcam.realtime_models.training.generator.train --data D --out O`

Stages run in order, each SIZE:MINUTES; SIZE may be followed by a `w` for windows (every step draws
only a part of the picture, which costs a half) and by an `a` for adversarial ones. A checkpoint is
written every few minutes; the same command resumes from it, even in the middle of a stage.
`--init PACK` begins with the weights of an avatar pack instead of random ones. Pictures of --more
that are smaller than the stage's are compared at their own size. `--smaller SIZE` keeps a good
picture of that size while larger ones are learned, for `make_pack --smaller`. With `--textures` the
network learns to move textures of every named face into its picture, by flows that it draws.
"""

from __future__ import annotations

import argparse
import copy
import ctypes
import json
import math
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from latentcam.realtime_models.avatar_pack import AvatarPack, load_pack
from latentcam.realtime_models.axes import FACE_AXES
from latentcam.realtime_models.generator.layers import GeneratorConfig, MouthBox, stylegan2
from latentcam.realtime_models.generator.network import (
    Composed,
    Drawn,
    Generator,
    SynthesisNetwork,
    averaged,
    bare,
    composed,
)
from latentcam.realtime_models.training.generator import losses, windows
from latentcam.realtime_models.training.generator.data import (
    Heads,
    load_heads,
    load_textures,
    reach,
)
from latentcam.realtime_models.training.generator.losses import Box
from latentcam.realtime_models.training.generator.windows import Window, weight_of
from latentcam.realtime_models.training.looks.cast import CAST
from latentcam.realtime_models.training.perceptual import Vgg16, perceptual_distance
from latentcam.realtime_models.training.whole import whole

CHECKPOINT_EVERY = 240.0  # seconds
REPORT_EVERY = 60.0  # seconds
WARM_UP, WARM_UP_STEPS = 10.0, 50.0  # seconds; where steps are counted, steps
EMA_DECAY = 0.995
ADVERSARIAL_WEIGHT = 0.025
MATCHING_WEIGHT = 0.1
PERCEPTUAL_WEIGHT = 0.05
DRAWN_WEIGHT = 0.3  # of the picture without its texture
MOVED_WEIGHT = 0.5  # of the moved texture alone, from which the flow learns where all goes
HIDDEN_WEIGHT = 0.1  # of textures where they are not visible: they are sharp, a mean of two is not
HIDDEN_MOUTH_WEIGHT = 0.4  # more, the nearer to the mouth: teeth a little aside are still teeth
UNEVEN_WEIGHT = 0.05  # of the flow of the open mouth
SMALLER_WEIGHT = 0.3  # of each smaller picture that is to stay good
PERCEPTUAL_CROP = 128  # pixels, of the face: VGG costs more than the generator
SMALLEST_SEEN = 128  # pixels; a smaller picture has no textures to compare
MOUTH = MouthBox(32, 52, 20, 44)  # holds `losses.MOUTH`


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the training, at one size of the pictures.

    windows: every step draws a part of the picture, see `windows.py`.
    length: seconds, or steps where steps are counted. warm_up: of these, until the rate is full.
    """

    size: int
    windows: bool
    adversarial: bool
    length: float
    warm_up: float
    counts_steps: bool

    @classmethod
    def parse(cls, text: str) -> Stage:
        """SIZE[w][a]:MINUTES or SIZE[w][a]:COUNTsteps. Raises ValueError for anything else."""
        if not re.fullmatch(r"\d+w?a?:\d+(\.\d+|steps)?", text):
            raise ValueError(f"a stage is {text}, expected SIZE:MINUTES or SIZE:COUNTsteps each")
        size, _, length = text.partition(":")
        steps = length.removesuffix("steps")
        counted = steps != length
        return cls(
            int(size.rstrip("wa")),
            windows="w" in size,
            adversarial="a" in size,
            length=float(steps) * (1.0 if counted else 60.0),
            warm_up=WARM_UP_STEPS if counted else WARM_UP,
            counts_steps=counted,
        )


def keep_freed_memory() -> None:
    """Tell glibc to reuse freed memory instead of returning it; twice as fast on a CPU, where
    most of a step was page faults of fresh activations."""
    if sys.platform.startswith("linux"):
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD: never give the top of the heap back
        mallopt(-2, 2**28)  # M_TOP_PAD: grow it in large pieces
        mallopt(-4, 0)  # M_MMAP_MAX: no large block outside of it


def channels_last(module: nn.Module) -> None:
    for parameter in module.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


class Trainer:
    """The generator, its moving average, the optimisers and how far they came."""

    def __init__(
        self,
        config: GeneratorConfig,
        motion_layers: int,
        device: str,
        eyes: Vgg16 | None = None,
        smaller: Sequence[int] = (),
    ) -> None:
        """eyes: compare outputs with targets as seen, too. smaller: sizes to keep, rising."""
        self.config, self.device, self.smaller = config, device, smaller
        self.generator = Generator(config, len(FACE_AXES), motion_layers)
        channels_last(self.generator.to(device))
        self.ema = copy.deepcopy(self.generator).requires_grad_(False)
        self.eyes = None if eyes is None else eyes.to(device)
        self.textures = torch.zeros(0)  # [named faces, C, rows, H] in [-1, 1]
        self.judges = losses.discriminators(config.channels)
        channels_last(self.judges.to(device))
        self.stage, self.elapsed, self.steps = 0, 0.0, 0
        self.new_optimisers(1e-3, (0.9, 0.99))

    def new_optimisers(self, lr: float, betas: tuple[float, float]) -> None:
        self.lr = lr
        self.opt_g = torch.optim.Adam(self.generator.parameters(), lr, betas, fused=True)
        self.opt_d = torch.optim.Adam(self.judges.parameters(), 4e-4, (0.5, 0.99), fused=True)

    def state(self) -> dict[str, Any]:
        return {
            "config": msgspec.to_builtins(self.config),
            "generator": self.generator.state_dict(),
            "ema": self.ema.state_dict(),
            "judges": self.judges.state_dict(),
            "opt_g": self.opt_g.state_dict(),
            "opt_d": self.opt_d.state_dict(),
            "progress": (self.stage, self.elapsed, self.steps, self.lr),
        }

    def load(self, state: dict[str, Any]) -> None:
        for name in ("generator", "ema", "judges", "opt_g", "opt_d"):
            getattr(self, name).load_state_dict(state[name])
        self.stage, self.elapsed, self.steps, self.lr = state["progress"]

    @torch.no_grad()
    def begin_from(self, pack: AvatarPack) -> None:
        """Take the weights of a pack of the same configuration."""
        state = {
            name: torch.from_numpy(tensor.copy())
            for name, tensor in pack.generator.items()
            if name != "basis"
        }
        layers, axes = self.generator.motion_layers, len(FACE_AXES)
        state["basis"] = torch.from_numpy(pack.generator["basis"][:layers, :, :axes].copy())
        state["basis"] *= reach(FACE_AXES)
        self.generator.load_state_dict(state)
        self.ema.load_state_dict(state)

    def step(
        self,
        heads: Heads,
        index: Tensor,
        stage: Stage,
        weight: Tensor,
        lr: float,
        rng: np.random.Generator,
    ) -> float:
        """One batch; weight: [1, 1, size, size] of the stage's pictures."""
        for group in self.opt_g.param_groups:
            group["lr"] = lr
        index = index.to(heads.images.device)
        real, z, x, who = (t.to(self.device) for t in (*heads.batch(index), heads.curated[index]))
        small = real.shape[-1] < stage.size
        amp = torch.autocast(self.device, dtype=torch.bfloat16)
        looked: list[tuple[nn.Module, float, Box]] = []
        if stage.adversarial and not small:
            looked = list(
                zip(self.judges, losses.JUDGE_WEIGHTS, losses.judged_boxes(), strict=True)
            )
        window = windows.WHOLE
        if stage.windows and not small:
            if looked:
                odds = losses.JUDGE_ODDS if self.config.flow else None
                looked = [looked[int(rng.choice(len(looked), p=odds))]]
            window = Window.around(looked[0][2]) if looked else Window.drawn(rng)
            looked = [(judge, share, losses.WHOLE) for judge, share, _ in looked]
            real, weight = window.of(real), weight_of(weight, window)
        sizes = (*(size for size in self.smaller if size < stage.size), stage.size)
        with amp:
            latents = self.generator.latents(z, x)
            every = windows.draw(self.generator.synthesis, latents, sizes, window)
        loss = torch.zeros((), device=self.device)
        for size, drawn in zip(sizes, every, strict=True):
            shown = self.shown(drawn, who, window, size)
            fake = shown.picture
            unlike = _unlike(fake, real, weight)
            if len(self.textures) and size == stage.size:
                unlike = unlike + DRAWN_WEIGHT * _unlike(drawn.picture.float(), real, weight)
                if (named := who >= 0).any():
                    moved = [_unlike(one[named], real[named], weight) for one in shown.alone()]
                    unlike = unlike + moved_loss(moved) + hidden(shown, weight)[named].mean()
                unlike = unlike + uneven_loss(drawn, window)
            loss = loss + (1 if size == stage.size else SMALLER_WEIGHT) * unlike
        for judge, share, box in looked:
            judged = losses.crop(real, box), losses.crop(fake, box)
            with amp:
                loss_d = losses.discriminator_loss(judge, judged[0], judged[1].detach())
            self.opt_d.zero_grad()
            loss_d.backward()
            self.opt_d.step()
            with amp:
                adversarial, matching = losses.generator_loss(judge, *judged)
            loss = loss + share * (ADVERSARIAL_WEIGHT * adversarial + MATCHING_WEIGHT * matching)
        if self.eyes is not None and stage.size >= SMALLEST_SEEN and not small:
            seen = (losses.before_grey(fake), losses.before_grey(real))
            where = losses.WHOLE if stage.windows else losses.FACE
            with amp:
                unlike = perceptual_distance(
                    self.eyes, *losses.random_crop(seen, where, PERCEPTUAL_CROP)
                )
            loss = loss + PERCEPTUAL_WEIGHT * unlike
        self.opt_g.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.generator.parameters(), 5.0)
        self.opt_g.step()
        even_visibility(self.generator.synthesis)
        self.steps += 1
        decay = min(EMA_DECAY, (self.steps + 1) / (self.steps + 10))
        with torch.no_grad():
            torch._foreach_lerp_(
                list(self.ema.parameters()), list(self.generator.parameters()), 1 - decay
            )
        return float(loss.detach())

    def shown(
        self, drawn: Drawn, who: Tensor, window: Window = windows.WHOLE, size: int | None = None
    ) -> Composed:
        """What is seen of what the network draws. who: int64 [N], a named face, or -1. size: of the
        whole picture; None: the window is it."""
        if not len(self.textures):
            return bare(drawn)
        share = (who >= 0)[:, None, None, None].float()
        textures = self.textures[who.clamp(min=0)]
        width = size or drawn.picture.shape[-1]
        return composed(self.config, drawn, textures, share, window.begin(width), width)

    @torch.no_grad()
    def judge(self, heads: Heads, size: int, sheet: Path | None) -> dict[str, float]:
        """Held-out figures of the moving average, over curated identities; a sheet of pairs."""
        curated = (heads.curated >= 0).nonzero()[:64, 0]
        index = torch.cat([curated, (heads.curated < 0).nonzero()[:16, 0]])
        real, z, x = heads.batch(index)
        who, parts = heads.curated[index], []
        for part in torch.arange(len(index)).split(16):
            with torch.autocast(self.device, dtype=torch.bfloat16):
                ws = self.ema.latents(z[part].to(self.device), x[part].to(self.device))
                drawn = self.ema.synthesis.draw(ws, size)
            out = self.shown(drawn, who[part].to(self.device)).picture
            parts.append(averaged(out.cpu(), real.shape[-1]))
        fake, real = (losses.before_grey(one) for one in (torch.cat(parts), real))
        known = len(curated)
        figures = {
            "psnr": losses.psnr(fake[:known], real[:known]),
            "psnr_mouth": losses.psnr(fake[:known], real[:known], losses.MOUTH),
            "psnr_eyes": losses.psnr(fake[:known], real[:known], losses.EYES),
            "psnr_hair": losses.psnr(fake[:known], real[:known], losses.HAIR),
            "psnr_sampled": losses.psnr(fake[known:], real[known:]),
            "sharp_mouth": losses.sharpness(fake[:known], real[:known], losses.MOUTH),
            "sharp_eyes": losses.sharpness(fake[:known], real[:known], losses.EYES),
            "sharp_hair": losses.sharpness(fake[:known], real[:known], losses.HAIR),
        }
        if sheet is not None:
            wide = min(8, len(real))
            first = sorted({0, min(wide, len(real) - wide), len(real) - wide})
            rows = [side[at : at + wide] for at in first for side in (real, fake)]
            grid = torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1)
            pixels = ((grid.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
            Image.fromarray(pixels).save(sheet)
        return {name: round(value, 3) for name, value in figures.items()}


def moved_loss(unlike: Sequence[Tensor]) -> Tensor:
    """Of what textures would show alone, from which flows learn where all goes. unlike: how unlike
    each of `Composed.alone` is."""
    return MOVED_WEIGHT * torch.stack(list(unlike)).mean()


def hidden(shown: Composed, weight: Tensor) -> Tensor:
    """[N, 1, h, w]: what is lost where no texture is visible. weight: [1 or N, 1, h, w], of the
    picture."""
    lost = HIDDEN_WEIGHT * torch.ones_like(shown.covered)
    if shown.mouth is not None:
        top, bottom, left, right = shown.box
        inside = (..., slice(top, bottom), slice(left, right))
        lost[inside] = HIDDEN_WEIGHT + HIDDEN_MOUTH_WEIGHT * (weight[inside] - 1).clamp(min=0)
    return lost * shown.uncovered()


def uneven_loss(drawn: Drawn, window: Window = windows.WHOLE) -> Tensor:
    """Of the flow of the open mouth, if there is one: on a chin that its texture does not show
    nothing else would keep it from the teeth."""
    flow = drawn.flow
    if flow is None or flow.shape[1] < 4:
        return drawn.picture.new_zeros(())
    return UNEVEN_WEIGHT * uneven(flow[:, 2:], window)


def uneven(flow: Tensor, window: Window) -> Tensor:
    """The mean difference of a flow [N, 2, h, w] between neighbouring cells of `windows.BASE`."""
    pixels = flow.shape[-1] // (window.right - window.left)
    cells = F.avg_pool2d(flow.float(), pixels) if pixels > 1 else flow.float()
    across, down = cells.diff(dim=3).abs().mean(), cells.diff(dim=2).abs().mean()
    return across + down


@torch.no_grad()
def even_visibility(network: SynthesisNetwork) -> None:
    """Give pixels that one position draws the same visibility of textures, by the mean of their
    weights: where two textures do not quite agree, the adversary would have it alternate from
    pixel to pixel, and it is seen as a pattern of dots."""
    config = network.config
    for layer in config.layers:
        if config.flow and layer.draws and layer.pixels > 1:
            own = layer.pixels**2
            shown = slice(config.channels * own, (config.channels + config.textures) * own)
            for tensor in (network.conv(layer).weight, network.conv(layer).bias):
                part = tensor[shown].unflatten(0, (config.textures, own))
                part.copy_(part.mean(dim=1, keepdim=True).expand_as(part))


def _unlike(fake: Tensor, real: Tensor, weight: Tensor) -> Tensor:
    """The loss, at the size of the smaller of both."""
    width = min(fake.shape[-1], real.shape[-1])
    return losses.reconstruction(*(averaged(one, width) for one in (fake, real, weight)))


def run_stage(
    trainer: Trainer,
    stage: Stage,
    train: Heads,
    extra: Heads | None,
    held_out: Heads,
    args: argparse.Namespace,
) -> None:
    heads, judged = train.resized(stage.size).to(trainer.device), held_out.resized(stage.size)
    more = extra.resized(stage.size).to(trainer.device) if extra is not None else None
    weight = losses.region_weight(stage.size).to(trainer.device)
    rng = np.random.default_rng(trainer.steps)
    batch = args.batch if stage.size > 64 else args.batch * 2
    reported = saved = time.monotonic()
    begun = reported - trainer.elapsed  # unless steps are counted
    count, total = 0, 0.0
    while trainer.elapsed < stage.length:
        share = trainer.elapsed / stage.length
        if stage.adversarial:
            lr = trainer.lr * (1 if share < 0.6 else max(0.05, (1 - share) / 0.4))
        else:
            lr = trainer.lr * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * share)))
        lr *= min(1.0, trainer.elapsed / stage.warm_up)
        if more is not None and rng.random() < args.more_share:
            total += trainer.step(more, draw(more, batch, None, rng), stage, weight, lr, rng)
        else:
            index = draw(heads, batch, args.curated_share, rng)
            total += trainer.step(heads, index, stage, weight, lr, rng)
        count += 1
        now = time.monotonic()
        trainer.elapsed = trainer.elapsed + 1 if stage.counts_steps else now - begun
        if now - reported >= REPORT_EVERY:
            print(
                f"{stage.size}{'w' * stage.windows}{'a' * stage.adversarial} "
                f"{trainer.elapsed / stage.length:.0%} step {trainer.steps} "
                f"loss {total / count:.4f} "
                f"{count * batch / (now - reported):.0f} img/s",
                flush=True,
            )
            reported, count, total = now, 0, 0.0
        if now - saved >= CHECKPOINT_EVERY:
            save(trainer, args.out)
            print(json.dumps(trainer.judge(judged, stage.size, args.out / "sheet.png")), flush=True)
            saved = time.monotonic()
    figures = trainer.judge(judged, stage.size, args.out / f"sheet_stage{trainer.stage}.png")
    print(f"stage {trainer.stage} done: {json.dumps(figures)}", flush=True)


def draw(heads: Heads, count: int, curated_share: float | None, rng: np.random.Generator) -> Tensor:
    """Indices of a batch; with curated_share, that part of it is of curated identities."""
    if curated_share is None:
        return torch.from_numpy(rng.integers(0, len(heads), count))
    curated = heads.curated.cpu().numpy() >= 0
    wanted = rng.random(count) < curated_share
    return torch.from_numpy(
        np.array([rng.choice(np.flatnonzero(curated == is_curated)) for is_curated in wanted])
    )


def save(trainer: Trainer, folder: Path) -> None:
    with whole(folder / "checkpoint.pt") as part:
        torch.save(trainer.state(), part)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of rendered shards")
    parser.add_argument("--more", type=Path, help="folder of shards to draw from more often")
    parser.add_argument("--more-share", type=float, default=0.3, help="of the batches, from MORE")
    parser.add_argument("--out", type=Path, required=True, help="folder of checkpoint and sheets")
    parser.add_argument(
        "--smaller", type=int, nargs="+", default=[], help="sizes of pictures to keep good, too"
    )
    parser.add_argument(
        "--textures", type=Path, help="folder of `looks.render --rest`: the named faces, still"
    )
    parser.add_argument(
        "--flow", type=int, default=64, help="with textures: size up to which a flow is drawn"
    )
    parser.add_argument("--init", help="begin with this avatar pack's weights and configuration")
    parser.add_argument(
        "--stages",
        default="32:5,64:9,256:33,256a:26",
        help="SIZE:MINUTES or SIZE:COUNTsteps each; SIZEa: adversarial, SIZEw: on windows",
    )
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument(
        "--rate", type=float, default=1e-3,
        help="learning rate at a stage's begin; half as much again at the very first, three tenths "
        "of it where it is adversarial",
    )  # fmt: skip
    parser.add_argument(
        "--curated-share", type=float, help="of a batch; default: as they were rendered"
    )
    parser.add_argument("--channel-base", type=int, default=8192)
    parser.add_argument("--channel-max", type=int, default=256)
    parser.add_argument("--resolution", type=int, default=256)
    parser.add_argument(
        "--subpixels", type=int, default=1, help="blocks that draw 2x2 pixels per position"
    )
    parser.add_argument("--w-dim", type=int, default=256)
    parser.add_argument("--mapping-layers", type=int, default=4)
    parser.add_argument("--motion-layers", type=int, default=10)
    parser.add_argument("--vgg", type=Path, help="ONNX file of VGG16: a perceptual loss, too")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    args = parser.parse_args(argv)
    try:
        stages = [Stage.parse(text) for text in args.stages.split(",")]
    except ValueError as error:
        parser.error(f"--stages {args.stages}: {error}")
    args.out.mkdir(parents=True, exist_ok=True)
    keep_freed_memory()
    torch.manual_seed(0)
    try:
        train, held_out = load_heads(args.data)
        more = load_heads(args.more)[0] if args.more else None
        pack = load_pack(args.init) if args.init else None
        eyes = Vgg16(args.vgg) if args.vgg else None
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    try:
        config = (
            pack.card.generator
            if pack
            else stylegan2(
                z_dim=train.z.shape[1],
                w_dim=args.w_dim,
                mapping_layers=args.mapping_layers,
                resolution=args.resolution,
                channel_base=args.channel_base,
                channel_max=args.channel_max,
                channels=4 if train.images.shape[1] == 4 else 3,
                subpixels=args.subpixels,
                flow=args.flow if args.textures else 0,
                mouth=MOUTH if args.textures and args.flow else None,
            )
        )
    except ValueError as error:
        parser.error(str(error))
    if bool(args.textures) != bool(config.flow):
        parser.error(
            f"the generator draws {'a' if config.flow else 'no'} flow, expected "
            f"{'--textures' if config.flow else 'no --textures'} with it"
        )
    if args.textures and train.images.shape[1] != 4:
        parser.error("textures have alpha, got pictures without, expected pictures with alpha")
    if unknown := set(args.smaller) - set(config.picture_sizes):
        parser.error(
            f"--smaller: the generator draws no {min(unknown)} x {min(unknown)} pictures, expected "
            f"some of {', '.join(map(str, config.picture_sizes))}"
        )
    if missing := {stage.size for stage in stages} - set(config.picture_sizes):
        parser.error(
            f"--stages: the generator draws no {min(missing)} x {min(missing)} pictures, expected "
            f"some of {', '.join(map(str, config.picture_sizes))}"
        )
    if any(stage.windows for stage in stages) and min(args.smaller, default=512) <= windows.BASE:
        parser.error(
            f"windows are parts of pictures of more than {windows.BASE} x {windows.BASE}, got "
            f"--smaller {min(args.smaller)}"
        )
    textures = np.zeros(0, np.uint8)
    if args.textures:
        try:
            textures = load_textures(args.textures, list(CAST), config)
        except (OSError, ValueError) as error:
            parser.error(f"--textures: {error}")
    if not 0 < args.motion_layers <= config.num_ws:
        parser.error(
            f"--motion-layers {args.motion_layers}: the generator has {config.num_ws} latents, "
            f"expected 1 to {config.num_ws}"
        )
    trainer = Trainer(config, args.motion_layers, args.device, eyes, sorted(args.smaller))
    if args.textures:
        trainer.textures = torch.from_numpy(textures).float().to(args.device) / 127.5 - 1
    checkpoint = args.out / "checkpoint.pt"
    if checkpoint.exists():
        trainer.load(torch.load(checkpoint, map_location=args.device, weights_only=True))
        print(f"going on at stage {trainer.stage}, step {trainer.steps}", flush=True)
    elif pack:
        trainer.begin_from(pack)
    print(
        f"{len(train)} pictures, {len(held_out)} held out, {config.macs / 1e9:.2f} GMAC", flush=True
    )
    while trainer.stage < len(stages):
        stage = stages[trainer.stage]
        if trainer.elapsed == 0.0:
            adversarial = stage.adversarial
            fresh = trainer.stage == 0 and not pack
            lr = 0.3 * args.rate if adversarial else 1.5 * args.rate if fresh else args.rate
            trainer.new_optimisers(lr, (0.5, 0.99) if adversarial else (0.9, 0.99))
        run_stage(trainer, stage, train, more, held_out, args)
        trainer.stage, trainer.elapsed = trainer.stage + 1, 0.0
        save(trainer, args.out)


if __name__ == "__main__":
    main()
