"""One change for a browser's session and for the camera: whole or not at all, in order."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest

from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.realtime_models.axes import FACE_AXES
from latentcam.realtime_models.generator.mixing import mixed
from latentcam.server.controls import Controls, check_expression, check_life
from latentcam.server.errors import BadRequest
from latentcam.server.messages import Change, Mix
from latentcam.stream.backgrounds import Backgrounds
from latentcam.stream.engine import Engine
from latentcam.stream.messages import AudioChunk, Frame
from latentcam.stream.session import Session
from latentcam.stream.voice_motion import VoiceMotion
from tests.aio import run
from tests.peers import Caller, serving
from tests.server.test_server import make_engine
from tests.voice import speech


class NoSink:
    def send(self, frame: Frame) -> None:
        pass

    def close(self) -> None:
        pass


async def no_voice() -> AsyncIterator[AudioChunk]:
    return
    yield


class Scene:
    """Controls of a session that does not run, and what they say of it."""

    def __init__(self, engine: Engine, backgrounds: Backgrounds | None = None) -> None:
        anchor = engine.avatar.anchor("Ada")
        self.engine = engine
        self.motion = VoiceMotion(engine, no_voice(), seed=0)
        self.session = Session(engine, self.motion.motions(), NoSink(), anchor)
        self.switched: list[tuple[str, bool | str]] = []
        self.controls = Controls(
            engine,
            self.session,
            self.motion,
            "Ada",
            mute=lambda muted: self.switched.append(("mute", muted)),
            freeze=lambda frozen: self.switched.append(("freeze", frozen)),
            background="own",
            backgrounds=backgrounds,
            put_behind=lambda background: self.switched.append(("behind", background.name)),
        )

    def state(self) -> dict[str, Any]:
        controls, settings = self.controls, self.motion.settings
        return {
            "identity": controls.identity,
            "background": controls.background,
            "anchor": self.session.anchor.tobytes(),
            "expression": dict(settings.expression),
            "life": settings.life,
            "muted": controls.muted,
            "frozen": controls.frozen,
            "switched": list(self.switched),
        }


def test_what_is_not_named_stays(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        engine = make_engine(tiny_pack)
        one = Scene(engine)
        await one.controls.apply(Change(expression={"jawOpen": 0.5}, life=0.5))
        before = one.state()
        await one.controls.apply(Change())
        assert one.state() == before
        await one.controls.apply(Change(muted=True))
        assert one.state() == {**before, "muted": True, "switched": [("mute", True)]}
        await one.controls.apply(Change(identity="Bo", frozen=True))
        assert np.array_equal(one.session.anchor, engine.avatar.anchor("Bo"))
        after = one.state()
        assert (after["identity"], after["frozen"], after["muted"]) == ("Bo", True, True)
        assert (after["expression"], after["life"]) == ({"jawOpen": 0.5}, 0.5)
        await one.controls.apply(Change(expression={}))
        assert one.state()["expression"] == {}, "replaced whole"
        await engine.aclose()

    run(scene())


@pytest.mark.parametrize(
    "wrong,reason",
    [
        (Change(identity="Eve"), "'Eve' is neither one of Ada, Bo"),
        (Change(life=2.1), "life is 2.1, expected 0 to 2"),
        (Change(life=-1e308), "expected 0 to 2"),
        (Change(expression={"wings": 1.0}), r"got the axes \['wings'\], expected names out of"),
        (Change(expression={"jawOpen": 1e308}), r"jawOpen is 1e\+308, expected -1 to 1"),
        (Change(expression={"headYaw": -1e308}), r"headYaw is -1e\+308, expected -50 to 50"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused_whole(
    tiny_pack: AvatarPack, wrong: Change, reason: str
) -> None:
    """1e308 and then -1e308 once left a face turned for ever: their difference is no number."""

    async def scene() -> None:
        engine = make_engine(tiny_pack)
        one = Scene(engine)
        before = one.state()
        fields: dict[str, Any] = {
            "identity": wrong.identity or "Bo",
            "expression": wrong.expression or {"jawOpen": 0.5},
            "life": 0.5 if wrong.life is None else wrong.life,
        }
        with pytest.raises(BadRequest, match=reason):
            await one.controls.apply(Change(**fields, muted=True, frozen=True))
        assert one.state() == before
        await engine.aclose()

    run(scene())


def test_changes_are_made_in_the_order_they_came(tiny_pack: AvatarPack) -> None:
    """A sampled face takes its time on a thread; a later change must not overtake it."""

    async def scene() -> None:
        engine = make_engine(tiny_pack)
        one = Scene(engine)
        await asyncio.gather(
            one.controls.apply(Change(identity="7", life=0.1)),
            one.controls.apply(Change(life=0.2)),
            one.controls.apply(Change(identity="Bo")),
        )
        assert one.state()["life"] == 0.2 and one.state()["identity"] == "Bo"
        await engine.aclose()

    run(scene())


def test_a_change_that_is_given_up_changes_nothing(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        engine = make_engine(tiny_pack)
        one = Scene(engine)
        before = one.state()
        task = asyncio.create_task(one.controls.apply(Change(identity="7", life=0.1)))
        await asyncio.sleep(0)  # it waits for the face now
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert one.state() == before
        await one.controls.apply(Change(life=0.1))
        assert one.state()["life"] == 0.1, "and the next one is made"
        await engine.aclose()

    run(scene())


@pytest.mark.parametrize("offset", [math.nan, math.inf, -math.inf, 1.0001, -1.0001])
def test_offsets_are_bounded(offset: float) -> None:
    with pytest.raises(BadRequest, match="jawOpen is"):
        check_expression({"jawOpen": offset}, FACE_AXES)


def test_offsets_reach_from_one_end_of_an_axis_to_the_other() -> None:
    for axis in FACE_AXES:
        width = axis.high - axis.low
        check_expression({axis.name: width}, FACE_AXES)
        check_expression({axis.name: -width}, FACE_AXES)


def test_a_refusal_is_short_whatever_was_asked() -> None:
    with pytest.raises(BadRequest, match="and 197 more, expected") as caught:
        check_expression({f"{'x' * 60}{i}": 0.0 for i in range(200)}, FACE_AXES)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("strength", [math.nan, math.inf, -0.1, 2.1])
def test_life_is_bounded(strength: float) -> None:
    with pytest.raises(BadRequest, match="life is"):
        check_life(strength)


def test_a_browser_s_call_can_be_muted_and_frozen(tiny_pack: AvatarPack) -> None:
    """As the camera can; whoever calls hears and sees that it is so."""

    async def scene() -> None:
        async with serving(make_engine(tiny_pack)) as port:
            caller = Caller(speech(60.0, 48000))
            socket = await caller.call(port)

            async def ask(**change: bool) -> None:
                await socket.send(json.dumps({"type": "change", **change}))

            async def until(true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
                told: dict[str, Any] = {}
                async with asyncio.timeout(60):
                    while not told or not true(told):
                        told = json.loads(await socket.recv())
                return told

            await until(lambda told: told["level"] > 0.01)
            await ask(muted=True)
            await until(lambda told: told["level"] == 0.0)
            heard = -1
            async with asyncio.timeout(60):  # what was under way still comes
                while heard != len(caller.voice):
                    heard = len(caller.voice)
                    await caller.until_frames(len(caller.frames) + 25)
            await ask(muted=False)
            await until(lambda told: told["level"] > 0.01)

            await ask(frozen=True)
            before = await until(lambda told: True)
            while (now := await until(lambda told: True))["frames"] != before["frames"]:
                before = now
            await ask(frozen=False)
            await until(lambda told: told["frames"] > now["frames"] + 10)
            await socket.close()
            await caller.aclose()

    run(scene(), timeout=240)


def test_a_background_that_is_not_there_changes_nothing(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        engine = make_engine(tiny_pack)
        for one, said in (
            (Scene(engine, Backgrounds()), "expected #rrggbb, own, room, or blur:"),
            (Scene(engine), "these faces have no alpha"),
        ):
            before = one.state()
            with pytest.raises(BadRequest, match=said):
                await one.controls.apply(Change(background="garden", life=0.5))
            assert one.state() == before
        one = Scene(engine, Backgrounds())
        await one.controls.apply(Change(background="blur:room"))
        state = one.state()
        assert state["background"] == "blur:room" and state["switched"] == [("behind", "blur:room")]
        await engine.aclose()

    run(scene())


def test_a_face_takes_styles_of_another_and_becomes_it_slowly(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        engine = make_engine(tiny_pack)
        one = Scene(engine)
        ada, bo = (engine.avatar.anchor(name) for name in ("Ada", "Bo"))
        await one.controls.apply(Change(mix=Mix("Bo", "coarse"), morph=5.0))
        wanted = mixed(engine.avatar.card.generator, ada, bo, "coarse")
        assert np.array_equal(one.session.anchor, wanted) and one.controls.identity == "Ada"
        await one.controls.apply(Change(identity="7", mix=Mix("Bo", "fine")))
        assert one.controls.identity == "7"
        before = one.state()
        for change, said in (
            (Change(morph=1.0), "got morph alone, expected identity or mix"),
            (Change(identity="Bo", morph=31.0), "morph is 31, expected 0 to 30 seconds"),
            (Change(identity="Bo", morph=math.nan), "morph is nan"),
            (Change(mix=Mix("Nobody", "fine")), "'Nobody' is neither"),
        ):
            with pytest.raises(BadRequest, match=said):
                await one.controls.apply(change)
        assert one.state() == before

    run(scene())
