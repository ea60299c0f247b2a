"""Moods follow one another as learned, the same for the same seed; broken files are refused."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.errors import AvatarPackError
from latentcam.realtime_models.motion.moods import (
    LARGEST_WEIGHT,
    LEAST_STD,
    LONGEST,
    SHORTEST,
    STRENGTH,
    MoodModel,
    load_moods,
)
from latentcam.realtime_models.motion.performance import Performer, Settings
from latentcam.realtime_models.training.latents import moods as training
from tests.tiny import mood_weights

LABELS = ("happy", "neutral", "sad")


def test_the_same_seed_gives_the_same_moods() -> None:
    model = MoodModel(LABELS, mood_weights(3))
    once, again = (list(islice(model.sequence(3), 20)) for _ in range(2))
    assert once == again != list(islice(model.sequence(4), 20))
    assert once[0].name == "neutral" and {mood.name for mood in once} <= set(LABELS)
    assert all(SHORTEST <= mood.seconds <= LONGEST for mood in once)


def test_what_is_learned_is_what_was_seen(tmp_path: Path) -> None:
    """happy follows neutral, and neutral follows happy or sad, in turn; sad lasts."""
    lines = ["neutral:1 happy:2 neutral:1 sad:8 " * 4] * 16
    (tmp_path / "s.txt").write_text("# a remark\n" + "\n".join(lines))
    training.main(["--sequences", str(tmp_path / "s.txt"), "--out", str(tmp_path / "m")])
    model = load_moods(tmp_path / "m")
    assert model.labels == LABELS
    moods = list(islice(model.sequence(0), 200))
    pairs = Counter((a.name, b.name) for a, b in zip(moods, moods[1:], strict=False))
    assert pairs["happy", "sad"] + pairs["sad", "happy"] < 10
    assert np.mean([m.seconds for m in moods if m.name == "sad"]) > 5
    assert np.mean([m.seconds for m in moods if m.name == "neutral"]) < 2


def test_the_sequences_that_ship_are_read() -> None:
    path = Path(training.__file__).with_name("natural_moods.txt")
    sequences = training.read_sequences(path)
    assert len(sequences) > 40 and all(one[0].name == "neutral" for one in sequences)


@pytest.mark.parametrize("word", ["happy", "happy:", ":2", "happy:99", "happy:nan"])
def test_a_line_that_is_wrong_is_told(tmp_path: Path, word: str) -> None:
    (tmp_path / "s.txt").write_text(f"neutral:1 happy:1\nneutral:1 {word}\n")
    with pytest.raises(ValueError, match="line 2: .* expected MOOD:SECONDS"):
        training.read_sequences(tmp_path / "s.txt")


def test_files_that_hold_none(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    for labels, tensors in (
        ('["a", "b"]', mood_weights(3)),
        ('["neutral", "neutral"]', mood_weights(3)),
        ("7", mood_weights(3)),
        ("{", mood_weights(3)),
        ("[" * 100_000, mood_weights(3)),
        ('["neutral", ""]', mood_weights(2)),
        ('["neutral", "%s"]' % ("x" * 65), mood_weights(2)),
        ('["neutral", "a\\nb"]', mood_weights(2)),
        (json.dumps(LABELS), {**mood_weights(3), "output.bias": np.full(5, np.nan, np.float32)}),
        (json.dumps(LABELS), {**mood_weights(3), "output.bias": np.full(5, np.inf, np.float32)}),
        (json.dumps(LABELS), {**mood_weights(3), "output.bias": np.full(5, 1e300)}),
        (json.dumps(LABELS), {**mood_weights(3), "output.bias": np.full(5, 1j, np.complex64)}),
        (json.dumps(LABELS), {**mood_weights(3), "input.std": np.zeros(4, np.float32)}),
        (json.dumps(LABELS), {"x": np.zeros(1, np.float32)}),
    ):
        save_file(tensors, path, {"labels": labels})
        with pytest.raises(AvatarPackError, match="holds no learned moods"):
            load_moods(path)
    path.write_bytes(b"x")
    with pytest.raises(AvatarPackError, match="holds no learned moods"):
        load_moods(path)
    with pytest.raises(AvatarPackError, match="cannot be read: No such file"):
        load_moods(tmp_path / "none")
    with pytest.raises(AvatarPackError, match="is no file"):
        load_moods(tmp_path)


def test_the_largest_weights_still_give_moods() -> None:
    rng = np.random.default_rng(0)
    weights = {
        name: (LARGEST_WEIGHT * rng.choice([-1.0, 1.0], one.shape)).astype(np.float32)
        for name, one in mood_weights(3).items()
    }
    weights["input.std"] = np.full(4, LEAST_STD, np.float32)
    moods = list(islice(MoodModel(LABELS, weights).sequence(0), 50))
    assert all(SHORTEST <= mood.seconds <= LONGEST for mood in moods)


def test_a_leap_of_the_time_costs_no_more_than_a_moment() -> None:
    """A sender may leap by a day at a time; each mood of it was drawn, for all others to wait."""
    model = MoodModel(LABELS, mood_weights(3))
    state = model.at(100.0, 1, model.initial_state())
    later = model.at(1e6, 1, state)
    assert later.drawn == state.drawn and later.mood.name == "neutral"
    assert 1e6 < later.until < 1e6 + LONGEST
    assert model.at(later.until, 1, later).drawn == state.drawn + 1, "not the same moods again"


def test_moods_are_the_same_however_often_one_looks() -> None:
    model = MoodModel(LABELS, mood_weights(3))
    often = seldom = model.initial_state()
    for second in range(1, 201):
        often = model.at(second / 2, 5, often)
        if second % 20 == 0:
            seldom = model.at(second / 2, 5, seldom)
            assert (often.mood, often.until, often.drawn) == (
                seldom.mood,
                seldom.until,
                seldom.drawn,
            )
    assert often.drawn > 3


class Live:
    """A face at rest whose moods come by themselves, tick by tick."""

    labels = ("mouthFrown", "mouthSmile", "neutral")

    def __init__(self, pack: AvatarPack, seed: int) -> None:
        self._performer = Performer(pack)
        self._state = self._performer.initial_state(seed)
        names = [axis.name for axis in pack.card.axes]
        self.moods = [names.index(name) for name in self.labels[:2]]
        self.settings = Settings(life=0.0, moods=MoodModel(self.labels, mood_weights(3)))

    def shown(self, ticks: int) -> np.ndarray:
        """float32 [ticks, k]"""
        silence, rows = np.zeros(640, np.float32), []
        for _ in range(ticks):
            x, self._state = self._performer.perform(silence, self._state, self.settings)
            rows.append(x)
        return np.stack(rows)


def test_a_live_face_has_moods_of_its_own(tiny_pack: AvatarPack) -> None:
    face = Live(tiny_pack, 1)
    xs = face.shown(1000)  # 40 s
    assert np.abs(np.diff(xs, axis=0)).max() < 0.2, "eased, no jump"
    assert not xs[:30].any() and xs[:, face.moods].max() == pytest.approx(STRENGTH, abs=0.02)
    np.testing.assert_array_equal(xs, Live(tiny_pack, 1).shown(1000))
    assert not np.array_equal(xs, Live(tiny_pack, 2).shown(1000))


@pytest.mark.parametrize("chosen", [{"mouthSmile": 0.0}, {"mouthFrown": 0.3}, {"happy": 0.5}])
def test_a_mood_that_is_chosen_takes_their_place_until_it_is_set_back(
    tiny_pack: AvatarPack, chosen: dict[str, float]
) -> None:
    """Also at 0, which is neutral, and one that they never are, though this face has none such."""
    face, alone = Live(tiny_pack, 1), Live(tiny_pack, 1)
    own = face.settings
    beside = replace(own, expression={"jawOpen": 0.25})
    parts = []
    for settings in (own, replace(own, expression=chosen), own, beside):
        face.settings = settings
        parts.append(face.shown(250))
    xs, undisturbed = np.concatenate(parts), alone.shown(1000)
    assert np.abs(np.diff(xs[:, face.moods], axis=0)).max() < 0.2, "eased, no jump"
    np.testing.assert_array_equal(xs[:250], undisturbed[:250])
    assert undisturbed[250:500, face.moods].max() > 0.5, "moods would have come"
    wanted = [chosen.get(name, 0.0) for name in Live.labels[:2]]
    np.testing.assert_allclose(xs[350:500, face.moods], [wanted] * 150, atol=0.01)
    # They go on underneath: afterwards the face is where it would have been, whatever else moves.
    np.testing.assert_allclose(xs[600:, face.moods], undisturbed[600:, face.moods], atol=1e-3)
    assert xs[-1, [axis.name for axis in tiny_pack.card.axes].index("jawOpen")] > 0.2
