from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from dbos import DBOSClient

from impasto.errors import OutputError
from impasto.studio import maintenance, queue
from impasto.studio.database import connect, jobs
from impasto.studio.jobs import GRACE, Job, JobStore, new_id
from impasto.studio.maintenance import Cleanup, Rescue
from impasto.studio.settings import read
from impasto.studio.storage import Storage
from patience import Clock
from studio.jobs import accept


@pytest.fixture
def store(engine: sa.Engine) -> JobStore:
    queue.prepare(engine)
    return JobStore(engine, queue.enqueuer(engine))


@pytest.fixture
def dbos(store: JobStore) -> DBOSClient:
    return queue.client(store.engine)


@pytest.fixture
def files(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "files"))


def taken(store: JobStore) -> Job:
    id = new_id()
    return store.accept("ann", "paint", {}, id=id, max_queue=9, max_jobs=9)


def states(dbos: DBOSClient) -> dict[str, str]:
    return {workflow.workflow_id: workflow.status for workflow in dbos.list_workflows()}


def set_state(store: JobStore, workflow: str, state: str) -> None:
    """Have DBOS believe something of a workflow."""
    sqlite = store.engine.dialect.name == "sqlite"
    table = "workflow_status" if sqlite else "dbos.workflow_status"
    with store.engine.begin() as connection:
        update = sa.text(f"UPDATE {table} SET status = :state WHERE workflow_uuid = :id")
        assert connection.execute(update, {"state": state, "id": workflow}).rowcount == 1


def silence(store: JobStore) -> None:
    with store.engine.begin() as connection:
        connection.execute(sa.update(jobs).values(beat=jobs.c.beat - GRACE - 1))


def test_accepting_and_queueing_is_one_thing(store: JobStore, dbos: DBOSClient) -> None:
    job = taken(store)
    assert states(dbos) == {f"{job.id}-1": "ENQUEUED"}
    workflow = dbos.list_workflows()[0]
    assert (workflow.name, workflow.queue_name) == (queue.WORKFLOW, queue.QUEUE)
    assert workflow.input == {"args": (job.id, 1), "kwargs": {}}


def test_what_is_rolled_back_is_not_queued(store: JobStore, dbos: DBOSClient) -> None:
    enqueue = queue.enqueuer(store.engine)
    with store.engine.connect() as connection:
        enqueue(connection, "some job", 1)
        connection.rollback()
    assert states(dbos) == {}


def test_nothing_is_pickled(store: JobStore) -> None:
    taken(store)
    sqlite = store.engine.dialect.name == "sqlite"
    tables = sa.MetaData()
    tables.reflect(store.engine, schema=None if sqlite else queue.SCHEMA)
    with store.engine.connect() as connection:
        written = [
            str(value)
            for table in tables.sorted_tables
            for row in connection.execute(table.select())
            for value in row
        ]
    assert any('"positionalArgs":' in value for value in written)
    assert not any("gASV" in value for value in written)  # how pickles begin in base 64


def test_going_on_and_taking_over_are_runs_of_their_own(store: JobStore, dbos: DBOSClient) -> None:
    job = taken(store)
    claim = store.claim(job.id, 1, "one")
    assert claim
    store.release(claim)
    assert states(dbos) == {f"{job.id}-1": "ENQUEUED", f"{job.id}-2": "ENQUEUED"}
    again = dbos.list_workflows(workflow_ids=[f"{job.id}-2"])[0]
    first = dbos.list_workflows(workflow_ids=[f"{job.id}-1"])[0]
    assert again.priority < first.priority  # it has waited before


def test_workflows_are_forgotten_with_their_jobs(store: JobStore, dbos: DBOSClient) -> None:
    job, other = taken(store), taken(store)
    store.stop(job.id, "ann")
    run = store.go_on(job.id, "ann").run
    queue.forget(store.engine, [(job.id, run), ("never there", 3)])
    queue.forget(store.engine, [])
    assert list(states(dbos)) == [f"{other.id}-1"]


def test_a_database_that_cannot_be_used_is_named_without_its_password(tmp_path: Path) -> None:
    url = read(
        data=str(tmp_path), database="postgresql://me:secret@127.0.0.1:1/x?connect_timeout=1"
    ).database_url
    with pytest.raises(OutputError, match="cannot be used") as caught:
        connect(url)
    assert "secret" not in str(caught.value)


# Taking over.


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rescue(store: JobStore, clock: Clock) -> Rescue:
    return Rescue(store.engine, store, clock)


def test_what_waits_and_what_is_worked_at_is_left_alone(store: JobStore, rescue: Rescue) -> None:
    waiting, running = taken(store), taken(store)
    store.claim(running.id, 1, "one")
    assert rescue.look() == 0
    assert store.job(waiting.id).run == store.job(running.id).run == 1


