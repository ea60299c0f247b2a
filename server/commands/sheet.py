"""A sheet of pictures as a JPEG or PNG file: what several actions of `avatar` write."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from latentcam.realtime_models.alpha import composite
from latentcam.realtime_models.arrays import Latent, Rgb
from latentcam.realtime_models.avatar import Avatar
from latentcam.server.errors import UsageError
from latentcam.stream.local.jpeg import as_jpeg
from latentcam.stream.marker import Marker
from latentcam.stream.whole_file import whole_file

BATCH = 8
WIDEST = 16384  # pixels, of a sheet: what encoders and viewers take


def check_name(out: Path) -> None:
    """Raises UsageError unless the file is to be a JPEG or a PNG."""
    if out.suffix.lower() not in (".jpg", ".jpeg", ".png"):
        raise UsageError(f"--out is {out.name}, expected a name in .jpg or .png")


def drawn(avatar: Avatar, latents: Sequence[Latent]) -> list[Rgb]:
    """Pictures before a plain background."""
    pictures = []
    for begin in range(0, len(latents), BATCH):
        batch = np.ascontiguousarray(np.stack(latents[begin : begin + BATCH]), np.float32)
        pictures += [composite(picture) for picture in avatar.decoder.decode(batch)]
    return pictures


def write_sheet(out: Path, rows: Sequence[Sequence[Rgb | None]]) -> None:
    """Rows of equally large pictures, each marked, as of no session; None is left white. Raises
    UsageError if it is too large."""
    side = next(p.shape[0] for row in rows for p in row if p is not None)
    high, wide = len(rows) * side, max(map(len, rows)) * side
    if max(high, wide) > WIDEST:
        raise UsageError(f"the sheet has {wide}x{high} pixels, expected at most {WIDEST} a side")
    marker = Marker(0)
    sheet = np.full((high, wide, 3), 255, np.uint8)
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            if picture is not None:
                cell = np.s_[y * side : (y + 1) * side, x * side : (x + 1) * side]
                sheet[cell] = marker.colours(picture)
    frame = av.VideoFrame.from_ndarray(sheet, format="rgb24")
    content = as_png(frame) if out.suffix.lower() == ".png" else as_jpeg(frame)
    with whole_file(out) as partial:
        partial.write_bytes(content)


def as_png(frame: av.VideoFrame) -> bytes:
    encoder = av.CodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "rgb24"
    encoder.time_base = Fraction(1, 25)  # any; a file of one picture has no time
    frame.pts = 0
    return b"".join(bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None)))
