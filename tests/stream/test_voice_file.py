"""The voice out of files as people have them: broken, joined, with holes, with many tracks."""

from __future__ import annotations

import logging
import os
import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream
from av.stream import Disposition
from numpy.typing import NDArray

from latentcam.stream import media_input
from latentcam.stream.errors import MediaError
from latentcam.stream.voice_file import VoiceFile, read_voice
from tests.voice import speech

SECONDS = 4.0


def write(
    path: Path,
    codec: str,
    rate: int = 48000,
    layout: str = "mono",
    form: str | None = None,
    hole: tuple[float, float] = (0.0, 0.0),
    begin: float = 0.0,
) -> Path:
    """SECONDS of voice, whose packets in the hole are left out. A video track if it begins late."""
    sound = speech(SECONDS, rate)
    with av.open(f"file:{path}", "w", format=form) as container:
        if begin:
            video = container.add_stream("libx264", rate=25)
            video.width = video.height = 32
        stream = container.add_stream(codec, rate=rate)
        assert isinstance(stream, AudioStream)
        stream.layout = layout
        if begin:
            for tick in range(50):
                picture = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))
                picture.pts, picture.time_base = tick, Fraction(1, 25)
                container.mux(video.encode(picture))
            container.mux(video.encode(None))
        kinds = stream.codec_context.codec.audio_formats
        assert kinds is not None
        convert = av.AudioResampler(kinds[0], layout, rate)
        frame = av.AudioFrame.from_ndarray(sound[None], format="flt", layout="mono")
        frame.sample_rate, frame.pts = rate, round(begin * rate)
        frame.time_base = Fraction(1, rate)
        packets = [p for f in convert.resample(frame) for p in stream.encode(f)]
        for packet in [*packets, *stream.encode(None)]:
            if not hole[0] <= float((packet.pts or 0) * packet.time_base) < hole[1]:
                container.mux(packet)
    return path


def heard(path: Path) -> NDArray[np.float32]:
    return np.concatenate(list(read_voice(path, 16000)))


def seconds(path: Path) -> float:
    return len(heard(path)) / 16000


FORMATS = [
    ("mp3", "libmp3lame", 44100),
    ("m4a", "aac", 44100),
    ("aac", "aac", 44100),
    ("flac", "flac", 44100),
    ("ogg", "libopus", 48000),
    ("ac3", "ac3", 48000),
    ("ts", "aac", 48000),
]


@pytest.mark.parametrize("ending,codec,rate", FORMATS)
def test_behind_broken_bytes_the_voice_goes_on(
    tmp_path: Path, ending: str, codec: str, rate: int, caplog: pytest.LogCaptureFixture
) -> None:
    """What followed the first broken packet was dropped, with exit status 0."""
    path = write(tmp_path / f"v.{ending}", codec, rate)
    data = bytearray(path.read_bytes())
    whole = seconds(path)
    assert whole == pytest.approx(SECONDS, abs=0.1) and not caplog.records
    for share in (0.3, 0.5, 0.7):
        at = int(len(data) * share)
        data[at : at + 300] = np.random.default_rng(at).bytes(300)
    path.write_bytes(data)
    assert seconds(path) > 0.85 * whole
    last = heard(path)[-8000:]
    assert np.sqrt(np.mean(last**2)) > 0.02, "the end is heard"
    assert len(caplog.records) <= 2 and all("v." + ending in r.message for r in caplog.records)


def test_what_could_not_be_read_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "v.mp3", "libmp3lame", 44100)
    data = bytearray(path.read_bytes())
    data[8000:8300] = bytes(300)
    path.write_bytes(data)
    with VoiceFile(path) as file:
        list(file.sounds())
        list(file.sounds())
    assert len(caplog.records) == 1 and caplog.records[0].levelno == logging.WARNING
    assert "of its sound is missing or broken" in caplog.records[0].message


