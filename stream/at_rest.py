"""A face while nobody talks to it: its portrait, and a short film of it that goes round."""

from __future__ import annotations

import io
from collections.abc import Iterable
from fractions import Fraction

import av
import numpy as np
from av.video.stream import VideoStream

from latentcam.realtime_models.arrays import SAMPLE_RATE, Control, Picture
from latentcam.realtime_models.motion.performance import Performer, Settings
from latentcam.stream.backgrounds import Background
from latentcam.stream.composition import Composer
from latentcam.stream.local.jpeg import as_jpeg
from latentcam.stream.marker import Marker
from latentcam.stream.video_file import SYNTHETIC

FPS = 12  # of the film: what moves at rest is slow
SECONDS = 7.0  # of the film: three blinks
BLEND = 1.0  # seconds before the beginning, in which life comes up; the end leads back to them
SEED = 15  # whose first moment is near the portrait, and whose seam no blink crosses


def portrait(picture: Picture, background: Background) -> bytes:
    """A JPEG of one picture, before a background if it has alpha."""
    return as_jpeg(_Shown(background)(picture))


class _Shown:
    """Pictures as frames, before a background if they have alpha; marked, as of no session."""

    def __init__(self, background: Background) -> None:
        self._background = background
        self._composer: Composer | None = None
        self._marker = Marker(0)

    def __call__(self, picture: Picture) -> av.VideoFrame:
        if picture.shape[2] == 3:
            return av.VideoFrame.from_ndarray(self._marker.colours(picture), format="rgb24")
        if self._composer is None:
            self._composer = Composer(len(picture), len(picture), self._background)
        return av.VideoFrame.from_ndarray(
            self._marker.camera(self._composer(picture)), format="yuv420p"
        )


def resting(performer: Performer) -> list[Control]:
    """x_t of a face that hears silence, FPS times a second, as a loop.

    The end is blended into what came before the beginning, as motion and not as pictures: nothing
    jumps, and nothing is seen twice over.
    """
    silence, settings = np.zeros(SAMPLE_RATE // FPS, np.float32), Settings()
    state = performer.initial_state(SEED)
    moves = []
    blend, length = round(BLEND * FPS), round(SECONDS * FPS)
    for _ in range(blend + length):
        x, state = performer.perform(silence, state, settings)
        moves.append(x)
    before, loop = moves[:blend], moves[blend:]
    for i, x in enumerate(before):
        share = np.float32((i + 1) / (blend + 1))
        loop[i - blend] = (1 - share) * loop[i - blend] + share * x
    return loop


def film(pictures: Iterable[Picture], background: Background) -> bytes:
    """A WebM of pictures of one size, FPS a second, which says that it is synthetic. background: of
    those with alpha."""
    out, shown = io.BytesIO(), _Shown(background)
    with av.open(out, "w", format="webm") as container:
        container.metadata["comment"] = SYNTHETIC
        stream: VideoStream = container.add_stream("libvpx", rate=FPS)
        for tick, picture in enumerate(pictures):
            if tick == 0:
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt, stream.time_base = "yuv420p", Fraction(1, FPS)
                stream.bit_rate = 12 * stream.width * stream.height  # at most; crf decides
                stream.options = {"crf": "12", "deadline": "good", "cpu-used": "4"}
            frame = shown(picture).reformat(format="yuv420p", threads=1)
            frame.pts = tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()
