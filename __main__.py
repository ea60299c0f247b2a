"""`python -m latentcam` is the command `latentcam`: a process that ends without a traceback.

Nothing is imported here that Python has not loaded by itself: until `program` begins, Ctrl-C is
Python's to answer.
"""

import os
import sys


def program() -> None:
    """Run the command line as a process of its own."""
    try:
        from latentcam.server.endings import EXIT_REFUSED, leave_at_once, written

        leave_at_once()
    except KeyboardInterrupt:
        try:
            os.write(2, b"latentcam: interrupted\n")  # as `leave`, which is not there yet
        finally:
            os._exit(130)
    # Only now: this takes a while, in which somebody may think better of it.
    from latentcam.server.__main__ import main

    try:
        status = main()
    except SystemExit as end:  # argparse's, and rich's when a pipe is closed
        status = end.code if isinstance(end.code, int) else EXIT_REFUSED
    finally:
        leave_at_once()  # Python itself takes a while to end, too
    sys.exit(written(status))


if __name__ == "__main__":
    program()
