"""The studio: what the routes and the page share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from impasto.studio.database import connect
from impasto.studio.fair_pool import FairPool
from impasto.studio.jobs import JobStore
from impasto.studio.keys import EndedSessions, Keys, shared_secret
from impasto.studio.learnt import LearntStyles
from impasto.studio.quick import Quick
from impasto.studio.settings import Settings
from impasto.studio.storage import Storage
from impasto.studio.supervisor import Workers

T = TypeVar("T")


class Studio:
    """A studio that is open. Who opens it starts and stops its workers.

    Raises `OutputError` for a folder or a database that cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings, self.files = settings, Storage(settings.data)
        self.engine = connect(settings.database_url)
        self.store, self.keys = JobStore(self.engine), Keys(settings, shared_secret(self.engine))
        self.learnt = LearntStyles(self.store, self.files)
        self.ended_sessions = EndedSessions(self.engine)
        self.quick, self.workers = Quick(settings), Workers(settings)
        self.streams = 0
        """How many streams of events are open."""
        self.closing = asyncio.Event()
        """Set when the server is to end: streams end at once then."""
        self.readers = FairPool(settings.at_once, "readers")
        """Threads that look at what comes in: as few as bound what lies in memory."""

    async def checked(self, client: str, look: Callable[[], T]) -> T:
        """Look at pictures that came in, in one of those threads; return what comes of it."""
        return await asyncio.wrap_future(self.readers.submit(client, look))

    def forget(self, id: str) -> bool:
        """Remove a job that has ended, with its files; return whether there was one."""
        removed = self.store.remove(id)
        if removed:
            self.files.remove(id)
        return removed

    def close(self) -> None:
        """Finish what was begun, and let go of everything."""
        self.readers.close()
        self.quick.close()
        self.engine.dispose()
