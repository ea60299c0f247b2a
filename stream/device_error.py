"""What a person can act on when a microphone, a camera or a virtual microphone does not work."""


class DeviceError(RuntimeError):
    """A device cannot be used; the message is one sentence that says what to do."""
