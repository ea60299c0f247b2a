"""`python -m latentcam` is the command `latentcam`."""

import sys

from latentcam.server.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
