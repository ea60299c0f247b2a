"""Lips closed by the tracker's word, on a face whose aperture is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from latentcam.realtime_models.arrays import Rgb
from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import AvatarPack, load_pack
from latentcam.realtime_models.card import generator_shapes
from latentcam.realtime_models.decoders.base import Decode
from latentcam.realtime_models.face_tracker import CHIN, FOREHEAD, TrackedFace
from latentcam.realtime_models.training import seal
from latentcam.realtime_models.training.seal import CLOSED, main, sealed
from tests.tiny import random_tensors, tiny_card, write_pack


class Ruler:
    """A tracker for pictures that hold an aperture in their first pixel, in thousandths."""

    def track(self, picture: Rgb) -> TrackedFace | None:
        if picture[0, 0, 1]:
            return None
        points = np.zeros((478, 3))
        points[FOREHEAD], points[CHIN] = (0, -500, 0), (0, 500, 0)
        points[14] = (0, float(picture[0, 0, 0]), 0)
        return TrackedFace(points, {}, np.eye(4))


class Lips:
    """A decoder whose picture holds how far the jaw of a latent is open."""

    description = "lips"
    resolution = "8"
    lanes: tuple[Decode, ...] = ()

    def __init__(self, jaw: np.ndarray, least: float, blind: bool = False) -> None:
        self.jaw, self.least, self.blind = jaw, least, blind

    def decode(self, ws: np.ndarray) -> np.ndarray:
        opened = float((ws[0] * self.jaw).sum() / (self.jaw**2).sum())
        picture = np.zeros((1, 8, 8, 3), np.uint8)
        picture[..., 0] = max(self.least, round(100 * opened))
        picture[..., 1] = self.blind
        return picture


def avatar_with(pack: AvatarPack, least: float, blind: bool = False) -> tuple[Avatar, np.ndarray]:
    jaw = pack.generator["basis"][:, :, 0]
    return Avatar(pack, Lips(jaw, least, blind)), np.float32(0.1) * jaw


def test_the_jaw_closes_until_the_lips_are_seen_to_touch(tiny_pack: AvatarPack) -> None:
    avatar, anchor = avatar_with(tiny_pack, least=0)
    step, aperture, latent = sealed(avatar, Ruler(), anchor)  # type: ignore[arg-type]
    assert step == pytest.approx(0.0625) and aperture <= CLOSED
    np.testing.assert_allclose(latent, 0.375 * anchor, atol=1e-5)


def test_lips_that_never_touch_come_as_near_as_they_can(tiny_pack: AvatarPack) -> None:
    avatar, anchor = avatar_with(tiny_pack, least=6)
    step, aperture, _ = sealed(avatar, Ruler(), anchor)  # type: ignore[arg-type]
    assert aperture == pytest.approx(0.006) and step == pytest.approx(0.0375)


def test_pictures_without_a_face_are_told(tiny_pack: AvatarPack) -> None:
    avatar, anchor = avatar_with(tiny_pack, least=0, blind=True)
    with pytest.raises(ValueError, match="finds no face"):
        sealed(avatar, Ruler(), anchor)  # type: ignore[arg-type]


def test_a_sealed_pack_is_whole_and_everybody_may_read_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensors = random_tensors(generator_shapes(tiny_card()))
    jaw = tensors["basis"][..., 0]
    faces = np.stack([0.1 * jaw, 0.0 * jaw])
    folder = write_pack(tmp_path / "tiny", generator=tensors, identities=faces)
    monkeypatch.setattr(seal, "FaceTracker", lambda path: Ruler())
    monkeypatch.setattr(seal, "EagerDecoder", lambda pack: Lips(jaw, least=0))
    main(["--avatar", str(folder), "--model", "a model", "--smile", "0"])
    after = load_pack(str(folder))
    np.testing.assert_allclose(after.identities, [0.0375 * jaw, 0.0 * jaw], atol=1e-3)
    np.testing.assert_array_equal(after.generator["basis"], tensors["basis"])
    assert (folder / "identities.safetensors").stat().st_mode & 0o777 == 0o644


def test_rest_becomes_the_hint_of_a_smile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_pack(tmp_path / "tiny")
    before = load_pack(str(folder))
    jaw = before.generator["basis"][..., 0]
    monkeypatch.setattr(seal, "FaceTracker", lambda path: Ruler())
    monkeypatch.setattr(seal, "EagerDecoder", lambda pack: Lips(jaw, least=0))
    main(["--avatar", str(folder), "--model", "a model", "--smile", "0.4"])
    axes = [axis.name for axis in before.card.axes]
    smile, brows = (
        before.generator["basis"][..., axes.index(name)] for name in ("mouthSmile", "browInnerUp")
    )
    for was, now in zip(before.identities, load_pack(str(folder)).identities, strict=True):
        left = now - was - 0.4 * smile - 0.2 * brows  # the jaw's part
        left = left - jaw * (left * jaw).sum() / (jaw**2).sum()
        np.testing.assert_allclose(left, 0, atol=2e-3)


@pytest.mark.parametrize("smile", ["-0.1", "1.5", "nan"])
def test_more_than_a_whole_smile_is_refused(
    tiny_folder: Path, smile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["--avatar", str(tiny_folder), "--model", "a model", "--smile", smile])
    assert "expected 0 to 1" in capsys.readouterr().err


def test_a_missing_model_is_told(tiny_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("mediapipe", reason="needs the extra [track]")
    with pytest.raises(SystemExit):
        main(["--avatar", str(tiny_folder), "--model", str(tiny_folder / "none.task")])
    assert "expected MediaPipe's face_landmarker.task" in capsys.readouterr().err
