"""What a camera lends to a face: values of axes that a person's own head calls for.

They come some thirty times a second, from this machine or in packets over a network
(docs/protocol.md), and are mixed with what the voice calls for in `performance.py`.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from latentcam.realtime_models.axes import FACE_AXES

LIPS = (
    "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthStretch", "mouthUpperUp",
    "mouthLowerDown", "mouthRollLower",
)  # fmt: skip
"""Axes that follow the voice, or the camera, or both."""
DRIVEN = tuple(axis for axis in FACE_AXES if axis.name not in ("tongueUp", "tongueOut"))
"""What a camera sees, in the order of the packets."""
HOLD = 0.5  # seconds that a face waits for the camera's next picture, before it goes its own way

VERSION = 1
_PACKET = struct.Struct(f"<BBH{len(DRIVEN)}h")
MOST = 32767  # what a whole reach is in a packet


@dataclass(frozen=True, slots=True)
class Driven:
    """values: of DRIVEN, by name of the axis, in its unit; what is not named rests. lips: how much
    of the mouth follows the camera, 0 (none: it follows the voice) to 1."""

    values: Mapping[str, float]
    lips: float = 0.0


def to_packet(driven: Driven, number: int) -> bytes:
    """number: of the packet, modulo 65 536."""
    shares = []
    for axis in DRIVEN:
        value = driven.values.get(axis.name, 0.0)
        reach = axis.high if value > 0 else -axis.low
        shares.append(round(MOST * min(max(value / reach, -1.0), 1.0)) if reach else 0)
    lips = round(255 * min(max(driven.lips, 0.0), 1.0))
    return _PACKET.pack(VERSION, lips, number % 65_536, *shares)


def from_packet(packet: bytes) -> tuple[Driven, int] | None:
    """What a packet says, and its number; None if it is not one. Whatever the bytes are, values lie
    within their axes."""
    if len(packet) != _PACKET.size or packet[0] != VERSION:
        return None
    _, lips, number, *shares = _PACKET.unpack(packet)
    values = {}
    for axis, share in zip(DRIVEN, shares, strict=True):
        reach = axis.high if share > 0 else -axis.low
        values[axis.name] = reach * max(share / MOST, -1.0)
    return Driven(values, lips / 255), number


def is_newer(number: int, than: int) -> bool:
    """Of numbers that begin anew after 65 535."""
    return 0 < (number - than) % 65_536 < 32_768
