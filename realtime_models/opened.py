"""From a pack's name to everything that runs: the only place where models are opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import AvatarPack, load_pack
from latentcam.realtime_models.decoders.auto import chosen, open_decoder
from latentcam.realtime_models.motion.performance import Performer
from latentcam.realtime_models.resolutions import AUTO, LARGEST, drawn_at, resolutions


@dataclass(frozen=True, slots=True)
class Opened:
    """A pack with its face and its motion. Holds nothing that changes."""

    pack: AvatarPack
    avatar: Avatar
    performer: Performer


def open_pack(
    avatar: str, decoder: str = "auto", lanes: int = 0, resolution: str = LARGEST
) -> Opened:
    """Load a pack, by name or folder, and open its models.

    decoder, lanes: see `decoders.auto.open_decoder`. resolution: one of the pack's, LARGEST, or
    AUTO, which opens a decoder for each of them. Raises AvatarPackError and BackendUnavailable,
    each with one sentence.
    """
    pack, name = load_pack(avatar), chosen(decoder)
    names: Sequence[str] = (resolution,)
    if resolution in (LARGEST, AUTO):
        names = resolutions(pack.card)
        # TensorRT would build an engine for each, a minute or more, on a GPU that needs no other.
        names = names if resolution == AUTO and name != "tensorrt" else names[:1]
    first, *coarser = (open_decoder(name, drawn_at(pack, one), lanes) for one in names)
    return Opened(pack, Avatar(pack, first, *coarser), Performer(pack))