@pytest.mark.parametrize(
    "ending,codec,first,second",
    [
        ("mp3", "libmp3lame", (44100, "mono"), (44100, "mono")),
        ("mp3", "libmp3lame", (44100, "mono"), (48000, "stereo")),
        ("aac", "aac", (44100, "mono"), (48000, "mono")),
        ("aac", "aac", (48000, "mono"), (48000, "stereo")),
        ("ogg", "libopus", (48000, "mono"), (48000, "mono")),
        ("ogg", "libopus", (48000, "mono"), (48000, "stereo")),
        ("webm", "libopus", (48000, "mono"), (48000, "mono")),
    ],
)
def test_recordings_one_behind_another_are_both_heard(
    tmp_path: Path, ending: str, codec: str, first: tuple[int, str], second: tuple[int, str]
) -> None:
    form = "adts" if ending == "aac" else None
    parts = [
        write(tmp_path / f"{index}.{ending}", codec, *kind, form)
        for index, kind in enumerate((first, second))
    ]
    both = tmp_path / f"both.{ending}"
    both.write_bytes(b"".join(part.read_bytes() for part in parts))
    assert seconds(both) == pytest.approx(2 * SECONDS, abs=0.15)


def test_a_chain_of_different_codecs_is_heard(tmp_path: Path) -> None:
    links = [
        write(tmp_path / "a.ogg", "libopus"),
        write(tmp_path / "b.ogg", "flac", 44100, "stereo"),
        write(tmp_path / "c.ogg", "libopus", 48000, "stereo"),
    ]
    chain = tmp_path / "chain.ogg"
    chain.write_bytes(b"".join(link.read_bytes() for link in links))
    assert seconds(chain) == pytest.approx(3 * SECONDS, abs=0.1)


def test_an_unreadable_link_of_a_chain_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = write(tmp_path / "a.ogg", "libopus").read_bytes()
    last = write(tmp_path / "b.ogg", "flac", 44100).read_bytes()
    chain = tmp_path / "chain.ogg"
    chain.write_bytes(first + b"OggS\0\2" + bytes(200) + b"OggS\0\0" + bytes(200) + last)
    assert seconds(chain) == pytest.approx(2 * SECONDS, abs=0.1)
    assert "a part of its sound" in caplog.records[0].message


@pytest.mark.parametrize("ending,codec", [("webm", "libopus"), ("mkv", "flac"), ("m4a", "aac")])
def test_a_hole_is_silence_and_the_rest_stays_where_it_was(
    tmp_path: Path, ending: str, codec: str, caplog: pytest.LogCaptureFixture
) -> None:
    whole = heard(write(tmp_path / f"whole.{ending}", codec))
    holed = heard(write(tmp_path / f"hole.{ending}", codec, hole=(1.0, 3.0)))
    assert len(holed) == pytest.approx(len(whole), abs=1600)
    assert not holed[20000:46000].any()
    alike = [
        np.corrcoef(holed[52000 + lag : 60000 + lag], whole[52000:60000])[0, 1]
        for lag in range(-16, 17)  # timestamps of a millisecond
    ]
    assert max(alike) > 0.9
    assert "2.0" in caplog.records[0].message


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_sound_that_begins_late_is_heard_late(tmp_path: Path, ending: str) -> None:
    sound = heard(write(tmp_path / f"late.{ending}", "aac", begin=2.0))
    assert len(sound) / 16000 == pytest.approx(2 + SECONDS, abs=0.1)
    onset = np.flatnonzero(np.abs(sound) > 0.01)[0] / 16000
    assert onset == pytest.approx(2.0, abs=0.05)


