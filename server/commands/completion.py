"""`latentcam completion`: a script for the shell that completes commands and options on TAB."""

from __future__ import annotations

import argparse

from latentcam.server.commands.options import NewParser

SHELLS = ("bash", "zsh", "tcsh")


def add(new_parser: NewParser) -> argparse.ArgumentParser:
    """The command's parser."""
    parser = new_parser(
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Print a script that completes commands and options on TAB.",
        epilog="bash:  latentcam completion bash > ~/.local/share/bash-completion/completions/"
        "latentcam\nzsh:   latentcam completion zsh > DIRECTORY/_latentcam, with DIRECTORY in fpath"
        "\ntcsh:  latentcam completion tcsh > ~/.latentcam.tcsh, and source it in ~/.tcshrc",
    )
    parser.add_argument("shell", choices=SHELLS)
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> None:
    """Print the script."""
    import shtab

    from latentcam.server.command_line import parser_of

    print(shtab.complete(parser_of(None, whole=True), args.shell))
