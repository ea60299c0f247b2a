"""Pictures that say how far the mouth is open, and how far lips and sound are apart."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.signal import correlate

from latentcam.realtime_models.arrays import SAMPLE_RATE, Picture
from latentcam.realtime_models.avatar import Avatar
from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.decoders.base import Decode
from latentcam.realtime_models.motion.performance import Performer, Settings
from latentcam.stream.resample import Resampler

SIZE = 64  # pixels
CLOSED, OPEN = 40, 200  # grey levels of a jaw at rest, and of one open by 1
STEP = 0.01  # seconds between values of a curve
FARTHEST = 0.5  # seconds of lag that are looked for
FARTHEST_LOST = 4.0  # the same of sound that is not there
SURE = 0.8  # correlation from which a find counts
WINDOW = 4.0  # seconds of pictures that are compared at once
PIECE = 0.25  # seconds of sound that are looked for


class MouthDecoder:
    """Draws grey pictures, the lighter the farther the jaw is open. It undoes the basis, so the
    whole way from x to a picture is gone; and it takes no time."""

    description = "mouths only"
    resolution = str(SIZE)
    lanes: tuple[Decode, ...] = ()

    def __init__(self, pack: AvatarPack, identity: str) -> None:
        """Of that face only."""
        basis = pack.generator["basis"]
        jaw = [axis.name for axis in pack.card.axes].index("jawOpen")
        self._jaw = np.linalg.pinv(basis.reshape(-1, basis.shape[-1]))[jaw].astype(np.float32)
        self._rest = Avatar(pack, self).anchor(identity)

    def decode(self, ws: NDArray[np.float32]) -> NDArray[np.uint8]:
        opened = (ws - self._rest).reshape(len(ws), -1) @ self._jaw
        levels = np.clip(np.round(CLOSED + (OPEN - CLOSED) * opened), 0, 255).astype(np.uint8)
        return np.broadcast_to(levels[:, None, None, None], (len(ws), SIZE, SIZE, 3)).copy()


def mouth(picture: Picture) -> float:
    """How far the jaw is open in one of those pictures, or in one of its channels."""
    return (float(picture.mean()) - CLOSED) / (OPEN - CLOSED)


class Lips:
    """How far the jaw of a face is open at any moment of a voice, life left aside."""

    def __init__(self, pack: AvatarPack, voice: NDArray[np.float32], rate: int) -> None:
        """voice: float32 [n] at `rate` Hz, of which no two seconds sound alike."""
        self.voice, self.rate = voice, rate
        performer = Performer(pack)
        jaw = [axis.name for axis in pack.card.axes].index("jawOpen")
        heard, size = Resampler(SAMPLE_RATE).push(voice, rate), round(STEP * SAMPLE_RATE)
        state, opened = performer.initial_state(seed=0), []
        for begin in range(0, len(heard) - size + 1, size):
            x, state = performer.perform(heard[begin : begin + size], state, Settings(life=0.0))
            opened.append(x[jaw])
        self._opened = np.array(opened)
        self._moments = STEP * np.arange(1, len(opened) + 1) - performer.look_ahead_s

    def find(
        self, times: NDArray[np.float64], opened: NDArray[np.float64], near: float
    ) -> float | None:
        """Seconds that lips seen open by so much at those times are behind the voice, which began
        at time 0; looked for around `near`. None if it is not sure."""
        if np.std(opened) < 0.05:
            return None
        lags = near + np.arange(-FARTHEST, FARTHEST, 0.001)
        there = np.interp(times - lags[:, None], self._moments, self._opened)
        there -= there.mean(axis=1, keepdims=True)
        seen = opened - opened.mean()
        likeness = there @ seen / (np.linalg.norm(there, axis=1) * np.linalg.norm(seen) + 1e-9)
        best = int(np.argmax(likeness))
        return float(lags[best]) if likeness[best] > SURE else None

    def locate(
        self, sound: NDArray[np.float32], near: float, farthest: float = FARTHEST
    ) -> float | None:
        """Seconds of the voice at which a piece of it begins, at most `farthest` from `near`. None
        if it is silent, or not sure."""
        first = max(0, round((near - farthest) * self.rate))
        there = self.voice[first : first + len(sound) + round(2 * farthest * self.rate)]
        if len(there) < len(sound) or np.sqrt(np.mean(sound**2)) < 0.02:
            return None
        match = correlate(there, sound, mode="valid", method="fft")
        power = np.cumsum(np.append(0.0, there.astype(np.float64) ** 2))
        energy = power[len(sound) :] - power[: -len(sound)]
        likeness = match / np.sqrt(energy * np.sum(sound.astype(np.float64) ** 2) + 1e-9)
        best = int(np.argmax(likeness))
        return (first + best) / self.rate if likeness[best] > SURE else None


@dataclass(slots=True)
class Recording:
    """What a viewer got, and when a viewer in sync shows and plays it, in seconds."""

    pictures: list[tuple[float, float]] = field(default_factory=list)
    """When it is shown, and how far the mouth is open."""
    sound: list[tuple[float, NDArray[np.float32]]] = field(default_factory=list)
    """When it is played, and float32 [n] at the rate of the voice."""

    def cut(self, end: float) -> None:
        """Forget what came later."""
        self.pictures = [(at, opened) for at, opened in self.pictures if at < end]
        self.sound = [(at, samples) for at, samples in self.sound if at < end]

    def offsets(self, lips: Lips, period: float, begun: float) -> NDArray[np.float64]:
        """Rows of (time, offset), seconds: how much later than the lips the voice is heard, every
        half WINDOW in which both are found. period: for which a picture is shown. begun: when the
        voice did, about."""
        shown = np.array([at for at, _ in self.pictures]) + period / 2
        opened = np.array([opening for _, opening in self.pictures])
        rate, rows = lips.rate, []
        behind = begun
        lengths = [len(samples) for _, samples in self.sound]
        begins = np.cumsum([0, *lengths])
        starts = np.array([at for at, _ in self.sound])
        whole = np.concatenate([samples for _, samples in self.sound])
        for middle in np.arange(shown[0] + WINDOW, shown[-1] - WINDOW, WINDOW / 2):
            block = int(np.searchsorted(starts, middle)) - 1
            if block < 0:
                continue
            begin = begins[block]
            # Sound that came in pieces is in one piece where it was played without a gap.
            piece = whole[begin : begin + round(PIECE * rate)]
            place = lips.locate(piece, starts[block] - behind)
            if place is None:  # held up since it was found last
                place = lips.locate(piece, starts[block] - behind, FARTHEST_LOST)
            if place is None:
                continue
            behind = starts[block] - place
            around = np.abs(shown - middle) < WINDOW / 2
            seen = lips.find(shown[around], opened[around], behind)
            if seen is not None:
                rows.append((middle, behind - seen))
        return np.array(rows).reshape(-1, 2)
