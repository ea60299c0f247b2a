"""The look of one picture, on every face of a pack: JoJoGAN's recipe (Chong and Forsyth 2022).

The picture is inverted to a latent of the pack. Latents that share its coarse rows, while their
fine rows are anybody's, are faces of one shape in many looks; the generator's finer blocks learn to
show all of them as the picture is. So they learn its strokes and colours, and not its face: that
stays in the coarse blocks, which are frozen, and so does all that moves. The picture moved along
the generator's own motion is a target, too: the style talks.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.generator.layers import GeneratorConfig
from latentcam.realtime_models.generator.network import Drawn, SynthesisNetwork, load_part
from latentcam.realtime_models.generator.textures import with_mouths
from latentcam.realtime_models.training.enrol import judges
from latentcam.realtime_models.training.enrol.network import PREFIX, Teacher, autocast, synthesis_of
from latentcam.realtime_models.training.enrol.pack_tracking import PackTracking
from latentcam.realtime_models.training.enrol.person import Person
from latentcam.realtime_models.training.enrol.tune import OPEN, control
from latentcam.realtime_models.training.generator.losses import (
    before_grey,
    levels,
    random_crop,
    reconstruction,
)
from latentcam.realtime_models.training.perceptual import Vgg16, perceptual_distance

FROZEN_BELOW = 16  # pixels of a layer's features: shape and motion
FINE_FROM = 0.45  # of the rows of the latent: texture, light, colour
BATCH = 4
MOVED = 2  # of a batch
LR = 1.5e-3
PERCEPTUAL_WEIGHT = 0.6
FLOW_WEIGHT = 4.0
PAINTED_OVER = 0.5  # of a texture's detail, at full strength
CROP = 160  # pixels


def restyle(
    pack: AvatarPack,
    teacher: Teacher,
    tracking: PackTracking,
    picture: Person,
    moved: Person,
    latent: Tensor,
    weight: Tensor,
    *,
    keep_colours: bool,
    seconds: float,
    eyes: Vgg16 | None = None,
    told: Callable[[float], None] = lambda share: None,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, NDArray[np.float32]]:
    """The synthesis tensors of the styled generator, by their names in a pack.

    picture: the style, prepared as a person's photo; moved: it in other poses; latent [num_ws,
    w_dim]: where the generator is most like it. weight: [1, 1, S, S].
    """
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    config, device = pack.card.generator, teacher.device
    network = synthesis_of(pack, device)
    free = [
        parameter
        for layer in config.layers
        if layer.resolution >= FROZEN_BELOW
        for name, parameter in network.conv(layer).named_parameters()
        if not name.startswith("affine")  # a style of a latent stays what it was
    ]
    for parameter in free:
        parameter.requires_grad_(True)
    optimiser = torch.optim.Adam(free, LR, betas=(0.0, 0.99))
    fine = torch.zeros(config.num_ws, 1, device=device)
    fine[int(FINE_FROM * config.num_ws) :] = 1.0
    begun = clock()
    while (spent := clock() - begun) < seconds:
        optimiser.param_groups[0]["lr"] = LR * min(1.0, 2 * (1 - spent / seconds) + 0.05)
        still = torch.zeros(BATCH - MOVED, dtype=torch.int64)
        some = torch.from_numpy(rng.integers(0, len(moved), MOVED))
        parts = [
            (part.batch(index, config.resolution))
            for part, index in ((picture, still), (moved, some))
        ]
        real, known, x = (torch.cat(three).to(device) for three in zip(*parts, strict=True))
        anybody = teacher.anchors[torch.from_numpy(rng.integers(0, len(teacher.anchors), BATCH))]
        share = torch.from_numpy(rng.uniform(0, 1, BATCH).astype(np.float32)).to(device)
        anchors = latent + fine * share[:, None, None] * (anybody - latent)
        latents = teacher.latents(anchors, x)
        with autocast(device):
            all_drawn = network.draw(latents)
        drawn = all_drawn.picture.float()
        if keep_colours:
            real = recoloured(real, teacher.pictures(latents))
        loss = reconstruction(drawn, real, weight * known)
        if all_drawn.flow is not None:
            with torch.no_grad(), autocast(device):
                before = teacher.synthesis.draw(latents)
            loss = loss + FLOW_WEIGHT * moved_away(all_drawn, before)
        if eyes is not None:
            seen = (before_grey(drawn), before_grey(real))
            with autocast(device):
                unlike = perceptual_distance(
                    eyes, *random_crop(seen, judges.face_box(tracking), CROP)
                )
            loss = loss + PERCEPTUAL_WEIGHT * unlike
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(free, 5.0)
        optimiser.step()
        told(min(1.0, spent / seconds))
    return {
        PREFIX + name: value.detach().float().cpu().numpy()
        for name, value in network.state_dict().items()
    }


def moved_away(drawn: Drawn, before: Drawn) -> Tensor:
    """How far flows and the visibility of textures are from what they were."""
    assert drawn.flow is not None and before.flow is not None
    assert drawn.visible is not None and before.visible is not None
    flow = (drawn.flow.float() - before.flow.float()).abs().mean()
    seen = torch.sigmoid(drawn.visible.float()) - torch.sigmoid(before.visible.float())
    return flow + seen.abs().mean()


@torch.no_grad()
def styled_textures(
    pack: AvatarPack, teacher: Teacher, tensors: dict[str, NDArray[np.float32]], strength: float
) -> NDArray[np.uint8] | None:
    """The textures of a pack's faces in a style, or None if it has none: changed as the network's
    own pictures of each face are, at rest and with an open mouth. tensors: of the styled generator.
    """
    if pack.textures is None:
        return None
    config, axes = pack.card.generator, pack.card.axes
    styled = SynthesisNetwork(config).requires_grad_(False)
    load_part(styled, tensors, PREFIX)
    styled.to(teacher.device)
    poses = torch.stack([control(axes, {}), control(axes, {"jawOpen": OPEN})]).to(teacher.device)
    made = []
    for anchor, texture in zip(teacher.anchors, pack.textures.pictures, strict=True):
        ws = teacher.latents(anchor[None].expand(2, -1, -1), poses)
        before, after = (
            _as_texture(config, network(ws)) for network in (teacher.synthesis, styled)
        )
        had = torch.from_numpy(texture.astype(np.float32))
        detail = had - before
        new = after + (1 - PAINTED_OVER * strength) * detail
        if config.channels == 4:
            new[3] = had[3]
            new = torch.minimum(new, new[3:])
        made.append(new.clamp(0, 255).round().byte().numpy())
    return np.stack(made)


def _as_texture(config: GeneratorConfig, drawn: Tensor) -> Tensor:
    """Pictures of a face at rest and with an open mouth, [2, C, H, H] in [-1, 1], as a texture in
    levels, [C, rows, H]."""
    resting, opened = levels(drawn.float()).transpose(0, 3, 1, 2)[:, None]
    return torch.from_numpy(with_mouths(resting, opened, config.mouth)[0]).float()


def recoloured(picture: Tensor, like: Tensor) -> Tensor:
    """The picture's light and dark in the colours of another: means and deviations of each channel
    are the other's (Reinhard et al. 2001), alpha is its own."""
    rgb, other = picture[:, :3], like[:, :3]
    axes = (2, 3)
    spread = other.std(axes, keepdim=True) / rgb.std(axes, keepdim=True).clamp_min(1e-3)
    done = (rgb - rgb.mean(axes, keepdim=True)) * spread + other.mean(axes, keepdim=True)
    if picture.shape[1] == 4:  # no colour is more than its alpha
        done = torch.minimum(done, picture[:, 3:]).clamp_min(-1)
    return torch.cat([done.clamp(-1, 1), picture[:, 3:]], dim=1)


def between(
    plain: dict[str, NDArray[np.float32]], styled: dict[str, NDArray[np.float32]], strength: float
) -> dict[str, NDArray[np.float32]]:
    """Weights on the way from a plain generator to a styled one: networks tuned from one another
    mix well (Pinkney and Adler 2020)."""
    return {
        name: (tensor + strength * (styled[name] - tensor)).astype(np.float32)
        if name in styled
        else tensor
        for name, tensor in plain.items()
    }
