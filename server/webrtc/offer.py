"""An offer, cut down to what we answer: one voice and one face. No other line gets through."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from latentcam.server.errors import BadRequest

MOST_CHARACTERS = 64 * 1024
MOST_LINES = 1500  # Chrome's offer of a voice and a picture has some 150
MOST_SECTIONS = 24
MOST_CANDIDATES = 16  # of the peer's addresses; each that does not answer costs seven datagrams
MOST_NAMES = 4  # of its mDNS names; each costs a multicast

CODECS = {
    "audio": {"OPUS/48000", "PCMU/8000", "PCMA/8000", "G722/8000"},
    "video": {"VP8/90000", "H264/90000"},
}
SENDS = {"sendrecv", "sendonly"}
RECEIVES = {"sendrecv", "recvonly"}
DIRECTIONS = {f"a={direction}": direction for direction in SENDS | RECEIVES | {"inactive"}}
REPLACED = (
    "a=mid:", "a=candidate:", "a=end-of-candidates", "a=bundle-only", "a=ssrc:", "a=ssrc-group:",
)  # fmt: skip
HASHES = {"sha-256", "sha-384", "sha-512"}
CANDIDATE_TYPES = {"host", "srflx", "relay"}


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
        return _value(self.lines, name)

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

    def codecs(self) -> set[str]:
        """NAME/RATE of all that are offered."""
        maps = (re.match(r"a=rtpmap:\d+ ([^/\s]+/\d+)", line) for line in self.of_formats())
        return {found[1].upper() for found in maps if found}


@dataclass(frozen=True, slots=True)
class Offer:
    """sdp: what aiortc is to answer. names: mDNS candidates of the peer, as SDP has them, for its
    section `transport`; resolving them takes a second and is not needed for an answer."""

    sdp: str
    names: tuple[str, ...]
    transport: str
    _sections: tuple[Section, ...]
    _chosen: tuple[int, ...]  # which of them are in `sdp`
    _bundle: tuple[str, ...]  # mids

    def answer(self, sdp: str) -> str:
        """The whole answer, from aiortc's answer to what it was given: everything else is refused
        with port 0 (RFC 3264, section 6)."""
        head, *media = re.split(r"^(?=m=)", sdp, flags=re.M)
        head = re.sub(r"^a=group:.*\r\n", self._group(), head, flags=re.M)
        answered = dict(zip(self._chosen, media, strict=True))
        # Browsers pass over keys in a refused section; aiortc, as a caller, insists on them.
        keys = "".join(re.findall(r"^a=(?:ice-|fingerprint:|setup:).*\r\n", media[0], flags=re.M))
        parts = [head]
        for number, section in enumerate(self._sections):
            if number in answered:
                parts.append(answered[number])
                continue
            parts.append(f"m={section.kind} 0 {section.protocol} {section.formats}\r\n")
            parts.append(f"c=IN IP4 0.0.0.0\r\na=inactive\r\n{keys}")
            parts.append(f"a=mid:{section.mid}\r\n" if section.mid else "")
        return "".join(parts)

    def _group(self) -> str:
        return f"a=group:BUNDLE {' '.join(self._bundle)}\r\n" if self._bundle else ""


def read_offer(sdp: str, data: bool = False) -> Offer:
    """Choose the first voice that is sent and the first picture that is wanted.

    data: and the data channels, which must share their transport. Raises BadRequest if one of
    them is missing, or it is not SDP. aiortc may still refuse what passes.
    """
    head, sections = _split(sdp)
    default = next((DIRECTIONS[line] for line in head if line in DIRECTIONS), "sendrecv")
    audio = _choose(sections, "audio", SENDS, default)
    video = _choose(sections, "video", RECEIVES, default)
    channels = _choose_data(sections) if data else None
    chosen = [section for section in sections if section in (audio, video, channels)]
    mids = tuple(section.mid or "" for section in chosen)
    if len(set(mids)) < len(mids) or not all(re.fullmatch(r"[!-~]{1,32}", mid) for mid in mids):
        raise BadRequest(f"the offer's sections are named {list(mids)}, expected a=mid of each")
    for section in chosen:
        _check_transport(head, section)
    groups = [line.split()[1:] for line in head if line.startswith("a=group:BUNDLE ")]
    grouped = set(groups[0]) if groups else set()
    bundle = tuple(mid for mid in (groups[0] if groups else ()) if mid in mids)
    bundle = tuple(dict.fromkeys(bundle))
    if channels is not None and len(bundle) != 3:
        raise BadRequest(
            "the offer's voice, video and data channels have transports of their own, expected "
            "one: a=group:BUNDLE with all three"
        )
    # One transport: addresses may stand in any section of the group, also in one that is refused.
    shared = [section for section in sections if section.mid in grouped and len(bundle) > 1]
    names: list[str] = []
    parts = [line for line in head if not line.startswith("a=group:") and line not in DIRECTIONS]
    if bundle:
        parts.append(f"a=group:BUNDLE {' '.join(bundle)}")
    for section, mid in zip(chosen, mids, strict=True):
        own = [section] if len(bundle) < 2 else shared if mid == bundle[0] else []
        addresses, found = _candidates(own)
        names += found
        parts.append(f"m={section.kind} 9 {section.protocol} {section.formats}")
        parts += [line for line in section.of_formats() if not _is_replaced(line)]
        ways = [] if section is channels else [f"a={section.direction(default)}"]
        parts += [f"a=mid:{mid}", *ways, *addresses]
    return Offer(
        sdp="\r\n".join(parts) + "\r\n",
        names=tuple(names[:MOST_NAMES]),
        transport=bundle[0] if bundle else mids[0],
        _sections=tuple(sections),
        _chosen=tuple(n for n, section in enumerate(sections) if section in chosen),
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
                case [kind, port, protocol, formats]:
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


def _choose(sections: list[Section], kind: str, wanted: set[str], default: str) -> Section:
    there = [section for section in sections if section.kind == kind and section.is_open]
    if not there:
        raise BadRequest(
            f"the offer has no {kind}, expected a microphone to hear and a video to send"
        )
    usable = [section for section in there if section.direction(default) in wanted]
    if not usable:
        raise BadRequest(
            f"the offer's {kind} is {there[0].direction(default)}, expected "
            f"{' or '.join(sorted(wanted))}: a microphone is heard, and a video is sent"
        )
    understood = [section for section in usable if section.codecs() & CODECS[kind]]
    if not understood:
        raise BadRequest(
            f"the offer's {kind} comes as {sorted(usable[0].codecs())[:20]}, expected one of "
            f"{sorted(CODECS[kind])}"
        )
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
    setup = setup if setup is not None else _value(head, "setup")
    if setup not in ("actpass", "active", "passive"):
        raise BadRequest(
            f"the offer's {section.kind} has a=setup:{setup}, expected actpass, active or passive"
        )


def _candidates(sections: list[Section]) -> tuple[list[str], list[str]]:
    """Lines of addresses and, without their `a=candidate:`, names: those that UDP can reach, each
    once, the ones that the peer prefers first."""
    ranked: dict[str, tuple[int, str]] = {}  # by address and port
    names: list[str] = []
    for line in (line for section in sections for line in section.lines):
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


def _value(lines: list[str], name: str) -> str | None:
    found = None
    for line in lines:
        attribute, _, value = line[2:].partition(":")
        if line.startswith("a=") and attribute == name:
            found = value
    return found
