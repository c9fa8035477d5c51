"""The progress of an explainer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progressed:
    """Some of the work is done.

    ``part`` names the current part, number ``number`` of ``parts``, counted from 1. ``progress``
    runs from 0 to 1 over all parts and reaches 1 only at the end. ``seconds`` have passed, and
    about ``remaining`` are left (None before anything is done).
    """

    part: str
    number: int
    parts: int
    progress: float
    seconds: float
    remaining: float | None


class ProgressMeter:
    """Measures how much of the work is done.

    ``costs`` maps the name of each part to its cost, in order and in any unit.
    """

    def __init__(
        self, costs: dict[str, float], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._costs = dict(costs)
        self._names = list(costs)
        self._clock = clock
        self._began = clock()
        self._total = sum(costs.values())
        self._before = 0.0  # cost of the finished parts
        self._here = 0.0  # finished cost of the current part
        self._index = -1

    def begin(self, part: str) -> Progressed:
        """Start a part; all parts before it count as finished."""
        self._index = self._names.index(part)
        self._before = sum(self._costs[name] for name in self._names[: self._index])
        self._here = 0.0
        return self._event()

    def advance(self, cost: float) -> Progressed:
        """Add finished cost to the current part."""
        here = self._costs[self._names[self._index]]
        self._here = min(self._here + cost, here)
        return self._event()

    def end(self) -> Progressed:
        """Finish all parts."""
        self._before, self._here = self._total, 0.0
        return self._event()

    def _event(self) -> Progressed:
        done, seconds = self._before + self._here, self._clock() - self._began
        remaining = seconds / done * (self._total - done) if done > 0 else None
        progress = min(1.0, done / self._total)
        part = self._names[self._index]
        return Progressed(part, self._index + 1, len(self._names), progress, seconds, remaining)
