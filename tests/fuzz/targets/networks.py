"""Networks of other projects: pickles and archives that may be made to do harm."""

from __future__ import annotations

import codecs
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import strategies as st

from latentcam.realtime_models.training.imports import make
from latentcam.realtime_models.training.imports.errors import ForeignFileError
from latentcam.realtime_models.training.imports.make import import_network
from tests.fuzz.damage import damaged
from tests.fuzz.target import Fault, Take, Target
from tests.official import Official, write_nvidia, write_rosinality

NETWORK = Official(z_dim=4, w_dim=4, mapping_layers=1, widths={4: 2, 8: 2})
HARM = (
    "exec", "compile", "os.system", "subprocess.Popen", "import", "pickle.find_class",
    "socket.connect",
)  # fmt: skip


@cache
def networks() -> list[bytes]:
    """Small files of all three kinds."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network"
        return [
            write_nvidia(NETWORK, path).read_bytes(),
            write_rosinality(NETWORK, path).read_bytes(),
            write_rosinality(NETWORK, path, zipped=False).read_bytes(),
        ]


@contextmanager
def opened_networks(folder: Path) -> Iterator[Take]:
    """Nothing of a file runs: a hook that Python calls for every import, process and opened
    connection watches."""
    path = folder / "network"
    seen: list[str] = []
    watching = False

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if watching and event in HARM:
            seen.append(f"{event} {arguments!r:.80}")

    def take(case: bytes) -> str:
        nonlocal watching
        path.write_bytes(case)
        seen.clear()
        watching = True
        try:
            import_network(path)
        finally:
            watching = False
            if seen:
                raise Fault(f"the file made Python do: {seen[:3]}")
        return "a network"

    with patch.object(make, "W_SAMPLES", 16):
        for whole in networks():  # what is imported late is imported now
            path.write_bytes(whole)
            import_network(path)
        for codec in ("cp437", "raw_unicode_escape"):  # of names in archives, of text in pickles
            codecs.lookup(codec)
        sys.addaudithook(watch)
        yield take


NETWORKS = Target(
    "networks",
    st.deferred(lambda: damaged(networks())),
    opened_networks,
    (ForeignFileError,),
    400,
)
