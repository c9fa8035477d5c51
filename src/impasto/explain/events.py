"""What explaining reports while it works."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progressed:
    """Some of the work is done.

    ``part`` says in words what is being done, the ``number``-th of ``parts``, counted from 1.
    ``progress`` goes from 0 to 1 over all parts, which it reaches at the end only; ``seconds``
    were spent so far and about ``remaining`` are left (None before anything is done).
    """

    part: str
    number: int
    parts: int
    progress: float
    seconds: float
    remaining: float | None


class Meter:
    """Knows how much of the work is done, in whatever unit the parts' costs are given.

    ``costs`` maps what each part is to what it costs, in order.
    """

    def __init__(
        self, costs: dict[str, float], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._costs = dict(costs)
        self._names = list(costs)
        self._clock = clock
        self._began = clock()
        self._total = sum(costs.values())
        self._before = 0.0  # cost of the parts that are over
        self._here = 0.0  # done of the part under way
        self._index = -1

    def begin(self, part: str) -> Progressed:
        """Go on to a part; those before it are over, whatever was reported of them."""
        self._index = self._names.index(part)
        self._before = sum(self._costs[name] for name in self._names[: self._index])
        self._here = 0.0
        return self._event()

    def advance(self, cost: float) -> Progressed:
        """So much more of the part under way is done."""
        here = self._costs[self._names[self._index]]
        self._here = min(self._here + cost, here)
        return self._event()

    def end(self) -> Progressed:
        """All is done."""
        self._before, self._here = self._total, 0.0
        return self._event()

    def _event(self) -> Progressed:
        done, seconds = self._before + self._here, self._clock() - self._began
        remaining = seconds / done * (self._total - done) if done > 0 else None
        progress = min(1.0, done / self._total)
        part = self._names[self._index]
        return Progressed(part, self._index + 1, len(self._names), progress, seconds, remaining)
