"""Jobs in the database: who may change which, and when.

States: ``queued`` and ``running`` are under way, ``stopped`` can go on, ``done``, ``failed`` and
``cancelled`` are final. A worker holds a job by a `Claim`. Whatever it writes is conditional on
that claim being the latest, so of two workers that believe to have a job one is told
`ClaimLost`, and its results are never seen.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa

from impasto.events import Losses
from impasto.studio.database import alone, jobs, losses, now

UNDER_WAY = ("queued", "running")
FINAL = ("done", "failed", "cancelled")
STATES = (*UNDER_WAY, "stopped", *FINAL)

GRACE = 15.0
"""Seconds without a word after which a worker counts as dead."""

HOPELESS = 20
"""Claims in a row that got no step further, after which a job fails: it kills its workers.

So many because workers are killed for other reasons as well, and then no job is to be lost.
"""


class Enqueue(Protocol):
    """Whatever queues the work."""

    def __call__(
        self, connection: sa.Connection, job: str, run: int, *, first: bool = False
    ) -> None:
        """Queue a run of a job in a transaction; ``first`` before those that never ran."""


_QUEUED_AGAIN = {"state": "queued", "worker": "", "remaining": None, "run": jobs.c.run + 1}


def _unless(kept: str, wish: str) -> sa.ColumnElement[str]:
    return sa.case((jobs.c.wish == kept, jobs.c.wish), else_=wish)


@dataclass(frozen=True)
class Job:
    """A job as it stands. Times are seconds since 1970; the columns are those of the table."""

    id: str
    owner: str
    kind: str
    state: str
    wish: str
    request: Mapping[str, Any]
    key: str | None
    fingerprint: str | None
    created: float
    started: float | None
    ended: float | None
    run: int
    attempt: int
    stuck: int
    worker: str
    beat: float
    step: int
    steps: int
    loss: float | None
    seconds: float
    remaining: float | None
    width: int
    height: int
    preview: str | None
    picture: str | None
    timelapse: str | None
    error_code: str | None
    error: str | None


@dataclass(frozen=True)
class Claim:
    """A worker's hold on a job: the ``attempt`` tells it from all earlier ones."""

    job: Job
    attempt: int


class ClaimLost(Exception):  # noqa: N818 - it is not an error, but an event
    """The claim is no longer the latest: somebody else has the job, or it is gone."""


class QueueFull(Exception):  # noqa: N818
    """No more jobs are taken: ``what`` is "queue" or "client"."""

    def __init__(self, what: str, most: int) -> None:
        super().__init__(what, most)
        self.what, self.most = what, most


class KeyReused(Exception):  # noqa: N818
    """An idempotency key came again with something else."""


class WrongState(Exception):  # noqa: N818
    """What is asked of a job cannot be done in its state."""


def new_id() -> str:
    """Return an id that nobody can guess."""
    return secrets.token_urlsafe(18)


