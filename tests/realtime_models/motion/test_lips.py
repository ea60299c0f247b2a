"""The default pack's lips: whatever the sound comes as, what they do is what they did before.

The reference is the same voice at 16 kHz and -26 dBFS, heard in one piece.
"""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import SAMPLE_RATE, Samples
from latentcam.realtime_models.avatar_pack import DEFAULT_PACK, AvatarPack, load_pack
from latentcam.realtime_models.motion.performance import Performer, Settings
from latentcam.stream.offline import perform_file
from latentcam.stream.timeline import Timeline
from latentcam.stream.voice_file import read_voice
from tests.voice import speech

FPS = 25
TICK = SAMPLE_RATE // FPS


@pytest.fixture(scope="module")
def pack() -> AvatarPack:
    return load_pack(DEFAULT_PACK)


def perform(pack: AvatarPack, samples: Samples, chunk: int = TICK) -> NDArray[np.float32]:
    """x_t after every chunk, lips only: float32 [chunks, k]."""
    performer, settings, rows = Performer(pack), Settings(life=0.0), []
    state = performer.initial_state(seed=0)
    for i in range(0, len(samples) - chunk + 1, chunk):
        x, state = performer.perform(samples[i : i + chunk], state, settings)
        rows.append(x)
    return np.stack(rows)


def jaw(pack: AvatarPack, x: NDArray[np.float32]) -> NDArray[np.float32]:
    return x[:, [axis.name for axis in pack.card.axes].index("jawOpen")]


def at_dbfs(samples: Samples, level: float) -> Samples:
    gain = 10 ** (level / 20) / np.sqrt(np.mean(samples**2))
    return np.asarray(gain * samples, np.float32)


def voice(seconds: float = 4.0) -> Samples:
    hiss = 1e-5 * np.random.default_rng(0).standard_normal(int(seconds * SAMPLE_RATE))
    return np.asarray(at_dbfs(speech(seconds), -26.0) + hiss, np.float32)


def alike(got: NDArray[np.float32], wanted: NDArray[np.float32]) -> float:
    """Correlation over all but the first second, in which the level is learned."""
    return float(np.corrcoef(got[FPS:], wanted[FPS:])[0, 1])


def test_the_reference_talks(pack: AvatarPack) -> None:
    opened = jaw(pack, perform(pack, voice()))
    assert opened.max() > 0.2 and opened.std() > 0.03


@pytest.mark.parametrize("chunk", [160, 320, 800, 1600])
def test_any_chunking_gives_the_same_lips(pack: AvatarPack, chunk: int) -> None:
    whole, parts = perform(pack, voice(2.0), 8000), perform(pack, voice(2.0), chunk)
    np.testing.assert_array_equal(parts[8000 // chunk - 1 :: 8000 // chunk], whole)


@pytest.mark.parametrize("level", [-40.0, -33.0, -18.0, -10.0])
def test_any_level_gives_the_same_lips(pack: AvatarPack, level: float) -> None:
    sound = voice(6.0)
    wanted = jaw(pack, perform(pack, sound))
    got = jaw(pack, perform(pack, at_dbfs(sound, level)))
    assert alike(got, wanted) > 0.9
    assert 0.6 < got[FPS:].std() / wanted[FPS:].std() < 1.6


def test_peaks_at_full_scale_give_the_same_lips(pack: AvatarPack) -> None:
    sound = voice(6.0)
    wanted = jaw(pack, perform(pack, sound))
    got = jaw(pack, perform(pack, np.asarray(sound / np.abs(sound).max(), np.float32)))
    assert alike(got, wanted) > 0.9


@pytest.mark.parametrize("gain", [3.0, 10.0])
def test_clipped_sound_gives_sane_lips(pack: AvatarPack, gain: float) -> None:
    """10 to 20 dB too loud: lips still move, and rest when it ends."""
    sound = voice(4.0)
    loud = (gain * sound / np.abs(sound).max()).clip(-1.0, 1.0).astype(np.float32)
    x = perform(pack, np.concatenate([loud, np.zeros(SAMPLE_RATE, np.float32)]))
    opened = jaw(pack, x)
    assert opened[: 4 * FPS].std() > 0.03 and np.abs(np.diff(opened)).max() < 0.75
    assert not x[-5:].any()


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000])
def test_any_sample_rate_gives_the_same_lips(pack: AvatarPack, rate: int, tmp_path: Path) -> None:
    path = tmp_path / "voice.wav"
    sound = at_dbfs(speech(4.0, rate), -26.0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            (sound * 32767).astype(np.int16)[None], format="s16", layout="mono"
        )
        frame.rate = rate
        container.mux([*stream.encode(frame), *stream.encode(None)])
    heard = np.concatenate(list(read_voice(path, SAMPLE_RATE)))
    assert abs(len(heard) - 4 * SAMPLE_RATE) < 400
    got = jaw(pack, np.stack(list(
        perform_file(Performer(pack), Timeline(FPS), path, 0, Settings(life=0.0))
    )))  # fmt: skip
    # The file's ticks hear the look-ahead in advance: compare with the voice moved as much.
    ahead = round((0.5 / FPS + pack.card.motion.look_ahead_s) * SAMPLE_RATE)
    wanted = jaw(pack, perform(pack, np.pad(voice(4.0), (TICK - ahead % TICK, ahead))))
    wanted = wanted[ahead // TICK :][: len(got)]
    # A narrow band hides hisses and consonants, not the rhythm.
    assert alike(got[: len(wanted)], wanted) > (0.95 if rate >= 16000 else 0.75)


def test_nan_inf_and_absurd_samples_harm_only_their_moment(pack: AvatarPack) -> None:
    sound = voice(6.0)
    broken = sound.copy()
    broken[16000:16400] = np.nan
    broken[16400:16640] = np.inf
    broken[16640:16660] = 3e38
    wanted, got = perform(pack, sound), perform(pack, broken)
    assert np.isfinite(got).all()
    np.testing.assert_array_equal(got[:24], wanted[:24])
    assert np.abs(got[-FPS:] - wanted[-FPS:]).max() < 0.25, "four seconds later it is forgotten"


def test_silence_is_rest_exactly_from_the_start_and_after_speech(pack: AvatarPack) -> None:
    silence = np.zeros(3 * SAMPLE_RATE, np.float32)
    assert not perform(pack, silence).any()
    after = perform(pack, np.concatenate([voice(2.0), silence]))[2 * FPS :]
    assert not after[FPS:].any()
    assert np.abs(np.diff(jaw(pack, after))).max() < 0.35, "it closes, it does not snap"


@pytest.mark.parametrize("below", [20.0, 30.0])
def test_noise_after_speech_moves_nothing(pack: AvatarPack, below: float) -> None:
    """Issue: noise must not make the mouth quiver."""
    noise = np.random.default_rng(1).standard_normal(5 * SAMPLE_RATE).astype(np.float32)
    opened = jaw(pack, perform(pack, np.concatenate([voice(3.0), at_dbfs(noise, -26.0 - below)])))
    assert np.ptp(opened[4 * FPS :]) <= 0.04 * np.ptp(opened[: 3 * FPS])


def test_ten_minutes_stay_as_they_began(pack: AvatarPack) -> None:
    """Nothing drifts and nothing grows: the last seconds move as the same seconds did early on."""
    turn = np.concatenate([voice(4.0), np.zeros(SAMPLE_RATE, np.float32)])
    opened = jaw(pack, perform(pack, np.tile(turn, 120)))
    rounds = opened.reshape(120, -1)
    np.testing.assert_allclose(rounds[-1], rounds[5], atol=0.05)
    assert rounds[-1].std() > 0.03
