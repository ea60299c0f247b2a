"""What can go wrong on the way from a voice to a picture, each said in one sentence."""

from __future__ import annotations

from latentcam.realtime_models.errors import LatentcamError


class DeviceError(LatentcamError, RuntimeError):
    """A device cannot be used; the message says what to do.

    found: what is wrong. mend: a command that changes it, if there is one.
    """

    def __init__(self, found: str, mend: str | None = None) -> None:
        super().__init__(found if mend is None else f"{found}: {mend}")
        self.found, self.mend = found, mend


class MediaError(LatentcamError, ValueError):
    """A file cannot be read or written; the message is for its user."""


class EngineFull(LatentcamError, RuntimeError):
    """All places are taken; the message says why."""
