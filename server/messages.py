"""Every message between a page and this program, both ways: docs/protocol.md describes them.

What comes from outside is refused with a sentence when a field is unknown, missing or of the wrong
type; `controls` decides whether its values make sense. What goes out holds no voice, no face and no
address.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from latentcam.realtime_models.axes import Axis
from latentcam.realtime_models.enrolment import Consent
from latentcam.realtime_models.generator.mixing import Band
from latentcam.server.config import IceServer
from latentcam.stream.meter import Meter

LONGEST_NAME = 64  # characters of an identity or an axis
MOST_AXES = 256  # in one expression
LONGEST_DEVICE = 256  # characters of its name
LONGEST_TEXT = 500  # characters to be spoken, half a minute

Name = Annotated[str, msgspec.Meta(max_length=LONGEST_NAME)]
Expression = Annotated[dict[Name, float], msgspec.Meta(max_length=MOST_AXES)]
"""Offsets by axis name."""
Way = Literal["here", "latents", "video"]

# ---- in ------------------------------------------------------------------------------------------


class Offer(msgspec.Struct, tag="offer", tag_field="type", forbid_unknown_fields=True, frozen=True):
    """A browser's half of a negotiation. No identity or background: the server's own choice. alpha:
    the page takes a picture twice as high, with alpha below the colours. latents: the page draws
    the face itself, from motion that comes over a data channel. drive: its camera lends the face a
    head, over another one."""

    sdp: str
    identity: Name | None = None
    background: Name | None = None
    alpha: bool = False
    latents: bool = False
    drive: bool = False


class Mix(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Whose styles a face takes, and which: of coarse, middle or fine resolutions."""

    identity: Name
    styles: Band


class Change(
    msgspec.Struct,
    tag="change",
    tag_field="type",
    forbid_unknown_fields=True,
    frozen=True,
    kw_only=True,
):
    """What a person wants changed; anything not named stays as it is.

    mix: the face takes styles of another. morph: it becomes the face asked for in so many seconds,
    instead of at once. background: by its name. expression: replaces the previous one entirely.
    life: 0 to 2. muted: silence replaces the voice. frozen: the last picture stays. through: of
    `latentcam camera`, the real camera and microphone take the avatar's place.
    """

    identity: Name | None = None
    mix: Mix | None = None
    morph: float = 0.0
    background: Name | None = None
    expression: Expression | None = None
    life: float | None = None
    muted: bool | None = None
    frozen: bool | None = None
    through: bool | None = None


class PlayedSkew(
    msgspec.Struct, tag="skew", tag_field="type", forbid_unknown_fields=True, frozen=True
):
    """How long before its picture the page plays the voice, by the sender reports of both."""

    early_ms: float


