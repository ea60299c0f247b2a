"""Opens a page in the user's own browser, in nobody's way."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Mapping
from threading import Thread


def open_page(address: str) -> None:
    """Asks the desktop for its browser; where there is none, a sentence on stderr says so."""
    if not has_desktop(sys.platform, os.environ):
        print(f"latentcam: there is no desktop here: open {address} yourself", file=sys.stderr)
        return
    # Some browsers return when they are closed: not waited for.
    Thread(target=webbrowser.open, args=(address,), daemon=True).start()


def has_desktop(platform: str, environment: Mapping[str, str]) -> bool:
    """Without one, Python would start a browser for text in this terminal."""
    if platform in ("win32", "darwin"):
        return True
    return any(environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
