"""The queue of DBOS that hands jobs to workers.

A job's row says what is to be done and who does it (`store`); a workflow of DBOS is no more than
the call to do it. Run number ``n`` of a job is the workflow ``<job>-<n>``, so queueing it twice
queues it once. Nothing here is pickled: arguments travel as JSON.
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from dbos import (
    DBOS,
    DBOSClient,
    DBOSPortableJSONSerializer,
    EnqueueOptions,
    WorkflowSerializationFormat,
)
from sqlalchemy.exc import SQLAlchemyError

from impasto.errors import OutputError
from impasto.studio.jobs import Enqueue

APPLICATION = "impasto-studio"
QUEUE = "paint"
WORKFLOW = "paint"
VERSION = "1"
"""Which workers may carry out which workflows: to be raised only when they cannot any more."""

SCHEMA = "dbos"
_POLL = 0.5  # seconds


def prepare(engine: sa.Engine) -> None:
    """Make what DBOS keeps in the database, so that jobs can be queued before a worker ever ran.

    May be called again, and by several processes at once. Raises `OutputError`.
    """
    try:
        DBOS.migrate(engine.url.render_as_string(hide_password=False), schema=SCHEMA)
        client(engine).register_queue(QUEUE, worker_concurrency=1, polling_interval_sec=_POLL)
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", error)).splitlines()[0]
        raise OutputError(f"{engine.url}: the database cannot be used: {reason}") from error


def client(engine: sa.Engine) -> DBOSClient:
    """Return a client of DBOS on our own engine. It holds nothing that would need closing."""
    return DBOSClient(
        system_database_engine=engine,
        dbos_system_schema=SCHEMA,
        serializer=DBOSPortableJSONSerializer(),
        application_name=APPLICATION,
        lazy=True,
    )


def enqueuer(engine: sa.Engine) -> Enqueue:
    """Return the function that queues a run of a job in the transaction that changes its row."""
    dbos = client(engine)

    def enqueue(connection: sa.Connection, job: str, run: int, *, first: bool = False) -> None:
        options = EnqueueOptions(
            workflow_name=WORKFLOW,
            queue_name=QUEUE,
            workflow_id=workflow_id(job, run),
            app_version=VERSION,
            priority=1 if first else 2,
            serialization_type=WorkflowSerializationFormat.PORTABLE,
        )
        dbos.enqueue_in_transaction(connection, options, job, run)

    return enqueue


def workflow_id(job: str, run: int) -> str:
    """Return the id of the workflow that carries out a run."""
    return f"{job}-{run}"


def forget(engine: sa.Engine, runs: Iterable[tuple[str, int]]) -> None:
    """Remove the workflows of removed jobs, given as ids with their number of runs."""
    ids = [workflow_id(job, run) for job, last in runs for run in range(1, last + 1)]
    if ids:
        client(engine).delete_workflows(ids)
