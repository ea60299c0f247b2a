"""`render` and `motion`: places and files as people have them, and ends before the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from latentcam.server.__main__ import main
from tests.server.test_commands import decoded, tell, write_sound
from tests.tiny import write_pack
from tests.voice import speech


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_sound(tmp_path / "clip.wav", speech(0.5), 16000)


@pytest.mark.parametrize("name", ["10:30.mp4", "x%03d.mp4", "http:.mkv", "n" * 248 + ".mp4"])
def test_a_video_has_any_name(
    clip: Path, tiny_folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(clip.parent)
    assert main(["render", str(clip), "--out", name, "--avatar", str(tiny_folder)]) == 0
    assert len(decoded(clip.parent / name)[0]) == 13


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a folder that takes no files")
@pytest.mark.parametrize("command,ending", [("render", "mp4"), ("motion", "csv")])
def test_places_that_take_no_file(
    clip: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str], command: str, ending: str
) -> None:
    folder = clip.parent / f"folder.{ending}"
    folder.mkdir()
    base = (command, str(clip), "--avatar", str(tiny_folder), "--out")
    assert "is a folder" in tell(capsys, *base, str(folder))
    assert "cannot be written: " in tell(capsys, *base, f"/proc/x.{ending}")
    assert list(clip.parent.glob(".*")) == []


@pytest.mark.skipif(os.name == "nt", reason="limits of POSIX")
def test_a_full_disk_is_told(clip: Path, tiny_folder: Path) -> None:
    """A limit on the size of files stands for the disk."""
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000));"
        "from latentcam.server.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    for command, name in (("render", "o.mp4"), ("motion", "o.csv")):
        out = clip.parent / name
        words = [command, str(clip), "--out", str(out), "--avatar", str(tiny_folder)]
        ended = subprocess.run(
            [sys.executable, "-c", code, *words, "--fps", "60"], capture_output=True, text=True
        )
        assert ended.returncode == 2, ended.stderr
        assert "cannot be written: " in ended.stderr and "Traceback" not in ended.stderr
    assert not list(clip.parent.glob("*o.*")) and not list(clip.parent.glob(".*"))


def test_the_speech_is_not_written_over(
    clip: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = clip.with_suffix(".mp4")
    base = ("--avatar", str(tiny_folder))
    assert main(["render", str(clip), "--out", str(video), *base]) == 0
    before = video.read_bytes()
    assert "the speech file itself" in tell(
        capsys, "render", str(video), "--out", str(video), *base
    )
    assert "the speech file itself" in tell(
        capsys, "render", str(video), "--out", str(video), "--force", *base
    )
    assert video.read_bytes() == before


@pytest.mark.parametrize("command,ending", [("render", "mp4"), ("motion", "csv")])
def test_what_exists_is_overwritten_only_when_asked(
    clip: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str], command: str, ending: str
) -> None:
    out = clip.with_name(f"out.{ending}")
    out.write_text("mine")
    words = (command, str(clip), "--out", str(out), "--avatar", str(tiny_folder))
    assert "exists: give another --out, or --force" in tell(capsys, *words)
    assert out.read_text() == "mine"
    assert main([*words, "--force"]) == 0
    assert out.stat().st_size > 100


def test_a_mood_that_there_is_not_shows_moods_first(
    clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With them at the end of 32 names of muscles nobody found them."""
    out = str(clip.with_name("c.csv"))
    told = tell(capsys, "motion", str(clip), "--out", out, "--expression", "smug")
    assert "expected a mood: neutral, happy, sad, angry, surprised, afraid, disgusted;" in told
    assert told.index("disgusted") < told.index("jawOpen") and told.count("happy") == 1


@pytest.mark.parametrize("address", ["https://example.org/v.mp3", "rtmp://h/x", "blur:http://h/x"])
def test_nothing_is_fetched(clip: Path, capsys: pytest.CaptureFixture[str], address: str) -> None:
    for words in (
        ("render", address, "--out", "o.mp4"),
        ("motion", str(clip), "--out", address),
        ("render", str(clip), "--out", "o.mp4", "--avatar", address),
        ("camera", "--device", "none", "--mic", address),
        ("camera", "--device", "none", "--background", address),
    ):
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        told = capsys.readouterr().err
        assert ended.value.code == 2 and "nothing is fetched from the network" in told
        assert told.startswith("latentcam: ") and told.count("\n") == 1


@pytest.mark.parametrize("number", [np.nan, np.inf, 1e38])
def test_broken_numbers_are_rendered(tmp_path: Path, tiny_folder: Path, number: float) -> None:
    path, out = tmp_path / "v.wav", tmp_path / "o.mp4"
    sound = speech(0.5)
    sound[4000] = number
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_f32le", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(sound[None], format="flt", layout="mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
    assert main(["render", str(path), "--out", str(out), "--avatar", str(tiny_folder)]) == 0
    assert np.isfinite(decoded(out)[1]).all()


def test_full_scale_stereo_is_not_louder_in_the_video(tmp_path: Path, tiny_folder: Path) -> None:
    """The sides' sum was 3 dB louder, and the encoder doubled its peak: 1.9."""
    t = np.arange(48000) / 48000
    chord = np.tanh(1.2 * sum(np.sin(2 * np.pi * f * t) for f in (110, 165, 220, 330, 660, 880)))
    chord *= 0.97 / np.abs(chord).max()
    path, out = tmp_path / "v.wav", tmp_path / "o.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=48000, layout="stereo")
        both = (np.repeat(chord, 2)[None] * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(both, format="s16", layout="stereo")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
    assert main(["render", str(path), "--out", str(out), "--avatar", str(tiny_folder)]) == 0
    with av.open(str(out)) as container:
        sound = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
    assert np.abs(sound).max() < 1.05


@pytest.mark.skipif(not Path("/dev/stdin").exists(), reason="no /dev/stdin")
@pytest.mark.parametrize("command,out", [("render", "o.mp4"), ("motion", "o.csv")])
def test_a_pipe_becomes_a_video(clip: Path, tiny_folder: Path, command: str, out: str) -> None:
    path = clip.parent / out
    words = [command, "/dev/stdin", "--out", str(path), "--avatar", str(tiny_folder)]
    subprocess.run([sys.executable, "-m", "latentcam", *words], input=clip.read_bytes(), check=True)
    if command == "render":
        assert len(decoded(path)[0]) == 13
    else:
        assert path.read_text().count("\n") == 14


@pytest.fixture
def rendering(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A long film amid the work; it would take the place of out.mp4."""
    pack = write_pack(tmp_path / "tiny")
    source = write_sound(tmp_path / "long.wav", np.tile(speech(2.0), 300), 16000)
    out = tmp_path / "out.mp4"
    out.write_text("old")
    words = ["render", str(source), "--out", str(out), "--avatar", str(pack), "--force"]
    process = subprocess.Popen(
        [sys.executable, "-m", "latentcam", *words], text=True, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while not any(p.stat().st_size for p in tmp_path.glob(".*.partial.mp4")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    yield process
    process.kill()
    process.communicate()


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_told_end_leaves_nothing_behind(
    rendering: subprocess.Popen[str], tmp_path: Path, number: signal.Signals
) -> None:
    rendering.send_signal(number)
    _, said = rendering.communicate(timeout=60)
    assert rendering.returncode == 130 and "Traceback" not in said
    assert (tmp_path / "out.mp4").read_text() == "old" and not list(tmp_path.glob(".*"))
