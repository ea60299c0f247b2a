"""What goes over the wire: refused at the door, and written down."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import msgspec
import pytest

from latentcam.server import messages
from latentcam.server.messages import Change, ControlMessage, Offer

PROTOCOL = (Path(__file__).resolve().parents[2] / "docs/protocol.md").read_text()
STRUCTS = [
    kind
    for _, kind in inspect.getmembers(messages, inspect.isclass)
    if issubclass(kind, msgspec.Struct) and kind.__module__ == messages.__name__
]


@pytest.mark.parametrize("kind", STRUCTS, ids=lambda kind: kind.__name__)
def test_every_message_and_field_is_written_down(kind: type[msgspec.Struct]) -> None:
    _, heading, rest = PROTOCOL.partition(f"\n### {kind.__name__}\n")
    assert heading, f"docs/protocol.md has no section {kind.__name__}"
    section = re.split(r"^#", rest, maxsplit=1, flags=re.MULTILINE)[0]
    own = inspect.get_annotations(kind)
    described = {
        name
        for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    }
    assert described == set(own)
    for base in kind.__bases__:
        assert base is msgspec.Struct or f"[{base.__name__}]" in section
    if tag := kind.__struct_config__.tag:
        assert f'"type": "{tag}"' in section


def test_every_link_of_the_page_leads_somewhere() -> None:
    headings = {line.lstrip("# ").lower() for line in PROTOCOL.splitlines() if line[:1] == "#"}
    assert set(re.findall(r"\(#(\w+)\)", PROTOCOL)) <= headings


def test_messages_survive_the_wire() -> None:
    change = Change(identity="Bo", expression={"jawOpen": 0.5}, life=1.5, muted=True, frozen=False)
    data = msgspec.json.encode(change)
    assert msgspec.json.decode(data, type=ControlMessage) == change
    assert msgspec.json.decode(b'{"life": 1}', type=Change) == Change(life=1.0)


@pytest.mark.parametrize(
    "text,reason",
    [
        ('{"type":"change","life":NaN}', "invalid character"),
        ('{"type":"change","life":1e400}', "Number out of range"),
        ('{"type":"change","life":"1"}', "Expected `float | null`, got `str`"),
        ('{"type":"change","life":true}', "Expected `float | null`, got `bool`"),
        ('{"type":"change","volume":1}', "unknown field `volume`"),
        ('{"type":"dance"}', "Invalid value 'dance'"),
        ("[]", "Expected `object`, got `array`"),
        ("", "Input data was truncated"),
        ("[" * 60_000, "Expected `object`, got `array`"),
        ('{"type":"change","identity":"%s"}' % ("9" * 65), "`str` of length <= 64"),
        ('{"type":"change","expression":{"%s":1}}' % ("x" * 65), "`str` of length <= 64"),
    ],
)  # fmt: skip
def test_what_is_no_message_is_refused_with_a_sentence(text: str, reason: str) -> None:
    with pytest.raises(msgspec.DecodeError, match=re.escape(reason)):
        msgspec.json.decode(text, type=ControlMessage)


def test_the_number_of_axes_is_bounded() -> None:
    many = {"type": "change", "expression": {f"a{i}": 1.0 for i in range(5000)}}
    with pytest.raises(msgspec.ValidationError, match="of length <= 256"):
        msgspec.json.decode(msgspec.json.encode(many), type=ControlMessage)


def test_an_offer_of_a_later_page_is_refused_not_guessed_at() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field `voice`"):
        msgspec.json.decode('{"type":"offer","sdp":"","voice":1}', type=Offer)
