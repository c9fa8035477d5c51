"""The studio: what the routes and the page share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import sqlalchemy as sa

from impasto.studio.database import connect
from impasto.studio.jobs import JobStore
from impasto.studio.keys import Keys, shared_secret
from impasto.studio.quick import Quick
from impasto.studio.settings import Settings
from impasto.studio.storage import Storage
from impasto.studio.supervisor import Workers

T = TypeVar("T")


@dataclass(eq=False)
class Studio:
    """A studio that is open. ``workers`` are those that this process looks after, if any."""

    settings: Settings
    engine: sa.Engine
    store: JobStore
    files: Storage
    quick: Quick
    keys: Keys
    workers: Workers | None = None
    streams: int = 0
    """How many streams of events are open."""

    closing: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the server is to end: streams end at once then."""

    def __post_init__(self) -> None:
        """Make the threads that look at what comes in: as few as bound what lies in memory."""
        self.readers = ThreadPoolExecutor(self.settings.at_once, thread_name_prefix="readers")

    async def checked(self, look: Callable[[], T]) -> T:
        """Look at pictures that came in, in one of those threads; return what comes of it."""
        return await asyncio.wrap_future(self.readers.submit(look))

    def forget(self, id: str) -> bool:
        """Remove a job that has ended, with its files; return whether there was one."""
        removed = self.store.remove(id)
        if removed:
            self.files.remove(id)
        return removed

    def close(self) -> None:
        """Finish what was begun, and let go of everything."""
        self.readers.shutdown(wait=True, cancel_futures=True)
        self.quick.close()
        self.engine.dispose()


def open_studio(settings: Settings, workers: Workers | None = None) -> Studio:
    """Open the studio of some settings. Raises `OutputError` for what cannot be used."""
    files = Storage(settings.data)
    engine = connect(settings.database_url)
    keys = Keys(settings, shared_secret(engine))
    return Studio(settings, engine, JobStore(engine), files, Quick(settings), keys, workers)
