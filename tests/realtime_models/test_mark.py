"""The mark's pattern: the same for ever, faint, and another for every session."""

from __future__ import annotations

import hashlib

import numpy as np

from latentcam.realtime_models.mark import (
    BYTES,
    HIGHEST,
    LOWEST,
    MOST,
    STRENGTH,
    pattern,
    payload,
    session_mark,
    waves,
)


def test_it_is_the_same_for_ever() -> None:
    """Pictures that left long ago are to be found by this version, too."""
    made = waves()
    drawn = hashlib.sha256(made.k.astype("<i2").tobytes() + made.signs.tobytes()).hexdigest()
    assert drawn[:16] == "246470a7700c5a9b"
    np.testing.assert_allclose(made.phases[:3], [5.902833, 5.168486, 3.471529], atol=1e-6)
    assert session_mark("a session") == 0xCFF10310


def test_its_waves_are_those_that_codecs_keep() -> None:
    made = waves()
    length = np.hypot(*made.k.T)
    assert LOWEST <= length.min() and length.max() <= HIGHEST
    assert (made.k != 0).all(), "nothing upright or level"
    assert len(np.unique(made.k, axis=0)) == len(made.k) == made.sync + BYTES * made.signs.shape[2]


def test_it_is_faint_and_repeats_itself() -> None:
    for height, width in ((256, 256), (720, 1280), (64, 50)):
        made = pattern(height, width, 5)
        assert made.shape == (height, width) and made.dtype == np.int8
        half = height // 2
        np.testing.assert_array_equal(made[:half], made[half:])
        assert abs(made).max() <= MOST
        if height >= 256:  # below, there are too few pixels for all waves
            assert 0.9 * STRENGTH < made.std() < 1.15 * STRENGTH
            assert abs(made.mean()) < 0.02
            assert 10 * np.log10(255**2 / np.mean(made.astype(float) ** 2)) > 50, "dB"


def test_sessions_differ_and_share_what_they_are_found_by() -> None:
    one, other = (pattern(256, 256, mark).astype(float) for mark in (1, 2))
    alike = float(np.corrcoef(one.ravel(), other.ravel())[0, 1])
    assert 0.3 < alike < 0.9
    assert payload(1)[:4] == b"\0\0\0\1" and payload(1)[4] != payload(2)[4]
