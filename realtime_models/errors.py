"""What callers can act on. Everything else that goes wrong is a bug and keeps its traceback."""


class AvatarPackError(ValueError):
    """The avatar pack on disk is not usable; the message says what was got and expected."""


class BackendUnavailable(RuntimeError):
    """A decoder that was asked for cannot run here; the message holds the line that installs it."""
