"""The commands as a user runs them, with good input and bad."""

from __future__ import annotations

import csv
import json
import logging
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from latentcam.realtime_models.axes import FACE_AXES, MOODS, Axis
from latentcam.server.__main__ import main
from latentcam.stream.errors import MediaError
from latentcam.stream.voice_file import Blocks, read_voice
from tests.tiny import RED, half_pack, tiny_card, write_moods, write_pack
from tests.voice import speech

ROOT = Path(__file__).resolve().parents[2]


def write_sound(
    path: Path, sound: NDArray[np.float32], rate: int, codec: str | None = None
) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec or "pcm_s16le", rate=rate)
        assert isinstance(stream, av.AudioStream)
        stream.layout = "mono"
        pcm = (sound[None] * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
        frame.sample_rate = rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """1.03 s of silence and voice: not a whole number of frames."""
    sound = np.concatenate([np.zeros(22050, np.float32), speech(0.53, 44100)])
    return write_sound(tmp_path / "clip.wav", sound, 44100)


def tell(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """The one sentence of a refused command."""
    assert main(list(argv)) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("latentcam: ") and captured.err.count("\n") == 1
    return captured.err


def decoded(path: Path) -> tuple[list[tuple[float, NDArray[np.uint8]]], NDArray[np.float32]]:
    with av.open(str(path)) as container:
        pictures = [
            (float(frame.time or 0.0), np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
            for frame in container.decode(video=0)
        ]
    return pictures, np.concatenate(list(read_voice(path, 48000)))


@pytest.mark.parametrize("fps", [25, 30])
def test_render(clip: Path, tiny_folder: Path, tmp_path: Path, fps: int) -> None:
    out = tmp_path / "out.mp4"
    command = ["render", str(clip), "--out", str(out), "--avatar", str(tiny_folder)]
    assert main([*command, "--fps", str(fps), "--identity", "Bo"]) == 0
    pictures, voice = decoded(out)
    assert len(pictures) == int(np.ceil(1.03 * fps))
    np.testing.assert_allclose([t for t, _ in pictures], np.arange(len(pictures)) / fps, atol=1e-3)
    assert pictures[0][1].shape == (32, 32, 3)
    onset = np.flatnonzero(np.abs(voice) > 0.02)[0] / 48000
    assert onset == pytest.approx(0.5, abs=0.02), "the voice stands where it stood"
    with av.open(str(out)) as container:
        names = {stream.codec_context.name for stream in container.streams}
        comment = container.metadata["comment"]
    assert names == {"h264", "aac"}
    assert "Synthetic" in comment
    assert [p.name for p in tmp_path.iterdir() if "partial" in p.name] == []


@pytest.fixture(scope="module")
def half_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return half_pack(tmp_path_factory.mktemp("packs") / "half")


def with_alpha(path: Path) -> NDArray[np.uint8]:
    """The fourth picture of a video, uint8 [H, W, 4]. FFmpeg's own decoder of VP9 has no alpha."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        decoder = stream.codec_context
        if decoder.name == "vp9":
            decoder = av.VideoCodecContext.create("libvpx-vp9", "r")
        assert isinstance(decoder, av.VideoCodecContext)
        frames = [frame for packet in container.demux(stream) for frame in decoder.decode(packet)]
    assert isinstance(frames[3], av.VideoFrame)
    return np.asarray(frames[3].to_ndarray(format="rgba"), np.uint8)


@pytest.mark.parametrize("name", ["out.webm", "out.mov"])
def test_render_keeps_alpha(clip: Path, half_folder: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    command = ["render", str(clip), "--out", str(out), "--avatar", str(half_folder)]
    assert main([*command, "--background", "none"]) == 0
    picture = with_alpha(out).astype(int)
    assert picture.shape == (64, 64, 4)
    assert picture[:18, :, 3].min() > 248 and picture[46:, :, 3].max() < 5
    seen = picture[..., 3] > 40
    assert np.abs(picture[seen][:, :3] - (RED, 0, 0)).max() < 24, "straight: no darker at the edge"
    pictures, voice = decoded(out)
    assert len(pictures) == 26
    onset = np.flatnonzero(np.abs(voice) > 0.02)[0] / 48000
    assert onset == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("name", ["out.webm", "out.mov", "out.mp4"])
@pytest.mark.parametrize(("background", "behind"), [("#2030e0", (32, 48, 224)), ("own", None)])
def test_render_before_a_background(
    clip: Path,
    half_folder: Path,
    tmp_path: Path,
    name: str,
    background: str,
    behind: tuple[int, int, int] | None,
) -> None:
    out = tmp_path / name
    command = ["render", str(clip), "--out", str(out), "--avatar", str(half_folder)]
    assert main([*command, "--background", background]) == 0
    picture = decoded(out)[0][3][1].astype(int)
    np.testing.assert_allclose(picture[:20].mean(axis=(0, 1)), (RED, 0, 0), atol=12)
    lower = picture[44:].mean(axis=(0, 1))
    if behind is None:
        assert np.ptp(lower) < 40 < lower.mean() < 220, "the room"
    else:
        np.testing.assert_allclose(lower, behind, atol=12)


def test_render_at_a_resolution(
    clip: Path, three_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["render", str(clip), "--avatar", str(three_folder), "--out"]
    for options, size in (([], 64), (["--resolution", "32-light"], 32)):
        out = tmp_path / f"{size}.mp4"
        assert main([*command, str(out), *options]) == 0
        assert decoded(out)[0][0][1].shape == (size, size, 3), "a file has no clock: the finest"
    said = tell(capsys, *command, str(tmp_path / "no.mp4"), "--resolution", "512")
    assert "the pack three has no resolution '512', expected 64 or 32 or 32-light or auto" in said


def test_render_tells_what_alpha_needs(
    clip: Path, half_folder: Path, tiny_folder: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    clear = ("render", str(clip), "--background", "none", "--out")
    said = tell(capsys, *clear, str(tmp_path / "a.mp4"), "--avatar", str(half_folder))
    assert "transparent and is a.mp4, expected a name in .webm or .mov" in said
    said = tell(capsys, *clear, str(tmp_path / "a.webm"), "--avatar", str(tiny_folder))
    assert "--background is none, expected another: the faces of tiny have no alpha" in said
    assert not list(tmp_path.glob("a.*"))


def test_render_reads_video_files_too(clip: Path, tiny_folder: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "a.mp4", tmp_path / "b.mp4"
    assert main(["render", str(clip), "--out", str(first), "--avatar", str(tiny_folder)]) == 0
    assert main(["render", str(first), "--out", str(second), "--avatar", str(tiny_folder)]) == 0
    assert len(decoded(second)[0]) >= len(decoded(first)[0])


def test_motion_curves(clip: Path, tiny_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "curves.csv"
    assert main(["motion", str(clip), "--out", str(out), "--avatar", str(tiny_folder)]) == 0
    rows = list(csv.reader(out.read_text().splitlines()))
    assert rows[0][:3] == ["time", "jawOpen", "mouthClose"] and len(rows[0]) == 25
    values = np.array(rows[1:], float)
    np.testing.assert_allclose(values[:, 0], np.arange(26) / 25, atol=1e-6)
    as_json = tmp_path / "curves.json"
    assert main(["motion", str(clip), "--out", str(as_json), "--avatar", str(tiny_folder)]) == 0
    curves = json.loads(as_json.read_text())
    np.testing.assert_allclose(curves["axes"]["headYaw"], values[:, 22], atol=1e-3)
    assert curves["fps"] == 25 and len(curves["time"]) == 26


def test_still_and_seed(clip: Path, tiny_folder: Path, tmp_path: Path) -> None:
    def head(*options: str) -> NDArray[np.float64]:
        out = tmp_path / "c.csv"
        command = ["motion", str(clip), "--out", str(out), "--avatar", str(tiny_folder), "--force"]
        assert main([*command, *options]) == 0
        return np.array(list(csv.reader(out.read_text().splitlines()))[1:], float)[:, 22:]

    assert not head("--still").any()
    assert head("--seed", "1").any() and (head("--seed", "1") == head("--seed", "1")).all()
    assert (head("--seed", "1") != head("--seed", "2")).any()


def test_a_face_listens_to_another_file(clip: Path, tiny_folder: Path, tmp_path: Path) -> None:
    still = write_sound(tmp_path / "still.wav", np.zeros(4 * 16000, np.float32), 16000)
    other = write_sound(tmp_path / "other.wav", speech(2.0), 16000)

    def curves(*options: str) -> NDArray[np.float64]:
        out = tmp_path / "c.csv"
        command = ["motion", str(still), "--out", str(out), "--avatar", str(tiny_folder), "--force"]
        assert main([*command, *options]) == 0
        return np.array(list(csv.reader(out.read_text().splitlines()))[1:], float)

    alone, listens = curves(), curves("--other", str(other))
    assert len(alone) == len(listens) == 100 and not listens[:, 1:9].any(), "no lips"
    assert np.abs(listens - alone).max() > 0.5


def test_expression(clip: Path, tiny_folder: Path, tmp_path: Path) -> None:
    def end(*options: str) -> dict[str, float]:
        out = tmp_path / "c.csv"
        command = ["motion", str(clip), "--out", str(out), "--avatar", str(tiny_folder), "--still"]
        command.append("--force")
        assert main([*command, *options]) == 0
        names, *rows = csv.reader(out.read_text().splitlines())
        return dict(zip(names, map(float, rows[-1]), strict=True))

    half = end("--expression", "mouthSmile:0.5", "--expression", "headYaw")
    assert half["mouthSmile"] == pytest.approx(0.5, abs=0.01)
    assert half["headYaw"] == pytest.approx(25, abs=0.3)
    assert end("--expression", "neutral") == end()


def test_moods_come_unless_one_is_chosen(tmp_path: Path) -> None:
    """An avatar with the six moods, of which two come by themselves."""
    axes = tuple(Axis(mood, 0.0, 1.0) for mood in MOODS)
    pack = write_pack(tmp_path / "moody", tiny_card(axes=(*FACE_AXES, *axes)))
    moods = write_moods(tmp_path / "moods", ("happy", "neutral", "sad"))
    voice = write_sound(tmp_path / "long.wav", speech(10.0), 16000)

    def most(*options: str) -> dict[str, float]:
        out = tmp_path / "c.csv"
        command = ["motion", str(voice), "--out", str(out), "--avatar", str(pack), "--force"]
        assert main([*command, "--still", "--moods", str(moods), *options]) == 0
        names, *rows = csv.reader(out.read_text().splitlines())
        return dict(zip(names, np.array(rows, float).max(axis=0).tolist(), strict=True))

    own = most("--seed", "1")
    assert own["happy"] > 0.5 and not own["angry"]
    assert own["jawOpen"] > 0.1, "it talks meanwhile"
    for chosen, wanted in (("neutral", 0.0), ("angry:0.5", 0.5)):
        shown = most("--seed", "1", "--expression", chosen)
        assert shown["happy"] == 0.0
        assert shown["angry"] == pytest.approx(wanted, abs=0.01)
    beside = most("--seed", "1", "--expression", "browDown:0.5")
    assert beside["happy"] == own["happy"] and beside["browDown"] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("rate", [8000, 22050, 48000])
def test_any_rate_and_codec_is_read_as_the_same_sound(tmp_path: Path, rate: int) -> None:
    path = write_sound(tmp_path / "v.flac", speech(1.0, rate), rate, "flac")
    sound = np.concatenate(list(read_voice(path, 16000)))
    assert len(sound) == pytest.approx(16000, abs=32)
    assert np.sqrt(np.mean(sound**2)) == pytest.approx(0.1, rel=0.1)


def test_blocks_end_in_silence() -> None:
    blocks = Blocks(iter([np.ones(5, np.float32), np.ones(2, np.float32)]))
    assert blocks.take(3).sum() == 3 and blocks.length is None
    np.testing.assert_array_equal(blocks.take(6), [1, 1, 1, 1, 0, 0])
    assert blocks.length == 7 and not blocks.take(2).any()


def test_what_cannot_be_heard(
    clip: Path, tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, text, mute = tmp_path / "out.mp4", tmp_path / "note.txt", tmp_path / "mute.mp4"
    text.write_text("no sound in here")
    with av.open(str(mute), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 32
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    empty = write_sound(tmp_path / "empty.wav", np.zeros(1, np.float32), 16000)
    empty.write_bytes(empty.read_bytes()[:44])
    for command in ("render", "motion"):
        target = str(out if command == "render" else tmp_path / "c.csv")
        rest = ("--out", target, "--avatar", str(tiny_folder))
        for source, said in (
            (tmp_path / "nowhere.wav", "cannot be read"),
            (tmp_path, "cannot be read"),
            (text, "cannot be read"),
            (mute, "has no audio track"),
            (empty, "cannot be read"),
        ):
            assert said in tell(capsys, command, str(source), *rest)
    assert not out.exists() and not (tmp_path / "c.csv").exists()


def test_bad_options(
    clip: Path, tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, pack = str(tmp_path / "out.mp4"), ("--avatar", str(tiny_folder))
    render = ("render", str(clip), "--out")
    assert "expected a name in .mp4" in tell(capsys, *render, str(tmp_path / "a.gif"), *pack)
    assert "does not exist" in tell(capsys, *render, str(tmp_path / "no" / "a.mp4"), *pack)
    assert "neither one of Ada, Bo" in tell(capsys, *render, out, *pack, "--identity", "Eve")
    assert "fps is 0, expected 1 to 60" in tell(capsys, *render, out, *pack, "--fps", "0")
    assert "nor an installed pack" in tell(capsys, *render, out, "--avatar", "nobody")
    motion = ("motion", str(clip), "--out")
    unknown = tell(capsys, *render, out, *pack, "--expression", "smug")
    assert "'smug', expected a mood: neutral; or an axis: jawOpen, " in unknown
    for strength in ("much", "2", "-1", "nan"):
        bad = tell(capsys, *render, out, *pack, "--expression", f"mouthSmile:{strength}")
        assert "expected mouthSmile:STRENGTH, from 0 to 1" in bad
    assert "expected a name in .csv or .json" in tell(capsys, *motion, out, *pack)
    for command, target in ((render, out), (motion, str(tmp_path / "c.csv"))):
        nobody = tell(capsys, *command, target, *pack, "--other", str(tmp_path / "nobody.wav"))
        assert "nobody.wav cannot be read" in nobody
    for command, target in ((render, out), (motion, str(tmp_path / "c.csv"))):
        bad = tell(capsys, *command, target, *pack, "--seed", "-1")
        assert "--seed is -1, expected 0 or more" in bad
    assert "--port is 70000, expected 0 to 65535" in tell(capsys, "doctor", "--port", "70000")
    assert "--fps is 0, expected 1 to 60" in tell(capsys, "doctor", "--fps", "0")
    assert "--host is empty" in tell(capsys, "serve", "--host", "", *pack)
    assert "expected 0 to 65535" in tell(capsys, "serve", "--port", "70000", *pack)
    assert "expected 1 to 64" in tell(capsys, "serve", "--max-sessions", "0", *pack)
    assert "expected stun:HOST" in tell(capsys, "serve", "--ice-server", "x", *pack)
    assert list(tmp_path.glob("*.mp4")) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a folder that takes no files")
def test_curves_that_cannot_be_written(
    clip: Path, tiny_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "c.csv"
    folder.mkdir()
    base = ("motion", str(clip), "--avatar", str(tiny_folder), "--out")
    assert "cannot be written: " in tell(capsys, *base, "/proc/curves.csv")
    assert "a folder, expected a file's name" in tell(capsys, *base, str(folder))


def test_verbose_does_not_tell_addresses(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """aioice says at INFO with whom it talks."""
    monkeypatch.setattr(logging.getLogger("aioice"), "level", logging.NOTSET)
    tell(capsys, "--verbose", "doctor", "--fps", "0")
    assert not logging.getLogger("aioice.ice").isEnabledFor(logging.INFO)


def test_a_taken_port(tiny_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        said = tell(capsys, "serve", "--port", port, "--avatar", str(tiny_folder))
    assert f"cannot listen on 127.0.0.1:{port}" in said


def test_a_truncated_file_is_used_as_far_as_it_goes(clip: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.wav"
    short.write_bytes(clip.read_bytes()[:60_000])
    sound = np.concatenate(list(read_voice(short, 16000)))
    assert 0.6 < len(sound) / 16000 < 0.7
    with pytest.raises(MediaError, match="cannot be read"):
        list(read_voice(tmp_path / "nothing", 16000))


def start(*argv: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "latentcam", *argv],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_interrupted_rendering_leaves_no_half_file(tmp_path: Path) -> None:
    pack = write_pack(tmp_path / "tiny")
    source = write_sound(tmp_path / "long.wav", np.tile(speech(2.0), 300), 16000)
    out = tmp_path / "out.mp4"
    process = start("render", str(source), "--out", str(out), "--avatar", str(pack))
    deadline = time.monotonic() + 30
    while not list(tmp_path.glob(".*.partial*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 130 and "interrupted" in stderr and "Traceback" not in stderr
    assert not list(tmp_path.glob("*out*")) and not list(tmp_path.glob(".*"))


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_serve_says_where_and_ends_on_interrupt(tiny_folder: Path) -> None:
    token = "a+b&c #é"
    process = start("serve", "--port", "0", "--avatar", str(tiny_folder), "--token", token)
    assert process.stdout is not None
    address = process.stdout.readline().removeprefix("latentcam: ").strip()
    assert address.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(address.replace("/?", "/config?"), timeout=10) as answer:
        assert json.load(answer)["avatar"] == "tiny", "the printed address carries the token"
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode in (0, 130) and "Traceback" not in stderr


def test_certificates_that_cannot_be_used(tiny_folder: Path, tmp_path: Path) -> None:
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("nothing")
    files = ("--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem"))
    process = start("serve", "--port", "0", "--avatar", str(tiny_folder), *files)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 2 and told.count("\n") == 1
    assert told.startswith("latentcam: ") and "cannot be used for HTTPS" in told
