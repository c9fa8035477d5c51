"""Handing out what is planned to workers, whatever they are, until all of it is done."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from impasto.archive.makers import Answer
from impasto.archive.plan import Item, Planned, There, Unreadable
from impasto.errors import ImpastoError
from impasto.text import shown

_DEATHS = 2
"""A file is given up when so many workers ended while they made it."""

_STILLBORN = 3
"""Workers in a row that end before they begin, after which no other is started."""


@dataclass(frozen=True)
class Ready:
    """A worker has loaded what it needs."""

    worker: int


@dataclass(frozen=True)
class Answered:
    """A worker is done with the item that becomes ``out``."""

    worker: int
    out: str
    answer: Answer


@dataclass(frozen=True)
class Lost:
    """A worker ended, and another was started in its place. ``ready`` if it had begun to work."""

    worker: int
    how: str
    ready: bool


News = Ready | Answered | Lost


class Pool(Protocol):
    """Workers by number, each of which has up to ``depth`` items in hand."""

    @property
    def depth(self) -> int:
        """Items that a worker has at once: one is computed, others are read and written."""

    def start(self) -> int:
        """Start the workers and return how many there are. Raises `ImpastoError`."""

    def give(self, worker: int, item: Item) -> None:
        """Hand an item to a worker that is ready. Returns at once."""

    def wait(self) -> Sequence[News]:
        """Return what happened since, soon in any case. Raises what keeps all from working."""

    def close(self, *, at_once: bool) -> None:
        """End the workers: those that have nothing in hand, or all ``at_once``."""


@dataclass(frozen=True)
class Made:
    """A picture was made."""

    item: Item
    seconds: float


@dataclass(frozen=True)
class Failed:
    """A picture could not be made."""

    item: Item
    reason: str
    seconds: float


Event = Made | Failed | There | Unreadable


class Archive:
    """Carries out a plan with a pool of workers; iterate it for its events.

    When ``stop`` says so nothing more is begun, and what is in hand is finished. A worker that ends
    by itself is made up for: what it had in hand is made again, by a worker that has nothing else;
    what that one does not survive either has failed. Memory does not grow with the number of items.

    Raises what the plan raises, once all in hand is finished, and what keeps all workers from
    working.
    """

    def __init__(
        self, plan: Iterable[Planned], pool: Pool, stop: Callable[[], bool] = lambda: False
    ) -> None:
        self._plan, self._pool, self._stop = iter(plan), pool, stop
        self._hands: list[list[Item]] = []
        self._ready: set[int] = set()
        self._again: deque[Item] = deque()
        self._deaths: dict[str, int] = {}
        self._ended = False
        self._wrong: Exception | None = None
        self._stillborn = 0

    def __iter__(self) -> Iterator[Event]:
        """Work."""
        return self.work()

    def work(self) -> Generator[Event, None, None]:
        """Work; who closes the generator ends the workers."""
        first = yield from self._to_the_first()
        if first is not None:
            self._plan = chain([first], self._plan)
            at_once = True
            try:
                self._hands = [[] for _ in range(self._pool.start())]
                while not self._done():
                    yield from self._hand_out()
                    if any(self._hands) or not self._done():
                        for news in self._pool.wait():
                            yield from self._heard(news)
                at_once = False
            finally:
                self._pool.close(at_once=at_once)
        if self._wrong:
            raise self._wrong

    def _to_the_first(self) -> Generator[Event, None, Item | None]:
        """Go through what is there already, before any worker is started."""
        while not self._stop():
            planned = self._fresh()
            if planned is None or isinstance(planned, Item):
                return planned
            yield planned
        return None

    def _done(self) -> bool:
        if self._stop():
            self._ended = True
            self._again.clear()
        return self._ended and not self._again and not any(self._hands)

    def _hand_out(self) -> Iterator[Event]:
        for worker in sorted(self._ready):
            hand = self._hands[worker]
            while len(hand) < self._pool.depth and not any(i.out in self._deaths for i in hand):
                if self._again:
                    if hand:
                        break
                    planned: Planned | None = self._again.popleft()
                else:
                    planned = None if self._stop() else self._fresh()
                if planned is None:
                    break
                if isinstance(planned, Item):
                    hand.append(planned)
                    self._pool.give(worker, planned)
                else:
                    yield planned

    def _fresh(self) -> Planned | None:
        """Return what is planned next, None at the end."""
        planned = None
        if not self._ended:
            try:
                planned = next(self._plan, None)
            except (ImpastoError, OSError) as error:
                self._wrong = error
            self._ended = planned is None
        return planned

    def _heard(self, news: News) -> Iterator[Event]:
        match news:
            case Ready(worker):
                self._ready.add(worker)
                self._stillborn = 0
            case Answered(worker, out, answer):
                hand = self._hands[worker]
                item = next(item for item in hand if item.out == out)
                hand.remove(item)
                again = self._deaths.pop(out, 0) > 0
                yield _event(item, answer, again=again)
            case Lost(worker, how, ready):
                self._ready.discard(worker)
                yield from self._bury(worker, how, ready=ready)

    def _bury(self, worker: int, how: str, *, ready: bool) -> Iterator[Event]:
        """Make up for what a worker had in hand when it ended."""
        if not ready:
            self._stillborn += 1
            if self._stillborn >= _STILLBORN:
                raise ImpastoError(f"the workers end before they begin to work: {how}")
        hand, self._hands[worker] = self._hands[worker], []
        for item in hand:
            deaths = self._deaths[item.out] = self._deaths.get(item.out, 0) + 1
            if deaths >= _DEATHS:
                del self._deaths[item.out]
                told = f"{shown(item.photo)}: ended the process that made it, {deaths} times: {how}"
                yield Failed(item, told, 0.0)
            else:
                self._again.append(item)


def _event(item: Item, answer: Answer, *, again: bool) -> Event:
    """Return what an answer says; a worker that ended may have made its item all the same."""
    if answer.there and not again:
        return There(item)
    if answer.error:
        return Failed(item, answer.error, answer.seconds)
    return Made(item, answer.seconds)
