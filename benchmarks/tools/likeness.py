"""Does a face stay who it is? By the distances of an identity judge's descriptors."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from latentcam.realtime_models.alpha import composite
from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.axes import FACE_AXES
from latentcam.realtime_models.training.identity_judge import (
    Descriptor,
    IdentityJudge,
    distance,
)

SAME_PERSON = 0.6  # the judge's author calls two pictures this near one person's


def acd(descriptors: Sequence[Descriptor]) -> float:
    """Average Content Distance: the mean distance of all pairs of pictures (Tulyakov et al. 2018,
    MoCoGAN, https://arxiv.org/abs/1707.04993). NaN of fewer than two."""
    pairs = [distance(a, b) for a, b in itertools.combinations(descriptors, 2)]
    return float(np.mean(pairs)) if pairs else float("nan")


def steps(descriptors: Sequence[Descriptor | None]) -> float:
    """The mean distance of consecutive pictures, as Zhang 2020 has it ("Video Synthesis from the
    StyleGAN Latent Space"). None is a picture without a face, across which there is no distance.
    NaN where no two follow one another."""
    apart = [
        distance(a, b)
        for a, b in itertools.pairwise(descriptors)
        if a is not None and b is not None
    ]
    return float(np.mean(apart)) if apart else float("nan")


def cast_distances(resting: Mapping[str, Descriptor | None]) -> dict[str, object]:
    """How far the named people are from one another, and which pairs are too near."""
    found = {name: one for name, one in resting.items() if one is not None}
    pairs = {
        f"{a} {b}": round(distance(found[a], found[b]), 3)
        for a, b in itertools.combinations(found, 2)
    }
    apart = sorted(pairs.values())
    return {
        "not_found": sorted(set(resting) - set(found)),
        "nearest": apart[0] if apart else float("nan"),
        "mean": round(float(np.mean(apart)), 3) if apart else float("nan"),
        "too_near": {pair: d for pair, d in pairs.items() if d < SAME_PERSON},
    }


def leakage(
    avatar: Avatar, judge: IdentityJudge, name: str, rest: Descriptor, axes: Sequence[str]
) -> dict[str, float]:
    """How far each axis at its end moves who it is; NaN where the judge finds no face."""
    ends = {axis.name: axis.high for axis in FACE_AXES}
    moved = {}
    for axis in axes:
        x = avatar.basis.control({axis: ends[axis]})
        found = judge.describe(composite(avatar.render(avatar.anchor(name), x)))
        moved[axis] = round(distance(found, rest), 3) if found is not None else float("nan")
    return moved
