"""A person's pictures, brought to the pack's frame, without background, with their axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from latentcam.realtime_models.alpha import composite
from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.axes import Axis
from latentcam.realtime_models.face_tracker import TrackedFace
from latentcam.realtime_models.training.enrol import framing, matting
from latentcam.realtime_models.training.enrol.matting import Segment
from latentcam.realtime_models.training.enrol.network import Teacher
from latentcam.realtime_models.training.enrol.pack_tracking import (
    RIGID,
    PackTracking,
    Track,
    head_axes,
)
from latentcam.realtime_models.training.enrol.refusal import CannotEnrol
from latentcam.realtime_models.training.enrol.sources import Source, is_dark, pictures
from latentcam.realtime_models.training.generator.data import reach
from latentcam.realtime_models.training.generator.losses import levels
from latentcam.realtime_models.training.whole import whole

Array = NDArray[np.float64]
Told = Callable[[float], None]
"""Called with how much of a step is done, 0 to 1."""

AT_REST = {
    "headYaw": 3.0, "headPitch": 3.0, "headRoll": 3.0, "eyeBlink": 3.0,
    "jawOpen": 4.0, "mouthUpperUp": 4.0, "mouthLowerDown": 4.0,
}  # fmt: skip
"""How much an axis counts in how far a face is from rest; others count 1."""
PARTED = 40.0  # how much an aperture of the lips does
CONTINUED = 64  # of `Person.known`: shoulders and cloth beyond the edges of a film
KNOWN_SHARE = 4  # `Person.known` has a quarter of the pictures' side
LEAST_SECONDS = 15.0  # of video with a face
SMALLEST_FACE = 72.0  # pixels of the source
OTHER_FACE = 0.35  # of the first one's height; smaller ones are pictures on the wall
OFTEN = 0.05  # of the frames may show a second face by mistake
FROM_THE_SIDE = 40.0  # degrees
CALM_MOUTH, OPEN_EYES = 25, 35  # percentiles that make a resting frame
FULL_BLINK = (0.45, 1.0)  # what a closed eye may read as; it is stretched to 1
LIGHT_SMOOTH = 25.0  # frames, standard deviation: faster than any camera adapts
LIGHT_RANGE = (0.75, 1.33)  # of what is taken for a camera's doing
DIM = 55.0  # mean level of a face that is badly lit
BLURRED = 12.0  # variance of the Laplacian in the face


class Coverage(msgspec.Struct, frozen=True):
    """What a video or photos show of a person. missing: sentences that say what would help.
    seconds: 0 for photos. face_pixels: height of the face in the source."""

    pictures: int
    seconds: float
    face_pixels: int
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Person:
    """images uint8 [n, C, S, S] as the pack's generator draws them (colours multiplied by alpha if
    it has any); known uint8 [n, 1, S/4, S/4], 255 where a picture shows something, CONTINUED where
    its edge went on; x float32 [n, k] over its reach; shots int64 [n], a number for each take;
    consecutive frames of one take are consecutive in time. aperture: float32 [n], of the lips, in
    heights of the face; None of pictures that were not tracked.
    """

    images: Tensor
    known: Tensor
    x: Tensor
    shots: Tensor
    aperture: Tensor | None = None

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, index: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
        """(pictures [n, C, size, size] in [-1, 1], known [n, 1, size, size] in [0, 1], x)."""
        images = self.images[index].float()
        if size != images.shape[-1]:
            images = F.interpolate(images, size=(size, size), mode="area")
        known = F.interpolate(self.known[index].float() / 255, size=(size, size), mode="bilinear")
        return images / 127.5 - 1, known, self.x[index]

    def select(self, index: Tensor) -> Person:
        aperture = None if self.aperture is None else self.aperture[index]
        return Person(
            self.images[index], self.known[index], self.x[index], self.shots[index], aperture
        )

    def save(self, path: Path) -> None:
        """Whole or not at all."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        there = {name: field.numpy() for name, field in fields.items() if field is not None}
        with whole(path) as part:
            np.savez(part, **there)

    @classmethod
    def load(cls, path: Path) -> Person:
        with np.load(path) as kept:
            return cls(**{name: torch.from_numpy(kept[name]) for name in kept.files})


