"""A page is opened where there is a desktop, and never in the terminal."""

from __future__ import annotations

import sys
import webbrowser
from threading import Event

import pytest

from latentcam.server.desktop import has_desktop, open_page


def test_where_there_is_a_desktop() -> None:
    for platform, environment, there in (
        ("win32", {}, True),
        ("darwin", {}, True),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("linux", {"BROWSER": "firefox"}, True),
        ("linux", {"DISPLAY": ""}, False),
        ("freebsd14", {}, False),
    ):
        assert has_desktop(platform, environment) is there, (platform, environment)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="there is a desktop")
def test_without_one_a_sentence_says_so_and_no_browser_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python would start w3m in the terminal that the server writes to."""
    asked: list[str] = []
    opened = Event()

    def opens(address: str) -> bool:
        asked.append(address)
        opened.set()
        return True

    monkeypatch.setattr(webbrowser, "open", opens)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    open_page("http://localhost:1")
    assert "there is no desktop here: open http://localhost:1" in capsys.readouterr().err
    assert asked == []
    monkeypatch.setenv("DISPLAY", ":0")
    open_page("http://localhost:2")
    assert opened.wait(60) and asked == ["http://localhost:2"]
