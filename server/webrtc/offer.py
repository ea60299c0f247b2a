"""An offer, cut down to what we answer: a voice, a face. No other line gets through."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from latentcam.server.errors import BadRequest

TOKENS = re.compile(r"[!#-'*+.0-9A-Z^-~-]+(/[!#-'*+.0-9A-Z^-~-]+)*")  # RFC 8866, section 9
MOST_CHARACTERS = 64 * 1024
MOST_LINES = 1500  # Chrome's offer of a voice and a picture has some 150
MOST_SECTIONS = 24
MOST_CANDIDATES = 16  # of the peer's addresses; each that does not answer costs seven datagrams
MOST_NAMES = 4  # of its mDNS names; each costs a multicast

CODECS = {
    "audio": {"OPUS/48000", "PCMU/8000", "PCMA/8000", "G722/8000"},
    "video": {"VP8/90000", "H264/90000"},
}
RELAYED = {"audio": {"OPUS/48000"}, "video": CODECS["video"]}
"""Of a voice that goes on to others as it came: what all of them understand (RFC 7874)."""
SENDS = frozenset({"sendrecv", "sendonly"})
RECEIVES = frozenset({"sendrecv", "recvonly"})
DIRECTIONS = {f"a={direction}": direction for direction in SENDS | RECEIVES | {"inactive"}}
REPLACED = (
    "a=mid:", "a=candidate:", "a=end-of-candidates", "a=bundle-only", "a=ssrc:", "a=ssrc-group:",
)  # fmt: skip
HASHES = {"sha-256", "sha-384", "sha-512"}
CANDIDATE_TYPES = {"host", "srflx", "relay"}


@dataclass(frozen=True, slots=True)
class Terms:
    """What we answer of an offer.

    voice: the direction of the voice in our answer. expected: in words. audio, video: in which
    directions the caller may offer them; empty: that we do not use it. silent: a picture without a
    voice will do. data: the data channels, too. alone: no more than one voice and one picture, over
    one transport, as WHIP and WHEP have them (RFC 9725, sections 4.4.1 and 4.4.2).
    """

    voice: str
    expected: str
    audio: frozenset[str]
    video: frozenset[str]
    codecs: Mapping[str, set[str]]
    silent: bool = False
    data: bool = False
    alone: bool = False


CALL = Terms(
    "sendrecv", "a microphone to hear and a video to send", SENDS, RECEIVES, CODECS
)  # fmt: skip
CHANNELS = replace(CALL, data=True)
PUBLISH = Terms("recvonly", "a voice to hear", SENDS, frozenset(), RELAYED, alone=True)
WATCH = Terms("sendonly", "a video to send", RECEIVES, RECEIVES, RELAYED, silent=True, alone=True)


@dataclass(slots=True, eq=False)
class Section:
    """One m= line and what follows, up to the next."""

    kind: str
    port: str
    protocol: str
    formats: str
    lines: list[str] = field(default_factory=list)

    def value(self, name: str) -> str | None:
        """Of an attribute; the last one counts. Without a value: empty."""
        return value(self.lines, name)

    @property
    def mid(self) -> str | None:
        return self.value("mid")

    @property
    def is_open(self) -> bool:
        """Port 0 refuses a section, or bundles it with another transport (RFC 9143, section 6)."""
        return self.port != "0" or self.value("bundle-only") is not None

    def direction(self, default: str) -> str:
        said = [DIRECTIONS[line] for line in self.lines if line in DIRECTIONS]
        return said[-1] if said else default

    def of_formats(self) -> list[str]:
        """The lines, except those of a payload type that the m= line does not name."""
        named = set(self.formats.split())
        kept = []
        for line in self.lines:
            of_one = re.match(r"a=(?:rtpmap|fmtp|rtcp-fb):(\d+) ", line)
            if of_one is None or of_one[1] in named:
                kept.append(line)
        return kept

    def codecs(self) -> dict[str, str]:
        """NAME/RATE of all that are offered, by payload type."""
        maps = (re.match(r"a=rtpmap:(\d+) ([^/\s]+/\d+)", line) for line in self.of_formats())
        return {found[1]: found[2].upper() for found in maps if found}

    def narrow(self, payload_types: Collection[str]) -> None:
        """Forget all formats but these, of which there is one."""
        self.formats = " ".join(one for one in self.formats.split() if one in payload_types)

    def unheeded(self) -> str:
        """As SDP, an answer that takes it in its first format, without feedback: what comes is
        dropped. The transport's own lines are to follow."""
        first = self.formats.split()[0]
        kept = [
            line for line in self.lines
            if re.match(rf"a=(?:rtpmap|fmtp):{re.escape(first)} ", line) or line == "a=rtcp-mux"
        ]  # fmt: skip
        lines = [
            f"m={self.kind} 9 {self.protocol} {first}", "c=IN IP4 0.0.0.0", "a=recvonly",
            f"a=mid:{self.mid}", *kept,
        ]  # fmt: skip
        return "".join(f"{line}\r\n" for line in lines)


