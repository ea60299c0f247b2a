"""From a pack's name to everything that runs: the only place where models are opened."""

from __future__ import annotations

from dataclasses import dataclass

from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import AvatarPack, load_pack
from latentcam.realtime_models.decoders.auto import open_decoder
from latentcam.realtime_models.motion.performance import Performer


@dataclass(frozen=True, slots=True)
class Opened:
    """A pack with its face and its motion. Holds nothing that changes."""

    pack: AvatarPack
    avatar: Avatar
    performer: Performer


def open_pack(avatar: str, decoder: str = "auto", lanes: int = 0) -> Opened:
    """Load a pack, by name or folder, and open its models.

    decoder, lanes: see `decoders.auto.open_decoder`. Raises AvatarPackError and BackendUnavailable,
    each with one sentence.
    """
    pack = load_pack(avatar)
    return Opened(pack, Avatar(pack, open_decoder(decoder, pack, lanes)), Performer(pack))
