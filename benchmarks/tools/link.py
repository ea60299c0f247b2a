"""A link that loses and delays packets as told: sits between two WebRTC peers, by their SDP."""

from __future__ import annotations

import argparse
import asyncio
import random
import re
from collections.abc import Callable
from dataclasses import dataclass

CANDIDATE = re.compile(r"a=candidate:(\S+) 1 udp (\d+) (\S+) (\d+) typ host", re.IGNORECASE)
CANDIDATE_LINES = re.compile(r"a=candidate:.*\r\n")


@dataclass(frozen=True)
class Script:
    """loss: share of packets that vanish, each way. jitter: seconds; each packet is late by its
    own random time up to this, so packets may overtake each other. seed: of both."""

    loss: float = 0.0
    jitter: float = 0.0
    seed: int = 0


def link_options() -> argparse.ArgumentParser:
    """A parent parser: what a link does to a call."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--loss", type=float, default=0.0, help="share of packets, each way")
    parser.add_argument("--jitter", type=float, default=0.0, help="seconds")
    return parser


def script_of(args: argparse.Namespace) -> Script | None:
    """The script of `link_options`; None for a link of which nothing is asked."""
    return Script(args.loss, args.jitter) if args.loss or args.jitter else None


class _Side(asyncio.DatagramProtocol):
    """A socket; on_packet gets what comes and from where."""

    def __init__(self, on_packet: Callable[[bytes, tuple[str, int]], None]) -> None:
        self._on_packet = on_packet

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._on_packet(data, addr)


class Link:
    """Between one caller and the server. Passes everything on until `script` is set; then media
    (RTP and RTCP) suffers, while STUN and DTLS still pass."""

    def __init__(self) -> None:
        self._script: Script | None = None
        self._random = random.Random()
        self._caller: tuple[str, int] | None = None
        self._server: tuple[str, int] | None = None
        self.passed, self.lost = 0, 0
        self.still = False
        """Whether nothing gets through either way, as if one side slept."""

    async def open(self, host: str) -> None:
        """Take two ports of an address of this machine."""
        loop = asyncio.get_running_loop()
        self._host = host
        self._near, _ = await loop.create_datagram_endpoint(
            lambda: _Side(self._from_caller), local_addr=(host, 0)
        )
        self._far, _ = await loop.create_datagram_endpoint(
            lambda: _Side(self._from_server), local_addr=(host, 0)
        )

    def suffer(self, script: Script | None) -> None:
        """From now on; None: no more."""
        self._script = script
        if script is not None:
            self._random = random.Random(script.seed)

    def rewrite_offer(self, sdp: str) -> str:
        """The server shall know the caller by the link's address only."""
        return self._rewrite(sdp, self._far)

    def rewrite_answer(self, sdp: str) -> str:
        """The caller shall know the server by the link's address only."""
        found = [c for c in CANDIDATE.finditer(sdp) if c[3] == self._host]
        if not found:
            raise ValueError(f"the answer has no candidate at {self._host}, expected one")
        self._server = (found[0][3], int(found[0][4]))
        return self._rewrite(sdp, self._near)

    def _rewrite(self, sdp: str, side: asyncio.DatagramTransport) -> str:
        port = side.get_extra_info("sockname")[1]
        line = f"a=candidate:1 1 udp 2130706431 {self._host} {port} typ host\r\n"
        bare = CANDIDATE_LINES.sub("", sdp)
        return re.sub(r"(a=ice-ufrag:)", line + r"\1", bare)

    def _from_caller(self, data: bytes, addr: tuple[str, int]) -> None:
        self._caller = addr
        self._pass(data, self._far, lambda: self._server)

    def _from_server(self, data: bytes, addr: tuple[str, int]) -> None:
        self._pass(data, self._near, lambda: self._caller)

    def _pass(
        self,
        data: bytes,
        side: asyncio.DatagramTransport,
        to: Callable[[], tuple[str, int] | None],
    ) -> None:
        script = self._script
        if self.still:
            return
        if script is None or not 128 <= data[0] <= 191:  # RFC 7983, section 7
            self._send(data, side, to())
        elif self._random.random() < script.loss:
            self.lost += 1
        else:
            self.passed += 1
            late = self._random.uniform(0.0, script.jitter)
            if late:
                loop = asyncio.get_running_loop()
                loop.call_later(late, self._send, data, side, to())
            else:
                self._send(data, side, to())

    @staticmethod
    def _send(data: bytes, side: asyncio.DatagramTransport, to: tuple[str, int] | None) -> None:
        if to is not None and not side.is_closing():
            side.sendto(data, to)

    def close(self) -> None:
        self._near.close()
        self._far.close()


def own_address() -> str:
    """The address of this machine that WebRTC offers first: of the route to the outside."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing
        return str(probe.getsockname()[0])
