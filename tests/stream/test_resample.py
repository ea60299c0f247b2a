"""Sound of any format as one voice, though the format change on the way."""

from __future__ import annotations

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from latentcam.stream.errors import MediaError
from latentcam.stream.resample import Resampler, mono
from tests.voice import speech


def frame(sound: NDArray[np.generic], kind: str, layout: str, rate: int = 48000) -> av.AudioFrame:
    """sound: [channels, n], numbers as the format has them."""
    if not kind.endswith("p"):
        sound = np.ascontiguousarray(sound.T).reshape(1, -1)
    made = av.AudioFrame(kind, layout, sound.size // av.AudioLayout(layout).nb_channels)
    for plane, row in zip(made.planes, sound, strict=False):
        plane.update(np.ascontiguousarray(row).tobytes().ljust(plane.buffer_size, b"\0"))
    made.sample_rate = rate
    return made


@pytest.mark.parametrize("planar", ["", "p"])
@pytest.mark.parametrize(
    "kind,numbers",
    [
        ("u8", np.array([128, 192, 0], "u1")),
        ("s16", np.array([0, 1 << 14, -1 << 15], "i2")),
        ("s32", np.array([0, 1 << 30, -1 << 31], "i4")),
        ("s64", np.array([0, 1 << 62, -1 << 63], "i8")),
        ("flt", np.array([0, 0.5, -1], "f4")),
        ("dbl", np.array([0, 0.5, -1], "f8")),
    ],
)
def test_every_format_of_samples(kind: str, planar: str, numbers: NDArray[np.generic]) -> None:
    both = frame(np.stack([numbers, numbers]), kind + planar, "stereo")
    np.testing.assert_allclose(mono(both), [0, 0.5, -1], atol=1e-6)


@pytest.mark.parametrize("layout", ["mono", "stereo", "2.1", "quad", "5.1", "7.1", "16 channels"])
@pytest.mark.parametrize("kind", ["flt", "fltp"])
def test_a_voice_on_all_channels_keeps_its_level(layout: str, kind: str) -> None:
    """FFmpeg's own mix is 3 dB louder for stereo, 5 dB for 5.1: beyond full scale."""
    count = av.AudioLayout(layout).nb_channels
    voice = np.tile(speech(0.02, 48000), (count, 1))
    voice *= 0.99 / np.abs(voice).max()
    np.testing.assert_allclose(mono(frame(voice, kind, layout)), voice[0], atol=1e-6)


def test_the_middle_is_louder_than_the_sides_and_the_subwoofer_is_not_heard() -> None:
    def heard(place: int) -> float:
        sound = np.zeros((6, 10), "f4")
        sound[place] = 0.8
        return float(mono(frame(sound, "fltp", "5.1"))[0])

    left, right, middle, subwoofer, back, _ = map(heard, range(6))
    assert middle > left == right > back > subwoofer == 0


def test_broken_numbers_are_silence_or_full_scale() -> None:
    broken = np.array([[np.nan, 1e38, -np.inf, np.inf, 0.25]], "f4")
    np.testing.assert_array_equal(mono(frame(broken, "fltp", "mono")), [0, 1, -1, 1, 0.25])


@pytest.mark.parametrize("rate,layout", [(1, "mono"), (3999, "mono"), (4_000_000, "mono")])
def test_formats_without_a_voice_are_refused(rate: int, layout: str) -> None:
    with pytest.raises(MediaError, match=f"{rate} samples a second, expected 4000 to 2000000"):
        mono(frame(np.zeros((1, 4), "f4"), "fltp", layout, rate))


def test_too_many_channels_are_refused() -> None:
    with pytest.raises(MediaError, match="65 channels, expected 1 to 64"):
        mono(frame(np.zeros((65, 4), "f4"), "flt", "65 channels"))


@pytest.mark.parametrize("rates", [[48000, 8000], [44100, 48000, 16000, 44100], [16000, 48000]])
def test_a_rate_that_changes_is_the_same_voice(rates: list[int]) -> None:
    """Opus then PCMU in a call, two recordings in one file: no sample more or less."""
    resampler, heard = Resampler(16000), []
    for part, rate in enumerate(rates):
        said = speech(len(rates), rate)[part * rate : (part + 1) * rate]
        heard += [resampler.push(said[i : i + 960], rate) for i in range(0, rate, 960)]
    sound = np.concatenate([*heard, resampler.flush()])
    assert len(sound) == pytest.approx(len(rates) * 16000, abs=len(rates))
    alike = np.corrcoef(sound[: len(rates) * 16000 - 8], speech(len(rates))[: len(sound) - 8])[0, 1]
    assert alike > 0.9


def test_what_is_held_is_known() -> None:
    resampler = Resampler(16000)
    out = resampler.push(np.zeros(960, np.float32), 48000)
    assert len(out) + resampler.held == 320 and 0 < resampler.held < 32
    assert len(resampler.flush()) == 320 - len(out) and resampler.held == 0
    assert len(resampler.push(np.zeros(320, np.float32), 16000)) == 320 and resampler.held == 0