def test_a_broken_clock_makes_no_hours_of_silence(tmp_path: Path) -> None:
    """Two links whose times lie a month apart."""
    path = tmp_path / "v.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=16000, layout="mono")
        for pts in (0, 30 * 86400 * 16000):
            frame = av.AudioFrame.from_ndarray(np.ones((1, 16000), "i2"), "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = 16000, pts, Fraction(1, 16000)
            container.mux(stream.encode(frame))
    assert seconds(path) == pytest.approx(2.0, abs=0.01)


def test_the_default_track_is_heard(tmp_path: Path) -> None:
    """A screen recorder's file: the desktop's silence first, the microphone marked as default."""
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as container:
        tracks = [container.add_stream("pcm_s16le", rate=16000, layout="mono") for _ in range(2)]
        tracks[0].disposition, tracks[1].disposition = Disposition(0), Disposition.default
        for track, level in zip(tracks, (0, 9000), strict=True):
            frame = av.AudioFrame.from_ndarray(np.full((1, 16000), level, "i2"), "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = 16000, 0, Fraction(1, 16000)
            container.mux(track.encode(frame))
    assert heard(path).min() > 0.2


def test_tags_in_any_encoding_are_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "v.wav"
    with av.open(str(path), "w") as container:
        container.metadata["artist"] = "JXrgen"
        stream = container.add_stream("pcm_s16le", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.ones((1, 1600), "i2"), "s16", "mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
    latin = path.read_bytes().replace(b"JXrgen", b"J\xfcrgen")
    assert b"J\xfcrgen" in latin
    path.write_bytes(latin)
    assert len(heard(path)) == 1600


@pytest.mark.parametrize("rate", [1, 100, 3000])
def test_rates_without_a_voice_are_refused(tmp_path: Path, rate: int) -> None:
    path = write(tmp_path / "v.wav", "pcm_s16le", 16000)
    data = bytearray(path.read_bytes())
    data[24:28] = rate.to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(MediaError, match=f"{rate} samples a second, expected 4000"):
        heard(path)


@pytest.mark.parametrize(
    "name", ["10:30 memo.wav", "concat:a|b.wav", "http:", "a%03d.wav", "-x.wav"]
)
def test_a_name_is_a_name(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "v.wav", "pcm_s16le", 16000).rename(tmp_path / name)
    assert seconds(Path(name)) == pytest.approx(SECONDS, abs=0.01)


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\nfile://{}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile {}\n",
        "ffconcat version 1.0\nfile v.wav\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n",
    ],
)
@pytest.mark.parametrize("ending", ["m3u8", "ffconcat", "sdp", "wav"])
def test_a_playlist_reads_no_other_file(tmp_path: Path, text: str, ending: str) -> None:
    other = write(tmp_path / "v.wav", "pcm_s16le", 16000)
    path = tmp_path / f"list.{ending}"
    path.write_text(text.format(other))
    with pytest.raises(MediaError, match="cannot be read"):
        heard(path)


needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes")


@needs_pipes
@pytest.mark.parametrize("ending,codec", [("wav", "pcm_s16le"), ("m4a", "aac")])
def test_a_pipe_is_read_once_and_whole(tmp_path: Path, ending: str, codec: str) -> None:
    """`cat speech.wav | latentcam motion /dev/stdin` lost a third. An M4A has its index at the
    end."""
    data = write(tmp_path / f"v.{ending}", codec).read_bytes()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(data,))
    writer.start()
    assert seconds(pipe) == pytest.approx(SECONDS, abs=0.1)
    writer.join()


@needs_pipes
def test_a_pipe_that_nobody_writes_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_input, "PIPE_OPENED_WITHIN", 0.1)
    monkeypatch.setattr(media_input, "PIPE_PATIENCE", 0.2)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(MediaError, match="nobody writes to the pipe"):
        heard(pipe)
    silent = os.open(pipe, os.O_RDWR)
    with pytest.raises(MediaError, match="nothing came out of the pipe"):
        heard(pipe)
    os.close(silent)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="a device without an end")
def test_devices_are_refused() -> None:
    with pytest.raises(MediaError, match="neither a file nor a pipe"):
        heard(Path("/dev/zero"))
