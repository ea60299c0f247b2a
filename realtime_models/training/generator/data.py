"""Rendered heads with their factors, from shards on disk into memory."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from latentcam.realtime_models.axes import FACE_AXES, Axis
from latentcam.realtime_models.generator.layers import GeneratorConfig
from latentcam.realtime_models.generator.textures import with_mouths

HELD_OUT_EVERY = 50  # one picture of a curated identity in 50, and one sampled identity in 50


def reach(axes: Sequence[Axis]) -> Tensor:
    """float32 [k]: the largest magnitude of every axis; networks in training see x over it."""
    return torch.tensor([max(-axis.low, axis.high) for axis in axes], dtype=torch.float32)


@dataclass(frozen=True, slots=True)
class Heads:
    """images uint8 [N, C, H, W], RGB, or with alpha, by which the colours are then multiplied;
    z float32 [N, z_dim]; x float32 [N, k] over its scale;
    curated int64 [N], -1 for a sampled identity."""

    images: Tensor
    z: Tensor
    x: Tensor
    curated: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def select(self, index: Tensor) -> Heads:
        return Heads(self.images[index], self.z[index], self.x[index], self.curated[index])

    def to(self, device: str) -> Heads:
        """The same in the memory of a device."""
        return Heads(*(t.to(device) for t in (self.images, self.z, self.x, self.curated)))

    def resized(self, size: int) -> Heads:
        """The same pictures at a smaller size, by area averaging; not enlarged."""
        if size >= self.images.shape[-1]:
            return self
        small = [
            F.interpolate(part.float(), size=(size, size), mode="area").round().byte()
            for part in self.images.split(64)
        ]
        return Heads(torch.cat(small), self.z, self.x, self.curated)

    def batch(self, index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures in [-1, 1] float32 channels-last, z, x."""
        images = self.images[index].float() / 127.5 - 1.0
        return images.contiguous(memory_format=torch.channels_last), self.z[index], self.x[index]


def load_heads(folder: Path) -> tuple[Heads, Heads]:
    """Read every shard that the renderer finished. Returns (training, held out).

    Of a sampled identity all pictures are on one side; the curated ones are on both.

    Raises FileNotFoundError when there is none.
    """
    paths = sorted(folder.glob("shard_*.npz"))
    if not paths:
        raise FileNotFoundError(f"no shard_*.npz in {folder}; render heads first")
    images, z, x, curated = [], [], [], []
    for path in paths:
        with np.load(path) as shard:
            images.append(torch.from_numpy(premultiplied(shard["images"])).permute(0, 3, 1, 2))
            z.append(torch.from_numpy(shard["z"]))
            x.append(torch.from_numpy(shard["x"]) / reach(FACE_AXES))
            curated.append(torch.from_numpy(shard["curated"].astype(np.int64)))
    pictures = torch.cat([part.contiguous() for part in images])
    heads = Heads(pictures, torch.cat(z), torch.cat(x), torch.cat(curated))
    sampled = np.array([zlib.crc32(one.numpy().tobytes()) for one in heads.z])
    number = torch.where(heads.curated >= 0, torch.arange(len(heads)), torch.from_numpy(sampled))
    held_out = number % HELD_OUT_EVERY == 0
    return heads.select((~held_out).nonzero()[:, 0]), heads.select(held_out.nonzero()[:, 0])


def load_textures(folder: Path, names: Sequence[str], config: GeneratorConfig) -> NDArray[np.uint8]:
    """What `looks.render --rest` wrote, <name>.png and <name>.open.png of every name, as the
    textures of a generator, uint8 [n, *config.texture_shape]. Raises FileNotFoundError or
    ValueError."""
    resting = _pictures([folder / f"{name}.png" for name in names], config.resolution)
    if config.mouth is None:
        return resting
    opened = _pictures([folder / f"{name}.open.png" for name in names], config.resolution)
    return with_mouths(resting, opened, config.mouth)


def _pictures(paths: Sequence[Path], size: int) -> NDArray[np.uint8]:
    """uint8 [n, 4, size, size], colours multiplied by alpha."""
    pictures = []
    for path in paths:
        with Image.open(path) as picture:
            if picture.size != (size, size):
                raise ValueError(
                    f"{path} has {picture.size[0]} x {picture.size[1]} pixels, "
                    f"expected {size} x {size}"
                )
            pictures.append(np.asarray(picture.convert("RGBA")))
    return premultiplied(np.stack(pictures)).transpose(0, 3, 1, 2)


def premultiplied(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pictures [n, H, W, C] as a generator draws them: with straight alpha as the fourth channel,
    colours are multiplied by it, so that what is bilinear or averaged has no halo. Of RGB, itself.
    """
    if images.shape[-1] == 3:
        return images
    done = np.empty_like(images)
    for given, out in zip(images, done, strict=True):  # one at a time: they are many
        alpha = given[..., 3:].astype(np.uint16)
        out[..., :3] = (given[..., :3] * alpha + 127) // 255
        out[..., 3:] = given[..., 3:]
    return done
