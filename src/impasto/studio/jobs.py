"""Jobs in the database: a queue, who works at what, and who may change it when.

States: ``queued`` and ``running`` are under way, ``stopped`` can go on, ``done``, ``failed`` and
``cancelled`` are final. Workers take the job that has waited longest. What a worker let go of, or
left behind when it died, has waited longer than all that were never begun, and so comes first.

A worker holds a job by a claim, a lease, which is the job as it was then: the ``attempt`` tells it
from earlier claims. Others may take the job when the worker was not heard of for `GRACE` seconds.
Whatever it writes is conditional on its claim being the latest, so of two workers that believe to
have a job one is told `ClaimLost`, and its results are never seen.
"""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from impasto.events import Losses
from impasto.studio.database import Table, lock, now

UNDER_WAY = ("queued", "running")
FINAL = ("done", "failed", "cancelled")
ENDED = (*FINAL, "stopped")
STATES = (*UNDER_WAY, "stopped", *FINAL)

GRACE = 15.0
"""Seconds without a word after which a worker counts as dead."""

FILES = ("preview", "picture", "timelapse", "film", "learnt")
"""The columns that name files of a job that were made, as far as there are any."""

HOPELESS = 20
"""Claims in a row that got no step further, after which a job fails: it kills its workers.

So many because workers are killed for other reasons as well, and then no job is to be lost.
"""


