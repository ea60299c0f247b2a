"""Media time as integer ticks: one tick is one video frame's worth of sound."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from latentcam.realtime_models.arrays import SAMPLE_RATE

VIDEO_CLOCK = 90000  # Hz, RTP's clock for video (RFC 3551, section 5)


@dataclass(frozen=True, slots=True)
class Timeline:
    """Where ticks lie in the sound and in the video."""

    fps: int

    def __post_init__(self) -> None:
        if not 1 <= self.fps <= 60:
            raise ValueError(f"fps is {self.fps}, expected 1 to 60")

    def first_sample(self, tick: int) -> int:
        """Tick k hears the samples [first_sample(k), first_sample(k + 1))."""
        return tick * SAMPLE_RATE // self.fps

    def pts(self, tick: int) -> int:
        """Presentation time of the tick's frame, in units of `time_base`."""
        return tick * VIDEO_CLOCK // self.fps

    def seconds(self, tick: int) -> float:
        return tick / self.fps

    def lips_after(self, age: float, look_ahead: float) -> float:
        """Seconds from a sample's arrival to the moment when the lips that say it are seen.

        age: from the arrival of a tick's last sample to its picture being shown. The picture shows
        the mouth as it was `look_ahead` before that sample, and stays for one tick, so that moment
        falls in the middle of the tick on screen.
        """
        return age + look_ahead + 0.5 / self.fps

    @property
    def time_base(self) -> Fraction:
        return Fraction(1, VIDEO_CLOCK)
