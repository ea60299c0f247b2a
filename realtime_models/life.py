"""The life of a face that no sound explains: blinks, glances, a head that is never quite still.

Everything is a function of time and seed: nothing is stored, nothing loops, and any moment can be
computed alone. Rates and durations: blinks about 15 a minute, 0.1 s closing and 0.2 s opening
(Bentivoglio et al. 1997; VanderWerf et al. 2003); head sway below 0.5 Hz.
"""

from __future__ import annotations

import math

import numpy as np

BLINK_CELL = 4.0  # seconds; one blink somewhere in each, sometimes two
CLOSING, OPENING = 0.08, 0.18  # seconds
DOUBLE_BLINKS = 0.12  # share
GLANCE_CELL = 2.5  # seconds; the eyes settle somewhere new in each
SACCADE = 0.05  # seconds

# Sway: (amplitude, frequency in Hz) of sines whose periods have no common multiple in practice.
SWAY = {
    "headYaw": ((1.6, 0.071), (0.9, 0.173), (0.4, 0.391)),
    "headPitch": ((1.0, 0.083), (0.6, 0.211), (0.35, 0.439)),
    "headRoll": ((0.8, 0.059), (0.5, 0.149)),
}


def life(time_s: float, seed: int) -> dict[str, float]:
    """Values by axis name at a moment, to be added to what the voice calls for."""
    values = {
        name: sum(
            amplitude * math.sin(2 * math.pi * (hertz * time_s + _random(seed, name, i)))
            for i, (amplitude, hertz) in enumerate(sines)
        )
        for name, sines in SWAY.items()
    }
    values["eyeBlink"] = _blink(time_s, seed)
    values["gazeYaw"] = _glance(time_s, seed, "gazeYaw", 3.0) - 0.6 * values["headYaw"]
    values["gazePitch"] = _glance(time_s, seed, "gazePitch", 1.5)
    return values


def _random(seed: int, *key: str | int) -> float:
    """A number in [0, 1) that belongs to the key."""
    words = [seed] + [part if isinstance(part, int) else _word(part) for part in key]
    return float(np.random.default_rng(words).random())


def _word(text: str) -> int:
    return int.from_bytes(text.encode(), "little")


def _blink(time_s: float, seed: int) -> float:
    """0 open, 1 closed."""
    closed = 0.0
    newest = math.floor(time_s / BLINK_CELL)
    for cell in (newest - 1, newest):
        if cell < 0:
            continue
        start = (cell + 0.1 + 0.8 * _random(seed, "blink", cell)) * BLINK_CELL
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
    """Degrees: still within a cell, a quick move between cells; mostly near the viewer."""

    def place(cell: int) -> float:
        u = 2.0 * _random(seed, axis, max(cell, 0)) - 1.0
        return spread * u * abs(u)

    cell = math.floor(time_s / GLANCE_CELL)
    moved = min(1.0, (time_s - cell * GLANCE_CELL) / SACCADE)
    return place(cell - 1) + moved * (place(cell) - place(cell - 1))
