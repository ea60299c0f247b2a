"""Carry out an order for a face: `python -m latentcam.realtime_models.training.enrol.job FOLDER`.

FOLDER holds job.json (`realtime_models.enrolment`). What happens is told on standard output, one
JSON object a line. Interrupted by SIGINT or SIGTERM, the work is kept; the same command goes on.
Exit status: 0 done, 2 refused with a sentence, 130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import FrameType

import msgspec
import torch

from latentcam.realtime_models.avatar_pack import AvatarPack, load_pack
from latentcam.realtime_models.enrolment import (
    JOB_FILE,
    RECORDING,
    Covered,
    Doing,
    Done,
    Enrolment,
    Failed,
    News,
    Order,
    Restyling,
    learned,
    read_order,
)
from latentcam.realtime_models.errors import LatentcamError, refused_by_system
from latentcam.realtime_models.face_tracker import FaceTracker
from latentcam.realtime_models.pack_places import find_pack, user_packs
from latentcam.realtime_models.training.enrol import pivot, stylise
from latentcam.realtime_models.training.enrol.encoder import encoder_of
from latentcam.realtime_models.training.enrol.inner_mouth import InnerMouths
from latentcam.realtime_models.training.enrol.lender import lender
from latentcam.realtime_models.training.enrol.made_pack import write_made
from latentcam.realtime_models.training.enrol.matting import Segment, Segmenter
from latentcam.realtime_models.training.enrol.network import Teacher, tensors_of
from latentcam.realtime_models.training.enrol.pack_tracking import (
    PackTracking,
    Track,
    pack_tracking,
)
from latentcam.realtime_models.training.enrol.person import Coverage, Person, prepare
from latentcam.realtime_models.training.enrol.refusal import CannotEnrol
from latentcam.realtime_models.training.enrol.sources import Source, open_sources
from latentcam.realtime_models.training.enrol.tune import (
    Progress,
    Tuner,
    region_weight,
    resting_picture,
    seen_open,
    stages,
)
from latentcam.realtime_models.training.generator.losses import before_grey
from latentcam.realtime_models.training.generator.train import channels_last, keep_freed_memory
from latentcam.realtime_models.training.perceptual import Vgg16
from latentcam.realtime_models.training.whole import whole

MINUTES = {  # device: of a video, of photos, of a style
    "cpu": (40.0, 9.0, 5.0),
    "cuda": (2.5, 1.2, 0.8),
}
PIVOT_SHARE = 0.05  # of the minutes of a video, for the latent alone
STYLE_POSES = 48
PIVOT_PICTURES = 24  # of a video that the latent is fitted to
PRIVATE = "Private: nobody but the person shown may allow its use."
TELL_EVERY = 0.5  # seconds

Tell = Callable[[News], None]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help=f"the order's folder, with {JOB_FILE}")
    args = parser.parse_args(argv)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    if hasattr(os, "nice"):
        os.nice(5)  # calls on this machine come first
    with only_news_on_stdout() as tell:
        try:
            keep_freed_memory()
            torch.manual_seed(0)
            order = read_order(args.folder)
            track = FaceTracker(Path(order.tracker), most=2).track_all
            segment = Segmenter(Path(order.segmenter)).segment
            carry_out(order, args.folder, tell, track, segment)
        except (LatentcamError, FileNotFoundError) as error:
            tell(Failed(str(error)))
            return 2
        except OSError as error:
            if refused_by_system(error) is None:
                raise
            tell(Failed(f"{error.filename or args.folder} cannot be used: {error.strerror}"))
            return 2
        except KeyboardInterrupt:
            return 130
    return 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Once: a second signal must not stop the keeping of what is done."""
    for kind in (signal.SIGINT, signal.SIGTERM):
        signal.signal(kind, signal.SIG_IGN)
    raise KeyboardInterrupt


