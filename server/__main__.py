"""The command line: `latentcam COMMAND`, a module per command."""

from __future__ import annotations

import logging
import sys

from latentcam.realtime_models.errors import LatentcamError, lacks_memory
from latentcam.server.command_line import chosen_of, parser_of

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


def main(argv: list[str] | None = None) -> int:
    """Run a command. A user's mistake is one sentence on stderr and exit status 2."""
    words = sys.argv[1:] if argv is None else argv
    try:
        args = parser_of(chosen_of(words)).parse_args(words)
        logging.basicConfig(level=logging.INFO if args.verbose else logging.WARNING)
        logging.getLogger("aioice").setLevel(logging.WARNING)  # its INFO shows peers' addresses
        return args.run(args) or 0
    except LatentcamError as error:
        print(f"latentcam: {error}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        print("latentcam: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except Exception as error:
        if not lacks_memory(error):
            raise
        print(
            "latentcam: there is not enough memory: close other programs, or raise the limit that "
            "`ulimit -v` shows",
            file=sys.stderr,
        )
        return EXIT_USAGE


if __name__ == "__main__":
    sys.exit(main())
