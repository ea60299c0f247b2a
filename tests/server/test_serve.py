"""`latentcam serve` as a process: its secrets, and that it always ends."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from latentcam.server.commands import serve, serving
from latentcam.server.config import ServerConfig
from latentcam.server.errors import ConfigError, UsageError
from tests.server.test_commands import ROOT, tell

NEVER_ENDS = """
import asyncio, gc, sys
from latentcam.server.__main__ import main
from latentcam.server.lobby import Lobby

async def never(lobby):
    print("closing", gc.get_freeze_count() > 10_000, flush=True)
    await asyncio.Event().wait()

Lobby.aclose = never
sys.exit(main(sys.argv[1:]))
"""


def token_of(*argv: str) -> str | None:
    parser = serve.add(argparse.ArgumentParser)
    return serving.token_of(parser.parse_args(argv))


def test_a_token_comes_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """On the command line everybody on the machine can read it."""
    file = tmp_path / "token"
    file.write_text("sesame é\n", "utf-8")
    monkeypatch.delenv("LATENTCAM_TOKEN", raising=False)
    assert token_of() is None
    assert token_of("--token-file", str(file)) == "sesame é"
    monkeypatch.setenv("LATENTCAM_TOKEN", "open")
    assert token_of() == "open"
    assert token_of("--token-file", str(file)) == "sesame é"
    assert not caplog.records
    with caplog.at_level(logging.WARNING):
        assert token_of("--token", "seen") == "seen"
    assert "everybody on this machine can read --token" in caplog.text
    assert "seen" not in caplog.text


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "holds 0 lines, expected one"),
        (b"\n \n", "holds 0 lines, expected one"),
        (b"a\nb\n", "holds 2 lines, expected one"),
        (b"\xff\xfe", "cannot be read: it is not UTF-8"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_token_file_that_cannot_be_used(tmp_path: Path, content: bytes | None, told: str) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError, match=told):
        token_of("--token-file", str(file))
    with pytest.raises(UsageError, match="expected one of them"):
        token_of("--token-file", str(file), "--token", "x")


def test_who_lets_others_in_without_a_token_gets_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """It had to be made up, and made up badly: the address that is printed holds it anyway."""
    monkeypatch.delenv("LATENTCAM_TOKEN", raising=False)
    parser = serve.add(argparse.ArgumentParser)

    def token(*argv: str) -> str | None:
        return serving.config_of(parser.parse_args(argv)).token

    first, second = token("--host", "0.0.0.0"), token("--host", "0.0.0.0")
    assert first and second and first != second and len(first) == 12
    assert token("--host", "0.0.0.0", "--token", "mine") == "mine"
    assert token() is None and token("--host", "::1") is None
    with pytest.raises(ConfigError, match="so it needs --token"):
        ServerConfig(host="0.0.0.0")


def test_places_have_bounds(tiny_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for count in ("0", "-1", "65", "100000"):
        told = tell(capsys, "serve", "--max-sessions", count, "--avatar", str(tiny_folder))
        assert f"--max-sessions is {count}, expected 1 to 64" in told


@pytest.mark.skipif(os.name == "nt", reason="sends SIGTERM")
@pytest.mark.parametrize("again", [signal.SIGTERM, signal.SIGINT])
def test_asked_twice_a_server_leaves_whatever_still_keeps_it(
    tiny_folder: Path, again: signal.Signals
) -> None:
    """A place that was stuck kept it from ending for ever, deaf to every signal but SIGKILL."""
    process = subprocess.Popen(
        [sys.executable, "-c", NEVER_ENDS, "serve", "--port", "0", "--avatar", str(tiny_folder)],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline().startswith("latentcam: http://")
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "closing True\n", "garbage is not sought in the models"
    process.send_signal(again)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 128 + again and told == "latentcam: interrupted\n"
