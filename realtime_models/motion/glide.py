"""What is shown of motion that comes over a network: as it is while it comes, gone on with for a
moment when it does not, and led back gently afterwards.

client_demo/here/glide.js is the same in JavaScript.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latentcam.realtime_models.arrays import Control

CARRY = 0.5  # share of the last move that a missing tick goes on with, and so on
LEAD_BACK = 0.5  # share of the way back that is left after each tick
NEAR = 0.01  # in the unit of any axis: nobody sees it


@dataclass(frozen=True, slots=True)
class GlideState:
    """last: what came; shown: what is seen; move: of the last tick; strayed: whether something else
    than what came is shown. None before anything came."""

    last: Control | None = None
    shown: Control | None = None
    move: Control | None = None
    strayed: bool = False


def came(x: Control, missed: int, state: GlideState) -> GlideState:
    """Motion came, `missed` ticks after the one before."""
    if state.last is None or state.shown is None:
        return GlideState(x, x, np.zeros_like(x))
    move = ((x - state.last) / (1 + missed)).astype(np.float32)
    if not state.strayed:
        return GlideState(x, x, move)
    shown = (x + LEAD_BACK * (state.shown - x)).astype(np.float32)
    return GlideState(x, shown, move, bool((np.abs(shown - x) > NEAR).any()))


def late(state: GlideState) -> GlideState:
    """Nothing came in time for a tick."""
    if state.shown is None or state.move is None:
        return state
    move = (CARRY * state.move).astype(np.float32)
    return GlideState(state.last, (state.shown + move).astype(np.float32), move, True)
