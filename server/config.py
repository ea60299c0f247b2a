"""What the server is told at startup; checked once, then passed along."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import msgspec

from latentcam.server.errors import ConfigError
from latentcam.stream.backgrounds import Backgrounds

MOST_VIEWERS = 256  # more encoders than any machine of today has cores for


class IceServer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A STUN or TURN server, with the field names of the browser's RTCIceServer."""

    urls: str
    username: str | None = None
    credential: str | None = None


class ServerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """origins: pages of other hosts that may connect. audio_prefetch: received packets of 20 ms
    that wait for a missing one before it is given up; without loss nothing waits. fingerprint: of a
    certificate that this machine made for itself, or nothing. identity: whose face a call without a
    wish gets, None for the avatar's first. backgrounds: what may be behind a face with alpha. pack:
    the folder of the pack that pages may have to draw it themselves; None: they may not.
    max_viewers: who may watch the streams of others at once (WHEP)."""

    host: str = "127.0.0.1"
    port: int = 8080
    token: str | None = None
    origins: tuple[str, ...] = ()
    tls_cert: Path | None = None
    tls_key: Path | None = None
    ice_servers: tuple[IceServer, ...] = ()
    fingerprint: str = ""
    audio_prefetch: int = 2
    identity: str | None = None
    backgrounds: Backgrounds = msgspec.field(default_factory=Backgrounds)
    pack: Path | None = None
    max_viewers: int = 8

    def __post_init__(self) -> None:
        check_port(self.port)
        if not self.host:
            raise ConfigError("--host is empty, expected an address like 127.0.0.1 or 0.0.0.0")
        if not 0 <= self.audio_prefetch <= 8:
            raise ConfigError(f"--audio-prefetch is {self.audio_prefetch}, expected 0 to 8")
        if not 0 <= self.max_viewers <= MOST_VIEWERS:
            raise ConfigError(f"--max-viewers is {self.max_viewers}, expected 0 to {MOST_VIEWERS}")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ConfigError("--tls-cert and --tls-key belong together, got only one of them")
        for path in (self.tls_cert, self.tls_key):
            if path is not None and not path.is_file():
                raise ConfigError(f"{path} does not exist, expected a PEM file")
        if not self.loopback and not self.token:
            raise ConfigError(
                f"--host {self.host} can be reached from other machines, so it needs --token: "
                "anyone who knows it may talk"
            )

    @property
    def loopback(self) -> bool:
        """Only this machine can connect."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to a server that listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_everywhere(host: str) -> bool:
    """Whether a server that listens there can be reached under all of this machine's addresses."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def check_port(port: int) -> None:
    """Raises ConfigError if there is no such port."""
    if not 0 <= port <= 65535:
        raise ConfigError(f"--port is {port}, expected 0 to 65535")


def parse_ice_server(text: str) -> IceServer:
    """`stun:HOST[:PORT]` or `turn:HOST[:PORT],USER,PASSWORD`. Raises ConfigError."""
    urls, *login = text.split(",")
    scheme = urls.partition(":")[0]
    if scheme in ("stun", "stuns") and not login:
        return IceServer(urls)
    if scheme in ("turn", "turns") and len(login) == 2:
        return IceServer(urls, *login)
    raise ConfigError(
        f"--ice-server is {text!r}, expected stun:HOST:PORT or turn:HOST:PORT,USER,PASSWORD"
    )
