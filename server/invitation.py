"""What `serve` says once it listens: addresses that others can open, and what browsers will ask."""

from __future__ import annotations

import io
import ipaddress
from collections.abc import Iterable, Sequence
from urllib.parse import urlencode

import ifaddr

from latentcam.server.config import ServerConfig, is_everywhere

VIRTUAL = ("docker", "br-", "veth", "virbr", "vmnet", "vboxnet", "virtual", "hyper-v")
"""What the names of adapters begin with, or hold, that only this machine's own guests reach."""

ASKS = (
    "The first time, the browser warns that the connection is not private: it does not know the "
    "certificate that this machine made for itself. Choose Advanced, then Proceed (Chrome, Edge); "
    "Advanced, then Accept the Risk (Firefox); Show Details, then visit this website (Safari). It "
    "asks once for each address; then it asks for the microphone."
)
NEEDS_HTTPS = (
    "Browsers on other machines give the microphone to HTTPS only: add --tls self-signed, or "
    "--tls-cert and --tls-key."
)


def own_addresses(adapters: Iterable[ifaddr.Adapter] | None = None) -> list[str]:
    """This machine's addresses, the likeliest to be reached first. Without loopback and IPv6's
    link-local ones, which a browser cannot name."""
    found: list[tuple[bool, bool, bool, str]] = []
    for adapter in ifaddr.get_adapters() if adapters is None else adapters:
        name = adapter.nice_name.lower()
        guests = any(name.startswith(word) or len(word) > 6 and word in name for word in VIRTUAL)
        for ip in adapter.ips:
            address = ipaddress.ip_address(ip.ip if isinstance(ip.ip, str) else ip.ip[0])
            if address.is_loopback or address.version == 6 and address.is_link_local:
                continue
            found.append((guests, address.is_link_local, address.version == 6, str(address)))
    return [address for *_, address in sorted(found, key=lambda one: one[:3])]


def addresses(config: ServerConfig, port: int, own: Sequence[str] | None = None) -> list[str]:
    """The page's addresses, at least one. own: this machine's, looked up unless given."""
    if not is_everywhere(config.host):
        return [_address(config, config.host, port)]
    version = ipaddress.ip_address(config.host).version
    found = own_addresses() if own is None else own
    # A socket for IPv6 takes IPv4 as well, one for IPv4 does not take IPv6.
    hosts = [one for one in found if version == 6 or ":" not in one]
    return [_address(config, host, port) for host in hosts or ["localhost"]]


def here(config: ServerConfig, port: int) -> str:
    """The page's address for a browser on this machine."""
    host = "localhost" if is_everywhere(config.host) else config.host
    return _address(config, host, port)


def _address(config: ServerConfig, host: str, port: int) -> str:
    scheme = "https" if config.tls_cert else "http"
    query = f"/?{urlencode({'token': config.token})}" if config.token else ""
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}{query}"


def advice(config: ServerConfig, port: int, found: Sequence[str]) -> list[str]:
    """Sentences for whoever started the server; none if it is plain and on loopback.

    found: its addresses.
    """
    said = []
    if is_everywhere(config.host):
        said.append(f"On this machine: {here(config, port)}")
        if found == [here(config, port)]:
            said.append("This machine has no network at present: nobody else can reach it.")
    if config.fingerprint:
        said += [ASKS, f"The certificate's fingerprint (SHA-256): {config.fingerprint}"]
    elif not config.loopback and not config.tls_cert:
        said.append(NEEDS_HTTPS)
    return said


def qr_code(address: str) -> str:
    """The address for a phone's camera, drawn in half blocks of Unicode with the terminal's own
    colours inverted; cameras read both."""
    import segno

    drawn = io.StringIO()
    segno.make(address, error="l", micro=False).terminal(drawn, border=2, compact=True)
    return drawn.getvalue()