@contextlib.contextmanager
def only_news_on_stdout() -> Iterator[Tell]:
    """MediaPipe's C++ prints as it likes: what is not ours goes to standard error."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(kept, "wb", buffering=0) as out:

        def tell(news: News) -> None:
            out.write(msgspec.json.encode(news) + b"\n")

        try:
            yield tell
        finally:
            sys.stdout.flush()
            os.dup2(kept, 1)


@dataclass(frozen=True, slots=True)
class Bench:
    """What all work on one order is done with. eyes: VGG16, if it is at hand."""

    base: AvatarPack
    lender: str
    teacher: Teacher
    tracking: PackTracking
    track: Track
    segment: Segment
    eyes: Vgg16 | None
    tell: Tell

    @property
    def device(self) -> str:
        return self.teacher.device

    def minutes(self, order: Order, what: int) -> float:
        """what: 0 a video, 1 photos, 2 a style."""
        return order.minutes or MINUTES[self.device][what]


def carry_out(order: Order, folder: Path, tell: Tell, track: Track, segment: Segment) -> None:
    """All of it. Raises LatentcamError with one sentence."""
    base = load_pack(order.base)
    device = order.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise CannotEnrol("there is no GPU that PyTorch can use, expected --device cpu")
    teacher = Teacher(base, device)
    channels_last(teacher.synthesis)
    try:
        eyes = Vgg16(Path(order.vgg)).to(device) if order.vgg else None
    except (FileNotFoundError, ValueError) as error:
        raise CannotEnrol(str(error)) from None
    tracking = pack_tracking(
        base, teacher, track, learned(), paced(tell, "learning how the base pack moves")
    )
    lender = find_pack(order.base).name
    bench = Bench(base, lender, teacher, tracking, track, segment, eyes, tell)
    if isinstance(order, Restyling):
        _restyle(order, bench)
    else:
        _enrol(order, folder, bench)
    for left in folder.iterdir():  # the recording stays until it is forgotten
        if left.is_file() and left.name != JOB_FILE:
            left.unlink()
    if not (folder / RECORDING).is_dir():
        (folder / JOB_FILE).unlink()
        folder.rmdir()
    tell(Done(str(user_packs() / order.name)))


def _enrol(order: Enrolment, folder: Path, bench: Bench) -> None:
    sources = open_sources([Path(file) for file in order.files])
    photos = sources[0].photo
    person, coverage = _person(sources, folder, bench)
    bench.tell(Covered(coverage.pictures, coverage.seconds, coverage.face_pixels, coverage.missing))
    seconds = 60 * bench.minutes(order, 1 if photos else 0)
    axes, mouths, lent = bench.base.card.axes, None, None
    unopened = not seen_open(person, axes)
    if photos or unopened:
        resting = resting_picture(person, axes)
        lent = lender(bench.teacher, bench.tracking, person, resting, bench.track)
        mouths = InnerMouths(bench.teacher, lent.anchor, bench.track) if unopened else None
    share = 0.0 if photos else PIVOT_SHARE
    anchor_file = folder / "anchor.pt"
    if photos:
        assert lent is not None
        anchor = lent.anchor
    elif anchor_file.is_file():
        anchor = torch.load(anchor_file, map_location=bench.device, weights_only=True)
    else:
        anchor = _pivot(person, bench, False, seconds * share)
        with whole(anchor_file) as part:
            torch.save(anchor, part)
    plan = stages(bench.base.card.generator.picture_sizes, seconds * (1 - share), photos)
    tuner = Tuner(
        bench.teacher, bench.tracking, person, anchor, plan,
        photos=photos, eyes=bench.eyes, mouths=mouths,
        gain=lent.gain if photos and lent else None,
    )  # fmt: skip
    channels_last(tuner.student.synthesis)
    if (checkpoint := folder / "checkpoint.pt").is_file():
        tuner.load(torch.load(checkpoint, map_location=bench.device, weights_only=True))

    def told(news: Progress) -> None:
        bench.tell(Doing(f"training: {news.stage}", news.share, news.eta, round(news.loss, 5)))

    tuner.run(folder, told)
    bench.tell(Doing("writing the pack", 1.0, 0.0))
    what = f"{coverage.seconds:.0f} s of video"
    if photos:
        what = "a photo" if len(person) == 1 else f"{len(person)} photos"
    card = bench.base.card
    write_made(
        user_packs() / order.name,
        bench.base,
        bench.lender,
        tensors_of(bench.base, tuner.ema),
        tuner.ema.anchor.detach()[None].float().cpu().numpy(),
        names=(order.name,),
        smaller=card.smaller,
        textures=tuner.ema.texture_levels(),
        licence=order.licence.strip() or PRIVATE,
        provenance=f"Learned by `latentcam avatar enrol` from {what} of "
        f"{order.consent.whose.strip()}, beginning with the generator of the pack {card.name}. "
        f"Of that pack: {card.provenance}",
        consent=order.consent.words(date.today()),
    )


def _person(sources: Sequence[Source], folder: Path, bench: Bench) -> tuple[Person, Coverage]:
    """The person's pictures, from the files or from what was kept of them."""
    kept, words = folder / "person.npz", folder / "coverage.json"
    if kept.is_file() and words.is_file():
        return Person.load(kept), msgspec.json.decode(words.read_bytes(), type=Coverage)
    person, coverage = prepare(
        sources, bench.base, bench.tracking, bench.track, bench.segment,
        paced(bench.tell, "finding the face"),
    )  # fmt: skip
    person.save(kept)
    with whole(words) as part:
        part.write_bytes(msgspec.json.encode(coverage))
    return person, coverage


