"""Directions in W: one basis for all of it, or one for each point of it.

The global basis are the principal components of many w (GANSpace, Härkönen et al. 2020,
https://arxiv.org/abs/2004.02546). The local basis at w = m(z) is the singular value decomposition
of the mapping network's Jacobian dm_z: its left vectors span the directions in which w can move at
all, its singular values say how far (Choi et al. 2021, https://arxiv.org/abs/2106.06959). A walk
along the first is a straight line; along the second it is a curve that stays among the w that the
mapping network makes, but needs to know z.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from latentcam.realtime_models.generator.latents import z_to_w
from latentcam.realtime_models.generator.layers import GeneratorConfig
from latentcam.realtime_models.generator.network import MappingNetwork, load_part

Array = NDArray[np.float32]
Tensors = Mapping[str, Array]

Walk = Callable[[float], Array]
"""How far along a direction, in standard deviations of w or steps of z -> w float32 [w_dim]."""

CHUNK = 20_000  # samples of w in memory at a time
STEP = 0.1  # of z, between two Jacobians


@dataclass(frozen=True, slots=True)
class GlobalBasis:
    """mean: float32 [w_dim]. columns: float32 [w_dim, k], each one standard deviation long.
    variance: float64 [w_dim], of all components, largest first."""

    mean: Array
    columns: Array
    variance: NDArray[np.float64]

    @property
    def explained(self) -> NDArray[np.float64]:
        """Share of the variance that the first components explain together, float64 [w_dim]."""
        return np.asarray(np.cumsum(self.variance) / self.variance.sum())

    def walk(self, w: Array, index: int) -> Walk:
        """From w, float32 [w_dim], along a column."""
        return lambda amount: np.asarray(w + np.float32(amount) * self.columns[:, index])


def sample_w(
    config: GeneratorConfig, tensors: Tensors, count: int, seed: int = 0
) -> Iterator[Array]:
    """w of so many random z, float32 [at most CHUNK, w_dim] at a time."""
    rng = np.random.default_rng(seed)
    for begin in range(0, count, CHUNK):
        z = rng.standard_normal((min(CHUNK, count - begin), config.z_dim), np.float32)
        yield z_to_w(config, tensors, z)


def global_basis(chunks: Iterator[Array], count: int) -> GlobalBasis:
    """The first `count` principal components of w that come in chunks; memory is that of one.

    Raises ValueError with fewer samples than components.
    """
    n, mean, scatter = 0, np.zeros(()), np.zeros(())
    for chunk in chunks:
        w = chunk.astype(np.float64)
        here = w.mean(axis=0)
        centred = w - here
        # Means and scatters of two parts, as one (Chan, Golub and LeVeque 1983).
        apart, share = here - mean, len(w) / (n + len(w))
        scatter = scatter + centred.T @ centred + np.outer(apart, apart) * n * share
        mean, n = mean + apart * share, n + len(w)
    if n <= count:
        raise ValueError(f"{n} samples of w, expected more than {count} components")
    values, vectors = np.linalg.eigh(scatter / (n - 1))
    variance = np.maximum(values[::-1], 0.0)
    columns = vectors[:, ::-1][:, :count] * np.sqrt(variance[:count])
    return GlobalBasis(mean.astype(np.float32), np.ascontiguousarray(columns, np.float32), variance)


@dataclass(frozen=True, slots=True)
class LocalBasis:
    """The Jacobian of the mapping network at z, as its singular value decomposition.

    columns: float32 [w_dim, k], directions of w of length 1. stretch: float32 [k], how far w moves
    per step of z along each, largest first. inputs: float32 [z_dim, k], those steps of z.
    """

    columns: Array
    stretch: Array
    inputs: Array

    @property
    def flat(self) -> int:
        """How many of the singular values are below 1 % of the largest."""
        return int((self.stretch < 0.01 * self.stretch[0]).sum())


class Jacobians:
    """The mapping network's derivative, by forward differentiation."""

    def __init__(self, config: GeneratorConfig, tensors: Tensors) -> None:
        self.config, self.tensors = config, tensors
        self._mapping = MappingNetwork(config).eval().requires_grad_(False)
        load_part(self._mapping, tensors, "mapping.")

    def w(self, z: Array) -> Array:
        """float32 [z_dim] -> float32 [w_dim]."""
        return z_to_w(self.config, self.tensors, z)

    def at(self, z: Array) -> LocalBasis:
        """The local basis at w = m(z). z: float32 [z_dim]."""

        def mapped(point: torch.Tensor) -> torch.Tensor:
            w: torch.Tensor = self._mapping(point[None])[0]
            return w

        jacobian = torch.func.jacfwd(mapped)(torch.from_numpy(z))  # [w_dim, z_dim]
        left, stretch, right = np.linalg.svd(jacobian.numpy(), full_matrices=False)
        return LocalBasis(left, stretch, np.ascontiguousarray(right.T))

    def walk(self, z: Array, index: int) -> Walk:
        """From m(z) along a direction of the local basis, which turns with every step. z stays on
        its sphere, where N(0, I) has its mass."""
        first = self.at(z).inputs[:, index]
        radius = np.linalg.norm(z)
        ways: dict[int, list[tuple[Array, Array]]] = {1: [(z, first)], -1: [(z, -first)]}

        def walk(amount: float) -> Array:
            way, steps = ways[1 if amount >= 0 else -1], int(abs(amount) / STEP)
            while len(way) < steps + 2:
                here, towards = way[-1]
                there = here + np.float32(STEP) * towards
                there = there * np.float32(radius / np.linalg.norm(there))
                along = self.at(there).inputs
                likeness = along.T @ towards
                best = int(np.abs(likeness).argmax())  # singular values may swap places
                way.append((there, along[:, best] * np.sign(likeness[best])))
            share = np.float32(abs(amount) / STEP - steps)
            (here, _), (there, _) = way[steps], way[steps + 1]
            return self.w(here + share * (there - here))

        return walk
