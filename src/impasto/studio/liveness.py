"""Which workers live: each writes a row every few seconds, by the clock of the database."""

from __future__ import annotations

import logging
import threading

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from impasto.studio.database import Table, now
from impasto.studio.jobs import GRACE

log = logging.getLogger("impasto.studio")

_EVERY = GRACE / 3
"""Seconds from one sign of life to the next."""

_workers = sa.Table(
    "studio_workers",
    Table.metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("beat", sa.Double, nullable=False),
)


def report(engine: sa.Engine, worker: str) -> None:
    """Write down that a worker lives, and forget those that were not heard of for a while."""
    silent = _workers.c.beat < now(engine) - GRACE
    with engine.begin() as connection:
        connection.execute(sa.delete(_workers).where(silent | (_workers.c.name == worker)))
        connection.execute(sa.insert(_workers).values(name=worker, beat=now(engine)))


def count(engine: sa.Engine) -> int:
    """Return how many workers live, on all machines."""
    query = sa.select(sa.func.count()).where(_workers.c.beat >= now(engine) - GRACE)
    with engine.connect() as connection:
        return int(connection.execute(query).scalar_one())


def keep_reporting(engine: sa.Engine, worker: str, leaving: threading.Event) -> threading.Thread:
    """Report a worker until it leaves, in a thread: a database that hangs delays nothing else."""

    def run() -> None:
        while True:
            try:
                report(engine, worker)
            except SQLAlchemyError as error:
                log.warning("the database does not answer: %s", type(error).__name__)
            if leaving.wait(_EVERY):
                return

    thread = threading.Thread(target=run, name="liveness", daemon=True)
    thread.start()
    return thread
