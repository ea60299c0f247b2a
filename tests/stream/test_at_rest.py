"""A face at rest: the film moves, goes round without a jump, and says what it is."""

from __future__ import annotations

import io

import av
import numpy as np

from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.motion.performance import Performer
from latentcam.stream.at_rest import FPS, SECONDS, film, portrait, resting
from latentcam.stream.backgrounds import Backgrounds

BEHIND = Backgrounds("#2040c0").first


def test_it_goes_round_without_a_jump(tiny_pack: AvatarPack) -> None:
    x = np.array(resting(Performer(tiny_pack)))
    assert len(x) == SECONDS * FPS
    names = [axis.name for axis in tiny_pack.card.axes]
    head = x[:, [names.index(name) for name in ("headYaw", "headPitch", "headRoll")]]
    steps = np.abs(np.diff(np.vstack([head, head[:1]]), axis=0)).max(axis=1)
    assert np.ptp(head, axis=0).min() > 0.5, "degrees: it is alive"
    assert steps[-1] <= 1.2 * steps[:-1].max()
    blink = x[:, names.index("eyeBlink")]
    assert blink.max() > 0.5
    assert max(blink[0], blink[-1]) < 0.05, "the portrait's eyes are open, too"
    assert np.abs(head[0]).max() < 1.0, "and its head is straight"


def test_the_film_holds_its_pictures_and_says_that_it_is_synthetic() -> None:
    pictures = [np.full((32, 48, 3), level, np.uint8) for level in (40, 120, 200)]
    with av.open(io.BytesIO(film(pictures, BEHIND)), "r") as container:
        assert container.format.name == "matroska,webm"
        assert "Synthetic face" in container.metadata["COMMENT"]
        frames = list(container.decode(video=0))
    assert [(f.width, f.height) for f in frames] == [(48, 32)] * 3
    assert [round(float(f.time or 0) * FPS) for f in frames] == [0, 1, 2]
    for frame, picture in zip(frames, pictures, strict=True):
        assert np.abs(frame.to_ndarray(format="rgb24").astype(int) - picture).max() < 12


def test_a_portrait_keeps_its_colours() -> None:
    """Read as a camera's picture, whose black is 16, it came out grey."""
    rgb = np.zeros((32, 32, 3), np.uint8)
    rgb[:, 16:] = 255, 220, 10
    decoder = av.CodecContext.create("mjpeg", "r")
    (frame,) = [*decoder.decode(av.Packet(portrait(rgb, BEHIND))), *decoder.decode(None)]
    shown = frame.to_ndarray(format="rgb24").astype(int)
    assert np.abs(shown - rgb)[:, [4, 28]].max() < 12


def test_a_face_with_alpha_is_before_the_background() -> None:
    face = np.zeros((64, 64, 4), np.uint8)
    face[16:48, 16:48] = 200, 180, 160, 255
    decoder = av.CodecContext.create("mjpeg", "r")
    (frame,) = [*decoder.decode(av.Packet(portrait(face, BEHIND))), *decoder.decode(None)]
    shown = frame.to_ndarray(format="rgb24").astype(int)
    assert np.abs(shown[4, 4] - (0x20, 0x40, 0xC0)).max() < 14
    assert np.abs(shown[32, 32] - (200, 180, 160)).max() < 14