def test_an_abandoned_job_is_taken_over_once(
    store: JobStore, rescue: Rescue, dbos: DBOSClient
) -> None:
    job = taken(store)
    store.claim(job.id, 1, "one")
    set_state(store, f"{job.id}-1", "PENDING")
    silence(store)
    other = Rescue(store.engine, store)
    assert [rescue.look(), other.look(), rescue.look()] == [1, 0, 0]
    assert states(dbos)[f"{job.id}-2"] == "ENQUEUED"
    assert store.job(job.id).state == "queued"


def test_a_waiting_job_whose_workflow_came_to_nothing_is_queued_again(
    store: JobStore, rescue: Rescue, dbos: DBOSClient
) -> None:
    """Such as that of a worker which came too early, while another one still seemed to live."""
    came_to = {taken(store).id: state for state in ("SUCCESS", "ERROR", "CANCELLED")}
    for id, state in came_to.items():
        set_state(store, f"{id}-1", state)
    assert [rescue.look(), rescue.look()] == [3, 0]
    first = {f"{id}-1": state for id, state in came_to.items()}
    assert states(dbos) == {**first, **{f"{id}-2": "ENQUEUED" for id in came_to}}


def test_a_waiting_job_without_a_workflow_is_queued_again(
    store: JobStore, rescue: Rescue, dbos: DBOSClient
) -> None:
    job = taken(store)
    dbos.delete_workflow(f"{job.id}-1")
    assert rescue.look() == 1
    assert states(dbos) == {f"{job.id}-2": "ENQUEUED"}


def test_a_workflow_that_was_handed_out_and_never_claimed_is_lost_after_a_while(
    store: JobStore, rescue: Rescue, clock: Clock
) -> None:
    """Its worker died between the two, and does not come back."""
    job = taken(store)
    set_state(store, f"{job.id}-1", "PENDING")
    assert rescue.look() == 0
    clock.go_on(GRACE + 1)
    assert [rescue.look(), rescue.look()] == [1, 0]
    assert store.job(job.id).run == 2


def test_a_worker_that_comes_too_early_does_not_end_the_job_for_good(
    store: JobStore, rescue: Rescue
) -> None:
    """It is refused, its workflow ends; then the one that had the job dies."""
    job = taken(store)
    assert store.claim(job.id, 1, "one")
    assert store.claim(job.id, 1, "two") is None
    set_state(store, f"{job.id}-1", "SUCCESS")
    assert rescue.look() == 0
    silence(store)
    assert rescue.look() == 1
    assert store.claim(job.id, 2, "two")


# Tidying up.


@pytest.fixture
def janitor(store: JobStore, files: Storage) -> Cleanup:
    return Cleanup(store.engine, store, files, keep=3600.0)


def ended(store: JobStore, files: Storage, state: str, age: float = 0.0) -> Job:
    job = accept(store, files)
    claim = store.claim(job.id, 1, "one")
    assert claim
    for name in ("picture-1.png", "preview-1-3.jpg", "checkpoint-1", "picture-2.png"):
        files.put(job.id, name, b"x")
    store.end(claim, state, picture="picture-1.png", preview="preview-1-3.jpg")
    with store.engine.begin() as connection:
        row = sa.update(jobs).where(jobs.c.id == job.id)
        connection.execute(row.values(ended=jobs.c.ended - age))
    return job


def test_jobs_are_removed_when_their_time_has_come(
    store: JobStore, files: Storage, janitor: Cleanup, dbos: DBOSClient
) -> None:
    final = ("done", "failed", "cancelled", "stopped")
    old, new = ([ended(store, files, state, age) for state in final] for age in (4000, 3000))
    waiting = accept(store, files)
    janitor.sweep()
    kept = {job.id for job in (*new, waiting)}
    assert {job.id for job in store.jobs("ann")} == kept
    for job in old:
        with pytest.raises(KeyError):
            store.job(job.id)
        assert files.names(job.id) == []
    assert set(states(dbos)) == {f"{id}-1" for id in kept}
    assert files.names(waiting.id) == ["photo", "style-0"]


def test_what_a_killed_worker_left_of_an_ended_job_is_removed(
    store: JobStore, files: Storage, janitor: Cleanup
) -> None:
    kinds = {state: ended(store, files, state) for state in ("done", "cancelled", "stopped")}
    janitor.sweep()
    done = ["photo", "picture-1.png", "preview-1-3.jpg", "style-0"]
    assert files.names(kinds["done"].id) == done
    assert files.names(kinds["cancelled"].id) == []
    assert "checkpoint-1" in files.names(kinds["stopped"].id)  # it may go on


def test_files_of_no_job_are_removed_after_an_hour(store: JobStore, files: Storage) -> None:
    orphan, kept = new_id(), accept(store, files)
    files.put(orphan, "photo", b"x")
    clock = Clock(files.touched(orphan))
    janitor = Cleanup(store.engine, store, files, keep=3600.0, clock=clock)
    clock.go_on(maintenance.ORPHANED)
    janitor.sweep()
    assert files.names(orphan) == ["photo"]
    clock.go_on(1)
    janitor.sweep()
    assert files.jobs() == [kept.id]
