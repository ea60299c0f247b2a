"""Candidates that come after the offer, as fragments of SDP (RFC 8840)."""

from __future__ import annotations

import ipaddress

from latentcam.server.errors import BadRequest, Refused
from latentcam.server.webrtc.offer import (
    MOST_CANDIDATES,
    MOST_CHARACTERS,
    MOST_NAMES,
    Offer,
    candidates,
    value,
)

KNOWN = ("a=candidate:", "a=end-of-candidates", "a=ice-ufrag:", "a=ice-pwd:")


class Trickle:
    """Reads fragments for one connection, up to as many addresses as an offer may hold."""

    def __init__(self, offer: Offer) -> None:
        self._offer = offer
        self._room = MOST_CANDIDATES - offer.addresses
        self._names = MOST_NAMES - len(offer.names)

    def read(self, fragment: str) -> list[str]:
        """The candidates to try, without their `a=candidate:`. Those that are of no use, or too
        many, are passed over in silence (RFC 9725, section 4.3.2).

        Raises BadRequest for what is no fragment, and Refused for one that restarts ICE.
        """
        if len(fragment) > MOST_CHARACTERS:
            raise BadRequest(
                f"the fragment has {len(fragment)} characters, expected up to {MOST_CHARACTERS}"
            )
        lines = fragment.splitlines()
        if not any(
            line.startswith(("a=ice-ufrag:", "a=candidate:", "a=end-of-")) for line in lines
        ):
            raise BadRequest("the fragment has no candidate, expected lines of a=candidate:…")
        ours = {"ice-ufrag": self._offer.ufrag, "ice-pwd": self._offer.pwd}
        if any(value(lines, name) not in (None, mine) for name, mine in ours.items()):
            raise Refused(
                422,
                "the fragment restarts ICE: its a=ice-ufrag or a=ice-pwd is not the offer's; to do "
                "so, DELETE this session and POST a new offer",
            )
        addresses, names = candidates(lines)
        found = [line.partition(":")[2] for line in addresses if _is_ip(line.split()[4])]
        found, names = found[: max(0, self._room)], names[: max(0, self._names)]
        self._room -= len(found)
        self._names -= len(names)
        return found + names


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
