"""Orders for a face of one's own: what is asked for, where it lies, what is told meanwhile.

Learning a face needs PyTorch and more, so it runs in a process of its own,
`python -m latentcam.realtime_models.training.enrol.job FOLDER`. FOLDER holds the order, job.json,
and whatever the work leaves there; the same command goes on where an interrupted one stopped. What
it tells comes as lines of JSON on its standard output. The command line and the server's page both
write orders and read these lines.
"""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import sys
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Annotated

import msgspec
from platformdirs import user_cache_path, user_data_path

from latentcam.realtime_models.avatar_pack import load_card
from latentcam.realtime_models.card import PACK_NAME, Card
from latentcam.realtime_models.decoders.cache import cache_folder
from latentcam.realtime_models.errors import AvatarPackError
from latentcam.realtime_models.pack_places import CARD, SHIPPED, remove_pack, user_packs

JOB = "latentcam.realtime_models.training.enrol.job"
JOB_FILE = "job.json"
LEARNED_VERSION = 2  # of what is learned about packs: another reads nothing of this one
RECORDING = "recording"
"""A folder in an order's folder: what the page recorded."""
PREVIEW = "preview.jpg"
NEEDED = {
    "torch": "torch",
    "mediapipe": "mediapipe",
    "cv2": "opencv-contrib-python",
    "PIL": "pillow",
    "sklearn": "scikit-learn",
    "scipy": "scipy",
}
"""Modules that the work needs -> the packages that hold them, of the extra `enrol`."""
MODELS = {
    "face_landmarker.task": "https://storage.googleapis.com/mediapipe-models/face_landmarker/"
    "face_landmarker/float16/1/face_landmarker.task",
    "selfie_segmenter.tflite": "https://storage.googleapis.com/mediapipe-models/image_segmenter/"
    "selfie_segmenter/float16/latest/selfie_segmenter.tflite",
}
"""Files of MediaPipe's models (Apache-2.0) that the work needs -> where Google has them."""

Words = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
Minutes = Annotated[float, msgspec.Meta(gt=0, le=600)]


class Consent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose face it is, and by what right it is used.

    own: the person shown makes the pack. agreed: how somebody else agreed; of one's own face, "".
    of_age: that the person is an adult, which no program can tell from a picture, is stated.
    purpose: what for.
    """

    whose: Words
    own: bool
    of_age: bool
    purpose: Words
    agreed: Annotated[str, msgspec.Meta(max_length=500)] = ""

    def __post_init__(self) -> None:
        if not self.whose.strip() or not self.purpose.strip():
            raise ValueError("consent says neither whose face it is nor what for, expected both")
        if not self.of_age:
            raise ValueError(
                "the person shown must be of age, and whoever makes the pack must say so: faces of "
                "children are not enrolled"
            )
        if not self.own and not self.agreed.strip():
            raise ValueError(
                f"it is not said how {self.whose.strip()} agreed, expected words such as "
                "“in writing, on 3 May”"
            )

    def words(self, day: date) -> str:
        """For the card, in plain English."""
        whose, purpose = self.whose.strip(), self.purpose.strip().rstrip(".")
        if self.own:
            said = f"{whose} made this pack of their own face on {day:%d %B %Y}"
        else:
            said = (
                f"whoever made this pack, on {day:%d %B %Y}, states that {whose} agreed: "
                f"{self.agreed.strip().rstrip('.')}"
            )
        return f"Shows {whose}, stated to be of age; {said}. Purpose: {purpose}."


class Enrolment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="enrol"):
    """A face from videos or photos. base: the pack to begin from. minutes: of training, None for
    what the device needs. tracker, segmenter, vgg: model files; vgg may be left out."""

    name: str
    files: tuple[str, ...]
    consent: Consent
    base: str
    tracker: str
    segmenter: str
    minutes: Minutes | None = None
    device: str = "auto"
    vgg: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        check_name(self.name)


class Restyling(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="stylise"):
    """The faces of a pack in the style of one picture. strength: 0 to 1. keep_colours: only the
    style's strokes and shapes are taken over."""

    name: str
    base: str
    picture: str
    tracker: str
    segmenter: str
    strength: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    keep_colours: bool = False
    minutes: Minutes | None = None
    device: str = "auto"
    vgg: str = ""

    def __post_init__(self) -> None:
        check_name(self.name)


Order = Enrolment | Restyling

# ---- what the process tells ----------------------------------------------------------------------


class Doing(msgspec.Struct, frozen=True, tag="doing"):
    """step: in a few words. share: of this step. left_s: seconds until the end, None while it is
    unknown. loss: what training makes smaller, 0 outside of it."""

    step: str
    share: float
    left_s: float | None = None
    loss: float = 0.0


