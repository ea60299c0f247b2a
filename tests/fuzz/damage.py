"""Strategies: something good with a few changes, which reaches farther than random bytes.

The changes are a string of bytes, a few for each: drawn at once, which is quick, and shrunk well.
"""

from __future__ import annotations

import copy
import json
import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

FRONT = 200  # bytes, in which headers are
NUMBERS = (0, 1, 2**7, 2**8 - 1, 2**15, 2**16 - 1, 2**16, 2**31 - 1, 2**31, 2**32 - 1)
WEIRD: tuple[Any, ...] = (
    None, True, 0, -1, 1, 1e308, -1e308, 2**31, 2**63, 2**64, 10**30, 0.5, "", "x", "\0", "é",
    [], {}, [[]], ["a"] * 50, 1e-320, -0.0, 1 << 20, 1 << 40, "studio", "../..", "x" * 5000,
)  # fmt: skip
FACTORS = (0, -1, 2, 10, 1000, 10**9)
NAMES = ("x", "", "type", "é" * 70, "\n", "\x1b[2J")  # of a member that nobody expects
TEXTS = (
    b"NaN", b"1e999", b"\0", b"{", b"[", b'"', b"9" * 300, b"", b"\\ud800", b"\xff", b"\\", b"\n",
)  # fmt: skip

MOST_CHANGES = 6

_ENDS = struct.Struct(">H")
_STEP = struct.Struct(">BHBB")


def joined(pieces: Iterable[bytes]) -> bytes:
    """Several pieces as one case, each behind its length."""
    return b"".join(_ENDS.pack(len(piece)) + piece for piece in (p[:65_535] for p in pieces))


def pieces(case: bytes) -> list[bytes]:
    """The pieces of a case, whatever it is: the last one may be shorter than it says."""
    found = []
    while len(case) >= _ENDS.size:
        end = _ENDS.size + _ENDS.unpack_from(case)[0]
        found.append(case[_ENDS.size : end])
        case = case[end:]
    return found


def _steps(program: bytes) -> Iterator[tuple[int, int, int, int]]:
    """What to do, where of 65 536, and two numbers below 256."""
    return _STEP.iter_unpack(program[: len(program) // _STEP.size * _STEP.size])


_programs = st.binary(max_size=MOST_CHANGES * _STEP.size)


def _put(whole: bytearray, kind: str, at: int, value: int) -> None:
    match kind:
        case "bit":
            whole[at] ^= 1 << value % 8
        case "byte":
            whole[at] = value % 256
        case "number":
            number, little = NUMBERS[value % len(NUMBERS)], value % 2
            size = 4 if value % 3 else 2
            data = (number % 256**size).to_bytes(size, "little" if little else "big")
            whole[at : at + size] = data
        case "without":
            del whole[at : at + 1 + value % 64]
        case "more":
            whole[at:at] = bytes((value + n * n) % 256 for n in range(1 + value % 16))
        case "again":
            whole[at:at] = whole[at : at + 1 + value % 256]
        case "cut":
            del whole[at:]


KINDS = ("bit", "byte", "number", "without", "more", "again", "cut")


def damaged(wholes: Sequence[bytes]) -> SearchStrategy[bytes]:
    """One of these files, with up to six changes, half of them where headers are; or none of it."""

    def changed(whole: bytes, program: bytes) -> bytes:
        found = bytearray(whole)
        for kind, place, value, front in _steps(program):
            if found:
                most = min(FRONT, len(found)) if front % 2 else len(found)
                _put(found, KINDS[kind % len(KINDS)], place * most >> 16, value)
        return bytes(found)

    some = st.builds(changed, st.sampled_from(wholes), _programs)
    return st.one_of(some, some, some, some, st.binary(max_size=300))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of everything in a value as JSON has them; of a list, of its first five."""
    items = value.items() if isinstance(value, dict) else enumerate(value[:5])
    found = []
    for key, inner in items:
        found.append((*path, key))
        if isinstance(inner, dict | list):
            found += places(inner, (*path, key))
    return found


def changed_value(values: Sequence[Any]) -> SearchStrategy[Any]:
    """One of these values, dictionaries as JSON has them, of which parts are left out, others than
    expected, or larger."""

    def changed(value: Any, program: bytes) -> Any:
        value = copy.deepcopy(value)
        for kind, place, number, _ in _steps(program):
            there = places(value)
            if not there:
                break
            path = there[place * len(there) >> 16]
            at = value
            for key in path[:-1]:
                at = at[key]
            was = at[path[-1]]
            match kind % 4:
                case 0:
                    del at[path[-1]]
                case 1 if isinstance(was, int | float):
                    at[path[-1]] = was * FACTORS[number % len(FACTORS)]
                case 2 if isinstance(at, dict):
                    at[NAMES[number % len(NAMES)]] = was
                case _:
                    at[path[-1]] = copy.deepcopy(WEIRD[number % len(WEIRD)])
        return value

    return st.builds(changed, st.sampled_from(values), _programs)


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def changed_json(values: Sequence[Any]) -> SearchStrategy[bytes]:
    """JSON like these values, in which values or letters are changed."""
    texts = [as_json(value) for value in values]

    def changed(text: bytes, program: bytes) -> bytes:
        for kind, place, number, _ in _steps(program):
            at = place * (len(text) + 1) >> 16
            text = text[:at] + TEXTS[kind % len(TEXTS)] + text[at + number % 4 :]
        return text

    by_value = changed_value(values).map(as_json)
    by_letter = st.builds(changed, st.sampled_from(texts), _programs)
    return st.one_of(by_value, by_value, by_value, by_letter, damaged(texts))


def changed_lines(
    texts: Sequence[str], words: Sequence[str], lines: Sequence[str]
) -> SearchStrategy[str]:
    """One of these texts of lines, in which lines are left out, said again, exchanged, cut or put
    in, and words replaced."""

    def changed(text: str, program: bytes) -> str:
        found = text.split("\r\n")
        for kind, place, number, other in _steps(program):
            at = place * len(found) >> 16
            match kind % 8:
                case 0 | 1:
                    parts = re.split(r"([ :/=])", found[at])
                    parts[other % len(parts)] = words[number % len(words)]
                    found[at] = "".join(parts)
                case 2 | 3:
                    found.insert(at, lines[number % len(lines)])
                case 4:
                    del found[at]
                case 5:
                    found.insert(number % (len(found) + 1), found[at])
                case 6:
                    there = number % len(found)
                    found[at], found[there] = found[there], found[at]
                case 7 if other % 8:
                    found[at] = found[at][: number % (len(found[at]) + 1)]
                case _:
                    del found[at:]
            found = found or [""]
        return "\r\n".join(found)

    return st.builds(changed, st.sampled_from(texts), _programs)


def some(inner: SearchStrategy[bytes], most: int) -> SearchStrategy[bytes]:
    """Up to so many pieces as one case."""
    return st.lists(inner, max_size=most).map(joined)
