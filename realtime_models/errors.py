"""What callers can act on. Everything else that goes wrong is a bug and keeps its traceback.

LatentcamError
├── AvatarPackError       the pack on disk cannot be used
├── BackendUnavailable    the decoder that was asked for cannot run here
├── MediaError            a sound or video file cannot be read or written   (stream.errors)
├── DeviceError           a microphone, speaker or camera cannot be used    (stream.errors)
├── EngineFull            all places are taken                              (stream.errors)
├── UsageError            a command cannot be carried out as given          (server.errors)
├── ConfigError           a setting of the server cannot be used            (server.errors)
├── BadRequest            what a peer asks for is not valid                 (server.errors)
├── Refused               who asks may not ask                              (server.errors)
└── AiortcChanged         aiortc is not as we know it           (server.webrtc.aiortc_inside)
"""


class LatentcamError(Exception):
    """The root: its message is one sentence for the person who can act."""


class AvatarPackError(LatentcamError, ValueError):
    """The avatar pack on disk is not usable; the message says what was got and expected."""


class BackendUnavailable(LatentcamError, RuntimeError):
    """A decoder that was asked for cannot run here; the message holds the line that installs it."""


def lacks_memory(error: BaseException) -> bool:
    """Whether it says that there was no memory, which each library does in words of its own."""
    if isinstance(error, BaseExceptionGroup):
        return any(lacks_memory(inner) for inner in error.exceptions)
    told = ["alloc", "failed to map segment", "can't start new thread"]
    if isinstance(error, RuntimeError):  # OpenVINO's, for a thread's stack
        told.append("Resource temporarily unavailable")
    return isinstance(error, MemoryError) or any(words in str(error) for words in told)
