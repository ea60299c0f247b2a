"""The life of a face that no sound explains: blinks, glances, breath, a head never quite still.

Everything is a function of time and seed: nothing is stored, nothing loops, and any moment can be
computed alone. What follows the voice is in `gestures.py`.

Blinks: 17 a minute at rest, 26 in conversation (Bentivoglio et al. 1997, "Analysis of blink rate
patterns in normal subjects"); here 18, to which `gestures` adds those at the ends of utterances.
Lids fall in less than half the time that they rise (VanderWerf et al. 2003, "Eyelid movements").
Saccades: 25 ms and 2.4 ms a degree, most of them small (Lee et al. 2002, "Eyes alive"). A resting
adult breathes 12 to 20 times a minute. How many blinks are double, and how far a head sways, is
ours: by eye, as people look at a camera.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

BLINK_CELL = 3.2  # seconds; at most one blink, or a double one, begins in each
BLINK_SHARE = 0.85  # of the cells
CLOSING, OPENING = 0.08, 0.18  # seconds
DOUBLE_BLINKS = 0.12  # share
GLANCE_CELL = 2.5  # seconds; the eyes settle somewhere new once in each
SACCADE = 0.025  # seconds, and SACCADE_PER_DEGREE more
SACCADE_PER_DEGREE = 0.0024
HELD = 0.8  # of a glance, that attention takes away
BREATH_HZ, BREATH = 0.24, 0.3  # a head rises with the chest, degrees

# Sway: (amplitude, frequency in Hz) of sines whose periods have no common multiple in practice.
SWAY = {
    "headYaw": ((1.6, 0.071), (0.9, 0.173), (0.4, 0.391)),
    "headPitch": ((1.0, 0.083), (0.6, 0.211), (0.35, 0.439)),
    "headRoll": ((0.8, 0.059), (0.5, 0.149)),
}


def life(
    time_s: float, seed: int, strength: float = 1.0, attention: float = 0.0
) -> dict[str, float]:
    """Values by axis name at a moment, to be added to what the voice calls for.

    strength: how lively, 0 to 2. It scales every move but the lids': half a blink is a twitch, so
    a calmer face blinks less often instead. attention: 0 to 1, how closely the eyes stay with the
    viewer; a listener's do.
    """
    values = {
        name: sum(
            amplitude * math.sin(2 * math.pi * (hertz * time_s + _random(seed, name, i)))
            for i, (amplitude, hertz) in enumerate(sines)
        )
        for name, sines in SWAY.items()
    }
    # No two breaths are alike: the phase drifts by a good part of a breath.
    wander = 0.8 * math.sin(2 * math.pi * (0.031 * time_s + _random(seed, "breath", 0)))
    values["headPitch"] += BREATH * math.sin(2 * math.pi * BREATH_HZ * time_s + wander)
    away = 1.0 - HELD * attention
    values["gazeYaw"] = away * _glance(time_s, seed, "gazeYaw", 3.0) - 0.6 * values["headYaw"]
    values["gazePitch"] = away * _glance(time_s, seed, "gazePitch", 1.5)
    values = {name: strength * value for name, value in values.items()}
    values["eyeBlink"] = _blink(time_s, seed, BLINK_SHARE * strength)
    return values


@lru_cache(maxsize=1024)  # a tick asks for the same twenty as the tick before
def _random(seed: int, *key: str | int) -> float:
    """A number in [0, 1) that belongs to the key."""
    words = [seed] + [part if isinstance(part, int) else _word(part) for part in key]
    return float(np.random.default_rng(words).random())


def _word(text: str) -> int:
    return int.from_bytes(text.encode(), "little")


def _blink(time_s: float, seed: int, share: float) -> float:
    """0 open, 1 closed. share: of the cells that have a blink."""
    closed = 0.0
    newest = math.floor(time_s / BLINK_CELL)
    for cell in (newest - 1, newest):
        if cell < 0:
            continue
        if _random(seed, "blinks", cell) >= share:
            continue
        start = (cell + 0.8 * _random(seed, "blink", cell)) * BLINK_CELL
        starts = [start]
        if _random(seed, "double", cell) < DOUBLE_BLINKS:
            starts.append(start + 0.35)
        for begun in starts:
            since = time_s - begun
            if 0.0 <= since < CLOSING:
                closed = max(closed, since / CLOSING)
            elif CLOSING <= since < CLOSING + OPENING:
                closed = max(closed, 1.0 - (since - CLOSING) / OPENING)
    return closed * closed * (3.0 - 2.0 * closed)


def _glance(time_s: float, seed: int, axis: str, spread: float) -> float:
    """Degrees: still but for a quick move somewhere in each cell; mostly near the viewer."""

    def place(cell: int) -> float:
        u = 2.0 * _random(seed, axis, max(cell, 0)) - 1.0
        return spread * u * abs(u)

    cell = math.floor(time_s / GLANCE_CELL)
    begins = (cell + 0.9 * _random(seed, "glance", max(cell, 0))) * GLANCE_CELL
    old, new = place(cell - 1), place(cell)
    takes = SACCADE + SACCADE_PER_DEGREE * abs(new - old)
    return old + min(max((time_s - begins) / takes, 0.0), 1.0) * (new - old)
