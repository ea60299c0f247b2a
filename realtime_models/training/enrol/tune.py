"""Train a pack's generator towards one person, and make it keep obeying.

A batch mixes three kinds of pictures: the person's, under the axes that were tracked; the person's
moved along the generator's own motion (`motion_field`), under axes never shown; and the pack's own,
of all its faces over all axes, as the frozen generator draws them. Where the person's textures flow
under axes never shown is learned from the pack's faces, too. Stages go from small pictures to large
ones; the last has discriminators. The moving average of the weights is what counts.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from latentcam.realtime_models.axes import Axis
from latentcam.realtime_models.generator.network import Drawn, composed
from latentcam.realtime_models.generator.textures import with_mouths
from latentcam.realtime_models.training.enrol import judges, motion_field
from latentcam.realtime_models.training.enrol.inner_mouth import InnerMouths
from latentcam.realtime_models.training.enrol.network import (
    Student,
    Teacher,
    autocast,
    moving,
)
from latentcam.realtime_models.training.enrol.pack_tracking import PackTracking
from latentcam.realtime_models.training.enrol.person import AT_REST, CONTINUED, PARTED, Person
from latentcam.realtime_models.training.enrol.photo_motion import PhotoMotion
from latentcam.realtime_models.training.generator.losses import (
    before_grey,
    discriminator_loss,
    generator_loss,
    levels,
    random_crop,
    reconstruction,
)
from latentcam.realtime_models.training.generator.train import (
    DRAWN_WEIGHT,
    even_visibility,
    hidden,
    moved_loss,
    uneven_loss,
)
from latentcam.realtime_models.training.perceptual import Vgg16, perceptual_distance
from latentcam.realtime_models.training.whole import whole

BATCH = 8
REPLAYED = 2  # of a batch: pictures of the pack
MOVED_VIDEO, MOVED_PHOTOS = 2, 4  # of a batch: the person moved along the generator's motion
MOVED_PICTURES = 192  # made at a time
MOVED_SHARE = 0.1  # of the axes that are moved in a picture of photos, beside one of them wholly
REPLAY_WEIGHT = 0.5
ADVERSARIAL_WEIGHT = 0.006
MATCHING_WEIGHT = 0.05
FLICKER_WEIGHT = 0.5
PERCEPTUAL_WEIGHT = 0.05
PERCEPTUAL_CROP = 128  # pixels
SMALLEST_SEEN = 128  # pixels; a smaller picture has no textures to compare
CHANGE_WEIGHT = 1e-3  # of the change of V
FLOW_WEIGHT = 1.0
FLOW_PICTURES, FLOW_SIZE = 4, 64  # in a step, and how large they are drawn: no flow is larger
LR, LR_ANCHOR, LR_CHANGE, LR_JUDGES = 6e-4, 4e-3, 1e-3, 4e-4
PHOTO_RATE = 1 / 6  # of these: what photos do not show is worth keeping
WARM_UP = 0.02  # of a stage
EMA = 0.995
UNSEEN = 5.0
"""What counts in the choice of a texture: axes more than 1, the part that is not seen, and how far
lips are apart."""
OPEN, WIDE_OPEN = 0.5, 20.0  # jawOpen that is enough for the texture of an open mouth; its weight
SEEN_OPEN = 0.2  # jawOpen below which a mouth was never seen open
SMALLER_SHARE = 0.12  # of the steps, at a size of `Card.smaller`
RARE = 6.0  # a frame that shows most of an axis is drawn so many times as often as a usual one
CHECKPOINT_EVERY, PREVIEW_EVERY, TELL_EVERY = 60.0, 20.0, 1.0  # seconds
SHOWN: tuple[dict[str, float], ...] = (
    {},
    {"jawOpen": 0.6},
    {"eyeBlink": 1.0},
    {"mouthSmile": 0.8},
    {"headYaw": 0.6},
    {"headYaw": -0.6},
)
"""What a preview shows, over the axes' reach."""


@dataclass(frozen=True, slots=True)
class Stage:
    """size: of the pictures. seconds: how long. adversarial: with discriminators. moved: with
    pictures moved along the motion that the generator has at the start of the stage; photos have
    such pictures at all stages, moved as the pack's own network moves."""

    name: str
    size: int
    seconds: float
    adversarial: bool = False
    moved: bool = True


