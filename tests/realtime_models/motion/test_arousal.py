"""A voice is aroused or calm beside what it was before, however loud the microphone is."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import Samples
from latentcam.realtime_models.avatar_pack import AvatarPack, load_pack
from latentcam.realtime_models.motion.arousal import (
    AROUSED,
    CALM,
    ArousalState,
    arousal,
    arousal_initial_state,
)
from latentcam.realtime_models.motion.performance import Performer, Settings
from tests.realtime_models.motion.test_gestures import melody
from tests.voice import speech


def voice(seconds: float, octaves: float = 0.0, db: float = 0.0, brighter: float = 0.0) -> Samples:
    """A wavering voice around 120 Hz, higher, louder, and with more above 1 kHz than another."""
    t = np.arange(round(seconds * 16000)) / 16000
    hertz = 120 * 2 ** (octaves + 0.1 * np.sin(2 * np.pi * 0.7 * t))
    sound = melody(hertz, np.full_like(t, 10 ** (db / 20)))
    return np.asarray(sound + brighter * np.diff(sound, prepend=sound[:1]), np.float32)


def heard(sound: Samples, state: ArousalState, chunk: int = 640) -> ArousalState:
    for begin in range(0, len(sound), chunk):
        state = arousal(sound[begin : begin + chunk], state)
    return state


@pytest.fixture(scope="module")
def familiar() -> ArousalState:
    """Ten seconds of a voice."""
    return heard(voice(10.0), arousal_initial_state())


@pytest.fixture(scope="module")
def studio() -> AvatarPack:
    return load_pack("studio")


def test_nothing_is_known_at_first() -> None:
    assert arousal_initial_state().value == 0.0
    assert heard(np.zeros(32000, np.float32), arousal_initial_state()).value == 0.0
    noise = np.random.default_rng(0).normal(0, 0.1, 32000).astype(np.float32)
    assert heard(noise, arousal_initial_state()).value == 0.0


def test_an_even_voice_is_neither(familiar: ArousalState) -> None:
    assert abs(familiar.value) < 0.1
    assert abs(heard(voice(5.0), familiar).value) < 0.1


def test_each_of_the_three_counts(familiar: ArousalState) -> None:
    for change in ({"octaves": 0.4}, {"db": 9.0}, {"brighter": 3.0}):
        assert heard(voice(2.0, **change), familiar).value > 0.15, change
    for change in ({"octaves": -0.4}, {"db": -9.0}):
        assert heard(voice(2.0, **change), familiar).value < -0.15, change


def test_all_of_them_are_much_and_never_too_much(familiar: ArousalState) -> None:
    assert 0.8 < heard(voice(3.0, 1.0, 15.0, 3.0), familiar).value <= 1.0
    assert -1.0 <= heard(voice(3.0, -0.6, -15.0), familiar).value < -0.8


def test_a_louder_microphone_is_no_arousal() -> None:
    levels = [heard(voice(6.0, db=db), arousal_initial_state()).value for db in (-12.0, 0.0, 9.0)]
    assert np.ptp(levels) < 0.02


def test_it_goes_when_nobody_speaks_and_when_the_voice_stays_so(familiar: ArousalState) -> None:
    loud = heard(voice(3.0, 0.5, 9.0), familiar)
    after = heard(np.zeros(16000 * 12, np.float32), loud)
    assert 0 < after.value < 0.1 * loud.value
    assert heard(voice(120.0, 0.5, 9.0), familiar).value < 0.25 * loud.value, "it is how it speaks"


def test_it_does_not_jump_when_a_voice_comes_back(familiar: ArousalState) -> None:
    """What had faded in silence was there again at the first sound after it."""
    loud = heard(voice(3.0, 0.5, 9.0), familiar)
    quiet = heard(np.zeros(16000 * 12, np.float32), loud)
    values, state = [quiet.value], quiet
    for begin in range(0, 16000, 320):
        state = arousal(voice(2.0)[begin : begin + 320], state)
        values.append(state.value)
    assert np.abs(np.diff(values)).max() < 0.05


def test_any_chunking_gives_the_same_and_no_state_is_written(familiar: ArousalState) -> None:
    sound, begun = voice(2.0, 0.3), familiar.heard.copy()
    results = [heard(sound, familiar, chunk) for chunk in (1, 320, 641, 32000)]
    assert len({(one.value, one.looks) for one in results}) == 1
    np.testing.assert_array_equal(familiar.heard, begun)


def face(pack: AvatarPack, sound: Samples, settings: Settings) -> dict[str, NDArray[np.float32]]:
    performer = Performer(pack)
    state, rows = performer.initial_state(3), []
    for tick in sound.reshape(-1, 640):
        x, state = performer.perform(tick, state, settings)
        rows.append(x)
    return dict(zip([axis.name for axis in pack.card.axes], np.array(rows).T, strict=True))


def test_a_face_follows_as_far_as_it_is_asked(studio: AvatarPack) -> None:
    """Brows and lids, and the mood that was chosen; not at all unless it is asked."""
    calm, loud = 0.2 * speech(8.0), speech(4.0)
    sound = np.concatenate([calm, loud])
    happy = {"happy": 0.5}
    none, half, full = (
        face(studio, sound, Settings(happy, arousal=share)) for share in (0.0, 0.5, 1.0)
    )
    for name in ("browOuterUp", "eyeWide", "happy", "jawOpen"):
        ends = [float(x[name][-25:].mean()) for x in (none, half, full)]
        assert ends[0] < ends[1] < ends[2], name
    lulled = np.concatenate([loud, loud, calm])
    still, moved = (face(studio, lulled, Settings(happy, arousal=share)) for share in (0.0, 1.0))
    lids = [float(np.median(x["eyeBlink"][-50:])) for x in (still, moved)]
    assert lids[0] < lids[1], "blinks apart"
    assert moved["happy"][-25:].mean() < still["happy"][-25:].mean()
    names = {axis.name for axis in studio.card.axes}
    assert {*AROUSED, *CALM} <= names


def test_a_still_face_moves_nothing_but_lips(studio: AvatarPack) -> None:
    sound = np.concatenate([0.2 * speech(8.0), speech(4.0)])
    moved = face(studio, sound, Settings(life=0.0, arousal=1.0))
    assert not any(moved[name].any() for name in {*AROUSED, *CALM})


@pytest.mark.parametrize("wrong", [-0.1, 1.1, float("nan")])
def test_arousal_out_of_range_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="arousal is"):
        Settings(arousal=wrong)
