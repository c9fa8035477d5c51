"""The archive engine: gives the items of a plan to workers of any kind, yielding events."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from impasto.archive.plan import Item, Planned, Skipped, UnreadableFolder
from impasto.archive.worker import Result
from impasto.errors import ImpastoError
from impasto.text import shown

_MAX_DEATHS = 2
"""A photo fails after this many workers died while they processed it."""

_MAX_FAILED_STARTS = 3
"""The work ends after this many workers in a row died before they were ready."""


@dataclass(frozen=True)
class Ready:
    """A worker has loaded its networks."""

    worker: int


@dataclass(frozen=True)
class Completed:
    """A worker has finished the item with the output file ``out``."""

    worker: int
    out: str
    result: Result


@dataclass(frozen=True)
class WorkerDied:
    """A worker died and was replaced by a new one. ``ready``: it had loaded its networks."""

    worker: int
    reason: str
    ready: bool


PoolEvent = Ready | Completed | WorkerDied


class Pool(Protocol):
    """Numbered workers; each has up to ``depth`` items in progress."""

    @property
    def depth(self) -> int:
        """Items in progress per worker: one is computed while others are read and written."""

    def start(self) -> int:
        """Start the workers and return how many there are. Raises `ImpastoError`."""

    def submit(self, worker: int, item: Item) -> None:
        """Give an item to a worker that is ready. Returns at once."""

    def wait(self) -> Sequence[PoolEvent]:
        """Return new events, within a short time even if there are none.

        Raises errors that affect all workers.
        """

    def close(self, *, at_once: bool) -> None:
        """End the workers, which are idle, or all ``at_once``."""


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


Event = Made | Failed | Skipped | UnreadableFolder


class Archive:
    """Carries out a plan with a pool of workers; iterate over it for its events.

    Once ``stop`` returns True, no item is started, and those in progress are finished. If a worker
    dies, each of its items is repeated by a worker that has no other item; an item that kills that
    worker too has failed. Memory does not grow with the number of items.

    Raises errors of the plan, after the items in progress are finished, and errors that affect all
    workers.
    """

    def __init__(
        self, plan: Iterable[Planned], pool: Pool, stop: Callable[[], bool] = lambda: False
    ) -> None:
        self._plan, self._pool, self._stop = iter(plan), pool, stop
        self._in_progress: list[list[Item]] = []
        self._ready: set[int] = set()
        self._retries: deque[Item] = deque()
        self._deaths: dict[str, int] = {}
        self._ended = False
        self._error: Exception | None = None
        self._failed_starts = 0

    def __iter__(self) -> Iterator[Event]:
        """Run."""
        return self.work()

    def work(self) -> Generator[Event, None, None]:
        """Run. To end the workers early, close the generator."""
        first = yield from self._skip_to_first()
        if first is not None:
            self._plan = chain([first], self._plan)
            at_once = True
            try:
                self._in_progress = [[] for _ in range(self._pool.start())]
                while not self._done():
                    yield from self._give_out()
                    if any(self._in_progress) or not self._done():
                        for event in self._pool.wait():
                            yield from self._handle(event)
                at_once = False
            finally:
                self._pool.close(at_once=at_once)
        if self._error:
            raise self._error

    def _skip_to_first(self) -> Generator[Event, None, Item | None]:
        """Yield skipped items until there is work, before any worker is started."""
        while not self._stop():
            planned = self._next_planned()
            if planned is None or isinstance(planned, Item):
                return planned
            yield planned
        return None

    def _done(self) -> bool:
        if self._stop():
            self._ended = True
            self._retries.clear()
        return self._ended and not self._retries and not any(self._in_progress)

    def _give_out(self) -> Iterator[Event]:
        for worker in sorted(self._ready):
            items = self._in_progress[worker]
            while len(items) < self._pool.depth and not any(i.out in self._deaths for i in items):
                if self._retries:
                    if items:
                        break
                    planned: Planned | None = self._retries.popleft()
                else:
                    planned = None if self._stop() else self._next_planned()
                if planned is None:
                    break
                if isinstance(planned, Item):
                    items.append(planned)
                    self._pool.submit(worker, planned)
                else:
                    yield planned

    def _next_planned(self) -> Planned | None:
        """Return the next entry of the plan, None at the end."""
        planned = None
        if not self._ended:
            try:
                planned = next(self._plan, None)
            except (ImpastoError, OSError) as error:
                self._error = error
            self._ended = planned is None
        return planned

    def _handle(self, event: PoolEvent) -> Iterator[Event]:
        match event:
            case Ready(worker):
                self._ready.add(worker)
                self._failed_starts = 0
            case Completed(worker, out, result):
                items = self._in_progress[worker]
                item = next(item for item in items if item.out == out)
                items.remove(item)
                repeated = self._deaths.pop(out, 0) > 0
                yield _event(item, result, repeated=repeated)
            case WorkerDied(worker, reason, ready):
                self._ready.discard(worker)
                yield from self._replace_items(worker, reason, ready=ready)

    def _replace_items(self, worker: int, reason: str, *, ready: bool) -> Iterator[Event]:
        """Repeat the items of a worker that died, or give them up."""
        if not ready:
            self._failed_starts += 1
            if self._failed_starts >= _MAX_FAILED_STARTS:
                raise ImpastoError(f"the workers die while they start: {reason}")
        items, self._in_progress[worker] = self._in_progress[worker], []
        for item in items:
            deaths = self._deaths[item.out] = self._deaths.get(item.out, 0) + 1
            if deaths >= _MAX_DEATHS:
                del self._deaths[item.out]
                error = f"{shown(item.photo)}: its process died {deaths} times: {reason}"
                yield Failed(item, error, 0.0)
            else:
                self._retries.append(item)


def _event(item: Item, result: Result, *, repeated: bool) -> Event:
    """Return the event for a result. A worker that died may have written its file before."""
    if result.existed and not repeated:
        return Skipped(item)
    if result.error:
        return Failed(item, result.error, result.seconds)
    return Made(item, result.seconds)
