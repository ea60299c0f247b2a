"""`latentcam doctor`: what it finds on this machine, and what it says when something is missing."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import sys
from pathlib import Path
from typing import cast

import aioice.stun
import pytest

from latentcam.realtime_models.avatar_pack import DEFAULT_PACK
from latentcam.realtime_models.pack_places import SHIPPED, user_packs
from latentcam.server import checks
from latentcam.server.__main__ import main
from latentcam.server.checks import Finding
from latentcam.server.commands.doctor import GOALS, goals_of, summary
from latentcam.server.config import IceServer
from latentcam.stream.errors import DeviceError
from latentcam.stream.local import pulse, v4l2
from tests.aio import run
from tests.tiny import write_pack


def test_the_report_is_whole_and_the_exit_status_tells(
    capsys: pytest.CaptureFixture[str], tiny_folder: Path
) -> None:
    status = main(["doctor", "all", "--json", "--avatar", str(tiny_folder), "--port", "0"])
    report = json.loads(capsys.readouterr().out)
    by_name = {check["name"]: check for check in report["checks"]}
    assert {"versions", "CPU", f"pack {DEFAULT_PACK}", "decoding", "GPU", "microphone"} < set(
        by_name
    )
    assert {"virtual camera", "virtual microphone", "port 0", "HTTPS", "video encoder"} < set(
        by_name
    )
    assert by_name[f"pack {DEFAULT_PACK}"]["verdict"] == "ok"
    failed = [check for check in report["checks"] if check["verdict"] == "fail"]
    assert status == (1 if failed else 0) and report["ok"] is not bool(failed)
    assert all(check["mend"] for check in failed), "what fails has a command that mends it"
    assert report["goals"] == list(GOALS)


def test_who_has_no_camera_is_not_told_that_it_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tiny_folder: Path
) -> None:
    """It ended with status 1 on every machine that wanted nothing but a browser."""
    monkeypatch.setitem(checks.EXTRAS, "camera", ("no_such_package",))
    asked = ["doctor", "--avatar", str(tiny_folder), "--port", "0"]
    assert main(asked) == 0
    told = capsys.readouterr().out
    assert "latentcam serve will work" in told
    assert told.rstrip().endswith("What a camera in meetings takes: latentcam doctor camera")
    assert "microphone" not in told and "v4l2loopback" not in told
    assert main(["doctor", "camera", *asked[1:]]) == 1
    told = capsys.readouterr().out
    assert "without no_such_package" in told and 'install "latentcam[camera]"' in told
    assert "latentcam camera will not work as it is: see versions" in told


def test_each_goal_is_judged_by_what_it_needs() -> None:
    findings = [
        Finding("decoding", "", "ok"),
        Finding("virtual camera", "", "fail", "…", "camera"),
        Finding("HTTPS", "", "warn", "…", "serve"),
    ]
    told = summary(["serve", "camera", "render"], findings, chosen=False).splitlines()
    assert told == [
        "latentcam serve will work, within limits: see HTTPS.",
        "latentcam camera will not work as it is: see virtual camera.",
        "latentcam render will work.",
    ]
    assert goals_of(None, has_camera=True) == ["serve", "camera"]
    assert goals_of(None, has_camera=False) == ["serve"]
    assert goals_of("bench", has_camera=True) == ["bench"]
    assert goals_of("all", has_camera=False) == list(GOALS)


def test_people_get_a_line_per_finding_and_its_command_below(
    capsys: pytest.CaptureFixture[str], tiny_folder: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        main(["doctor", "serve", "--avatar", str(tiny_folder), "--port", str(number)])
    lines = capsys.readouterr().out.splitlines()
    at = next(i for i, line in enumerate(lines) if f"port {number}" in line)
    assert lines[at].startswith("warn") and "already in use" in lines[at]
    assert lines[at + 1].strip() == "choose another: --port 0"


def test_a_pack_with_a_wrong_digest_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    folder = write_pack(user_packs() / "mine")
    with (folder / "motion.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x01")
    *shipped, finding = checks.packs()
    assert {one.verdict for one in shipped} == {"ok"}
    assert finding.verdict == "fail" and "SHA-256" in finding.found
    assert finding.mend == "latentcam avatar remove mine"


def test_the_installed_packs_are_all_looked_at() -> None:
    names = {finding.name for finding in checks.packs()}
    assert names == {f"pack {card.parent.name}" for card in SHIPPED.glob("*/card.json")}


class StunServer(asyncio.DatagramProtocol):
    """Answers a binding request with where it came from."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        request = aioice.stun.parse_message(data)
        answer = aioice.stun.Message(
            message_method=request.message_method,
            message_class=aioice.stun.Class.RESPONSE,
            transaction_id=request.transaction_id,
        )
        answer.attributes["XOR-MAPPED-ADDRESS"] = ("203.0.113.7", address[1])
        self.transport.sendto(bytes(answer), address)


