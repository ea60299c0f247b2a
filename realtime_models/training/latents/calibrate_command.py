"""`latentcam avatar calibrate`: find the named axes of a pack that has none."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import Rgb
from latentcam.realtime_models.avatar_pack import AvatarPack, load_pack
from latentcam.realtime_models.axes import FACE_AXES, Axis
from latentcam.realtime_models.card import Calibration, Card, Drive
from latentcam.realtime_models.generator.latents import sample_z, z_to_w, z_to_ws
from latentcam.realtime_models.pack_places import CARD, find_pack
from latentcam.realtime_models.training.latents.errors import LatentsError

if TYPE_CHECKING:
    from latentcam.realtime_models.face_tracker import TrackedFace
    from latentcam.realtime_models.training.latents.calibration import (
        Calibrated,
        Describe,
        Draw,
        Track,
    )

ARTICULATION = 1.5
PROBED = 6  # faces on which axes are tried


def add(new_parser: Callable[..., argparse.ArgumentParser]) -> None:
    """The action's parser."""
    parser = new_parser(
        description="Samples faces, tracks them, and finds the directions in W that move what the "
        "tracker sees. Writes a pack that serve, render and camera take, with a report and a sheet "
        "of every axis. What the samples do not show is reported, not invented.",
    )
    parser.add_argument("--avatar", required=True, help="name or folder of an avatar pack")
    parser.add_argument("--out", type=Path, required=True, help="folder of the new pack")
    parser.add_argument(
        "--model", type=Path, required=True, help="MediaPipe's face_landmarker.task"
    )
    parser.add_argument("--judge", type=Path, help="folder of dlib's models: who is it?")
    parser.add_argument("--samples", type=int, default=2000, help="faces to track")
    parser.add_argument("--psi", type=float, default=1.0, help="truncation of the samples")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Calibrate. Raises what `main` tells the user."""
    from latentcam.realtime_models.face_tracker import FaceTracker
    from latentcam.realtime_models.training.identity_judge import IdentityJudge
    from latentcam.realtime_models.training.latents.calibration import by_bones

    pack = load_pack(args.avatar)
    if (args.out / CARD).exists():
        raise LatentsError(f"{args.out} is a pack already, expected a new folder")
    if not 100 <= args.samples <= 1_000_000 or not 0 < args.psi <= 1.5:
        raise LatentsError(
            f"--samples is {args.samples} and --psi {args.psi:g}, expected 100 to 1000000 samples "
            "and a psi of at most 1.5"
        )
    try:
        tracker = FaceTracker(args.model)
        judge = None if args.judge is None else IdentityJudge(args.judge)
    except FileNotFoundError as error:
        raise LatentsError(str(error)) from None

    def by_judge(picture: Rgb, face: TrackedFace) -> NDArray[np.float64] | None:
        return None if judge is None else judge.describe(picture)

    calibrated_pack(
        pack, find_pack(args.avatar).name, args.out, tracker.track,
        by_bones if judge is None else by_judge, args.samples, args.psi,
    )  # fmt: skip


def calibrated_pack(
    pack: AvatarPack,
    name: str,
    out: Path,
    track: Track,
    describe: Describe,
    samples: int,
    psi: float,
) -> Calibrated:
    """Find the axes and write the pack, its report and its sheet. Raises LatentsError."""
    from latentcam.realtime_models.training.latents.calibration import calibrate, sample
    from latentcam.realtime_models.training.latents.faces import Faces
    from latentcam.realtime_models.training.latents.measures import UNSEEN

    config, tensors = pack.card.generator, pack.generator
    faces = Faces(pack)
    z = np.random.default_rng(0).standard_normal((samples, config.z_dim)).astype(np.float32)
    try:
        data = sample(z_to_w(config, tensors, z, psi), faces.draw, track, describe)
    except ValueError as error:
        raise LatentsError(str(error)) from None
    print(f"latentcam: {len(data.w)} of {samples} faces tracked", file=sys.stderr)
    anchors = pack.identities[:PROBED]
    found = calibrate(config, data, anchors, faces.draw, track, describe)
    if not found.axes:
        reasons = "; ".join(f"{axis}: {why}" for axis, why in found.refused.items())
        raise LatentsError(f"no axis was found: {reasons}")
    card = write(pack, name, out, found, faces.draw, track, describe)
    report = {
        "samples": len(data.w),
        "axes": {
            axis.name: {
                "obedience": round(axis.obedience, 3),
                "range": [round(axis.low, 2), round(axis.high, 2)],
                "cross-talk": [round(axis.cross_talk, 2), axis.cross_with],
                "identity": round(axis.identity, 3),
                "rows": axis.rows,
            }
            for axis in found.axes
        },
        "not found": {**found.refused, **dict.fromkeys(UNSEEN, "the tracker cannot see it")},
    }
    text = json.dumps(report, indent=1)
    (out / "calibration.json").write_text(text + "\n")
    _sheet(out / "axes.jpg", load_pack(str(out)), card)
    print(text)
    return found


def write(
    pack: AvatarPack,
    name: str,
    out: Path,
    found: Calibrated,
    draw: Draw,
    track: Track,
    describe: Describe,
) -> Card:
    """Write the pack: its named faces at rest, its named axes before those that it had."""
    from latentcam.realtime_models.training.expressions import EMOTIONS
    from latentcam.realtime_models.training.latents.calibration import Prober, at_rest
    from latentcam.realtime_models.training.latents.measures import OPPOSITE, SEEN, STAND_INS
    from latentcam.realtime_models.training.write_pack import unwritten, write_with_motion_of

    shares = {axis.name: axis for axis in found.axes}
    axes: list[Axis] = []
    columns: list[NDArray[np.float32]] = []
    for unit in FACE_AXES:
        if (axis := shares.get(unit.name)) is not None:
            low = axis.low * -unit.low if axis.low else 0.0
            axes.append(Axis(unit.name, low, axis.high * unit.high, unit.unit))
            columns.append(axis.column / np.float32(unit.high))
        elif unit.name in OPPOSITE and OPPOSITE[unit.name][0] in shares:
            other, far = OPPOSITE[unit.name]
            axes.append(Axis(unit.name, 0.0, 1.0, unit.unit))
            columns.append(shares[other].column * np.float32(-far))
    named = {axis.name: column for axis, column in zip(axes, columns, strict=True)}
    for emotion, moves in EMOTIONS.items():
        parts = {axis: value for axis, value in moves.items() if axis in named}
        if 2 * len(parts) >= len(moves):
            moved = [named[axis] * np.float32(value) for axis, value in parts.items()]
            axes.append(Axis(emotion, 0.0, 1.0))
            columns.append(np.sum(moved, axis=0, dtype=np.float32))
    for at, axis_had in enumerate(pack.card.axes):
        if axis_had.unit == "std":
            axes.append(axis_had)
            columns.append(pack.generator["basis"][:, :, at])
    prober = Prober(pack.identities, draw, track, describe)
    moving = [
        (index, shares[seen.name].column.astype(np.float64))
        for index, seen in enumerate(SEEN)
        if seen.name in shares
    ]
    resting = [at_rest(anchor, moving, found.rest, prober) for anchor in pack.identities]
    drives = [Drive(axis, axis) for axis in pack.card.motion.axes if axis in named]
    drives += [
        Drive(axis, *STAND_INS[axis])
        for axis in pack.card.motion.axes
        if axis not in named and axis in STAND_INS and STAND_INS[axis][0] in named
    ]
    card = msgspec.structs.replace(
        pack.card,
        name=out.name,
        files=unwritten(),
        light=None,  # it learned other pictures
        axes=tuple(axes),
        calibration=Calibration(ARTICULATION, tuple(drives)),
        retrain=(
            *pack.card.retrain,
            f"latentcam avatar calibrate --avatar {name} --out {out.name}",
        ),
    )
    tensors = {**pack.generator, "basis": np.stack(columns, axis=2)}
    worn = None if pack.textures is None else pack.textures.pictures
    return write_with_motion_of(pack, name, out, card, tensors, np.stack(resting), np.float32, worn)


def _sheet(path: Path, pack: AvatarPack, card: Card) -> None:
    """Each named axis from end to end on the first face, at rest in the middle, and on a sample."""
    from latentcam.realtime_models.generator.basis import Basis
    from latentcam.realtime_models.training.latents.faces import Faces
    from latentcam.realtime_models.training.latents.sheets import save_sheet

    basis, faces = Basis(card.axes, pack.generator["basis"]), Faces(pack)
    config, psi, cutoff = card.generator, card.truncation_psi, card.truncation_cutoff
    somebody = z_to_ws(config, pack.generator, sample_z(config, 1000), psi, cutoff)
    people = [pack.identities[0], somebody]
    rows = {}
    for axis in card.axes:
        if axis.unit != "std":
            values = np.linspace(axis.low, axis.high, 5).tolist()
            latents = [
                basis.move(person, basis.control({axis.name: value}))
                for person in people
                for value in values
            ]
            rows[axis.name] = faces.draw(np.stack(latents).astype(np.float32))
    save_sheet(path, rows, 96)
