"""The errors a caller can act on. Anything else that goes wrong is a bug and keeps its traceback.

LatentcamError
├── AvatarPackError       the pack on disk cannot be used
├── BackendUnavailable    the decoder that was asked for cannot run here
├── NotFetched            the head tracker's files did not come   (realtime_models.tracker_files)
├── MediaError            a sound or video file cannot be read or written   (stream.errors)
├── DeviceError           a microphone, speaker or camera cannot be used    (stream.errors)
├── EngineFull            all places are taken                              (stream.errors)
├── UsageError            a command cannot be carried out as given          (server.errors)
├── ConfigError           a setting of the server cannot be used            (server.errors)
├── BadRequest            what a peer asks for is not valid                 (server.errors)
├── Refused               a request is not served; has an HTTP status       (server.errors)
└── AiortcChanged         aiortc is not the one we know         (server.webrtc.aiortc_inside)
"""

import errno


class LatentcamError(Exception):
    """The root: its message is one sentence for the person who can act."""


class AvatarPackError(LatentcamError, ValueError):
    """The avatar pack on disk cannot be used; the message says what was found and expected."""


class BackendUnavailable(LatentcamError, RuntimeError):
    """The requested decoder cannot run here; the message holds the command that installs it."""


def in_one_line(text: str) -> str:
    """A sentence that may repeat what a stranger sent, without line ends and without what would
    steer a terminal: those characters as Python writes them."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def lacks_memory(error: BaseException) -> bool:
    """Whether the error means that memory ran out, which each library words in its own way."""
    if isinstance(error, BaseExceptionGroup):
        return any(lacks_memory(inner) for inner in error.exceptions)
    told = ["alloc", "failed to map segment", "can't start new thread"]
    if isinstance(error, RuntimeError):  # OpenVINO's, for a thread's stack
        told.append("Resource temporarily unavailable")
    return isinstance(error, MemoryError) or any(words in str(error) for words in told)


_REFUSALS = {
    getattr(errno, name)
    for name in (
        "EACCES", "EPERM", "EROFS", "ENOSPC", "EDQUOT", "EFBIG", "EIO", "EMFILE", "ENFILE",
        "ENAMETOOLONG", "ELOOP", "EISDIR", "ENOTDIR", "ESTALE", "EPIPE",
    )
    if hasattr(errno, name)
}  # fmt: skip


def refused_by_system(error: BaseException) -> OSError | None:
    """The error, alone or in a group, by which the system refused a file: no space, no permission,
    a broken disk. A person can act on it; it is no bug."""
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(refused_by_system, error.exceptions)), None)
    return error if isinstance(error, OSError) and error.errno in _REFUSALS else None