def test_a_stun_server_that_answers_and_one_that_does_not() -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(StunServer, local_addr=("127.0.0.1", 0))
        number = transport.get_extra_info("sockname")[1]
        there = await checks.ice(IceServer(f"stun:127.0.0.1:{number}"))
        transport.close()
        gone = await checks.ice(IceServer(f"stun:127.0.0.1:{number}"))
        assert there.verdict == "ok" and "answers within" in there.found
        assert gone.verdict == "fail" and gone.mend is not None

    run(scene(), timeout=60)


def test_certificates_that_do_not_fit(tmp_path: Path) -> None:
    assert checks.https(None, None).verdict == "ok"
    (tmp_path / "cert.pem").write_text("nothing")
    finding = checks.https(str(tmp_path / "cert.pem"), str(tmp_path / "none.pem"))
    assert finding.verdict == "fail"
    assert finding.mend == "latentcam serve --tls self-signed, which makes its own"


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script in the tool's place")
def test_a_graphics_driver_that_hangs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\nexec sleep 30\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(checks, "GPU_DEADLINE", 0.2)
    finding = checks.gpu()
    assert finding.verdict == "warn" and "does not answer" in finding.found


def test_too_slow_a_machine_is_told_a_rate_that_fits(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "busy", lambda: False)
    finding = checks.speed(str(tiny_folder), fps=1_000_000, goal="camera")
    assert finding.verdict == "warn"
    assert finding.mend is not None and finding.mend.startswith("latentcam camera --fps ")
    monkeypatch.setattr(checks, "SLOWEST", 1000)
    finding = checks.speed(str(tiny_folder), fps=1_000_000)
    assert finding.verdict == "fail" and finding.mend is not None
    assert finding.mend.startswith("another machine")
    monkeypatch.setattr(checks, "busy", lambda: True)
    finding = checks.speed(str(tiny_folder), fps=1_000_000)
    assert finding.verdict == "warn" and "keep this machine busy" in finding.found


def test_the_resolution_that_auto_takes_is_told(three_folder: Path, tiny_folder: Path) -> None:
    found = checks.speed(str(three_folder), fps=1).found
    assert re.search("; resolution 64: 64 takes [0-9.]+ ms, and one is due every 1000 ms", found)
    found = checks.speed(str(three_folder), fps=1_000_000).found
    assert re.search("; resolution (32|32-light|64): 64 takes", found)
    assert "resolution" not in checks.speed(str(tiny_folder), fps=1).found


def test_an_avatar_that_is_not_there() -> None:
    finding = checks.speed("nobody", 25)
    assert (finding.verdict, finding.mend) == ("fail", "latentcam avatar list")


@pytest.mark.skipif(sys.platform == "win32", reason="shell scripts in the tools' place")
@pytest.mark.parametrize(
    "script",
    ["echo 'NVIDIA-SMI has failed: ERR!'; exit 9", "echo 'No devices were found'", "exit 0"],
)
def test_what_tools_say_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str
) -> None:
    """It was put into the report as it came, in several lines."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    finding = checks.gpu()
    assert finding.found == "its driver finds none; a GPU is not needed"
    tool.write_text("#!/bin/sh\necho 'GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-1)'\n")
    assert checks.gpu().found.startswith("NVIDIA H100 80GB HBM3; ")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="PulseAudio is for Linux")
@pytest.mark.parametrize(
    "said,told,mend",
    [
        ("Connection failure: Connection refused\npa_context_connect() failed",
         "no sound server runs", pulse.START),
        ("Failure: No such entity", "the sound server refused get-default-sink", None),
    ],
)  # fmt: skip
def test_what_pactl_says_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str, told: str, mend: str | None
) -> None:
    tool = tmp_path / "pactl"
    tool.write_text(f"#!/bin/sh\necho '{said}' >&2; exit 1\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    finding = checks.virtual_microphone()
    assert finding.found.startswith(told) and "entity" not in finding.found
    assert finding.found.count("\n") == 0 and finding.mend == mend


def test_without_the_extra_each_device_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    finding = checks.microphone()
    assert finding.verdict == "fail"
    assert finding.mend is not None
    assert finding.mend.endswith('pip install "latentcam[camera]"')


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux's virtual camera")
@pytest.mark.skipif(bool(v4l2.list_loopbacks()), reason="this machine has a virtual camera")
def test_without_a_virtual_camera_the_mend_is_a_command() -> None:
    finding = checks.virtual_camera()
    assert finding.verdict == "fail"
    assert finding.mend is not None and finding.mend.startswith("sudo ")
    with pytest.raises(DeviceError):
        v4l2.choose_loopback(None)
