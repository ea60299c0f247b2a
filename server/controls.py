"""What people may change while a face runs, checked before anything is changed."""

from __future__ import annotations

from collections.abc import Iterable

from latentcam.realtime_models.arrays import Latent
from latentcam.server.errors import BadRequest
from latentcam.stream.engine import Engine


def find_face(engine: Engine, identity: str) -> Latent:
    """The latent of an identity. Raises BadRequest for one that the avatar does not have."""
    try:
        return engine.avatar.anchor(identity)
    except ValueError as error:
        raise BadRequest(str(error)) from None


def check_axes(engine: Engine, names: Iterable[str]) -> None:
    """Raises BadRequest for an axis that the avatar does not have."""
    known = {axis.name for axis in engine.avatar.card.axes}
    if unknown := sorted(set(names) - known):
        raise BadRequest(f"got the axes {unknown}, expected names out of {sorted(known)}")


def check_life(strength: float) -> None:
    """Raises BadRequest if it is out of range."""
    if not 0.0 <= strength <= 2.0:
        raise BadRequest(f"life is {strength}, expected 0 to 2")
