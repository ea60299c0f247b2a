"""From a file of another project to a pack."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latentcam.realtime_models.avatar_pack import LARGEST_WEIGHT, AvatarPack
from latentcam.realtime_models.axes import Axis
from latentcam.realtime_models.card import FORMAT, Calibration, Card
from latentcam.realtime_models.generator.basis import global_pca
from latentcam.realtime_models.generator.latents import sample_z, z_to_w, z_to_ws
from latentcam.realtime_models.training.imports.errors import ForeignFileError
from latentcam.realtime_models.training.imports.network import Imported
from latentcam.realtime_models.training.imports.nvidia import from_nvidia, is_nvidia
from latentcam.realtime_models.training.imports.rosinality import from_rosinality, is_rosinality
from latentcam.realtime_models.training.imports.tensors import read_tensors
from latentcam.realtime_models.training.write_pack import unwritten, write_with_motion_of

PCA_AXES, PCA_RANGE = 8, 2.0  # standard deviations
W_SAMPLES = 10_000

NVIDIAS_OWN = ("ffhq", "metfaces", "afhq", "brecahd", "celebahq", "lsun")
"""Words in the names of the networks that NVIDIA published."""


@dataclass(frozen=True, slots=True)
class Words:
    """What only the maker of a pack can say; see `Card`."""

    licence: str
    provenance: str
    consent: str


def import_network(path: Path, label: int | None = None) -> Imported:
    """Read a file in any of the known formats. Raises ForeignFileError with one sentence.

    label: of a conditional network, the class that the pack shows.
    """
    content = read_tensors(path)
    try:
        with np.errstate(all="ignore"):  # what is not finite in the end is told below
            if is_nvidia(content):
                imported = from_nvidia(content, label)
            elif is_rosinality(content):
                if label is not None:
                    raise ForeignFileError("the network has no classes, expected no --class")
                imported = from_rosinality(content)
            else:
                found = list(content)[:8] if isinstance(content, dict) else type(content).__name__
                raise ForeignFileError(f"it holds {found!r:.200}, expected 'G_ema' or 'g_ema'")
        for name, tensor in imported.tensors.items():
            if not np.abs(tensor).max() <= LARGEST_WEIGHT:  # nor NaN
                raise ForeignFileError(f"{name} reaches beyond {LARGEST_WEIGHT:g}")
    except ForeignFileError as error:
        raise ForeignFileError(f"{path}: {error}") from None
    return imported


def published_by_nvidia(path: Path, imported: Imported) -> str | None:
    """The word that gives it away, in the file's name or in what the file says of its pictures."""
    said = " ".join((path.name, *imported.hints)).lower()
    return next((word for word in NVIDIAS_OWN if word in said), None)


def write_imported(
    imported: Imported,
    out: Path,
    words: Words,
    base: AvatarPack,
    lender: str,
    *,
    psi: float = 0.7,
    cutoff: int | None = None,
    seeds: range = range(8),
) -> Card:
    """Write a pack whose axes are the principal components of W, since no others are known.

    base: whose motion model it borrows, as the installed pack `lender`; nothing follows it yet.
    seeds: of its named faces. Raises ValueError for what a card refuses.
    """
    config, tensors = imported.config, imported.tensors
    z = np.random.default_rng(1).standard_normal((W_SAMPLES, config.z_dim)).astype(np.float32)
    pca = global_pca(z_to_w(config, tensors, z), min(PCA_AXES, config.w_dim))
    basis = np.repeat(pca[None], config.num_ws, axis=0)
    card = Card(
        format=FORMAT,
        name=out.name,
        licence=words.licence,
        provenance=words.provenance,
        consent=words.consent,
        retrain=(),
        files=unwritten(),
        generator=config,
        int8=(),
        truncation_psi=psi,
        truncation_cutoff=cutoff,
        axes=tuple(Axis(f"pca{i}", -PCA_RANGE, PCA_RANGE, "std") for i in range(pca.shape[1])),
        motion=base.card.motion,
        calibration=Calibration(base.card.calibration.articulation, ()),
        identities=tuple(f"Face {seed}" for seed in seeds),
    )
    faces = [z_to_ws(config, tensors, sample_z(config, seed), psi, cutoff) for seed in seeds]
    # As float32: the rounding of 30 million weights to float16 would be seen as a soft grain.
    return write_with_motion_of(
        base, lender, out, card, {**tensors, "basis": basis}, np.stack(faces), np.float32
    )
