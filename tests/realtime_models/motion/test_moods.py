"""Moods follow one another as learned, the same for the same seed; broken files are refused."""

from __future__ import annotations

import json
from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.errors import AvatarPackError
from latentcam.realtime_models.motion.lstm import weight_shapes
from latentcam.realtime_models.motion.moods import (
    LONGEST,
    SHORTEST,
    STRENGTH,
    MoodModel,
    load_moods,
)
from latentcam.realtime_models.motion.performance import Performer, Settings
from latentcam.realtime_models.training.latents import moods as training

LABELS = ("happy", "neutral", "sad")


def weights(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    shapes = weight_shapes(4, 6, 1, 5)
    drawn = {n: rng.standard_normal(s).astype(np.float32) for n, s in shapes.items()}
    return {**drawn, "input.mean": np.zeros(4, np.float32), "input.std": np.ones(4, np.float32)}


def test_the_same_seed_gives_the_same_moods() -> None:
    model = MoodModel(LABELS, weights())
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
        ('["a", "b"]', weights()),
        ('["neutral", "neutral"]', weights()),
        ("7", weights()),
        ("{", weights()),
        (json.dumps(LABELS), {"x": np.zeros(1, np.float32)}),
    ):
        save_file(tensors, path, {"labels": labels})
        with pytest.raises(AvatarPackError, match="holds no learned moods"):
            load_moods(path)
    path.write_bytes(b"x")
    with pytest.raises(AvatarPackError, match="holds no learned moods"):
        load_moods(path)
    with pytest.raises(AvatarPackError, match="cannot be read"):
        load_moods(tmp_path / "none")


def test_a_live_face_has_moods_of_its_own(tiny_pack: AvatarPack) -> None:
    labels = ("mouthFrown", "mouthSmile", "neutral")
    model, performer = MoodModel(labels, weights()), Performer(tiny_pack)
    smile, frown = (
        [axis.name for axis in tiny_pack.card.axes].index(name)
        for name in ("mouthSmile", "mouthFrown")
    )
    settings, silence = Settings(life=0.0, moods=model), np.zeros(640, np.float32)

    def shown(seed: int) -> np.ndarray:
        state, rows = performer.initial_state(seed), []
        for _ in range(1000):  # 40 s
            x, state = performer.perform(silence, state, settings)
            rows.append(x)
        return np.stack(rows)

    xs = shown(1)
    assert np.abs(np.diff(xs, axis=0)).max() < 0.2, "eased, no jump"
    assert not xs[:30].any() and xs[:, [smile, frown]].max() == pytest.approx(STRENGTH, abs=0.02)
    np.testing.assert_array_equal(xs, shown(1))
    assert not np.array_equal(xs, shown(2))
