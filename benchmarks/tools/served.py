"""The real application in a process of its own, as users start it."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx


@dataclass(frozen=True)
class Served:
    """process: its stdin is open, its stdout beyond the address unread."""

    port: int
    process: subprocess.Popen[str]

    @property
    def pid(self) -> int:
        return self.process.pid

    async def stats(self) -> dict[str, Any]:
        async with httpx.AsyncClient() as http:
            found: dict[str, Any] = (await http.get(f"http://127.0.0.1:{self.port}/stats")).json()
            return found

    async def offer(self, http: httpx.AsyncClient, sdp: str) -> int:
        """Knock with an offer. Returns the HTTP status."""
        body = {"type": "offer", "sdp": sdp}
        return (await http.post(f"http://127.0.0.1:{self.port}/offer", json=body)).status_code


@contextlib.contextmanager
def served(*options: str, cache: Path | None = None, module: str = "stamp") -> Iterator[Served]:
    """`latentcam serve` with stamped frames. Raises RuntimeError if it does not start.

    cache: a folder instead of the user's, where compiled decoders are kept. module: which of
    `benchmarks.tools` runs it.
    """
    command = [
        sys.executable,
        "-m",
        f"latentcam.benchmarks.tools.{module}",
        "--port",
        "0",
        *options,
    ]
    environment = dict(os.environ)
    environment.pop("LATENTCAM_TOKEN", None)  # callers here know none
    if cache is not None:
        environment["XDG_CACHE_HOME"] = str(cache)
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, **pipes) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.fullmatch(r"latentcam: http://127\.0\.0\.1:(\d+)\n", line)
            if not found:
                raise RuntimeError(f"the server said {line!r}, expected its address")
            yield Served(int(found[1]), process)
        finally:
            process.terminate()
            process.wait(20)
