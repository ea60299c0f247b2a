"""What a face costs as latents."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np
import pytest

from latentcam.benchmarks.codec import LOSSES, main, measure
from latentcam.realtime_models.axes import FACE_AXES
from latentcam.realtime_models.motion.codec import MOST_FRAMES
from tests.voice import speech


def test_losses_hurt_less_with_more_ticks_in_a_packet() -> None:
    rng = np.random.default_rng(0)
    face = np.cumsum(rng.normal(0, 0.02, (400, len(FACE_AXES))), axis=0).clip(0, 1)
    rows = measure(face.astype(np.float32), FACE_AXES)
    assert [(row["frames"], row["loss"]) for row in rows] == [
        (frames, loss) for frames in range(1, MOST_FRAMES + 1) for loss in LOSSES
    ]
    of = {(row["frames"], row["loss"]): row for row in rows}
    assert all(of[frames, 0.0]["wrong"] == 0.0 for frames in range(1, MOST_FRAMES + 1))
    assert of[1, 0.1]["wrong"] > of[2, 0.1]["wrong"] > of[3, 0.1]["wrong"] >= 0.05
    assert of[1, 0.0]["kbit_s"] < of[2, 0.0]["kbit_s"] < of[2, 0.0]["with_headers"]


def test_it_ends_with_one_line_of_json(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "voice.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes((speech(2.0) * 32767).astype("<i2").tobytes())
    main(["--avatar", str(tiny_folder), str(path)])
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["benchmark"] == "codec" and found["minutes"] == 0.03
    assert len(found["rows"]) == MOST_FRAMES * len(LOSSES)
    with pytest.raises(SystemExit):
        main(["--avatar", str(tiny_folder), str(tmp_path / "none.wav")])
    assert "none.wav cannot be read" in capsys.readouterr().err
