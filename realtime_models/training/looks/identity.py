"""From z ~ N(0, I) to a person: named coordinates choose what people would name, the rest mix.

The cast lives at fixed places of the same space: `cast_z(name)` is a z that `identity` answers
with that person. Everywhere else a z gives someone new, always the same one.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from latentcam.realtime_models.training.looks.cast import CAST
from latentcam.realtime_models.training.looks.people import Colour, Person

F32 = npt.NDArray[np.float32]
Option = TypeVar("Option")

FACTORS = (
    "sex", "tone", "warmth", "age", "hair", "hair_colour", "redness", "grey", "beard", "iris",
    "glasses", "scarf", "clothes", "cloth_hue", "cloth_light", "lips", "lashes", "smile",
)  # fmt: skip
"""Named coordinates of z, first to last."""

MIXED = 30  # coordinates that mix heads
Z_DIM = len(FACTORS) + MIXED
"""How long z is."""

# Hair was modelled below the skull on the others, or stays in their texture.
WOMEN = (
    "AIAN_F_1", "AIAN_F_2", "Asian_F_1", "Asian_F_2", "Asian_F_3", "Black_F_1", "Black_F_2",
    "Black_F_3", "Hispanic_F_2", "Hispanic_F_3", "MENA_F_1", "MENA_F_2", "White_F_1", "White_F_2",
    "White_F_3", "X_AIAN_F_1", "X_NHPI_F_1", "X_NHPI_F_3",
)  # fmt: skip
MEN = (
    "AIAN_M_1", "AIAN_M_2", "Asian_M_1", "Asian_M_3", "Black_M_1", "Black_M_2",
    "Hispanic_M_1", "Hispanic_M_2", "Hispanic_M_3", "MENA_M_1", "MENA_M_2", "NHPI_M_1", "NHPI_M_2",
    "White_M_1", "White_M_2", "White_M_3", "X_AIAN_M_1", "X_NHPI_M_1",
)  # fmt: skip
_HAIR_WOMEN = ("long", "wavy", "bob", "fringe", "pixie", "bun", "low_bun", "long", "ringlets")
_HAIR_MEN = ("crop", "parted", "quiff", "tousled", "curly", "buzz", "sleek", "crop", "")
_HAIR_COILY_WOMEN = ("afro", "coily", "braids", "ringlets", "cornrows")
_HAIR_COILY_MEN = ("coily", "buzz", "cornrows", "", "afro")
_CLOTHES_WOMEN = ("White_F_1", "White_F_3", "Asian_F_2", "Black_F_2", "Asian_F_3", "X_NHPI_F_3")
_CLOTHES_MEN = ("White_M_2", "White_M_1", "Hispanic_M_2", "Asian_M_3", "Black_M_2", "MENA_M_2")
_CLOTHS: tuple[Colour, ...] = (
    (0.16, 0.165, 0.17), (0.05, 0.085, 0.17), (0.07, 0.16, 0.19), (0.06, 0.13, 0.10),
    (0.17, 0.16, 0.08), (0.34, 0.27, 0.19), (0.26, 0.06, 0.06), (0.52, 0.50, 0.48),
)  # fmt: skip
_SHARPNESS = 1.9  # of the mixture: one head leads, two or three others show


def _share(value: float) -> float:
    """The normal distribution's quantile of a value: uniform in (0, 1) if z is normal."""
    # Abramowitz and Stegun 7.1.26 would do; erf is exact and here.
    from math import erf, sqrt

    return 0.5 * (1 + erf(value / sqrt(2)))


def _choice(options: Sequence[Option], share: float) -> Option:
    return options[min(int(share * len(options)), len(options) - 1)]


@cache
def cast_z(name: str) -> F32:
    """The z of a named person, float32 [Z_DIM]. Raises KeyError if there is none of that name."""
    if name not in CAST:
        raise KeyError(name)
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    return rng.standard_normal(Z_DIM).astype(np.float32)


def identity(z: F32) -> Person:
    """The person of z, float32 [Z_DIM]."""
    for name in CAST:
        if np.array_equal(z, cast_z(name)):
            return CAST[name]
    return _sampled(z)


