"""What comes over a page's WebSocket: an offer, then control messages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import strategies as st

from latentcam.realtime_models.motion.performance import LIVELIEST
from latentcam.server import signalling
from latentcam.server.webrtc import line
from latentcam.server.webrtc.outlet import MOST_EARLY
from latentcam.server.webrtc.peer import Peer
from tests.fuzz.damage import as_json, changed_json, joined, pieces, some
from tests.fuzz.served import PATIENCE, Page, Server, alone, opened_app, running
from tests.fuzz.target import Fault, Take, Target, gist, one_sentence
from tests.fuzz.targets.offers import OFFERS, bodies
from tests.tiny import clear_card, write_pack

END = "the end"  # what no message is called
NEVER = 1e9
CHANGES: list[Any] = [
    {"type": "change", "identity": "Bo", "morph": 2.0, "life": 0.5},
    {"type": "change", "identity": "12345"},
    {"type": "change", "mix": {"identity": "Bo", "styles": "coarse"}, "morph": 1},
    {"type": "change", "expression": {"jawOpen": 0.5, "headYaw": -30.0, "mouthSmile": 1.0}},
    {"type": "change", "background": "room", "muted": True, "frozen": False},
    {"type": "change", "background": "#102030", "through": False},
    {"type": "skew", "early_ms": 12.5},
]
messages = changed_json(CHANGES)


def refusals(said: list[str]) -> list[str]:
    """The gist of each; none of them says that something failed inside."""
    found = []
    for text in said:
        message = json.loads(text)
        if message["type"] == "error":
            if message["code"] == "failed" or len(text) > 2 * signalling.LONGEST_TOLD:
                raise Fault(f"the page is told {text[:300]}")
            found.append(f"{message['code']}: {gist(one_sentence(message['message']))}")
    return found


def check_state(peer: Peer) -> None:
    """Whatever was asked for, the face is within its bounds."""
    settings, axes = peer._motion.settings, peer._engine.avatar.card.axes
    reach = {axis.name: axis.high - axis.low for axis in axes}
    within = all(abs(value) <= reach[name] for name, value in settings.expression.items())
    if not within or not 0.0 <= settings.life <= LIVELIEST:
        raise Fault(f"the settings are {settings}")
    first = peer.audience.first
    if first is None or not abs(first.early) <= MOST_EARLY:
        raise Fault("the voice waits for ever")


@contextmanager
def opened_changes(folder: Path) -> Iterator[Take]:
    """One call, which hears all cases: nobody connects, and nobody is in a hurry."""

    async def begin(server: Server) -> tuple[Page, asyncio.Task[None]]:
        page = Page(server.app)
        task = asyncio.create_task(page.run())
        page.say(as_json({"type": "offer", "sdp": OFFERS[0]}))
        while not page.said:
            await page.news()
        return page, task

    async def scene(case: bytes, server: Server, page: Page) -> str:
        page.said.clear()
        for piece in pieces(case):
            page.say(piece)
        page.say(as_json({"type": END}))
        async with asyncio.timeout(PATIENCE):
            while not any(END in text for text in page.said):
                if not server.lobby.peers:
                    raise Fault(f"the call has ended: {page.said[-1:]}")
                await page.news()
        check_state(server.lobby.peers[0])
        told = [text for text in page.said if END not in text]
        return ", ".join(sorted(set(refusals(told)))) or "taken"

    with (
        asyncio.Runner() as runner,
        alone(),
        patch.object(line, "CONNECT_DEADLINE", NEVER),
        patch.object(signalling, "MESSAGES_AT_ONCE", NEVER),
        patch.object(signalling, "TELEMETRY_EVERY", 60.0),
    ):
        context = running(write_pack(folder / "clear", clear_card()))
        server = runner.run(context.__aenter__())
        page, task = runner.run(begin(server))
        try:
            yield lambda case: runner.run(scene(case, server, page))
        finally:
            page.hang_up()
            runner.run(asyncio.wait_for(task, PATIENCE))
            runner.run(context.__aexit__(None, None, None))


CHANGED = Target("changes", some(messages, 3), opened_changes, (), 1700)


async def called(case: bytes, server: Server) -> str:
    """All that a page says, from its offer on, before it hangs up."""
    page = Page(server.app)
    task = asyncio.create_task(page.run())
    for piece in pieces(case):
        page.say(piece)
    page.hang_up()
    await task
    told = refusals(page.said)
    begun = any(json.loads(text)["type"] == "answer" for text in page.said)
    return ", ".join(["called", *told]) if begun else ", ".join(told) or "nothing said"


CALLS = Target(
    "calls",
    st.builds(
        lambda offer, rest: joined([offer, *rest]),
        st.just(as_json(bodies[0])) | changed_json(bodies),
        st.lists(messages | st.just(as_json(bodies[0])), max_size=3),
    ),
    lambda folder: opened_app(folder, called),
    (),
    40,
)
