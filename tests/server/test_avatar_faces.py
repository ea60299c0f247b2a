"""`latentcam avatar sample`, `mix`, `morph`: sheets and videos of faces."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from latentcam.realtime_models.arrays import Latent, Picture
from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import AvatarPack, load_pack
from latentcam.realtime_models.decoders.openvino import OpenVinoDecoder
from latentcam.realtime_models.generator.mixing import BANDS, mixed
from latentcam.realtime_models.motion.moods import Mood
from latentcam.server.__main__ import main
from latentcam.server.commands.avatar_morph import at, keyframes_of, keyframes_of_moods
from latentcam.server.commands.avatar_sample import seeds_of
from latentcam.server.errors import UsageError
from latentcam.stream.marker import Marker

SIDE = 32


def told(capsys: pytest.CaptureFixture[str], *argv: object, status: int = 0) -> str:
    assert main(["avatar", *map(str, argv)]) == status
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return err if status else out


def read(path: Path) -> np.ndarray:
    with av.open(str(path)) as file:
        return next(file.decode(video=0)).to_ndarray(format="rgb24")


def cell(sheet: np.ndarray, row: int, column: int) -> np.ndarray:
    return sheet[row * SIDE : (row + 1) * SIDE, column * SIDE : (column + 1) * SIDE].astype(int)


def marked(avatar: Avatar, latent: Latent) -> Picture:
    """A face at rest, as a sheet shows it."""
    return Marker(0).colours(avatar.render(latent, avatar.basis.control({})))


@pytest.fixture(scope="module")
def avatar(tiny_folder: Path) -> Avatar:
    pack = load_pack(str(tiny_folder))
    return Avatar(pack, OpenVinoDecoder(pack))


def test_a_sheet_of_seeds_and_truncations(
    tiny_folder: Path, tmp_path: Path, avatar: Avatar, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sheet.png"
    options = ("--seeds", "3-4,9", "--psi", 0, 0.7)
    told(capsys, "sample", "--avatar", tiny_folder, "--out", out, *options)
    sheet = read(out)
    assert sheet.shape == (3 * SIDE, 2 * SIDE, 3)
    assert (cell(sheet, 0, 0) == cell(sheet, 2, 0)).all(), "psi 0 is the mean face"
    wanted = marked(avatar, avatar.anchor("9"))
    assert np.abs(cell(sheet, 2, 1) - wanted).max() <= 1
    assert "exists" in told(capsys, "sample", "--avatar", tiny_folder, "--out", out, status=2)


def test_a_sheet_of_mixed_styles(
    tiny_folder: Path, tmp_path: Path, avatar: Avatar, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sheet.png"
    told(capsys, "mix", "Ada,5", "Bo", "--avatar", tiny_folder, "--out", out)
    sheet = read(out)
    assert sheet.shape == (4 * SIDE, 3 * SIDE, 3) and (cell(sheet, 0, 0) == 255).all()
    ada, bo = avatar.anchor("Ada"), avatar.anchor("Bo")
    assert np.abs(cell(sheet, 0, 1) - marked(avatar, ada)).max() <= 1
    for row, band in enumerate(BANDS, start=1):
        latent = mixed(avatar.card.generator, ada, bo, band)
        assert np.abs(cell(sheet, row, 1) - marked(avatar, latent)).max() <= 1
        assert np.abs(cell(sheet, row, 0) - marked(avatar, bo)).max() <= 1


def test_a_jpeg_is_a_jpeg(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sheet.jpg"
    told(capsys, "sample", "--avatar", tiny_folder, "--out", out, "--seeds", 1)
    assert out.read_bytes()[:3] == b"\xff\xd8\xff"


def test_a_video_goes_from_face_to_face(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "morph.mp4"
    told(capsys, "morph", "--avatar", tiny_folder, "--out", out,
         "--keyframes", "0:Ada", "0.4:7:jawOpen=1", "0.8:Bo")  # fmt: skip
    with av.open(str(out)) as file:
        frames = [frame.to_ndarray(format="rgb24").astype(int) for frame in file.decode(video=0)]
    assert len(frames) == 21
    steps = [np.abs(b - a).mean() for a, b in zip(frames, frames[1:], strict=False)]
    assert max(steps) < 0.8 * np.abs(frames[10] - frames[0]).mean(), "no jump"


def test_a_path_is_at_rest_at_its_keyframes(tiny_pack: AvatarPack, avatar: Avatar) -> None:
    frames = keyframes_of(avatar, ["0:1", "2:2:headYaw=10", "3:3"])
    for frame, seconds in zip(frames, (0.0, 2.0, 3.0), strict=True):
        for space in "wz":
            anchor, x = at(tiny_pack, frames, seconds, space)
            np.testing.assert_allclose(anchor, frame.anchor, atol=1e-5)
            np.testing.assert_array_equal(x, frame.x)
    before, _ = at(tiny_pack, frames, 1.98, "w")
    middle, x = at(tiny_pack, frames, 1.0, "w")
    assert np.abs(before - frames[1].anchor).max() < 0.01
    np.testing.assert_allclose(middle, (frames[0].anchor + frames[1].anchor) / 2, atol=1e-5)
    assert x.max() == pytest.approx(5.0)
    arc, _ = at(tiny_pack, frames, 1.0, "z")
    assert np.abs(arc - middle).max() > 1e-3
    np.testing.assert_array_equal(at(tiny_pack, frames, 9.0, "w")[0], frames[2].anchor)


@pytest.mark.parametrize(
    ("keyframes", "said"),
    [
        (("x:Ada",), "keyframe 'x:Ada': could not convert"),
        (("0:Nobody",), "identity 'Nobody' is neither"),
        (("0:Ada:wings=1",), "'wings' is no axis, expected one of jawOpen"),
        (("0:Ada:jawOpen=2",), "jawOpen is 2, expected 0 to 1"),
        (("0:Ada", "0:Bo"), "times do not rise"),
        (("9999:Ada",), "expected 0 to 600 seconds"),
        (("nan:Ada",), "expected 0 to 600 seconds"),
    ],
)
def test_keyframes_that_are_none(avatar: Avatar, keyframes: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        keyframes_of(avatar, list(keyframes))


@pytest.mark.parametrize("text", ["", "a", "5-2", "-3", "1-", "0-9999", "1,,2"])
def test_seeds_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="--seeds"):
        seeds_of(text)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("sample", "--out", "a.gif"), "expected a name in .jpg or .png"),
        (("sample", "--out", "a.png", "--psi", "2"), "--psi is 2, expected 0 to 1.5"),
        (("sample", "--out", "a.png", "--seeds", "0-99"), "400 pictures, expected at most 256"),
        (("mix", "Ada", "Nobody", "--out", "a.png"), "'Nobody' is neither"),
        (("morph", "--out", "a.mp4", "--space", "z", "--keyframes", "0:Ada", "1:2"), "sampled"),
        (("morph", "--out", "a.txt", "--keyframes", "0:Ada"), "expected a name in .mp4"),
    ],
)
def test_refusals(
    tiny_folder: Path, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], said: str
) -> None:
    assert said in told(capsys, *argv, "--avatar", tiny_folder, status=2)
    assert not Path(argv[2]).exists()


def test_a_face_goes_from_mood_to_mood(avatar: Avatar) -> None:
    moods = [Mood("neutral", 1.0), Mood("jawOpen", 2.0), Mood("unheard of", 0.5), Mood("sad", 9.0)]
    frames = keyframes_of_moods(avatar, "Ada", iter(moods), 4.0)
    times = [frame.seconds for frame in frames]
    assert times == sorted(set(times)) and times[-1] == 4.0
    jaw = [float(frame.x[0]) for frame in frames]
    assert max(jaw) == pytest.approx(0.8) and jaw[-1] == 0.0
    assert frames[times.index(3.0)].x[0] == pytest.approx(0.8), "kept to its end"
    with pytest.raises(UsageError, match="'Nobody' is neither"):
        keyframes_of_moods(avatar, "Nobody", iter(moods), 4.0)
