"""What can go wrong on the way from a voice to a picture, each said in one sentence."""

from __future__ import annotations

from latentcam.realtime_models.errors import LatentcamError


class DeviceError(LatentcamError, RuntimeError):
    """A device cannot be used; the message says what to do."""


class MediaError(LatentcamError, ValueError):
    """A file cannot be read or written; the message is for its user."""


class EngineFull(LatentcamError, RuntimeError):
    """All places are taken; the message says why."""
