"""A worker lives as long as it says so, by the clock of the database."""

from __future__ import annotations

import threading

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from impasto.studio import liveness
from impasto.studio.jobs import GRACE
from patience import wait_for


def age(engine: sa.Engine, worker: str, seconds: float) -> None:
    """Move the last sign of a worker into the past."""
    beat = liveness._workers.c.beat
    with engine.begin() as connection:
        rows = liveness._workers.c.name == worker
        connection.execute(sa.update(liveness._workers).where(rows).values(beat=beat - seconds))


def test_workers_live_as_long_as_they_say_so(engine: sa.Engine):
    assert liveness.count(engine) == 0
    liveness.report(engine, "a")
    liveness.report(engine, "b")
    liveness.report(engine, "a")
    assert liveness.count(engine) == 2
    age(engine, "a", GRACE + 1)
    assert liveness.count(engine) == 1
    liveness.report(engine, "a")
    assert liveness.count(engine) == 2


def test_those_who_fell_silent_are_forgotten(engine: sa.Engine):
    liveness.report(engine, "dead")
    age(engine, "dead", GRACE + 1)
    liveness.report(engine, "alive")
    with engine.connect() as connection:
        assert connection.execute(sa.select(liveness._workers.c.name)).scalars().all() == ["alive"]


def test_a_worker_reports_through_failures_until_it_leaves(monkeypatch: pytest.MonkeyPatch):
    reports: list[str] = []

    def fail_once(_: object, worker: str) -> None:
        reports.append(worker)
        if len(reports) == 1:
            raise OperationalError("insert", {}, Exception("gone"))

    monkeypatch.setattr(liveness, "report", fail_once)
    monkeypatch.setattr(liveness, "_EVERY", 0.001)
    leaving = threading.Event()
    thread = liveness.keep_reporting(None, "a", leaving)
    wait_for(lambda: len(reports) > 2)
    leaving.set()
    wait_for(lambda: not thread.is_alive())
    assert set(reports) == {"a"}
