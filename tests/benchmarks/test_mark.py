"""The benchmark of the mark: what it counts where there is none, and what the mark costs."""

from __future__ import annotations

from pathlib import Path

from latentcam.benchmarks.mark import Attack, accidents, cost, psnr, same, write
from latentcam.stream.marker import Marker
from tests.stream.test_marked_file import pictures


def test_files_without_a_mark_are_searched_with_several_keys(tmp_path: Path) -> None:
    film = write(tmp_path, pictures(3, None), Attack("", same))
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    found = accidents([film, text], keys=1, seconds=60.0)
    assert (found["files"], found["searches"]) == (1, 2), "what cannot be read is left out"
    assert 3.5 < found["z_p50"] <= found["z_all"] < found["threshold"]
    count, expected = found["places_above"]["4.0"]
    assert 0.3 * expected < count < 3 * expected, "as of a normal distribution"
    assert found["log10_chance"] < -5


def test_it_is_cheap_and_faint() -> None:
    assert set(cost(64, 64, count=5)) == {"p50_ms", "p95_ms", "p99_ms"}
    clean = pictures(1, None)
    assert 49 < psnr(pictures(1, Marker(1)), clean) < 52
