"""What cannot be done with a pack's latents."""

from __future__ import annotations

from latentcam.realtime_models.errors import LatentcamError


class LatentsError(LatentcamError, ValueError):
    """What was asked for cannot be done with this pack; the message says why."""
