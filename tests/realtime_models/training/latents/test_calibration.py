"""Axes are found in a generator whose factors nobody told: a linear one, tracked by reading its
pictures' pixels, so that what should be found is known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import Rgb
from latentcam.realtime_models.avatar_pack import AvatarPack, load_card
from latentcam.realtime_models.face_tracker import EYES, TrackedFace
from latentcam.realtime_models.generator.latents import sample_z, w_to_ws, z_to_w
from latentcam.realtime_models.training.latents import calibration
from latentcam.realtime_models.training.latents.calibrate_command import calibrated_pack
from latentcam.realtime_models.training.latents.calibration import (
    Prober,
    at_rest,
    calibrate,
    directions,
    sample,
)
from latentcam.realtime_models.training.latents.errors import LatentsError
from latentcam.realtime_models.training.latents.measures import (
    OPPOSITE,
    RANGES,
    SEEN,
    STAND_INS,
    UNSEEN,
    bones,
    measures,
)
from tests.tiny import GENERATOR

NAMES = [seen.name for seen in SEEN]
JAW, YAW, SMILE, SQUINT = (
    NAMES.index(n) for n in ("jawOpen", "headYaw", "mouthSmile", "eyeSquint")
)
RNG = np.random.default_rng(3)
MOVES = np.linalg.qr(RNG.standard_normal((GENERATOR.w_dim, 5)))[0].T  # jaw, yaw, smile, squint, who
SEEN_MOVES = MOVES[:4].copy()
SEEN_MOVES[0] += 0.4 * MOVES[4]  # an open jaw goes with another person, in these samples


def draw(ws: NDArray[np.float32]) -> list[Rgb]:
    """Five numbers as pixels: what the faces show, and who it is."""
    w = ws if ws.ndim == 2 else ws.mean(axis=1)
    shown = np.concatenate([w @ SEEN_MOVES.T, w @ MOVES[4:].T], axis=1)
    levels = (128 + 60 * shown).round().clip(0, 255).astype(np.uint8)
    return [np.repeat(one[None, :, None], 3, axis=2) for one in levels]


def track(picture: Rgb) -> TrackedFace | None:
    jaw, yaw, smile, squint, who = (picture[0, :, 0].astype(float) - 128) / 60
    if abs(yaw) > 1.8:
        return None
    points = np.random.default_rng(1).standard_normal((478, 3))
    points[10], points[152] = (0, 0, 0), (0, 100, 0)
    points[13], points[14] = (0, 60, 0), (0, 60 + 13.6 * max(jaw + 0.5, 0), 0)
    points[61], points[291] = (-16, 60, 0), (16, 60, 0)
    for outer, inner, *pairs in EYES:
        points[outer], points[inner] = (0, 40, 0), (10, 40, 0)
        for up, down in pairs:
            points[up], points[down] = (5, 38, 0), (5, 41, 0)
    points[127] = (30 * (1 + 0.2 * who), 0, 0)
    angle = np.radians(20.1 * yaw)
    pose = np.eye(4)
    pose[0, 0] = pose[2, 2] = np.cos(angle)
    pose[0, 2] = np.sin(angle)
    sides = ("mouthSmile", "eyeSquint", "eyeLookIn", "eyeLookOut", "eyeLookUp", "eyeLookDown")
    scores = {f"{name}{side}": 0.1 for name in sides for side in ("Left", "Right")}
    for side in ("Left", "Right"):
        scores[f"mouthSmile{side}"] = 0.31 * smile
        scores[f"eyeSquint{side}"] = 0.265 * squint
    return TrackedFace(points, {**scores, "mouthPucker": 0.1, "browInnerUp": 0.1}, pose)


def describe(picture: Rgb, face: TrackedFace) -> NDArray[np.float64]:
    return np.array([(picture[0, 4, 0] - 128.0) / 60])


@pytest.fixture(scope="module")
def sampled() -> calibration.Sampled:
    w = np.random.default_rng(0).standard_normal((400, GENERATOR.w_dim)).astype(np.float32)
    return sample(w * 0.5, draw, track, describe)


def anchors() -> NDArray[np.float32]:
    w = np.random.default_rng(7).standard_normal((4, GENERATOR.w_dim)) * 0.2
    return np.repeat(w[:, None], GENERATOR.num_ws, axis=1).astype(np.float32)


def test_every_axis_is_seen_or_derived_or_said_to_be_unseen() -> None:
    named = {*NAMES, *OPPOSITE, *UNSEEN}
    assert named == set(RANGES) and {"tongueOut", "mouthClose"} <= set(UNSEEN)
    assert all(other in NAMES for other, _ in (*OPPOSITE.values(), *STAND_INS.values()))


def test_measures_are_shares_of_an_axis() -> None:
    face = track(draw(np.zeros((1, GENERATOR.w_dim), np.float32) + SEEN_MOVES[1] * 1.0)[0])
    assert face is not None
    assert measures(face)[YAW] == pytest.approx(1.0, abs=0.02)
    assert bones(face).shape == (55,) and bones(face).mean() == pytest.approx(1)


def test_too_few_faces_are_told() -> None:
    with pytest.raises(ValueError, match="a face in 0 of 60 pictures, expected at least 50"):
        sample(np.zeros((60, GENERATOR.w_dim), np.float32), draw, lambda p: None, describe)


def test_directions_are_those_that_were_put_in(sampled: calibration.Sampled) -> None:
    chosen, moves, refused = directions(sampled)
    assert {NAMES[index] for index in chosen} == {"jawOpen", "headYaw", "mouthSmile", "eyeSquint"}
    assert "the samples show only 0%" in refused["browInnerUp"]
    for at, index in enumerate(chosen):
        truth = MOVES[[JAW, YAW, SMILE, SQUINT].index(index)]
        along = moves[:, at] @ truth / np.linalg.norm(moves[:, at])
        assert along > 0.97, "the jaw's, too, without the other person that goes with it"


def test_axes_are_found_with_their_ranges(sampled: calibration.Sampled) -> None:
    found = calibrate(GENERATOR, sampled, anchors(), draw, track, describe)
    axes = {axis.name: axis for axis in found.axes}
    assert set(axes) == {"jawOpen", "headYaw", "mouthSmile", "eyeSquint"}
    for axis in axes.values():
        assert axis.obedience > 0.98 and axis.cross_talk < 0.15 and axis.high > 0.8
    assert axes["headYaw"].low < -0.8 and axes["jawOpen"].low == 0
    prober = Prober(found.anchors, draw, track, describe)
    moved = prober.moved(axes["headYaw"].column.astype(np.float64), 0.5)
    assert moved is not None and moved[0][YAW] == pytest.approx(0.5, abs=0.08)
    assert moved[1] < 0.1, "who it is stays"
    # Faces that looked aside look ahead, and closed lips are rest.
    seen = np.stack([one[0] for one in prober.look(found.anchors) if one is not None])
    assert np.abs(seen[:, YAW] - found.rest[YAW]).max() < 0.1
    assert np.abs(seen[:, JAW] - found.rest[JAW]).max() < 0.15


def test_a_lost_face_is_left_as_it_is() -> None:
    prober = Prober(anchors(), draw, lambda picture: None, describe)
    column = np.ones((GENERATOR.num_ws, GENERATOR.w_dim))
    assert prober.moved(column, 1.0) is None
    np.testing.assert_array_equal(
        at_rest(anchors()[0], [(0, column)], np.zeros(len(SEEN)), prober), anchors()[0]
    )


def test_the_pack_talks(tiny_pack: AvatarPack, tmp_path: Path) -> None:
    """The whole chain on a tiny network, whose pictures are read as numbers."""

    def read(picture: Rgb) -> TrackedFace | None:
        parts = np.array_split(picture.astype(float).mean(axis=2), 5, axis=0)
        levels = np.array([part.mean() for part in parts]) - 128
        return track(np.repeat((128 + 60 * levels / 25).clip(0, 255)[None, :, None], 3, axis=2))

    config = GENERATOR
    w = [z_to_w(config, tiny_pack.generator, sample_z(config, seed), 0.5) for seed in range(2)]
    pack = replace(tiny_pack, identities=np.stack([w_to_ws(config, one) for one in w]))
    found = calibrated_pack(pack, "tiny", tmp_path / "found", read, lambda p, f: bones(f), 300, 1.0)
    report = json.loads((tmp_path / "found" / "calibration.json").read_text())
    assert set(report["axes"]) == {axis.name for axis in found.axes}
    assert report["not found"]["tongueOut"] == "the tracker cannot see it"
    card = load_card(tmp_path / "found")
    assert {axis.name for axis in found.axes} <= {axis.name for axis in card.axes}
    assert {drive.axis for drive in card.calibration.drives} <= {axis.name for axis in card.axes}
    assert (tmp_path / "found" / "axes.jpg").exists()
    with pytest.raises(LatentsError, match="a face in 0 of 300"):
        calibrated_pack(
            tiny_pack, "tiny", tmp_path / "none", lambda p: None, lambda p, f: bones(f), 300, 1.0
        )
