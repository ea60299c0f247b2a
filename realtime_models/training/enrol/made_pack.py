"""What was learned, as a pack: its own generator and face, everything else borrowed."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.avatar_pack import AvatarPack, Tensors
from latentcam.realtime_models.training.int8 import ready_for_int8
from latentcam.realtime_models.training.write_pack import unwritten, write_with_motion_of


def write_made(
    folder: Path,
    base: AvatarPack,
    lender: str,
    tensors: Tensors,
    identities: NDArray[np.float32],
    *,
    names: tuple[str, ...],
    licence: str,
    provenance: str,
    consent: str,
    smaller: tuple[int, ...],
    textures: NDArray[np.uint8] | None = None,
) -> None:
    """Write the pack, whole or not at all; the motion model stays in the pack `lender`.

    smaller: sizes that it was trained to draw as well. textures: of its faces, if it moves
    any. There is no light branch: the base's knows nobody but the base's faces.
    """
    card = msgspec.structs.replace(
        base.card,
        name=folder.name,
        licence=licence,
        provenance=provenance,
        consent=consent,
        retrain=(),
        files=unwritten(),
        identities=names,
        smaller=smaller,
        light=None,
    )
    layers = (*card.int8, *card.int8_crowded)
    if layers:
        tensors = ready_for_int8(card.generator, tensors, identities, card.axes, layers)
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    write_with_motion_of(base, lender, part, card, tensors, identities, textures=textures)
    part.replace(folder)