@dataclass(frozen=True, slots=True)
class Offer:
    """sdp: what aiortc is to answer. names: mDNS candidates of the peer, as SDP has them, for its
    section `transport`; resolving them takes a second and is not needed for an answer. ufrag, pwd:
    the peer's, for this transport, as long as ICE is not restarted."""

    sdp: str
    names: tuple[str, ...]
    transport: str
    ufrag: str
    pwd: str
    _sections: tuple[Section, ...]
    _chosen: tuple[int, ...]  # which of them are in `sdp`
    _unheeded: tuple[int, ...]  # which of them are agreed to although aiortc does not know them
    _bundle: tuple[str, ...]  # mids

    @property
    def addresses(self) -> int:
        """How many of the peer's it holds, without names."""
        return self.sdp.count("\r\na=candidate:")

    def answer(self, sdp: str) -> str:
        """The whole answer, from aiortc's answer to what it was given: everything else is refused
        with port 0 (RFC 3264, section 6)."""
        # libdatachannel, with which OBS sends, heeds only the last fingerprint, and compares a
        # SHA-256 with it, whatever it is, in every other connection (seen with 0.24.5).
        sdp = re.sub(r"^a=fingerprint:(?!sha-256 ).*\r\n", "", sdp, flags=re.M)
        head, *media = re.split(r"^(?=m=)", sdp, flags=re.M)
        head = re.sub(r"^a=group:.*\r\n", self._group(), head, flags=re.M)
        answered = dict(zip(self._chosen, media, strict=True))
        # Browsers pass over keys in a refused section; aiortc, as a caller, insists on them.
        keys = "".join(re.findall(r"^a=(?:ice-|fingerprint:|setup:).*\r\n", media[0], flags=re.M))
        ways = "".join(re.findall(r"^a=(?:candidate:|end-of-).*\r\n", media[0], flags=re.M))
        parts = [head]
        for number, section in enumerate(self._sections):
            if number in answered:
                parts.append(answered[number])
            elif number in self._unheeded:
                parts.append(section.unheeded() + ways + keys)
            else:
                parts.append(f"m={section.kind} 0 {section.protocol} {section.formats}\r\n")
                parts.append(f"c=IN IP4 0.0.0.0\r\na=inactive\r\n{keys}")
                parts.append(f"a=mid:{section.mid}\r\n" if section.mid else "")
        return "".join(parts)

    def _group(self) -> str:
        return f"a=group:BUNDLE {' '.join(self._bundle)}\r\n" if self._bundle else ""


