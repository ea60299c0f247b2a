"""What a phone is told to open: never an address that means its own self."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import httpx
import pytest
from starlette.applications import Starlette

from latentcam.server import invitation
from latentcam.server.config import ServerConfig
from latentcam.server.phone import phone_routes
from tests.aio import run


def asked(config: ServerConfig, path: str, base: str) -> httpx.Response:
    async def scene() -> httpx.Response:
        transport = httpx.ASGITransport(Starlette(routes=phone_routes(config)))
        async with httpx.AsyncClient(transport=transport, base_url=base) as http:
            query = {"token": config.token} if config.token else {}
            return await http.get(path, params=query)

    return run(scene())


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    (tmp_path / "pem").touch()
    return tmp_path / "pem"


def test_a_server_on_loopback_says_how_to_start_it() -> None:
    found = asked(ServerConfig(), "/phone", "http://localhost:8080").json()
    assert found["address"] == "" and "--host 0.0.0.0 --tls self-signed" in found["advice"]
    assert asked(ServerConfig(), "/phone.svg", "http://localhost:8080").status_code == 404


def test_opened_here_it_names_the_machine_s_address(
    pem: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invitation, "own_addresses", lambda: ["192.0.2.7", "2001:db8::7"])
    config = ServerConfig(host="0.0.0.0", token="s3 cret", tls_cert=pem, tls_key=pem)
    found = asked(config, "/phone", "https://localhost:8080").json()
    assert found == {"address": "https://192.0.2.7:8080/?token=s3+cret", "advice": ""}


def test_opened_from_elsewhere_that_address_is_the_one(pem: Path) -> None:
    config = ServerConfig(host="0.0.0.0", token="s3cret")
    found = asked(config, "/phone", "http://face.example:8080").json()
    assert found["address"] == "http://face.example:8080/?token=s3cret"
    assert "HTTPS only" in found["advice"]
    config = ServerConfig(
        host="0.0.0.0", token="s3cret", tls_cert=pem, tls_key=pem, fingerprint="AB:CD"
    )
    found = asked(config, "/phone", "https://face.example").json()
    assert found["address"] == "https://face.example/?token=s3cret"
    assert "the browser warns" in found["advice"]


def test_the_code_is_a_picture() -> None:
    config = ServerConfig(host="0.0.0.0", token="s3cret")
    answer = asked(config, "/phone.svg", "http://face.example:8080")
    assert answer.headers["content-type"] == "image/svg+xml"
    root = ElementTree.fromstring(answer.content)
    assert root.tag.endswith("svg") and root.get("viewBox")


def test_who_does_not_know_the_token_is_not_told_it() -> None:
    config = ServerConfig(host="0.0.0.0", token="s3cret")

    async def scene() -> list[int]:
        transport = httpx.ASGITransport(Starlette(routes=phone_routes(config)))
        async with httpx.AsyncClient(transport=transport, base_url="http://face.example") as http:
            return [(await http.get(path)).status_code for path in ("/phone", "/phone.svg")]

    assert run(scene()) == [401, 401]
