"""The size of an installation: what is counted, and what is not."""

from __future__ import annotations

from pathlib import Path

from latentcam.benchmarks.install import sizes


def write_package(folder: Path, name: str, content: int, *requires: str) -> None:
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (folder / f"{name}.bin").write_bytes(b"x" * content)
    lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0"]
    (info / "METADATA").write_text("\n".join([*lines, *(f"Requires-Dist: {r}" for r in requires)]))
    (info / "RECORD").write_text(f"{name}.bin,,\n")


def test_all_that_is_needed_is_counted_once_and_extras_when_asked(tmp_path: Path) -> None:
    write_package(
        tmp_path, "latentcam", 1_000_000, "big_one>=1", "small", "dear; extra == 'camera'", "gone"
    )
    write_package(tmp_path, "big.one", 3_000_000, "small>2; python_version > '3'")
    write_package(tmp_path, "small", 500_000, "latentcam", "odd; extra == 'camera'")
    write_package(tmp_path, "dear", 2_000_000)
    write_package(tmp_path, "odd", 9_000_000)
    wanted = {"big-one": 3.0, "latentcam": 1.0, "small": 0.5}
    assert sizes([], [str(tmp_path)]) == wanted
    assert list(sizes([], [str(tmp_path)])) == list(wanted), "the largest first"
    assert sizes(["camera"], [str(tmp_path)]) == {**wanted, "dear": 2.0}
