"""The gate opens at once for a voice, soft or loud, and stays shut for the room around it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import Samples
from latentcam.realtime_models.motion.gate import GateState, gate, gate_initial_state
from tests.voice import speech

RATE = 16000


def hear(
    sound: Samples, state: GateState | None = None, chunk: int = 160
) -> tuple[NDArray[np.float64], GateState]:
    """How far it is open after every chunk, and the state for what follows."""
    state, opened = state or gate_initial_state(), []
    for i in range(0, len(sound), chunk):
        state = gate(sound[i : i + chunk], state)
        opened.append(state.open)
    return np.array(opened), state


def over(sound: Samples, chunk: int = 160) -> NDArray[np.float64]:
    return hear(sound, chunk=chunk)[0]


def at_dbfs(sound: Samples, level: float) -> Samples:
    return np.asarray(sound * 10 ** (level / 20) / np.sqrt(np.mean(sound**2)), np.float32)


@pytest.mark.parametrize("level", [-40.0, -26.0, -12.0, -3.0])
def test_a_voice_opens_within_fifty_milliseconds_at_any_level(level: float) -> None:
    hiss = 1e-5 * np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    voice = at_dbfs(speech(2.0), level)
    begins = int(np.flatnonzero(np.abs(voice) > 0.1 * np.abs(voice).max())[0]) // 160
    opened = over(np.concatenate([hiss, voice]))
    assert not opened[:100].any()
    assert opened[100 + begins + 5 :].min() == 1.0


def test_it_closes_after_the_voice_smoothly_and_for_good() -> None:
    opened = over(np.concatenate([speech(1.0), np.zeros(RATE, np.float32)]))
    after = opened[100:]
    assert after[:25].min() == 1.0 and not after[50:].any()
    assert np.abs(np.diff(after)).max() < 0.1


def test_a_speaker_who_goes_softer_is_still_heard() -> None:
    _, state = hear(at_dbfs(speech(3.0), -20.0))
    assert hear(at_dbfs(speech(3.0), -32.0), state)[0].min() == 1.0


@pytest.mark.parametrize("chunk", [1, 97, 640, 5000])
def test_any_cutting_ends_the_same(chunk: int) -> None:
    sound = np.concatenate([speech(0.7), np.zeros(RATE // 3, np.float32)])[: 160 * 100]
    assert over(sound, chunk=chunk)[-1] == over(sound)[-1]


@pytest.mark.parametrize("hertz", [110.0, 220.0])
def test_a_vowel_may_be_held_as_long_as_breath_lasts(hertz: float) -> None:
    """A voice that did not vary was taken for the room's noise after two seconds."""
    t = np.arange(8 * RATE) / RATE
    phase = 2 * np.pi * np.cumsum(hertz * (1 + 0.01 * np.sin(2 * np.pi * 5 * t))) / RATE
    formants = ((700, 1.0), (1220, 0.6), (2600, 0.3))  # of "ah"
    vowel = sum(
        sum(gain * np.exp(-(((h * hertz - f) / 160) ** 2)) for f, gain in formants)
        * np.sin(h * phase)
        for h in range(1, 30)
    )
    hiss = 1e-4 * np.random.default_rng(0).standard_normal(9 * RATE)
    sound = hiss + np.concatenate([np.zeros(RATE), at_dbfs(vowel, -26.0)])
    opened = over(sound.astype(np.float32))
    assert not opened[:95].any() and opened[110:].min() == 1.0


def test_silence_never_opens() -> None:
    assert not over(np.zeros(3 * RATE, np.float32)).any()


def test_it_opens_with_the_voice_and_closes_after_it_tick_by_tick() -> None:
    silence = np.zeros(RATE, np.float32)
    opened = over(np.concatenate([silence, speech(2.0), silence]), chunk=640)
    assert not opened[:25].any()
    assert opened[26:75].min() == 1.0, "the mouth may move from the second tick of the voice on"
    assert not opened[-8:].any() and opened[76] == 1.0, "plosives do not close it"


def test_steady_noise_keeps_it_shut() -> None:
    noise = np.random.default_rng(0).standard_normal(10 * RATE).astype(np.float32) * 0.01
    assert over(noise, chunk=640)[100:].mean() < 0.05
