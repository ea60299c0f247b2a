"""The detector's memory is a value: kept, gone back to and copied like any other."""

from __future__ import annotations

import numpy as np
import webrtcvad

from latentcam.realtime_models.motion.voice_activity import (
    AGGRESSIVENESS,
    REMEMBERED,
    ActivityState,
    activity_initial_state,
    voice_activity,
)
from tests.voice import speech


def frames(seconds: float) -> list[bytes]:
    """Voice and noise in turns, 10 ms each."""
    noise = 0.02 * np.random.default_rng(0).standard_normal(int(seconds * 16000))
    talking = np.arange(len(noise)) // 8000 % 2 == 0
    sound = (noise + talking * speech(seconds)).clip(-1.0, 1.0)
    return [(part * 32767).astype("<i2").tobytes() for part in sound.reshape(-1, 160)]


def follow(heard: list[bytes], state: ActivityState) -> tuple[list[bool], ActivityState]:
    found = []
    for frame in heard:
        is_voice, state = voice_activity(frame, state)
        found.append(is_voice)
    return found, state


def test_it_is_webrtc_s() -> None:
    heard, detector = frames(2.0), webrtcvad.Vad(AGGRESSIVENESS)
    wanted = [detector.is_speech(frame, 16000) for frame in heard]
    assert follow(heard, activity_initial_state())[0] == wanted
    assert 20 < sum(wanted) < 180


def test_a_state_may_be_stepped_again_whatever_went_on_from_it() -> None:
    heard = frames(8.0)
    for begin in (1, 150, REMEMBERED * 2, 333):
        _, begun = follow(heard[:begin], activity_initial_state())
        first, _ = follow(heard[begin : begin + 300], begun)
        follow(heard[:97], begun)
        second, _ = follow(heard[begin : begin + 300], begun)
        assert first == second, begin


def test_what_lies_further_back_has_no_say() -> None:
    """So nothing makes it deaf for long, and a state stays small."""
    heard = frames(12.0)
    _, one = follow(heard[:1000], activity_initial_state())
    _, other = follow([*heard[400:800][::-1], *heard[400:1000]], activity_initial_state())
    assert len(one.frames) <= 2 * REMEMBERED
    assert follow(heard[1000:], one)[0] == follow(heard[1000:], other)[0]
