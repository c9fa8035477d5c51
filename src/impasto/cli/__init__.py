"""The command line: one file per command."""

import time

BEGAN = time.monotonic()
"""When the command began. It is read here because imports take a good part of a short budget."""
