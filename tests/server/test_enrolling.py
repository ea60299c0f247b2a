"""A face from the page and from the command line, with a process that only tells news."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from latentcam.realtime_models import enrolment
from latentcam.realtime_models.enrolment import Consent, Covered, Doing, Done, Failed
from latentcam.server.__main__ import main
from latentcam.server.commands.ordered import minutes, same_part
from latentcam.server.config import ServerConfig
from latentcam.server.enrolling import (
    MOST_TAKES,
    Enrolling,
    after,
    begun,
    takes,
)
from latentcam.server.errors import Refused
from latentcam.server.messages import Enrol, EnrolState
from tests.aio import run

CONSENT = {"whose": "Ada", "own": True, "of_age": True, "purpose": "calls", "agreed": ""}
WORKER = """
import signal, sys, time
from pathlib import Path
say = lambda text: print(text, flush=True)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
folder = Path(sys.argv[1])
say('{"type":"doing","step":"finding the face","share":0.5,"left_s":null,"loss":0.0}')
say('{"type":"covered","pictures":9,"seconds":60.0,"face_pixels":200,"missing":["a smile"]}')
(folder / "preview.jpg").write_bytes(b"picture")
if (folder / "wait").exists():
    time.sleep(600)
MORE
"""
DONE = """say('{"type":"done","folder":"packs/ada"}')"""
FAILED = """say('{"type":"failed","message":"no face is found in 1.webm"}'); sys.exit(2)"""


@pytest.fixture(autouse=True)
def models() -> None:
    enrolment.models().mkdir(parents=True)
    for name in enrolment.MODELS:
        (enrolment.models() / name).touch()


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process tells news and is done."""
    work(monkeypatch, DONE)


def work(monkeypatch: pytest.MonkeyPatch, more: str) -> None:
    monkeypatch.setattr(enrolment, "missing_packages", lambda: [])
    script = WORKER.replace("MORE", more)
    monkeypatch.setattr(
        enrolment, "command", lambda folder: [sys.executable, "-c", script, str(folder)]
    )


@asynccontextmanager
async def page(
    config: ServerConfig | None = None,
) -> AsyncIterator[tuple[Enrolling, httpx.AsyncClient]]:
    enrolling = Enrolling()
    client_demo = Path(__file__).resolve().parents[2] / "client_demo"
    app = Starlette(routes=enrolling.routes(config or ServerConfig(), client_demo))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        try:
            yield enrolling, client
        finally:
            await enrolling.aclose()


async def record(client: httpx.AsyncClient, take: int = 1, name: str = "ada") -> httpx.Response:
    answer = None
    for piece, content in enumerate((b"first ", b"second")):
        query: dict[str, str | int] = {"name": name, "take": take, "piece": piece}
        answer = await client.post("/enrol/recording", params=query, content=content)
    assert answer is not None
    return answer


def test_a_face_from_recording_to_pack(ends: None) -> None:
    async def scenario() -> None:
        async with page() as (enrolling, client):
            assert (await client.get("/enrol")).text.startswith("<!doctype html>")
            assert (await client.get("/enrol/state")).json()["phase"] == "idle"
            assert (await client.get("/enrol/preview.jpg")).status_code == 404
            assert (await record(client)).json()["takes"] == 1
            await record(client, 2)
            assert [path.read_bytes() for path in takes("ada")] == [b"first second"] * 2
            asked = {"type": "enrol", "name": "ada", "consent": CONSENT}
            started = await client.post("/enrol/start", json=asked)
            assert started.status_code == 200 and started.json()["phase"] == "working"
            reading = enrolling._reading
            assert reading is not None
            await reading
            state = (await client.get("/enrol/state")).json()
            assert state["phase"] == "done" and state["missing"] == ["a smile"]
            assert (await client.get("/enrol/preview.jpg")).content == b"picture"
            assert state["preview"] > 0
            forgotten = await client.post("/enrol/forget", json={"name": "ada"})
            assert forgotten.json()["phase"] == "idle" and not takes("ada")

    run(scenario())