def read_offer(sdp: str, terms: Terms = CALL) -> Offer:
    """Choose the first voice and the first picture that `terms` ask for.

    Raises BadRequest if one of them is missing, or it is not SDP. aiortc may still refuse what
    passes.
    """
    head, sections = _split(sdp)
    default = next((DIRECTIONS[line] for line in head if line in DIRECTIONS), "sendrecv")
    if terms.alone:
        _check_alone(sections)
    audio = _choose(sections, "audio", terms, default)
    video = _choose(sections, "video", terms, default)
    channels = _choose_data(sections) if terms.data else None
    chosen = [section for section in sections if section in (audio, video, channels)]
    mids = tuple(section.mid or "" for section in chosen)
    if len(set(mids)) < len(mids) or not all(re.fullmatch(r"[!-~]{1,32}", mid) for mid in mids):
        raise BadRequest(f"the offer's sections are named {list(mids)}, expected a=mid of each")
    for section in chosen:
        _check_transport(head, section)
    groups = [line.split()[1:] for line in head if line.startswith("a=group:BUNDLE ")]
    grouped = set(groups[0]) if groups else set()
    # A picture that nobody looks at is not refused: senders that are refused one often give up.
    heard_alone = terms.alone and not terms.video and grouped >= set(mids)
    unheeded = [
        section for section in sections
        if heard_alone and section.kind == "video" and section.is_open and section.formats.split()
        and section.direction(default) in SENDS and section.mid in grouped - set(mids)
    ]  # fmt: skip
    kept = {*mids, *(section.mid for section in unheeded)}
    bundle = tuple(mid for mid in (groups[0] if groups else ()) if mid in kept)
    bundle = tuple(dict.fromkeys(bundle))
    own_bundle = tuple(mid for mid in bundle if mid in mids)
    if (channels is not None or terms.alone) and len(chosen) > 1 and len(own_bundle) < len(chosen):
        raise BadRequest(
            f"the offer's {', '.join(section.kind for section in chosen)} have transports of their "
            "own, expected one: a=group:BUNDLE with all of them"
        )
    # One transport: addresses may stand in any section of the group, also in one that is refused.
    shared = [section for section in sections if section.mid in grouped and len(bundle) > 1]
    names: list[str] = []
    parts = [line for line in head if not line.startswith("a=group:") and line not in DIRECTIONS]
    if own_bundle:
        parts.append(f"a=group:BUNDLE {' '.join(own_bundle)}")
    for section, mid in zip(chosen, mids, strict=True):
        own = [section] if len(bundle) < 2 else shared if mid == own_bundle[0] else []
        addresses, found = candidates(line for one in own for line in one.lines)
        names += found
        parts.append(f"m={section.kind} 9 {section.protocol} {section.formats}")
        parts += [line for line in section.of_formats() if not _is_replaced(line)]
        ways = [] if section is channels else [f"a={section.direction(default)}"]
        parts += [f"a=mid:{mid}", *ways, *addresses]
    transport = own_bundle[0] if own_bundle else mids[0]
    keyed = chosen[mids.index(transport)]
    return Offer(
        sdp="\r\n".join(parts) + "\r\n",
        names=tuple(names[:MOST_NAMES]),
        transport=transport,
        ufrag=keyed.value("ice-ufrag") or value(head, "ice-ufrag") or "",
        pwd=keyed.value("ice-pwd") or value(head, "ice-pwd") or "",
        _sections=tuple(sections),
        _chosen=tuple(n for n, section in enumerate(sections) if section in chosen),
        _unheeded=tuple(n for n, section in enumerate(sections) if section in unheeded),
        _bundle=bundle,
    )


def _split(sdp: str) -> tuple[list[str], list[Section]]:
    if len(sdp) > MOST_CHARACTERS:
        raise BadRequest(f"the offer has {len(sdp)} characters, expected up to {MOST_CHARACTERS}")
    lines = sdp.splitlines()
    if len(lines) > MOST_LINES:
        raise BadRequest(f"the offer has {len(lines)} lines, expected up to {MOST_LINES}")
    head: list[str] = []
    sections: list[Section] = []
    for line in lines:
        if line.startswith("m="):
            match line[2:].split(" ", 3):
                case [kind, port, protocol, formats] if TOKENS.fullmatch(f"{kind}/{protocol}"):
                    sections.append(Section(kind, port, protocol, formats))
                case _:
                    raise BadRequest(
                        f"the offer has the line {line[:80]!r}, expected m=KIND PORT PROTOCOL …"
                    )
        elif sections:
            sections[-1].lines.append(line)
        elif line:
            head.append(line)
    if len(sections) > MOST_SECTIONS:
        raise BadRequest(f"the offer has {len(sections)} sections, expected up to {MOST_SECTIONS}")
    return head, sections


def _check_alone(sections: list[Section]) -> None:
    for kind in ("audio", "video"):
        count = sum(section.kind == kind and section.is_open for section in sections)
        if count > 1:
            raise BadRequest(f"the offer has {count} sections of {kind}, expected one")


