"""What a camera lends, in packets."""

from __future__ import annotations

import pytest

from latentcam.realtime_models.motion.driven import (
    DRIVEN,
    LIPS,
    Driven,
    from_packet,
    is_newer,
    to_packet,
)


def test_a_packet_says_what_was_put_into_it() -> None:
    values = {"headYaw": -12.5, "headPitch": 18.0, "eyeBlink": 0.5, "gazeYaw": 25.0}
    found = from_packet(to_packet(Driven(values, 0.4), 70_000))
    assert found is not None
    driven, number = found
    assert number == 70_000 % 65_536 and driven.lips == pytest.approx(0.4, abs=1 / 255)
    for axis in DRIVEN:
        assert driven.values[axis.name] == pytest.approx(values.get(axis.name, 0.0), abs=1e-3)


def test_what_is_too_much_is_cut_off() -> None:
    found = from_packet(to_packet(Driven({"headYaw": 1e9, "jawOpen": -1.0}, 7.0), 0))
    assert found is not None
    assert found[0].values["headYaw"] == 25.0 and found[0].values["jawOpen"] == 0.0
    assert found[0].lips == 1.0


def test_numbers_begin_anew() -> None:
    assert is_newer(1, 0) and is_newer(0, 65_535) and is_newer(10, 65_530)
    assert not is_newer(5, 5) and not is_newer(65_535, 0) and not is_newer(3, 4)


def test_lips_are_driven() -> None:
    assert set(LIPS) < {axis.name for axis in DRIVEN}
