"""Connections that say nothing, half of something, or far too much at once."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import logging
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from latentcam.realtime_models.avatar_pack import AvatarPack
from latentcam.server import door, signalling
from latentcam.server.quiet import EVERY, OncePerMinute
from tests.aio import run
from tests.peers import Caller, serving
from tests.server.test_server import SILENCE, make_engine

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

HOST = b"Host: localhost\r\n"
HALF_REQUESTS = {
    "nothing": b"",
    "half a request line": b"GET / HT",
    "headers without end": b"GET / HTTP/1.1\r\n" + HOST + b"X: y\r\n",
    "half a body": b"POST /offer HTTP/1.1\r\n" + HOST + b"Content-Length: 6000\r\n\r\n{",
    "chunks without end": b"POST /offer HTTP/1.1\r\n"
    + HOST
    + b"Transfer-Encoding: chunked\r\n\r\n",
    "a body that nobody reads": b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 6000\r\n\r\n{",
    "an answered request": b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n",
}


@contextlib.asynccontextmanager
async def opened(port: int, count: int, data: bytes = b"") -> AsyncIterator[list[Streams]]:
    """That many connections, each of which says `data`."""
    streams = [await asyncio.open_connection("127.0.0.1", port) for _ in range(count)]
    for _, writer in streams:
        writer.write(data)
    try:
        yield streams
    finally:
        for _, writer in streams:
            writer.close()


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate and its key, as PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "key.pem").write_bytes(secret)
    return folder / "cert.pem", folder / "key.pem"


async def until_closed(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(ConnectionError):
        while await reader.read(4096):
            pass


@pytest.mark.parametrize("kind", HALF_REQUESTS)
def test_half_a_request_is_waited_for_so_long_and_no_longer(
    tiny_pack: AvatarPack, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """They stayed open for as long as they liked."""
    monkeypatch.setattr(door, "REQUEST_DEADLINE", 0.2)

    async def scene() -> None:
        async with (
            serving(make_engine(tiny_pack)) as port,
            opened(port, 3, HALF_REQUESTS[kind]) as streams,
        ):
            await asyncio.gather(*(until_closed(reader) for reader, _ in streams))

    run(scene(), timeout=60)


def test_a_body_that_trickles_is_not_waited_for_either(
    tiny_pack: AvatarPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "REQUEST_DEADLINE", 0.5)

    async def scene() -> None:
        async with (
            serving(make_engine(tiny_pack)) as port,
            opened(port, 1, HALF_REQUESTS["half a body"]) as [(reader, writer)],
        ):

            async def trickle() -> None:
                with contextlib.suppress(ConnectionError):
                    while True:
                        writer.write(b" ")
                        await writer.drain()
                        await asyncio.sleep(0.05)

            trickling = asyncio.create_task(trickle())
            await until_closed(reader)
            trickling.cancel()

    run(scene(), timeout=60)


def test_a_tls_handshake_is_part_of_the_request(
    tiny_pack: AvatarPack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """uvicorn knows nothing of a connection before its handshake, which may take a minute."""
    monkeypatch.setattr(door, "REQUEST_DEADLINE", 0.5)
    certificate, key = self_signed(tmp_path)
    trusting = ssl.create_default_context(cafile=certificate)
    trusting.check_hostname = False

    async def scene() -> None:
        async with (
            serving(make_engine(tiny_pack), tls_cert=certificate, tls_key=key) as port,
            opened(port, 2) as silent,
            opened(port, 2, b"\x16\x03\x01\x00\xc8\x01") as half,
            httpx.AsyncClient(base_url=f"https://127.0.0.1:{port}", verify=trusting) as http,
        ):
            answer = await http.get("/healthz")
            assert "max-age" in answer.headers["strict-transport-security"]
            await asyncio.gather(*(until_closed(reader) for reader, _ in silent + half))

    run(scene(), timeout=60)


def test_a_websocket_that_offers_nothing_is_closed(
    tiny_pack: AvatarPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "REQUEST_DEADLINE", 0.3)

    async def scene() -> None:
        async with serving(make_engine(tiny_pack)) as port:
            silent = await connect(f"ws://127.0.0.1:{port}/ws")
            with pytest.raises(ConnectionClosed):
                await silent.recv()

    run(scene(), timeout=60)


def test_silent_connections_keep_nobody_out_and_end_no_call(
    tiny_pack: AvatarPack, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """They took all descriptors: the call that ran stood still, and the log grew by megabytes."""
    monkeypatch.setattr(door, "most_connections", lambda: 8)

    async def scene() -> None:
        async with serving(make_engine(tiny_pack)) as port:
            caller = Caller(SILENCE)
            socket = await caller.call(port)
            await caller.until_frames(5)
            async with opened(port, 60) as streams:
                async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
                    assert (await http.get("/healthz")).status_code == 200
                await asyncio.gather(*(until_closed(reader) for reader, _ in streams[:50]))
                await caller.until_frames(len(caller.frames) + 20)
            await socket.close()
            await caller.aclose()

    run(scene(), timeout=60)
    assert "8 connections are open, as many as are served" in caplog.text


def test_when_all_are_busy_a_newcomer_is_turned_away(
    tiny_pack: AvatarPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "most_connections", lambda: 1)

    async def scene() -> None:
        async with serving(make_engine(tiny_pack)) as port:
            caller = Caller(SILENCE)
            socket = await caller.call(port)
            async with opened(port, 3) as streams:
                await asyncio.gather(*(until_closed(reader) for reader, _ in streams))
            await caller.until_frames(5)
            await socket.close()
            await caller.aclose()

    run(scene(), timeout=60)


def test_calls_keep_descriptors_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    for soft, most in ((1024, 240), (64, 8), (4096, 256), (resource.RLIM_INFINITY, 256)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, soft=soft: (soft, soft))
        assert door.most_connections() == most


def test_what_comes_at_once_is_looked_at_slice_by_slice(
    tiny_pack: AvatarPack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """20 000 messages in one piece held the loop for seconds. Here fewer, of which none is lost."""
    sizes: list[int] = []
    received = WebSocketsSansIOProtocol.data_received

    def noted(self: WebSocketsSansIOProtocol, data: bytes) -> None:
        sizes.append(len(data))
        received(self, data)

    monkeypatch.setattr(WebSocketsSansIOProtocol, "data_received", noted)

    async def scene() -> None:
        async with serving(make_engine(tiny_pack)) as port:
            caller = Caller(SILENCE)
            socket = await caller.call(port)
            await caller.until_frames(1)
            refused = [json.dumps({"type": "change", "life": 3 + number}) for number in range(500)]
            frames = [Frame(Opcode.TEXT, text.encode()).serialize(mask=True) for text in refused]
            socket.transport.write(b"".join(frames))
            told: list[str] = []
            while len(told) < len(refused):
                if (message := json.loads(await socket.recv()))["type"] == "error":
                    told.append(message["message"])
            assert told == [f"life is {3 + number}.0, expected 0 to 2" for number in range(500)]
            await socket.close()
            await caller.aclose()

    run(scene(), timeout=60)
    assert max(sizes) <= door.SLICE < sum(sizes)


def test_a_message_larger_than_a_slice_may_come_in_parts(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        async with serving(make_engine(tiny_pack)) as port:
            async with connect(f"ws://127.0.0.1:{port}/ws") as socket:
                text = b'{"type":"offer",' + 40_000 * b" " + b'"sdp":"v=0"}'
                frame = Frame(Opcode.TEXT, text).serialize(mask=True)
                for start in range(0, len(frame), 9_000):
                    socket.transport.write(frame[start : start + 9_000])
                    await asyncio.sleep(0.05)  # so that it arrives in as many reads
                assert "the offer has no audio" in json.loads(await socket.recv())["message"]

    run(scene(), timeout=60)


def test_a_message_without_end_is_too_large(tiny_pack: AvatarPack) -> None:
    async def scene() -> None:
        async with serving(make_engine(tiny_pack)) as port:
            socket = await connect(f"ws://127.0.0.1:{port}/ws")
            for number in range(8):
                kind = Opcode.CONT if number else Opcode.TEXT
                part = Frame(kind, 16_384 * b"x", fin=False)
                socket.transport.write(part.serialize(mask=True))
            with pytest.raises(ConnectionClosed):
                await socket.recv()
            assert socket.close_code == 1009

    run(scene(), timeout=60)


@pytest.mark.parametrize("message", [b"{", b'{"type":"change","identity":"7"}', b"binary"])
def test_a_page_that_floods_its_socket_is_hung_up_on(
    tiny_pack: AvatarPack, monkeypatch: pytest.MonkeyPatch, message: bytes
) -> None:
    """One socket stopped all calls."""
    taken = 0
    take = signalling.Allowance.take

    def counted(allowance: signalling.Allowance) -> bool:
        nonlocal taken
        taken += 1
        return take(allowance)

    monkeypatch.setattr(signalling.Allowance, "take", counted)

    async def scene() -> None:
        async with serving(make_engine(tiny_pack)) as port:
            good, bad = Caller(SILENCE), Caller(SILENCE)
            socket, flooded = await good.call(port), await bad.call(port)
            await asyncio.gather(good.until_frames(5), bad.until_frames(5))
            kind = Opcode.BINARY if message == b"binary" else Opcode.TEXT
            frame = Frame(kind, message).serialize(mask=True)
            flooded.transport.write(20_000 * frame)
            told = []
            with pytest.raises(ConnectionClosed):
                while True:
                    told.append(json.loads(await flooded.recv()))
            assert told[-1]["code"] == "too_fast" and "messages a second" in told[-1]["message"]
            await good.until_frames(len(good.frames) + 10)
            await socket.close()
            await good.aclose()
            await bad.aclose()

    run(scene(), timeout=60)
    assert taken < 10_000, "the rest was never looked at"


def test_an_allowance_fills_again() -> None:
    now = 0.0
    allowance = signalling.Allowance(3, 2, lambda: now)
    assert [allowance.take() for _ in range(4)] == [True, True, True, False]
    now = 100.0
    assert [allowance.take() for _ in range(4)] == [True, True, True, False]
    now = 101.0
    assert [allowance.take() for _ in range(2)] == [True, False]


def test_a_line_of_one_kind_is_said_once_a_minute() -> None:
    now = 0.0
    limit = OncePerMinute(lambda: now)

    def said(message: str, *args: object) -> str | None:
        record = logging.LogRecord("a", logging.WARNING, "", 0, message, args, None)
        return record.getMessage() if limit.filter(record) else None

    assert said("%d are here", 1) == "1 are here"
    assert said("%d are here", 2) is None and said("%d are here", 3) is None
    assert said("something else") == "something else"
    now = EVERY
    assert said("%d are here", 4) == "4 are here (and 2 times since it was said last)"
    now = 2 * EVERY
    assert said("%d are here", 5) == "5 are here"
