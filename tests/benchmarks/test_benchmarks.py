"""The tools that measure must themselves be right."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.clock import datetime_from_ntp
from aiortc.codecs.vpx import vp8_depayload
from aiortc.mediastreams import AudioStreamTrack
from aiortc.rtp import RtcpSenderInfo, RtcpSrPacket, RtpPacket
from numpy.typing import NDArray

from latentcam.benchmarks import capacity
from latentcam.benchmarks.decode import measure, psnr_to_float32
from latentcam.benchmarks.glass_to_glass import answers
from latentcam.benchmarks.pipeline import pipeline
from latentcam.benchmarks.report import as_html, as_markdown
from latentcam.benchmarks.soak import Point, compare
from latentcam.benchmarks.tools import plots
from latentcam.benchmarks.tools.call import MOUTH, Call, Shown, look, percentiles
from latentcam.benchmarks.tools.caller import AtTheMarker, Caller, Clock, NoFace
from latentcam.benchmarks.tools.link import Link, Script, own_address
from latentcam.benchmarks.tools.served import served
from latentcam.benchmarks.tools.skew import VoiceFinder
from latentcam.benchmarks.tools.stamp import read_stamp, stamped, whole_tick
from latentcam.benchmarks.tools.voice import onsets, talk
from latentcam.realtime_models.avatar_pack import load_pack
from latentcam.realtime_models.decoders.auto import open_decoder
from latentcam.server.__main__ import main
from latentcam.server.webrtc.look import Look
from latentcam.server.webrtc.video_encoder import FaceVp8, Rate
from latentcam.stream.backgrounds import Backgrounds
from tests.aio import run
from tests.tiny import tiny_card, tiny_generator, write_pack

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("form", ["rgb24", "rgba"])
@pytest.mark.parametrize("tick", [0, 1, 12345, 65535, 65536 + 7])
def test_a_stamp_survives_vp8(tick: int, form: str) -> None:
    grain = np.random.default_rng(0).integers(60, 190, (256, 256, 3), dtype=np.uint8)
    picture = grain if form == "rgb24" else np.concatenate([grain, grain[..., :1]], axis=2)
    frame = av.VideoFrame.from_ndarray(stamped(picture, tick), format=form)
    frame.pts, frame.time_base = 0, Fraction(1, 90_000)
    shown_as = Look(Backgrounds().first, stacked=False)
    payloads, _ = FaceVp8(Rate(256 * 256, 25), shown_as, lambda seconds: None).encode(frame)
    data = b"".join(vp8_depayload(payload) for payload in payloads)
    (shown,) = av.CodecContext.create("vp8", "r").decode(av.Packet(data))
    assert look(shown).tick == tick % 65536
    assert read_stamp(grain[:, :, 0]) is None, "no stamp is no tick"


def returned(pcm: np.ndarray, pts: int) -> av.AudioFrame:
    packet = av.AudioFrame.from_ndarray(np.repeat(pcm, 2)[None], format="s16", layout="stereo")
    packet.sample_rate, packet.pts = 48000, pts
    return packet


def test_ticks_go_on_where_stamps_begin_anew() -> None:
    for tick in (0, 40_000, 65_535, 65_536, 90_001, 200_000):
        for off in (-900, 0, 900):
            assert whole_tick(tick % 65_536, tick + off) == tick


def test_a_voice_is_found_in_itself_to_the_sample() -> None:
    sound, found = talk(6.0, 48000), []
    finder = VoiceFinder(sound, lambda pts, moment: found.append((pts, moment)))
    late = 4800  # samples, a tenth of a second
    heard = (np.concatenate([np.zeros(late, np.float32), sound]) * 32767).astype(np.int16)
    for start in range(0, len(heard) - 960, 960):
        if not 96_000 < start < 99_000:  # a loss
            finder.hear(returned(heard[start : start + 960], start))
    assert len(found) > 4
    for pts, moment in found:
        assert pts - moment == pytest.approx(late / 48000, abs=1 / 16000)


def test_silence_and_strange_sounds_are_not_found() -> None:
    found: list[float] = []
    finder = VoiceFinder(talk(6.0, 48000), lambda pts, moment: found.append(pts))
    noise = np.random.default_rng(1).standard_normal(96_000) * 3000
    for sound in (np.zeros(96_000), noise):
        for start in range(0, len(sound), 960):
            finder.hear(returned(sound[start : start + 960].astype(np.int16), start))
    assert found == []


def test_sender_reports_give_wall_clock() -> None:
    clock = Clock(90_000)
    assert np.isnan(clock.wall(0))
    clock.first = (1 << 32) - 90_000  # timestamps wrap a second later
    for second in range(4):
        rtp = (clock.first + 90_000 * second) % (1 << 32)
        ntp = (3_900_000_000 + second) << 32
        clock.report(RtcpSrPacket(1, RtcpSenderInfo(ntp, rtp, 1, 1)))
    begun = datetime_from_ntp(3_900_000_000 << 32).timestamp()
    assert clock.wall(0) == pytest.approx(begun)
    assert clock.wall(180_000) == pytest.approx(begun + 2)


def video(number: int, timestamp: int, last: bool, key: bool, first: bool = True) -> RtpPacket:
    packet = RtpPacket(sequence_number=number, timestamp=timestamp, marker=int(last))
    packet.payload = bytes([0x10 if first else 0])
    vars(packet)["_data"] = bytes([0 if key else 1])
    return packet


def test_a_frame_is_given_with_its_last_packet() -> None:
    buffer = AtTheMarker()
    assert buffer.add(video(7, 0, False, True)) == (False, None)
    _, frame = buffer.add(video(8, 0, True, False, first=False))
    assert frame is not None and frame.data == b"\x00\x01" and frame.timestamp == 0
    _, frame = buffer.add(video(9, 3600, True, False))
    assert frame is not None and frame.timestamp == 3600


@pytest.mark.parametrize("first", [True, False])
def test_a_call_whose_first_packets_came_too_early_asks_for_a_key_frame(first: bool) -> None:
    """It began with what it had, a frame that needs another or the end of a key frame, and every
    frame after it could not be decoded: the call never showed a face."""
    buffer = AtTheMarker()
    asked, frame = buffer.add(video(7, 0, True, key=not first, first=first))
    assert asked and frame is None
    later = [buffer.add(video(7 + n, 3600 * n, True, False)) for n in range(1, 13)]
    assert all(frame is None for _, frame in later)
    assert [asked for asked, _ in later].count(True) == 1, "and asks again, in case it was lost"
    asked, frame = buffer.add(video(20, 3600 * 13, True, True))
    assert not asked and frame is not None
    assert buffer.add(video(21, 3600 * 14, True, False))[1] is not None


def test_a_frame_that_never_comes_is_given_up_and_a_key_frame_asked_for() -> None:
    buffer = AtTheMarker()
    buffer.add(video(0, 0, True, True))
    asked = [buffer.add(video(n, 3600 * n, True, False))[0] for n in range(2, 16)]
    assert asked.count(True) == 1 and buffer.given_up == 1
    assert buffer.add(video(16, 3600 * 16, True, False))[1] is None, "its reference is missing"
    assert buffer.add(video(17, 3600 * 17, True, True))[1] is not None
    assert buffer.add(video(18, 3600 * 18, True, False))[1] is not None


def test_a_call_that_shows_nothing_is_told_in_a_sentence() -> None:
    async def waits() -> None:
        caller = Caller.__new__(Caller)
        caller.frames = []
        await caller.until_frames(10, 0.05)

    with pytest.raises(NoFace, match="showed 0 pictures within 0 s, expected at least 10: the mac"):
        asyncio.run(waits())


def test_a_machine_that_holds_no_second_call_has_one_place(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`latentcam bench` ended with a traceback there, and without its report."""

    async def measure(server: object, *rest: object) -> dict[str, object]:
        if rest[-1] == 2:
            raise NoFace("a call showed 0 pictures")
        return {"age": {"p50_ms": 30.0, "p95_ms": 40.0}, "frames": 10, "of": 10, "server_cores": 1}

    async def turned_away(*what: object) -> dict[str, object]:
        raise NoFace("a call showed 0 pictures")

    monkeypatch.setattr(capacity, "measure", measure)
    monkeypatch.setattr(capacity, "turned_away", turned_away)
    monkeypatch.setattr(capacity, "served", lambda *options: contextlib.nullcontext())
    found = capacity.capacity(str(tiny_folder), "auto", 25, 5.0, 4)
    assert found["places"] == 1 and found["full"] is None and len(found["steps"]) == 1
    assert "one of them showed no face" in capsys.readouterr().out


