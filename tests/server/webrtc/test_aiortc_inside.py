"""What we reach of aiortc behind its public names is there, and nobody else reaches for it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from aiortc import RTCPeerConnection, RTCRtpReceiver
from aiortc.rtp import RtpPacket

from latentcam.server.webrtc import aiortc_inside
from latentcam.server.webrtc.aiortc_inside import AiortcChanged
from tests.aio import run

INSIDE = Path(aiortc_inside.__file__)
SERVER = INSIDE.parent.parent


def test_the_installed_aiortc_is_as_we_know_it() -> None:
    """A failure here lists what the new release has renamed."""

    async def scene() -> list[str]:
        return aiortc_inside.changes()

    assert run(scene()) == []


def test_a_renamed_thing_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was an assertion, or an AttributeError while somebody called."""
    monkeypatch.delattr(RTCRtpReceiver, "_handle_rtp_packet")

    async def scene() -> list[str]:
        async def handle(packet: RtpPacket, arrival_time_ms: int) -> None: ...

        receiver = RTCPeerConnection().addTransceiver("audio").receiver
        with pytest.raises(AiortcChanged, match="RTCRtpReceiver has no _handle_rtp_packet: got"):
            aiortc_inside.pass_by(receiver, handle)
        return aiortc_inside.changes()

    (change,) = run(scene())
    assert "has no _handle_rtp_packet: got aiortc " in change and "expected" in change


def test_only_one_file_reaches_inside() -> None:
    for path in sorted(SERVER.rglob("*.py")):
        if path != INSIDE and "aiortc" in (text := path.read_text()):
            assert not private_names(ast.parse(text)), path
            assert "vars(" not in text, path


def private_names(tree: ast.AST) -> list[str]:
    """Attributes with an underscore of something that is not the object itself."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    own = ("self", "cls")
    return [
        node.attr
        for node in found
        if re.match("_(?!_)", node.attr)
        and not (isinstance(node.value, ast.Name) and node.value.id in own)
    ]
