"""What cannot be enrolled, in one sentence."""

from __future__ import annotations

from latentcam.realtime_models.errors import LatentcamError


class CannotEnrol(LatentcamError, ValueError):
    """The files given show nothing that a face can be learned from; the message says why."""
