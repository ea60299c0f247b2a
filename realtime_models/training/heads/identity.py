"""Who: a face as a deterministic function of z, so that new faces are draws from N(0, I).

The leading coordinates of z have names and drive what people would name too (sex, age, hair);
a quantile of the normal distribution turns each into a share or a choice. The others sculpt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from latentcam.realtime_models.training.heads.makehuman import F32
from latentcam.realtime_models.training.heads.sculpt import (
    RACES,
    SCULPTED,
    macro_targets,
    sculpted_targets,
)

F64 = npt.NDArray[np.float64]
"""float64 [3] here: a colour in the making."""

Option = TypeVar("Option")

Colour = tuple[float, float, float]
"""Linear RGB."""

FACTORS: tuple[str, ...] = (
    "sex",  # low: female, high: male
    "age",
    "african",
    "asian",
    "caucasian",
    "skin_tone",  # low: light
    "skin_warmth",
    "skin_gloss",
    "hair_style",
    "hair_colour",  # low: black, high: blond
    "grey",
    "brow_style",
    "brow_strength",
    "eye_colour",
    "lip_colour",
    "stubble",
    "clothes",
    "clothes_hue",
    "clothes_light",
    "backdrop_hue",
    "backdrop_light",
    "muscle",
    "weight",
    "blush",
)
"""Named coordinates of z, first to last."""

Z_DIM = len(FACTORS) + SCULPTED
"""How long z is."""

# The Monk scale, light to dark: https://skintone.google/the-scale
_TONES = (
    "f3e2d6", "f0dccb", "f1dcc0", "e6cca8", "d3b088", "ab835b", "8a6146", "694839", "4a372e",
    "3a2c26",
)  # fmt: skip
_HAIR_COLOURS: tuple[Colour, ...] = (
    (0.008, 0.007, 0.007),
    (0.014, 0.010, 0.008),
    (0.030, 0.018, 0.011),
    (0.062, 0.033, 0.018),
    (0.120, 0.038, 0.015),
    (0.130, 0.072, 0.036),
    (0.240, 0.155, 0.072),
)
_GREY_HAIR: Colour = (0.150, 0.146, 0.142)
_CLOTHES_COLOURS: tuple[Colour, ...] = (
    (0.16, 0.165, 0.17),  # grey
    (0.055, 0.09, 0.17),  # navy
    (0.07, 0.15, 0.19),  # petrol
    (0.06, 0.13, 0.10),  # bottle green
    (0.15, 0.14, 0.08),  # olive
    (0.22, 0.17, 0.12),  # sand
    (0.20, 0.06, 0.06),  # burgundy
)
_EYES = (
    "brown", "brown", "brown", "brownlight", "green", "bluegreen", "grey", "blue", "deepblue",
)  # fmt: skip
_HAIR_MALE = ("crop", "sleek", "tousled", "swept", "swept_right")
_HAIR_FEMALE = ("long", "long", "bob", "bob_right", "tied", "crop")
_BROWS_MALE = (1, 1, 8, 12, 9)  # the others look stern
_BROWS_FEMALE = (5, 5, 10, 11, 10)
_CLOTHES = ("male_casualsuit04", "male_elegantsuit01", "female_casualsuit01", "male_casualsuit06")


@dataclass(frozen=True, slots=True, eq=False)
class Identity:
    """A face at rest: shapes of the head, what it wears, and its colours."""

    targets: Mapping[str, float]  # target -> weight
    races: Mapping[str, float]  # sums to 1; expressions are mixed alike
    skin: str  # file name
    skin_tone: Colour
    skin_gloss: float
    blush: Colour
    stubble: tuple[float, float, float, float]  # a factor of the skin's colour, and its strength
    lip_tint: Colour
    lip_strength: float
    hair: str
    hair_tint: Colour
    brow: str
    brow_tint: Colour
    lash_opacity: float
    eye: str  # file name
    iris_tint: Colour | None  # None: the texture's own
    clothes: str
    clothes_tint: Colour
    backdrop: Mapping[str, Colour]  # top, bottom, glow; not linear, as shown


def identity_from_z(z: F32) -> Identity:
    """The face of z, float32 [Z_DIM]; z ~ N(0, I) gives a fair mix of sex, age and skin tone."""
    if z.shape != (Z_DIM,):
        raise ValueError(f"z must have shape ({Z_DIM},), not {z.shape}.")
    values = np.clip(z.astype(np.float64), -3, 3)
    raw = dict(zip(FACTORS, values, strict=False))
    share = {name: float(ndtr(value)) for name, value in raw.items()}
    male = share["sex"] > 0.5
    gender = float(0.06 + 0.87 * ndtr(4 * raw["sex"]))
    age = 0.5 + 0.36 * share["age"] ** 1.8
    logits = np.exp(2.2 * np.array([raw[race] for race in RACES]))
    races = {race: float(w) for race, w in zip(RACES, logits / logits.sum(), strict=True)}
    targets = macro_targets(gender, age, 0.4 + 0.25 * share["muscle"], share["weight"], races)
    targets.update(sculpted_targets(values[len(FACTORS) :], gender))

    tone = _skin_tone(share["skin_tone"], raw["skin_warmth"], races)
    greyness = float(np.clip((age - 0.71) / 0.12 + 0.35 * raw["grey"], 0, 1))
    hair = _hair_style(share["hair_style"], male, races["african"])
    if hair == "afro":
        greyness = 0.0  # its texture glitters when light
    hair_tint = _hair_colour(share["hair_colour"], races["caucasian"], greyness)
    strength = 0.5 + 0.35 * share["brow_strength"]
    brows = _BROWS_MALE if male else _BROWS_FEMALE
    brow_tint = tuple(c * strength + 0.004 for c in hair_tint)
    eye, iris_tint = _eye_colour(share["eye_colour"], races["caucasian"])
    red = 0.36 + 0.22 * share["lip_colour"]
    stubble = max(0.0, raw["stubble"]) * 0.45 if male else 0.0
    return Identity(
        targets=targets,
        races=races,
        skin=_skin_texture(male, age, races),
        skin_tone=tone,
        skin_gloss=(0.45 + 0.4 * share["skin_gloss"]) * (0.6 + 0.4 * min(1.0, 4 * tone[1])),
        blush=(1.02, 0.94 - 0.12 * share["blush"], 0.94 - 0.10 * share["blush"]),
        stubble=(0.55, 0.52, 0.52, min(stubble, 0.75)),
        lip_tint=(0.88, 0.60, 0.60) if male else (0.88, red, red + 0.03),
        lip_strength=0.5 if male else 0.55 + 0.35 * share["lip_colour"],
        hair=hair,
        hair_tint=hair_tint,
        brow=f"eyebrow{_choice(brows, share['brow_style']):03d}",
        brow_tint=(brow_tint[0], brow_tint[1], brow_tint[2]),
        lash_opacity=0.45 if male else 0.8,
        eye=eye,
        iris_tint=iris_tint,
        clothes=_choice(_CLOTHES, share["clothes"]),
        clothes_tint=_clothes_colour(share["clothes_hue"], share["clothes_light"]),
        backdrop=_backdrop(raw["backdrop_hue"], raw["backdrop_light"]),
    )


def _choice(options: Sequence[Option], share: float) -> Option:
    """One of some equally likely options, share in (0, 1)."""
    return options[min(int(share * len(options)), len(options) - 1)]


def _ramp(colours: tuple[Colour, ...], place: float) -> F64:
    """A colour between evenly spaced ones, place in [0, 1]."""
    position = np.clip(place, 0, 1) * (len(colours) - 1)
    steps = np.arange(len(colours))
    return np.array([np.interp(position, steps, [c[k] for c in colours]) for k in range(3)])


def _as_colour(values: F64) -> Colour:
    return (float(values[0]), float(values[1]), float(values[2]))


def _skin_tone(share: float, warmth: float, races: Mapping[str, float]) -> Colour:
    """A colour of the Monk scale, in the part of it that goes with the mix of ancestries."""
    low = 5.0 * races["african"] + 3.1 * races["asian"] + 2.9 * races["caucasian"]
    high = 8.4 * races["african"] + 4.9 * races["asian"] + 4.6 * races["caucasian"]
    place = low + (high - low) * share
    scale = tuple(
        _as_colour(np.array([int(code[k : k + 2], 16) / 255 for k in (0, 2, 4)]) ** 2.2)
        for code in _TONES
    )
    colour = _ramp(scale, place / 9)
    dark = np.clip((place - 4) / 4, 0, 1)
    # Light skins of this renderer need warmth; exposure is a little higher for dark ones.
    colour *= np.array([1.10, 0.935, 0.925]) * (1 - dark) + np.array([0.98, 1.0, 1.06]) * dark
    colour *= 1 + np.array([0.0, 0.01, 0.22]) * max(0.0, 1 - abs(place - 5.3) / 1.6)
    colour *= 0.65 + 0.33 * dark
    return _as_colour(colour * np.array([1 + 0.012 * warmth, 1.0, 1 - 0.02 * warmth]))


def _hair_colour(share: float, caucasian: float, greyness: float) -> Colour:
    """Black to blond; light colours fade out with the share of Caucasian shapes."""
    place = share * (0.3 + 0.7 * float(np.clip((caucasian - 0.35) / 0.35, 0, 1)))
    colour = _ramp(_HAIR_COLOURS, place)
    return _as_colour(colour * (1 - greyness) + np.array(_GREY_HAIR) * greyness)


def _eye_colour(share: float, caucasian: float) -> tuple[str, Colour | None]:
    """The file of the iris, and a tint: MakeHuman's brown is red."""
    if caucasian < 0.45:
        share *= 0.3
    name = _choice(_EYES, share)
    if name != "brown":
        return f"eyes/materials/{name}_eye.png", None
    light = share * len(_EYES) / 3
    tint = (0.07 + 0.11 * light, 0.035 + 0.055 * light, 0.02 + 0.024 * light)
    return "eyes/materials/brown_eye.png", tint


