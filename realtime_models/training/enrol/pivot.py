"""Inversion: the latent in W+ whose pictures are most like a person's.

As in Image2StyleGAN (Abdal et al. 2019, https://arxiv.org/abs/1904.03189) the latent is optimised
with a perceptual loss, under the tracked axes, which are held: what is expression stays out of the
identity. It begins at whichever is more alike: what the encoder says, or one of the pack's faces;
and is held to where the generator draws faces. The generator is then tuned around this pivot (Roich
et al. 2021, "Pivotal tuning", https://arxiv.org/abs/2106.05744) by `tune`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from latentcam.realtime_models.training.enrol import judges
from latentcam.realtime_models.training.enrol.network import Teacher, autocast
from latentcam.realtime_models.training.enrol.pack_tracking import PackTracking
from latentcam.realtime_models.training.enrol.person import Person
from latentcam.realtime_models.training.generator.losses import (
    before_grey,
    crop,
    random_crop,
    reconstruction,
)
from latentcam.realtime_models.training.perceptual import Vgg16, perceptual_distance

LR = 0.04  # of deviations in W
HOLD = 0.004  # weight of the distance from the mean, in deviations
PERCEPTUAL_WEIGHT = 0.3
MOST = 8  # pictures in a step
CROP = 128  # pixels


def deviations(teacher: Teacher) -> tuple[Tensor, Tensor]:
    """(mean [num_ws, w_dim], standard deviation) of the pack's faces: where it draws well."""
    mean = teacher.anchors.mean(dim=0)
    std = teacher.anchors.std(dim=0, correction=0) if len(teacher.anchors) > 2 else mean * 0 + 1
    return mean, std.clamp_min(0.1 * float(std.mean()) + 1e-3)


@torch.no_grad()
def begin(
    teacher: Teacher, tracking: PackTracking, person: Person, proposals: Tensor, size: int
) -> Tensor:
    """Of proposals [n, num_ws, w_dim] the one whose face is most like the person's."""
    index = spread(len(person), 4)
    real, _, x = (part.to(teacher.device) for part in person.batch(index, size))
    box = judges.face_box(tracking)
    errors = []
    for anchor in proposals:
        drawn = teacher.pictures(teacher.latents(anchor[None].expand(len(x), -1, -1), x), size)
        errors.append(float((crop(drawn, box) - crop(real, box)).abs().mean()))
    return proposals[int(np.argmin(errors))]


def fit(
    teacher: Teacher,
    tracking: PackTracking,
    person: Person,
    anchor: Tensor,
    weight: Tensor,
    size: int,
    seconds: float,
    eyes: Vgg16 | None = None,
    told: Callable[[float], None] = lambda share: None,
    clock: Callable[[], float] = time.monotonic,
) -> Tensor:
    """anchor [num_ws, w_dim], better. weight: [1, 1, size, size]."""
    mean, std = deviations(teacher)
    offset = ((anchor - mean) / std).clone().requires_grad_(True)
    optimiser = torch.optim.Adam([offset], LR, betas=(0.9, 0.99))
    rng, begun = np.random.default_rng(0), clock()
    count = min(MOST, len(person))
    while (spent := clock() - begun) < seconds:
        optimiser.param_groups[0]["lr"] = LR * min(1.0, 2 * (1 - spent / seconds) + 0.05)
        index = torch.from_numpy(rng.choice(len(person), count, replace=False))
        real, known, x = (part.to(teacher.device) for part in person.batch(index, size))
        ws = teacher.latents((mean + std * offset)[None].expand(count, -1, -1), x)
        with autocast(teacher.device):
            drawn = teacher.synthesis(ws, size)  # without anybody's texture
        drawn = drawn.float()
        loss = reconstruction(drawn, real, weight * known) + HOLD * offset.square().mean()
        if eyes is not None:
            seen = (before_grey(drawn), before_grey(real))
            with autocast(teacher.device):
                unlike = perceptual_distance(
                    eyes, *random_crop(seen, judges.face_box(tracking), CROP)
                )
            loss = loss + PERCEPTUAL_WEIGHT * unlike
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        told(min(1.0, spent / seconds))
    return (mean + std * offset).detach()


def spread(count: int, most: int) -> Tensor:
    """Up to `most` indices, evenly over all."""
    return torch.from_numpy(np.unique(np.linspace(0, count - 1, most).round().astype(np.int64)))
