"""What a face costs as latents."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np
import pytest

from latentcam.benchmarks import codec
from latentcam.benchmarks.codec import LOSSES, as_good, main, measure
from latentcam.benchmarks.tools.video_link import ENCODERS, HEADERS, ROUND_TRIP, coded, sent
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


@pytest.mark.parametrize("name", ENCODERS)
def test_more_bits_bring_pictures_nearer(name: str) -> None:
    rng = np.random.default_rng(0)
    grain = np.ones((4, 4, 3), np.uint8)
    noise = rng.integers(0, 256, (12, 32, 32, 1)).astype(np.uint8)
    pictures = [np.kron(grey, grain) for grey in noise]

    def error(bits: int) -> float:
        found = coded(pictures, name, bits, 25)
        assert len(found.packets) == len(found.pictures) == len(pictures)
        off = np.array(found.pictures, np.float64) - pictures
        return float(np.sqrt(np.mean(off[-4:] ** 2)))

    assert error(1_000_000) < 0.8 * error(60_000)


def test_a_loss_holds_back_what_came_after_it() -> None:
    packets = [[100, 50]] * 400
    newest, size = sent(packets, 0.0, 1)
    assert newest == list(range(400)) and size == 400 * (150 + 2 * HEADERS)
    newest, more = sent(packets, 0.1, 1)
    behind = np.arange(400) - newest
    assert more == pytest.approx(size / 0.9, rel=0.1)
    assert (np.diff(newest) >= 0).all() and (behind >= 0).all()
    assert np.bincount(behind)[ROUND_TRIP] > 20, "a picture is late by a round trip"


def test_the_rate_that_is_as_good_lies_between_those_measured() -> None:
    def row(name: str, kbits: float, face: float) -> dict[str, object]:
        return {"codec": name, "loss": 0.0, "kbit_s": kbits, "face": face}

    rows = [row("latents", 20, 40), row("VP8", 100, 35), row("VP8", 300, 45), row("H264", 100, 30)]
    rows += [r | {"loss": loss} for r in rows for loss in LOSSES[1:]]
    found = as_good(rows)
    assert found["VP8"]["0%"] == 200 and found["H264"]["10%"] is None


def test_a_drawn_face_is_compared_with_video(
    tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    path, plot = tmp_path / "voice.wav", tmp_path / "codecs.png"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes((speech(2.0) * 32767).astype("<i2").tobytes())
    monkeypatch.setattr(codec, "VIDEO_KBITS", (50, 200))
    words = ["--avatar", str(tiny_folder), "--seconds", "1", "--plot", str(plot), str(path)]
    main(words)
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert len(found["video"]) == len(LOSSES) * (1 + 2 * len(ENCODERS))
    assert set(found["as_good"]) == set(ENCODERS)
    assert plot.read_bytes().startswith(b"\x89PNG")
