"""What workers do between jobs: remove jobs that ended long ago, and files of nobody."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress

from impasto.studio.jobs import FINAL, JobStore, needed
from impasto.studio.storage import Storage

log = logging.getLogger("impasto.studio")

ORPHANED = 3600.0
"""Seconds after which files of no job are removed: somebody may just be sending them."""

_AT_ONCE = 500


def sweep(
    store: JobStore, files: Storage, keep: float, clock: Callable[[], float] = time.time
) -> None:
    """Remove jobs that ended more than ``keep`` seconds ago, and files that belong to nothing."""
    for job in store.outdated(keep):
        if store.remove(job.id):
            files.remove(job.id)
            log.info("job %s: removed, it ended long ago", job.id)
    for path in files.incoming.iterdir():
        with suppress(FileNotFoundError):
            if clock() - path.stat().st_mtime > ORPHANED:
                path.unlink()
    ids = files.jobs()
    for first in range(0, len(ids), _AT_ONCE):
        some = ids[first : first + _AT_ONCE]
        known = store.some(some)
        for id in some:
            found = known.get(id)
            if found is None:
                if clock() - files.touched(id) > ORPHANED:
                    files.remove(id)
            elif found.state == "cancelled":
                files.remove(id)
            elif found.state in FINAL:
                files.sweep(id, needed(found))
