"""Time in tests: the one place that sleeps and reads a clock.

No test's outcome depends on how fast the machine is. What looks at the time is handed a clock, and
who waits for something waits until it is there, with a limit that only a hang meets.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

LIMIT = 300.0
"""Seconds after which what is awaited counts as hung, on the busiest of machines."""

_PAUSE = 0.01

Found = TypeVar("Found")


def wait_for(ready: Callable[[], Found], limit: float = LIMIT) -> Found:
    """Wait until something is true, and return it."""
    end = time.monotonic() + limit
    while not (found := ready()):
        assert time.monotonic() < end, f"not within {limit:g} s"
        time.sleep(_PAUSE)
    return found


def now() -> float:
    """Return what Impasto's own clock says, for what is to be told when it began."""
    return time.monotonic()


def a_moment() -> None:
    """Let others come so far, or not: the test is to pass either way, and only says less then."""
    time.sleep(0.2)


class Clock:
    """A clock that goes on by ``tick`` seconds whenever it is read, and when it is told to."""

    def __init__(self, now: float = 1000.0, tick: float = 0.0) -> None:
        self.now, self.tick = now, tick

    def __call__(self) -> float:
        self.now += self.tick
        return self.now

    def go_on(self, seconds: float) -> None:
        self.now += seconds


def made_older(path: Path, seconds: float) -> None:
    """Have a file look as if it had last been changed so much earlier."""
    found = path.stat()
    os.utime(path, (found.st_atime, found.st_mtime - seconds))


def one_thread(**more: str) -> Mapping[str, str]:
    """Return the environment for a process of ours: one thread, as in the tests themselves."""
    return {**os.environ, "OMP_NUM_THREADS": "1", **more}
