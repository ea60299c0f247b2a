"""Offers: what is chosen, and what is refused in one sentence."""

from __future__ import annotations

import re

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription

from latentcam.server.errors import BadRequest
from latentcam.server.webrtc.negotiation import close, negotiate
from latentcam.server.webrtc.offer import (
    CALL,
    MOST_CANDIDATES,
    MOST_NAMES,
    PUBLISH,
    WATCH,
    Terms,
    read_offer,
)
from tests.aio import run

KEYS = "AA:" * 31 + "AA"
HEAD = f"""v=0
o=- 1 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=ice-ufrag:eEeE
a=ice-pwd:0123456789abcdefghijklmn
a=fingerprint:sha-256 {KEYS}
a=setup:actpass
"""
AUDIO = """m=audio 9 UDP/TLS/RTP/SAVPF 111 0 126
a=mid:0
a=sendrecv
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=rtpmap:0 PCMU/8000
a=rtpmap:126 telephone-event/8000
a=candidate:1 1 udp 2122260223 192.0.2.2 50000 typ host generation 0
"""
VIDEO = """m=video 9 UDP/TLS/RTP/SAVPF 96 97 35
a=mid:1
a=recvonly
a=rtcp-mux
a=rtpmap:96 VP8/90000
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:35 AV1/90000
"""
DATA = """m=application 9 UDP/DTLS/SCTP webrtc-datachannel
a=mid:2
a=sctp-port:5000
"""


def sdp(*sections: str, head: str = HEAD) -> str:
    return (head + "".join(sections)).replace("\n", "\r\n")


OFFER = sdp(AUDIO, VIDEO)


def answer_to(offer: str, terms: Terms = CALL) -> str:
    async def scene() -> str:
        negotiated = await negotiate(offer, (), terms)
        await close(negotiated.connection)
        return negotiated.answer

    return run(scene())


def sections(answer: str) -> list[str]:
    return re.split(r"^(?=m=)", answer, flags=re.M)[1:]


def test_one_voice_and_one_picture_are_agreed_on() -> None:
    answer = answer_to(OFFER)
    audio, video = sections(answer)
    assert "a=group:BUNDLE 0 1\r\n" in answer
    assert audio.startswith("m=audio ") and "a=sendrecv" in audio and "a=mid:0" in audio
    assert video.startswith("m=video ") and "a=sendonly" in video and "AV1" not in video
    assert "a=candidate:" in audio and "a=setup:active" in audio


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_data_channel_is_refused_and_the_call_is_not(place: int) -> None:
    """Channels were taken, and what was sent through them kept; before the voice, the answer was
    an internal error."""
    order = [AUDIO, VIDEO]
    order.insert(place, DATA)
    answer = answer_to(sdp(*order, head=HEAD.replace("BUNDLE 0 1", "BUNDLE 2 0 1")))
    answered = sections(answer)
    assert [s.split(" ")[0] for s in answered] == [s.split(" ")[0] for s in order]
    assert answered[place].startswith("m=application 0 ") and "a=mid:2" in answered[place]
    assert "a=group:BUNDLE 0 1\r\n" in answer


def test_whatever_else_is_offered_is_refused_in_its_place() -> None:
    """A second microphone was taken and its sound piled up; unknown kinds were internal errors."""
    more = AUDIO.replace("mid:0", "mid:5"), "m=image 9 udptl t38\na=mid:6\n", "m=text 9 X y\n"
    answered = sections(answer_to(sdp(AUDIO, *more, VIDEO)))
    ports = [section.split(" ")[1] for section in answered]
    assert len(answered) == 5 and ports[1:4] == ["0", "0", "0"] and "0" not in (ports[0], ports[4])


def test_sections_of_one_name_keep_their_places() -> None:
    double = DATA.replace("mid:2", "mid:0")
    answered = sections(answer_to(sdp(double, AUDIO, VIDEO)))
    assert [s.split()[0] for s in answered] == ["m=application", "m=audio", "m=video"]
    assert [s.split()[1] == "0" for s in answered] == [True, False, False]


def test_sections_apart_are_not_bundled_in_the_answer() -> None:
    answer = answer_to(sdp(AUDIO, VIDEO, head=HEAD.replace("a=group:BUNDLE 0 1\n", "")))
    assert "BUNDLE" not in answer and answer.count("a=candidate:") >= 2


