"""What workers do between jobs: remove jobs that ended long ago, and files of nobody."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from impasto.studio.jobs import FINAL, JobStore, needed
from impasto.studio.storage import Storage

log = logging.getLogger("impasto.studio")

ORPHANED = 3600.0
"""Seconds after which files of no job are removed: somebody may just be sending them."""

_AT_ONCE = 500


class Cleanup:
    """Removes jobs that ended more than ``keep`` seconds ago, and files that belong to nothing."""

    def __init__(
        self, store: JobStore, files: Storage, keep: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._store, self._files, self._keep, self._clock = store, files, keep, clock

    def sweep(self) -> None:
        """Sweep once."""
        for job in self._store.outdated(self._keep):
            if self._store.remove(job.id):
                self._files.remove(job.id)
                log.info("job %s: removed, it ended long ago", job.id)
        for path in self._files.incoming.iterdir():
            with suppress(FileNotFoundError):
                if self._clock() - path.stat().st_mtime > ORPHANED:
                    path.unlink()
        ids = self._files.jobs()
        for first in range(0, len(ids), _AT_ONCE):
            self._tidy(ids[first : first + _AT_ONCE])

    def _tidy(self, ids: Sequence[str]) -> None:
        known = self._store.some(ids)
        for id in ids:
            job = known.get(id)
            if job is None:
                if self._clock() - self._files.touched(id) > ORPHANED:
                    self._files.remove(id)
            elif job.state == "cancelled":
                self._files.remove(id)
            elif job.state in FINAL:
                self._files.sweep(id, needed(job))
