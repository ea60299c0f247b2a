"""Somebody else's voice on its way to a face: in order, resampled, never more than waits."""

from __future__ import annotations

import numpy as np
import pytest

from latentcam.stream.errors import MediaError
from latentcam.stream.other_voice import MOST, OtherVoice
from tests.voice import speech


def test_what_is_heard_comes_out_in_order_and_then_silence() -> None:
    other, said = OtherVoice(), speech(0.3)
    other.hear(said[:1000], 16000)
    other.hear(said[1000:], 16000)
    taken = np.concatenate([other.take(640) for _ in range(10)])
    np.testing.assert_array_equal(taken[: len(said)], said)
    assert not taken[len(said) :].any() and taken.dtype == np.float32


def test_other_rates_are_resampled() -> None:
    other = OtherVoice()
    for block in speech(0.4, 48000).reshape(-1, 480):
        other.hear(block, 48000)
    heard, said = other.take(6000), speech(0.4)
    matches = [
        np.corrcoef(heard[200:5000], said[lag : lag + 4800])[0, 1] for lag in range(180, 221)
    ]
    assert max(matches) > 0.95


def test_whoever_is_not_listened_to_does_not_pile_up() -> None:
    other, said = OtherVoice(), speech(2.0)
    other.hear(said, 16000)
    np.testing.assert_array_equal(other.take(MOST), said[-MOST:])
    assert not other.take(100).any()


def test_a_rate_at_which_there_is_no_voice_is_refused() -> None:
    with pytest.raises(MediaError, match="the sound has 100 samples a second"):
        OtherVoice().hear(speech(0.1), 100)