def _hair_style(share: float, male: bool, african: float) -> str:
    styles = _HAIR_MALE if male else _HAIR_FEMALE
    if african > 0.5:
        styles = (*styles, *("afro",) * (len(styles) // 3))
    return _choice(styles, share)


def _skin_texture(male: bool, age: float, races: Mapping[str, float]) -> str:
    """The skin's file; its colour is divided out, so this is about wrinkles and pores."""
    years = "young" if age < 0.60 else "middleage" if age < 0.76 else "old"
    tone = "dark" if races["african"] > 0.5 else "light"
    variant = ""
    if races["asian"] > 0.5 and tone == "light" and (years != "young" or not male):
        variant = "3" if years == "young" else "2"  # but the young man's has white lips
    sex = "male" if male else "female"
    return f"textures/{years}_{tone}skinned_{sex}_diffuse{variant}.png"


def _clothes_colour(hue: float, light: float) -> Colour:
    """Muted colours of every hue, dark to pale."""
    value = 0.35 + 1.5 * light**2
    return _as_colour(value * _ramp(_CLOTHES_COLOURS, hue))


def _backdrop(hue: float, light: float) -> dict[str, Colour]:
    """A grey-blue gradient, a little warmer or cooler, lighter or darker."""
    tint = np.array([0.012, 0.0, -0.014]) * float(np.clip(hue, -2, 2))
    level = 0.025 * float(np.clip(light, -2, 2))
    return {
        "top": _as_colour(np.array([0.42, 0.46, 0.52]) + level + tint),
        "bottom": _as_colour(np.array([0.54, 0.575, 0.62]) + level + tint),
        "glow": (0.10, 0.10, 0.095),
    }


@dataclass(frozen=True, slots=True)
class Curated:
    """A hand-picked face: a seed, quantiles in (0, 1) of named coordinates, and how strong the
    sculpted shapes are (below 1: nearer to the average face)."""

    seed: int
    factors: Mapping[str, float]
    sculpt: float = 0.7


def _curated(seed: int, sex: float, ancestry: str, **factors: float) -> Curated:
    """A face of mostly one ancestry, or of none."""
    races = {race: 0.95 if race == ancestry else 0.1 for race in RACES}
    return Curated(seed, {"sex": sex, **races, **factors})


CURATED: dict[str, Curated] = {
    "Nora": _curated(
        204, 0.05, "caucasian", age=0.25, hair_style=0.1, hair_colour=0.62, skin_tone=0.5,
        clothes=0.6, clothes_hue=0.35, eye_colour=0.45,
    ),
    "Kofi": _curated(
        302, 0.95, "african", age=0.25, hair_style=0.1, skin_tone=0.45, brow_style=0.5,
        clothes=0.1, clothes_hue=0.8, clothes_light=0.8,
    ),
    "Mei": _curated(
        206, 0.05, "asian", age=0.15, hair_style=0.42, skin_tone=0.3, clothes_hue=0.97,
        clothes=0.1, clothes_light=0.6, brow_style=0.5,
    ),
    "Tom": _curated(
        307, 0.95, "caucasian", age=0.2, hair_style=0.9, hair_colour=0.75, skin_tone=0.5,
        brow_style=0.1, clothes_hue=0.17, clothes=0.3, stubble=0.6,
        eye_colour=0.87,
    ),
    "Amara": _curated(
        202, 0.05, "african", age=0.2, hair_style=0.95, skin_tone=0.55, clothes=0.6,
        clothes_hue=0.85, clothes_light=0.9,
    ),
    "Walter": _curated(
        205, 0.95, "caucasian", age=0.93, hair_style=0.3, grey=0.8, skin_tone=0.5,
        brow_style=0.1, clothes=0.3, clothes_hue=0.1, clothes_light=0.3, eye_colour=0.85,
    ),
    "Clara": _curated(
        206, 0.05, "caucasian", age=0.1, hair_style=0.58, hair_colour=0.93, skin_tone=0.4,
        clothes=0.6, clothes_hue=0.5, eye_colour=0.85,
    ),
    "Kenji": _curated(
        301, 0.95, "asian", age=0.4, hair_style=0.1, skin_tone=0.5, brow_style=0.9,
        clothes=0.9, clothes_hue=0.18, clothes_light=0.4,
    ),
    "Zola": _curated(
        204, 0.05, "african", age=0.3, hair_style=0.1, skin_tone=0.3, clothes=0.3,
        clothes_hue=0.7, clothes_light=0.7,
    ),
    "Leo": _curated(
        306, 0.95, "caucasian", age=0.35, hair_style=0.5, hair_colour=0.3, skin_tone=0.75,
        brow_style=0.1, clothes=0.1, clothes_hue=0.65, stubble=0.93, eye_colour=0.15,
    ),
    "Ingrid": _curated(
        205, 0.05, "caucasian", age=0.93, hair_style=0.92, grey=0.8, skin_tone=0.5,
        clothes=0.3, clothes_hue=0.35, eye_colour=0.85,
    ),
    "Ravi": Curated(
        203,
        {
            "sex": 0.95, "african": 0.45, "asian": 0.5, "caucasian": 0.6, "age": 0.4,
            "skin_tone": 0.8, "eye_colour": 0.1, "hair_style": 0.7, "hair_colour": 0.15,
            "stubble": 0.9, "brow_style": 0.5, "clothes": 0.1, "clothes_hue": 0.33,
        },
    ),
}  # fmt: skip
"""The named faces, in the order that shards index them."""


def curated_z(name: str) -> F32:
    """The z of a named face, float32 [Z_DIM]. Raises KeyError if there is none of that name."""
    face = CURATED[name]
    z = np.random.default_rng(face.seed).standard_normal(Z_DIM)
    z[len(FACTORS) :] *= face.sculpt
    for factor, quantile in face.factors.items():
        z[FACTORS.index(factor)] = ndtri(quantile)
    return z.astype(np.float32)