def _mixture(pool: Sequence[str], z: F32) -> dict[str, float]:
    """Shares of heads that sum to 1: a softmax of fixed directions, moved away from the mean."""
    directions = np.random.default_rng(5).standard_normal((40, MIXED)) / np.sqrt(MIXED)
    logits = _SHARPNESS * directions[: len(pool)] @ z.astype(np.float64) * 1.6
    weights = np.exp(logits - logits.max())
    weights /= weights.sum()
    weights = 1.18 * weights - 0.18 / len(pool)
    return {name: float(w) for name, w in zip(pool, weights, strict=True) if abs(w) > 0.004}


def _sampled(z: F32) -> Person:
    raw = dict(zip(FACTORS, z[: len(FACTORS)].astype(float).tolist(), strict=True))
    share = {name: _share(value) for name, value in raw.items()}
    male = share["sex"] > 0.5
    mixture = _mixture(MEN if male else WOMEN, z[len(FACTORS) :])
    lead = max(mixture, key=lambda name: mixture[name])
    coily = lead.startswith("Black")
    light = lead.startswith("White")
    tone = np.array([1.0, 1.0, 1.0]) * (1 + 0.10 * np.clip(raw["tone"], -2, 2))
    tone *= 1 + np.array([0.01, 0.0, -0.025]) * np.clip(raw["warmth"], -2, 2)
    if coily:
        tone *= 1.12
    age = float(np.clip((share["age"] - 0.55) / 0.40, 0, 1))
    melanin = (
        1.0 - 0.55 * share["hair_colour"] ** 1.5 if light else 1.0 - 0.08 * share["hair_colour"]
    )
    if male:
        hair = _choice(_HAIR_COILY_MEN if coily else _HAIR_MEN, share["hair"])
    else:
        hair = _choice(_HAIR_COILY_WOMEN if coily else _HAIR_WOMEN, share["hair"])
    scarf = None
    cloth = tuple(
        c * (0.5 + 1.1 * share["cloth_light"]) for c in _choice(_CLOTHS, share["cloth_hue"])
    )
    if not male and share["scarf"] > 0.95:
        scarf = tuple(0.6 * c + 0.1 for c in reversed(cloth))
    irises: tuple[str, ...] = ("brown", "black", "brown", "black" if coily else "amber")
    if light:
        irises = ("blue", "brown", "green", "grey", "hazel")
    beard = 0.0
    if male and share["beard"] > 0.45:
        beard = 0.002 + 0.016 * max(0.0, share["beard"] - 0.6)
    receding = 0.022 * age if male else 0.0
    return Person(
        mixture,
        lead,
        tone=(float(tone[0]), float(tone[1]), float(tone[2])),
        lips=(1.0, 1.0 - 0.15 * share["lips"], 1.0 - 0.15 * share["lips"]),
        saturation=1.0 if lead.startswith(("White", "Asian")) else 0.82,
        shine=0.30 if coily else 0.36,
        clothes=_choice(_CLOTHES_MEN if male else _CLOTHES_WOMEN, share["clothes"]),
        cloth=(cloth[0], cloth[1], cloth[2]),
        hair=hair,
        hair_changes={"receding": receding, "temples": receding} if hair else {},
        melanin=float(melanin),
        redness=0.15 + 0.25 * share["redness"],
        grey=float(np.clip(age * 1.3 - 0.35 + 0.2 * raw["grey"], 0, 0.95)) if age > 0.2 else 0.0,
        beard=beard,
        moustache=share["beard"] < 0.9,
        iris=_choice(irises, share["iris"]),
        lashes=0.6 if male else 0.9 + 0.3 * share["lashes"],
        age=age,
        glasses=_choice(("round", "square", "soft"), share["lips"])
        if share["glasses"] > 0.8
        else "",
        scarf=(scarf[0], scarf[1], scarf[2]) if scarf else None,
        smile=0.10 + 0.25 * share["smile"],
        brows=0.25,
        seed=int(zlib.crc32(np.ascontiguousarray(z).tobytes()) % 100000),
    )
