"""The returned voice leaves with its picture, in one timeline."""

from __future__ import annotations

import asyncio

import pytest
from aiortc.rtp import RtpPacket

from latentcam.server.webrtc.tracks import VoiceTrack, voice_delay
from latentcam.stream.timeline import Timeline
from tests.aio import run_virtual


def encoded(number: int) -> RtpPacket:
    return RtpPacket(timestamp=960 * number, payload=b"sound")


@pytest.mark.parametrize("ptime", [0.01, 0.02, 0.06])
def test_lips_and_voice_leave_together(ptime: float) -> None:
    """A moment of the voice leaves when the frame that shows it is half shown."""
    timeline, age, look_ahead = Timeline(25), 0.03, 0.04
    assert voice_delay(0.03, 0.02, timeline, 0.01) == pytest.approx(0.03 + 0.02 + 0.02 - 0.01)

    async def scene() -> list[tuple[int, float]]:
        track = VoiceTrack(lambda: voice_delay(age, look_ahead, timeline, track.ptime))
        loop, left = asyncio.get_running_loop(), []

        async def send() -> None:
            for number in range(50):
                await asyncio.sleep(ptime * (number + 1) - loop.time())  # at its end
                packet = RtpPacket(timestamp=round(48000 * ptime) * number, payload=b"sound")
                track.put(packet, 48000, loop.time())

        async def leave() -> None:
            for _ in range(50):
                sound = await track.recv()
                left.append((sound.pts or 0, loop.time()))

        await asyncio.gather(send(), leave())
        track.close()
        return left

    all_left = run_virtual(scene())
    assert len(all_left) == 50
    # Other packets than usual are known by the second; the delay comes there in small steps.
    for pts, left in all_left[0 if ptime == 0.02 else 45 :]:
        # The frame whose tick ends at `end` leaves at end + age, is seen until one tick later,
        # and shows the mouth of end - look_ahead.
        end = pts / 48000 + look_ahead
        assert left == pytest.approx(end + age + 0.5 / 25)


def test_the_delay_of_the_voice_follows_in_small_steps() -> None:
    async def scene() -> None:
        wanted = 0.06
        track = VoiceTrack(lambda: wanted)
        loop = asyncio.get_running_loop()
        track.put(encoded(0), 48000, loop.time())
        await track.recv()
        assert loop.time() == pytest.approx(0.06)
        wanted = 0.0
        track.put(encoded(1), 48000, loop.time())
        await track.recv()
        assert track.delay == pytest.approx(0.059)
        track.close()

    run_virtual(scene())


def test_another_source_goes_on_where_the_one_before_ended() -> None:
    """A track that is replaced counts its time from anywhere; players wait for such a leap."""

    async def scene() -> list[int]:
        track = VoiceTrack(lambda: 0.0)
        for number, timestamp in enumerate((5000, 5960, 3_000_000_000, 3_000_000_960, 70)):
            track.put(RtpPacket(timestamp=timestamp, payload=b"sound"), 48000, 0.02 * number)
        left = [(await track.recv()).pts or 0 for _ in range(5)]
        track.put(RtpPacket(timestamp=70 + 24000, payload=b"sound"), 48000, 0.58)
        left.append((await track.recv()).pts or 0)
        track.close()
        return left

    left = run_virtual(scene())
    assert left == [0, 960, 1920, 2880, 3840, 27840], "a pause is kept"
