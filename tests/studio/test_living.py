"""A worker lives as long as it says so, by the clock of the database."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from impasto.studio import living
from impasto.studio.jobs import GRACE
from patience import wait_for


def age(engine: sa.Engine, worker: str, seconds: float) -> None:
    """Move the last sign of a worker into the past."""
    beat = living._workers.c.beat
    with engine.begin() as connection:
        rows = living._workers.c.name == worker
        connection.execute(sa.update(living._workers).where(rows).values(beat=beat - seconds))


def test_workers_live_as_long_as_they_say_so(engine: sa.Engine):
    assert living.count(engine) == 0
    living.report(engine, "a")
    living.report(engine, "b")
    living.report(engine, "a")
    assert living.count(engine) == 2
    age(engine, "a", GRACE + 1)
    assert living.count(engine) == 1
    living.report(engine, "a")
    assert living.count(engine) == 2


def test_those_who_fell_silent_are_forgotten(engine: sa.Engine):
    living.report(engine, "dead")
    age(engine, "dead", GRACE + 1)
    living.report(engine, "alive")
    with engine.connect() as connection:
        assert connection.execute(sa.select(living._workers.c.name)).scalars().all() == ["alive"]


def test_a_worker_reports_through_failures_until_it_leaves(monkeypatch: pytest.MonkeyPatch):
    reports: list[str] = []

    def fail_once(_: object, worker: str) -> None:
        reports.append(worker)
        if len(reports) == 1:
            raise OperationalError("insert", {}, Exception("gone"))

    monkeypatch.setattr(living, "report", fail_once)
    monkeypatch.setattr(living, "_EVERY", 0.001)
    leaving = threading.Event()
    thread = living.keep_reporting(None, "a", leaving)
    wait_for(lambda: len(reports) > 2)
    leaving.set()
    wait_for(lambda: not thread.is_alive())
    assert set(reports) == {"a"}
