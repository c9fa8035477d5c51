"""The studio: what the routes and the page share."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from impasto.studio.database import connect
from impasto.studio.fair_pool import FairPool
from impasto.studio.jobs import UNDER_WAY, Job, JobStore, new_id
from impasto.studio.keys import EndedSessions, Keys, shared_secret
from impasto.studio.learnt import LearntStyles
from impasto.studio.quick import Quick
from impasto.studio.settings import Settings
from impasto.studio.storage import Storage
from impasto.studio.supervisor import Workers

log = logging.getLogger("impasto.studio")

T = TypeVar("T")


class Studio:
    """A studio that is open. Who opens it starts and stops its workers.

    Raises `OutputError` for a folder or a database that cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings, self.files = settings, Storage(settings.data)
        self.engine = connect(settings.database_url)
        self.store = JobStore(self.engine, settings.max_queue, settings.max_jobs)
        self.keys = Keys(settings, shared_secret(self.engine))
        self.learnt = LearntStyles(self.store, self.files)
        self.ended_sessions = EndedSessions(self.engine)
        self.quick, self.workers = Quick(settings), Workers(settings)
        self.streams: Counter[str] = Counter()
        """How many streams of events each client has open."""
        self.closing = asyncio.Event()
        """Set when the server is to end: streams end at once then."""
        self.readers = FairPool(settings.at_once, "readers")
        """Threads that look at what comes in: as few as bound what lies in memory."""

    async def checked(self, client: str, look: Callable[[], T]) -> T:
        """Look at pictures that came in, in one of those threads; return what comes of it."""
        return await asyncio.wrap_future(self.readers.submit(client, look))

    def accept(
        self,
        owner: str,
        kind: str,
        request: Mapping[str, Any],
        files: Mapping[str, bytes | Path],
        **more: Any,
    ) -> Job:
        """Store the files of a new job, then take it; ``more`` is as `JobStore.accept` has it.

        A file given by its path is moved. All are removed if the job is refused, or if another is
        returned.
        """
        id = new_id()
        try:
            for name, data in files.items():
                if isinstance(data, Path):
                    self.files.take(id, name, data)
                else:
                    self.files.put(id, name, data)
            job = self.store.accept(owner, kind, request, id=id, **more)
        except SQLAlchemyError:  # perhaps only the answer was lost: the job may be there
            raise
        except BaseException:
            self.files.remove(id)
            raise
        if job.id != id:
            self.files.remove(id)
        else:
            log.info("job %s: accepted", id)
        return job

    def forget(self, id: str) -> bool:
        """Remove a job that has ended, with its files; return whether there was one."""
        removed = self.store.remove(id)
        if removed:
            self.files.remove(id)
        return removed

    def delete(self, job: Job) -> Job | None:
        """Cancel a job that is under way, and return it; remove one that has ended."""
        if job.state in UNDER_WAY:
            job = self.store.cancel(job.id, job.owner)
            if job.state in (*UNDER_WAY, "cancelled"):
                return job
        if self.forget(job.id):  # it may have ended just before it was to be cancelled
            return None
        return self.store.cancel(job.id, job.owner)  # it has just gone on

    def close(self) -> None:
        """Finish what was begun, and let go of everything."""
        self.readers.close()
        self.quick.close()
        self.engine.dispose()
