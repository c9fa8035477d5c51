"""One database: the jobs of the studio and the workflows of DBOS, changed in one transaction."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from impasto.errors import OutputError

log = logging.getLogger("impasto.studio")

metadata = sa.MetaData()

jobs = sa.Table(
    "studio_jobs",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),  # paint | apply
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("wish", sa.Text, nullable=False, default=""),  # "", stop or cancel
    sa.Column("request", sa.JSON, nullable=False),
    sa.Column("key", sa.Text),  # the client's, so that asking twice makes one job
    sa.Column("fingerprint", sa.Text),  # of what was asked with it
    sa.Column("created", sa.Double, nullable=False),
    sa.Column("started", sa.Double),
    sa.Column("ended", sa.Double),
    sa.Column("run", sa.Integer, nullable=False, default=1),  # counts how often it was queued
    sa.Column("attempt", sa.Integer, nullable=False, default=0),  # counts who has claimed it
    sa.Column("stuck", sa.Integer, nullable=False, default=0),  # claims in a row without progress
    sa.Column("worker", sa.Text, nullable=False, default=""),
    sa.Column("beat", sa.Double, nullable=False, default=0.0),  # when the worker was last heard of
    sa.Column("step", sa.Integer, nullable=False, default=0),
    sa.Column("steps", sa.Integer, nullable=False, default=0),
    sa.Column("loss", sa.Double),
    sa.Column("seconds", sa.Double, nullable=False, default=0.0),
    sa.Column("remaining", sa.Double),
    sa.Column("width", sa.Integer, nullable=False, default=0),
    sa.Column("height", sa.Integer, nullable=False, default=0),
    sa.Column("preview", sa.Text),  # names of files
    sa.Column("picture", sa.Text),
    sa.Column("timelapse", sa.Text),
    sa.Column("error_code", sa.Text),
    sa.Column("error", sa.Text),
    sa.UniqueConstraint("owner", "key"),
    sa.Index("studio_jobs_by_owner", "owner", "created"),
    sa.Index("studio_jobs_by_state", "state", "created"),
)

losses = sa.Table(
    "studio_losses",
    metadata,
    sa.Column(
        "job", sa.Text, sa.ForeignKey("studio_jobs.id", ondelete="CASCADE"), primary_key=True
    ),
    sa.Column("step", sa.Integer, primary_key=True),
    *(sa.Column(name, sa.Integer, nullable=False) for name in ("scale", "width", "height")),
    *(
        sa.Column(name, sa.Double, nullable=False)
        for name in ("loss", "content", "style", "tv", "seconds")
    ),
)

_SILENT = {
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
"""How soon a PostgreSQL that fell silent is an error; libpq would wait for a quarter of an hour."""

_ALONE = 0x696D706173746F  # a number of our own among those of the database's locks


def connect(url: URL) -> sa.Engine:
    """Return an engine for the studio and DBOS alike, its tables made. Raises `OutputError`."""
    if url.get_backend_name() == "sqlite":
        engine = _sqlite(url)
    else:
        silent = {name: value for name, value in _SILENT.items() if name not in url.query}
        url = url.update_query_dict(silent)
        engine = sa.create_engine(url, pool_pre_ping=True, pool_size=20, pool_timeout=30)
    try:
        with engine.begin() as connection:
            alone(connection)  # several processes may start with an empty database
            metadata.create_all(connection)
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", error)).splitlines()[0]
        raise OutputError(f"{url}: the database cannot be used: {reason}") from error
    return engine


def _sqlite(url: URL) -> sa.Engine:
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url)

    @event.listens_for(engine, "connect")
    def opened(connection: Any, _record: Any) -> None:
        # As DBOS sets up its own: writers queue up instead of failing half-way.
        connection.isolation_level = "IMMEDIATE"
        connection.execute("PRAGMA busy_timeout=30000")
        connection.execute("PRAGMA foreign_keys=ON")
        _write_ahead(connection)
        connection.execute("PRAGMA synchronous=FULL")

    return engine


def _write_ahead(connection: Any) -> None:
    """Switch to a write-ahead log. While others switch, SQLite does not wait but refuses."""
    for _ in range(200):
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode=WAL")
            return
        time.sleep(0.05)
    connection.execute("PRAGMA journal_mode=WAL")


def alone(connection: sa.Connection) -> None:
    """Let nobody else come this far before the transaction ends. It has to come first in it."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ALONE})")


def now(engine: sa.Engine) -> sa.ColumnElement[float]:
    """Return the database's clock, in seconds since 1970: one clock for all machines."""
    if engine.dialect.name == "sqlite":
        text = "((julianday('now') - 2440587.5) * 86400.0)"
    else:
        text = "extract(epoch from clock_timestamp())::double precision"
    return sa.literal_column(text, sa.Double)


def patiently(act: Callable[[], None], seconds: float = 60.0) -> None:
    """Do something with the database, again and again while it does not answer."""
    end = time.monotonic() + seconds
    while True:
        try:
            return act()
        except SQLAlchemyError as error:
            if time.monotonic() > end:
                raise
            log.warning("the database does not answer: %s", type(error).__name__)
            time.sleep(1)
