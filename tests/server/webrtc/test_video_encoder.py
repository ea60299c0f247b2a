"""The face's encoders: rates within bounds, key frames when asked for."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
from aiortc.codecs.vpx import vp8_depayload

from latentcam.server.webrtc.look import Look
from latentcam.server.webrtc.video_encoder import FaceVp8, Rate
from latentcam.stream.backgrounds import Backgrounds


def test_the_rate_follows_the_receiver_within_bounds_and_seldom_restarts() -> None:
    now = 0.0
    rate = Rate(256 * 256, 25, clock=lambda: now)
    assert rate.running == 983_040 and not rate.restart()
    rate.want(900_000)
    assert not rate.restart(), "a small change is not worth a key frame"
    rate.want(400_000)
    assert rate.restart() and rate.running == 400_000, "down at once"
    rate.want(2_000_000)
    assert not rate.restart(), "up only after a calm while"
    now = 6.0
    assert rate.restart() and rate.running == 2_000_000
    rate.want(50_000_000)
    now = 12.0
    assert not rate.restart() and rate.wanted == 2_621_440
    rate.want(1)
    assert rate.restart() and rate.running == 131_072


def test_a_key_frame_comes_when_asked_for() -> None:
    seen: list[float] = []
    encoder = FaceVp8(Rate(32 * 32, 25), Look(Backgrounds().first, stacked=False), seen.append)
    picture = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 90, np.uint8), format="rgb24")
    picture.time_base = Fraction(1, 90_000)
    keys = []
    for number in range(6):
        picture.pts = 3600 * number
        payloads, timestamp = encoder.encode(picture, force_keyframe=number == 3)
        assert timestamp == picture.pts
        keys.append(not vp8_depayload(payloads[0])[0] & 1)  # RFC 6386, section 9.1
    assert keys == [True, False, False, True, False, False] and len(seen) == 6


def test_pictures_may_change_their_size() -> None:
    """A machine that is too slow draws smaller ones: each size begins with a key frame."""
    rate = Rate(64 * 64, 25)
    encoder = FaceVp8(rate, Look(Backgrounds().first, stacked=False), lambda seconds: None)
    decoder = av.CodecContext.create("vp8", "r")
    sizes = []
    for number, side in enumerate((64, 64, 32, 32, 64)):
        picture = av.VideoFrame.from_ndarray(np.full((side, side, 3), 90, np.uint8), format="rgb24")
        picture.pts, picture.time_base = 3600 * number, Fraction(1, 90_000)
        payloads, _ = encoder.encode(picture)
        data = b"".join(vp8_depayload(payload) for payload in payloads)
        assert (not data[0] & 1) == (number in (0, 2, 4))
        sizes += [frame.width for frame in decoder.decode(av.Packet(data))]
    assert sizes == [64, 64, 32, 32, 64]


def test_a_smaller_picture_needs_fewer_bits() -> None:
    rate = Rate(512 * 512, 25)
    before = rate.running
    rate.fit(256 * 256)
    assert rate.running == 2_621_440 < before
    rate.want(50_000_000)
    rate.fit(512 * 512)
    assert rate.running == 2_621_440 and rate.wanted == 2_621_440
