"""Rendered heads with their factors, from shards on disk into memory."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from latentcam.realtime_models.axes import FACE_AXES

HELD_OUT_EVERY = 50  # one picture of a curated identity in 50, and one sampled identity in 50


def axis_scale() -> Tensor:
    """float32 [k]: the largest magnitude of every axis; the network sees x / scale."""
    return torch.tensor([max(abs(axis.low), axis.high) for axis in FACE_AXES])


@dataclass(frozen=True, slots=True)
class Heads:
    """images uint8 [N, 3, H, W]; z float32 [N, z_dim]; x float32 [N, k] over its scale;
    curated int64 [N], -1 for a sampled identity."""

    images: Tensor
    z: Tensor
    x: Tensor
    curated: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def select(self, index: Tensor) -> Heads:
        return Heads(self.images[index], self.z[index], self.x[index], self.curated[index])

    def resized(self, size: int) -> Heads:
        """The same pictures at a smaller size, by area averaging."""
        if size == self.images.shape[-1]:
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
            images.append(torch.from_numpy(shard["images"]).permute(0, 3, 1, 2).contiguous())
            z.append(torch.from_numpy(shard["z"]))
            x.append(torch.from_numpy(shard["x"]) / axis_scale())
            curated.append(torch.from_numpy(shard["curated"].astype(np.int64)))
    heads = Heads(torch.cat(images), torch.cat(z), torch.cat(x), torch.cat(curated))
    sampled = np.array([zlib.crc32(one.numpy().tobytes()) for one in heads.z])
    number = torch.where(heads.curated >= 0, torch.arange(len(heads)), torch.from_numpy(sampled))
    held_out = number % HELD_OUT_EVERY == 0
    return heads.select((~held_out).nonzero()[:, 0]), heads.select(held_out.nonzero()[:, 0])
