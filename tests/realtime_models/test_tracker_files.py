"""Files that are fetched: whole, or not at all."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from latentcam.realtime_models import tracker_files
from latentcam.realtime_models.enrolment import models
from latentcam.realtime_models.tracker_files import (
    MODEL,
    PAGE_FILES,
    SOURCES,
    NotFetched,
    Source,
    fetch,
    missing,
    page_files,
)
from latentcam.server.__main__ import main

MODEL_DATA = b"a model" * 1000


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Source, ...]]:
    """Stand-ins, on a web server of this machine."""
    (tmp_path / "model").write_bytes(MODEL_DATA)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for _, path in SOURCES[1].files:
            info = tarfile.TarInfo(path)
            info.size = len(path)
            archive.addfile(info, io.BytesIO(path.encode()))
    (tmp_path / "archive").write_bytes(packed.getvalue())
    handler = functools.partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        at = f"http://127.0.0.1:{server.server_port}/"
        made = (
            Source(MODEL, at + "model", 0.01, hashlib.sha256(MODEL_DATA).hexdigest()),
            Source("tasks-vision", at + "archive", 0.01,
                   hashlib.sha256(packed.getvalue()).hexdigest(), SOURCES[1].files),
        )  # fmt: skip
        monkeypatch.setattr(tracker_files, "SOURCES", made)
        yield made
        server.shutdown()
        serving.join()


def test_all_of_it_is_fetched_after_a_yes(
    sources: tuple[Source, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert missing() == list(sources) and page_files() == {}
    main(["tracker", "--yes"])
    said = capsys.readouterr().out
    assert all(source.address in said for source in sources)
    assert set(page_files()) == {MODEL, *PAGE_FILES} and missing() == []
    assert page_files()[MODEL].read_bytes() == MODEL_DATA
    assert page_files()["vision_bundle.mjs"].read_bytes() == b"package/vision_bundle.mjs"
    main(["tracker"])
    assert "All of it is in" in capsys.readouterr().out


def test_nothing_is_fetched_unasked(
    sources: tuple[Source, ...],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))  # no terminal
    assert main(["tracker"]) == 2
    assert "nobody is there to be asked" in capsys.readouterr().err
    assert not models().exists()


def test_another_file_is_not_kept(sources: tuple[Source, ...]) -> None:
    wrong = replace(sources[0], digest="0" * 64)
    with pytest.raises(NotFetched, match="expected 0000.*another file, and not kept"):
        fetch(wrong)
    with pytest.raises(NotFetched, match="larger than 2 bytes"):
        fetch(replace(sources[0], megabytes=1e-6))
    with pytest.raises(NotFetched, match=r"File not found.*by hand, put face_landmarker\.task"):
        fetch(replace(sources[0], address=sources[0].address + "/no"))
    assert not models().exists()


def test_the_real_sources_are_pinned() -> None:
    for source in SOURCES:
        assert source.address.startswith("https://") and len(source.digest) == 64
    assert {name for source in SOURCES for name in source.wanted} == {MODEL, *PAGE_FILES}
