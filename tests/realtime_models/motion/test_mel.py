"""Log-mel features: causal, the same however the sound is cut, blind to the recording level."""

from __future__ import annotations

import numpy as np
import pytest

from latentcam.realtime_models.arrays import Samples
from latentcam.realtime_models.motion.mel import (
    RELATIVE_FLOOR,
    MelConfig,
    log_mel,
    mel_initial_state,
)

CONFIG = MelConfig()


def voice(seconds: float, seed: int = 0) -> Samples:
    """Buzz with a syllable rhythm, a little noise under it."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * 16000)) / 16000
    buzz = sum(np.sin(2 * np.pi * 120 * k * t) / k for k in range(1, 30))
    loud = np.clip(np.sin(2 * np.pi * 3 * t), 0, 1) ** 2
    return np.asarray(0.1 * buzz * loud + 1e-4 * rng.standard_normal(len(t)), np.float32)


def test_one_frame_per_hop_and_none_before_the_first_hop() -> None:
    mel, state = log_mel(voice(1.0)[:159], mel_initial_state(CONFIG), CONFIG)
    assert mel.shape == (0, 40)
    mel, _ = log_mel(voice(1.0)[:1], state, CONFIG)
    assert mel.shape == (1, 40) and mel.dtype == np.float32


@pytest.mark.parametrize("chunk", [1, 7, 159, 160, 161, 533, 640, 5000])
def test_any_cutting_gives_bit_equal_frames(chunk: int) -> None:
    samples = voice(0.5)
    whole, _ = log_mel(samples, mel_initial_state(CONFIG), CONFIG)
    state, parts = mel_initial_state(CONFIG), []
    for start in range(0, len(samples), chunk):
        part, state = log_mel(samples[start : start + chunk], state, CONFIG)
        parts.append(part)
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_more_input_never_changes_earlier_frames() -> None:
    samples = voice(1.0)
    changed = samples.copy()
    changed[8000:] = 0.9
    before, _ = log_mel(samples, mel_initial_state(CONFIG), CONFIG)
    after, _ = log_mel(changed, mel_initial_state(CONFIG), CONFIG)
    np.testing.assert_array_equal(before[:50], after[:50])
    assert np.abs(before[50:] - after[50:]).max() > 1


def test_silence_is_the_floor() -> None:
    mel, _ = log_mel(np.zeros(16000, np.float32), mel_initial_state(CONFIG), CONFIG)
    np.testing.assert_allclose(mel, np.log(RELATIVE_FLOOR), rtol=1e-6)


@pytest.mark.parametrize("gain_db", [-20, -10, 14])
def test_the_recording_level_is_forgotten_within_four_seconds(gain_db: float) -> None:
    samples = voice(6.0)
    plain, _ = log_mel(samples, mel_initial_state(CONFIG), CONFIG)
    gained, _ = log_mel(
        samples * np.float32(10 ** (gain_db / 20)), mel_initial_state(CONFIG), CONFIG
    )
    loud = plain[400:] > -5
    assert np.abs(gained[400:] - plain[400:])[loud].max() < 1.2  # 5 dB


def test_steady_noise_after_speech_is_not_pumped_up() -> None:
    noise = 1e-3 * np.random.default_rng(1).standard_normal(16000 * 30).astype(np.float32)
    samples = np.concatenate([voice(3.0), noise])
    mel, state = log_mel(samples, mel_initial_state(CONFIG), CONFIG)
    assert mel[-500:].mean() == pytest.approx(mel[400:900].mean(), abs=0.1)
    assert state.level.voice > -30


def test_the_given_state_is_not_changed() -> None:
    _, state = log_mel(voice(0.3)[:4444], mel_initial_state(CONFIG), CONFIG)
    tail = state.tail.copy()
    first, _ = log_mel(voice(0.3), state, CONFIG)
    second, _ = log_mel(voice(0.3), state, CONFIG)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(state.tail, tail)


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 0 < hop <= window"):
        MelConfig(hop=500)
    with pytest.raises(ValueError, match="expected them to rise"):
        MelConfig(high_hz=9000)
