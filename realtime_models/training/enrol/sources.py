"""Files that show a person, as upright pictures: videos frame by frame, or photos.

What the name of a file says is not trusted: a photo is what Pillow reads as one picture, and the
rest is left to FFmpeg.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from PIL import Image, ImageOps, UnidentifiedImageError

from latentcam.realtime_models.arrays import Rgb
from latentcam.realtime_models.lone_media import damage_told, open_alone
from latentcam.realtime_models.training.enrol.refusal import CannotEnrol

LARGEST_FILE = 2 * 2**30  # bytes
MOST_PIXELS = 120_000_000  # of a photo
LARGEST_SIDE = 2048  # pixels; a larger picture is made smaller, a face in it is large enough
MOST_PHOTOS = 20
MOST_SECONDS = 320.0  # of video; five minutes are asked for
MOST_FRAMES = 1800  # of all videos together; of longer ones every second frame, or third
FASTEST = 31.0  # frames a second; of a faster video every second one is read
SMALLEST_SIDE = 128  # pixels
DARK = 8.0  # mean level of a picture on which nothing is seen
HEIF = (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"heim", b"avif")


@dataclass(frozen=True, slots=True)
class Source:
    """One file. frames: how many it gives; 1 for a photo. stride: of a video, every which."""

    path: Path
    photo: bool
    frames: int
    stride: int = 1
    fps: float = 25.0


def open_sources(paths: Sequence[Path]) -> list[Source]:
    """What the files are: either photos or videos, all of one kind.

    Raises CannotEnrol with one sentence.
    """
    if not paths:
        raise CannotEnrol("no files are given, expected a video or up to 20 photos")
    sources = [_source(path) for path in paths]
    photos = [source for source in sources if source.photo]
    if photos and len(photos) < len(sources):
        videos = next(source for source in sources if not source.photo)
        raise CannotEnrol(
            f"{photos[0].path.name} is a photo and {videos.path.name} a video, expected files of "
            "one kind"
        )
    if len(photos) > MOST_PHOTOS:
        raise CannotEnrol(f"{len(photos)} photos are given, expected 1 to {MOST_PHOTOS}")
    if photos:
        return photos
    seconds = sum(source.frames / source.fps for source in sources)
    if seconds > MOST_SECONDS:
        raise CannotEnrol(f"the video lasts {seconds:.0f} s, expected 20 s to 5 minutes")
    strides = [max(1, round(source.fps / 25)) if source.fps > FASTEST else 1 for source in sources]
    total = sum(source.frames // stride for source, stride in zip(sources, strides, strict=True))
    more = -(-total // MOST_FRAMES)
    return [
        Source(source.path, False, source.frames, stride * more, source.fps)
        for source, stride in zip(sources, strides, strict=True)
    ]


def pictures(source: Source) -> Iterator[Rgb]:
    """The pictures of a source: uint8 [H, W, 3], upright, at most LARGEST_SIDE long.

    Raises CannotEnrol where the file breaks off before it gives any.
    """
    if source.photo:
        yield _photo(source.path)
        return
    given = 0
    try:
        with _opened(source.path) as container, damage_told():
            for index, frame in enumerate(container.decode(video=0)):
                if index % source.stride:
                    continue
                picture = frame.to_ndarray(format="rgb24")
                if turns := round(getattr(frame, "rotation", 0) / 90) % 4:
                    picture = np.rot90(picture, turns)  # counter-clockwise, as the file says
                yield _smaller(np.ascontiguousarray(picture))
                given += 1
    except (av.FFmpegError, OSError) as error:
        if not given:
            raise CannotEnrol(f"{source.path.name} cannot be read: {error}") from None
        # What was read before the damage is used, as players do.


def is_dark(picture: Rgb) -> bool:
    """Whether nothing can be seen on it."""
    return float(picture[::4, ::4].mean()) < DARK


def _source(path: Path) -> Source:
    try:
        if not path.is_file():
            raise CannotEnrol(f"{path} does not exist, expected a video or a photo")
        if (size := path.stat().st_size) > LARGEST_FILE:
            raise CannotEnrol(
                f"{path.name} has {size / 2**30:.1f} GiB, expected at most "
                f"{LARGEST_FILE // 2**30}: cut it, or save it smaller"
            )
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise CannotEnrol(f"{path} cannot be read: {error.strerror}") from None
    if head[4:8] == b"ftyp" and head[8:12] in HEIF and not _reads_heif():
        raise CannotEnrol(
            f"{path.name} is a HEIC picture, which needs `pip install pillow-heif`; or save it as "
            "JPEG"
        )
    try:
        with _quiet(), Image.open(path) as image:
            if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":  # 2 eyes, or a preview
                raise CannotEnrol(
                    f"{path.name} is an animated picture of {getattr(image, 'n_frames', 0)} "
                    "frames, expected a photo or a video"
                )
            width, height = image.size
        if width * height > MOST_PIXELS:
            raise CannotEnrol(
                f"{path.name} has {width}x{height} pixels, expected at most "
                f"{MOST_PIXELS // 10**6} million"
            )
        if min(width, height) < SMALLEST_SIDE:
            raise CannotEnrol(
                f"{path.name} has {width}x{height} pixels, expected at least {SMALLEST_SIDE} "
                "on each side"
            )
        return Source(path, True, 1)
    except CannotEnrol:
        raise
    except Image.DecompressionBombError:
        raise CannotEnrol(f"{path.name} has too many pixels to be a photo") from None
    except UnidentifiedImageError:
        return _video(path)
    except Exception as error:  # Pillow lets through whatever its parsers run into
        raise CannotEnrol(f"{path.name} is a damaged picture: {error}") from None


def _video(path: Path) -> Source:
    try:
        with _opened(path) as container:
            if not container.streams.video:
                raise CannotEnrol(f"{path.name} holds no pictures, expected a video or a photo")
            stream = container.streams.video[0]
            # PyAV's type does not say that there may be no decoder.
            if stream.codec_context is None:
                raise CannotEnrol(f"the pictures of {path.name} cannot be decoded: unknown format")
            fps = float(stream.average_rate or 25)
            # A browser's recording says neither how long it is nor how many frames it has.
            with damage_told():
                frames = sum(packet.size > 0 for packet in container.demux(stream))
    except (av.FFmpegError, OSError) as error:
        raise CannotEnrol(
            f"{path.name} is neither a photo nor a video that can be read: {error}"
        ) from None
    if min(stream.width, stream.height) < SMALLEST_SIDE:
        raise CannotEnrol(
            f"{path.name} has {stream.width}x{stream.height} pixels, expected at least "
            f"{SMALLEST_SIDE} on each side"
        )
    return Source(path, False, frames, fps=fps if 1 <= fps <= 480 else 25.0)


@contextmanager
def _opened(path: Path) -> Iterator[InputContainer]:
    """Exactly this file: a name with a colon is no protocol. Raises OSError or av.FFmpegError."""
    with path.open("rb") as file, open_alone(file) as container:
        yield container


def _photo(path: Path) -> Rgb:
    try:
        with _quiet(), Image.open(path) as image:
            image.draft("RGB", (LARGEST_SIDE, LARGEST_SIDE))  # a large JPEG is read small at once
            upright = ImageOps.exif_transpose(image)
            if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
                grey = Image.new("RGBA", upright.size, (128, 128, 128, 255))
                upright = Image.alpha_composite(grey, upright.convert("RGBA"))
            return _smaller(np.asarray(upright.convert("RGB")))
    except Exception as error:  # Pillow lets through whatever its parsers run into
        raise CannotEnrol(f"{path.name} is a damaged picture: {error}") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Pillow logs some of what it raises, too; the sentence is enough."""
    log = logging.getLogger("PIL")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)


def _smaller(picture: Rgb) -> Rgb:
    height, width = picture.shape[:2]
    if (long := max(height, width)) <= LARGEST_SIDE:
        return picture
    size = (round(width * LARGEST_SIDE / long), round(height * LARGEST_SIDE / long))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))


def _reads_heif() -> bool:
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return False
    register_heif_opener()
    return True
