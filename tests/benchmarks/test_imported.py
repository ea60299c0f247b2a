"""The figures of an imported pack, as far as they need no judge."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from latentcam.benchmarks.imported import main


def test_a_pack_is_compared_with_itself(
    tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--avatar", str(tiny_folder), "--large", str(tiny_folder), "--known", str(tiny_folder)])
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["copy, dB"] > 100 and len(found["decode, ms"]) == 2
    assert "aperture, r" not in found and found["card"]["python"]


def test_a_pack_that_is_not_calibrated(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--avatar", "nobody"])
    assert "avatar 'nobody' is neither" in capsys.readouterr().err