@dataclass(slots=True)
class _Seen:
    """What the first pass over the files leaves."""

    features: list[Array]
    points: list[Array]
    faces: list[TrackedFace]
    source: list[int]
    index: list[int]


def prepare(
    sources: Sequence[Source],
    pack: AvatarPack,
    tracking: PackTracking,
    track: Track,
    segment: Segment,
    told: Told = lambda share: None,
    least_seconds: float = LEAST_SECONDS,
    resting_photo: bool = True,
) -> tuple[Person, Coverage]:
    """Track, place, cut out, read the axes. Raises CannotEnrol with one sentence.

    least_seconds: for which a video has to show a face. resting_photo: one of the photos is how the
    person rests, see `calmest`; else their axes are read as they are.
    """
    seen = _track(sources, tracking, track, lambda share: told(0.6 * share))
    photos = sources[0].photo
    source = np.array(seen.source)
    seconds = 0.0 if photos else _seconds(sources, source)
    if not photos and seconds < least_seconds:
        raise CannotEnrol(
            f"a face is seen for {seconds:.1f} s, expected at least {least_seconds:.0f}, "
            "better a minute; of less, give single pictures as photos"
        )
    points = np.array(seen.points)
    shots = (
        np.arange(len(source))
        if photos
        else framing.shots_of(points[:, list(RIGID)], source).astype(np.int64)
    )
    if (height := framing.face_pixels(points)) < SMALLEST_FACE:
        raise CannotEnrol(
            f"the face is {height:.0f} pixels high, expected at least {SMALLEST_FACE:.0f}: come "
            "nearer to the camera, or give a larger picture"
        )
    features = np.array(seen.features)
    rest = None if photos else resting(seen.faces, features)
    askew = _askew(seen.faces, source, photos)
    names = [axis.name for axis in pack.card.axes]
    x = tracking.axes(features, rest)
    head = head_axes(names)
    if photos:
        x[:, head[2]] = 0  # they are turned upright
        if resting_photo:
            apart = np.array([face.aperture for face in seen.faces])
            x = np.clip(x - x[calmest(x, apart, names)], -1, 1).astype(np.float32)
    else:
        x = framing.smooth(x, shots, framing.AXES_SMOOTH).astype(np.float32)
        if "eyeBlink" in names:
            eye = names.index("eyeBlink")
            x[:, eye] = np.clip(x[:, eye] * _blink_factor(x[:, eye]), -1, 1)
    wanted = tracking.places(x[:, head].astype(np.float64))
    places = framing.placements(points[:, list(RIGID)], wanted, shots, askew)
    images, known = _cut_out(
        sources, seen, places, pack, segment, lambda share: told(0.6 + 0.4 * share)
    )
    person = Person(
        torch.from_numpy(images),
        torch.from_numpy(known),
        torch.from_numpy(x.astype(np.float32)),
        torch.from_numpy(shots),
        torch.tensor([face.aperture for face in seen.faces], dtype=torch.float32),
    )
    if not photos:
        even_light(person, tracking)
    missing = _missing(person, pack.card.axes, tracking, photos)
    return person, Coverage(len(person), round(seconds, 1), round(height), missing)


def calmest(x: NDArray[np.float32], aperture: Array, names: Sequence[str]) -> int:
    """The number of the photo that is nearest to rest. Nobody's rest is known from photos: what the
    axes say of the calmest one is taken for the face's own shape, as it is the texture at rest.
    x: [n, k] over its reach. aperture: [n], of the lips, in heights of the face."""
    weight = np.array([AT_REST.get(name, 1.0) for name in names])
    return int(((np.abs(x) * weight).sum(axis=1) + PARTED * aperture).argmin())


def even_light(person: Person, tracking: PackTracking) -> None:
    """Take out, in place, what a camera does to colours from one take to the next, and slowly
    within one: the mean colour of the face becomes what it is usually."""
    face = _face_box(person, tracking).float().mean(dim=(2, 3)).numpy().astype(np.float64)
    slow = framing.smooth(np.log(np.maximum(face, 1.0)), person.shots.numpy(), LIGHT_SMOOTH)
    gains = np.clip(np.exp(np.median(slow, axis=0) - slow), *LIGHT_RANGE)
    for image, gain in zip(person.images, torch.from_numpy(gains).float(), strict=True):
        colours = image[:3].float() * gain[:, None, None]
        most = image[3:].float() if len(image) == 4 else torch.tensor(255.0)
        image[:3] = torch.minimum(colours, most).round().byte()


