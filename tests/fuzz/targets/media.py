"""Files with sound or pictures: to be spoken, to be shown behind a face, searched for the mark, or
to learn a face from."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from hypothesis import strategies as st
from PIL import Image

from latentcam.realtime_models.mark_search import LINES, search
from latentcam.realtime_models.training.enrol.refusal import CannotEnrol
from latentcam.realtime_models.training.enrol.sources import LARGEST_SIDE, open_sources, pictures
from latentcam.server import credentials
from latentcam.stream.backgrounds import HIGHEST, read_picture
from latentcam.stream.errors import MediaError
from latentcam.stream.local.sent_sound import LONGEST, read_sound
from latentcam.stream.local.sound_devices import VOICE_RATE
from latentcam.stream.marked_file import CERTAIN, means_of
from tests.fuzz.damage import damaged
from tests.fuzz.target import Fault, Take, Target
from tests.voice import speech

SOUNDS = (
    ("wav", "pcm_s16le", 16000), ("wav", "pcm_f32le", 48000), ("flac", "flac", 44100),
    ("ogg", "libopus", 48000), ("mp3", "libmp3lame", 44100), ("mp4", "aac", 44100),
    ("adts", "aac", 48000), ("webm", "libopus", 48000), ("aiff", "pcm_s16be", 22050),
    ("mpegts", "aac", 48000), ("ac3", "ac3", 48000),
)  # fmt: skip
FILMS = (
    ("mp4", "libx264", "yuv420p"), ("webm", "libvpx", "yuv420p"), ("matroska", "ffv1", "yuv420p"),
    ("gif", "gif", "rgb8"), ("avi", "mjpeg", "yuvj420p"),
)  # fmt: skip
PHOTOS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")


def sound(form: str, codec: str, rate: int) -> bytes:
    """A quarter of a second of voice as a file."""
    file, wave = io.BytesIO(), speech(0.25, rate)
    with av.open(file, "w", format=form) as container:
        stream = container.add_stream(codec, rate=rate)
        assert isinstance(stream, AudioStream)
        stream.layout = "mono"
        kinds = stream.codec_context.codec.audio_formats
        assert kinds is not None
        frame = av.AudioFrame.from_ndarray(wave[None], format="flt", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        for one in av.AudioResampler(kinds[0], "mono", rate).resample(frame):
            container.mux(stream.encode(one))
        container.mux(stream.encode(None))
    return file.getvalue()


def film(form: str, codec: str, pixels: str) -> bytes:
    """Six pictures as a file."""
    file = io.BytesIO()
    with av.open(file, "w", format=form) as container:
        stream = container.add_stream(codec, rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 160, 144, pixels
        for tick in range(6):
            picture = av.VideoFrame.from_ndarray(noise(144, 160, tick), format="rgb24")
            picture.pts, picture.time_base = tick, Fraction(1, 25)
            container.mux(stream.encode(picture.reformat(format=pixels)))
        container.mux(stream.encode(None))
    return file.getvalue()


def photo(form: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(noise(144, 130, 7)).save(file, form)
    return file.getvalue()


def noise(
    height: int, width: int, seed: int
) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    """uint8 [height, width, 3], of blocks, as files of plain noise would be large."""
    coarse = np.random.default_rng(seed).integers(0, 255, (height // 8, width // 8 + 1, 3))
    return coarse.repeat(8, 0).repeat(8, 1)[:height, :width].astype(np.uint8)


@cache
def sounds() -> list[bytes]:
    return [sound(*kind) for kind in SOUNDS]


@cache
def films() -> list[bytes]:
    return [film(*kind) for kind in FILMS]


@cache
def photos() -> list[bytes]:
    return [photo(form) for form in PHOTOS]


@contextmanager
def opened_sounds(folder: Path) -> Iterator[Take]:
    """As the camera's page sends them."""

    def take(case: bytes) -> str:
        samples = read_sound(case)
        # What was cut at full scale swings beyond it when it gets another rate.
        if len(samples) > LONGEST * VOICE_RATE or not (np.abs(samples) < 2.0).all():
            raise Fault(f"{len(samples)} samples reach {np.abs(samples).max()}")
        return f"{len(samples) > 0} sound"

    yield take


@contextmanager
def opened_pictures(folder: Path) -> Iterator[Take]:
    """As somebody puts them behind a face."""

    def take(case: bytes) -> str:
        (folder / "picture").write_bytes(case)
        picture = read_picture(folder / "picture")
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[0] > HIGHEST:
            raise Fault(f"the picture is {picture.dtype} {picture.shape}")
        return "a picture"

    yield take


@contextmanager
def opened_films(folder: Path) -> Iterator[Take]:
    """As `latentcam verify` reads them, but for the search itself."""

    def take(case: bytes) -> str:
        path = folder / "film"
        path.write_bytes(case)
        signed = credentials.read(path) is not None
        for mean, _ in means_of(path):
            if mean.shape[0] > LINES or not np.isfinite(mean).all():
                raise Fault(f"the mean is {mean.dtype} {mean.shape}")
        return f"pictures, {signed} signed"

    yield take


@contextmanager
def opened_photos(folder: Path) -> Iterator[Take]:
    """As somebody's face is learned from them."""

    def take(case: bytes) -> str:
        path = folder / "photo"
        path.write_bytes(case)
        count = 0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, of damaged EXIF and large pictures
            for source in open_sources([path]):
                for picture in pictures(source):
                    count += 1
                    if picture.dtype != np.uint8 or max(picture.shape[:2]) > LARGEST_SIDE:
                        raise Fault(f"a picture is {picture.dtype} {picture.shape}")
        return f"{min(count, 2)} pictures"

    yield take


@contextmanager
def opened_searches(folder: Path) -> Iterator[Take]:
    """Pictures without the mark, however odd. The first bytes say how large, the others what."""

    def take(case: bytes) -> str:
        size, what = (case + bytes(3))[:3], case[3:] or b"\0"
        height, width = 32 + size[0] % 100, 1 + size[1] * (1 + size[2] % 3)
        grey = np.frombuffer(what, np.uint8)
        if size[2] & 4:  # drawn from what is said, so that no two places are alike
            grey = np.random.default_rng(list(what)).integers(0, 256, height * width, np.uint8)
        luma = np.resize(grey, (height, width)).astype(np.float32)
        found = search(luma)
        chance = found.log10_chance(1)
        if not np.isfinite((found.z, found.size, chance)).all() or chance <= CERTAIN:
            raise Fault(f"{found} in a picture without the mark")
        return f"{chance < 0} suspicious"

    yield take


HEARD = Target("sounds", st.deferred(lambda: damaged(sounds())), opened_sounds, (MediaError,), 400)
SHOWN = Target(
    "pictures", st.deferred(lambda: damaged(photos())), opened_pictures, (MediaError,), 500
)
FILMED = Target(
    "films", st.deferred(lambda: damaged(films() + photos())), opened_films, (MediaError,), 200
)
LEARNED = Target(
    "photos", st.deferred(lambda: damaged(photos() + films())), opened_photos, (CannotEnrol,), 350
)
SEARCHED = Target("searches", st.binary(max_size=64), opened_searches, (), 4)
