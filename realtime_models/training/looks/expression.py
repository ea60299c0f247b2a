"""How: the control vector x as weights of the heads' own shapes, and as angles.

Shapes are the modellers' (visemes, lips, smiles, lids, brows), so most axes are sums of them; lip
shapes that part the lips switch the seal of the lips off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from latentcam.realtime_models.axes import FACE_AXES

F32 = npt.NDArray[np.float32]
AXES: dict[str, int] = {axis.name: i for i, axis in enumerate(FACE_AXES)}
Weights = Mapping[str, float]
"""Shape -> weight; a leading @ stands for R and L."""

REST: Weights = {
    "@smileClose": 0.42,
    "@smileOpen": 0.06,
    "@lowLid": 0.18,
    "@eyeClose": 0.04,
    "@browUp": 0.26,
    "@sad": 0.16,
}
"""Friendly at rest: a hint of a smile that reaches cheeks and lids, brows up at the inner end."""
REST_CHEEKS = 0.35

LINEAR: dict[str, tuple[Weights, Weights]] = {
    # axis: (shapes of the head, shapes of teeth and tongue) at 1
    "jawOpen": ({"Shout": 0.42, "MouthOpen": 0.40}, {"t_Shout": 0.42, "t_MouthOpen": 0.40}),
    "mouthClose": ({"MPB_Up": 0.75, "MPB_Down": 0.75}, {}),
    "mouthFunnel": ({"SH_CH": 1.05}, {"t_SH_CH": 1.05}),
    "mouthPucker": ({"Kiss": 0.62, "UW_U": 0.45}, {"t_UW_U": 0.45}),
    "mouthStretch": ({"@lipCorner": 0.55, "TD_I": 0.80}, {"t_TD_I": 0.8}),
    "mouthSmile": (
        {
            "@smileClose": 0.42,
            "@smileOpen": 0.92,
            "@lipCorner": -0.10,
            "@lowLid": 0.30,
            "@squint": 0.08,
            "@lipUp": 0.06,
        },
        {},
    ),
    "mouthFrown": ({"@mouthSad": 1.4, "Chin": 0.65}, {}),
    "mouthUpperUp": ({"@lipUp": 0.62}, {}),
    "mouthLowerDown": ({"@lipDown": 0.95}, {}),
    "mouthRollLower": ({"FV": 1.5}, {"t_FV": 1.0}),
    "tongueUp": ({}, {"CurlUp_Out_tg": 0.25, "Up_tg": 0.25}),
    "tongueOut": ({}, {"OutMiddle_tg": 0.45}),
    "eyeBlink": ({"@eyeClose": 0.92, "@lowLid": 0.12}, {}),
    "eyeWide": ({"@eyeOpen": 1.05}, {}),
    "eyeSquint": ({"@squint": 0.26, "@lowLid": 0.42}, {}),
    "browInnerUp": ({"@sad": 1.1, "@browUp": 0.5}, {}),
    "browOuterUp": ({"outer_up": 1.35, "@browUp": 0.8}, {}),
    "browDown": ({"@browDown": 1.35, "outer_down": 0.8}, {}),
    "noseSneer": ({"@disgust": 0.62, "@nostril": 1.2, "@browDown": 0.25}, {}),
}
"""Axis -> weights at 1."""

OPEN: Mapping[str, float] = {
    "jawOpen": 0.45,
    "mouthUpperUp": 0.8,
    "mouthLowerDown": 0.8,
    "mouthSmile": 0.6,
}
"""The upper teeth, whole: for a texture."""
SUNK = 0.016
"""Metres by which the lower teeth are sunk there, out of sight: moved along, their ends would show
as specks."""

_OUTER = {"outer_up": ("RRbrowUp", "LLbrowUp"), "outer_down": ("RRbrowDown", "LLbrowDown")}


@dataclass(slots=True)
class Expression:
    """Weights of head shapes and of teeth shapes, degrees of head and eyes."""

    head: dict[str, float] = field(default_factory=dict)
    down: dict[str, float] = field(default_factory=dict)
    turn: tuple[float, float, float] = (0.0, 0.0, 0.0)
    gaze: tuple[float, float] = (0.0, 0.0)
    blink: float = 0.0
    smile: float = 0.0

    def add(self, weights: Weights, scale: float, teeth: bool = False) -> None:
        """Add weights times scale, both sides of names with an @."""
        total = self.down if teeth else self.head
        for name, weight in weights.items():
            sides = _OUTER.get(name) or (
                (f"R{name[1:]}", f"L{name[1:]}") if name.startswith("@") else (name,)
            )
            for side in sides:
                total[side] = total.get(side, 0.0) + scale * weight


def control(values: Mapping[str, float]) -> F32:
    """The control vector with these values, float32 [24]; axes that are not named are at rest."""
    x = np.zeros(len(FACE_AXES), np.float32)
    for name, value in values.items():
        x[AXES[name]] = value
    return x


def expression_from_x(x: F32) -> Expression:
    """The pose of a control vector, float32 [24]; values beyond an axis' range are clamped."""
    value = {
        axis.name: float(np.clip(x[i], axis.low, axis.high)) for i, axis in enumerate(FACE_AXES)
    }
    result = Expression(
        turn=(value["headYaw"], value["headPitch"], value["headRoll"]),
        gaze=(value["gazeYaw"], value["gazePitch"]),
        blink=value["eyeBlink"],
    )
    awake = 1 - value["eyeBlink"]
    busy = max(value["mouthFrown"], value["mouthPucker"], value["mouthFunnel"])
    content = (1 - busy) * (1 - 0.35 * value["mouthSmile"])
    result.add({k: REST[k] for k in ("@smileClose", "@smileOpen")}, content)
    result.smile = value["mouthSmile"] + REST_CHEEKS * content
    result.add({"@lowLid": REST["@lowLid"], "@eyeClose": REST["@eyeClose"]}, awake)
    result.add({"@browUp": REST["@browUp"], "@sad": REST["@sad"]}, 1 - value["browDown"])
    closing, jaw = value["mouthClose"], value["jawOpen"]
    held = closing * min(jaw, 0.35)  # closed lips hold against an open jaw
    shown = dict(value, jawOpen=jaw - 0.85 * held, eyeWide=awake * value["eyeWide"])
    shown["eyeSquint"] *= 0.3 + 0.7 * awake
    for name, (head, down) in LINEAR.items():
        if shown[name]:
            result.add(head, shown[name])
            result.add(down, shown[name], teeth=True)
    # Lids follow the eyes.
    pitch = awake * value["gazePitch"]
    if pitch < 0:
        result.add({"@eyeClose": 1.0}, -pitch / 15 * 0.30)
        result.add({"@lowLid": -1.0}, -pitch / 15 * 0.15)
    else:
        result.add({"@eyeOpen": 1.0}, pitch / 15 * 0.35)
    return result
