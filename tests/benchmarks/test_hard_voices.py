"""Voices that are made harder: another source, the same resonances."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

hard = pytest.importorskip("latentcam.benchmarks.hard_voices", reason="needs the extra [train]")

RATE = 16000


def vowel(hertz: float, formant: float, seconds: float = 1.0) -> np.ndarray:
    """A tone whose harmonics are loudest about a formant."""
    t = np.arange(int(seconds * RATE)) / RATE
    sound = np.zeros_like(t)
    for k in range(1, int(7000 / hertz)):
        sound += np.exp(-(((k * hertz - formant) / 150) ** 2)) * np.sin(2 * np.pi * k * hertz * t)
    return np.asarray(0.1 * sound / sound.std(), np.float32)


def loudest(sound: np.ndarray) -> float:
    """Hz, of the spectrum smoothed over 200 Hz."""
    power = np.abs(np.fft.rfft(sound)) ** 2
    width = int(200 * len(sound) / RATE)
    return float(np.convolve(power, np.ones(width), "same").argmax() * RATE / len(sound))


def periodic(sound: np.ndarray, hertz: float) -> float:
    """How alike a sound is to itself a period later."""
    lag = round(RATE / hertz)
    return float(np.corrcoef(sound[lag:], sound[:-lag])[0, 1])


def test_a_whisper_keeps_the_vowel_and_loses_the_tone() -> None:
    voice = vowel(125, 1200)
    made = hard.whispered(voice, np.random.default_rng(0))
    assert made.shape == voice.shape and made.dtype == np.float32
    middle = slice(2000, -2000)
    assert periodic(voice[middle], 125) > 0.9 and periodic(made[middle], 125) < 0.4
    assert loudest(made) == pytest.approx(1200, abs=150)
    assert made[middle].std() == pytest.approx(voice[middle].std(), rel=0.35)


def test_a_song_has_the_melodys_pitch() -> None:
    """The first note, 220 Hz; the voice had 125."""
    made = hard.sung(vowel(125, 1200), np.random.default_rng(0))
    first = made[2000:7000]
    assert periodic(first, hard.MELODY[0]) > 0.6 > periodic(first, 125)
    assert loudest(made) == pytest.approx(1200, abs=200)


def test_silence_stays_silent() -> None:
    still = np.zeros(RATE, np.float32)
    for change in (hard.whispered, hard.creaked, hard.sung):
        assert not change(still, np.random.default_rng(0)).any()


def test_a_smaller_speaker_is_sooner_done() -> None:
    phone = hard.Phone("AA", 0.2, 0.4)
    played, phones = hard.faster((vowel(125, 1200), [phone]), 1.25)
    assert len(played) == int(RATE / 1.25)
    assert (phones[0].start, phones[0].stop) == (pytest.approx(0.16), pytest.approx(0.32))
    assert loudest(played) == pytest.approx(1500, abs=150)


def test_a_folder_without_recordings_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        hard.main(["--data", str(tmp_path)])
    assert "holds 0 clips of LJ Speech" in capsys.readouterr().err