def resting(faces: Sequence[TrackedFace], features: Array) -> Array:
    """Features of the face at rest: the median of frames with a calm mouth and open eyes."""
    aperture = np.array([face.aperture for face in faces])
    eyes = np.array([face.eye_opening for face in faces])
    calm = aperture <= np.percentile(aperture, CALM_MOUTH)
    awake = eyes >= np.percentile(eyes, OPEN_EYES)
    chosen = calm & awake if (calm & awake).sum() >= 3 else calm
    rest: Array = np.median(features[chosen], axis=0)
    return rest


def _track(sources: Sequence[Source], tracking: PackTracking, track: Track, told: Told) -> _Seen:
    seen = _Seen([], [], [], [], [])
    total = sum(-(-source.frames // source.stride) for source in sources)
    looked = dark = crowded = aside = 0
    for number, source in enumerate(sources):
        before, dark_before, aside_before = len(seen.faces), dark, aside
        for index, picture in enumerate(pictures(source)):
            looked += 1
            told(min(1.0, looked / max(1, total)))
            if is_dark(picture):
                dark += 1
                continue
            faces = track(picture)
            if not faces:
                continue
            face = max(faces, key=lambda one: one.height)
            others = sum(one.height > OTHER_FACE * face.height for one in faces) - 1
            crowded += others > 0
            if others > 0 and source.photo:
                raise CannotEnrol(
                    f"{source.path.name} shows {others + 1} faces, expected one person alone"
                )
            if abs(face.angles[0]) > FROM_THE_SIDE:
                aside += 1
                continue
            seen.features.append(tracking.features(face))
            seen.points.append(face.points[:, :2])
            seen.faces.append(face)
            seen.source.append(number)
            seen.index.append(index)
        if len(seen.faces) == before and (source.photo or len(sources) == 1):
            raise CannotEnrol(_nothing(source, dark > dark_before, aside > aside_before))
    if crowded > OFTEN * max(1, looked):
        raise CannotEnrol(
            f"two faces are seen in {crowded} of {looked} frames, expected one person alone"
        )
    if not seen.faces:
        raise CannotEnrol("no face is found in any of the files")
    return seen


def _nothing(source: Source, dark: bool, aside: bool) -> str:
    if aside:
        return f"{source.path.name} shows a face from the side only, expected it from the front"
    if dark:
        return f"{source.path.name} is black, expected a picture of a face"
    return f"no face is found in {source.path.name}"


def _seconds(sources: Sequence[Source], source: NDArray[np.int64]) -> float:
    return float(sum(sources[number].stride / sources[number].fps for number in source))


def _askew(faces: Sequence[TrackedFace], source: NDArray[np.int64], photos: bool) -> Array:
    """Degrees by which each picture is turned back: a photo wholly, a video by its usual roll."""
    roll = np.array([face.angles[2] for face in faces])
    if photos:
        return roll
    usual = np.zeros_like(roll)
    for number in np.unique(source):
        usual[source == number] = np.median(roll[source == number])
    return usual


def _blink_factor(blinks: NDArray[np.float32]) -> float:
    """What brings this person's closed eyes to 1, if they were ever closed. blinks: [n]."""
    if len(blinks) < 100:
        return 1.0
    closed = float(np.percentile(blinks, 99.7))
    low, high = FULL_BLINK
    return 1 / closed if low < closed < high else 1.0


def _cut_out(
    sources: Sequence[Source],
    seen: _Seen,
    places: list[framing.Placement],
    pack: AvatarPack,
    segment: Segment,
    told: Told,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The second pass: pictures [n, C, S, S] and what is known of them [n, 1, S/4, S/4]."""
    side, channels = pack.card.generator.resolution, pack.card.generator.channels
    images = np.empty((len(places), channels, side, side), np.uint8)
    small = max(1, side // KNOWN_SHARE)
    known = np.empty((len(places), 1, small, small), np.uint8)
    wall = wall_of(pack) if channels == 3 else np.zeros(3, np.uint8)
    wanted = {(s, i): n for n, (s, i) in enumerate(zip(seen.source, seen.index, strict=True))}
    done = 0
    for number, source in enumerate(sources):
        for index, picture in enumerate(pictures(source)):
            if (at := wanted.get((number, index))) is None:
                continue
            brought = places[at].bring(picture, side)
            inside = places[at].known(picture.shape, side)
            above = places[at].above(side)
            shown_share = np.where(above, inside / 255.0, 1.0)
            inside = np.where(above, inside, np.maximum(inside, CONTINUED)).astype(np.uint8)
            alpha = matting.refine(segment(brought), brought) * shown_share
            cut = matting.premultiplied(brought, alpha.astype(np.float32))
            shown = cut if channels == 4 else composite(cut, wall)
            images[at] = shown.transpose(2, 0, 1)
            known[at, 0] = cv2.resize(inside, (small, small), interpolation=cv2.INTER_AREA)
            done += 1
            told(done / len(places))
    return images, known


def wall_of(pack: AvatarPack) -> NDArray[np.uint8]:
    """What the faces of a pack without alpha are seen before: uint8 [S, S, 3], a smooth picture
    through the colours of the upper corners and sides."""
    teacher = Teacher(pack)
    drawn = levels(teacher.pictures(teacher.anchors[:8]))
    middle = np.median(drawn, axis=0).astype(np.float32)
    side = len(middle)
    edge = max(1, side // 16)
    left, right = (part.mean(axis=1) for part in (middle[:, :edge], middle[:, -edge:]))
    # Shoulders reach the sides in the lower part: there the wall goes on as above.
    for border in (left, right):
        border[side // 2 :] = border[side // 2 - edge : side // 2].mean(axis=0)
    along = np.linspace(0, 1, side, dtype=np.float32)[None, :, None]
    wall = left[:, None] * (1 - along) + right[:, None] * along
    return np.asarray(np.round(wall), np.uint8)


def _missing(
    person: Person, axes: Sequence[Axis], tracking: PackTracking, photos: bool
) -> tuple[str, ...]:
    """What would help, in the order of how much."""
    missing = []
    box = _face_box(person, tracking)
    face = box.float()
    if float(face.mean()) < DIM:
        missing.append("more light on your face")
    sharp = [
        framing.laplacian_variance(np.ascontiguousarray(one.permute(1, 2, 0).numpy()))
        for one in box[:: max(1, len(box) // 32)]
    ]
    if float(np.median(sharp)) < BLURRED:
        missing.append("a sharper picture: clean the lens, hold still")
    if photos:
        return tuple(missing)
    index = {axis.name: i for i, axis in enumerate(axes)}
    scale = reach(tuple(axes)).numpy()

    def reached(name: str) -> tuple[float, float]:
        if name not in index or tracking.explained[index[name]] <= 0:
            return -np.inf, np.inf
        values = person.x[:, index[name]].numpy() * scale[index[name]]
        return float(np.percentile(values, 1)), float(np.percentile(values, 99))

    for name, low, high, below, above in (
        ("headYaw", -10.0, 10.0, "your head turned to your right", "your head turned to your left"),
        ("headPitch", -6.0, 6.0, "your head lowered a little", "your head raised a little"),
        ("jawOpen", -np.inf, 0.45, "", "your mouth wide open, as for “ah”"),
        ("eyeBlink", -np.inf, 0.7, "", "your eyes closed for a moment"),
        ("mouthSmile", -np.inf, 0.4, "", "a smile"),
        ("mouthPucker", -np.inf, 0.3, "", "rounded lips, as for “oo”"),
        ("browInnerUp", -np.inf, 0.3, "", "raised eyebrows"),
    ):
        least, most = reached(name)
        if least > low and below:
            missing.append(below)
        if most < high and above:
            missing.append(above)
    return tuple(missing)


def _face_box(person: Person, tracking: PackTracking) -> Tensor:
    """Its face, RGB, in every picture."""
    side = person.images.shape[-1]
    centre = (tracking.mouth + tracking.eyes) / 2 * side
    half = max(4.0, tracking.height * side / 3)
    x, y = (int(np.clip(value - half, 0, side - 2)) for value in centre)
    size = int(2 * half)
    return person.images[:, :3, y : y + size, x : x + size]
