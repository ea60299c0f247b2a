"""What may be behind a face, by the names that people ask for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from latentcam.realtime_models.arrays import Rgb
from latentcam.realtime_models.lone_media import damage_told
from latentcam.stream.errors import MediaError
from latentcam.stream.media_input import open_container, opened

COLOUR = re.compile("#[0-9a-fA-F]{6}")
BLUR = "blur:"
BLURRED = 24  # pixels: as high as a blurred picture is before it is enlarged again
HIGHEST = 1080  # pixels: a larger picture is kept at this height
MOST_PICTURES = 64  # of a folder; each takes up to some 6 MB
LONGEST_NAME = 48  # letters, so that with "blur:" in front it is still a name in a message
PICTURES = {".avif", ".bmp", ".jpeg", ".jpg", ".png", ".webp"}  # endings


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """name: as it is asked for. picture: uint8 [H, W, 3] of any size, of which the middle is seen.
    own: a face that came with a backdrop keeps it."""

    name: str
    picture: Rgb
    own: bool = False


OWN = "own"


class Backgrounds:
    """Pictures by name, read once; "own", "room", any colour as #rrggbb, and blurred ones.

    first: what is behind a face until somebody asks for another: a name or a picture file, also
    with "blur:" before it; its picture can then be asked for, too. pictures: files, each under its
    name without the ending, or with it where that is taken. Raises MediaError, also for a name that
    cannot be used.
    """

    def __init__(self, first: str = OWN, pictures: Iterable[Path] = ()) -> None:
        self._pictures: dict[str, Rgb] = {}
        self._blurred: dict[str, Rgb] = {}  # made once: a caller may ask for one after another
        self._keep("room", room())
        self._own = Background(OWN, self._pictures["room"], own=True)
        files = {path.absolute(): self._add(path) for path in pictures}
        wanted = first.removeprefix(BLUR)
        if not self._is_known(wanted):
            path = Path(wanted)
            wanted = files.get(path.absolute()) or self._add(path)
        try:
            self.first = self.find(BLUR * first.startswith(BLUR) + wanted)
        except ValueError as error:
            raise MediaError(str(error)) from None

    @property
    def names(self) -> tuple[str, ...]:
        """What there is, besides colours and blurred pictures."""
        return (OWN, *self._pictures)

    def find(self, name: str) -> Background:
        """Raises ValueError for anything that is not there."""
        if name == OWN:
            return self._own
        if COLOUR.fullmatch(name):
            colour = np.frombuffer(bytes.fromhex(name[1:]), np.uint8)
            return Background(name, np.tile(colour, (16, 16, 1)))
        among = self._blurred if name.startswith(BLUR) else self._pictures
        picture = among.get(name.removeprefix(BLUR))
        if picture is None:
            raise ValueError(
                f"the background is {name[:80]!r}, expected #rrggbb, {', '.join(self.names)}, or "
                f"{BLUR} and the name of a picture"
            )
        return Background(name, picture)

    def _is_known(self, name: str) -> bool:
        # What begins like a colour is meant as one.
        return name.startswith("#") or name in self.names

    def _add(self, path: Path) -> str:
        """Under which name."""
        name = path.name if path.stem in self.names else path.stem
        if name in self.names or len(name) > LONGEST_NAME or name.startswith(("#", BLUR)):
            raise MediaError(
                f"the picture {path} cannot be asked for as {name[:80]!r}, expected a name of its "
                f"own of up to {LONGEST_NAME} letters"
            )
        self._keep(name, read_picture(path))
        return name

    def _keep(self, name: str, picture: Rgb) -> None:
        self._pictures[name], self._blurred[name] = picture, blurred(picture)


def pictures_in(folder: Path) -> list[Path]:
    """The picture files in a folder, by name. Raises MediaError."""
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES)
    except OSError as error:
        raise MediaError(f"the folder {folder} cannot be read: {error.strerror}") from None
    if not 1 <= len(found) <= MOST_PICTURES:
        raise MediaError(
            f"{folder} holds {len(found)} pictures, expected 1 to {MOST_PICTURES} that end in "
            f"{', '.join(sorted(PICTURES))}"
        )
    return found


def read_picture(path: Path) -> Rgb:
    """Any picture file, uint8 [H, W, 3], upright, at most HIGHEST high. Raises MediaError."""
    try:
        with opened(path) as part, open_container(part) as container:
            if not container.streams.video:
                raise MediaError(f"{path} has no picture in it")
            with damage_told():
                frame = next(container.decode(video=0))
    except (OSError, av.FFmpegError, StopIteration) as error:
        reason = getattr(error, "strerror", None) or "nothing in it"
        raise MediaError(f"{path} cannot be read as a picture: {reason}") from None
    turns = round(frame.rotation / 90) % 4  # to the left, of a photo: phones are held sideways
    high = frame.width if turns % 2 else frame.height
    picture = _as_high(frame, max(1, round(frame.height * min(1.0, HIGHEST / high))))
    return np.ascontiguousarray(np.rot90(picture, turns))


def blurred(picture: Rgb) -> Rgb:
    """The picture at a size that leaves no detail."""
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    return _as_high(frame, min(frame.height, BLURRED))


def _as_high(frame: av.VideoFrame, height: int) -> Rgb:
    width = max(1, round(frame.width * height / frame.height))
    picture = frame.reformat(width, height, "rgb24", interpolation="AREA").to_ndarray()
    return np.asarray(picture, np.uint8)


def room() -> Rgb:
    """A quiet room out of focus, as a wide lens sees it behind a person: a wall in a window's
    light, shelves at one side, a lamp at the other. uint8 [180, 320, 3]."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:180, :320].astype(np.float32)
    y, x = y / 180, x / 320
    light = 0.70 + 0.32 * np.exp(-(((x - 0.12) / 0.55) ** 2) - ((y - 0.30) / 0.70) ** 2)
    picture = light[..., None] * np.array([188, 184, 178], np.float32)
    floor = np.clip((y - 0.86) * 30, 0, 1)[..., None]
    picture += floor * (np.array([104, 88, 74], np.float32) * light[..., None] - picture)
    wood = np.array([98, 86, 74], np.float32)
    spines = np.array([[150, 96, 78], [88, 112, 122], [196, 184, 160], [110, 116, 92]])
    for top in (0.20, 0.42, 0.64):
        at = 0.70
        while at < 0.95:
            wide, high = rng.uniform(0.010, 0.024), rng.uniform(0.09, 0.15)
            book = (x > at) & (x < at + wide) & (y < top) & (y > top - high)
            picture[book] = rng.uniform(0.6, 1.0) * spines[rng.integers(4)]
            at += wide + (0.04 if rng.random() < 0.2 else 0.0)
        picture[(x > 0.68) & (x < 0.98) & (np.abs(y - top - 0.012) < 0.012)] = wood
    glow = np.exp(-(((x - 0.17) / 0.035) ** 2) - ((y - 0.52) / 0.055) ** 2)
    glow += 0.25 * np.exp(-(((x - 0.17) / 0.12) ** 2) - ((y - 0.52) / 0.20) ** 2)
    picture += glow[..., None] * np.array([88, 66, 34], np.float32)
    focus = np.exp(-np.square(np.arange(-12, 13) / 5.5)).astype(np.float32)
    for axis in (0, 1):
        picture = _blurred_along(picture, focus / focus.sum(), axis)
    return np.asarray(np.clip(np.round(picture), 0, 255), np.uint8)


def _blurred_along(
    picture: NDArray[np.float32], kernel: NDArray[np.float32], axis: int
) -> NDArray[np.float32]:
    """Edges continued."""
    half, count = len(kernel) // 2, picture.shape[axis]
    wide = np.pad(picture, [(half, half) if side == axis else (0, 0) for side in range(3)], "edge")
    total = np.zeros_like(picture)
    for begin, weight in enumerate(kernel):
        total += weight * np.take(wide, range(begin, begin + count), axis)
    return total
