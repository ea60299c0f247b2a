"""How many machines so many callers need."""

from __future__ import annotations

from pathlib import Path

import pytest

from latentcam.benchmarks.sizing import Measured, measured_in, sizing


def test_machines_and_bandwidth_grow_with_the_callers() -> None:
    found = sizing(Measured(calls=2, cores=2), sessions=300, resolution=256, spare=0.25)
    assert (found.per_core, found.replicas, found.cores, found.gpus) == (1.0, 200, 400, 0)
    # 60 kbit/s of voice, 15 bit/s a pixel of video and a twentieth of it for headers
    assert found.mbit_s == pytest.approx(300 * (0.06 + 1.05 * 15 * 65536e-6), rel=1e-3)
    assert found.most_mbit_s > 2 * found.mbit_s
    assert sizing(Measured(2, 2), 300, 256, spare=0.0).replicas == 150


def test_a_gpu_counts_where_there_is_one() -> None:
    found = sizing(Measured(calls=12, cores=8, gpus=1), sessions=90, resolution=256)
    assert (found.per_gpu, found.replicas, found.gpus) == (12.0, 10, 10)


def test_the_benchmark_s_own_output_is_read(tmp_path: Path) -> None:
    file = tmp_path / "capacity"
    file.write_text('cpu: some\n{"benchmark": "capacity", "places": 3, "card": {"cores": "4"}}\n')
    assert measured_in(file, 0) == Measured(3, 4)


@pytest.mark.parametrize(
    "text", ["", "no figures\n", "{}", '{"places": 0, "card": {"cores": "4"}}', "[]"]
)
def test_anything_else_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "capacity"
    file.write_text(text)
    with pytest.raises(ValueError, match="capacity"):
        measured_in(file, 0)
    with pytest.raises(ValueError, match="does not end with"):
        measured_in(tmp_path / "gone", 0)
