"""A small generator that draws what a large one draws, where an avatar goes.

As MobileStyleGAN (Belousov 2021, https://arxiv.org/abs/2104.04767) and BlazeStyleGAN (Jia et al.
2023) do: the mapping network stays, so w means what it meant, and with it every identity, every
axis and every mixture; only the synthesis network is exchanged for one that a CPU draws in time.
The small one learns pairs of a latent and the large one's picture, from the part of W+ that the
avatar uses: its faces and sampled ones, moved along its axes.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from latentcam.realtime_models.arrays import Rgb
from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.generator.basis import Basis
from latentcam.realtime_models.generator.latents import z_to_ws
from latentcam.realtime_models.generator.layers import GeneratorConfig, stylegan2
from latentcam.realtime_models.generator.mixing import BANDS, mixed
from latentcam.realtime_models.generator.network import SynthesisNetwork
from latentcam.realtime_models.training.generator.losses import (
    PatchDiscriminator,
    discriminator_loss,
    generator_loss,
    levels,
    psnr,
    reconstruction,
)
from latentcam.realtime_models.training.generator.train import channels_last
from latentcam.realtime_models.training.latents.sheets import save_sheet
from latentcam.realtime_models.training.perceptual import Vgg16, perceptual_distance
from latentcam.realtime_models.training.whole import whole

Pictures = NDArray[np.uint8]
"""uint8 [n, H, W, 3]"""

SHARD = 64  # pairs in a file
HELD_OUT = 48  # pairs, the first ones
NAMED_SHARE, MIXED_SHARE = 0.5, 0.1  # of the latents: the pack's own faces; two faces mixed
RATE, LEAST_RATE = 2e-3, 1e-4
MATCHING, ADVERSARIAL, SEEN = 0.05, 0.005, 0.05  # weights of the losses beside the pixels
STILL = 0.05  # dB; a judgement that is no better than this is no progress
PATIENCE = 4  # judgements without progress, before the rate falls; at the least rate it ends


def small_config(teacher: GeneratorConfig, resolution: int) -> GeneratorConfig:
    """Our small network for the same w. Raises ValueError for a size that there is not."""
    sizes = stylegan2(
        z_dim=teacher.z_dim, w_dim=teacher.w_dim, mapping_layers=teacher.mapping.layers,
        resolution=resolution, channel_base=8192, channel_max=256, subpixels=1,
    )  # fmt: skip
    return msgspec.structs.replace(sizes, mapping=teacher.mapping)


def row_map(teacher: GeneratorConfig, student: GeneratorConfig) -> list[int]:
    """For each row of the student's latent, the row of the teacher's that modulates the same
    resolution: what is coarse stays coarse. The last draws the colours of both."""

    def at(config: GeneratorConfig) -> list[int]:
        found = [0] * config.num_ws
        for layer in config.layers:
            if layer.modulated:
                found[layer.ws_index] = max(found[layer.ws_index], layer.resolution)
        return found

    theirs, ours = at(teacher), at(student)
    rows, used = [], dict.fromkeys(theirs, 0)
    for resolution in ours:
        nearest = min(theirs, key=lambda other: abs(math.log2(other / resolution)))
        first = theirs.index(nearest)
        step = min(used[nearest], theirs.count(nearest) - 1)
        rows.append(first + step)
        used[nearest] += 1
    return [*rows[:-1], teacher.num_ws - 1]


def some_latents(pack: AvatarPack, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """float32 [count, num_ws, w_dim], where an avatar goes."""
    card, config = pack.card, pack.card.generator
    basis = Basis(card.axes, pack.generator["basis"])

    def face() -> NDArray[np.float32]:
        if rng.random() < NAMED_SHARE:
            return np.asarray(pack.identities[rng.integers(len(pack.identities))])
        z = rng.standard_normal(config.z_dim).astype(np.float32)
        psi = card.truncation_psi * rng.uniform(0.6, 1.1)
        return z_to_ws(config, pack.generator, z, psi, card.truncation_cutoff)

    latents = []
    for _ in range(count):
        ws = face()
        if rng.random() < MIXED_SHARE:
            ws = mixed(config, ws, face(), list(BANDS)[rng.integers(len(BANDS))])
        latents.append(basis.move(ws, basis.random_control(rng)))
    return np.stack(latents).astype(np.float32)


def draw_pairs(
    pack: AvatarPack,
    draw: Callable[[NDArray[np.float32]], list[Rgb]],
    folder: Path,
    count: int,
    size: int,
    say: Callable[[str], None],
) -> None:
    """The large network's pictures, scaled down, as files; those that are there are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    begun, done = time.monotonic(), 0
    shards = -(-count // SHARD)
    for number in range(shards):
        path = folder / f"pairs_{number:05d}.npz"
        if path.exists():
            continue
        ws = some_latents(pack, SHARD, np.random.default_rng(number))
        pictures = torch.from_numpy(np.stack(draw(ws))).permute(0, 3, 1, 2).float()
        small = F.interpolate(pictures, size=(size, size), mode="area")
        images = small.round().byte().permute(0, 2, 3, 1).numpy()
        with whole(path) as part:
            np.savez(part, ws=ws, images=np.ascontiguousarray(images))
        done += 1
        left = (time.monotonic() - begun) / done * (shards - number - 1)
        say(f"{(number + 1) * SHARD} of {shards * SHARD} pictures drawn, {left / 60:.0f} min left")


def load_pairs(folder: Path, rows: list[int]) -> tuple[NDArray[np.float32], Pictures]:
    """Latents of the student, float32 [n, num_ws, w_dim], and pictures."""
    ws, images = [], []
    for path in sorted(folder.glob("pairs_*.npz")):
        with np.load(path) as pairs:
            ws.append(pairs["ws"][:, rows])
            images.append(pairs["images"])
    return np.concatenate(ws), np.concatenate(images)


@dataclass(slots=True)
class Progress:
    """How far it came. best: dB, of the held out pairs."""

    steps: int = 0
    rate: float = RATE
    best: float = 0.0
    waited: int = 0


class Distiller:
    """The small network, its moving average, its judge."""

    def __init__(self, config: GeneratorConfig, device: str, eyes: Vgg16 | None = None) -> None:
        self.config, self.device, self.eyes = config, device, eyes
        self.student = SynthesisNetwork(config).to(device)
        self.judge = PatchDiscriminator().to(device)
        for module in (self.student, self.judge):
            channels_last(module)
        self.ema = copy.deepcopy(self.student).requires_grad_(False)
        if eyes is not None:
            eyes.to(device)
        self.opt = torch.optim.Adam(self.student.parameters(), RATE, (0.9, 0.99))
        self.opt_judge = torch.optim.Adam(self.judge.parameters(), 4e-4, (0.5, 0.99))
        self.progress = Progress()

    def state(self) -> dict[str, Any]:
        parts = {name: getattr(self, name).state_dict() for name in PARTS}
        return {**parts, "progress": msgspec.to_builtins(self.progress)}

    def load(self, state: dict[str, Any]) -> None:
        for name in PARTS:
            getattr(self, name).load_state_dict(state[name])
        self.progress = Progress(**state["progress"])

    def step(self, ws: Tensor, real: Tensor, sharp: bool) -> float:
        """sharp: the judge has a say, as in the second half of a training."""
        for group in self.opt.param_groups:
            group["lr"] = self.progress.rate * min(1.0, (self.progress.steps + 1) / 100)
        amp = torch.autocast(self.device, dtype=torch.bfloat16)
        with amp:
            fake = self.student(ws)
        fake = fake.float()
        loss = reconstruction(fake, real, torch.ones(1, 1, *real.shape[2:], device=real.device))
        if sharp:
            with amp:
                told = discriminator_loss(self.judge, real, fake.detach())
            self.opt_judge.zero_grad()
            told.backward()
            self.opt_judge.step()
            with amp:
                adversarial, matching = generator_loss(self.judge, real, fake)
            loss = loss + ADVERSARIAL * adversarial + MATCHING * matching
        if self.eyes is not None:
            with amp:
                loss = loss + SEEN * perceptual_distance(self.eyes, fake, real)
        self.opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.student.parameters(), 5.0)
        self.opt.step()
        self.progress.steps += 1
        decay = min(0.995, (self.progress.steps + 1) / (self.progress.steps + 10))
        with torch.no_grad():
            torch._foreach_lerp_(
                list(self.ema.parameters()), list(self.student.parameters()), 1 - decay
            )
        return float(loss.detach())

    @torch.no_grad()
    def pictures(self, ws: Tensor) -> Tensor:
        """Of the moving average, in [-1, 1]."""
        return torch.cat([self.ema(part.to(self.device)).float().cpu() for part in ws.split(8)])

    def judged(self, decibel: float) -> bool:
        """Take a held out figure; whether the training goes on. The rate falls when it stands
        still, and at the least rate that is the end."""
        progress = self.progress
        if decibel > progress.best + STILL:
            progress.best, progress.waited = decibel, 0
            return True
        progress.waited += 1
        if progress.waited < PATIENCE:
            return True
        progress.rate, progress.waited = progress.rate / 3, 0
        return progress.rate >= LEAST_RATE