@dataclass(frozen=True, slots=True)
class Progress:
    """stage: its name. share: of the whole training that is done. eta: seconds to go."""

    stage: str
    share: float
    eta: float
    loss: float


def stages(picture_sizes: tuple[int, ...], seconds: float, photos: bool) -> tuple[Stage, ...]:
    """Three sizes, the largest the longest; smaller ones first, because most of the way to a face
    is seen there at a tenth of the cost. Photos are the person's texture already: only the two
    largest, and no discriminators, that would know all of them by heart."""
    full = picture_sizes[-1]
    large = [size for size in picture_sizes if size >= 16]  # the smallest that losses look at
    quarter, half = (min(large, key=lambda size: abs(size - full // part)) for part in (4, 2))
    if photos:
        return Stage("features", half, 0.6 * seconds), Stage("detail", full, 0.4 * seconds)
    return (
        Stage("shape", quarter, 0.22 * seconds, moved=False),
        Stage("features", half, 0.33 * seconds),
        Stage("detail", full, 0.45 * seconds, adversarial=True),
    )


class Tuner:
    """The student, its average, the discriminators, the optimisers, and how far they came.

    eyes: compare with what VGG16 sees, too. mouths: for a person whose mouth was never seen open;
    None: what the generator draws there. gain: see `Student`. clock: seconds.
    """

    def __init__(
        self,
        teacher: Teacher,
        tracking: PackTracking,
        person: Person,
        anchor: Tensor,
        plan: tuple[Stage, ...],
        *,
        photos: bool,
        eyes: Vgg16 | None = None,
        mouths: InnerMouths | None = None,
        gain: Tensor | None = None,
        seed: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        device = teacher.device
        self.teacher, self.tracking, self.person, self.plan = teacher, tracking, person, plan
        self.photos, self.clock, self.device = photos, clock, device
        self.eyes = None if eyes is None else eyes.to(device)
        anchor = anchor.to(device)
        flows = bool(teacher.card.generator.flow)
        self.motion = PhotoMotion(teacher, anchor, tracking, mouths)
        texture = texture_of(person, self.motion) if flows else None
        self.student = Student(teacher, anchor, texture, gain).to(device)
        self.ema = copy.deepcopy(self.student).requires_grad_(False)
        config = teacher.card.generator
        torch.manual_seed(seed)
        self.judges = judges.discriminators(config.channels, config.resolution).to(device)
        self.rng = np.random.default_rng(seed)
        self.stage, self.elapsed, self.steps = 0, 0.0, 0
        self.moved: Person | None = None
        self._odds = rarity(person.x)
        self._new_optimisers()

    def _new_optimisers(self) -> None:
        student = self.student
        self.opt_g = torch.optim.Adam(
            [
                {"params": list(student.synthesis.parameters()), "rate": LR},
                {"params": [student.anchor], "rate": LR_ANCHOR},
                {"params": [student.columns, student.mix], "rate": LR_CHANGE},
            ],
            betas=(0.5, 0.99),
        )
        self.opt_d = torch.optim.Adam(self.judges.parameters(), LR_JUDGES, betas=(0.5, 0.99))

    @property
    def total(self) -> float:
        return sum(stage.seconds for stage in self.plan)

    @property
    def done(self) -> float:
        """Seconds trained, of `total`."""
        return sum(stage.seconds for stage in self.plan[: self.stage]) + self.elapsed

    def state(self) -> dict[str, Any]:
        return {
            "student": self.student.state_dict(),
            "ema": self.ema.state_dict(),
            "judges": self.judges.state_dict(),
            "opt_g": self.opt_g.state_dict(),
            "opt_d": self.opt_d.state_dict(),
            "plan": [(s.name, s.size, s.seconds, s.adversarial, s.moved) for s in self.plan],
            "progress": (self.stage, self.elapsed, self.steps),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint, by its plan."""
        for name in ("student", "ema", "judges", "opt_g", "opt_d"):
            getattr(self, name).load_state_dict(state[name])
        self.plan = tuple(Stage(*fields) for fields in state["plan"])
        self.stage, self.elapsed, self.steps = state["progress"]
        self.rng = np.random.default_rng(self.steps)

    def run(self, folder: Path, told: Callable[[Progress], None]) -> None:
        """All stages, from wherever this stands. The checkpoint in the folder is kept current, also
        when this is interrupted."""
        try:
            while self.stage < len(self.plan):
                self._run_stage(self.plan[self.stage], folder, told)
                self.stage, self.elapsed = self.stage + 1, 0.0
                self.save(folder)
        except KeyboardInterrupt:
            self.save(folder)
            raise

    def save(self, folder: Path) -> None:
        with whole(folder / "checkpoint.pt") as part:
            torch.save(self.state(), part)

    def _run_stage(self, stage: Stage, folder: Path, told: Callable[[Progress], None]) -> None:
        if self.photos:
            self.moved = self.moved or self.make_moved(MOVED_PICTURES)
        elif stage.moved:
            self.moved = self.make_moved(MOVED_PICTURES)
        weights = {
            size: region_weight(self.tracking, size).to(self.device)
            for size in (stage.size, *self.teacher.card.smaller)
        }
        saved = shown = self.clock()
        begun, spoken = saved - self.elapsed, -TELL_EVERY
        while self.elapsed < stage.seconds:
            share = self.elapsed / stage.seconds
            falling = 1.0 if share < 0.5 else 0.1 + 0.9 * (1 - share) / 0.5
            loss = self.step(self._now(stage), weights, falling * min(1.0, share / WARM_UP + 0.02))
            now = self.clock()
            self.elapsed = now - begun
            if now - spoken >= TELL_EVERY:
                spoken = now
                left = max(0.0, self.total - self.done)
                told(Progress(stage.name, min(1.0, self.done / self.total), left, loss))
            if now - shown >= PREVIEW_EVERY:
                shown = now
                self.preview(folder / "preview.jpg")
            if now - saved >= CHECKPOINT_EVERY:
                saved = now
                self.save(folder)
        self.preview(folder / "preview.jpg")

    def _now(self, stage: Stage) -> Stage:
        """The stage; now and then at a smaller size that the pack may be drawn at, too."""
        smaller = [size for size in self.teacher.card.smaller if size < stage.size]
        if not smaller or self.rng.random() >= SMALLER_SHARE:
            return stage
        return Stage(stage.name, int(self.rng.choice(smaller)), stage.seconds, moved=stage.moved)

    def step(self, stage: Stage, weights_by_size: dict[int, Tensor], rate: float) -> float:
        """One step of all parts; rate: factor on the learning rates. Returns the loss."""
        weight = weights_by_size[stage.size]
        if self.photos:
            rate *= PHOTO_RATE
        for group in self.opt_g.param_groups:
            group["lr"] = group["rate"] * rate
        moved = (MOVED_PHOTOS if self.photos else MOVED_VIDEO) if self.moved else 0
        own = BATCH - REPLAYED - moved
        real, known, x = (
            part.to(self.device) for part in self.person.batch(self._draw(own), stage.size)
        )
        ws = [self.student.latents(x)]
        targets, weights = [real], [weight * known]
        if self.moved is not None:
            index = torch.from_numpy(self.rng.integers(0, len(self.moved), moved))
            other, sure, there = (t.to(self.device) for t in self.moved.batch(index, stage.size))
            ws.append(self.student.latents(there))
            targets.append(other)
            weights.append(weight * sure)
        anchors, turned = self._replay(REPLAYED)
        told = self.teacher.latents(anchors, turned)
        ws.append(told)
        targets.append(self.teacher.pictures(told, stage.size))
        weights.append(weight.expand(REPLAYED, -1, -1, -1) * REPLAY_WEIGHT)
        with autocast(self.device):
            drawn = self.student.synthesis.draw(torch.cat(ws), stage.size)
        seen_as, loss = self._unlike(drawn, torch.cat(targets), torch.cat(weights), told)
        fake = seen_as[:own]
        loss = loss + CHANGE_WEIGHT * self.student.change().square().mean()
        loss = loss + FLICKER_WEIGHT * judges.flicker(real, fake)
        if self.student.texture is not None:
            loss = loss + FLOW_WEIGHT * self.astray()
        if self.eyes is not None and stage.size >= SMALLEST_SEEN:
            seen = (before_grey(fake), before_grey(real))
            face = judges.face_box(self.tracking)
            with autocast(self.device):
                unlike = perceptual_distance(self.eyes, *random_crop(seen, face, PERCEPTUAL_CROP))
            loss = loss + PERCEPTUAL_WEIGHT * unlike
        if stage.adversarial:
            loss = loss + self._judged(real, fake)
        self.opt_g.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.student.parameters(), 5.0)
        self.opt_g.step()
        even_visibility(self.student.synthesis)
        self.steps += 1
        decay = min(EMA, (self.steps + 1) / (self.steps + 10))
        with torch.no_grad():
            torch._foreach_lerp_(
                list(self.ema.parameters()), list(self.student.parameters()), 1 - decay
            )
        return float(loss.detach())

    def _unlike(
        self, drawn: Drawn, targets: Tensor, weights: Tensor, replayed: Tensor
    ) -> tuple[Tensor, Tensor]:
        """(what is seen of all that was drawn, its loss). replayed: latents of its last, which
        are the pack's own faces with the pack's own textures."""
        texture, worn = self.student.texture, self.teacher.textures
        if texture is None or drawn.visible is None:
            seen = drawn.picture.float()
            return seen, reconstruction(seen, targets, weights)
        mine, others = len(targets) - len(replayed), len(replayed)
        shares = torch.ones(mine, 1, 1, 1, device=targets.device)
        if worn is None:
            theirs, their_shares = (
                texture.expand(others, -1, -1, -1),
                shares.new_zeros(others, 1, 1, 1),
            )
        else:
            theirs, their_shares = worn(replayed[:, -1])
        textures = torch.cat([texture.expand(mine, -1, -1, -1), theirs])
        config = self.teacher.card.generator
        shown = composed(config, drawn, textures, torch.cat([shares, their_shares]))
        loss = reconstruction(shown.picture, targets, weights)
        loss = loss + DRAWN_WEIGHT * reconstruction(drawn.picture.float(), targets, weights)
        own, heeded = targets[:mine], weights[:mine]
        moved = [reconstruction(one[:mine], own, heeded) for one in shown.alone()]
        loss = loss + moved_loss(moved) + uneven_loss(drawn)
        return shown.picture, loss + hidden(shown, weights)[:mine].mean()

    def astray(self) -> Tensor:
        """How far flows are, under any axes, from being between those of two faces of the pack."""
        x = self.teacher.random_x(FLOW_PICTURES, self.rng)
        picked = torch.from_numpy(
            self.rng.integers(0, len(self.teacher.anchors), (2, FLOW_PICTURES))
        )
        with autocast(self.device):
            mine = self.student.synthesis.draw(self.student.latents(x), FLOW_SIZE).flow
            with torch.no_grad():
                ws = [self.teacher.latents(self.teacher.anchors[two], x) for two in picked]
                theirs = self.teacher.synthesis.draw(torch.cat(ws), FLOW_SIZE).flow
        assert mine is not None and theirs is not None
        a, b = theirs[:FLOW_PICTURES].float(), theirs[FLOW_PICTURES:].float()
        beyond = (mine.float() - (a + b) / 2).abs() - (a - b).abs() / 2
        return beyond.clamp(min=0).mean()

    def _judged(self, real: Tensor, fake: Tensor) -> Tensor:
        self.opt_d.zero_grad()
        looked_at = [
            (judge, judges.looked_at(real, box), judges.looked_at(fake, box))
            for judge, box in zip(self.judges, judges.boxes(self.tracking), strict=True)
        ]
        with autocast(self.device):
            losses = [discriminator_loss(judge, r, f.detach()) for judge, r, f in looked_at]
        torch.stack(losses).sum().backward()
        self.opt_d.step()
        total = torch.zeros((), device=fake.device)
        for judge, seen, drawn in looked_at:
            with autocast(self.device):
                adversarial, matching = generator_loss(judge, seen, drawn)
            total = total + ADVERSARIAL_WEIGHT * adversarial + MATCHING_WEIGHT * matching
        return total

    def _draw(self, count: int) -> Tensor:
        """Pairs of neighbours; of the last frame of a take, and of a photo, itself twice."""
        first = self.rng.choice(len(self.person), count // 2, p=self._odds)
        second = np.minimum(first + 1, len(self.person) - 1)
        shots = self.person.shots.numpy()
        second = np.where(shots[second] == shots[first], second, first)
        return torch.from_numpy(np.stack([first, second], axis=1).ravel())

    def _replay(self, count: int) -> tuple[Tensor, Tensor]:
        """Latents of the pack's faces, some between two of them, and x anywhere."""
        n = len(self.teacher.anchors)
        a, b = (torch.from_numpy(self.rng.integers(0, n, count)) for _ in range(2))
        share = torch.from_numpy(
            np.where(self.rng.random(count) < 0.5, self.rng.random(count), 0.0).astype(np.float32)
        ).to(self.device)
        anchors = torch.lerp(self.teacher.anchors[a], self.teacher.anchors[b], share[:, None, None])
        return anchors, self.teacher.random_x(count, self.rng, 0.4)

    def _poses(self, count: int) -> Tensor:
        """float32 [count, k] over its reach, of pictures to be made. Of photos, which nothing else
        teaches these: few axes at once, and one of them as far as it goes."""
        if not self.photos:
            return self.teacher.random_x(count, self.rng)
        x = self.teacher.random_x(count, self.rng, MOVED_SHARE)
        whole = self.rng.choice(moving(self.teacher.card), count)
        lowest = torch.from_numpy(self.rng.random(count) < 0.5).to(x.device)
        far = torch.where(lowest, self.teacher.low[whole], self.teacher.high[whole])
        x[torch.arange(count), torch.from_numpy(whole)] = far
        return x

    @torch.no_grad()
    def make_moved(self, count: int) -> Person:
        """The person in poses never shown, along the motion of what is drawn without textures (they
        would hide lids and teeth that were never seen): by the average, or, of photos, which teach
        few poses, by the pack's own network at the latent that the training began with."""
        chosen = self.rng.choice(len(self.person), count)
        index = torch.from_numpy(chosen)
        x = self.person.x[index].to(self.device)
        there = self._poses(count)
        images = torch.empty((count, *self.person.images.shape[1:]), dtype=torch.uint8)
        small = self.person.known.shape[-1]
        sure = torch.empty((count, 1, small, small), dtype=torch.uint8)
        for part in torch.arange(count).split(BATCH):
            pictures = [
                self.person.images[n].permute(1, 2, 0).contiguous().numpy() for n in chosen[part]
            ]
            if self.photos:
                moved = self.motion.move(pictures, x[part], there[part])
            else:
                both = torch.cat([x[part], there[part]])
                with autocast(self.device):
                    drawn = levels(self.ema.synthesis(self.ema.latents(both)).float())
                moved = [
                    motion_field.moved(*one)
                    for one in zip(pictures, drawn[: len(part)], drawn[len(part) :], strict=True)
                ]
            for n, made in zip(part.tolist(), moved, strict=True):
                images[n] = torch.from_numpy(made.picture).permute(2, 0, 1)
                told = F.interpolate(
                    torch.from_numpy(made.sure)[None, None], size=(small, small), mode="area"
                )
                sure[n] = (255 * (0.2 + 0.8 * told[0])).round().byte()
        return Person(images, sure, there.cpu(), torch.arange(count))

    @torch.no_grad()
    def preview(self, path: Path) -> None:
        """A real picture of the person, then what the average shows of SHOWN: a row, as JPEG."""
        axes = self.teacher.card.axes
        x = torch.stack([control(axes, values) for values in SHOWN]).to(self.device)
        with autocast(self.device):
            drawn = self.ema(x).float()
        first = self.person.images[:1].float() / 127.5 - 1
        row = before_grey(torch.cat([first, drawn.cpu()]))
        sheet = np.concatenate(list(levels(row)), axis=1)
        with whole(path) as part:
            Image.fromarray(sheet).save(part, "JPEG", quality=88)


def resting_picture(person: Person, axes: tuple[Axis, ...]) -> int:
    """The number of the picture in which the person is nearest to rest, with lips together, looks
    into the camera and is seen most of."""
    weight = torch.tensor([AT_REST.get(axis.name, 1.0) for axis in axes])
    unrest = (weight * person.x.abs()).sum(dim=1)
    unseen = 1 - person.known.float().mean(dim=(1, 2, 3)) / 255
    parted = 0.0 if person.aperture is None else PARTED * person.aperture
    return int((unrest + UNSEEN * unseen + parted).argmin())


def open_picture(person: Person, axes: tuple[Axis, ...]) -> int:
    """The number of the picture in which the mouth is widest open, as far as the texture of an open
    mouth is to show, and everything else nearest to rest."""
    names = [axis.name for axis in axes]
    weight = torch.tensor([AT_REST.get(name, 1.0) for name in names])
    score = -(weight * person.x.abs()).sum(dim=1)
    if "jawOpen" in names:
        jaw = person.x[:, names.index("jawOpen")]
        score = score + AT_REST["jawOpen"] * jaw + WIDE_OPEN * jaw.clamp(max=OPEN)
    return int(score.argmax())


def seen_open(person: Person, axes: tuple[Axis, ...]) -> bool:
    """Whether any picture shows the mouth open."""
    jaw = person.x[open_picture(person, axes)] @ control(axes, {"jawOpen": 1.0})
    return float(jaw) >= SEEN_OPEN


@torch.no_grad()
def texture_of(person: Person, motion: PhotoMotion) -> Tensor:
    """[1, *GeneratorConfig.texture_shape] in [-1, 1], of whole levels: the person as nearly at rest
    and with as open a mouth as was seen; where nothing was seen, what the generator draws there. Of
    a mouth that was never seen open, the generator's moves the lips apart."""
    teacher = motion.teacher
    axes, config = teacher.card.axes, teacher.card.generator
    chosen = torch.tensor([resting_picture(person, axes), open_picture(person, axes)])
    jaw = control(axes, {"jawOpen": 1.0})
    unseen = not seen_open(person, axes)
    if unseen:
        chosen[1] = chosen[0]
    seen, known, x = person.batch(chosen, person.images.shape[-1])
    x = x * torch.tensor([[0.0], [1.0]])
    ws = teacher.latents(motion.anchor.expand(2, -1, -1), x.to(teacher.device))
    with autocast(teacher.device):
        drawn = teacher.synthesis(ws).float().cpu()
    shown = (known * (255 / CONTINUED)).clamp(max=1)
    resting, opened = levels(drawn + shown * (seen - drawn))
    if unseen:
        opened = motion.move([opened], x[1:], x[1:] + OPEN * jaw)[0].picture
    first, second = (one.transpose(2, 0, 1)[None] for one in (resting, opened))
    mixed = with_mouths(first, second, config.mouth)
    return torch.from_numpy(mixed).float().to(teacher.device) / 127.5 - 1


def region_weight(tracking: PackTracking, size: int) -> Tensor:
    """[1, 1, size, size]: 1 everywhere, up to 7 at the mouth, 5 at the eyes, 2 within the face."""
    along = (torch.arange(size) + 0.5) / size
    y, x = torch.meshgrid(along, along, indexing="ij")

    def bump(centre: NDArray[np.float64], wide: float, high: float) -> Tensor:
        dx = (x - float(centre[0])) / (wide * tracking.height)
        dy = (y - float(centre[1])) / (high * tracking.height)
        return torch.exp(-(dx**2) - dy**2)

    weight = 1 + 5 * bump(tracking.mouth, 0.26, 0.18) + 3 * bump(tracking.eyes, 0.36, 0.13)
    weight = weight + bump((tracking.mouth + tracking.eyes) / 2, 0.5, 0.6)
    return weight[None, None]


def control(axes: tuple[Axis, ...], values: dict[str, float]) -> Tensor:
    """float32 [k] over its reach; names that the pack does not know are left out."""
    return torch.tensor([values.get(axis.name, 0.0) for axis in axes], dtype=torch.float32)


def rarity(x: Tensor) -> NDArray[np.float64]:
    """float64 [n], sums to 1: how often each frame is drawn; blinks are short, and count."""
    size = x.abs().numpy().astype(np.float64)
    usual = size.mean(axis=0) + 0.02
    odds = np.clip((size / usual).max(axis=1), 1.0, RARE)
    return np.asarray(odds / odds.sum())
