"""The heartbeat of a job: its progress written down about once a second, by a thread of its own.

Steps may take long, and databases may be slow: neither waits for the other. A worker that hangs
has no heartbeat: without a sign from the painter for too long it is given up.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Self

from sqlalchemy.exc import SQLAlchemyError

from impasto.events import Losses
from impasto.studio.jobs import Cancelled, ClaimLost, Job, JobStore

log = logging.getLogger("impasto.studio")

PATIENCE = 600.0
"""Seconds without a sign of life, at least, after which a painter counts as hung."""

_INTERVAL = 1.0
_TIMES_THE_LONGEST = 10
"""A step may take so many times as long as the longest before: scales grow."""


class Heartbeat:
    """Beats while the block lasts. ``hung`` is called once if the painter gives no sign."""

    def __init__(
        self,
        store: JobStore,
        claim: Job,
        *,
        hung: Callable[[], None],
        patience: float = PATIENCE,
        interval: float = _INTERVAL,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.wish = claim.wish
        self.lost = False
        self.told: dict[str, Any] = {}
        """What the row says by now."""
        self._store, self._claim, self._hung = store, claim, hung
        self._patience, self._interval = patience, interval
        self._rows: list[Losses] = []
        self._news: dict[str, Any] = {}
        self._lock = threading.Lock()  # of what is new
        self._beating = threading.Lock()  # one beat at a time
        self._wake, self._ended = threading.Event(), threading.Event()
        self._clock = clock
        self._sign, self._longest = clock(), 0.0
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._wake.set()
        self._thread.join()

    def note(self, row: Losses | None = None, **progress: Any) -> None:
        """Take down what is to be told with the next beat: columns of the job, a step's losses."""
        with self._lock:
            self._news |= progress
            if row:
                first = "step" not in self.told and not self._rows
                self._rows.append(row)
                if first:
                    self._wake.set()
        self.sign()

    def sign(self) -> None:
        """Say that the painter lives."""
        now = self._clock()
        self._longest = max(self._longest, now - self._sign)
        self._sign = now

    def check(self) -> None:
        """Raise `ClaimLost` or `Cancelled`, if that is what the last beat found out."""
        if self.lost:
            raise ClaimLost
        if self.wish == "cancel":
            raise Cancelled

    def beat(self) -> None:
        """Tell now what is new. Raises `ClaimLost`, `SQLAlchemyError`."""
        with self._beating:
            with self._lock:
                rows, self._rows = self._rows, []
                news, self._news = self._news, {}
            try:
                self.wish = self._store.beat(self._claim, rows, **news)
            except ClaimLost:
                self.lost = True
                raise
            except SQLAlchemyError:
                with self._lock:
                    self._rows = [*rows, *self._rows]
                    self._news = {**news, **self._news}
                raise
            if rows:
                news["step"] = rows[-1].step
            self.told |= news

    def _run(self) -> None:
        while not self._ended.is_set():
            self._wake.wait(self._interval)
            self._wake.clear()
            if self._is_hung():
                self._hung()
                return
            try:
                self.beat()
            except ClaimLost:
                return
            except SQLAlchemyError as error:
                log.warning("the database does not answer: %s", type(error).__name__)

    def _is_hung(self) -> bool:
        silent = self._clock() - self._sign
        return silent > max(self._patience, _TIMES_THE_LONGEST * self._longest)