def _choose(sections: list[Section], kind: str, terms: Terms, default: str) -> Section | None:
    """None if the terms need none."""
    wanted = terms.audio if kind == "audio" else terms.video
    there = [section for section in sections if section.kind == kind and section.is_open]
    if not wanted or (kind == "audio" and terms.silent and not there):
        return None
    if not there:
        raise BadRequest(f"the offer has no {kind}, expected {terms.expected}")
    usable = [section for section in there if section.direction(default) in wanted]
    if not usable:
        raise BadRequest(
            f"the offer's {kind} is {there[0].direction(default)}, expected "
            f"{' or '.join(sorted(wanted))}: {terms.expected}"
        )
    codecs = terms.codecs[kind]
    understood = [section for section in usable if codecs & set(section.codecs().values())]
    if not understood:
        offered = sorted(set(usable[0].codecs().values()))
        raise BadRequest(
            f"the offer's {kind} comes as {offered[:20]}, expected one of {sorted(codecs)}"
        )
    if terms.alone and kind == "audio":
        section = understood[0]
        section.narrow([one for one, codec in section.codecs().items() if codec in codecs])
    return understood[0]


def _choose_data(sections: list[Section]) -> Section:
    """The data channels, as browsers offer them (RFC 8841)."""
    for section in sections:
        channels = (section.protocol, section.formats) == ("UDP/DTLS/SCTP", "webrtc-datachannel")
        if section.kind == "application" and section.is_open and channels:
            return section
    raise BadRequest(
        "the offer has no data channel, expected one for the latents or the drive that it asks for"
    )


def _check_transport(head: list[str], section: Section) -> None:
    """Raises BadRequest for keys that cannot be agreed on: aiortc would fail later, silently."""
    fingerprints = [
        line.partition(":")[2].split()
        for line in head + section.lines
        if line.startswith("a=fingerprint:")
    ]
    if not any(found and found[0].lower() in HASHES for found in fingerprints):
        raise BadRequest(
            f"the offer's {section.kind} has no fingerprint by one of {sorted(HASHES)}, "
            "expected a certificate's"
        )
    setup = section.value("setup")
    setup = setup if setup is not None else value(head, "setup")
    if setup not in ("actpass", "active", "passive"):
        raise BadRequest(
            f"the offer's {section.kind} has a=setup:{setup}, expected actpass, active or passive"
        )


def candidates(lines: Iterable[str]) -> tuple[list[str], list[str]]:
    """Lines of addresses and, without their `a=candidate:`, names: those that UDP can reach, each
    once, the ones that the peer prefers first."""
    ranked: dict[str, tuple[int, str]] = {}  # by address and port
    names: list[str] = []
    for line in lines:
        if not line.startswith("a=candidate:"):
            continue
        parts = line.split()
        if len(parts) < 8 or parts[1] != "1" or parts[2].lower() != "udp":
            continue
        if not (re.fullmatch(r"[0-9]{1,10}", parts[3]) and re.fullmatch(r"[0-9]{1,5}", parts[5])):
            continue
        if not 0 < int(parts[5]) < 1 << 16 or parts[7] not in CANDIDATE_TYPES:
            continue
        text = " ".join(parts[:8])
        if parts[4].endswith(".local"):
            names.append(text.partition(":")[2])
        else:
            ranked.setdefault(f"{parts[4]} {parts[5]}", (-int(parts[3]), text))
    return [text for _, text in sorted(ranked.values())[:MOST_CANDIDATES]], names


def _is_replaced(line: str) -> bool:
    """Lines of a section that are written anew, or that aiortc does better without: the end of
    the candidates makes aioice gather none of its own when all of them are mDNS names, and sources
    are known by their packets."""
    return not line or line in DIRECTIONS or line.startswith(REPLACED)


def value(lines: Iterable[str], name: str) -> str | None:
    """Of an attribute in lines of SDP; the last one counts. Without a value: empty."""
    found = None
    for line in lines:
        attribute, _, value = line[2:].partition(":")
        if line.startswith("a=") and attribute == name:
            found = value
    return found
