"""How a mood speaks: what it does to a mouth that talks.

The face of a mood is an axis of the pack and adds up with what is said, and so does what it parts
lips by (BARED), which gives way where lips are to meet: nobody says "mama" through bared teeth. And
who smiles also speaks smiling: vowels are spread, and round ones are less round (Tartter 1980,
"Happy talk: perceptual and acoustic effects of smiling on speech"); in anger the mouth opens
farther and in sadness less (Lee et al. 2005, "An articulatory study of emotional speech
production"). How much, is ours, by eye.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

OPEN = 0.2  # jawOpen from which a mouth counts as open

MANNERS: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "happy": {"mouthStretch": (1.0, 0.35), "mouthSmile": (1.0, 0.3), "mouthUpperUp": (1.0, 0.1),
              "mouthPucker": (0.65, 0.0), "mouthFunnel": (0.7, 0.0)},
    "sad": {"jawOpen": (0.8, 0.0), "mouthStretch": (0.5, 0.0), "mouthUpperUp": (0.6, 0.0)},
    "angry": {"jawOpen": (1.12, 0.0), "mouthPucker": (1.15, 0.0), "mouthLowerDown": (1.2, 0.2),
              "mouthUpperUp": (1.0, 0.1)},
    "surprised": {"jawOpen": (1.2, 0.0), "mouthStretch": (0.7, 0.0)},
    "afraid": {"jawOpen": (0.9, 0.0), "mouthStretch": (1.0, 0.3), "mouthPucker": (0.75, 0.0)},
    "disgusted": {"jawOpen": (0.85, 0.0), "mouthUpperUp": (1.2, 0.25)},
}  # fmt: skip
"""Mood -> axis of the motion model -> factor on what is said, and what an open mouth adds, both at
full strength of the mood."""


BARED: Mapping[str, Mapping[str, float]] = {
    "happy": {"mouthSmile": 0.4, "mouthUpperUp": 0.25, "jawOpen": 0.12},
    "sad": {"mouthLowerDown": 0.3},
    "angry": {"mouthLowerDown": 1.25, "mouthUpperUp": 0.6, "mouthStretch": 0.7, "jawOpen": 0.2},
    "surprised": {"jawOpen": 0.6, "mouthFunnel": 0.3},
    "afraid": {"mouthLowerDown": 0.6, "jawOpen": 0.2},
    "disgusted": {"mouthUpperUp": 1.25, "jawOpen": 0.2},
}
"""Mood -> axis of the face -> what the mood at full strength parts lips by, beside its own axis."""
PRESSED = 0.4  # mouthClose of the motion model from which lips are to meet


class Manner:
    """MANNERS for the axes of one motion model. Holds nothing that changes."""

    def __init__(self, axes: Sequence[str]) -> None:
        """axes: of the motion model, in its order; those that it lacks are left out."""
        at = {name: i for i, name in enumerate(axes)}
        self._jaw, self._close = at.get("jawOpen"), at.get("mouthClose")
        self._moves = {
            mood: [(at[axis], *move) for axis, move in moves.items() if axis in at]
            for mood, moves in MANNERS.items()
        }

    def meeting(self, said: Sequence[float]) -> float:
        """How far lips are to meet, 0 to 1, in what is said."""
        return 0.0 if self._close is None else min(max(said[self._close] / PRESSED, 0.0), 1.0)

    def speak(self, said: list[float], moods: Mapping[str, float]) -> list[float]:
        """What is said, one value for each axis, as somebody in these moods says it.

        moods: strength, 0 to 1, of any of MANNERS; others change nothing.
        """
        out = list(said)
        opened = min(max(said[self._jaw] / OPEN, 0.0), 1.0) if self._jaw is not None else 0.0
        if self._close is not None:
            opened *= 1.0 - min(max(said[self._close], 0.0), 1.0)
        for mood, strength in moods.items():
            for i, factor, added in self._moves.get(mood, ()):
                out[i] = out[i] * (1.0 + strength * (factor - 1.0)) + strength * added * opened
        return out
