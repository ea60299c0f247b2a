"""Named axes of the control vector x_t: what each number of it moves, in which unit, how far."""

from __future__ import annotations

import msgspec

from latentcam.realtime_models.bounds import within

FARTHEST = 1000.0  # of any axis, in its unit

MOODS = ("happy", "sad", "angry", "surprised", "afraid", "disgusted")
"""Axes that a pack may have and that people know, in the order of the pages."""


class Axis(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One named component of the control vector x_t.

    name: ARKit's blendshape name where one exists (https://developer.apple.com/documentation/
        arkit/arfaceanchor/blendshapelocation), ours in the same style elsewhere.
    low, high: the range that the generator was trained on; x_t is clamped to it. Rest is 0.
    unit: "1" for an activation, "deg" for an angle in degrees, "std" for standard deviations
        of a principal component of W.
    """

    name: str
    low: float
    high: float
    unit: str = "1"

    def __post_init__(self) -> None:
        if not (self.name.isprintable() and 1 <= len(self.name) <= 64):
            raise ValueError(f"an axis is named {self.name[:64]!r}, expected 1 to 64 letters")
        within(f"axis {self.name}: low", self.low, -FARTHEST, 0.0)
        within(f"axis {self.name}: high", self.high, 0.0, FARTHEST)
        if self.low == self.high:
            raise ValueError(f"axis {self.name} spans nothing, expected a range around 0")


FACE_AXES: tuple[Axis, ...] = (
    # Mouth. Rest is lips that touch lightly.
    Axis("jawOpen", 0.0, 1.0),
    Axis("mouthClose", 0.0, 1.0),  # lips pressed together (M, B, P), against an open jaw too
    Axis("mouthFunnel", 0.0, 1.0),  # lips forward and apart (SH, CH)
    Axis("mouthPucker", 0.0, 1.0),  # lips rounded and small (OO, W)
    Axis("mouthStretch", 0.0, 1.0),  # corners to the sides (EE, S)
    Axis("mouthSmile", 0.0, 1.0),
    Axis("mouthFrown", 0.0, 1.0),
    Axis("mouthUpperUp", 0.0, 1.0),  # upper lip shows the upper teeth
    Axis("mouthLowerDown", 0.0, 1.0),  # lower lip shows the lower teeth
    Axis("mouthRollLower", 0.0, 1.0),  # lower lip under the upper teeth (F, V)
    Axis("tongueUp", 0.0, 1.0),  # tip of the tongue to the palate (L, N); no ARKit name
    Axis("tongueOut", 0.0, 1.0),  # tongue between the teeth (TH)
    # Eyes and brows.
    Axis("eyeBlink", 0.0, 1.0),
    Axis("eyeWide", 0.0, 1.0),
    Axis("eyeSquint", 0.0, 1.0),
    Axis("gazeYaw", -25.0, 25.0, "deg"),  # positive: to the viewer's right
    Axis("gazePitch", -15.0, 15.0, "deg"),  # positive: up
    Axis("browInnerUp", 0.0, 1.0),
    Axis("browOuterUp", 0.0, 1.0),
    Axis("browDown", 0.0, 1.0),
    Axis("noseSneer", 0.0, 1.0),
    # Head.
    Axis("headYaw", -25.0, 25.0, "deg"),  # positive: to the viewer's right
    Axis("headPitch", -18.0, 18.0, "deg"),  # positive: up
    Axis("headRoll", -18.0, 18.0, "deg"),  # positive: clockwise as the viewer sees it
)
"""The control vector of packs trained by `realtime_models.training`, in this order."""
