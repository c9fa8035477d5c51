"""Threads that serve clients in turn, so that nobody waits behind all the work of another."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


class PoolFull(Exception):  # noqa: N818 - it is not an error, but a state
    """As much work waits as may."""


class FairPool:
    """``threads`` that take one piece of work of each client, then the next of each.

    ``most`` pieces may wait or run; beyond that, a client may have one.
    """

    def __init__(self, threads: int, name: str, most: float = float("inf")) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._most = most
        self._lock = threading.Lock()
        self._lines: dict[str, deque[tuple[Future[Any], Callable[[], Any]]]] = {}
        """What waits, by client; the first client is the next."""
        self._counts: Counter[str] = Counter()

    @property
    def taken(self) -> int:
        """How many pieces of work wait or run."""
        return self._counts.total()

    def submit(self, client: str, work: Callable[[], T]) -> Future[T]:
        """Put work in line; what is cancelled before its turn never runs. Raises `PoolFull`."""
        future: Future[T] = Future()
        with self._lock:
            if self.taken >= self._most and self._counts[client]:
                raise PoolFull
            self._counts[client] += 1
            self._lines.setdefault(client, deque()).append((future, work))
        future.add_done_callback(lambda _: self._count_down(client))
        self._pool.submit(self._work)
        return future

    def close(self) -> None:
        """Finish what was begun, and drop what waits."""
        with self._lock:
            dropped = [future for line in self._lines.values() for future, _ in line]
        for future in dropped:
            future.cancel()
        self._pool.shutdown(wait=True)

    def _work(self) -> None:
        with self._lock:
            client = next(iter(self._lines))
            line = self._lines.pop(client)
            future, work = line.popleft()
            if line:
                self._lines[client] = line  # behind the others
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)

    def _count_down(self, client: str) -> None:
        with self._lock:
            self._counts[client] -= 1
            if not self._counts[client]:
                del self._counts[client]
