"""What workers do beside painting: take over what dead ones left, and tidy up."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

import sqlalchemy as sa

from impasto.studio import queue
from impasto.studio.executor import needed
from impasto.studio.jobs import FINAL, GRACE, Job, JobStore
from impasto.studio.storage import Storage

log = logging.getLogger("impasto.studio")

ORPHANED = 3600.0
"""Seconds after which files of no job are removed: somebody may just be sending them."""

_AT_ONCE = 500


class Rescue:
    """Queues jobs again that nobody works at any more.

    A running job is abandoned when its worker was not heard of for a while. A waiting one is lost
    when DBOS has nothing left to do for it, or handed it out a while ago to someone who never
    claimed it.
    """

    def __init__(
        self, engine: sa.Engine, store: JobStore, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._dbos = queue.client(engine)
        self._store, self._clock = store, clock
        self._handed_out: dict[str, float] = {}

    def look(self) -> int:
        """Look once, and return how many jobs were queued again."""
        lost = [*self._store.abandoned(), *self._lost()]
        again = [job for job in lost if self._store.requeue(job)]
        for job in again:
            log.warning("job %s: nobody works at it any more, so it is queued again", job.id)
        return len(again)

    def _lost(self) -> list[Job]:
        waiting = {queue.workflow_id(job.id, job.run): job for job in self._store.waiting()}
        found = (
            self._dbos.list_workflows(
                workflow_ids=list(waiting), load_input=False, load_output=False
            )
            if waiting
            else []
        )
        states = {workflow.workflow_id: workflow.status for workflow in found}
        now = self._clock()
        pending = {id for id in waiting if states.get(id) == "PENDING"}
        self._handed_out = {id: self._handed_out.get(id, now) for id in pending}
        alive = {id for id, seen in self._handed_out.items() if now - seen <= GRACE}
        alive |= {id for id in waiting if states.get(id) in ("ENQUEUED", "DELAYED")}
        return [job for id, job in waiting.items() if id not in alive]


class Cleanup:
    """Removes jobs that ended long ago, and files that belong to nothing."""

    def __init__(
        self,
        engine: sa.Engine,
        store: JobStore,
        files: Storage,
        keep: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine, self._store, self._files, self._keep = engine, store, files, keep
        self._clock = clock

    def sweep(self) -> None:
        """Sweep once."""
        for job in self._store.outdated(self._keep):
            if self._store.remove(job.id):
                self._files.remove(job.id)
                queue.forget(self._engine, [(job.id, job.run)])
                log.info("job %s: removed, it ended long ago", job.id)
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
