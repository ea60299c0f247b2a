"""The commands by name, and the parser of the command line.

A command is a module with `add(new_parser)`, which makes its parser and sets `run`; a new command
is a module and a line of the table. Only the module that is chosen is imported: the command line
answers at once, and nothing here depends on any command.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import Any, NoReturn

COMMANDS = {
    "camera": ("latentcam.server.commands.camera", "be a camera that meeting apps can pick"),
    "serve": ("latentcam.server.commands.serve", "talk in a browser"),
    "cluster": ("latentcam.server.commands.cluster", "serve on many machines, by Ray Serve"),
    "page": ("latentcam.server.commands.page", "a folder for any web server: no server of ours"),
    "render": ("latentcam.server.commands.render", "speech file to video file"),
    "motion": ("latentcam.server.commands.motion", "speech file to motion curves"),
    "avatar": ("latentcam.server.commands.avatar", "list, show, check and remove avatar packs"),
    "verify": ("latentcam.server.commands.verify", "say whether latentcam made a video"),
    "tracker": ("latentcam.server.commands.tracker", "fetch what lets a camera move the head"),
    "doctor": ("latentcam.server.commands.doctor", "say what this machine lacks; changes nothing"),
    "bench": ("latentcam.benchmarks.bench", "measure this machine, write a report"),
    "completion": ("latentcam.server.commands.completion", "print a script for TAB completion"),
}
"""Name -> module, and what it does in a few words."""

EPILOG = """\
environment:
  LATENTCAM_TOKEN  the token that everyone who connects to serve or cluster must know
  XDG_CACHE_HOME   where compiled decoders are kept, on Linux; ~/.cache unless set
  XDG_DATA_HOME    where packs are installed, on Linux; ~/.local/share unless set
  XDG_STATE_HOME   where serve keeps its own certificate, on Linux; ~/.local/state unless set

exit status:
  0    done
  1    doctor, avatar check: something will not work; verify: the mark is not certainly there;
       any other command: a fault of latentcam's, with a traceback
  2    refused, with one sentence on stderr that says why
  130  interrupted by Ctrl-C; all but serve by SIGTERM and SIGHUP, too
  141  whoever read the output stopped reading, as `| head -1` does
"""


class Parser(argparse.ArgumentParser):
    """A mistake is one sentence, and `--verbose` may stand before a command and after it."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, **settings)
        self.add_argument(
            "--verbose", action="store_true", default=argparse.SUPPRESS, help="log what happens"
        )

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"latentcam: {message} ({self.prog} --help lists what there is)\n")


def parser_of(chosen: str | None, *, whole: bool = False) -> argparse.ArgumentParser:
    """The parser. Only the chosen command has its options; with `whole`, every command does."""
    parser = Parser(
        prog="latentcam",
        description="You talk, a face talks for you.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(verbose=False)
    parser.add_argument("--version", action=_Version, nargs=0, help="say which version this is")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (module, words) in COMMANDS.items():
        new_parser = partial(commands.add_parser, name, help=words)
        if whole or name == chosen:
            import_module(module).add(new_parser)
        else:
            new_parser()
    return parser


def chosen_of(argv: Sequence[str]) -> str | None:
    """The requested command, if any: no option before it takes a value."""
    return next((word for word in argv if not word.startswith("-")), None)


class _Version(argparse.Action):
    """Like argparse's own, but the version is looked up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        print(f"latentcam {version('latentcam')}")
        parser.exit()