def _pivot(person: Person, bench: Bench, photos: bool, seconds: float) -> torch.Tensor:
    """The latent in W+ to begin from."""
    teacher, config = bench.teacher, bench.base.card.generator
    encoder = encoder_of(
        bench.base, teacher, learned(), paced(bench.tell, "teaching an encoder, once")
    )
    some = person.select(pivot.spread(len(person), PIVOT_PICTURES))
    seen = before_grey(some.images.float() / 127.5 - 1)
    said = encoder.first_w(seen)[None, None].expand(1, config.num_ws, -1)
    mean = teacher.anchors.mean(dim=0, keepdim=True)
    proposals = torch.cat([said, mean, teacher.anchors])
    wanted = config.resolution // (2 if photos else 4)
    size = min(config.picture_sizes, key=lambda one: abs(one - wanted))
    begun = pivot.begin(teacher, bench.tracking, some, proposals, size)
    weight = region_weight(bench.tracking, size).to(teacher.device)
    return pivot.fit(
        teacher, bench.tracking, some, begun, weight, size, seconds, bench.eyes,
        paced(bench.tell, "looking for the nearest face", seconds),
    )  # fmt: skip


def _restyle(order: Restyling, bench: Bench) -> None:
    sources = open_sources([Path(order.picture)])
    if not sources[0].photo:
        raise CannotEnrol(f"{order.picture} is a video, expected one picture in the style")
    base, teacher = bench.base, bench.teacher
    picture, _ = prepare(
        sources, base, bench.tracking, bench.track, bench.segment,
        paced(bench.tell, "finding the face"),
        resting_photo=False,  # a painting seldom looks straight ahead
    )  # fmt: skip
    seconds = 60 * bench.minutes(order, 2)
    latent = _pivot(picture, bench, True, 0.2 * seconds)
    tuner = Tuner(teacher, bench.tracking, picture, latent, (), photos=True)
    styled = stylise.restyle(
        base, teacher, bench.tracking, picture, tuner.make_moved(STYLE_POSES), latent,
        region_weight(bench.tracking, base.card.generator.resolution).to(teacher.device),
        keep_colours=order.keep_colours, seconds=0.8 * seconds, eyes=bench.eyes,
        told=paced(bench.tell, "learning the style", 0.8 * seconds),
    )  # fmt: skip
    card = base.card
    tensors = stylise.between(dict(base.generator), styled, order.strength)
    write_made(
        user_packs() / order.name,
        base,
        bench.lender,
        tensors,
        base.identities,
        names=card.identities,
        smaller=(),
        licence=card.licence,
        provenance=f"The pack {card.name} in the style of {Path(order.picture).name}, by "
        f"`latentcam avatar stylise`, strength {order.strength:g}. {card.provenance}",
        consent=card.consent,
        textures=stylise.styled_textures(base, teacher, tensors, order.strength),
    )


def paced(tell: Tell, step: str, seconds: float | None = None) -> Callable[[float], None]:
    """Tells how much of a step is done, not too often; `seconds` is how long it takes."""
    last = [-TELL_EVERY]

    def told(share: float) -> None:
        now = time.monotonic()
        if now - last[0] >= TELL_EVERY or share >= 1:
            last[0] = now
            tell(Doing(step, round(share, 4), None if seconds is None else seconds * (1 - share)))

    return told


if __name__ == "__main__":
    sys.exit(main())