PARTS = ("student", "ema", "judge", "opt", "opt_judge")


def distil(
    distiller: Distiller,
    ws: NDArray[np.float32],
    images: Pictures,
    out: Path,
    *,
    minutes: float,
    every: int,
    batch: int,
    say: Callable[[str], None],
) -> float:
    """Train until held-out figures stand still, or the time is over. every: steps between two
    judgements. Returns the held-out PSNR in dB."""
    held, seen = to_pictures(images[:HELD_OUT]), torch.from_numpy(ws)
    rng = np.random.default_rng(distiller.progress.steps)
    begun, last, decibel, total = time.monotonic(), distiller.progress.steps, 0.0, 0.0
    going = True
    while going:
        index = torch.from_numpy(rng.integers(HELD_OUT, len(ws), batch))
        real = to_pictures(images[index.numpy()]).to(distiller.device)
        sharp = distiller.progress.rate < RATE
        total += distiller.step(seen[index].to(distiller.device), real, sharp)
        spent = time.monotonic() - begun
        over = spent >= 60 * minutes
        if distiller.progress.steps - last < every and not over:
            continue
        drawn = distiller.pictures(seen[:HELD_OUT])
        decibel = psnr(drawn, held)
        going = distiller.judged(decibel) and not over
        told = {
            "step": distiller.progress.steps,
            "loss": round(total / max(distiller.progress.steps - last, 1), 4),
            "held out, dB": round(decibel, 2),
            "rate": distiller.progress.rate,
            "minutes left, at most": round(minutes - spent / 60, 1),
        }
        say(json.dumps(told))
        last, total = distiller.progress.steps, 0.0
        with whole(out / "checkpoint.pt") as part:
            torch.save(distiller.state(), part)
        rows = {"large": list(levels(held[:8])), "small": list(levels(drawn[:8]))}
        save_sheet(out / "sheet.jpg", rows)
    return decibel


def to_pictures(images: Pictures) -> Tensor:
    """uint8 [n, H, W, 3] -> float32 [n, 3, H, W] in [-1, 1]."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1
