"""The database: SQLite or PostgreSQL, its clock, and patience with it."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, MappedAsDataclass

from impasto.errors import OutputError

log = logging.getLogger("impasto.studio")


class Table(MappedAsDataclass, DeclarativeBase, kw_only=True):
    """What all tables share: how types of Python are stored. A row is a plain dataclass."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: sa.Text,
        float: sa.Double,
        Mapping[str, Any]: sa.JSON,
    }


_TIMEOUTS = {
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
"""How soon a PostgreSQL that fell silent is an error; libpq would wait for a quarter of an hour."""

_LOCK = 0x696D706173746F  # a number of our own among those of the database's locks


def connect(url: URL) -> sa.Engine:
    """Return an engine for the studio, its tables made. Raises `OutputError`."""
    if url.get_backend_name() == "sqlite":
        engine = _sqlite(url)
    else:
        timeouts = {name: value for name, value in _TIMEOUTS.items() if name not in url.query}
        url = url.update_query_dict(timeouts)
        engine = sa.create_engine(url, pool_pre_ping=True, pool_size=20, pool_timeout=30)
    try:
        with engine.begin() as connection:
            lock(connection)  # several processes may start with an empty database
            Table.metadata.create_all(connection)
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
        connection.isolation_level = "IMMEDIATE"  # writers queue up instead of failing half-way
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


def lock(connection: sa.Connection) -> None:
    """Let one transaction at a time go further. It has to come first in the transaction."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")


def now(engine: sa.Engine) -> sa.ColumnElement[float]:
    """Return the database's clock, in seconds since 1970: one clock for all machines."""
    if engine.dialect.name == "sqlite":
        text = "((julianday('now') - 2440587.5) * 86400.0)"
    else:
        text = "extract(epoch from clock_timestamp())::double precision"
    return sa.literal_column(text, sa.Double)


def retry(act: Callable[[], None], seconds: float = 60.0) -> None:
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
