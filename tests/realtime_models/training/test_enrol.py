"""Training towards a person, and everything around it, on tiny networks and drawn faces."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

from latentcam.realtime_models import enrolment
from latentcam.realtime_models.avatar_pack import AvatarPack, load_pack
from latentcam.realtime_models.enrolment import (
    Consent,
    Covered,
    Doing,
    Done,
    Enrolment,
    News,
    Restyling,
    learned,
    place,
)
from latentcam.realtime_models.errors import AvatarPackError
from latentcam.realtime_models.face_tracker import TrackedFace
from latentcam.realtime_models.pack_places import CARD, user_packs
from latentcam.realtime_models.training.enrol import encoder, job, judges, motion_field, pivot, tune
from latentcam.realtime_models.training.enrol.made_pack import write_made
from latentcam.realtime_models.training.enrol.network import (
    Student,
    Teacher,
    moving,
    tensors_of,
)
from latentcam.realtime_models.training.enrol.pack_tracking import (
    _regress,
    keep,
    learn,
    pack_tracking,
)
from latentcam.realtime_models.training.enrol.person import Person
from latentcam.realtime_models.training.enrol.photo_motion import PhotoMotion
from latentcam.realtime_models.training.enrol.refusal import CannotEnrol
from latentcam.realtime_models.training.enrol.stylise import (
    between,
    moved_away,
    recoloured,
    restyle,
    styled_textures,
)
from latentcam.realtime_models.training.enrol.tune import (
    Progress,
    Tuner,
    rarity,
    region_weight,
    resting_picture,
    stages,
    texture_of,
)
from latentcam.realtime_models.training.generator.data import reach
from latentcam.realtime_models.training.generator.losses import levels
from tests.drawn_face import Drawn, draw, segment, track, tracking, write_video

CONSENT = Consent(whose="Ada", own=True, of_age=True, purpose="calls")


@pytest.fixture(scope="module", params=["tiny", "clear", "worn"])
def pack(
    request: pytest.FixtureRequest,
    tiny_pack: AvatarPack,
    clear_pack: AvatarPack,
    worn_pack: AvatarPack,
) -> AvatarPack:
    return {"tiny": tiny_pack, "clear": clear_pack, "worn": worn_pack}[request.param]


def somebody(pack: AvatarPack, count: int = 12) -> tuple[Person, Teacher, torch.Tensor]:
    """A person who is a face that the pack does not name, doing anything. Their anchor, too."""
    teacher = Teacher(pack)
    torch.manual_seed(3)
    anchor = teacher.anchors[:1] + 0.7 * torch.randn_like(teacher.anchors[:1])
    x = teacher.random_x(count, np.random.default_rng(5))
    drawn = levels(teacher.pictures(teacher.latents(anchor, x)))
    images = torch.from_numpy(drawn).permute(0, 3, 1, 2).contiguous()
    side = images.shape[-1] // 4
    known = torch.full((count, 1, side, side), 255, dtype=torch.uint8)
    person = Person(images, known, x, torch.zeros(count, dtype=torch.int64))
    return person, teacher, anchor[0]


def ticking() -> Iterator[float]:
    return map(float, itertools.count())


def tuner(pack: AvatarPack, steps: float = 40, **changes: object) -> Tuner:
    person, teacher, _ = somebody(pack)
    known = tracking([axis.name for axis in pack.card.axes])
    ticks = ticking()
    sizes = pack.card.generator.picture_sizes
    made = {
        "plan": stages(sizes, steps, photos=False),
        "photos": False,
        "clock": lambda: next(ticks),
        **changes,
    }
    plan = made.pop("plan")
    return Tuner(teacher, known, person, teacher.anchors[0], plan, **made)  # type: ignore[arg-type]


def error(network: Student, person: Person) -> float:
    with torch.no_grad():
        real, _, x = person.batch(torch.arange(len(person)), person.images.shape[-1])
        return float((network(x) - real).abs().mean())


def forgetting(network: Student, teacher: Teacher) -> float:
    """How far the pack's own faces are from what they were, in any pose."""
    x = teacher.random_x(16, np.random.default_rng(9))
    ws = teacher.latents(teacher.anchors[torch.arange(16) % len(teacher.anchors)], x)
    with torch.no_grad():
        return float((network.synthesis(ws) - teacher.pictures(ws)).abs().mean())