def test_an_offer_of_mdns_names_only_gets_an_answer_with_candidates() -> None:
    """Firefox offers such when the page has no microphone, and never connected: aioice takes the
    end of candidates that it cannot resolve for the end of the component."""
    names = "".join(f"a=candidate:{n} 1 udp 9 a{n}.local 9 typ host\n" for n in range(1000))
    audio = re.sub("a=candidate.*\n", names + "a=end-of-candidates\n", AUDIO)
    offer = sdp(audio, VIDEO)
    assert "a=candidate:" in answer_to(offer)
    read = read_offer(offer)
    assert ".local" not in read.sdp and len(read.names) == MOST_NAMES, "each costs a multicast"


def test_only_so_many_addresses_are_looked_for_and_the_preferred_ones() -> None:
    """1000 candidates of a third party got 4126 datagrams from the server in 22 s."""
    many = "".join(f"a=candidate:{n} 1 udp {n} 10.9.9.1 {2000 + n} typ host\n" for n in range(1000))
    odd = (
        "a=candidate:1 1 tcp 9999 10.9.9.1 9 typ host tcptype active\n"
        "a=candidate:1 2 udp 9999 10.9.9.1 7 typ host\n"
        "a=candidate:1 1 udp 9999 10.9.9.1 0 typ host\n"
        "a=candidate:1 1 udp 9999 10.9.9.1 99999 typ host\n"
        "a=candidate:\n"
    )
    read = read_offer(sdp(AUDIO.replace("a=candidate", odd + many + "a=candidate"), VIDEO))
    kept = re.findall(r"a=candidate:.*", read.sdp)
    assert len(kept) == MOST_CANDIDATES and "192.0.2.2 50000" in kept[0]
    assert "2999 typ" in kept[1] and "tcp" not in "".join(kept)


