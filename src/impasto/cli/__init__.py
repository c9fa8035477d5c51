"""The command line: draws what the engines report. One file per command."""

import time

BEGAN = time.monotonic()
"""When the command began. Read here, since imports take a good part of a short budget."""
