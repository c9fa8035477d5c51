"""What workers do between jobs: old jobs are removed, and files of nobody."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from impasto.studio.jobs import Job, JobStore, jobs, new_id
from impasto.studio.maintenance import ORPHANED, sweep
from impasto.studio.storage import Storage
from patience import Clock
from studio.jobs import accept


@pytest.fixture
def store(engine: sa.Engine) -> JobStore:
    return JobStore(engine)


@pytest.fixture
def files(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "files"))


def ended(store: JobStore, files: Storage, state: str, age: float = 0.0) -> Job:
    job = accept(store, files)
    claim = store.claim("one")
    assert claim
    for name in ("picture-1.png", "preview-1-3.jpg", "checkpoint-1", "preview-1-2.jpg"):
        files.put(job.id, name, b"x")
    store.end(claim, state, picture="picture-1.png", preview="preview-1-3.jpg")
    with store.engine.begin() as connection:
        row = sa.update(jobs).where(jobs.c.id == job.id)
        connection.execute(row.values(ended=jobs.c.ended - age))
    return job


def test_jobs_are_removed_when_their_time_has_come(store: JobStore, files: Storage) -> None:
    final = ("done", "failed", "cancelled", "stopped")
    old, new = ([ended(store, files, state, age) for state in final] for age in (4000, 3000))
    waiting = accept(store, files)
    sweep(store, files, 3600.0)
    kept = {job.id for job in (*new, waiting)}
    assert {job.id for job in store.jobs("ann")} == kept
    for job in old:
        with pytest.raises(KeyError):
            store.job(job.id)
        assert files.names(job.id) == []
    assert files.names(waiting.id) == ["photo", "style-0"]


def test_what_a_killed_worker_left_of_an_ended_job_is_removed(
    store: JobStore, files: Storage
) -> None:
    kinds = {state: ended(store, files, state) for state in ("done", "cancelled", "stopped")}
    sweep(store, files, 3600.0)
    done = ["photo", "picture-1.png", "preview-1-3.jpg", "style-0"]
    assert files.names(kinds["done"].id) == done
    assert files.names(kinds["cancelled"].id) == []
    assert "checkpoint-1" in files.names(kinds["stopped"].id)  # it may go on


def test_what_a_later_attempt_writes_is_kept(
    store: JobStore, files: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = ended(store, files, "done")
    known = store.some([job.id])
    monkeypatch.setattr(store, "some", lambda _: known)  # as it was before it went on
    files.put(job.id, "row-2-1.safetensors", b"x")
    sweep(store, files, 3600.0)
    assert "row-2-1.safetensors" in files.names(job.id)


def test_files_of_no_job_are_removed_after_an_hour(store: JobStore, files: Storage) -> None:
    orphan, kept = new_id(), accept(store, files)
    files.put(orphan, "photo", b"x")
    clock = Clock(files.touched(orphan))
    clock.go_on(ORPHANED)
    sweep(store, files, 3600.0, clock)
    assert files.names(orphan) == ["photo"]
    clock.go_on(1)
    sweep(store, files, 3600.0, clock)
    assert files.jobs() == [kept.id]
