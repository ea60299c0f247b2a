"""Control vectors over a channel that loses, delays and reorders."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from latentcam.realtime_models.axes import FACE_AXES, Axis
from latentcam.realtime_models.motion.codec import (
    MOST_FRAMES,
    REFRESHED,
    TICKS,
    BadPacket,
    Decoder,
    Encoder,
    step_sizes,
)

AXES = (*FACE_AXES, Axis("pca0", -3.0, 3.0, "std"), Axis("other", 0.0, 8.0, "mm"))
SIZES = step_sizes(AXES)
LOW = np.array([axis.low for axis in AXES], np.float32)
HIGH = np.array([axis.high for axis in AXES], np.float32)


def a_face_that_moves(ticks: int, seed: int = 0) -> NDArray[np.float32]:
    """float32 [ticks, axes]: every axis wanders over all of its range."""
    rng = np.random.default_rng(seed)
    speeds, phases = rng.uniform(0.1, 1.5, len(AXES)), rng.uniform(0, 6, len(AXES))
    share = 0.5 + 0.5 * np.sin(np.arange(ticks)[:, None] / 10 * speeds + phases)
    return (LOW + share * (HIGH - LOW)).astype(np.float32)


def packets(face: NDArray[np.float32], frames: int, begin: int = 0) -> list[bytes]:
    encoder = Encoder(AXES, frames)
    return [encoder.encode(begin + i, x) for i, x in enumerate(face)]


def wrong(decoder: Decoder, x: NDArray[np.float32]) -> bool:
    """Whether any axis is off by more than rounding."""
    assert decoder.x is not None
    return bool((np.abs(decoder.x - x) > 0.501 * SIZES).any())


@pytest.mark.parametrize("frames", range(1, MOST_FRAMES + 1))
def test_what_arrives_is_what_was_sent_but_for_rounding(frames: int) -> None:
    face, decoder = a_face_that_moves(200), Decoder(AXES)
    for x, packet in zip(face, packets(face, frames, TICKS - 100), strict=True):
        assert decoder.decode(packet)
        assert not wrong(decoder, x)
    assert decoder.missed == 0


@pytest.mark.parametrize("frames", range(1, MOST_FRAMES + 1))
def test_losses_up_to_what_a_packet_repeats_leave_no_trace(frames: int) -> None:
    face, decoder = a_face_that_moves(300), Decoder(AXES)
    for i, packet in enumerate(packets(face, frames)):
        if i % frames == frames - 1:
            assert decoder.decode(packet)
            assert not wrong(decoder, face[i])
    assert decoder.missed == 0


def test_longer_losses_heal_within_a_round_of_all_axes() -> None:
    face, decoder = a_face_that_moves(120), Decoder(AXES)
    sent = packets(face, 2)
    heals = 60 + -(-len(AXES) // REFRESHED)
    states = {}
    for i, packet in enumerate(sent):
        if not 50 <= i < 60:
            decoder.decode(packet)
            states[i] = wrong(decoder, face[i])
    assert states[60], "a loss of ten packets would leave no trace, whatever the code does"
    assert not any(states[i] for i in range(heals, 120))
    assert decoder.missed == 9


def test_late_and_repeated_packets_change_nothing() -> None:
    face, decoder = a_face_that_moves(4), Decoder(AXES)
    sent = packets(face, 2)
    newer = [decoder.decode(sent[i]) for i in (0, 2, 1, 2, 0, 3)]
    assert newer == [True, True, False, False, False, True]
    assert not wrong(decoder, face[3])


def test_a_resting_face_costs_little() -> None:
    """A bit for each axis, and two whole values."""
    encoder = Encoder(FACE_AXES, 1)
    rest = np.zeros(len(FACE_AXES), np.float32)
    assert len(encoder.encode(0, rest)) == 3 + -(-(len(FACE_AXES) + REFRESHED) // 8)


@pytest.mark.parametrize("change", [lambda p: p[:-2], lambda p: b"\x20" + p[1:], lambda p: p[:2]])
def test_a_damaged_packet_leaves_the_face_as_it_was(change: object) -> None:
    assert callable(change)
    face, decoder = a_face_that_moves(3), Decoder(AXES)
    first, second, third = packets(face, 2)
    decoder.decode(first)
    with pytest.raises(BadPacket):
        decoder.decode(change(second))
    assert not wrong(decoder, face[0])
    decoder.decode(third)
    assert not wrong(decoder, face[2])


def test_frames_beyond_what_a_packet_can_say() -> None:
    with pytest.raises(ValueError, match="frames is 5, expected 1 to 4"):
        Encoder(AXES, 5)
