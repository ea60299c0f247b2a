"""`python -m latentcam` is the command `latentcam`: a process that ends without a traceback."""

import os
import sys

from latentcam.server.endings import EXIT_PIPE, EXIT_REFUSED, leave_at_once


def program() -> None:
    """Run the command line as a process of its own."""
    leave_at_once()
    # Only now: this takes a while, in which somebody may think better of it.
    from latentcam.server.__main__ import main

    try:
        status = main()
    except SystemExit as end:  # argparse's, and rich's when a pipe is closed
        status = end.code if isinstance(end.code, int) else EXIT_REFUSED
    finally:
        leave_at_once()  # Python itself takes a while to end, too
    sys.exit(written(status))


def written(status: int) -> int:
    """Write what is still held for stdout; returns the exit status.

    Python would do so after everything else, and show a traceback where it cannot: because the
    program that read it has ended, as in `latentcam --help | head -1`, or the disk is full.
    """
    if sys.stdout is None:  # closed from the start
        return status
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if status:  # the command itself has found out, or failed for another reason
            return status
        if isinstance(error, BrokenPipeError):
            return EXIT_PIPE
        os.write(2, f"latentcam: the output cannot be written: {error.strerror}\n".encode())
        return EXIT_REFUSED
    return status


if __name__ == "__main__":
    program()