class Sink(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.got: list[bytes] = []

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.got.append(data)


def test_a_link_loses_media_by_its_seed_and_nothing_else() -> None:
    async def scene(seed: int) -> list[bytes]:
        loop, host = asyncio.get_running_loop(), own_address()
        server, sink = await loop.create_datagram_endpoint(Sink, local_addr=(host, 0))
        link = Link()
        await link.open(host)
        port = server.get_extra_info("sockname")[1]
        answer = f"a=candidate:1 1 udp 1 {host} {port} typ host\r\na=ice-ufrag:x\r\n"
        rewritten = link.rewrite_answer(answer)
        assert f" {port} " not in rewritten and "typ host" in rewritten
        near = int(rewritten.split()[5])
        link.suffer(Script(loss=0.5, seed=seed))
        caller, _ = await loop.create_datagram_endpoint(Sink, remote_addr=(host, near))
        for number in range(100):
            caller.sendto(bytes([128, number]))
            caller.sendto(bytes([0, number]))  # STUN
            await asyncio.sleep(0)
        async with asyncio.timeout(10):
            while sum(data[0] == 0 for data in sink.got) < 100:
                await asyncio.sleep(0.01)
        for transport in (caller, server):
            transport.close()
        link.close()
        assert link.lost + link.passed == 100 and 30 < link.lost < 70
        return [data for data in sink.got if data[0] == 128]

    assert run(scene(1)) == run(scene(1)) != run(scene(2))


def test_an_onset_is_answered_by_the_first_frame_that_moves() -> None:
    assert onsets(5.0) == [1.0, 4.0]
    still, moved = np.zeros((4, 4), np.float32), np.ones((4, 4), np.float32)
    at = np.arange(0.0, 5.0, 0.04)
    shown = [
        Shown(i, t, 0.0, (moved if 1.1 <= t < 3 else still) + 0.01 * np.float32(i % 2))
        for i, t in enumerate(at)
    ]
    assert answers(shown, 5.0) == pytest.approx([0.12], abs=1e-6)


@pytest.mark.parametrize("side", [128, 256, 360, 512, 720])
def test_a_mouth_is_seen_alike_in_pictures_of_any_size(side: int) -> None:
    """A call that stepped down in the middle of a sentence ended the benchmark."""
    rows, columns = np.mgrid[:side, :side] / side
    opened = (np.abs(rows - 0.68) < 0.05) & (np.abs(columns - 0.5) < 0.1)
    grey = np.where(opened, 40, 180).astype(np.uint8)
    picture = av.VideoFrame.from_ndarray(np.stack([grey] * 3, -1), format="rgb24")
    mouth = look(picture.reformat(format="yuv420p")).mouth
    assert mouth.shape == MOUTH and mouth.dtype == np.float32
    assert np.mean(mouth < 100) == pytest.approx(0.1 * 0.2 / (0.27 * 0.4), abs=0.02)


def test_talk_is_silent_between_sentences_and_reproducible() -> None:
    sound = talk(6.0, 16000, seed=3)
    assert not sound[:16000].any() and np.sqrt(np.mean(sound[16000:48000] ** 2)) > 0.05
    np.testing.assert_array_equal(sound, talk(6.0, 16000, seed=3))
    assert np.abs(sound).max() < 1.0


def test_percentiles_and_fifths() -> None:
    assert percentiles([0.01] * 99 + [0.2]) == {"p50_ms": 10.0, "p95_ms": 10.0, "p99_ms": 11.9}
    points = [Point(10.0 * i, 30 + i, 40, 1, 5, 250, i == 3, 200 + 2 * i) for i in range(10)]
    found = compare(points)
    assert found["first"]["age_p50"] == 30.5 and found["last"]["age_p50"] == 38.5
    assert found["rss_growth"] == round(217 / 201 - 1, 4) and found["dropped"] == 1


def test_a_caller_may_hang_up_before_it_is_connected() -> None:
    """It waited for ever for tracks whose receivers had not begun."""

    async def scene() -> None:
        caller, other = Caller(np.zeros(960, np.float32)), RTCPeerConnection()
        await other.setRemoteDescription(RTCSessionDescription(await caller.offer(), "offer"))
        other.addTrack(AudioStreamTrack())
        await other.setLocalDescription(await other.createAnswer())
        await caller.accept(other.localDescription.sdp)
        await caller.aclose()
        await other.close()

    run(scene())


def test_decoding_is_measured_alone_and_side_by_side(tiny_folder: Path) -> None:
    pack = load_pack(str(tiny_folder))
    alone, pair, beside = measure("openvino-f32", "pack", pack, [1, 2], 3, {}, lanes=2)
    assert [row["batch"] for row in (alone, pair, beside)] == [1, 2, 1]
    assert [row["at_once"] for row in (alone, pair, beside)] == [1, 1, 2]
    for row in (pair, beside):
        assert row["picture_ms"] == pytest.approx(row["p50_ms"] / 2, abs=1e-3)
        assert row["best_ms"] <= row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"]
        assert "psnr_db" not in row, "float32 is what the others are compared with"
    assert len(measure("openvino-f32", "pack", pack, [1], 3, {})) == 1
    exact = open_decoder("openvino-f32", pack).decode

    def off_by_one(ws: NDArray[np.float32]) -> NDArray[np.uint8]:
        return np.bitwise_xor(exact(ws), np.uint8(1))

    found = psnr_to_float32(pack, [exact, off_by_one])
    assert found == {1: {"psnr_db": 48.1}}, "20 log10(255 / 1) where each value is one off"


def test_the_pipeline_counts_every_tick(tiny_folder: Path) -> None:
    found = pipeline(str(tiny_folder), "openvino", 25, 2.0)
    assert found["frames"] == 50 and set(found["ms_per_frame"]) == {
        "open", "motion", "decode", "encode",
    }  # fmt: skip
    stages = found["frame_ms"]
    assert set(stages) == {"motion", "decode", "encode", "all"}
    for name, ms in stages.items():
        assert 0 < ms["p50"] <= ms["p95"] <= ms["p99"] <= stages["all"]["p99"] + 0.01, name
        if name != "all":  # a median is at most two means
            assert ms["p50"] <= 2 * found["ms_per_frame"][name] + 0.02
    assert stages["all"]["p50"] > stages["decode"]["p50"]


WITHOUT = """
import runpy, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
runpy.run_module("latentcam.benchmarks.motion", run_name="__main__")
"""


@pytest.mark.parametrize("module", ["torch", "scipy"])
def test_a_benchmark_tells_what_is_not_installed(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, module], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 1 and done.stdout == ""
    needs = f"benchmarks.motion needs {module}, not installed: pip install 'latentcam[train]'\n"
    assert done.stderr == needs


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="PulseAudio is for Linux")
def test_no_sound_server_is_one_sentence(tmp_path: Path) -> None:
    pytest.importorskip("scipy", reason="needs the extra [bench]")
    done = subprocess.run(
        [sys.executable, "-m", "latentcam.benchmarks.voice_offset"],
        capture_output=True, text=True, cwd=ROOT, env={**os.environ, "PATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "pactl is missing: install pactl with your system's package manager\n"


@pytest.fixture(scope="module")
def stampable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack whose pictures are large enough for a stamp."""
    generator = tiny_generator(resolution=128, channel_base=512)
    folder = tmp_path_factory.mktemp("packs") / "stampable"
    return write_pack(folder, tiny_card(generator=generator))


def test_a_measured_call_through_a_link(stampable: Path) -> None:
    """The application in a process of its own, a caller, a link: every part of a measurement."""

    async def scene(port: int) -> Call:
        call = Call(talk(6.0, 48000), 25, 0.02, script=Script())
        try:
            await call.open(port)
            async with asyncio.timeout(90):
                while len(call.caller.frames) < 40 or len(call.caller.left) < 50:
                    await asyncio.sleep(0.1)
        finally:
            await call.close()
        return call

    with served("--avatar", str(stampable)) as server:
        call = run(scene(server.port), timeout=150)
    shown = call.take_shown()
    ticks = [s.tick for s in shown]
    assert len(ticks) > 5 and ticks == sorted(set(ticks)), "stamps are read, in order"
    assert all(s.age > 0 for s in shown)
    assert call.link is not None and call.link.passed > 50 and call.link.lost == 0
    assert not call.take_shown()


AGE = {"p50_ms": 21.5, "p95_ms": 30.0, "p99_ms": 40.0}
SCENE = {
    "sessions": 1,
    "age": AGE,
    "frames": 299,
    "of": 300,
    "onset": {**AGE, "n": 4},
    "skew": {"p50_ms": -1.5, "p95_of_size_ms": 4.0, "n": 20},
    "first_frame_ms": 120,
    "server_cores": 0.4,
    "stages": {
        name: {"p50_ms": 2.0, "p95_ms": 3.0, "what": name} for name in ("motion", "decode", "age")
    },
}


def test_a_report_holds_its_figures_and_plots(tmp_path: Path) -> None:
    names = ("cpu", "cores", "units", "load", "system", "python", "commit")
    file = {
        "decoder": "eager", "speech_s": 12.0, "times_real_time": 3.2, "open_s": 0.5,
        "ms_per_frame": {"motion": 1.0, "decode": 7.0, "encode": 2.0},
    }  # fmt: skip
    picture = {"p50_ms": 11.0, "p95_ms": 12.5, "gmac": 1.32, "share": 0.62}
    scenes = {"loopback": SCENE, "2 % loss": SCENE}
    page = as_markdown(
        {
            "card": {name: name for name in names},
            "avatar": "tiny", "fps": 25, "look_ahead_ms": 40.0, "pipeline": file,
            "picture": picture,
            "scenes": scenes, "capacity": {"places": 2, "steps": [SCENE]},
        }
    )  # fmt: skip
    assert "| 2 % loss | 21.5 ms | 30.0 ms | 40.0 ms | 299 of 300 | 21.5 ms | -1.5 ms |" in page
    assert "takes 11.0 ms (p50; p95 12.5 ms), 1.32 GMAC, 62% of what" in page
    assert "2 session(s) held" in page and "at 3.2 times real time" in page
    assert "**25 pictures a second: yes, for 2 calls at once.**" in page
    points = [Point(10.0 * i, 30 + i, 40, 1, 5, 250, i == 3, 200.0) for i in range(10)]
    plots.save_scenes(tmp_path / "ages.png", scenes)
    plots.save_stages(tmp_path / "stages.png", SCENE)
    plots.save_capacity(tmp_path / "capacity.png", [SCENE, {**SCENE, "sessions": 2}])
    plots.save_soak(tmp_path / "soak.svg", [asdict(p) for p in points], compare(points))
    for plot in ("ages.png", "stages.png", "capacity.png"):
        assert (tmp_path / plot).read_bytes().startswith(b"\x89PNG")
        assert f"({plot})" in page
    shown = as_html(page, tmp_path)
    assert shown.count('src="data:image/png;base64,iVBOR') == 3 and ".png" not in shown
    assert "<strong>25 pictures a second: yes, for 2 calls at once.</strong>" in shown
    assert shown.count("<table>") == 3 and "2 % loss" in shown
    assert "<svg" in (tmp_path / "soak.svg").read_text()


def test_bench_says_what_it_cannot_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--seconds", "1"]) == 2
    assert "expected at least 5 and 1" in capsys.readouterr().err
    file = tmp_path / "file"
    file.write_text(json.dumps({}))
    assert main(["bench", "--out", str(file)]) == 2
    assert "expected a folder" in capsys.readouterr().err
    (tmp_path / "report.html").write_text("mine")
    assert main(["bench", "--out", str(tmp_path)]) == 2
    assert "exists: give another --out, or --force" in capsys.readouterr().err
    assert (tmp_path / "report.html").read_text() == "mine"