class Listen(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Which microphone `latentcam camera` is to hear; nothing for the system's default."""

    microphone: Annotated[str, msgspec.Meta(max_length=LONGEST_DEVICE)]


class Say(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Words to be spoken. language: as browsers name it, like `de` or `pt-BR`."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_TEXT)]
    language: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] = "en"


ControlMessage = Change | PlayedSkew

# ---- out -----------------------------------------------------------------------------------------


class Answer(
    msgspec.Struct, tag="answer", tag_field="type", frozen=True, kw_only=True, omit_defaults=True
):
    """session: the secret name of the peer, for those who asked over HTTP. alpha: the picture comes
    twice as high, as the offer asked."""

    sdp: str
    session: str = ""
    alpha: bool = False


class Failure(msgspec.Struct, tag="error", tag_field="type", frozen=True):
    """A request that cannot be met. code: `full`, `no_network`, `bad_request`,
    `too_fast` or `failed`."""

    code: str
    message: str


class Problem(msgspec.Struct, frozen=True):
    """The body of every HTTP answer with a status of 400 or more."""

    error: str


class Ages(msgspec.Struct, frozen=True):
    """Milliseconds from a tick's last sample arriving to its frame leaving, newest frames."""

    p50: float
    p95: float

    @classmethod
    def of(cls, meter: Meter) -> Ages:
        return cls(*(round(meter.age(p) * 1000, 1) for p in (50, 95)))


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """How one session is doing, in a browser's call or in the camera.

    resolution: of the newest picture, by its name: it falls while the machine is too slow. skipped:
    motions and frames that were never shown because a newer one came first. level: of the voice, 0
    to 1. voice_delay_ms: how long the voice waits for its picture, null if nobody hears it.
    """

    fps: float
    frames: int
    age_ms: Ages
    resolution: str
    skipped: int
    level: float
    speaking: bool
    voice_delay_ms: float | None


class PeerFigures(Figures, frozen=True, kw_only=True):
    """How one browser's call is doing.

    voice_offset_s: media time of the voice's first packet. voice_shift_ms: how much later the voice
    leaves because the page plays it early.
    """

    lost_packets: int
    dropped_packets: int
    voice_offset_s: float
    voice_shift_ms: float


class Telemetry(PeerFigures, tag="telemetry", tag_field="type", frozen=True, kw_only=True):
    """Twice a second to the page whose call it is. sessions: of the whole server."""

    sessions: int


class SessionFigures(PeerFigures, frozen=True, kw_only=True):
    """session: the name that the log uses. viewers: who watch, besides the caller."""

    session: str
    viewers: int


class Stage(msgspec.Struct, frozen=True):
    """One stage of all sessions. what: from when to when."""

    p50_ms: float
    p95_ms: float
    what: str


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Counts over all sessions since the start, including those that have ended.

    viewers: who watched streams. refused: offers for which there was no place. failed: sessions
    that ended with an error.
    """

    sessions: int
    viewers: int
    refused: int
    failed: int
    frames: int
    skipped: int
    lost_packets: int
    dropped_packets: int


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """How the server is doing. resolution: of the newest picture, by its name. reason: why pictures
    began at theirs, if there was a choice. stages: by the names of `latentcam.stream.meter`."""

    ready: bool
    avatar: str
    decoder: str
    resolution: str
    reason: str
    pictures_in_a_call: int
    max_sessions: int
    max_viewers: int
    sessions: list[SessionFigures]
    totals: Totals
    stages: dict[str, Stage]


class PageConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What a page needs to know before it calls. ways: how it may get its face, the best first:
    "here", all of it by itself, "latents", drawn by itself from motion that comes, or "video".
    identity, background: what a call without a wish gets. alpha: whether faces have it.
    backgrounds: what may be asked for by name; none without alpha. look_ahead_ms: of the motion
    model. speech: why the server cannot speak typed words, or nothing. tracker: why the page's
    camera cannot move the head, or nothing. moods: whether they come by themselves, as long as the
    expression names none."""

    ways: list[Way]
    avatar: str
    identities: list[str]
    identity: str
    alpha: bool
    backgrounds: list[str]
    background: str
    axes: tuple[Axis, ...]
    fps: int
    resolution: int
    ice_servers: tuple[IceServer, ...]
    look_ahead_ms: float
    speech: str
    tracker: str
    moods: bool


class Phone(msgspec.Struct, frozen=True):
    """The page on a phone. address: the one it can open, or nothing. advice: what a person should
    know about that, or nothing."""

    address: str
    advice: str


class Health(msgspec.Struct, frozen=True):
    ready: bool


class ClusterHealth(Health, frozen=True):
    """Of all replicas: whether any is ready, how many run, and who talks of how many that may."""

    replicas: int
    sessions: int
    places: int


class ClusterStats(msgspec.Struct, frozen=True):
    """Of each replica by its name, and sums over all that ever ran."""

    replicas: dict[str, Stats]
    totals: Totals


class Microphones(msgspec.Struct, frozen=True):
    """names: of those that there are; none where a file speaks. chosen: nothing for the system's
    default."""

    names: list[str]
    chosen: str


class CameraState(Figures, frozen=True, kw_only=True):
    """The camera's settings, as the last `Change` left them, and its figures.

    seen: what the meeting sees: `avatar`, `camera` or, where the real one is wanted and not there,
    `still`. device: the camera's name. speech, moods: as in PageConfig. playing: whether a sound
    that was sent is spoken in place of the microphone. notice: what a person should know about the
    devices at present, or nothing. ended: why the camera is ending, or nothing. repeated: pictures
    that were shown again because there was no new one.
    """

    identity: str
    background: str
    expression: Mapping[str, float]
    life: float
    muted: bool
    frozen: bool
    through: bool
    seen: str
    identities: list[str]
    backgrounds: list[str]
    axes: tuple[Axis, ...]
    device: str
    speech: str
    moods: bool
    playing: bool
    notice: str
    ended: str
    repeated: int


# ---- a face of one's own -------------------------------------------------------------------------


class Enrol(msgspec.Struct, tag="enrol", tag_field="type", forbid_unknown_fields=True, frozen=True):
    """Learn a face from what was recorded under this name. No consent: go on with what was begun,
    for which it was given."""

    name: Name
    consent: Consent | None = None


class Named(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Which enrolment a request is about."""

    name: Name


class EnrolState(msgspec.Struct, frozen=True, kw_only=True):
    """How far an enrolment is. phase: `idle`, `working`, `stopped` (it can go on), `done` or
    `failed`. name: the new pack's. takes: how many were recorded. step, share, left_s: what is
    being done, how much of it, and seconds until the end, null while unknown. missing: what would
    make the face better. message: why it failed, or what is lacking on this machine, or nothing.
    preview: a number that grows with each picture of the face so far, 0 if there is none.
    """

    phase: str
    name: str = ""
    takes: int = 0
    step: str = ""
    share: float = 0.0
    left_s: float | None = None
    missing: tuple[str, ...] = ()
    message: str = ""
    preview: int = 0
