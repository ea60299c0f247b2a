"""A square face in a camera's picture: its backdrop extended to the sides, or another behind it.

The faces of a pack are in front of a plain backdrop, a vertical gradient. That makes both cheap:
going outward from an edge, whatever is in front of the backdrop (a shoulder) slopes down and the
backdrop continues; and whatever lies between the first and the last pixel of a row that differ from
the backdrop is the person.
"""

from __future__ import annotations

import re
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import Rgb
from latentcam.stream.errors import MediaError
from latentcam.stream.media_input import open_container, opened

EDGE = 3  # columns averaged to an edge
SHOULDER_SLOPE = 0.6  # rows down per column outward
KEY_FROM, KEY_TO = 14.0, 34.0  # levels off the backdrop: none of the person, all of the person
BLUR = 24  # a blurred picture is this many pixels high before it is enlarged again
SMALLEST, LARGEST = 64, 4096  # pixels a side

Layer = NDArray[np.float32]
I420 = NDArray[np.uint8]
"""A picture as cameras give it, uint8 [height * 3 // 2, width]: Y, then U and V in halves; BT.601,
limited range."""


class Composer:
    """Puts faces into pictures of one size. One thread at a time may call it.

    background: "own" extends the face's backdrop, "#rrggbb" is a colour, anything else names a
    picture file, which a leading "blur:" blurs. Raises ValueError for a size that virtual cameras
    do not take, MediaError for a picture that cannot be read.
    """

    def __init__(self, width: int, height: int, background: str = "own") -> None:
        check_size(width, height)
        self.width, self.height = width, height
        self._person, self._matte, self._half = (VideoReformatter() for _ in range(3))
        self._backdrop = None if background == "own" else self._read_backdrop(background)

    def __call__(self, face: Rgb) -> I420:
        """From uint8 [R, R, 3]."""
        size = len(face)
        margin = round((size * self.width / self.height - size) / 2)  # columns at each side
        wide = extended(face, margin)
        person = _scaled(self._person, wide, self.width, self.height, "yuv420p")
        if self._backdrop is None:
            return person
        matte = person_matte(face, wide)
        share = _scaled(self._matte, matte, self.width, self.height, "gray")
        half = _scaled(self._half, matte, self.width // 2, self.height // 2, "gray")
        planes = np.concatenate([share.ravel(), half.ravel(), half.ravel()])
        return _mixed(self._backdrop, person, planes.reshape(person.shape))

    def _read_backdrop(self, background: str) -> I420:
        if background.startswith("#"):
            if not re.fullmatch("#[0-9a-fA-F]{6}", background):
                raise MediaError(f"the background is {background!r}, expected #rrggbb")
            colour = np.frombuffer(bytes.fromhex(background[1:]), np.uint8)
            part = np.tile(colour, (16, 16, 1))
        else:
            name = background.removeprefix("blur:")
            part = self._covering(read_picture(Path(name)))
            if name != background:
                wide = round(BLUR * self.width / self.height)
                part = _scaled(VideoReformatter(), part, wide, BLUR, "rgb24", "AREA")
        return _scaled(VideoReformatter(), part, self.width, self.height, "yuv420p")

    def _covering(self, picture: Rgb) -> Rgb:
        """The middle of the picture in the camera's shape."""
        height, width = picture.shape[:2]
        scale = min(width / self.width, height / self.height)
        columns, rows = round(self.width * scale), round(self.height * scale)
        left, top = (width - columns) // 2, (height - rows) // 2
        return np.ascontiguousarray(picture[top : top + rows, left : left + columns])


def _mixed(below: I420, above: I420, share: NDArray[np.uint8]) -> I420:
    """share: 0 shows what is below, 255 what is above."""
    out = above.astype(np.int16) - below
    out *= (share + (share >> 7).astype(np.int16)) >> 1  # 0 to 128: products stay within 16 bits
    out >>= 7
    out += below
    return out.astype(np.uint8)


def check_size(width: int, height: int) -> None:
    """Raises ValueError for a size that virtual cameras do not take."""
    for length in (width, height):
        if length % 2 or not SMALLEST <= length <= LARGEST:
            raise ValueError(
                f"the size is {width}x{height}, expected even numbers from {SMALLEST} to "
                f"{LARGEST}: cameras share colour between pairs of pixels"
            )


def read_picture(path: Path) -> Rgb:
    """Any picture file, uint8 [H, W, 3]. Raises MediaError."""
    try:
        with opened(path) as part, open_container(part) as container:
            if not container.streams.video:
                raise MediaError(f"{path} has no picture in it")
            frame = next(container.decode(video=0))
            return _bytes(frame.reformat(format="rgb24"))
    except (OSError, av.FFmpegError, StopIteration) as error:
        reason = getattr(error, "strerror", None) or "nothing in it"
        raise MediaError(f"{path} cannot be read as a picture: {reason}") from None


def _edges(face: Rgb) -> tuple[Layer, Layer]:
    """The outermost columns, left and right, float32 [R, 3]."""
    return (
        face[:, :EDGE].mean(axis=1, dtype=np.float32),
        face[:, -EDGE:].mean(axis=1, dtype=np.float32),
    )


def _backdrop_line(edge: Layer) -> Layer:
    """The backdrop along an edge: a line through its upper half, where no shoulder is."""
    rows = np.arange(len(edge), dtype=np.float32)
    upper = len(edge) // 2
    slope, start = np.polyfit(rows[:upper], edge[:upper], 1).astype(np.float32)
    line: Layer = start + slope * rows[:, None]
    return line


def extended(face: Rgb, margin: int) -> Rgb:
    """uint8 [R, R + 2 * margin, 3]; a negative margin cuts columns off."""
    if margin <= 0:
        return np.ascontiguousarray(face[:, -margin : len(face) + margin])
    size = len(face)
    rows, outward = np.arange(size)[:, None], np.arange(1, margin + 1)[None]
    source = np.clip(np.round(rows - SHOULDER_SLOPE * outward), 0, size - 1).astype(np.intp)
    wide = np.empty((size, size + 2 * margin, 3), np.uint8)
    wide[:, margin : margin + size] = face
    left, right = _edges(face)
    for edge, columns in ((left, slice(margin - 1, None, -1)), (right, slice(margin + size, None))):
        line = _backdrop_line(edge)
        before = edge - line  # what stands before the backdrop
        side = line[:, None] + before[source]
        wide[:, columns] = np.clip(side, 0.0, 255.0)
    return wide


def person_matte(face: Rgb, wide: Rgb) -> NDArray[np.uint8]:
    """How much of each pixel of the extended picture is the person: uint8 [R, columns]."""
    left, right = (_backdrop_line(edge) for edge in _edges(face))
    backdrop = ((left + right) / 2.0).astype(np.int16)[:, None]
    off = np.abs(wide - backdrop)
    most = np.maximum(np.maximum(off[:, :, 0], off[:, :, 1]), off[:, :, 2]).astype(np.float32)
    most[:, 1:-1] = (most[:, :-2] + most[:, 1:-1] + most[:, 2:]) / 3.0  # no single pixels
    share = np.clip((most - KEY_FROM) * (255.0 / (KEY_TO - KEY_FROM)), 0.0, 255.0).astype(np.uint8)
    from_left = np.maximum.accumulate(share, axis=1)
    from_right = np.maximum.accumulate(share[:, ::-1], axis=1)[:, ::-1]
    return np.minimum(from_left, from_right)


def _scaled(
    scaler: VideoReformatter,
    picture: NDArray[np.uint8],
    width: int,
    height: int,
    form: str,
    interpolation: str = "BICUBIC",
) -> NDArray[np.uint8]:
    source = "gray" if picture.ndim == 2 else "rgb24"
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=source)
    return _bytes(
        scaler.reformat(frame, width, height, form, interpolation=interpolation, threads=1)
    )


def _bytes(frame: av.VideoFrame) -> NDArray[np.uint8]:
    return frame.to_ndarray().astype(np.uint8, copy=False)
