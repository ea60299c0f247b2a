"""Offers: SDP as read, posted to a server, published by WHIP and watched by WHEP."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiortc.sdp import SessionDescription
from hypothesis import strategies as st

from latentcam.server.errors import BadRequest, Refused
from latentcam.server.webrtc.offer import CALL, CHANNELS, PUBLISH, WATCH, read_offer
from latentcam.server.webrtc.trickle import Trickle
from latentcam.server.whip import FRAGMENT, SDP
from tests.fuzz.damage import as_json, changed_json, changed_lines, joined, pieces
from tests.fuzz.served import Server, opened_app, refusal
from tests.fuzz.target import Fault, Take, Target
from tests.server.webrtc.test_offer import AUDIO, DATA, HEAD, SENT, VIDEO, sdp

OFFERS = [
    sdp(AUDIO, VIDEO),
    sdp(AUDIO, VIDEO, DATA, head=HEAD.replace("BUNDLE 0 1", "BUNDLE 0 1 2")),
    sdp(AUDIO, SENT),
    sdp(AUDIO, head=HEAD.replace("BUNDLE 0 1", "BUNDLE 0")),
    sdp(AUDIO.replace("a=sendrecv", "a=recvonly"), VIDEO),
    sdp(AUDIO, VIDEO, head=HEAD.replace("a=group:BUNDLE 0 1\n", "")),
]
LONG = "a" * 70
WORDS = (
    "", "0", "-1", "65536", "99999999999999999999", "NaN", "\0", "é", "A" * 300, "::1", "passive",
    "sendonly", "inactive", "video", "H264/90000", "host", "e.invalid", "255.255.255.255",
    "x.local", f"{LONG}.local", "..local", "٣", "\u2028", "sha-512", "PCMU/8000",
)  # fmt: skip
LINES = (
    "a=mid:0", "a=mid:", "a=setup:active", "a=setup:holdconn", "a=ice-lite", "a=end-of-candidates",
    "a=group:BUNDLE", "a=group:BUNDLE 0 0 1 2", "a=candidate:", "a=fingerprint:", "a=rtcp:",
    "a=fingerprint:md5 00", "a=ssrc:1", "a=ssrc-group:FID 1 2", "m=audio", "m=", "a=inactive",
    "m=video 0 UDP/TLS/RTP/SAVPF 96", "m=audio 9 UDP/TLS/RTP/SAVPF 0", "a=rtpmap:0", "a=fmtp:x",
    "a=sctp-port:x", "a=crypto:1 x inline:y", "a=extmap:1", "c=IN IP4", "a=rtpmap:96 VP8/0",
    "a=candidate:1 1 udp 9 a.local 9 typ host", f"a=candidate:1 1 udp 9 {LONG}.local 9 typ host",
    "a=candidate:1 1 udp 9 \0.local 9 typ host", "a=candidate:1 1 udp 9 fe80::1%eth0 9 typ relay",
    "a=ice-ufrag:x", "a=ice-pwd:y", "a=bundle-only", "a=sctpmap:5000 webrtc-datachannel 65535",
    "a=max-message-size:0", "a=msid-semantic:WMS *", "a=rtcp-fb:96 nack", "a=fmtp:96 apt=96",
)  # fmt: skip
FRAGMENTS = [
    "a=ice-ufrag:eEeE\r\na=ice-pwd:0123456789abcdefghijklmn\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n"
    "a=candidate:1 1 udp 7 192.0.2.9 2007 typ host\r\na=candidate:2 1 udp 8 b.local 9 typ host\r\n"
    "a=end-of-candidates\r\n",
]
sdps = changed_lines(OFFERS, WORDS, LINES)
fragments = changed_lines(FRAGMENTS, WORDS, LINES)


def utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")


@contextmanager
def opened_sdp(folder: Path) -> Iterator[Take]:
    def take(case: bytes) -> str:
        """The first byte says for what it is an offer; the pieces are it and what trickles in."""
        terms = (CALL, CHANNELS, PUBLISH, WATCH)[(case[:1] or b"\0")[0] % 4]
        first, *rest = [piece.decode("utf-8", "replace") for piece in pieces(case[1:])] or [""]
        offer = read_offer(first, terms)
        if len(offer.names) > 4 or offer.addresses > 16:
            raise Fault(f"{offer.addresses} addresses and {len(offer.names)} names are kept")
        trickle, found = Trickle(offer), 0
        for fragment in rest:
            found += len(trickle.read(fragment))
        if found + offer.addresses + len(offer.names) > 20:
            raise Fault(f"{found} more addresses are kept")
        return f"read, {min(found, 1)} more addresses"

    yield take


SDPS = Target(
    "sdp",
    st.builds(
        lambda terms, offer, rest: bytes([terms]) + joined([utf8(offer), *map(utf8, rest)]),
        st.integers(0, 3), sdps, st.lists(fragments, max_size=2),
    ),
    opened_sdp,
    (BadRequest, Refused),
    1700,
)  # fmt: skip


# ---- through the application ---------------------------------------------------------------------


def check_answer(offer: str, answer: str) -> None:
    """As many sections as were offered, of the same kinds; aiortc can read it as a caller, if it
    knows these, and these protocols."""
    kinds = [re.findall(r"^m=(\S+)", text, re.M) for text in (offer, answer)]
    if kinds[0] != kinds[1]:
        raise Fault(f"{kinds[0]} were offered, {kinds[1]} answered")
    protocols = re.findall(r"^m=\S+ \S+ (\S+)", answer, re.M)
    known = all(re.fullmatch("[A-Z/]+", protocol) for protocol in protocols)
    if known and set(kinds[0]) <= {"audio", "video", "application"}:
        SessionDescription.parse(answer)


async def posted(case: bytes, server: Server) -> str:
    headers = {"content-type": "application/json"}
    response = await server.http.post("/offer", content=case, headers=headers)
    if response.status_code == 200:
        offer = "\r\n".join(json.loads(case)["sdp"].splitlines())
        check_answer(offer, response.json()["sdp"])
    return refusal(response)


bodies = [
    {"type": "offer", "sdp": OFFERS[0], "identity": "Bo", "background": "room", "alpha": True},
    {"type": "offer", "sdp": OFFERS[1], "latents": True, "drive": True},
]
POSTED = Target(
    "offers",
    st.builds(lambda text: as_json({"type": "offer", "sdp": text}), sdps) | changed_json(bodies),
    lambda folder: opened_app(folder, posted),
    (),
    40,
)


async def streamed(case: bytes, server: Server) -> str:
    """Pieces: what is asked for behind the path, the publisher's offer, that of one who watches,
    and fragments of both."""
    query, sent, watched, *rest = (*pieces(case), b"", b"", b"")[: max(3, len(pieces(case)))]
    told, sessions = [], []
    name = "".join(chr(c) for c in query if 32 < c < 127 and c not in b"#%/\\")
    for way, body in ((f"/whip/{name}", sent), (f"/whep/{name.partition('?')[0]}", watched)):
        response = await server.http.post(way, content=body, headers={"content-type": SDP})
        told.append(refusal(response))
        if response.status_code != 201:
            continue
        text = body.decode()
        check_answer("\r\n".join(text.splitlines()), response.text)
        sessions.append(response.headers["location"])
        for fragment in rest:
            tagged = {"content-type": FRAGMENT, "if-match": response.headers["etag"]}
            told.append(
                refusal(await server.http.patch(sessions[-1], content=fragment, headers=tagged))
            )
    for session in reversed(sessions):
        gone = await server.http.delete(session)
        if gone.status_code != 200:
            raise Fault(f"DELETE is answered by {gone.status_code}: {gone.text[:200]}")
    return ", ".join(dict.fromkeys(told))


WISHES = (
    "live", "live?identity=Bo", "a?mood=mouthSmile&life=1", "a?life=nan", "a?x=y", "", "a b", "é",
    "a?identity=", "a?background=room", "a?life=1e999", "a" * 65, "a?token=x&token=y",
)  # fmt: skip
STREAMED = Target(
    "streams",
    st.builds(
        lambda query, sent, watched, rest: joined([utf8(t) for t in (query, sent, watched, *rest)]),
        st.sampled_from(WISHES),
        st.sampled_from(OFFERS[2:4]) | sdps,
        st.sampled_from(OFFERS[4:5]) | sdps,
        st.lists(fragments, max_size=2),
    ),
    lambda folder: opened_app(folder, streamed),
    (),
    25,
)
