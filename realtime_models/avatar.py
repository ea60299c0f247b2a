"""An avatar: a generator's faces, the basis that moves them, and the decoder that shows them."""

from __future__ import annotations

from latentcam.realtime_models.arrays import Control, Latent, Picture
from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.decoders.base import Decoder
from latentcam.realtime_models.generator.basis import Basis
from latentcam.realtime_models.generator.latents import sample_z, z_to_ws


class Avatar:
    """Holds nothing that changes: one avatar serves every session."""

    def __init__(self, pack: AvatarPack, decoder: Decoder, *coarser: Decoder) -> None:
        """decoder: what draws it. coarser: others of the same pack, which a machine may take to
        when it is too slow, the finest first."""
        self.card = pack.card
        self.basis = Basis(pack.card.axes, pack.generator["basis"])
        self.decoder = decoder
        self.decoders = (decoder, *coarser)
        self._pack = pack

    def anchor(self, identity: str) -> Latent:
        """The latent of a face at rest: a curated name, or a seed that samples a new face.

        Pure; a seed takes a fraction of a millisecond. Raises ValueError for anything else.
        """
        names = self.card.identities
        for index, name in enumerate(names):
            if name.casefold() == identity.casefold():
                anchor: Latent = self._pack.identities[index]
                return anchor
        if identity.isascii() and identity.isdigit() and len(identity) <= 18:
            card, config = self.card, self.card.generator
            z = sample_z(config, int(identity))
            psi, cutoff = card.truncation_psi, card.truncation_cutoff
            return z_to_ws(config, self._pack.generator, z, psi, cutoff)
        raise ValueError(
            f"identity {identity[:64]!r} is neither one of {', '.join(names)} "
            "nor a whole number (a seed)"
        )

    def render(self, anchor: Latent, x: Control) -> Picture:
        """One picture of the face at `anchor`, moved by x."""
        picture: Picture = self.decoder.decode(self.basis.move(anchor, x)[None])[0]
        return picture