class Job(Table, kw_only=True):
    """A job as it stands. Times are seconds since 1970."""

    __tablename__ = "studio_jobs"
    __table_args__ = (
        sa.UniqueConstraint("owner", "key"),
        sa.Index("studio_jobs_by_owner", "owner", "created"),
        sa.Index("studio_jobs_by_state", "state", "queued"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]
    kind: Mapped[str]  # paint | apply | learn | video
    state: Mapped[str]
    wish: Mapped[str] = mapped_column(default="")  # "", stop or cancel
    request: Mapped[Mapping[str, Any]]
    pictures: Mapped[Mapping[str, Any] | None] = mapped_column(default=None)
    """Where the page had its photo and its paintings from, and their names."""
    key: Mapped[str | None] = mapped_column(default=None)
    """The client's, so that asking twice makes one job."""
    fingerprint: Mapped[str | None] = mapped_column(default=None)
    """Of what was asked with the key."""
    created: Mapped[float]
    queued: Mapped[float]
    """Since when it waits for a worker, or waited for its first one."""
    started: Mapped[float | None] = mapped_column(default=None)
    ended: Mapped[float | None] = mapped_column(default=None)
    attempt: Mapped[int] = mapped_column(default=0)
    """How often it was claimed."""
    stuck: Mapped[int] = mapped_column(default=0)
    """How many claims in a row got no step further."""
    worker: Mapped[str] = mapped_column(default="")
    beat: Mapped[float] = mapped_column(default=0.0)
    """When the worker was last heard of."""
    step: Mapped[int] = mapped_column(default=0)
    steps: Mapped[int] = mapped_column(default=0)
    loss: Mapped[float | None] = mapped_column(default=None)
    seconds: Mapped[float] = mapped_column(default=0.0)
    remaining: Mapped[float | None] = mapped_column(default=None)
    waiting: Mapped[str] = mapped_column(default="")  # "", or disk: what a running job waits for
    width: Mapped[int] = mapped_column(default=0)
    height: Mapped[int] = mapped_column(default=0)
    preview: Mapped[str | None] = mapped_column(default=None)  # names of files
    picture: Mapped[str | None] = mapped_column(default=None)
    timelapse: Mapped[str | None] = mapped_column(default=None)
    film: Mapped[str | None] = mapped_column(default=None)
    learnt: Mapped[str | None] = mapped_column(default=None)
    style: Mapped[str | None] = mapped_column(default=None)
    """The name of the style that is learnt."""
    error_code: Mapped[str | None] = mapped_column(default=None)
    error: Mapped[str | None] = mapped_column(default=None)


jobs: sa.Table = Job.metadata.tables[Job.__tablename__]

_HAS_LEARNT = jobs.c.learnt.is_not(None) & (jobs.c.state != "cancelled")

IS_STYLE = (
    (jobs.c.kind == "learn")
    & (jobs.c.state.in_((*UNDER_WAY, "stopped")) | _HAS_LEARNT)
    & (jobs.c.wish != "cancel")
)
"""Which jobs are styles: those that learn one, or have learnt it."""

losses = sa.Table(
    "studio_losses",
    Table.metadata,
    sa.Column("job", sa.ForeignKey(jobs.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("step", sa.Integer, primary_key=True),
    *(sa.Column(name, sa.Integer, nullable=False) for name in ("scale", "width", "height")),
    *(
        sa.Column(name, sa.Double, nullable=False)
        for name in ("loss", "content", "style", "tv", "seconds")
    ),
)


class NoSuchJob(KeyError):  # noqa: N818
    """There is no job of this id, or it is somebody else's."""


class ClaimLost(Exception):  # noqa: N818 - it is not an error, but an event
    """The claim is no longer the latest: somebody else has the job, or it is gone."""


class Cancelled(Exception):  # noqa: N818
    """The owner cancelled the job."""


class QueueFull(Exception):  # noqa: N818
    """No more jobs are taken: ``what`` is "queue" or "client"."""

    def __init__(self, what: str, most: float) -> None:
        super().__init__(what, most)
        self.what, self.most = what, most


Guard = Callable[[sa.Connection], object]
"""Raises what speaks against a job, in the transaction that is to take it."""


class KeyReused(Exception):  # noqa: N818
    """An idempotency key came again with something else."""


class WrongState(Exception):  # noqa: N818
    """What is asked of a job cannot be done in its state."""


Place = tuple[float, str]
"""Where a job is in a list: when it was made, and its id."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MADE = re.compile(r"(?:checkpoint|piece|preview|picture|timelapse|film|row)-(\d+)[-.\w]*")


def new_id() -> str:
    """Return an id that nobody can guess."""
    return secrets.token_urlsafe(18)


def needed(job: Job) -> Callable[[str], bool]:
    """Return which files of an ended job are to be kept.

    Those of later attempts are: it may have gone on since it was read.
    """
    served = {getattr(job, column) for column in FILES}
    given = ("photo", "start", "freeze")
    sent = ("style-", "clip.", *(["checkpoint-"] if job.kind == "learn" else []))
    return lambda name: (
        name in served or name in given or name.startswith(sent) or attempt_of(name) > job.attempt
    )


def attempt_of(name: str) -> int:
    """Return the number of the attempt that made a file; 0 for what was sent in."""
    made = _MADE.fullmatch(name)
    return int(made[1]) if made else 0


class JobStore:
    """The jobs of a database.

    ``max_queue`` jobs may wait, and ``max_jobs`` of one client may wait or run.
    """

    def __init__(
        self, engine: sa.Engine, max_queue: float = math.inf, max_jobs: float = math.inf
    ) -> None:
        self.engine = engine
        self._now = now(engine)
        self._max_queue, self._max_jobs = max_queue, max_jobs

    # What clients do.

    def accept(
        self,
        owner: str,
        kind: str,
        request: Mapping[str, Any],
        *,
        id: str,
        done: bool = False,
        guard: Guard | None = None,
        **columns: Any,
    ) -> Job:
        """Take a job and queue it, or record one that is ``done``. Its files are there before.

        ``columns`` are more of it. With a ``key`` among them that is known already, return the job
        that it made. Raises `QueueFull` and `KeyReused`, and as ``guard`` does.
        """
        row = {"id": id, "owner": owner, "kind": kind, "request": dict(request), **columns}
        times = ("created", "queued", "started", "ended") if done else ("created", "queued")
        row |= {"state": "done" if done else "queued", **dict.fromkeys(times, self._now)}
        with self.engine.begin() as connection:
            lock(connection)  # or two at the same moment would both find room, and both a new key
            key, fingerprint = columns.get("key"), columns.get("fingerprint")
            if earlier := self._made(connection, owner, key, fingerprint):
                return earlier
            if not done:
                self._check_room(connection, owner)
            if guard:
                guard(connection)
            taken = connection.execute(sa.insert(jobs).values(row).returning(jobs))
            return Job(**taken.mappings().one())

    def by_key(self, owner: str, key: str | None, fingerprint: str | None) -> Job | None:
        """Return the job that an idempotency key made. Raises `KeyReused`."""
        with self.engine.connect() as connection:
            return self._made(connection, owner, key, fingerprint)

    def job(self, id: str, owner: str | None = None) -> Job:
        """Return a job, if it is ``owner``'s. Raises `NoSuchJob`."""
        if not _ID.fullmatch(id):  # not every text can be asked for: PostgreSQL takes no NUL
            raise NoSuchJob(id)
        query = sa.select(jobs).where(jobs.c.id == id)
        found = self._all(query if owner is None else query.where(jobs.c.owner == owner))
        if not found:
            raise NoSuchJob(id)
        return found[0]

    def jobs(
        self,
        owner: str,
        *,
        limit: int = 50,
        before: Place | None = None,
        cancelled: bool = True,
        learnt: bool = True,
    ) -> list[Job]:
        """Return an owner's jobs, the newest first, from ``before`` a place on.

        Without ``cancelled`` those are left out that were cancelled or are about to be, without
        ``learnt`` those that learn styles.
        """
        query = sa.select(jobs).where(jobs.c.owner == owner)
        if before is not None:  # of two jobs made at one moment, one may be on the page before
            time, id = before
            earlier = (jobs.c.created == time) & (jobs.c.id < id)
            query = query.where((jobs.c.created < time) | earlier)
        if not cancelled:
            query = query.where(jobs.c.state != "cancelled", jobs.c.wish != "cancel")
        if not learnt:
            query = query.where(jobs.c.kind != "learn")
        return self._all(query.order_by(jobs.c.created.desc(), jobs.c.id.desc()).limit(limit))

    def styles(self, owner: str) -> list[Job]:
        """Return the jobs that are an owner's styles, the newest first."""
        query = sa.select(jobs).where(IS_STYLE, jobs.c.owner == owner)
        return self._all(query.order_by(jobs.c.created.desc(), jobs.c.id.desc()))

    def ahead(self, job: Job) -> int:
        """Return how many jobs wait before this one; 0 if it does not wait."""
        if job.state != "queued":
            return 0
        with self.engine.connect() as connection:
            return _count(connection, (jobs.c.state == "queued") & (jobs.c.queued < job.queued))

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
        """Ask for a job to stop where it is. Raises `NoSuchJob`, `WrongState`."""
        self._ask(id, owner, "stop", "stopped", ("queued",))
        return self._in_state(id, owner, "running", "stopped")

    def go_on(self, id: str, owner: str) -> Job:
        """Queue a stopped job again. Raises `NoSuchJob`, `WrongState`, `QueueFull`."""
        with self.engine.begin() as connection:
            lock(connection)
            if self._change(connection, id, owner, ("stopped",), **self._again()):
                self._check_room(connection, owner, counted=1)
            else:  # it may have been asked to stop a moment ago
                self._change(connection, id, owner, ("running",), wish=_unless_cancelled(""))
        return self._in_state(id, owner, *UNDER_WAY)

    def learn_on(self, id: str, owner: str, request: Mapping[str, Any]) -> Job:
        """Queue a style that has been learnt again, with a larger budget. Raises as `go_on`."""
        again = {**self._again(), "request": dict(request), "error_code": None, "error": None}
        with self.engine.begin() as connection:
            lock(connection)
            self._check_room(connection, owner)
            begun = self._change(connection, id, owner, ("stopped", "done", "failed"), **again)
        job = self.job(id, owner)
        if not begun:
            raise WrongState(job.state)
        return job

    def _again(self) -> dict[str, Any]:
        return {"state": "queued", "wish": "", "ended": None, "queued": self._now, "stuck": 0}

    def cancel(self, id: str, owner: str) -> Job:
        """Ask for a job to end; one that nobody works at ends now. Raises `NoSuchJob`."""
        self._ask(id, owner, "cancel", "cancelled", ("queued", "stopped"))
        return self.job(id, owner)

    def settle(self, id: str, owner: str) -> Job:
        """Take a stopped job for done: it is not to go on. Raises `NoSuchJob`, `WrongState`."""
        with self.engine.begin() as connection:
            self._change(connection, id, owner, ("stopped",), state="done")
        return self._in_state(id, owner, "done")

    def remove(self, id: str) -> bool:
        """Forget an ended job; return whether there was one."""
        with self.engine.begin() as connection:
            where = (jobs.c.id == id) & jobs.c.state.in_(ENDED)
            return bool(connection.execute(sa.delete(jobs).where(where)).rowcount)

    # What workers do.

    def claim(self, worker: str) -> Job | None:
        """Take the job that has waited longest to work at it; None if there is none.

        Besides those that are queued, there are those left behind: running, with a worker of this
        name (which is dead then) or one that was not heard of for a while. It is one statement, so
        no two workers get the same job: PostgreSQL passes over what another is taking at that
        moment, and SQLite has one transaction that writes at a time.
        """
        left = (jobs.c.worker == worker) | (jobs.c.beat < self._now - GRACE)
        free = (jobs.c.state == "queued") | ((jobs.c.state == "running") & left)
        first = sa.select(jobs.c.id).where(free).order_by(jobs.c.queued, jobs.c.id).limit(1)
        taking = (
            sa.update(jobs)
            .where(jobs.c.id == first.with_for_update(skip_locked=True).scalar_subquery())
            .values(
                state="running",
                worker=worker,
                beat=self._now,
                attempt=jobs.c.attempt + 1,
                stuck=jobs.c.stuck + 1,
                started=sa.func.coalesce(jobs.c.started, self._now),
                waiting="",
            )
            .returning(jobs)
        )
        with self.engine.begin() as connection:
            taken = connection.execute(taking).mappings().one_or_none()
        # Read by the statement that took it: a moment later somebody else might have it.
        return Job(**taken) if taken else None

    def begin(self, claim: Job, rows: Sequence[Losses] = ()) -> None:
        """Go on after these steps: those that an earlier attempt did are told, and no others.

        It may have told more than its checkpoint has, or less. Raises `ClaimLost`.
        """
        step = rows[-1].step if rows else 0
        theirs = losses.c.job == claim.id
        with self.engine.begin() as connection:
            self._write(connection, claim, beat=self._now)
            connection.execute(sa.delete(losses).where(theirs & (losses.c.step > step)))
            told = connection.execute(sa.select(sa.func.max(losses.c.step)).where(theirs)).scalar()
            self._tell(connection, claim, [row for row in rows if row.step > (told or 0)])

    def beat(self, claim: Job, rows: Sequence[Losses] = (), **progress: Any) -> str:
        """Say that the work goes on, with the steps since; return what the owner wishes.

        Raises `ClaimLost`.
        """
        if rows:
            progress["step"] = rows[-1].step
        if progress.get("step", 0) > claim.step:  # further than whoever had it before
            progress["stuck"] = 0
        with self.engine.begin() as connection:
            self._write(connection, claim, beat=self._now, **progress)
            if rows:  # again, maybe: the answer to the first time may have been lost
                again = losses.c.step >= rows[0].step
                connection.execute(sa.delete(losses).where(losses.c.job == claim.id, again))
            self._tell(connection, claim, rows)
            wish = sa.select(jobs.c.wish).where(jobs.c.id == claim.id)
            return str(connection.execute(wish).scalar_one())

    def end(self, claim: Job, state: str, **columns: Any) -> None:
        """Let go of a job in the state it is to have. Raises `ClaimLost`."""
        ended = {"state": state, "wish": "", "waiting": "", "remaining": None, "ended": self._now}
        with self.engine.begin() as connection:
            self._write(connection, claim, **ended, **columns)

    def release(self, claim: Job) -> None:
        """Let go of a job that is to go on elsewhere, at once. Raises `ClaimLost`."""
        with self.engine.begin() as connection:
            again = {"state": "queued", "worker": "", "waiting": "", "remaining": None, "stuck": 0}
            self._write(connection, claim, **again)

    def outdated(self, keep: float) -> list[Job]:
        """Return jobs that ended more than ``keep`` seconds ago; styles are kept."""
        ended = jobs.c.state.in_(ENDED) & (jobs.c.ended < self._now - keep) & ~_HAS_LEARNT
        return self._all(sa.select(jobs).where(ended))

    def some(self, ids: Iterable[str]) -> dict[str, Job]:
        """Return those of these jobs that there are, by id."""
        return {job.id: job for job in self._all(sa.select(jobs).where(jobs.c.id.in_(list(ids))))}

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

    def _check_room(self, connection: sa.Connection, owner: str, *, counted: int = 0) -> None:
        """Raise `QueueFull` if there is no room for one more; so many are there for it already."""
        theirs = (jobs.c.owner == owner) & jobs.c.state.in_(UNDER_WAY)
        if _count(connection, jobs.c.state == "queued") - counted >= self._max_queue:
            raise QueueFull("queue", self._max_queue)
        if _count(connection, theirs) - counted >= self._max_jobs:
            raise QueueFull("client", self._max_jobs)

    def _ask(self, id: str, owner: str, wish: str, state: str, at_once: Sequence[str]) -> None:
        """Wish something of a running job's worker; for what nobody works at, do it ``at_once``.

        One statement, so that no job slips through on its way between the two.
        """
        running = jobs.c.state == "running"
        values = {
            "wish": sa.case((running, _unless_cancelled(wish)), else_=""),
            "state": sa.case((running, jobs.c.state), else_=state),
            "ended": sa.case((running, jobs.c.ended), else_=self._now),
        }
        with self.engine.begin() as connection:
            self._change(connection, id, owner, (*at_once, "running"), **values)

    def _in_state(self, id: str, owner: str, *states: str) -> Job:
        job = self.job(id, owner)
        if job.state not in states:
            raise WrongState(job.state)
        return job

    def _change(
        self, connection: sa.Connection, id: str, owner: str, states: Sequence[str], **values: Any
    ) -> bool:
        where = (jobs.c.id == id) & (jobs.c.owner == owner) & jobs.c.state.in_(states)
        return bool(connection.execute(sa.update(jobs).where(where).values(**values)).rowcount)

    def _tell(self, connection: sa.Connection, claim: Job, rows: Sequence[Losses]) -> None:
        if rows:
            values = [{"job": claim.id, **row._asdict()} for row in rows]
            connection.execute(sa.insert(losses), values)

    def _write(self, connection: sa.Connection, claim: Job, **values: Any) -> None:
        mine = (jobs.c.id == claim.id) & (jobs.c.attempt == claim.attempt)
        where = mine & (jobs.c.state == "running")
        if not connection.execute(sa.update(jobs).where(where).values(**values)).rowcount:
            raise ClaimLost

    def _all(self, query: sa.Select[Any]) -> list[Job]:
        with self.engine.connect() as connection:
            return [Job(**row) for row in connection.execute(query).mappings()]


def _count(connection: sa.Connection, which: sa.ColumnElement[bool]) -> int:
    query = sa.select(sa.func.count()).select_from(jobs).where(which)
    return int(connection.execute(query).scalar_one())


def _unless_cancelled(wish: str) -> sa.ColumnElement[str]:
    """Return a wish in the place of what was wished before, unless that was to cancel."""
    return sa.case((jobs.c.wish == "cancel", jobs.c.wish), else_=wish)
