"""Requests of a person or a peer that cannot be met, each answered in one sentence."""

from __future__ import annotations

from latentcam.realtime_models.errors import LatentcamError


class UsageError(LatentcamError, ValueError):
    """The command cannot be carried out as given."""


class ConfigError(LatentcamError, ValueError):
    """A setting cannot be used; the message is for the person who set it."""


class BadRequest(LatentcamError, ValueError):
    """What a peer asks for is not valid; the message says what was got and expected."""


class Refused(LatentcamError):
    """A request is not served. status: the HTTP status that says why; the message is for the person
    who asked."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
