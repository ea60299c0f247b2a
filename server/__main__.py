"""The command line: `latentcam COMMAND`, a module per command."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress

from latentcam.realtime_models.errors import (
    LatentcamError,
    in_one_line,
    lacks_memory,
    refused_by_system,
)
from latentcam.server.command_line import chosen_of, parser_of
from latentcam.server.endings import EXIT_INTERRUPTED, EXIT_PIPE, EXIT_REFUSED

logger = logging.getLogger(__name__)


def main(argv: list[str] | None = None) -> int:
    """Run a command. A user's mistake is one sentence on stderr and exit status 2."""
    words = sys.argv[1:] if argv is None else argv
    try:
        parser = parser_of(chosen_of(words))
        if not words:  # somebody new: everything there is, not what is missing
            parser.exit(EXIT_REFUSED, parser.format_help())
        args = parser.parse_args(words)
        if args.verbose:
            logging.basicConfig(level=logging.INFO)
        else:
            logging.basicConfig(level=logging.WARNING, format="latentcam: %(message)s")
        logging.getLogger("aioice").setLevel(logging.WARNING)  # its INFO shows peers' addresses
        return args.run(args) or 0
    except LatentcamError as error:
        return _refuse(str(error))
    except KeyboardInterrupt:
        _say("interrupted")
        return EXIT_INTERRUPTED
    except Exception as error:
        if lacks_memory(error):
            return _refuse(
                "there is not enough memory: close other programs, or raise the limit that "
                "`ulimit -v` shows"
            )
        refusal = refused_by_system(error)
        if isinstance(refusal, BrokenPipeError):
            return EXIT_PIPE  # whoever read the output has seen enough
        if refusal is not None:
            logger.info("refused by the system", exc_info=error)
            what = refusal.filename or "the output"
            return _refuse(f"{what} cannot be used: {refusal.strerror}")
        raise


def _refuse(sentence: str) -> int:
    _say(sentence)
    return EXIT_REFUSED


def _say(sentence: str) -> None:
    with suppress(OSError):  # stderr may be gone as well; the exit status tells
        print(f"latentcam: {in_one_line(sentence)}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
