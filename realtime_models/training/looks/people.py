"""Who: a person as plain data, and the figure that is made of it: mixed head, hair, things worn."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from latentcam.realtime_models.training.looks import beard
from latentcam.realtime_models.training.looks.expression import Expression
from latentcam.realtime_models.training.looks.hair import Strands, grow
from latentcam.realtime_models.training.looks.lids import Lashes
from latentcam.realtime_models.training.looks.rig import Bank, Rig, Turn
from latentcam.realtime_models.training.looks.sculpt import Features, ageing, corrective, mould
from latentcam.realtime_models.training.looks.skull import Skull
from latentcam.realtime_models.training.looks.styles import STYLES
from latentcam.realtime_models.training.looks.wear import Piece, glasses, head_scarf

F64 = npt.NDArray[np.float64]
Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Person:
    """Everything that makes one person; see `cast.py` for some and `identity.py` for any z."""

    mixture: dict[str, float]  # head -> share
    skin: str  # whose texture
    tone: Colour = (1.0, 1.0, 1.0)  # a factor of the skin's colour
    saturation: float = 1.0
    shine: float = 0.36  # of the skin
    lips: Colour = (1.0, 1.0, 1.0)
    clothes: str = "White_F_1"  # whose torso and cloth
    cloth: Colour | None = None  # recoloured to this
    hair: str = "crop"
    hair_changes: dict[str, Any] = field(default_factory=dict)
    melanin: float = 0.85
    redness: float = 0.3
    grey: float = 0.0
    lashes: float = 1.0
    beard: float = 0.0  # length in metres; 0 for none
    moustache: bool = True
    iris: str = "brown"
    iris_size: float = 0.0060
    age: float = 0.0  # 0 young, 1 seventy
    glasses: str = ""
    glasses_colour: Colour = (0.02, 0.02, 0.022)
    scarf: Colour | None = None
    distinct: float = 0.35  # from the mean head, beyond the mixture
    features: Features | None = None  # moulded by hand
    painted: bool = False  # drawn rather than born: skin without pores, brows as strokes
    smile: float = 0.0  # of the face at rest, added
    lids: float = 0.0  # lower at rest, added
    brows: float = 0.0  # their inner ends up at rest, added
    seed: int = 0


SHOULDERS = 0.86
"""How wide they are, of what they were modelled as: arms from a T keep them too wide."""


@dataclass(slots=True)
class Posed:
    """World positions of a pose: of meshes, of strands that bend; what moves as one with `head`."""

    meshes: dict[str, F64]
    strands: dict[str, F64]
    rigid: list[str]
    head: Turn


class Figure:
    """A person's geometry, ready to be posed."""

    def __init__(self, bank: Bank, person: Person) -> None:
        self.bank, self.person = bank, person
        mixture = _mixture(bank, person.mixture)
        self.rig = Rig(bank, mixture, distinct=person.distinct)
        self._torso(_mixture(bank, {person.clothes: 1.0}))
        self.rig.rest["head"] = self.rig.rest["head"] + ageing(self.rig, person.age)
        if person.features is not None:
            mould(self.rig, person.features)
        self.head_weights = self.rig.weights[:, 1:3]
        self.strands: dict[str, Strands] = {}
        self.pieces: dict[str, Piece] = {}
        self.cover: F64 = np.zeros(len(self.rig.rest["head"]))
        self._hair()
        rng = np.random.default_rng(person.seed)
        self.lashes = Lashes(bank, self.rig, person.lashes, rng)
        self.wet = self.lashes.wet(len(self.rig.rest["head"]))
        edge = self.lashes.points(self.rig.rest["head"])
        self.strands["lashes"] = Strands(
            edge, self.lashes.radius(), np.zeros(edge.shape[:2]), np.ones(len(edge))
        )
        self.rooted: dict[str, beard.Beard] = {}
        if person.painted:
            self.rooted["brows"] = beard.brows(self.skull, person.seed)
        if person.beard:
            self.rooted["beard"] = beard.grow(
                self.skull, person.beard, person.moustache, person.seed
            )
            hidden = beard.density(self.skull.model, person.moustache)
            self.cover = np.maximum(self.cover, min(0.55, 0.18 + 30 * person.beard) * hidden)
        for name, hairs in self.rooted.items():
            still = np.zeros(hairs.points.shape[:2])
            self.strands[name] = Strands(hairs.points, hairs.radius, still, np.ones(len(still)))
        if person.glasses:
            self.pieces.update(glasses(self.rig, person.glasses))
        if person.scarf is not None:
            self.pieces["scarf"] = head_scarf(self.skull)

    def _torso(self, mixture: F64) -> None:
        """Below the middle of the neck the body is that of whose clothes are worn."""
        rest = self.rig.rest["head"]
        other = Rig(self.bank, mixture).rest["head"]
        share = np.clip((-0.105 - rest[:, 2]) / 0.045, 0, 1) * (self.rig.weights[:, 2] < 0.5)
        share = (share * share * (3 - 2 * share))[:, None]
        shift = self.rig.joints[1] - _joint(self.bank, mixture, 1)
        other = other + shift
        other[:, 0] *= 1 - (1 - SHOULDERS) * np.clip((-0.13 - other[:, 2]) / 0.05, 0, 1)
        self.rig.rest["head"] = rest * (1 - share) + other * share

    def _hair(self) -> None:
        person, bank = self.person, self.bank
        model = bank["head_rest"].mean(0).astype(np.float64)
        self.skull = Skull(self.rig.rest["head"], bank["head_faces"], model, bank["scalp"])
        if person.hair and person.scarf is None:
            style = replace(STYLES[person.hair], **person.hair_changes)
            self.cover = self.skull.cover(style)
            self.strands["hair"] = grow(self.skull, style, person.seed)

    def posed(self, expression: Expression) -> Posed:
        """Where everything is for an expression."""
        rig = self.rig
        neck, head = rig.head_turn(*expression.turn)
        awake = 1 - expression.blink
        expression.add({"@smileClose": self.person.smile, "@sad": self.person.brows}, 1.0)
        expression.add({"@browUp": 0.5 * self.person.brows}, 1.0)
        expression.add({"@eyeClose": self.person.lids}, awake)
        if self.person.painted:
            expression.add({"@eyeOpen": 0.50, "@lowLid": -0.20}, awake)
        points = rig.expressed(expression.head, corrective(rig, expression))
        meshes = {
            "head": rig.skinned(points, self.head_weights, neck, head),
            "up": head(rig.rest["up"]),
            "down": head(rig.lower_teeth(expression.down)),
            "gland_l": head(rig.rest["gland_l"]),
            "gland_r": head(rig.rest["gland_r"]),
        }
        strands: dict[str, F64] = {}
        rigid = []
        for name, piece in self.pieces.items():
            if piece.weights is None:
                rigid.append(name)
            else:
                meshes[name] = rig.skinned(piece.points, piece.weights, neck, head)
        for name, part in self.strands.items():
            if name == "lashes":
                strands[name] = self.lashes.points(meshes["head"])
            elif name in self.rooted:
                rest, corner = rig.rest["head"], self.rooted[name].corner
                share, steps = self.rooted[name].share[..., None], part.points.shape[1]
                shift = (share * (points - rest)[corner]).sum(1)
                weights = (share * self.head_weights[corner]).sum(1)
                moved = (part.points + shift[:, None]).reshape(-1, 3)
                moved = rig.skinned(moved, np.repeat(weights, steps, 0), neck, head)
                strands[name] = moved.reshape(part.points.shape)
            elif part.loose.max() > 0.05:
                loose = part.loose[..., None]
                turned = head(part.points.reshape(-1, 3)).reshape(part.points.shape)
                strands[name] = turned * (1 - loose) + part.points * loose
            else:
                rigid.append(name)
        return Posed(meshes, strands, rigid, head)


def _mixture(bank: Bank, shares: dict[str, float]) -> F64:
    mixture = np.zeros(len(bank.names))
    for name, share in shares.items():
        mixture[bank.names.index(name)] = share
    return np.asarray(mixture / mixture.sum())


def _joint(bank: Bank, mixture: F64, index: int) -> F64:
    return np.asarray(bank.mixed("joints", mixture)[index])


def light_of(person: Person) -> dict[str, float]:
    """The light that a person always sits in: it belongs to the identity, not to the moment."""
    rng = np.random.default_rng(person.seed + 3)
    dark = float(np.clip(1.5 - np.mean(person.tone), 0, 1)) if "Black" in person.skin else 0.0
    return {
        "warmth": float(rng.uniform(0.0, 0.7)),
        "side": float(rng.choice([-1.0, 1.0])),
        "height": float(rng.uniform(0.40, 0.50)),
        "key": float(rng.uniform(0.92, 1.08)),
        "fill": float(rng.uniform(0.8, 1.3)),
        "rim": float(rng.uniform(0.7, 1.1)),
        "ambient": float(rng.uniform(0.9, 1.3)),
        "exposure": 0.15 * dark
        + (0.2 if "Black" in person.skin else -0.10 if "White" in person.skin else 0.0),
    }
