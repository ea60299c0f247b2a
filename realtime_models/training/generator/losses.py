"""What the generator is trained for and how it is judged: pictures [N, C, H, W] in [-1, 1], RGB or
with alpha, by which the colours are multiplied: then every channel counts alike, since what is seen
before any background is linear in them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

Box = tuple[float, float, float, float]
"""top, bottom, left, right as shares of the picture's side."""

# Where they are in the picture of a head and its shoulders, turned by not more than 25 degrees.
MOUTH: Box = (0.52, 0.77, 0.34, 0.66)
EYES: Box = (0.33, 0.50, 0.32, 0.68)
HAIR: Box = (0.04, 0.50, 0.16, 0.84)
FACE: Box = (0.29, 0.81, 0.27, 0.73)
WHOLE: Box = (0.0, 1.0, 0.0, 1.0)

JUDGE_WEIGHTS = (1.0, 1.0, 2.0, 1.0)
"""Of the discriminators of mouth, eyes, hair and whole picture: hair is sharp last."""
JUDGE_ODDS = (0.45, 0.25, 0.1, 0.2)
"""The same, where a step looks with one of them: hair mostly comes from textures, teeth never."""


def crop(images: Tensor, box: Box) -> Tensor:
    size = images.shape[-1]
    top, bottom, left, right = (round(edge * size) for edge in box)
    return images[..., top:bottom, left:right]


def before_grey(images: Tensor) -> Tensor:
    """What is seen before a grey wall: RGB [N, 3, H, W], of pictures with or without alpha."""
    if images.shape[1] == 3:
        return images
    behind = (1 - images[:, 3:]) / 2  # of the background, 0 to 1; the grey is 0 in [-1, 1]
    return images[:, :3] + behind


def levels(images: Tensor) -> NDArray[np.uint8]:
    """As they are shown: uint8 [N, H, W, C]."""
    told = (images.clamp(-1, 1) + 1) * 127.5
    done: NDArray[np.uint8] = told.round().byte().permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return done


def random_crop(images: tuple[Tensor, ...], box: Box, size: int) -> list[Tensor]:
    """The same square of `size` pixels of each, somewhere in the box; smaller boxes as they are."""
    inside = [crop(image, box) for image in images]
    high, wide = (max(1, length - size + 1) for length in inside[0].shape[-2:])
    y, x = int(torch.randint(0, high, ())), int(torch.randint(0, wide, ()))
    return [image[..., y : y + size, x : x + size] for image in inside]


def region_weight(size: int) -> Tensor:
    """[1, 1, size, size]: 1 everywhere, up to 6 at the mouth and 4 at the eyes."""
    y, x = torch.meshgrid(torch.linspace(0, 1, size), torch.linspace(0, 1, size), indexing="ij")
    mouth = torch.exp(-(((x - 0.5) / 0.12) ** 2) - ((y - 0.63) / 0.085) ** 2)
    eyes = torch.exp(-(((x - 0.5) / 0.16) ** 2) - ((y - 0.43) / 0.06) ** 2)
    return (1 + 5 * mouth + 3 * eyes)[None, None]


def reconstruction(output: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Weighted L1 of values and of gradients over an image pyramid down to 16 pixels."""
    total, levels = torch.zeros((), device=output.device), 0
    while min(output.shape[-2:]) >= 16:
        error = output - target
        total = total + (error.abs() * weight).mean()
        total = total + ((error[..., 1:] - error[..., :-1]).abs() * weight[..., 1:]).mean()
        down = (error[..., 1:, :] - error[..., :-1, :]).abs()
        total = total + (down * weight[..., 1:, :]).mean()
        output, target, weight = (F.avg_pool2d(t, 2) for t in (output, target, weight))
        levels += 1
    return total / levels


class PatchDiscriminator(nn.Module):
    """A small spectrally normalised patch discriminator (Miyato et al. 2018, Isola et al. 2017)."""

    def __init__(
        self,
        widths: tuple[int, ...] = (48, 64, 96, 128),
        strides: tuple[int, ...] = (2, 2, 2, 2),
        channels: int = 3,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        for width, stride in zip(widths, strides, strict=True):
            self.layers.append(spectral_norm(nn.Conv2d(channels, width, 4, stride, 1)))
            channels = width
        self.head = nn.Conv2d(channels, 1, 3, 1, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """x: what it looks at. Returns the patch scores and the features of every layer."""
        features = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
            features.append(x)
        return self.head(x), features


def discriminators(channels: int = 3) -> nn.ModuleList:
    """For the mouth, the eyes, the hair, whose patches are small as curls are, and the whole."""
    hair = PatchDiscriminator((48, 64, 96), (2, 2, 1), channels)
    mouth, eyes, whole = (PatchDiscriminator(channels=channels) for _ in range(3))
    return nn.ModuleList((mouth, eyes, hair, whole))


def judged_boxes() -> tuple[Box, Box, Box, Box]:
    """What the discriminators look at. That of the whole picture gets another quarter of it each
    time, which costs a quarter, and patches do not know where they are."""
    top, left = (float(torch.randint(0, 5, ())) / 8 for _ in range(2))
    return MOUTH, EYES, HAIR, (top, top + 0.5, left, left + 0.5)


def discriminator_loss(judge: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    """Hinge loss, on what the judge looks at."""
    kept = F.relu(1 - judge(real)[0].float()).mean()
    return kept + F.relu(1 + judge(fake)[0].float()).mean()


def generator_loss(judge: nn.Module, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """(adversarial hinge term, feature matching as in Wang et al. 2018, pix2pixHD)."""
    score, features = judge(fake)
    with torch.no_grad():
        wanted = judge(real)[1]
    matching = torch.zeros((), device=fake.device)
    for got, want in zip(features, wanted, strict=True):
        matching = matching + (got.float() - want.float()).abs().mean()
    return -score.float().mean(), matching


def psnr(output: Tensor, target: Tensor, box: Box = WHOLE) -> float:
    """Mean over pictures of the peak signal-to-noise ratio, dB."""
    error = (crop(output, box).clamp(-1, 1) - crop(target, box)).square().mean(dim=(1, 2, 3))
    return float((10 * torch.log10(4 / error)).mean())


def sharpness(output: Tensor, target: Tensor, box: Box) -> float:
    """Variance of the Laplacian of the output over that of the target: 1 is as much detail."""
    kernel = torch.tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])[None, None]

    def variance(images: Tensor) -> float:
        grey = images.clamp(-1, 1).mean(dim=1, keepdim=True)
        return float(crop(F.conv2d(grey, kernel), box).var(correction=0))

    return variance(output) / variance(target)
