"""Give a pack's named faces a friendly rest, with closed lips.

`python -m latentcam.realtime_models.training.seal --help`

A face that does nothing looks stern, so the hint of a smile becomes its rest. And a generator may
have learned touching lips with a thin gap, which a tracker, or a person, takes for a slightly open
mouth: the latent of such a face is moved against jawOpen until the tracker sees the lips closed.
Run it once, on a new pack: it changes identities.safetensors and the card.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec
import numpy as np

from latentcam.realtime_models.alpha import composite
from latentcam.realtime_models.arrays import Latent
from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import load_pack
from latentcam.realtime_models.decoders.eager import EagerDecoder
from latentcam.realtime_models.errors import AvatarPackError
from latentcam.realtime_models.face_tracker import FaceTracker
from latentcam.realtime_models.pack_places import find_pack
from latentcam.realtime_models.training.write_pack import write_card, write_identities

CLOSED = 0.0045  # tracked aperture, as a share of the face's height; more swallows small openings
SMILE = 0.2  # of mouthSmile, at rest
BROWS = 0.5  # of browInnerUp, as a share of the smile
STEPS = np.arange(0.0, 0.16, 0.0125)  # of jawOpen; farther, the face would speak with half a mouth


def sealed(avatar: Avatar, tracker: FaceTracker, anchor: Latent) -> tuple[float, float, Latent]:
    """(how far the jaw had to go, the aperture there, the latent), of all steps the first whose
    lips are closed, or else the one with the smallest aperture."""
    jaw = avatar.basis.matrix @ avatar.basis.control({"jawOpen": 1.0})
    tried = []
    for step in STEPS:
        latent = anchor - np.float32(step) * jaw
        face = tracker.track(composite(avatar.decoder.decode(latent[None])[0]))
        if face is None:
            continue
        tried.append((face.aperture, float(step), latent))
        if face.aperture <= CLOSED:
            break
    if not tried:
        raise ValueError("the tracker finds no face in the pictures of this pack")
    aperture, step, latent = min(tried, key=lambda one: one[0])
    return step, aperture, latent


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--avatar", required=True, help="name or folder of the pack to change")
    parser.add_argument(
        "--smile", type=float, default=SMILE, help=f"at rest, 0 to 1 (default: {SMILE})"
    )
    parser.add_argument("--model", type=Path, required=True, help="face_landmarker.task")
    args = parser.parse_args(argv)
    if not 0 <= args.smile <= 1:
        parser.error(f"--smile is {args.smile:g}, expected 0 to 1")
    try:
        pack, folder = load_pack(args.avatar), find_pack(args.avatar)
        tracker = FaceTracker(args.model)
    except (AvatarPackError, FileNotFoundError) as error:
        parser.error(str(error))
    avatar = Avatar(pack, EagerDecoder(pack))  # the same everywhere
    names = {axis.name for axis in pack.card.axes}
    rest = {"mouthSmile": args.smile, "browInnerUp": BROWS * args.smile}
    friendly = avatar.basis.control({name: rest[name] for name in rest if name in names})
    latents = []
    for name in pack.card.identities:
        smiling = avatar.basis.move(avatar.anchor(name), friendly)
        step, aperture, latent = sealed(avatar, tracker, smiling)
        latents.append(latent)
        print(f"{name:10} jaw {0 - step:+.3f}: aperture {aperture:.4f}", flush=True)
    files = msgspec.structs.replace(
        pack.card.files, identities=write_identities(folder, np.stack(latents))
    )
    write_card(folder, msgspec.structs.replace(pack.card, files=files))


if __name__ == "__main__":
    main()