def test_what_is_stopped_goes_on_with_the_consent_it_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also on a server that was started since."""
    work(monkeypatch, DONE)

    async def scenario() -> None:
        async with page() as (enrolling, client):
            await record(client)
            (enrolment.orders() / "ada" / "wait").touch()
            asked = {"type": "enrol", "name": "ada", "consent": CONSENT}
            await client.post("/enrol/start", json=asked)
            while enrolling.state().missing == ():
                await asyncio.sleep(0.01)
            busy = await client.post("/enrol/start", json=asked)
            assert busy.status_code == 409 and "stop that first" in busy.json()["error"]
            assert (await record(client)).status_code == 409
            assert (await client.post("/enrol/stop")).json()["phase"] == "stopped"
        assert begun().phase == "stopped" and begun().name == "ada"
        (enrolment.orders() / "ada" / "wait").unlink()
        async with page() as (enrolling, client):
            await client.post("/enrol/start", json={"type": "enrol", "name": "ada"})
            assert enrolling._reading is not None
            await enrolling._reading
            assert enrolling.state().phase == "done"

    run(scenario())


def test_why_it_failed_is_the_processs_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    work(monkeypatch, FAILED)

    async def scenario() -> None:
        async with page() as (enrolling, client):
            await record(client)
            await enrolling.start(Enrol("ada", Consent(**CONSENT)))  # type: ignore[arg-type]
            assert enrolling._reading is not None
            await enrolling._reading
            state = enrolling.state()
            assert state.phase == "failed" and state.message == "no face is found in 1.webm"

    run(scenario())


def test_what_the_page_may_not_ask_for_is_refused(ends: None) -> None:
    async def scenario() -> None:
        async with page() as (_, client):
            asked_for: list[tuple[dict[str, str | int], int]] = [
                ({"name": "../ada", "take": 1, "piece": 0}, 409),
                ({"name": "ada", "take": MOST_TAKES + 1, "piece": 0}, 400),
                ({"name": "ada", "take": "²", "piece": 0}, 400),
                ({"name": "ada"}, 400),
            ]
            for query, status in asked_for:
                got = await client.post("/enrol/recording", params=query, content=b"x")
                assert got.status_code == status and got.json()["error"], query
            for consent in ({**CONSENT, "of_age": False}, {**CONSENT, "whose": ""}):
                asked = {"type": "enrol", "name": "ada", "consent": consent}
                got = await client.post("/enrol/start", json=asked)
                assert got.status_code == 400 and got.json()["error"]
            got = await client.post(
                "/enrol/start", json={"type": "enrol", "name": "ada", "consent": CONSENT}
            )
            assert got.status_code == 400 and "nothing was recorded" in got.json()["error"]
            got = await client.post("/enrol/forget", json={"name": "nobody"})
            assert got.status_code == 409 and "neither a pack" in got.json()["error"]
        far = ServerConfig(host="0.0.0.0", token="secret")
        async with page(far) as (_, client):
            for path in ("/enrol/state", "/enrol/preview.jpg"):
                got = await client.get(path, params={"token": "secret"})
                assert got.status_code == 403 and "machine itself" in got.json()["error"]

    run(scenario())


def test_no_recording_fills_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("latentcam.server.enrolling.LARGEST_RECORDING", 15)
    enrolling = Enrolling()
    enrolling.keep("ada", 1, bytes(10), True)
    with pytest.raises(Refused, match="the takes have"):
        enrolling.keep("ada", 2, bytes(10), True)


def test_news_become_what_the_page_shows() -> None:
    state = after(EnrolState(phase="working"), Doing("training", 0.25, 90.0))
    assert (state.step, state.share, state.left_s) == ("training", 0.25, 90.0)
    assert after(state, Covered(1, 0.0, 100, ("light",))).missing == ("light",)
    assert after(state, Done("folder")).phase == "done"
    assert after(state, Failed("why")).message == "why"


def enrol(*more: str) -> int:
    return main(["avatar", "enrol", "--name", "ada", "--whose", "Ada", "--purpose", "calls", *more])


def test_the_command_line_tells_how_far_it_is(
    ends: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = tmp_path / "me.mp4"
    video.write_bytes(b"a video")
    assert enrol("--own-face", str(video)) == 0
    out, err = capsys.readouterr()
    assert out == "packs/ada\n"
    assert "finding the face  50%" in err and "better with a smile" in err
    order = enrolment.read_order(enrolment.orders() / "ada")
    assert isinstance(order, enrolment.Enrolment)
    assert order.files == (str(video),) and order.consent.own


def test_the_command_lines_refusals(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work(monkeypatch, FAILED)
    video = tmp_path / "me.mp4"
    video.write_bytes(b"a video")
    for words, said in (
        (("--own-face", str(video)), "no face is found in 1.webm"),
        (("--own-face", str(tmp_path / "none.mp4")), "does not exist"),
        (("--own-face", "--minutes", "0", str(video)), "--minutes is 0"),
        (("--agreed", " ", str(video)), "it is not said how Ada agreed"),
        (("--own-face", "--base", "nothing", str(video)), "neither a folder"),
    ):
        assert enrol(*words) == 2
        out, err = capsys.readouterr()
        assert said in err and "Traceback" not in err and out == ""
    with pytest.raises(SystemExit):
        enrol(str(video))
    assert "--own-face --agreed is required" in capsys.readouterr().err
    monkeypatch.setattr(enrolment, "missing_packages", lambda: ["mediapipe"])
    assert enrol("--own-face", str(video)) == 2
    assert "pip install 'latentcam[enrol]'" in capsys.readouterr().err


def test_a_style_from_the_command_line(
    ends: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "painting.jpg"
    picture.write_bytes(b"a picture")
    words = ["avatar", "stylise", "--like", str(picture), "--name", "painted"]
    assert main([*words, "--strength", "2"]) == 2
    assert "--strength is 2" in capsys.readouterr().err
    assert main([*words, "--keep-colours"]) == 0
    order = enrolment.read_order(enrolment.orders() / "painted")
    assert isinstance(order, enrolment.Restyling) and order.keep_colours
    capsys.readouterr()
    assert main(["avatar", "forget", "painted"]) == 0
    assert "deleted" in capsys.readouterr().out
    assert not (enrolment.orders() / "painted").exists()


def test_a_log_holds_a_line_for_each_tenth() -> None:
    assert same_part(Doing("a", 0.11), Doing("a", 0.19))
    assert not same_part(Doing("a", 0.19), Doing("a", 0.21))
    assert not same_part(Doing("a", 0.1), Doing("b", 0.1)) and not same_part(None, Done("x"))
    assert minutes(50) == "50 s" and minutes(600) == "10 min"
