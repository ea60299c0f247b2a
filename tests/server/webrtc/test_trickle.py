"""Fragments of SDP with candidates: what is tried, what is passed over, what is refused."""

from __future__ import annotations

import pytest

from latentcam.server.errors import BadRequest, Refused
from latentcam.server.webrtc.offer import MOST_CANDIDATES, MOST_NAMES, PUBLISH, read_offer
from latentcam.server.webrtc.trickle import Trickle
from tests.server.webrtc.test_offer import AUDIO, HEAD, sdp

OFFER = read_offer(sdp(AUDIO, head=HEAD.replace("BUNDLE 0 1", "BUNDLE 0")), PUBLISH)
KEYS = "a=ice-ufrag:eEeE\r\na=ice-pwd:0123456789abcdefghijklmn\r\n"


def host(number: int, address: str = "192.0.2.9", protocol: str = "udp") -> str:
    return f"a=candidate:{number} 1 {protocol} {number} {address} {2000 + number} typ host\r\n"


def test_candidates_of_use_are_tried() -> None:
    fragment = KEYS + "m=audio 9 RTP/AVP 0\r\na=mid:0\r\n" + host(7) + host(8, "2001:db8::1")
    assert Trickle(OFFER).read(fragment) == [
        "8 1 udp 8 2001:db8::1 2008 typ host",
        "7 1 udp 7 192.0.2.9 2007 typ host",
    ]


@pytest.mark.parametrize(
    "line",
    [
        host(1, protocol="tcp"), host(1, "host.invalid"), host(1, "999.1.1.1"), "a=candidate:\r\n",
        "a=candidate:1 2 udp 9 192.0.2.9 9 typ host\r\n", "a=candidate:1 1 udp x y z typ host\r\n",
        host(1, "192.0.2.9").replace("host", "odd"), "a=end-of-candidates\r\n", KEYS,
    ],
)  # fmt: skip
def test_what_is_of_no_use_is_passed_over(line: str) -> None:
    assert Trickle(OFFER).read(KEYS + line) == []


def test_only_so_many_are_tried_however_they_come() -> None:
    """Each that does not answer costs seven datagrams, each name a multicast."""
    trickle = Trickle(OFFER)
    found = [one for n in range(100) for one in trickle.read(host(n) + host(n, f"a{n}.local"))]
    names = [one for one in found if ".local" in one]
    assert len(names) == MOST_NAMES
    assert len(found) - len(names) == MOST_CANDIDATES - OFFER.addresses == MOST_CANDIDATES - 1


@pytest.mark.parametrize("fragment", ["", "hello", "\0", "a=mid:0\r\n", "v=0\r\na=x\r\n" * 99])
def test_what_is_no_fragment_is_refused(fragment: str) -> None:
    with pytest.raises(BadRequest, match="has no candidate, expected lines of a=candidate"):
        Trickle(OFFER).read(fragment)


def test_a_fragment_that_never_ends_is_refused() -> None:
    with pytest.raises(BadRequest, match="characters, expected up to"):
        Trickle(OFFER).read(host(1) * 2000)


@pytest.mark.parametrize("name", ["ice-ufrag", "ice-pwd"])
def test_a_restart_is_refused(name: str) -> None:
    with pytest.raises(Refused, match="restarts ICE") as refused:
        Trickle(OFFER).read(f"a={name}:another\r\n{host(1)}")
    assert refused.value.status == 422