class JobStore:
    """The jobs. ``enqueue`` hands a run to whatever queues the work, in the same transaction."""

    def __init__(self, engine: sa.Engine, enqueue: Enqueue | None = None) -> None:
        self.engine = engine
        self._enqueue = enqueue
        self._now = now(engine)

    # What clients do.

    def accept(
        self,
        owner: str,
        kind: str,
        request: Mapping[str, Any],
        *,
        id: str,
        key: str | None = None,
        fingerprint: str | None = None,
        max_queue: int,
        max_jobs: int,
    ) -> Job:
        """Take a job and queue it; with a ``key`` known already, return the job it made.

        Its files are there before. Raises `QueueFull` and `KeyReused`.
        """
        with self.engine.begin() as connection:
            alone(connection)  # or two at the same moment would both find room, and both a new key
            if earlier := self._made(connection, owner, key, fingerprint):
                return earlier
            self._check_room(connection, owner, max_queue, max_jobs)
            connection.execute(
                sa.insert(jobs).values(
                    id=id,
                    owner=owner,
                    kind=kind,
                    state="queued",
                    request=dict(request),
                    key=key,
                    fingerprint=fingerprint,
                    created=self._now,
                )
            )
            self._queue(connection, id, 1)
        return self.job(id)

    def keep(self, owner: str, kind: str, request: Mapping[str, Any], **columns: Any) -> Job:
        """Record a job that is done already; ``columns`` has its ``id`` and its picture."""
        with self.engine.begin() as connection:
            connection.execute(
                sa.insert(jobs).values(
                    owner=owner,
                    kind=kind,
                    state="done",
                    request=dict(request),
                    created=self._now,
                    started=self._now,
                    ended=self._now,
                    **columns,
                )
            )
        return self.job(columns["id"])

    def by_key(self, owner: str, key: str | None, fingerprint: str | None) -> Job | None:
        """Return the job that an idempotency key made. Raises `KeyReused`."""
        with self.engine.connect() as connection:
            return self._made(connection, owner, key, fingerprint)

    def job(self, id: str, owner: str | None = None) -> Job:
        """Return a job, if it is ``owner``'s. Raises `KeyError`."""
        query = sa.select(jobs).where(jobs.c.id == id)
        found = self._one(query if owner is None else query.where(jobs.c.owner == owner))
        if found is None:
            raise KeyError(id)
        return found

    def jobs(self, owner: str, *, limit: int = 50, before: float | None = None) -> list[Job]:
        """Return an owner's jobs, the newest first, ``before`` a time."""
        query = sa.select(jobs).where(jobs.c.owner == owner)
        if before is not None:
            query = query.where(jobs.c.created < before)
        return self._all(query.order_by(jobs.c.created.desc()).limit(limit))

    def ahead(self, job: Job) -> int:
        """Return how many jobs wait before this one."""
        query = sa.select(sa.func.count()).where(
            jobs.c.state == "queued", jobs.c.created < job.created
        )
        with self.engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def counts(self) -> dict[str, int]:
        """Return how many jobs are in each state."""
        query = sa.select(jobs.c.state, sa.func.count()).group_by(jobs.c.state)
        with self.engine.connect() as connection:
            found = {state: int(count) for state, count in connection.execute(query)}
        return {state: found.get(state, 0) for state in STATES}

    def losses(self, id: str, after: int = 0) -> list[Losses]:
        """Return the losses of a job's steps after ``after``, in their order."""
        query = sa.select(*(losses.c[name] for name in Losses._fields))
        query = query.where(losses.c.job == id, losses.c.step > after).order_by(losses.c.step)
        with self.engine.connect() as connection:
            return [Losses(*row) for row in connection.execute(query).all()]

    def stop(self, id: str, owner: str) -> Job:
        """Ask for a job to stop where it is. Raises `KeyError`, `WrongState`."""
        self._ask(id, owner, "stop", "stopped", ("queued",))
        job = self.job(id, owner)
        if job.state not in ("running", "stopped"):
            raise WrongState(job.state)
        return job

    def go_on(
        self, id: str, owner: str, *, max_queue: int | None = None, max_jobs: int | None = None
    ) -> Job:
        """Queue a stopped job again. Raises `KeyError`, `WrongState`, given bounds `QueueFull`."""
        again = {"state": "queued", "wish": "", "ended": None, "run": jobs.c.run + 1}
        with self.engine.begin() as connection:
            alone(connection)
            if self._change(connection, id, owner, ("stopped",), **again):
                run = connection.execute(sa.select(jobs.c.run).where(jobs.c.id == id)).scalar_one()
                self._check_room(connection, owner, max_queue, max_jobs, counted=1)
                self._queue(connection, id, run)
            else:  # it may have been asked to stop a moment ago
                self._change(connection, id, owner, ("running",), wish=_unless("cancel", ""))
        job = self.job(id, owner)
        if job.state not in UNDER_WAY:
            raise WrongState(job.state)
        return job

    def cancel(self, id: str, owner: str) -> Job:
        """Ask for a job to end; one that nobody works at ends now. Raises `KeyError`."""
        self._ask(id, owner, "cancel", "cancelled", ("queued", "stopped"))
        return self.job(id, owner)

    def settle(self, id: str, owner: str) -> Job:
        """Take a stopped job for done: it is not to go on. Raises `KeyError`, `WrongState`."""
        with self.engine.begin() as connection:
            self._change(connection, id, owner, ("stopped",), state="done")
        job = self.job(id, owner)
        if job.state != "done":
            raise WrongState(job.state)
        return job

    def remove(self, id: str) -> bool:
        """Forget an ended job; return whether there was one."""
        with self.engine.begin() as connection:
            where = (jobs.c.id == id) & jobs.c.state.in_((*FINAL, "stopped"))
            return bool(connection.execute(sa.delete(jobs).where(where)).rowcount)

    # What workers do.

    def claim(self, id: str, run: int, worker: str) -> Claim | None:
        """Take a job to work at it; None if it is not to be worked at (now).

        It is taken when it is queued, or running with a worker of this name (which is dead then)
        or one that was not heard of for a while.
        """
        abandoned = (jobs.c.worker == worker) | (jobs.c.beat < self._now - GRACE)
        free = (jobs.c.state == "queued") | ((jobs.c.state == "running") & abandoned)
        taking = (
            sa.update(jobs)
            .where(jobs.c.id == id, jobs.c.run == run, free)
            .values(
                state="running",
                worker=worker,
                beat=self._now,
                attempt=jobs.c.attempt + 1,
                stuck=jobs.c.stuck + 1,
                started=sa.func.coalesce(jobs.c.started, self._now),
            )
            .returning(jobs)
        )
        with self.engine.begin() as connection:
            taken = connection.execute(taking).mappings().one_or_none()
        # Read by the statement that took it: a moment later somebody else might have it.
        return Claim(Job(**taken), taken["attempt"]) if taken else None

    def begin(self, claim: Claim, rows: Sequence[Losses] = ()) -> None:
        """Go on after these steps: those that an earlier attempt did are told, and no others.

        It may have told more than its checkpoint has, or less. Raises `ClaimLost`.
        """
        step = rows[-1].step if rows else 0
        theirs = losses.c.job == claim.job.id
        with self.engine.begin() as connection:
            self._write(connection, claim, beat=self._now)
            connection.execute(sa.delete(losses).where(theirs & (losses.c.step > step)))
            told = connection.execute(sa.select(sa.func.max(losses.c.step)).where(theirs)).scalar()
            self._tell(connection, claim, [row for row in rows if row.step > (told or 0)])

    def beat(self, claim: Claim, rows: Sequence[Losses] = (), **progress: Any) -> str:
        """Say that the work goes on, with the steps since; return what the owner wishes.

        Raises `ClaimLost`.
        """
        if rows:
            progress["step"] = rows[-1].step
            if rows[-1].step > claim.job.step:  # further than whoever had it before
                progress["stuck"] = 0
        with self.engine.begin() as connection:
            self._write(connection, claim, beat=self._now, **progress)
            if rows:  # again, maybe: the answer to the first time may have been lost
                again = losses.c.step >= rows[0].step
                connection.execute(sa.delete(losses).where(losses.c.job == claim.job.id, again))
            self._tell(connection, claim, rows)
            wish = sa.select(jobs.c.wish).where(jobs.c.id == claim.job.id)
            return str(connection.execute(wish).scalar_one())

    def end(self, claim: Claim, state: str, **columns: Any) -> None:
        """Let go of a job in the state it is to have. Raises `ClaimLost`."""
        with self.engine.begin() as connection:
            values = {"wish": "", "remaining": None, "ended": self._now, **columns}
            self._write(connection, claim, state=state, **values)

    def release(self, claim: Claim) -> None:
        """Let go of a job that is to go on elsewhere, at once. Raises `ClaimLost`."""
        with self.engine.begin() as connection:
            self._write(connection, claim, stuck=0, **_QUEUED_AGAIN)
            self._queue(connection, claim.job.id, claim.job.run + 1, first=True)

    def abandoned(self) -> list[Job]:
        """Return running jobs whose workers were not heard of for a while."""
        return self._all(sa.select(jobs).where(self._abandoned))

    def waiting(self) -> list[Job]:
        """Return the jobs that wait for a worker, the oldest first."""
        query = sa.select(jobs).where(jobs.c.state == "queued")
        return self._all(query.order_by(jobs.c.created))

    def requeue(self, job: Job) -> bool:
        """Queue an abandoned job again, or one whose place in the queue was lost.

        Returns whether it was this call that did it. It is a new run, so whatever is left of the
        old one comes to nothing, and the worker that had it is told `ClaimLost` if it still lives.
        """
        mine = (jobs.c.id == job.id) & (jobs.c.run == job.run)
        where = mine & ((jobs.c.state == "queued") | self._abandoned)
        with self.engine.begin() as connection:
            again = sa.update(jobs).where(where).values(**_QUEUED_AGAIN)
            if not connection.execute(again).rowcount:
                return False
            self._queue(connection, job.id, job.run + 1, first=True)
        return True

    def outdated(self, keep: float) -> list[Job]:
        """Return jobs that ended more than ``keep`` seconds ago."""
        query = sa.select(jobs).where(
            jobs.c.state.in_((*FINAL, "stopped")), jobs.c.ended < self._now - keep
        )
        return self._all(query)

    def some(self, ids: Iterable[str]) -> dict[str, Job]:
        """Return those of these jobs that there are, by id."""
        return {job.id: job for job in self._all(sa.select(jobs).where(jobs.c.id.in_(list(ids))))}

    @property
    def _abandoned(self) -> sa.ColumnElement[bool]:
        return (jobs.c.state == "running") & (jobs.c.beat < self._now - GRACE)

    def _made(
        self, connection: sa.Connection, owner: str, key: str | None, fingerprint: str | None
    ) -> Job | None:
        if key is None:
            return None
        query = sa.select(jobs).where(jobs.c.owner == owner, jobs.c.key == key)
        row = connection.execute(query).mappings().one_or_none()
        if row and row["fingerprint"] != fingerprint:
            raise KeyReused
        return Job(**row) if row else None

    def _check_room(
        self,
        connection: sa.Connection,
        owner: str,
        max_queue: int | None,
        max_jobs: int | None,
        *,
        counted: int = 0,
    ) -> None:
        """Raise `QueueFull` if there is no room for one more; so many are there for it already."""
        waiting = jobs.c.state == "queued"
        theirs = (jobs.c.owner == owner) & jobs.c.state.in_(UNDER_WAY)
        for what, most, which in (("queue", max_queue, waiting), ("client", max_jobs, theirs)):
            count = sa.select(sa.func.count()).select_from(jobs).where(which)
            if most is not None and connection.execute(count).scalar_one() - counted >= most:
                raise QueueFull(what, most)

    def _ask(self, id: str, owner: str, wish: str, state: str, at_once: Sequence[str]) -> None:
        """Wish something of a running job's worker; for what nobody works at, do it ``at_once``.

        One statement, so that no job slips through on its way between the two.
        """
        running = jobs.c.state == "running"
        wished = _unless("cancel", wish)
        with self.engine.begin() as connection:
            self._change(
                connection,
                id,
                owner,
                (*at_once, "running"),
                wish=sa.case((running, wished), else_=""),
                state=sa.case((running, jobs.c.state), else_=state),
                ended=sa.case((running, jobs.c.ended), else_=self._now),
            )

    def _queue(self, connection: sa.Connection, id: str, run: int, *, first: bool = False) -> None:
        if self._enqueue is not None:
            self._enqueue(connection, id, run, first=first)

    def _change(
        self, connection: sa.Connection, id: str, owner: str, states: Sequence[str], **values: Any
    ) -> bool:
        where = (jobs.c.id == id) & (jobs.c.owner == owner) & jobs.c.state.in_(states)
        return bool(connection.execute(sa.update(jobs).where(where).values(**values)).rowcount)

    def _tell(self, connection: sa.Connection, claim: Claim, rows: Sequence[Losses]) -> None:
        if rows:
            values = [{"job": claim.job.id, **row._asdict()} for row in rows]
            connection.execute(sa.insert(losses), values)

    def _write(self, connection: sa.Connection, claim: Claim, **values: Any) -> None:
        mine = (jobs.c.id == claim.job.id) & (jobs.c.attempt == claim.attempt)
        where = mine & (jobs.c.state == "running")
        if not connection.execute(sa.update(jobs).where(where).values(**values)).rowcount:
            raise ClaimLost

    def _all(self, query: sa.Select[Any]) -> list[Job]:
        with self.engine.connect() as connection:
            return [Job(**row) for row in connection.execute(query).mappings()]

    def _one(self, query: sa.Select[Any]) -> Job | None:
        found = self._all(query)
        return found[0] if found else None
