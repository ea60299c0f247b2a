"""How moods speak: a smile widens vowels, and no mood opens lips that are closed."""

from __future__ import annotations

import numpy as np
import pytest

from latentcam.realtime_models.avatar_pack import load_pack
from latentcam.realtime_models.axes import FACE_AXES
from latentcam.realtime_models.motion.manner import BARED, MANNERS, PRESSED, Manner
from latentcam.realtime_models.motion.performance import Performer, Settings
from latentcam.realtime_models.training.looks.sampling import MOODS
from tests.voice import speech

AXES = ("jawOpen", "mouthClose", "mouthPucker", "mouthStretch", "mouthSmile")
VOWEL = [0.5, 0.0, 0.2, 0.1, 0.0]
CLOSED = [0.3, 1.0, 0.0, 0.0, 0.0]


def test_a_smile_widens_a_vowel_and_rounds_it_less() -> None:
    said = dict(zip(AXES, Manner(AXES).speak(VOWEL, {"happy": 1.0}), strict=True))
    assert said["mouthStretch"] == pytest.approx(0.45) and said["mouthSmile"] == pytest.approx(0.3)
    assert said["mouthPucker"] == pytest.approx(0.13) and said["jawOpen"] == 0.5


def test_half_a_mood_does_half_as_much_and_none_nothing() -> None:
    manner = Manner(AXES)
    whole, half = (np.array(manner.speak(VOWEL, {"happy": s})) - VOWEL for s in (1.0, 0.5))
    np.testing.assert_allclose(half, whole / 2)
    for moods in ({}, {"happy": 0.0}, {"mouthSmile": 1.0}):
        assert manner.speak(VOWEL, moods) == VOWEL


@pytest.mark.parametrize("mood", MANNERS)
def test_closed_lips_stay_closed_and_a_mouth_at_rest_rests(mood: str) -> None:
    manner = Manner(AXES)
    said = manner.speak(CLOSED, {mood: 1.0})
    assert said[1:] == CLOSED[1:], "nothing parts the lips of an M"
    assert manner.speak([0.0] * 5, {mood: 1.0}) == [0.0] * 5


def test_manners_name_moods_and_axes_that_there_are() -> None:
    faces = {axis.name for axis in FACE_AXES}
    assert set(MANNERS) <= {axis.name for axis in load_pack("studio").card.axes} - faces
    assert {axis for moves in MANNERS.values() for axis in moves} <= faces


def test_lips_that_are_to_meet_meet_in_any_mood() -> None:
    """What a mood parts lips by is there in silence and on vowels, and gives way on M, B and P."""
    manner = Manner(AXES)
    assert manner.meeting(VOWEL) == 0 and manner.meeting(CLOSED) == 1
    assert manner.meeting([0.1, PRESSED / 2, 0.0, 0.0, 0.0]) == pytest.approx(0.5)
    assert Manner(("mouthPucker",)).meeting([0.4]) == 0
    assert set(BARED) == set(MANNERS)
    faces = {axis.name for axis in FACE_AXES}
    for mood, parts in BARED.items():
        assert set(parts) <= faces and all(
            0 < value <= MOODS[mood][axis] for axis, value in parts.items()
        )


def test_a_mood_parts_lips_in_silence_and_not_where_they_meet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    performer = Performer(load_pack("studio"))
    axes = [axis.name for axis in load_pack("studio").card.axes]
    lower = axes.index("mouthLowerDown")
    settings = Settings(life=0.0, expression={"angry": 1.0})
    state, silence = performer.initial_state(0), np.zeros(640, np.float32)
    for _ in range(50):
        x, state = performer.perform(silence, state, settings)
    assert x[lower] == pytest.approx(min(1.0, BARED["angry"]["mouthLowerDown"]), abs=0.02)
    voice = speech(2.0)
    monkeypatch.setattr(Manner, "meeting", lambda self, said: 1.0)
    least = 1.0
    for i in range(0, len(voice) - 639, 640):
        x, state = performer.perform(voice[i : i + 640], state, settings)
        least = min(least, float(x[lower]))
    assert least < 0.1, "nothing is left of it while a voice asks lips to meet"


def test_a_model_without_a_jaw_is_only_scaled() -> None:
    assert Manner(("mouthPucker",)).speak([0.4], {"happy": 1.0}) == pytest.approx([0.26])


def test_a_happy_face_speaks_more_widely_than_its_smile_alone() -> None:
    """The smile added up with what was said, and every vowel was as narrow as without it."""
    performer = Performer(load_pack("studio"))
    stretch = [axis.name for axis in FACE_AXES].index("mouthStretch")
    voice = speech(3.0)

    def widths(settings: Settings) -> np.ndarray:
        state, out = performer.initial_state(0), []
        for i in range(0, len(voice) - 639, 640):
            x, state = performer.perform(voice[i : i + 640], state, settings)
            out.append(float(x[stretch]))
        return np.array(out[25:])

    neutral, happy = (widths(Settings(mood, life=0.0)) for mood in ({}, {"happy": 0.8}))
    assert (happy >= neutral - 1e-6).all()
    assert (happy - neutral).max() > 0.2