@pytest.mark.parametrize(
    "offer, sentence",
    [
        ("nonsense", "the offer has no audio"),
        ("", "the offer has no audio"),
        (sdp(VIDEO), "the offer has no audio"),
        (sdp(AUDIO), "the offer has no video"),
        (OFFER.replace("a=recvonly", "a=sendonly"), "the offer's video is sendonly, expected recv"),
        (OFFER.replace("a=recvonly", "a=inactive"), "the offer's video is inactive, expected recv"),
        (OFFER.replace("a=sendrecv", "a=recvonly"), "the offer's audio is recvonly, expected send"),
        (OFFER.replace("m=video 9", "m=video 0"), "the offer has no video"),
        (OFFER.replace("a=mid:1", "a=mid:0"), r"sections are named \['0', '0'\]"),
        (OFFER.replace("a=mid:1\r\n", ""), r"sections are named \['0', ''\]"),
        (OFFER.replace("VP8", "VP9"), "the offer's video comes as .*'VP9/90000'.*expected one of"),
        (OFFER.replace("SAVPF 96 97 35", "SAVPF 35"), r"video comes as \['AV1/90000'\], expected"),
        (OFFER.replace("fingerprint", "x"), "the offer's audio has no fingerprint"),
        (OFFER.replace("sha-256", "md5"), "the offer's audio has no fingerprint"),
        (OFFER.replace("actpass", "holdconn"), "a=setup:holdconn, expected actpass"),
        (OFFER.replace("a=rtcp-mux", "a=x"), "RTCP mux is not enabled"),
        (OFFER.replace("a=ice-pwd", "a=x"), "ICE username fragment or password is missing"),
        (OFFER.replace("apt=96", "apt=x"), "is not a usable SDP"),
        (OFFER + "m=video\r\n", "has the line 'm=video', expected m=KIND PORT PROTOCOL"),
        (OFFER + "m=x 9 a:b 1\r\n", "has the line 'm=x 9 a:b 1', expected m=KIND PORT PROTOCOL"),
        (OFFER + "m=x: 9 A/B 1\r\n", "has the line 'm=x: 9 A/B 1', expected m=KIND PORT"),
        (sdp(AUDIO, VIDEO, *[DATA] * 30), "has 32 sections, expected up to"),
        (OFFER + "a=x\r\n" * 2000, r"has \d+ lines, expected up to"),
        (OFFER + "x" * 70_000, "characters, expected up to"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_a_sentence(offer: str, sentence: str) -> None:
    """An offer whose video nobody could see took a place; two sections of one name were an
    internal error."""
    with pytest.raises(BadRequest, match=sentence):
        answer_to(offer)


def test_a_section_that_is_bundled_without_a_port_is_no_refusal() -> None:
    video = VIDEO.replace("m=video 9", "m=video 0") + "a=bundle-only\n"
    assert "m=video 0" not in answer_to(sdp(AUDIO, video))


def test_no_direction_means_both() -> None:
    """It was an internal error."""
    answer = answer_to(OFFER.replace("a=sendrecv\r\n", "").replace("a=recvonly\r\n", ""))
    assert "a=sendrecv" in answer and "a=sendonly" in answer


SENT = VIDEO.replace("recvonly", "sendonly")


@pytest.mark.parametrize("codec", ["VP8/90000", "H265/90000", "AV1/90000"])
@pytest.mark.parametrize("first", [True, False])
def test_a_picture_that_is_not_looked_at_is_agreed_to(codec: str, first: bool) -> None:
    """Software that broadcasts offers one always, and some gives up where it is refused."""
    sent = SENT.replace("VP8/90000", codec)
    head = HEAD.replace("BUNDLE 0 1", "BUNDLE 1 0") if first else HEAD
    answer = answer_to(sdp(*((sent, AUDIO) if first else (AUDIO, sent)), head=head), PUBLISH)
    audio, video = sorted(sections(answer), key=lambda section: section[:7])
    assert video.startswith("m=video 9 UDP/TLS/RTP/SAVPF 96\r\n") and "a=recvonly" in video
    assert f"a=rtpmap:96 {codec}" in video and "rtx" not in video and "a=candidate:" in video
    assert audio.startswith("m=audio") and audio.split("\r\n")[0].endswith(" 111")
    assert "a=recvonly" in audio and "opus/48000" in audio
    assert ("a=group:BUNDLE 1 0" if first else "a=group:BUNDLE 0 1") in answer


@pytest.mark.parametrize(
    "video", [VIDEO, SENT.replace("m=video 9", "m=video 0"), SENT.replace("SAVPF 96 97 35", "S ")]
)
def test_a_picture_that_nobody_sends_is_refused(video: str) -> None:
    answered = sections(answer_to(sdp(AUDIO, video), PUBLISH))
    assert [section.split()[:2] for section in answered] == [["m=audio", answered[0].split()[1]],
                                                            ["m=video", "0"]]  # fmt: skip


def test_who_watches_may_be_deaf() -> None:
    answer = answer_to(sdp(VIDEO, head=HEAD.replace("BUNDLE 0 1", "BUNDLE 1")), WATCH)
    assert "m=audio" not in answer and "a=sendonly" in answer
    answer = answer_to(OFFER.replace("a=sendrecv", "a=recvonly"), WATCH)
    assert answer.count("a=sendonly") == 2 and "PCMU" not in answer


@pytest.mark.parametrize(
    "offer, terms, sentence",
    [
        (sdp(AUDIO, AUDIO.replace("mid:0", "mid:2")), PUBLISH, "2 sections of audio, expected one"),
        (sdp(AUDIO, SENT, SENT), PUBLISH, "has 2 sections of video, expected one"),
        (OFFER.replace("opus", "other"), PUBLISH, r"comes as .*expected one of \['OPUS/48000'\]"),
        (sdp(SENT), PUBLISH, "has no audio, expected a voice to hear"),
        (sdp(AUDIO), WATCH, "has no video, expected a video to send"),
        (OFFER.replace("sendrecv", "sendonly"), WATCH, "audio is sendonly, expected recvonly or"),
        (OFFER.replace("a=group:BUNDLE 0 1\r\n", ""), WATCH, "have transports of their own"),
    ],
)
def test_streams_take_one_voice_and_one_picture(offer: str, terms: Terms, sentence: str) -> None:
    with pytest.raises(BadRequest, match=sentence):
        answer_to(offer, terms)


def test_an_answer_has_one_fingerprint_for_each_section() -> None:
    """libdatachannel compared the SHA-256 of our certificate with the SHA-512 that stood last in
    the answer, and every other sender of it, OBS too, was not connected."""
    answer = answer_to(OFFER)
    assert re.findall(r"a=fingerprint:(\S+)", answer) == ["sha-256", "sha-256"]


def test_a_caller_understands_the_refusal() -> None:
    """aiortc, for one, wants keys in sections that are refused."""

    async def scene() -> None:
        caller = RTCPeerConnection()
        caller.createDataChannel("chat")
        caller.addTransceiver("audio", "sendrecv")
        caller.addTransceiver("video", "recvonly")
        await caller.setLocalDescription(await caller.createOffer())
        negotiated = await negotiate(caller.localDescription.sdp, ())
        assert "m=application 0 " in negotiated.answer
        await caller.setRemoteDescription(RTCSessionDescription(negotiated.answer, "answer"))
        assert caller.signalingState == "stable"
        await close(caller)
        await close(negotiated.connection)

    run(scene())
