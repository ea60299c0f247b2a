"""Packets of a voice in order, at once, and no more of them than a voice has."""

from __future__ import annotations

import itertools

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.rtp import RtpPacket

from latentcam.server.webrtc.reorder import Hearing, Reorder
from tests.aio import run
from tests.peers import Caller
from tests.voice import speech

VOICE = speech(4.0, 48000)


def test_packets_pass_at_once_and_in_order() -> None:
    reorder: Reorder[int] = Reorder(2)
    assert [reorder.push(n % 65536, n) for n in range(65530, 65540)] == [
        [n] for n in range(65530, 65540)
    ]
    assert reorder.push(5, 5) == [] and reorder.push(4, 4) == [4, 5], "two changed places"
    assert reorder.push(4, 4) == [] and reorder.lost == 0, "a duplicate"


@pytest.mark.parametrize("patience", [0, 1, 2])
def test_nothing_is_held_longer_after_a_loss_than_before(patience: int) -> None:
    """aiortc's own buffer stays full after a loss: every packet came late from then on."""
    reorder: Reorder[int] = Reorder(patience)
    got: list[int] = []
    for number in range(100):
        if number not in (10, 30, 31, 50, 52, 54):
            got += reorder.push(number, number)
        assert len(got) >= number - 6 - patience, "no more than `patience` wait"
    assert got == [n for n in range(100) if n not in (10, 30, 31, 50, 52, 54)]
    assert reorder.lost == 6 and reorder.push(100, 100) == [100]


def test_a_sender_that_begins_again_is_heard() -> None:
    reorder: Reorder[int] = Reorder(2)
    reorder.push(30000, 0)
    assert reorder.push(29990, 1) == [], "late"
    assert reorder.push(100, 2) == [2], "a new beginning"
    assert reorder.push(101, 3) == [3]
    assert reorder.push(103, 4) == [] and reorder.push(30_000, 5) == [4, 5], "what waited is heard"
    assert reorder.lost == 0, "30 000 packets were"


def test_losses_do_not_make_the_voice_older() -> None:
    """Real peers, every tenth packet lost: what comes back comes as soon as without loss.

    aiortc alone holds 80 ms always and stays full, up to 320 ms, after each loss
    (https://github.com/aiortc/aiortc/issues/543). Counted in packets, not in time: how many have
    left the sender and were not decoded when the newest was.
    """

    async def scene() -> list[int]:
        caller, receiver_of = Caller(VOICE), RTCPeerConnection()
        await receiver_of.setRemoteDescription(RTCSessionDescription(await caller.offer(), "offer"))
        audio = receiver_of.getTransceivers()[0]
        hearing = Hearing(audio.receiver, 2)
        numbers = itertools.count()
        in_order = vars(audio.receiver)["_handle_rtp_packet"]
        seen, behind = 0, []

        async def lossy(packet: RtpPacket, arrival_time_ms: int) -> None:
            nonlocal seen
            seen += 1
            if next(numbers) % 10 != 5:
                await in_order(packet, arrival_time_ms)

        vars(audio.receiver)["_handle_rtp_packet"] = lossy
        await receiver_of.setLocalDescription(await receiver_of.createAnswer())
        await caller.accept(receiver_of.localDescription.sdp)
        for _ in range(90):
            frame = await audio.receiver.track.recv()
            assert frame.pts is not None
            behind.append(seen - 1 - frame.pts // 960)
        assert hearing.lost > 5
        await caller.aclose()
        await receiver_of.close()
        return behind

    behind = run(scene(), timeout=60)
    assert sorted(behind)[len(behind) // 2] == 0 and max(behind[-20:]) <= 3