class Covered(msgspec.Struct, frozen=True, tag="covered"):
    """What the files show; missing: what would make the face better."""

    pictures: int
    seconds: float
    face_pixels: int
    missing: tuple[str, ...]


class Done(msgspec.Struct, frozen=True, tag="done"):
    """folder: of the pack."""

    folder: str


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """One sentence that says why."""

    message: str


News = Doing | Covered | Done | Failed


def command(folder: Path) -> list[str]:
    """What carries out the order in the folder."""
    return [sys.executable, "-m", JOB, str(folder)]


def missing_packages() -> list[str]:
    """Of those that the work needs."""
    return [name for module, name in NEEDED.items() if importlib.util.find_spec(module) is None]


# ---- places --------------------------------------------------------------------------------------


def orders() -> Path:
    """The folder of the orders' folders; it need not exist. Nothing in it leaves this machine."""
    return user_data_path("latentcam", appauthor=False) / "enrol"


def models() -> Path:
    """Where model files are looked for unless they are named."""
    return user_data_path("latentcam", appauthor=False) / "models"


def learned() -> Path:
    """What is learned about packs once, for all faces: the cache."""
    return user_cache_path("latentcam", appauthor=False) / "enrol"


def learned_key(card: Card) -> str:
    """Names what is learned about a pack: files in `learned` have it in their names."""
    told = f"{card.files.generator.digest} {card.files.identities.digest} {LEARNED_VERSION}"
    return hashlib.sha256(told.encode()).hexdigest()[:24]


def find_model(name: str, given: Path | None = None) -> Path:
    """The path of a model file: as given, or where models are looked for.

    Raises AvatarPackError with the address that it can be had from.
    """
    path = given or models() / name
    if not path.is_file():
        raise AvatarPackError(
            f"{path} does not exist, expected MediaPipe's model {name}: download {MODELS[name]}"
        )
    return path


def place(order: Order) -> Path:
    """The folder of an order, with the order in it. What a different order of this name left there
    goes, but for the recording. Raises AvatarPackError if the pack exists."""
    if (SHIPPED / order.name / CARD).is_file():
        raise AvatarPackError(f"{order.name} is a pack that came with latentcam: choose another")
    if (user_packs() / order.name / CARD).is_file():
        raise AvatarPackError(
            f"there is a pack {order.name} already: choose another name, or say "
            f"`latentcam avatar forget {order.name}`"
        )
    folder = orders() / order.name
    text = msgspec.json.format(msgspec.json.encode(order))
    path = folder / JOB_FILE
    if path.is_file() and path.read_bytes() != text:
        for left in folder.iterdir():
            if left.is_file():
                left.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    part = path.with_suffix(".part")
    part.write_bytes(text)
    part.replace(path)
    return folder


def read_order(folder: Path) -> Order:
    """The order in a folder. Raises AvatarPackError."""
    path = folder / JOB_FILE
    try:
        order: Order = msgspec.json.decode(path.read_bytes(), type=Order)
        return order
    except OSError as error:
        raise AvatarPackError(f"{path} cannot be read: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise AvatarPackError(f"{path}: {error}") from None


def forget(name: str) -> list[Path]:
    """Delete a person's pack, recording, and all that was made of them or learned about the pack,
    and whatever decoders were compiled. Returns what was deleted.

    Raises AvatarPackError if there is nothing of this name.
    """
    check_name(name)
    gone = []
    folder = orders() / name
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder)
        gone.append(folder)
    if (user_packs() / name / CARD).is_file():
        with suppress(AvatarPackError):  # of a broken pack nothing was learned
            card = load_card(user_packs() / name)
            for path in learned().glob(f"*-{learned_key(card)}.*"):
                path.unlink()
                gone.append(path)
        gone.append(remove_pack(name))
    if not gone:
        raise AvatarPackError(f"there is neither a pack {name} in {user_packs()} nor an enrolment")
    # A compiled decoder holds the weights, under a name that does not say whose: all go.
    for kind in ("openvino", "tensorrt"):
        compiled = cache_folder(kind)
        for path in compiled.iterdir() if compiled else ():
            if path.is_file():
                path.unlink()
                gone.append(path)
    return gone


def check_name(name: str) -> None:
    """Raises AvatarPackError unless it can be a pack's."""
    if not PACK_NAME.fullmatch(name):
        raise AvatarPackError(
            f"name is {name[:80]!r}, expected at most 64 letters, digits, _ . @ or -, the first a "
            "letter or a digit"
        )
