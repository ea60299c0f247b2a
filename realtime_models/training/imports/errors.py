"""What an import is refused with."""

from __future__ import annotations

from latentcam.realtime_models.errors import LatentcamError


class ForeignFileError(LatentcamError, ValueError):
    """A file of another project cannot be used; the message says what was found and expected."""
