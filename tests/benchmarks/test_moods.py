"""How far moods move who it is: the arithmetic, by a judge who tells people by their brightness."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from latentcam.benchmarks.moods import FPS, clip, main, measured, steadiness
from latentcam.benchmarks.tools.likeness import steps
from latentcam.realtime_models.arrays import Rgb
from latentcam.realtime_models.motion.moods import load_moods
from latentcam.realtime_models.opened import Opened, open_pack
from latentcam.realtime_models.training.identity_judge import IdentityJudge
from tests.tiny import write_moods


class Brightness(IdentityJudge):
    """Sees nobody in a black picture."""

    def __init__(self) -> None:
        pass

    def describe(self, rgb: Rgb) -> np.ndarray | None:
        return np.array([rgb.mean()]) if rgb.any() else None


@pytest.fixture(scope="module")
def opened(tiny_folder: Path) -> Opened:
    return open_pack(str(tiny_folder), "openvino")


@pytest.fixture
def moods(tmp_path: Path) -> Path:
    return write_moods(tmp_path / "moods", ("jawOpen", "mouthSmile", "neutral"))


def grey(*levels: int) -> list[Rgb]:
    return [np.full((2, 2, 3), level, np.uint8) for level in levels]


def test_distances_of_a_clip() -> None:
    found = steadiness(grey(10, 13, 9, 0, 30), Brightness())
    assert found["consecutive"] == pytest.approx((3 + 4) / 2), "none across a lost picture"
    seen = (10, 13, 9, 30)
    assert found["pairs"] == pytest.approx(np.mean([abs(a - b) for a, b in combinations(seen, 2)]))
    assert found["lost"] == pytest.approx(1 / 5)
    nobody = steadiness(grey(0, 0), Brightness())
    assert np.isnan(nobody["consecutive"]) and np.isnan(nobody["pairs"]) and nobody["lost"] == 1.0
    assert np.isnan(steps([np.zeros(1), None, np.zeros(1)]))
    assert steps([np.zeros(1)] * 3) == 0.0


def test_a_clip_moves_by_its_moods_alone(opened: Opened, moods: Path) -> None:
    model = load_moods(moods)
    pictures = list(clip(opened, "Ada", model, 1, 4.0))
    assert len(pictures) == 4 * FPS
    levels = [picture.mean() for picture in pictures]
    assert np.ptp(levels[:FPS]) == 0.0, "neutral at first, and nothing else moves it"
    assert np.ptp(levels) > 1
    again = list(clip(opened, "Ada", model, 1, 4.0))
    assert all(map(np.array_equal, pictures, again))


def test_people_take_turns(opened: Opened, moods: Path) -> None:
    model = load_moods(moods)
    found = measured(opened, model, Brightness(), clips=3, seconds=3.0)
    alone = [
        steadiness(clip(opened, name, model, seed, 3.0), Brightness())["pairs"]
        for seed, name in enumerate(("Ada", "Bo", "Ada"))
    ]
    people, mean = found["people"], found["mean"]
    assert isinstance(people, dict) and isinstance(mean, dict)
    assert people["Ada"]["pairs"] == pytest.approx((alone[0] + alone[2]) / 2, abs=1e-3)
    assert people["Bo"]["pairs"] == pytest.approx(alone[1], abs=1e-3)
    assert mean["pairs"] == pytest.approx(np.mean(alone), abs=1e-3), "over clips, not over people"
    rest = [clip(opened, name, model, 0, 0.04) for name in ("Ada", "Bo")]
    levels = [next(pictures).mean() for pictures in rest]
    assert found["strangers"] == pytest.approx(abs(levels[0] - levels[1]), abs=1e-3)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--clips", "0"), "expected at least 1, and 0.08 to 600"),
        (("--seconds", "0"), "expected at least 1, and 0.08 to 600"),
        (("--seconds", "nan"), "expected at least 1, and 0.08 to 600"),
        (("--moods", "no"), "no cannot be read: No such file"),
        (("--avatar", "nobody"), "avatar 'nobody' is neither"),
    ],
)
def test_what_cannot_be_measured(
    options: tuple[str, ...],
    told: str,
    tiny_folder: Path,
    moods: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = ["--avatar", str(tiny_folder), "--moods", str(moods), "--judge", str(moods.parent)]
    with pytest.raises(SystemExit):
        main([*given, *options])
    assert told in capsys.readouterr().err


def test_a_judge_that_is_not_there(
    tiny_folder: Path, moods: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("dlib", reason="the extra [judge] is not installed")
    given = ["--avatar", str(tiny_folder), "--moods", str(moods), "--judge", str(moods.parent)]
    with pytest.raises(SystemExit):
        main(given)
    assert "has no dlib_face_recognition_resnet_model_v1.dat" in capsys.readouterr().err
