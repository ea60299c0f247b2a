"""A key that works whatever program is in front. The one file that imports `pynput`, when needed:
it is LGPL-3.0, hears every key that is pressed on the machine, and so is an extra of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from latentcam.stream.errors import DeviceError
from latentcam.stream.local import advice


@contextlib.contextmanager
def hot_key(keys: str, pressed: Callable[[], object]) -> Iterator[None]:
    """Calls `pressed`, from a thread of its own, whenever the keys are pressed in here.

    keys: as pynput writes them, like "<ctrl>+<alt>+p". Raises DeviceError.
    """
    try:
        from pynput.keyboard import GlobalHotKeys, HotKey
    except ModuleNotFoundError:
        raise DeviceError("the package pynput is missing", advice.install_extra("hotkey")) from None
    except ImportError as error:  # no X server, say
        reason = str(error).partition("\n")[0]
        raise DeviceError(
            f"this desktop lets no program watch keys ({reason}): bind a key in its own settings, "
            "as docs/command_line.md shows"
        ) from None
    try:
        HotKey.parse(keys)
    except ValueError:
        raise DeviceError(
            f"--hot-key is {keys!r}, expected keys like '<ctrl>+<alt>+p' or '<f9>'"
        ) from None
    listener = GlobalHotKeys({keys: pressed})
    listener.start()
    try:
        yield
    finally:
        listener.stop()
