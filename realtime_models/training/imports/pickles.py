"""Pickles read as data. A pickle is a program for a small stack machine, which may call anything
that Python can import; here the same program runs on a machine that imports nothing: a name is a
string, and a call is looked up in a table that the reader of a format hands in.

https://docs.python.org/3/library/pickletools.html describes the machine. What it builds stays in
proportion to the file: lengths are compared with what is left to read, operations are counted, and
nothing walks into what a pickle nests.
"""

from __future__ import annotations

import pickletools
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar

from latentcam.realtime_models.training.imports.errors import ForeignFileError

MOST_OPERATIONS = 2_000_000
"""In a file with all that lies in it. Those of the largest public StyleGAN2 are some 100 000."""

Kind = TypeVar("Kind")

Call = Callable[[tuple[Any, ...]], Any]
"""Stands for a function that a pickle calls; gets its arguments. Raises ForeignFileError."""

MARK = object()


@dataclass(frozen=True, slots=True)
class Name:
    """What a pickle calls by this name. Nothing is imported."""

    text: str


class Opaque:
    """Something that nobody asks for, of which nothing is kept."""

    __slots__ = ()


class Allowance:
    """How many operations a file still has."""

    def __init__(self) -> None:
        self.left = MOST_OPERATIONS

    def take(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise ForeignFileError(
                f"the pickle has more than {MOST_OPERATIONS} operations, expected a network"
            )


def read_pickle(
    stream: BinaryIO,
    calls: Mapping[str, Call | None],
    allowance: Allowance,
    persistent: Call | None = None,
) -> Any:
    """The next pickle of a stream, as far as its end.

    calls: every name that it may hold, as "module.name"; None for one that it must not call.
    persistent: stands for what lies outside of the pickle; gets the tuple that identifies it.
    Raises ForeignFileError with one sentence.
    """
    machine = _Machine(calls, persistent)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in the strings of old pickles
            for operation, argument, _ in pickletools.genops(stream):
                allowance.take()
                if operation.name == "STOP":
                    return machine.stack.pop()
                machine.do(operation.name, argument)
    except ForeignFileError:
        raise
    except (ValueError, IndexError, KeyError, OverflowError, MemoryError) as error:
        raise ForeignFileError(f"the pickle is damaged: {str(error)[:100] or 'it ends'}") from None
    raise ForeignFileError("the pickle is damaged: it ends without a STOP")


class _Machine:
    def __init__(self, calls: Mapping[str, Call | None], persistent: Call | None) -> None:
        self.calls, self.persistent = calls, persistent
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def do(self, name: str, argument: Any) -> None:
        """One operation. Raises ForeignFileError for those that only a hostile file needs."""
        stack = self.stack
        match name:
            case "PROTO" | "FRAME":
                pass
            case "MARK":
                stack.append(MARK)
            case "POP":
                stack.pop()
            case "POP_MARK":
                self.pop_mark()
            case "DUP":
                stack.append(stack[-1])
            case "NONE":
                stack.append(None)
            case "NEWTRUE" | "NEWFALSE":
                stack.append(name == "NEWTRUE")
            case _ if name in PUSHES:
                stack.append(argument)
            case "EMPTY_LIST" | "EMPTY_DICT" | "EMPTY_SET" | "EMPTY_TUPLE":
                stack.append({"L": list, "D": dict, "S": set, "T": tuple}[name[6]]())
            case "LIST":
                stack.append(self.pop_mark())
            case "TUPLE":
                stack.append(tuple(self.pop_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                count = int(name[-1])
                self.need(count)
                stack[-count:] = [tuple(stack[-count:])]
            case "DICT":
                found: dict[Any, Any] = {}
                _set_items(found, self.pop_mark())
                stack.append(found)
            case "FROZENSET":
                stack.append(frozenset(map(_plain, self.pop_mark())))
            case "APPEND":
                value = stack.pop()
                _expect(stack[-1], list, "appends to").append(value)
            case "APPENDS":
                values = self.pop_mark()
                _expect(stack[-1], list, "appends to").extend(values)
            case "ADDITEMS":
                values = self.pop_mark()
                _expect(stack[-1], set, "adds to").update(map(_plain, values))
            case "SETITEM":
                value, key = stack.pop(), stack.pop()
                _set_items(_expect(stack[-1], dict, "sets items of"), [key, value])
            case "SETITEMS":
                values = self.pop_mark()
                _set_items(_expect(stack[-1], dict, "sets items of"), values)
            case "MEMOIZE":
                self.memo[len(self.memo)] = stack[-1]
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                self.memo[argument] = stack[-1]
            case "GET" | "BINGET" | "LONG_BINGET":
                stack.append(self.memo[argument])
            case "GLOBAL":
                stack.append(self.named(".".join(argument.split(" ", 1))))
            case "STACK_GLOBAL":
                last, module = stack.pop(), stack.pop()
                stack.append(self.named(f"{_expect(module, str, 'names')}.{_text(last)}"))
            case "REDUCE" | "NEWOBJ":
                arguments, called = stack.pop(), stack.pop()
                stack.append(self.call(called, _expect(arguments, tuple, "calls with")))
            case "BUILD":
                stack.pop()  # attributes: of a dictionary its items are all that counts
                if not isinstance(stack[-1], Opaque):
                    _expect(stack[-1], dict, "fills")
            case "BINPERSID" if self.persistent is not None:
                stack.append(self.persistent(_expect(stack.pop(), tuple, "refers to")))
            case _:
                raise ForeignFileError(
                    f"the pickle holds the operation {name}, which no file of a network needs: "
                    "nothing of it was run"
                )

    def need(self, count: int) -> None:
        if len(self.stack) < count:
            raise IndexError("its stack is empty")

    def pop_mark(self) -> list[Any]:
        """All since the last MARK."""
        at = len(self.stack) - 1
        while self.stack[at] is not MARK:
            at -= 1
            if at < 0:
                raise IndexError("a mark is missing")
        taken = self.stack[at + 1 :]
        del self.stack[at:]
        return taken

    def named(self, text: str) -> Name:
        if text.startswith("dnnlib.tflib."):
            raise ForeignFileError(
                "it is a pickle of the TensorFlow version; convert it with legacy.py of "
                "stylegan2-ada-pytorch first"
            )
        if text not in self.calls:
            raise ForeignFileError(
                f"the pickle asks for {text[:80]!r}, which no file of a network needs: nothing of "
                "it was run"
            )
        return Name(text)

    def call(self, called: Any, arguments: tuple[Any, ...]) -> Any:
        name = _expect(called, Name, "calls").text
        function = self.calls[name]
        if function is None:
            raise ForeignFileError(f"the pickle calls {name}, expected it as a name only")
        return function(arguments)


PUSHES = frozenset(
    """INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING
    UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES BINBYTES8""".split()
)


def _expect(value: Any, kind: type[Kind], does: str) -> Kind:
    if not isinstance(value, kind):
        raise ForeignFileError(
            f"the pickle {does} a {type(value).__name__}, expected a {kind.__name__}"
        )
    return value


def _text(value: Any) -> str:
    return _expect(value, str, "names")


def _plain(value: Any) -> Any:
    """A key. A tuple of tuples of the same tuple would take forever to hash."""
    if not isinstance(value, str | int):
        raise ForeignFileError(
            f"the pickle has a {type(value).__name__} for a key, expected text or a whole number"
        )
    return value


def _set_items(found: dict[Any, Any], values: list[Any]) -> None:
    if len(values) % 2:
        raise ForeignFileError("the pickle is damaged: a key has no value")
    for key, value in zip(values[::2], values[1::2], strict=True):
        found[_plain(key)] = value
