"""A full disk: the work waits until there is room, and the job says so."""

from __future__ import annotations

import errno
import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from impasto.studio.heartbeat import Heartbeat

log = logging.getLogger("impasto.studio")

T = TypeVar("T")

RETRY = 3.0
"""Seconds between two tries to write."""

_FULL = (errno.ENOSPC, errno.EDQUOT)
_SIGNS = ("no space left", "disk is full", "disk full", "quota exceeded")
"""Parts of messages, in lower case: safetensors, SQLite, PostgreSQL and object stores."""


class WorkerLeaving(Exception):  # noqa: N818 - it is not an error, but an event
    """The worker leaves: its job goes on elsewhere."""


class Room:
    """Waits for room on the disk within an attempt. ``leaving`` ends the wait."""

    def __init__(self, heartbeat: Heartbeat, leaving: threading.Event) -> None:
        self._heartbeat, self._leaving = heartbeat, leaving

    def wait_for(self, write: Callable[[], T]) -> T:
        """Return what ``write`` returns; while the disk is full, call it again and again.

        Raises `ClaimLost`, `Cancelled` and `WorkerLeaving` instead of waiting.
        """
        waiting = False
        while True:
            try:
                written = write()
            except Exception as error:
                if not is_disk_full(error):
                    raise
                if not waiting:
                    log.warning("the disk is full: %s", error)
            else:
                if waiting:
                    self._heartbeat.note(waiting="")
                return written
            waiting = True
            self._heartbeat.note(waiting="disk")
            self._leaving.wait(RETRY)
            self._heartbeat.check()
            if self._leaving.is_set():
                raise WorkerLeaving


def is_disk_full(error: BaseException | None) -> bool:
    """Return whether an exception, or what it was raised from, means a full disk or quota."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        if any(sign in str(error).lower() for sign in _SIGNS):
            return True
        error = error.__cause__ or error.__context__
    return False
