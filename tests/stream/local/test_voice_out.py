"""The delayed voice: the same sound, at the right moment, for as long as the clocks drift."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import correlate

from latentcam.stream.local.sound_devices import BLOCK, VOICE_RATE
from latentcam.stream.local.voice_out import FASTEST, NEAR, VoiceLine
from latentcam.stream.timeline import Timeline

STEP = BLOCK / VOICE_RATE
LATENCY = 0.03  # of the output device


def play(
    line: VoiceLine,
    voice: NDArray[np.float32],
    out_ppm: float = 0.0,
    jitter: float = 0.0,
    delays: dict[int, float] | None = None,
) -> NDArray[np.float32]:
    """Put a voice in and take as much out, block by block, by two clocks."""
    rng = np.random.default_rng(0)
    parts, taken, now = [], 0, 0.0
    for number in range(len(voice) // BLOCK):
        now = (number + 1) * STEP
        line.delay = (delays or {}).get(number, line.delay)
        line.put(voice[number * BLOCK :][:BLOCK], now + rng.uniform(0, jitter))
        while taken * STEP * (1 - out_ppm * 1e-6) <= now:
            at = taken * STEP * (1 - out_ppm * 1e-6)
            parts.append(line.take(BLOCK, at + LATENCY + rng.uniform(0, jitter)))
            taken += 1
    return np.concatenate(parts)


def lag(heard: NDArray[np.float32], voice: NDArray[np.float32], at: float) -> float:
    """Seconds by which half a second of `heard` from `at` lies behind `voice`."""
    start, count = round(at * VOICE_RATE), VOICE_RATE // 2
    reach = VOICE_RATE // 2
    window = voice[start - reach : start + count]
    found = correlate(window, heard[start : start + count], mode="valid", method="fft")
    return (reach - int(np.argmax(found))) / VOICE_RATE


def noise(seconds: float) -> NDArray[np.float32]:
    """Sound below 2 kHz of which every moment can be told from every other; rms 0.1."""
    rng = np.random.default_rng(1)
    sound = np.convolve(rng.normal(size=round(seconds * VOICE_RATE)), np.hanning(24), "same")
    return np.asarray(0.1 * sound / sound.std(), np.float32)


def test_the_voice_is_the_same_sample_for_sample_only_later() -> None:
    voice = noise(3.0)
    heard = play(VoiceLine(0.2), voice)
    late = round((0.2 - LATENCY) * VOICE_RATE)
    np.testing.assert_array_equal(
        heard[late + 4 * BLOCK : 2 * VOICE_RATE], voice[4 * BLOCK : 2 * VOICE_RATE - late]
    )
    assert not heard[: late - BLOCK].any(), "silence before it began"


@pytest.mark.parametrize("ppm", [-500.0, 500.0])
def test_clocks_that_drift_apart_stay_together(ppm: float) -> None:
    """Without following, 500 ppm are 30 ms in a minute and 1.8 s in an hour."""
    voice, line = noise(62.0), VoiceLine(0.2)
    heard = play(line, voice, out_ppm=ppm, jitter=0.004)
    for at in (10.0, 30.0, 60.0):
        drifted = at * ppm * 1e-6  # how far the output's own count of time is off by then
        assert lag(heard, voice, at) == pytest.approx(0.2 - LATENCY + drifted, abs=0.008)
    assert line.jumps == 0


def test_a_new_delay_is_reached_gently_and_a_far_one_at_once() -> None:
    voice, line = noise(16.0), VoiceLine(0.15)
    heard = play(line, voice, delays={300: 0.18, 1300: 0.4})
    assert lag(heard, voice, 2.0) == pytest.approx(0.15 - LATENCY, abs=1e-4)
    halfway = lag(heard, voice, 5.0)
    assert 0.15 - LATENCY < halfway < 0.18 - LATENCY
    assert halfway - (0.15 - LATENCY) <= FASTEST * 2.6
    assert lag(heard, voice, 12.0) == pytest.approx(0.18 - LATENCY, abs=1.5 * NEAR)
    assert lag(heard, voice, 14.0) == pytest.approx(0.4 - LATENCY, abs=1e-3)
    assert line.jumps == 1


def test_while_catching_up_the_voice_stays_clean() -> None:
    t = np.arange(6 * VOICE_RATE) / VOICE_RATE
    tone = np.sin(2 * np.pi * 1000 * t).astype(np.float32)
    heard = play(VoiceLine(0.15), tone, delays={100: 0.2})[2 * VOICE_RATE : 5 * VOICE_RATE]
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard)))) ** 2
    hertz = np.fft.rfftfreq(len(heard), 1 / VOICE_RATE)
    near = np.abs(hertz - 1000) < 30
    assert spectrum[~near].sum() / spectrum[near].sum() < 1e-6, "60 dB below the voice"


def test_after_a_gap_in_the_sound_it_finds_its_place_again() -> None:
    voice, line = noise(4.0), VoiceLine(0.2)
    for number in range(200):
        line.put(voice[number * BLOCK :][:BLOCK], (number + 1) * STEP)
        line.take(BLOCK, (number + 1) * STEP + LATENCY)
    later = 10.0  # the machine slept
    for number in range(200, 400):
        line.put(voice[number * BLOCK :][:BLOCK], later + (number + 1) * STEP)
        heard = line.take(BLOCK, later + (number + 1) * STEP + LATENCY)
    np.testing.assert_array_equal(heard, voice[383 * BLOCK :][:BLOCK])


def test_nothing_was_put_in() -> None:
    assert not VoiceLine(0.1).take(BLOCK, 5.0).any()


def test_the_delay_is_the_picture_s_age_the_look_ahead_and_half_a_tick() -> None:
    assert Timeline(25).lips_after(0.05, 0.04) == pytest.approx(0.11)
