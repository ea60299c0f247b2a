"""What the renderer's command line refuses, and clips as control vectors. No Blender is needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from latentcam.realtime_models.axes import FACE_AXES
from latentcam.realtime_models.training.looks import render
from latentcam.realtime_models.training.looks.cast import CAST
from latentcam.realtime_models.training.looks.identity import cast_z


def test_a_clip_is_one_person_doing_what_a_file_says(tmp_path: Path) -> None:
    xs = np.linspace(0, 1, 3 * len(FACE_AXES)).reshape(3, -1)
    np.save(tmp_path / "xs.npy", xs)
    found = render.clip(tmp_path / "xs.npy", "Mei")
    assert found.name == "Mei" and found.xs.dtype == np.float32
    np.testing.assert_array_equal(found.z, cast_z("Mei"))
    np.testing.assert_allclose(found.xs, xs, rtol=1e-6)


@pytest.mark.parametrize("shape", [(3,), (3, len(FACE_AXES) + 1), (2, 3, len(FACE_AXES))])
def test_a_clip_of_another_shape_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    np.save(tmp_path / "xs.npy", np.zeros(shape))
    with pytest.raises(ValueError, match=r"expected finite \[n, 24\]"):
        render.clip(tmp_path / "xs.npy", "Mei")


def test_a_clip_is_not_at_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "xs.npy", np.zeros((1, len(FACE_AXES))))
    words = ["--cache", "c", "--out", "o", "--rest", "--only", "Mei", "--motion"]
    monkeypatch.setattr("sys.argv", ["render", *words, str(tmp_path / "xs.npy")])
    with pytest.raises(SystemExit):
        render.main()
    assert "got --rest and --motion, expected one of them" in capsys.readouterr().err


def test_a_clip_is_of_one_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--cache", "c", "--out", "o", "--only", "Mei", "Tom", "--motion"]
    monkeypatch.setattr("sys.argv", ["render", *words, str(tmp_path / "xs.npy")])
    with pytest.raises(SystemExit):
        render.main()
    assert "got 2 names with --motion, expected one at most" in capsys.readouterr().err


def test_a_clip_of_nobody_named_is_of_a_stranger_by_the_seed(tmp_path: Path) -> None:
    np.save(tmp_path / "xs.npy", np.zeros((1, len(FACE_AXES))))
    one, same, other = (render.clip(tmp_path / "xs.npy", "", seed) for seed in (7, 7, 8))
    assert one.name == ""
    np.testing.assert_array_equal(one.z, same.z)
    assert not np.allclose(one.z, other.z)
    assert all(not np.allclose(one.z, cast_z(name)) for name in CAST)
