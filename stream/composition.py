"""A square face in a picture of any shape, as cameras and encoders take it.

A face with alpha is put before a background. That is done in YUV, which is as linear as RGB: the
colours are multiplied by alpha already, so what is seen is colour + (1 - alpha) background in every
plane, counted from black or grey.
"""

from __future__ import annotations

from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import Picture, Rgb
from latentcam.stream.backdrop import SHOULDER_SLOPE, extended, person_matte
from latentcam.stream.backgrounds import Background, Backgrounds

SMALLEST, LARGEST = 64, 4096  # pixels a side
BLACK, GREY = 16, 128  # what Y is counted from, and U and V

I420 = NDArray[np.uint8]
"""A picture as cameras give it, uint8 [height * 3 // 2, width]: Y, then U and V in halves; BT.601,
limited range."""

Plane = NDArray[np.uint8]
Signed = NDArray[np.integer[Any]]
"""A plane counted from black, uint16, or from grey, int16."""

# Levels of alpha as those of Y.
_AS_LUMA = np.round(BLACK + np.arange(256) * 219 / 255).astype(np.uint8)


class Composer:
    """Puts faces into pictures of one size, even numbers. One thread at a time may call it."""

    def __init__(self, width: int, height: int, background: Background | None = None) -> None:
        self.width, self.height = width, height
        self.background = background or Backgrounds().first
        """What is behind the face, from the next call on; any thread may set it."""
        self._person, self._matte, self._small = (VideoReformatter() for _ in range(3))
        self._fitted: Background | None = None  # what the following was made of
        self._behind: I420 = np.empty((0, 0), np.uint8)
        self._below: list[Signed] = []  # its planes, counted from black and grey
        self._left = (width - height) // 4 * 2  # columns beside the face
        beside = max(0, width - height - self._left)
        self._whole, self._half = (_Blend(height // n, beside // n) for n in (1, 2))

    def __call__(self, face: Picture) -> I420:
        """From uint8 [R, R, 3 or 4]: as high as the picture, in its middle."""
        background = self.background
        if face.shape[2] == 4:
            self._fit(background)
            return self._before(face)
        return self._cut_out(face, background)

    def _before(self, face: Picture) -> I420:
        """A face with alpha."""
        side, left = self.height, self._left
        # Bilinear: a sharper filter overshoots at edges, where alpha cannot follow: a halo.
        scaled = self._person.reformat(
            av.VideoFrame.from_numpy_buffer(face, "rgba"), side, side, "yuva420p",
            interpolation="BILINEAR", threads=1,
        )  # fmt: skip
        *colours, alpha = _planes(scaled)
        out = self._behind.copy()
        self._whole.see_through(alpha)
        self._half.see_through(_halved(alpha))
        for index, (to, above) in enumerate(zip(planes(out), colours, strict=True)):
            blend = self._half if index else self._whole
            blend.over(to, above, self._below[index], left // 2 if index else left)
        return out

    def _cut_out(self, face: Rgb, background: Background) -> I420:
        """A face before a backdrop of its own."""
        size = len(face)
        margin = round((size * self.width / self.height - size) / 2)  # columns at each side
        wide = extended(face, margin)
        person = _scaled(self._person, wide, self.width, self.height, "yuv420p")
        if background.own:
            return person
        self._fit(background)
        matte = person_matte(face, wide)
        share = _scaled(self._matte, matte, self.width, self.height, "gray")
        half = _scaled(self._small, matte, self.width // 2, self.height // 2, "gray")
        both = np.concatenate([share.ravel(), half.ravel(), half.ravel()])
        return _mixed(self._behind, person, both.reshape(person.shape))

    def _fit(self, background: Background) -> None:
        """Cover the whole of our picture with one of any size."""
        if self._fitted is background:
            return
        picture = background.picture
        height, width = picture.shape[:2]
        scale = min(width / self.width, height / self.height)
        columns, rows = (max(1, round(n * scale)) for n in (self.width, self.height))
        left, top = (width - columns) // 2, (height - rows) // 2
        middle = picture[top : top + rows, left : left + columns]
        self._behind = _scaled(VideoReformatter(), middle, self.width, self.height, "yuv420p")
        y, u, v = planes(self._behind)
        self._below = [_counted(y, BLACK, np.uint16)]
        self._below += [_counted(plane, GREY, np.int16) for plane in (u, v)]
        self._fitted = background


class Stack:
    """A face with alpha as one picture without, twice as high: the colours, multiplied by alpha,
    above, alpha as grey below. One thread at a time may call it."""

    def __init__(self) -> None:
        self._scaler = VideoReformatter()

    def __call__(self, face: Picture) -> I420:
        """From uint8 [R, R, 4], R even: [3 R, R]."""
        side = len(face)
        *colours, alpha = _planes(
            self._scaler.reformat(
                av.VideoFrame.from_numpy_buffer(face, "rgba"), format="yuva420p", threads=1
            )
        )
        out = np.full((3 * side, side), GREY, np.uint8)
        for to, above in zip(planes(out), colours, strict=True):
            to[: len(above)] = above
        planes(out)[0][side:] = _AS_LUMA[alpha]
        return out


def check_size(width: int, height: int) -> None:
    """Raises ValueError for a size that virtual cameras do not take."""
    for length in (width, height):
        if length % 2 or not SMALLEST <= length <= LARGEST:
            raise ValueError(
                f"the size is {width}x{height}, expected even numbers from {SMALLEST} to "
                f"{LARGEST}: cameras share colour between pairs of pixels"
            )


def planes(picture: I420) -> tuple[Plane, Plane, Plane]:
    """Views of Y [H, W], and of U and V [H / 2, W / 2]."""
    height, width = len(picture) * 2 // 3, picture.shape[1]
    u, v = picture[height:].reshape(2, height // 2, width // 2)
    return picture[:height], u, v


def pixels(frame: av.VideoFrame) -> Picture:
    """A view of a frame in rgba, which keeps it alive: uint8 [H, W, 4]."""
    rows = np.frombuffer(memoryview(frame.planes[0]), np.uint8).reshape(frame.height, -1)
    return rows[:, : 4 * frame.width].reshape(frame.height, frame.width, 4)


def _planes(frame: av.VideoFrame) -> list[Plane]:
    """Views, which keep the frame alive."""
    return [
        np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, -1)[:, : plane.width]
        for plane in frame.planes
    ]


def _halved(plane: Plane) -> Plane:
    """The means of 2x2 pixels."""
    pairs = plane.view(np.uint16)
    sums = (pairs & 255) + (pairs >> 8)
    return ((sums[::2] + sums[1::2] + 2) >> 2).astype(np.uint8)


class _Blend:
    """Puts one plane of a square face over one of the picture. Keeps its memory: to get fresh pages
    from the system for every picture takes longer than the sums."""

    def __init__(self, side: int, beside: int) -> None:
        """beside: columns of the picture at a side of the face, at most."""
        self._share = np.empty((side, side), np.uint16)  # 255 where nothing is
        self._product = np.empty((side, side), np.uint16)
        self._low = np.empty((side, side), np.uint8)
        # The row that a row continues, so many columns outward.
        down = np.round(SHOULDER_SLOPE * np.arange(1, beside + 1))
        self._slope = np.maximum(np.arange(side)[:, None] - down, 0).astype(np.intp)

    def see_through(self, alpha: Plane) -> None:
        """What the next planes are mixed by."""
        np.invert(alpha, out=self._low)
        np.copyto(self._share, self._low)

    def over(self, to: Plane, above: Plane, below: Signed, left: int) -> None:
        """to = above + (1 - alpha) below. below: as `_counted` gives it. left: the column of the
        picture where the face begins; if it is negative, the face's sides are cut off."""
        side = len(above)
        shown = np.s_[:, max(0, -left) : min(side, to.shape[1] - left)]
        here = np.s_[:, max(0, left) : min(to.shape[1], left + side)]
        product, low = self._product.view(below.dtype)[shown], self._low[shown]
        np.multiply(self._share.view(below.dtype)[shown], below[here], out=product)
        _add(to[here], above[shown], product, low)
        if left > 0:
            for column, beside in ((0, np.s_[:, left - 1 :: -1]), (-1, np.s_[:, left + side :])):
                self._continue(to[beside], above[:, column], self._share[:, column], below[beside])

    def _continue(self, to: Plane, above: Plane, share: NDArray[np.uint16], below: Signed) -> None:
        """Outward from an edge, whatever stands at it slopes down, as shoulders do.

        above, share: the face's column there.
        """
        top = int(np.argmax(share < 255))
        if share[top] == 255:
            return
        reach = min(to.shape[1], int((len(share) - top) / SHOULDER_SLOPE) + 1)
        rows = self._slope[top:, :reach]
        product = np.take(share, rows).view(below.dtype) * below[top:, :reach]
        low = np.empty(product.shape, np.uint8)
        _add(to[top:, :reach], np.take(above, rows), product, low)


def _counted(plane: Plane, zero: int, kind: type[np.uint16] | type[np.int16]) -> Signed:
    """A plane's levels from `zero`, those above it one more: so 255 times each over 256, the
    fraction cut off, is the level itself, and products of a share and a level fit into 16 bits."""
    levels = np.maximum(plane, zero) if kind is np.uint16 else plane
    counted = levels.astype(kind) - kind(zero)
    return counted + (counted > 0).astype(kind)


def _add(to: Plane, above: Plane, product: Signed, low: Plane) -> None:
    """to = above + product / 256; what is negative wraps, and the sum wraps back."""
    np.right_shift(product, 8, out=product)
    np.copyto(low, product, casting="unsafe")
    np.add(above, low, out=to)


def _mixed(below: I420, above: I420, share: Plane) -> I420:
    """share: 0 shows what is below, 255 what is above."""
    out = above.astype(np.int16) - below
    out *= (share + (share >> 7).astype(np.int16)) >> 1  # 0 to 128: products stay within 16 bits
    out >>= 7
    out += below
    return out.astype(np.uint8)


def _scaled(
    scaler: VideoReformatter, picture: NDArray[np.uint8], width: int, height: int, form: str
) -> NDArray[np.uint8]:
    source = "gray" if picture.ndim == 2 else "rgb24"
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=source)
    scaled = scaler.reformat(frame, width, height, form, interpolation="BICUBIC", threads=1)
    return scaled.to_ndarray().astype(np.uint8, copy=False)
