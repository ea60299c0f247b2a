"""What `serve` says when others may come: addresses that a phone can open, a code, what it asks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ifaddr import IP, Adapter

from latentcam.server.config import ServerConfig
from latentcam.server.invitation import addresses, advice, here, own_addresses, qr_code

MACHINE = [
    Adapter("lo", "lo", [IP("127.0.0.1", 8, "lo"), IP(("::1", 0, 0), 128, "lo")]),
    Adapter("docker0", "docker0", [IP("172.17.0.1", 16, "docker0")]),
    Adapter("eth1", "eth1", [IP("169.254.3.4", 16, "eth1")]),
    Adapter(
        "wlan0",
        "wlan0",
        [
            IP(("fe80::1", 0, 3), 64, "wlan0"),
            IP(("2001:db8::7", 0, 0), 64, "wlan0"),
            IP("192.168.1.7", 24, "wlan0"),
        ],
    ),
    Adapter("{4}", "Hyper-V Virtual Ethernet Adapter", [IP("172.28.0.1", 20, "{4}")]),
]
OWN = ["192.168.1.7", "2001:db8::7", "169.254.3.4", "172.17.0.1", "172.28.0.1"]


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    (tmp_path / "pem").touch()
    return tmp_path / "pem"


def test_what_a_phone_can_reach_comes_first() -> None:
    assert own_addresses(MACHINE) == OWN
    assert not {"127.0.0.1", "::1"} & set(own_addresses()), "of this machine, too"


def test_a_server_for_all_names_every_address_that_its_socket_takes(pem: Path) -> None:
    """It printed https://0.0.0.0:8080, which no phone can open."""
    four = ServerConfig(host="0.0.0.0", token="a b", tls_cert=pem, tls_key=pem)
    assert addresses(four, 8443, OWN)[:2] == [
        "https://192.168.1.7:8443/?token=a+b",
        "https://169.254.3.4:8443/?token=a+b",
    ]
    assert here(four, 8443) == "https://localhost:8443/?token=a+b"
    six = ServerConfig(host="::", token="t")
    assert addresses(six, 80, OWN)[1] == "http://[2001:db8::7]:80/?token=t"
    assert addresses(four, 1, []) == ["https://localhost:1/?token=a+b"], "without a network"


def test_one_address_is_named_as_it_was_given() -> None:
    assert addresses(ServerConfig(), 8080) == ["http://127.0.0.1:8080"]
    assert addresses(ServerConfig(host="::1"), 8080) == ["http://[::1]:8080"]
    named = ServerConfig(host="desk.example", token="t")
    assert addresses(named, 1) == ["http://desk.example:1/?token=t"]


def test_people_are_told_what_they_need_and_nothing_else(pem: Path) -> None:
    def said(found: list[str], **settings: object) -> str:
        config = ServerConfig(**settings)  # type: ignore[arg-type]
        return " ".join(advice(config, 80, found))

    assert said(["http://127.0.0.1:80"]) == ""
    tls = {"tls_cert": pem, "tls_key": pem}
    assert said(["…"], host="::1", **tls) == ""
    plain = said(["…"], host="0.0.0.0", token="t")
    assert "On this machine: http://localhost:80/?token=t" in plain and "add --tls" in plain
    own = said(["…"], host="0.0.0.0", token="t", fingerprint="AB:CD", **tls)
    assert "Choose Advanced" in own and "AB:CD" in own and "add --tls" not in own
    assert "no network" in said(["http://localhost:80/?token=t"], host="0.0.0.0", token="t")


def test_a_camera_reads_the_code() -> None:
    """Drawn as a terminal would, and read by OpenCV where it is installed."""
    cv2 = pytest.importorskip("cv2")
    address = "https://192.168.100.100:8443/?token=abcdefghijkl"
    rows = [line for line in qr_code(address).splitlines() if line]
    blocks = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}
    halves = np.array([[blocks[c] for c in row] for row in rows])
    light = halves.transpose(0, 2, 1).reshape(2 * len(rows), -1).astype(np.uint8) * 255
    picture = np.pad(light.repeat(8, 0).repeat(8, 1), 40, constant_values=255)
    assert cv2.QRCodeDetector().detectAndDecode(picture)[0] == address
