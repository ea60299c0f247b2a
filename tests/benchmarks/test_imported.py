"""The figures of an imported pack, as far as they need no judge."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from latentcam.benchmarks.imported import acd, clip, main
from latentcam.realtime_models.arrays import Rgb
from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.decoders.openvino import OpenVinoDecoder
from latentcam.realtime_models.training.latents import moods


def test_a_pack_is_compared_with_itself(
    tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--avatar", str(tiny_folder), "--large", str(tiny_folder), "--known", str(tiny_folder)])
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["copy, dB"] > 100 and len(found["decode, ms"]) == 2
    assert "aperture, r" not in found and found["card"]["python"]


def test_a_pack_that_is_not_calibrated(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--avatar", "nobody"])
    assert "avatar 'nobody' is neither" in capsys.readouterr().err


class Brightness:
    """A judge that tells people by how bright they are."""

    def describe(self, rgb: Rgb) -> np.ndarray:
        return np.array([rgb.mean()])


def test_a_clip_of_moods_moves_and_is_one_person(tiny_pack: AvatarPack, tmp_path: Path) -> None:
    lines = ["neutral:1 jawOpen:1 neutral:1 jawOpen:1"] * 8
    (tmp_path / "s.txt").write_text("\n".join(lines))
    moods.main(["--sequences", str(tmp_path / "s.txt"), "--out", str(tmp_path / "moods")])
    avatar = Avatar(tiny_pack, OpenVinoDecoder(tiny_pack))
    pictures = clip(avatar, tmp_path / "moods", 0)
    assert len(pictures) == 200
    assert np.ptp([picture.mean() for picture in pictures]) > 1
    assert acd(pictures, Brightness()) > 0  # type: ignore[arg-type]
    assert acd(pictures[:1] * 3, Brightness()) == 0.0  # type: ignore[arg-type]
    assert np.isnan(acd(pictures[:1], Brightness()))  # type: ignore[arg-type]