def test_textures_are_the_person_at_rest_and_with_an_open_mouth(worn_pack: AvatarPack) -> None:
    """Of four pictures: one turned aside, one with an open mouth, one at rest, one that shouts."""
    person, teacher, anchor = somebody(worn_pack, 4)
    axes = [axis.name for axis in worn_pack.card.axes]
    person.x[:] = 0
    for picture, name, value in ((0, "headYaw", 1.0), (1, "jawOpen", 0.5), (3, "jawOpen", 1.0)):
        person.x[picture, axes.index(name)] = value
    person.x[3, axes.index("mouthStretch")] = 1.0
    motion = PhotoMotion(teacher, anchor, tracking(axes))
    found = levels(texture_of(person, motion)).transpose(0, 3, 1, 2)[0]
    np.testing.assert_array_equal(found[:, :64], person.images[2])
    mouth = found[:, 64:]
    np.testing.assert_array_equal(mouth[..., 20:44], person.images[1, :, 32:52, 20:44])
    assert not mouth[..., :20].any() and not mouth[..., 44:].any()


def test_a_mouth_that_was_never_seen_open_is_opened_by_the_generator(
    worn_pack: AvatarPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The picture at rest, moved to where the generator opens the mouth: a texture with closed lips
    would have been stretched like a tongue."""
    person, teacher, anchor = somebody(worn_pack, 2)
    person.x[:] = 0
    asked = []

    def move(
        photos: list[motion_field.Levels], x: torch.Tensor, there: torch.Tensor
    ) -> list[motion_field.Moved]:
        asked.append((photos[0], x, there))
        nine = np.full((64, 64, 4), 9, np.uint8)
        return [motion_field.Moved(nine, np.ones((64, 64), np.float32))]

    axes = [axis.name for axis in worn_pack.card.axes]
    motion = PhotoMotion(teacher, anchor, tracking(axes))
    monkeypatch.setattr(PhotoMotion, "move", lambda self, *given: move(*given))
    found = levels(texture_of(person, motion)).transpose(0, 3, 1, 2)[0]
    np.testing.assert_array_equal(found[:, :64], person.images[0])
    assert (found[:, 64:, 20:44] == 9).all()
    ((picture, x, there),) = asked
    np.testing.assert_array_equal(np.asarray(picture).transpose(2, 0, 1), person.images[0])
    assert not x.any() and np.flatnonzero(there[0]).tolist() == [axes.index("jawOpen")]


def test_at_rest_lips_are_together(tiny_pack: AvatarPack) -> None:
    """Scores, which axes are read from, tell less surely than marks of lips a little apart."""
    person, _, _ = somebody(tiny_pack, 3)
    person.x[:] = 0
    person.x[1] += 0.01
    assert resting_picture(person, tiny_pack.card.axes) == 0
    seen = replace(person, aperture=torch.tensor([0.03, 0.001, 0.03]))
    assert resting_picture(seen, tiny_pack.card.axes) == 1


def test_training_goes_to_the_person(pack: AvatarPack, tmp_path: Path) -> None:
    one = tuner(pack, 120)
    before, told = error(one.ema, one.person), list[Progress]()
    one.run(tmp_path, told.append)
    assert error(one.ema, one.person) < 0.6 * before
    assert [progress.stage for progress in told][0] == "shape" and told[-1].stage == "detail"
    assert told[-1].share > 0.95 and told[-1].eta < 10
    assert all(np.isfinite(progress.loss) for progress in told)
    with Image.open(tmp_path / "preview.jpg") as preview:
        assert preview.width == 7 * preview.height == 7 * pack.card.generator.resolution


def test_a_pack_that_is_replayed_is_not_forgotten(
    tiny_pack: AvatarPack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the same training without, more is lost."""
    lost = []
    for weight in (tune.REPLAY_WEIGHT, 0.0):
        monkeypatch.setattr(tune, "REPLAY_WEIGHT", weight)
        one = tuner(tiny_pack, 60)
        one.run(tmp_path, lambda progress: None)
        lost.append(forgetting(one.ema, one.teacher))
    assert lost[0] < 0.9 * lost[1]


def test_textures_flow_as_those_of_the_pack_where_nothing_was_seen(
    worn_pack: AvatarPack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the same training without, flows go astray."""
    astray = []
    for weight in (tune.FLOW_WEIGHT, 0.0):
        monkeypatch.setattr(tune, "FLOW_WEIGHT", weight)
        one = tuner(worn_pack, 60)
        one.run(tmp_path, lambda progress: None)
        one.rng = np.random.default_rng(0)
        with torch.no_grad():
            astray.append(float(np.mean([float(one.astray()) for _ in range(8)])))
    assert astray[0] < 0.7 * astray[1]


def test_a_training_that_was_interrupted_goes_on_where_it_stopped(
    tiny_pack: AvatarPack, tmp_path: Path
) -> None:
    first = tuner(tiny_pack, 40)

    def stop(progress: Progress) -> None:
        if progress.share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        first.run(tmp_path, stop)
    again = tuner(tiny_pack, 999)
    again.load(torch.load(tmp_path / "checkpoint.pt", weights_only=True))
    assert (again.stage, again.steps) == (first.stage, first.steps) and again.steps > 5
    assert again.total == pytest.approx(40), "the plan is the first one's, too"
    torch.testing.assert_close(again.ema.anchor, first.ema.anchor)
    told: list[Progress] = []
    again.run(tmp_path, told.append)
    assert told[0].share > 0.4 and again.stage == len(again.plan)


def test_photos_stand_for_their_own_neighbours(tiny_pack: AvatarPack) -> None:
    one = tuner(tiny_pack, photos=True)
    one.person = Person(one.person.images, one.person.known, one.person.x, torch.arange(12))
    drawn = one._draw(8).reshape(4, 2)
    assert (drawn[:, 0] == drawn[:, 1]).all()
    one.person = Person(
        one.person.images, one.person.known, one.person.x, torch.zeros(12, dtype=torch.int64)
    )
    drawn = one._draw(400).reshape(-1, 2)
    assert set((drawn[:, 1] - drawn[:, 0]).tolist()) == {0, 1}


def test_rare_frames_are_drawn_more_often() -> None:
    x = torch.zeros(100, 3)
    x[:, 0] = 0.3
    x[7, 1] = 1.0
    odds = rarity(x)
    assert odds.sum() == pytest.approx(1) and odds[7] > 4 * odds[8]


def test_what_was_learned_is_a_pack_that_draws_the_same(
    pack: AvatarPack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change of V included, in the axes' own units."""
    one = tuner(pack)
    torch.manual_seed(1)
    with torch.no_grad():
        one.student.columns.normal_(0, 0.2)
    tensors = tensors_of(pack, one.student)
    anchor = one.student.anchor.detach()[None].numpy()
    lender = user_packs() / "lender"
    lender.mkdir(parents=True)
    (lender / CARD).touch()
    write_made(
        tmp_path / "ada", pack, "lender", tensors, anchor,
        names=("Ada",), licence="private", provenance="tests", consent="nobody", smaller=(),
    )  # fmt: skip
    card = json.loads((tmp_path / "ada" / "card.json").read_text())
    assert card["files"]["motion"]["borrow"] == "lender" and card["identities"] == ["Ada"]
    x = one.teacher.random_x(4, np.random.default_rng(0))
    units = x * reach(pack.card.axes)
    basis = torch.from_numpy(tensors["basis"])
    torch.testing.assert_close(
        one.student.latents(x), one.student.anchor + torch.einsum("ldk,nk->nld", basis, units),
        atol=1e-4, rtol=1e-4,
    )  # fmt: skip
    frozen = [i for i in range(len(pack.card.axes)) if i not in moving(pack.card)]
    assert one.student.change()[:, :, frozen].abs().sum() == 0


def test_regression_finds_which_scores_an_axis_moves() -> None:
    """Scores are mixed, each face has a rest of its own, the head moves in the picture, and one
    axis is seen by none."""
    rng = np.random.default_rng(0)
    who = rng.integers(0, 4, 500)
    x = rng.uniform(-1, 1, (500, 5))
    x[:80] = 0
    mix, own = rng.normal(size=(4, 12)), rng.normal(size=(4, 12))
    seen = x[:, :4] @ mix + own[who] + 0.01 * rng.normal(size=(500, 12))
    base = track(draw([Drawn()]))[0].points
    marks = np.repeat(base[None, :, :2] / 160, 500, axis=0)
    marks[:, :, 0] += 0.1 * x[:, :1]
    faces = [
        TrackedFace(
            np.pad(160 * place, ((0, 0), (0, 1))),
            {f"score{i}": float(value) for i, value in enumerate(one)},
            np.eye(4),
        )
        for place, one in zip(marks, seen, strict=True)
    ]
    found = _regress(faces, marks, who, x, [0, 1, 2], [0, 1, 2, 3, 4])
    assert (found.explained[:4] > 0.98).all() and found.explained[4] < 0.1
    at_rest = found.features(faces[int(np.flatnonzero(who[:80] == who[100])[0])])
    got = found.axes(found.features(faces[100])[None], at_rest)
    np.testing.assert_allclose(got[0, :4], x[100, :4], atol=0.08)
    assert got[0, 4] == 0, "what the tracker does not see stays at rest"
    centre = marks[0, 33, 0]
    np.testing.assert_allclose(
        found.places(np.array([[0.5, 0, 0]]))[0, 0, 0], centre + 0.05, atol=0.01
    )
    assert found.height == pytest.approx(np.linalg.norm(marks[0, 10] - marks[0, 152]), abs=0.01)


def test_a_pack_is_learned_once(tiny_pack: AvatarPack, tmp_path: Path) -> None:
    asked = 0

    def see(picture: np.ndarray) -> list[TrackedFace]:
        nonlocal asked
        asked += 1
        return track(draw([Drawn()]))

    teacher = Teacher(tiny_pack)
    first = pack_tracking(tiny_pack, teacher, see, tmp_path, pictures=40)
    seen = asked
    assert seen >= 80
    again = pack_tracking(tiny_pack, teacher, see, tmp_path, pictures=40)
    assert asked == seen
    np.testing.assert_array_equal(again.weights, first.weights)
    with pytest.raises(CannotEnrol, match="choose another --base"):
        learn(tiny_pack, teacher, lambda picture: [], pictures=16)


def test_the_encoder_tells_faces_apart_and_is_taught_once(
    tiny_pack: AvatarPack, tmp_path: Path
) -> None:
    teacher, ticks = Teacher(tiny_pack), ticking()
    torch.manual_seed(0)
    taught = encoder.encoder_of(tiny_pack, teacher, tmp_path, seconds=60, clock=lambda: next(ticks))
    again = encoder.encoder_of(tiny_pack, teacher, tmp_path, seconds=1e9)
    picture = torch.rand(1, 3, 48, 48) * 2 - 1
    torch.testing.assert_close(again.first_w(picture), taught.first_w(picture))
    assert taught.first_w(picture).shape == (tiny_pack.card.generator.w_dim,)


def test_inversion_finds_the_latent_of_a_face_of_the_pack(pack: AvatarPack) -> None:
    person, teacher, _ = somebody(pack, 4)
    known = tracking([axis.name for axis in pack.card.axes])
    size = pack.card.generator.resolution
    begun = pivot.begin(teacher, known, person, teacher.anchors, size)
    ticks = ticking()
    found = pivot.fit(
        teacher, known, person, begun, region_weight(known, size), size, 120.0,
        clock=lambda: next(ticks),
    )  # fmt: skip
    real, _, x = person.batch(torch.arange(4), size)

    def apart(anchor: torch.Tensor) -> float:
        ws = teacher.latents(anchor[None].expand(4, -1, -1), x)
        return float((teacher.pictures(ws) - real).abs().mean())

    assert apart(found) < 0.85 * apart(begun)


def shaded(shift: float) -> np.ndarray:
    """A smooth picture, moved to the right by so many pixels."""
    y, x = np.mgrid[:64, :64].astype(np.float32)
    waves = 128 + 60 * np.sin((x - shift) / 5) + 50 * np.cos(y / 6) * np.sin((x - shift) / 11)
    return np.repeat(np.clip(waves, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def test_a_picture_moves_as_the_generator_does_and_keeps_its_texture() -> None:
    photo = shaded(0.0)
    photo[..., 0] = np.clip(photo[..., 0].astype(int) + 40, 0, 255)  # redder than the generator's
    made = motion_field.moved(photo, shaded(0.0), shaded(2.0))
    inside = (slice(8, -8), slice(8, -8))
    assert made.sure[inside].mean() > 0.6
    wanted = shaded(2.0)
    wanted[..., 0] = np.clip(wanted[..., 0].astype(int) + 40, 0, 255)
    apart = np.abs(made.picture.astype(int) - wanted)[inside]
    still = np.abs(photo.astype(int) - wanted)[inside]
    assert apart.mean() < 0.4 * still.mean()


def test_what_comes_to_light_is_the_generators_in_the_photos_colours() -> None:
    """A dark square opens in the generator's picture; the photo has none, and is brighter."""
    here = shaded(0.0)
    there = here.copy()
    there[28:40, 24:44] = 5
    photo = np.clip(here.astype(int) + 25, 0, 255).astype(np.uint8)
    made = motion_field.moved(photo, here, there)
    assert made.sure[33, 33] < 0.2
    assert made.picture[32:36, 30:38].mean() < 60
    assert made.picture[8:14, 8:14].mean() > here[8:14, 8:14].mean() + 12


def test_photos_teach_moved_pictures_from_the_first_stage_on(
    pack: AvatarPack, tmp_path: Path
) -> None:
    """Nothing else keeps lids and lips of a face obeying that was photographed once: they were
    forgotten in the first stage, which had none."""
    made = tuner(pack, steps=6, photos=True)
    assert not made.plan[0].moved
    poses = made._poses(64)
    ends = (made.teacher.low, made.teacher.high)
    far = torch.stack([(poses == end) & (end != 0) for end in ends]).any(dim=0)
    assert far.any(dim=1).float().mean() > 0.4, "one axis as far as it goes"
    assert (poses != 0).float().mean() < 0.3, "few at once"
    seen = []
    learn = made.step

    def step(*given: Any) -> float:
        seen.append(made.moved)
        return learn(*given)

    made.step = step  # type: ignore[method-assign, assignment]
    made.run(tmp_path, lambda progress: None)
    assert seen[0] is not None and all(one is seen[0] for one in seen), "made once"


def test_flicker_is_what_neighbours_do_not_share() -> None:
    real = torch.randn(2, 3, 8, 8).repeat_interleave(2, dim=0)
    assert judges.flicker(real, real + 0.3) == 0
    shaken = real + 0.3
    shaken[1::2] += 0.2
    assert float(judges.flicker(real, shaken)) == pytest.approx(0.2, abs=1e-5)
    both = judges.looked_at(shaken, (0.0, 0.5, 0.25, 1.0))
    assert both.shape == (2, 6, 4, 6)
    torch.testing.assert_close(both[:, 3:] - both[:, :3], torch.full((2, 3, 4, 6), 0.2))


def test_a_style_is_learned_by_fine_layers_only(pack: AvatarPack) -> None:
    """And a strength of 0 is the plain pack."""
    person, teacher, anchor = somebody(pack, 1)
    known = tracking([axis.name for axis in pack.card.axes])
    negative = Person(255 - person.images[:1], person.known[:1], person.x[:1], person.shots[:1])
    if pack.card.generator.channels == 4:
        negative.images[:, :3] = torch.minimum(negative.images[:, :3], person.images[:1, 3:])
        negative.images[:, 3:] = person.images[:1, 3:]
    ticks = ticking()
    styled = restyle(
        pack, teacher, known, negative, negative, anchor,
        region_weight(known, pack.card.generator.resolution), keep_colours=False, seconds=60,
        clock=lambda: next(ticks),
    )  # fmt: skip
    for layer in pack.card.generator.layers:
        name = f"synthesis.convs.{layer.name}.weight"
        same = np.array_equal(styled[name], pack.generator[name])
        assert same == (layer.resolution < 16), name
    plain = {name: np.array(tensor) for name, tensor in pack.generator.items()}
    for strength, other in ((0.0, plain), (1.0, styled)):
        mixed = between(plain, styled, strength)
        assert mixed.keys() == plain.keys()
        np.testing.assert_allclose(mixed[name], other[name], atol=1e-6)


def test_textures_take_on_what_a_style_changes_in_the_networks_own_pictures(
    worn_pack: AvatarPack,
) -> None:
    """Here: it is less green. Nothing of a texture is lost where the style has no strength."""
    teacher, config = Teacher(worn_pack), worn_pack.card.generator
    last = next(layer for layer in reversed(config.layers) if layer.draws)
    greenless = dict(worn_pack.generator)
    bias = greenless[f"synthesis.convs.{last.name}.bias"].copy()
    bias.reshape(-1, last.pixels**2)[1] -= 0.2  # 25 levels
    greenless[f"synthesis.convs.{last.name}.bias"] = bias

    same = styled_textures(worn_pack, teacher, dict(worn_pack.generator), 0.0)
    found = styled_textures(worn_pack, teacher, greenless, 0.0)

    assert worn_pack.textures is not None and same is not None and found is not None
    alpha = worn_pack.textures.pictures[:, 3:]
    had = np.minimum(worn_pack.textures.pictures, alpha)  # no colour is more than its alpha
    np.testing.assert_array_equal(same, had)
    assert found.dtype == np.uint8 and found.shape == had.shape
    bright = (had[:, 1] > 40) & (had[:, 1] < alpha[:, 0])
    fell = had[:, 1][bright].astype(float) - found[:, 1][bright]
    assert 15 < np.median(fell) <= 26
    np.testing.assert_array_equal(found[:, 0], had[:, 0])


def test_a_style_that_moves_textures_elsewhere_costs(worn_pack: AvatarPack) -> None:
    teacher = Teacher(worn_pack)
    drawn = teacher.synthesis.draw(teacher.anchors)
    assert drawn.flow is not None and drawn.visible is not None
    assert moved_away(drawn, drawn) == 0
    assert moved_away(drawn._replace(flow=drawn.flow + 0.1), drawn) > 0.09
    assert moved_away(drawn._replace(visible=drawn.visible + 1), drawn) > 0.01


def test_colours_are_kept_and_light_is_the_pictures() -> None:
    torch.manual_seed(0)
    picture, like = torch.rand(1, 3, 16, 16) * 0.5 - 0.9, torch.rand(1, 3, 16, 16) * 0.3 + 0.2
    done = recoloured(picture, like)
    torch.testing.assert_close(done.mean((2, 3)), like.mean((2, 3)), atol=0.01, rtol=0)
    together = torch.corrcoef(torch.stack([done[0, 0].ravel(), picture[0, 0].ravel()]))
    assert together[0, 1] > 0.99


def order(folder: Path, files: list[Path], **changes: object) -> Enrolment:
    fields = {
        "name": "ada",
        "files": tuple(map(str, files)),
        "consent": CONSENT,
        "base": str(folder),
        "tracker": "none",
        "segmenter": "none",
        "minutes": 0.01,
        "device": "cpu",
        **changes,
    }
    return Enrolment(**fields)  # type: ignore[arg-type]


@pytest.fixture
def known_pack(clear_folder: Path, clear_pack: AvatarPack) -> Path:
    """The clear pack, about which all that is learned once is known."""
    keep(tracking([axis.name for axis in clear_pack.card.axes]), clear_pack, learned())
    encoder.encoder_of(clear_pack, Teacher(clear_pack), learned(), seconds=0.01)
    return clear_folder


def test_a_video_becomes_a_pack_that_says_whose_face_it_is(
    known_pack: Path, tmp_path: Path, clear_pack: AvatarPack
) -> None:
    frames = [draw([Drawn(jaw=0.5 * (i % 9 > 4))]) for i in range(16 * 25)]
    asked = order(known_pack, [write_video(tmp_path / "me.mkv", frames)])
    folder = place(asked)
    assert folder.stat().st_mode & 0o077 == 0, "nobody else on this machine reads it"
    news: list[News] = []
    job.carry_out(asked, folder, news.append, track, segment)
    assert isinstance(news[-1], Done) and Path(news[-1].folder) == user_packs() / "ada"
    assert any(isinstance(one, Covered) and one.seconds == 16 for one in news)
    assert any(isinstance(one, Doing) and one.step.startswith("training") for one in news)
    assert not folder.exists(), "nothing but the pack is left"
    (user_packs() / known_pack.name).symlink_to(known_pack)
    made = load_pack("ada")
    today = f"{date.today():%d %B %Y}"
    assert made.card.consent == (
        f"Shows Ada, stated to be of age; Ada made this pack of their own face on {today}. "
        "Purpose: calls."
    )
    assert "16 s of video of Ada" in made.card.provenance
    assert clear_pack.card.provenance in made.card.provenance
    assert made.card.identities == ("ada",) and made.card.licence.startswith("Private")
    gone = enrolment.forget("ada")
    assert gone and not (user_packs() / "ada").exists()
    with pytest.raises(AvatarPackError, match="neither a pack ada"):
        enrolment.forget("ada")


def test_a_photo_becomes_a_pack_and_a_picture_a_style(known_pack: Path, tmp_path: Path) -> None:
    Image.fromarray(draw([Drawn()])).save(tmp_path / "me.png")
    asked = order(known_pack, [tmp_path / "me.png"])
    user_packs().mkdir(parents=True)
    (user_packs() / known_pack.name).symlink_to(known_pack)
    news: list[News] = []
    job.carry_out(asked, place(asked), news.append, track, segment)
    assert isinstance(news[-1], Done)
    style = Restyling(
        name="ada-painted", base="ada", picture=str(tmp_path / "me.png"), tracker="none",
        segmenter="none", minutes=0.01, device="cpu", strength=0.5,
    )  # fmt: skip
    painted = load_pack("ada")
    keep(tracking([axis.name for axis in painted.card.axes]), painted, learned())
    encoder.encoder_of(painted, Teacher(painted), learned(), seconds=0.01)
    job.carry_out(style, place(style), news.append, track, segment)
    made = load_pack("ada-painted")
    assert made.card.consent == painted.card.consent and made.card.identities == ("ada",)
    assert made.card.files.motion.borrow == known_pack.name
    assert "in the style of me.png" in made.card.provenance
    known = set(learned().iterdir())
    gone = {path for path in enrolment.forget("ada") if path.parent == learned()}
    assert len(gone) == 2 and set(learned().iterdir()) == known - gone


def test_an_order_interrupted_while_training_goes_on(known_pack: Path, tmp_path: Path) -> None:
    """Without looking at the video again, and with the recording left in its place."""
    frames = [draw([Drawn(jaw=0.5 * (i % 9 > 4))]) for i in range(16 * 25)]
    folder = enrolment.orders() / "ada"
    (folder / enrolment.RECORDING).mkdir(parents=True)
    video = write_video(folder / enrolment.RECORDING / "1.mkv", frames)
    asked = order(known_pack, [video], minutes=0.05)
    assert place(asked) == folder

    def stop(news: News) -> None:
        if isinstance(news, Doing) and news.step.startswith("training"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job.carry_out(asked, folder, stop, track, segment)
    assert (folder / "checkpoint.pt").is_file() and place(asked) == folder
    news: list[News] = []

    def blind(picture: np.ndarray) -> list[TrackedFace]:
        raise AssertionError("the video was looked at before")

    job.carry_out(asked, folder, news.append, blind, segment)
    assert isinstance(news[-1], Done)
    assert [path.name for path in folder.iterdir() if path.is_file()] == [enrolment.JOB_FILE]
    assert video.is_file()
    enrolment.forget("ada")
    assert not folder.exists()


def test_another_order_of_the_same_name_begins_anew(known_pack: Path, tmp_path: Path) -> None:
    folder = place(order(known_pack, [tmp_path / "a.mkv"]))
    (folder / "checkpoint.pt").write_bytes(b"of the other video")
    place(order(known_pack, [tmp_path / "a.mkv"]))
    assert (folder / "checkpoint.pt").exists()
    place(order(known_pack, [tmp_path / "b.mkv"]))
    assert not (folder / "checkpoint.pt").exists()
    with pytest.raises(AvatarPackError, match="came with latentcam"):
        place(order(known_pack, [], name="studio"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"of_age": False}, "faces of children are not enrolled"),
        ({"own": False}, "it is not said how Ada agreed"),
        ({"own": False, "agreed": "  "}, "it is not said how Ada agreed"),
        ({"purpose": " "}, "neither whose face it is nor what for"),
    ],
)
def test_without_consent_there_is_no_order(changes: dict[str, object], said: str) -> None:
    fields = {"whose": "Ada", "own": True, "of_age": True, "purpose": "calls", **changes}
    with pytest.raises(ValueError, match=said):
        Consent(**fields)  # type: ignore[arg-type]
    with pytest.raises(msgspec.ValidationError, match=said):
        msgspec.convert(fields, Consent)


def test_consent_of_somebody_else_is_a_statement_of_the_maker() -> None:
    words = Consent("Bo", False, True, "a film.", "in writing, on 3 May").words(date(2026, 5, 4))
    assert words == (
        "Shows Bo, stated to be of age; whoever made this pack, on 04 May 2026, states that Bo "
        "agreed: in writing, on 3 May. Purpose: a film."
    )


@pytest.mark.parametrize("name", ["", "../x", "a b", "x" * 65, ".hidden"])
def test_names_that_no_pack_has_are_refused(name: str) -> None:
    with pytest.raises(AvatarPackError, match="expected at most 64"):
        enrolment.check_name(name)


def test_models_that_are_not_here_are_named_with_their_address() -> None:
    with pytest.raises(AvatarPackError, match=r"download https://storage.googleapis.com/.*task"):
        enrolment.find_model("face_landmarker.task")


def test_a_file_that_is_no_vgg_is_told_before_anything_is_learned(
    clear_folder: Path, tmp_path: Path
) -> None:
    asked = order(clear_folder, [tmp_path / "me.mkv"], vgg=str(tmp_path / "none.onnx"))
    with pytest.raises(CannotEnrol, match="expected an ONNX file of VGG16"):
        job.carry_out(asked, place(asked), lambda news: None, track, segment)


def test_a_vgg_that_cannot_be_read_without_onnx_is_told(
    clear_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "vgg.onnx").write_bytes(b"")
    asked = order(clear_folder, [tmp_path / "me.mkv"], vgg=str(tmp_path / "vgg.onnx"))
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(CannotEnrol, match=r"without onnx: pip install 'latentcam\[judge\]'"):
        job.carry_out(asked, place(asked), lambda news: None, track, segment)


def run_job(folder: Path) -> tuple[int, list[dict[str, object]], str]:
    done = subprocess.run(enrolment.command(folder), capture_output=True, text=True, timeout=300)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_the_process_tells_one_sentence_when_it_cannot(tmp_path: Path) -> None:
    pytest.importorskip("mediapipe")
    asked = order(tmp_path, [tmp_path / "a.mkv"], tracker=str(tmp_path / "none.task"))
    status, news, told = run_job(place(asked))
    assert status == 2 and "Traceback" not in told
    assert [one["type"] for one in news] == ["failed"]
    assert "none.task is no file" in str(news[0]["message"])
    status, news, told = run_job(tmp_path)
    assert status == 2 and "job.json cannot be read" in str(news[0]["message"])


def test_the_process_tells_one_sentence_when_the_disk_is_full() -> None:
    code = (
        "import errno, sys; from latentcam.realtime_models.training.enrol import job\n"
        "def full(folder): raise OSError(errno.ENOSPC, 'No space left on device', 'person.npz')\n"
        "job.read_order = full; sys.exit(job.main(['folder']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    said = json.loads(done.stdout)
    assert said["message"] == "person.npz cannot be used: No space left on device"


def test_the_process_answers_sigterm_as_ctrl_c() -> None:
    before = {kind: signal.getsignal(kind) for kind in (signal.SIGINT, signal.SIGTERM)}
    try:
        with pytest.raises(KeyboardInterrupt):
            job._interrupt(signal.SIGTERM, None)
        assert all(signal.getsignal(kind) is signal.SIG_IGN for kind in before), "once"
    finally:  # or every process that a later test starts would be deaf to them, too
        for kind, handler in before.items():
            signal.signal(kind, handler)


def test_only_news_reach_standard_output() -> None:
    code = (
        "import os; from latentcam.realtime_models.training.enrol.job import only_news_on_stdout\n"
        "from latentcam.realtime_models.enrolment import Failed\n"
        "with only_news_on_stdout() as tell:\n"
        "    os.write(1, b'noise of a library\\n'); print('more'); tell(Failed('no'))\n"
        "print('after')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ['{"type":"failed","message":"no"}', "after"]
    assert "noise" in done.stderr and "more" in done.stderr
