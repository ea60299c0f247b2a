"""From a picture to a first latent: a small network, taught by the generator's own pictures.

Their latents are known, so no photograph is needed to teach it. It learns them before walls of any
colour, lit and blurred in many ways, because it will be asked about photographs. One is kept in the
cache for each pack.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.enrolment import learned_key
from latentcam.realtime_models.generator.latents import z_to_w
from latentcam.realtime_models.training.enrol.network import Teacher, autocast
from latentcam.realtime_models.training.whole import whole

SIDE = 64  # pixels that it sees
BATCH = 16
SECONDS = {"cpu": 150.0, "cuda": 20.0}  # of teaching
LR = 2e-3
W_SAMPLES = 4096


class Encoder(nn.Module):
    """RGB [N, 3, SIDE, SIDE] in [-1, 1] -> w [N, w_dim], over its mean and deviations in W."""

    def __init__(self, w_dim: int) -> None:
        super().__init__()
        widths = (3, 32, 64, 128, 192)
        self.body = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(i, o, 3, 2, 1), nn.GroupNorm(8, o), nn.LeakyReLU(0.2),
                    nn.Conv2d(o, o, 3, 1, 1), nn.LeakyReLU(0.2),
                )
                for i, o in zip(widths, widths[1:], strict=False)
            )
        )  # fmt: skip
        self.head = nn.Linear(widths[-1] * (SIDE // 16) ** 2, w_dim)
        self.register_buffer("mean", torch.zeros(w_dim))
        self.register_buffer("std", torch.ones(w_dim))
        self.mean: Tensor
        self.std: Tensor

    def forward(self, pictures: Tensor) -> Tensor:
        told: Tensor = self.head(self.body(pictures).flatten(1))
        return told

    @torch.no_grad()
    def first_w(self, pictures: Tensor) -> Tensor:
        """One w [w_dim] for pictures RGB [N, 3, H, W] of one person: the mean of what each says."""
        size = (SIDE, SIDE)
        small = F.interpolate(pictures.to(self.mean.device), size=size, mode="area")
        told: Tensor = self(small).float()
        return (told * self.std + self.mean).mean(dim=0)


def encoder_of(
    pack: AvatarPack,
    teacher: Teacher,
    folder: Path,
    told: Callable[[float], None] = lambda share: None,
    seconds: float | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Encoder:
    """The pack's encoder, from the folder or taught now. seconds: None: what the device needs."""
    path = folder / f"encoder-{learned_key(pack.card)}.pt"
    encoder = Encoder(pack.card.generator.w_dim).to(teacher.device)
    if path.is_file():
        encoder.load_state_dict(torch.load(path, map_location=teacher.device, weights_only=True))
        return encoder
    teach(encoder, pack, teacher, told, seconds or SECONDS[teacher.device], clock)
    folder.mkdir(parents=True, exist_ok=True)
    with whole(path) as part:
        torch.save(encoder.state_dict(), part)
    return encoder


def teach(
    encoder: Encoder,
    pack: AvatarPack,
    teacher: Teacher,
    told: Callable[[float], None],
    seconds: float,
    clock: Callable[[], float],
) -> None:
    """Least squares on w of sampled faces, and of the named ones, in any pose."""
    config, device = pack.card.generator, teacher.device
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    z = rng.standard_normal((W_SAMPLES, config.z_dim)).astype(np.float32)
    w = torch.from_numpy(z_to_w(config, pack.generator, z)).to(device)
    encoder.mean.copy_(w.mean(dim=0))
    encoder.std.copy_(w.std(dim=0) + 1e-3)
    stop = min((s for s in config.picture_sizes if s >= SIDE), default=config.picture_sizes[-1])
    optimiser = torch.optim.Adam(encoder.parameters(), LR)
    begun = clock()
    while (spent := clock() - begun) < seconds:
        optimiser.param_groups[0]["lr"] = LR * max(0.02, 1 - spent / seconds)
        a, b = (torch.from_numpy(rng.integers(0, W_SAMPLES, BATCH)) for _ in range(2))
        share = torch.from_numpy(rng.uniform(0, 0.5, BATCH).astype(np.float32)).to(device)
        wanted = torch.lerp(w[a], w[b], share[:, None])
        anchors = wanted[:, None].expand(-1, config.num_ws, -1)
        x = teacher.random_x(BATCH, rng, 0.25)
        drawn = teacher.pictures(teacher.latents(anchors, x), stop, BATCH)
        seen = F.interpolate(varied(drawn, rng), size=(SIDE, SIDE), mode="area")
        with autocast(device):
            said = encoder(seen)
        loss = (said.float() - (wanted - encoder.mean) / encoder.std).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        told(min(1.0, spent / seconds))


def varied(pictures: Tensor, rng: np.random.Generator) -> Tensor:
    """RGB in other light, before other walls, less sharp."""
    n, device = len(pictures), pictures.device

    def drawn(low: float, high: float, *shape: int) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, (n, *shape)).astype(np.float32)).to(device)

    rgb = pictures[:, :3]
    if pictures.shape[1] == 4:
        clear = (1 - pictures[:, 3:]) / 2
        rgb = rgb + clear * drawn(0, 2, 3, 1, 1)
    light = (rgb + 1) / 2
    light = light.clamp(1e-3, 1) ** drawn(0.7, 1.5, 1, 1, 1) * drawn(0.75, 1.2, 3, 1, 1)
    light = light + 0.02 * torch.randn(light.shape, device=device)
    if rng.random() < 0.5:
        light = F.interpolate(
            F.avg_pool2d(light, 2), size=light.shape[-2:], mode="bilinear", align_corners=False
        )
    return (light * 2 - 1).clamp(-1, 1)
