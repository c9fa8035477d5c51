"""Threads that work ahead or behind, within bounds, so that reading and writing overlap."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from queue import Full, Queue
from threading import Event, Thread
from typing import Any, Generic, TypeVar

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")

_PATIENCE = 0.1
"""Seconds after which a waiting thread checks whether it should stop."""

_END = object()


def ahead(items: Iterable[_Item], depth: int) -> Generator[_Item]:
    """Yield items that another thread produces, at most ``depth`` of them ahead.

    Its errors are raised here. Close the iterator to end the thread early.
    """
    queue: Queue[tuple[Any, BaseException | None]] = Queue(depth)
    stop = Event()

    def put(item: Any, error: BaseException | None = None) -> None:
        while not stop.is_set():
            with suppress(Full):
                queue.put((item, error), timeout=_PATIENCE)
                return

    def make() -> None:
        source = iter(items)
        try:
            for item in source:
                put(item)
                del item  # else it stays alive until the next one is made
                if stop.is_set():
                    break
        except BaseException as error:
            put(_END, error)
        else:
            put(_END)
        finally:
            if close := getattr(source, "close", None):
                close()

    thread = Thread(target=make, name="impasto-ahead", daemon=True)
    thread.start()
    try:
        while True:
            item, error = queue.get()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item
            del item
    finally:
        stop.set()
        thread.join()


def mapped(
    items: Generator[_Item], do: Callable[[_Item], _Made], at_once: int
) -> Generator[tuple[_Item, _Made]]:
    """Yield each item with what ``do`` makes of it, in order, made by ``at_once`` threads.

    One more item than there are threads may be ahead. Errors are raised here.
    """
    waiting: deque[tuple[_Item, Future[_Made]]] = deque()
    pool = ThreadPoolExecutor(at_once, "impasto-mapped")
    try:
        with closing(items):
            for item in items:
                waiting.append((item, pool.submit(do, item)))
                del item
                if len(waiting) > at_once:
                    yield _result(*waiting.popleft())
            while waiting:
                yield _result(*waiting.popleft())
    finally:
        pool.shutdown(cancel_futures=True)


def _result(item: _Item, made: Future[_Made]) -> tuple[_Item, _Made]:
    return item, made.result()


class Behind(Generic[_Item]):
    """Hands items to a thread that processes them, at most ``depth`` of them behind.

    Its errors are raised by the next `put`, or by `close`. After an error, items are dropped.
    """

    def __init__(self, do: Callable[[_Item], None], depth: int) -> None:
        self._do = do
        self._queue: Queue[Any] = Queue(depth)
        self._error: BaseException | None = None
        self._thread = Thread(target=self._work, name="impasto-behind", daemon=True)
        self._thread.start()

    def put(self, item: _Item) -> None:
        """Hand an item over. Waits while the queue is full."""
        self._check()
        self._queue.put(item)

    def close(self) -> None:
        """Wait until all items are processed."""
        if self._thread.is_alive():
            self._queue.put(_END)
            self._thread.join()
        self._check()

    def end(self) -> None:
        """As `close`, but ignore errors."""
        with suppress(BaseException):
            self.close()

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while (item := self._queue.get()) is not _END:
            if self._error is None:
                try:
                    self._do(item)
                except BaseException as error:
                    self._error = error
            del item
