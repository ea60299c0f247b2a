"""From files to pictures in the pack's frame, with axes: on a drawn face, whose truth is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from latentcam.realtime_models.alpha import composite
from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.face_tracker import FaceTracker
from latentcam.realtime_models.training.enrol import framing, matting
from latentcam.realtime_models.training.enrol.pack_tracking import RIGID
from latentcam.realtime_models.training.enrol.person import (
    CONTINUED,
    Person,
    even_light,
    prepare,
    wall_of,
)
from latentcam.realtime_models.training.enrol.refusal import CannotEnrol
from latentcam.realtime_models.training.enrol.sources import open_sources
from tests.drawn_face import (
    SKIN,
    WALL,
    Drawn,
    draw,
    place_in_pack,
    segment,
    track,
    tracking,
    write_video,
)

SECONDS, FPS = 16, 25


def acted() -> list[Drawn]:
    """A head that sways and comes nearer, a jaw that opens and closes, a few blinks."""
    t = np.arange(SECONDS * FPS) / FPS
    return [
        Drawn(
            x=80 + 6 * np.sin(now),
            y=60 + 3 * np.cos(1.3 * now),
            eyes=44 + 3 * np.sin(0.5 * now),
            roll=8.0,
            jaw=max(0.0, np.sin(2 * np.pi * 0.7 * now)),
            blink=0.6 if i % 60 in (30, 31, 32) else 0.0,
        )
        for i, now in enumerate(t)
    ]


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("film")
    return write_video(folder / "me.mkv", [draw([face]) for face in acted()], FPS)


@pytest.fixture(scope="module")
def person(filmed: Path, clear_pack: AvatarPack) -> Person:
    known = tracking([axis.name for axis in clear_pack.card.axes])
    got, coverage = prepare(open_sources([filmed]), clear_pack, known, track, segment)
    assert coverage.pictures == SECONDS * FPS and coverage.seconds == SECONDS
    assert 90 < coverage.face_pixels < 150
    assert any("turned to your left" in words for words in coverage.missing) is False
    return got


def test_the_face_of_a_video_stands_still_in_the_packs_frame(
    person: Person, clear_pack: AvatarPack
) -> None:
    """Upright, too: the camera was askew by 8 degrees throughout."""
    side = clear_pack.card.generator.resolution
    for index in (0, 100, 250, 399):
        picture = person.images[index].permute(1, 2, 0).numpy()
        large = np.asarray(Image.fromarray(picture[..., :3]).resize((4 * side, 4 * side)))
        found = track(large)
        assert len(found) == 1
        got = found[0].points[[33, 263, 61], :2] / (4 * side)
        want = [place_in_pack(number) for number in (33, 263, 61)]
        np.testing.assert_allclose(got, want, atol=1.2 / side)


def test_axes_are_what_was_acted_relative_to_rest(person: Person, clear_pack: AvatarPack) -> None:
    names = [axis.name for axis in clear_pack.card.axes]
    jaw = person.x[:, names.index("jawOpen")].numpy()
    wanted = np.array([face.jaw for face in acted()])
    assert np.corrcoef(jaw, wanted)[0, 1] > 0.99
    assert np.argmax(np.correlate(jaw - jaw.mean(), wanted - wanted.mean(), "same")) == 200
    blink = person.x[:, names.index("eyeBlink")].numpy()
    assert blink[31] > 0.9, "eyes that close read as closed, though this face's score is 0.6"
    assert blink[:25].max() < 0.05


def test_what_is_behind_is_gone_and_the_colours_are_the_persons(person: Person) -> None:
    picture = person.images[0]
    corner = picture[:, 1, 1]
    assert corner.tolist() == [0, 0, 0, 0]
    nose = picture[:, 30, 32]
    np.testing.assert_allclose(nose.numpy(), [*SKIN, 255], atol=6)


def test_a_camera_that_changes_its_mind_about_colours_is_evened_out(
    person: Person, clear_pack: AvatarPack
) -> None:
    """A second take, bluer and darker, becomes like the first; alpha stays."""
    known = tracking([axis.name for axis in clear_pack.card.axes])
    both = Person(
        torch.cat([person.images[:30], person.images[:30]]), person.known[:60], person.x[:60],
        torch.arange(60) // 30,
    )  # fmt: skip
    tint = torch.tensor([0.85, 0.9, 0.97])[:, None, None]
    both.images[30:, :3] = (both.images[30:, :3].float() * tint).byte()
    even_light(both, known)
    seen, twin = both.images[5], both.images[35]
    assert (seen[:3].float() - twin[:3].float()).abs().mean() < 1.0
    assert (both.images[:, :3] <= both.images[:, 3:]).all()
    assert torch.equal(both.images[:30, 3], person.images[:30, 3])


def test_beyond_the_edges_of_the_film_nothing_is_known(person: Person) -> None:
    """The film's right edge lies within the pack's frame."""
    assert person.known[0, 0, 7].max() == 255
    assert (person.known[0, 0] == CONTINUED).any(), "and yet shoulders do not end there"
    pictures, known, x = person.batch(torch.tensor([0, 1]), 32)
    assert pictures.shape == (2, 4, 32, 32) and known.shape == (2, 1, 32, 32)
    assert float(known.max()) == pytest.approx(1) and x.shape == (2, person.x.shape[1])


def test_above_a_picture_is_where_hair_may_be_cut_off() -> None:
    """The picture has the middle quarter of the frame; hair does not go on above it in streaks."""
    upright = framing.Placement(np.array([[0.005, 0.0, 0.25], [0.0, 0.005, 0.25]]))
    above = upright.above(8)
    assert above[:2].all() and not above[2:].any()
    askew = framing.Placement(np.array([[0.0, -0.005, 0.75], [0.005, 0.0, 0.25]]))
    turned = askew.above(8)
    assert turned[:, 7].all() and not turned[:, :6].any()


def test_a_person_is_kept_and_comes_back_the_same(person: Person, tmp_path: Path) -> None:
    person.select(torch.arange(5)).save(tmp_path / "person.npz")
    again = Person.load(tmp_path / "person.npz")
    torch.testing.assert_close(again.images, person.images[:5])
    assert torch.equal(again.x, person.x[:5]) and torch.equal(again.shots, person.shots[:5])
    assert again.aperture is not None and person.aperture is not None
    assert torch.equal(again.aperture, person.aperture[:5])


def photo(folder: Path, faces: list[Drawn], name: str = "me.png", **size: int) -> Path:
    Image.fromarray(draw(faces, **size)).save(folder / name)
    return folder / name


def test_photos_are_turned_upright_and_fit_a_pack_without_alpha(
    tiny_pack: AvatarPack, tmp_path: Path
) -> None:
    known = tracking([axis.name for axis in tiny_pack.card.axes])
    files = [photo(tmp_path, [Drawn(roll=25.0, jaw=0.4)]), photo(tmp_path, [Drawn()], "2.png")]
    got, coverage = prepare(open_sources(files), tiny_pack, known, track, segment)
    assert len(got) == 2 and coverage.seconds == 0 and got.shots.tolist() == [0, 1]
    side = tiny_pack.card.generator.resolution
    wall = wall_of(tiny_pack)
    assert wall.shape == (side, side, 3)
    np.testing.assert_allclose(got.images[1, :, 0, 0].numpy(), wall[0, 0], atol=2)
    names = [axis.name for axis in tiny_pack.card.axes]
    assert got.x[0, names.index("jawOpen")] == pytest.approx(0.4, abs=0.02)
    assert abs(float(got.x[0, names.index("headRoll")])) < 0.01


def test_the_calmest_photo_is_how_the_person_rests(clear_pack: AvatarPack, tmp_path: Path) -> None:
    """It is the texture at rest, so to say that it shows an expression made the face learn to take
    that away: likeness fell, and lids and lips went astray."""
    known = tracking([axis.name for axis in clear_pack.card.axes])
    jaw = [axis.name for axis in clear_pack.card.axes].index("jawOpen")
    files = [photo(tmp_path, [Drawn(jaw=j, blink=0.3)], f"{j}.png") for j in (0.6, 0.2)]
    one, _ = prepare(open_sources(files[:1]), clear_pack, known, track, segment)
    assert not one.x.any()
    painting, _ = prepare(
        open_sources(files[:1]), clear_pack, known, track, segment, resting_photo=False
    )
    assert painting.x[0, jaw] == pytest.approx(0.6, abs=0.03), "as it is, of a style"
    both, _ = prepare(open_sources(files), clear_pack, known, track, segment)
    assert not both.x[1].any()
    assert both.x[0, jaw] == pytest.approx(0.4, abs=0.03)
    assert both.x.abs().max() <= 1


def black(folder: Path) -> list[Path]:
    return [write_video(folder / "black.mkv", [np.zeros((160, 160, 3), np.uint8)] * 500)]


def empty(folder: Path) -> list[Path]:
    return [write_video(folder / "wall.mkv", [draw([])] * 20)]


def short(folder: Path) -> list[Path]:
    return [write_video(folder / "short.mkv", [draw([Drawn()])] * 3)]


def two(folder: Path) -> list[Path]:
    couple = [Drawn(x=80), Drawn(x=240)]
    return [write_video(folder / "two.mkv", [draw(couple, width=320)] * 40)]


def two_in_a_photo(folder: Path) -> list[Path]:
    return [photo(folder, [Drawn(x=80), Drawn(x=240)], width=320)]


def far(folder: Path) -> list[Path]:
    return [photo(folder, [Drawn(eyes=20)])]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (black, "black.mkv is black"),
        (empty, "no face is found in wall.mkv"),
        (short, "a face is seen for 0.1 s, expected at least 15"),
        (two, "two faces are seen in 40 of 40 frames"),
        (two_in_a_photo, "shows 2 faces, expected one person alone"),
        (far, "pixels high, expected at least 72"),
    ],
)
def test_what_shows_no_single_face_is_refused_in_one_sentence(
    tiny_pack: AvatarPack, tmp_path: Path, make: Callable[[Path], list[Path]], said: str
) -> None:
    known = tracking([axis.name for axis in tiny_pack.card.axes])
    with pytest.raises(CannotEnrol, match=said):
        prepare(open_sources(make(tmp_path)), tiny_pack, known, track, segment)


def test_a_cut_and_another_file_begin_new_takes() -> None:
    points = np.zeros((6, len(RIGID), 2))
    points[:, :, 1] = np.linspace(0, 100, len(RIGID))
    points[3:] += 40
    source = np.array([0, 0, 0, 0, 0, 1])
    assert framing.shots_of(points, source).tolist() == [0, 0, 0, 1, 1, 2]


def test_smoothing_never_reaches_over_a_cut_and_never_lags() -> None:
    values = np.concatenate([np.zeros(20), np.ones(20)])
    shots = (np.arange(40) >= 20).astype(np.int64)
    np.testing.assert_allclose(framing.smooth(values, shots, 3.0), values)
    wave = np.sin(np.arange(200) / 5)
    done = framing.smooth(wave, np.zeros(200, np.int64), 1.0)
    lags = [np.corrcoef(wave[20:180], done[20 + lag : 180 + lag])[0, 1] for lag in (-1, 0, 1)]
    assert lags[1] > max(lags[0], lags[2])


def test_a_small_face_in_a_large_picture_comes_without_aliasing() -> None:
    """Stripes finer than a pixel of the result are grey in it."""
    stripes = np.zeros((1600, 1600, 3), np.uint8)
    stripes[:, ::2] = 255
    place = framing.Placement(np.array([[1 / 1600, 0, 0], [0, 1 / 1600, 0]]))
    shown = place.bring(stripes, 64)[8:-8, 8:-8]
    assert shown.min() > 110 and shown.max() < 145
    assert place.known((800, 1600), 64)[1:30, 1:-1].min() == 255
    assert place.known((800, 1600), 64)[34:].max() == 0


def test_no_rim_of_the_former_wall_stays_at_a_soft_edge() -> None:
    """A person of one colour before a green wall, mixed half and half at the edge."""
    alpha = np.clip(np.linspace(13, -12, 128, dtype=np.float32), 0, 1)[None].repeat(128, axis=0)
    mixed = alpha[..., None] * np.array(SKIN) + (1 - alpha[..., None]) * np.array([0, 255, 0])
    cut = matting.premultiplied(np.round(mixed).astype(np.uint8), alpha)
    edge = (alpha > 0.2) & (alpha < 0.9)
    colour = cut[edge][:, :3] / alpha[edge][:, None]
    np.testing.assert_allclose(colour.mean(axis=0), SKIN, atol=22)
    np.testing.assert_allclose(composite(cut, WALL)[64, 127], WALL, atol=1)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("flatbuffers")
    pytest.importorskip("mediapipe")
    (tmp_path / "junk.task").write_bytes(b"no model" * 50)
    with pytest.raises(FileNotFoundError, match=r"another file, expected .*face_landmarker\.task"):
        FaceTracker(tmp_path / "junk.task")
    with pytest.raises(CannotEnrol, match="not a TensorFlow Lite model"):
        matting.described(b"no model" * 50)
