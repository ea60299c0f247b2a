"""What people may change while a face runs, checked before anything is changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from latentcam.realtime_models.arrays import Latent
from latentcam.realtime_models.axes import Axis
from latentcam.realtime_models.generator.mixing import mixed
from latentcam.realtime_models.motion.performance import LIVELIEST
from latentcam.server.errors import BadRequest
from latentcam.server.messages import Change
from latentcam.stream.backgrounds import Background, Backgrounds
from latentcam.stream.engine import Engine
from latentcam.stream.latent_session import LatentSession
from latentcam.stream.session import Session
from latentcam.stream.voice_motion import VoiceMotion

LONGEST_MORPH = 30.0  # seconds


class Controls:
    """What a person can change of one running session, a browser's or the camera's.

    identity, background: those the session began with. mute, freeze, put_behind: called on the
    event loop with the new setting. backgrounds: those that may be asked for, if any. put_through:
    as mute, where there may be a real camera.
    """

    def __init__(
        self,
        engine: Engine,
        session: Session | LatentSession,
        motion: VoiceMotion,
        identity: str,
        mute: Callable[[bool], None],
        freeze: Callable[[bool], None],
        background: str,
        backgrounds: Backgrounds | None,
        put_behind: Callable[[Background], None],
        put_through: Callable[[bool], None] | None = None,
    ) -> None:
        self._engine, self._session, self._motion = engine, session, motion
        self._mute, self._freeze, self._put_behind = mute, freeze, put_behind
        self._put_through, self._backgrounds = put_through, backgrounds
        self._changing = asyncio.Lock()  # in the order that they came in
        self.identity = identity
        self.background = background
        self.muted = False
        self.frozen = False

    async def apply(self, change: Change) -> None:
        """If it raises BadRequest or is cancelled, nothing is changed."""
        async with self._changing:
            if change.expression is not None:
                check_expression(change.expression, self._engine.avatar.card.axes)
            if change.life is not None:
                check_life(change.life)
            if change.through is not None and self._put_through is None:
                raise BadRequest("got through, expected it only of latentcam camera")
            check_morph(change)
            background, anchor = None, None
            if change.background is not None:
                background = find_background(self._backgrounds, change.background)
            if change.identity is not None:
                anchor = await find_face(self._engine, change.identity)
            if change.mix is not None:
                into = await find_face(self._engine, change.identity or self.identity)
                taken = await find_face(self._engine, change.mix.identity)
                config = self._engine.avatar.card.generator
                anchor = mixed(config, into, taken, change.mix.styles)
            self._take(change, anchor, background)

    def _take(self, change: Change, anchor: Latent | None, background: Background | None) -> None:
        session, motion = self._session, self._motion
        if background is not None:
            self.background = background.name
            self._put_behind(background)
        if anchor is not None:
            self.identity = change.identity or self.identity
            session.morph(anchor, change.morph)
        if change.expression is not None:
            motion.settings = replace(motion.settings, expression=change.expression)
        if change.life is not None:
            motion.settings = replace(motion.settings, life=change.life)
        if change.muted is not None:
            self.muted = change.muted
            self._mute(change.muted)
        if change.frozen is not None:
            self.frozen = change.frozen
            self._freeze(change.frozen)
        if change.through is not None and self._put_through is not None:
            self._put_through(change.through)


def check_morph(change: Change) -> None:
    """Raises BadRequest for a morph to nobody, or of a length out of range."""
    if not 0.0 <= change.morph <= LONGEST_MORPH:
        raise BadRequest(f"morph is {change.morph:g}, expected 0 to {LONGEST_MORPH:g} seconds")
    if change.morph and change.identity is None and change.mix is None:
        raise BadRequest("got morph alone, expected identity or mix: to whom?")


async def find_face(engine: Engine, identity: str) -> Latent:
    """The latent of an identity, computed off the event loop. Raises BadRequest for an identity
    that the avatar does not have."""
    try:
        return await engine.on_motion_thread(engine.avatar.anchor, identity)
    except ValueError as error:
        raise BadRequest(str(error)) from None


def find_background(backgrounds: Backgrounds | None, name: str) -> Background:
    """Raises BadRequest for one that there is not."""
    if backgrounds is None:
        raise BadRequest(
            f"got the background {name!r}, expected none: these faces have no alpha, and keep what "
            "is behind them"
        )
    try:
        return backgrounds.find(name)
    except ValueError as error:
        raise BadRequest(str(error)) from None


def check_expression(expression: Mapping[str, float], axes: Sequence[Axis]) -> None:
    """Raises BadRequest for an unknown axis, or for an offset that is not a number or is longer
    than the axis."""
    known = {axis.name: axis for axis in axes}
    if unknown := sorted(set(expression) - set(known)):
        first = f"{unknown[:3]}" + (f" and {len(unknown) - 3} more" if len(unknown) > 3 else "")
        raise BadRequest(f"got the axes {first}, expected names out of {sorted(known)}")
    for name, offset in expression.items():
        most = known[name].high - known[name].low
        if not -most <= offset <= most:
            raise BadRequest(f"{name} is {offset:g}, expected {-most:g} to {most:g}")


def check_life(strength: float) -> None:
    """Raises BadRequest if it is out of range."""
    if not 0.0 <= strength <= LIVELIEST:
        raise BadRequest(f"life is {strength}, expected 0 to {LIVELIEST:g}")
