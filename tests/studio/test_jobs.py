from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy.engine import URL

from impasto.errors import OutputError
from impasto.events import Losses
from impasto.studio import database
from impasto.studio.jobs import (
    FINAL,
    GRACE,
    STATES,
    ClaimLost,
    Job,
    JobStore,
    KeyReused,
    NoSuchJob,
    QueueFull,
    WrongState,
    jobs,
    losses,
    new_id,
)
from impasto.studio.settings import read
from patience import a_moment

THREADS = 8


@pytest.fixture
def store(engine: sa.Engine) -> JobStore:
    return JobStore(engine)


def accept(store: JobStore, owner: str = "ann", **given: Any) -> Job:
    return store.accept(owner, "paint", {"size": 64}, **{"id": new_id(), **given})


def claimed(store: JobStore, job: Job, worker: str = "one") -> Job:
    """Claim the job whose turn it is, which is to be this one."""
    claim = store.claim(worker)
    assert claim is not None
    assert claim.id == job.id
    return claim


def silence(store: JobStore, job: str, seconds: float = GRACE + 1) -> None:
    """Have the job's worker not heard of for so long."""
    with store.engine.begin() as connection:
        silenced = sa.update(jobs).where(jobs.c.id == job)
        connection.execute(silenced.values(beat=jobs.c.beat - seconds))


def row(step: int, loss: float = 1.0) -> Losses:
    return Losses(step, 1, 64, 48, loss, 0.5, 0.4, 0.1, step / 10)


def at_once(count: int, act: Callable[[int], Any]) -> list[Any]:
    """Do something in so many threads at the same moment; return results and exceptions."""
    start = threading.Barrier(count)

    def one(number: int) -> Any:
        start.wait()
        try:
            return act(number)
        except (Exception, pytest.fail.Exception) as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


# What clients do.


def test_an_accepted_job_waits_and_can_be_read(store: JobStore) -> None:
    job = accept(store)
    assert (job.state, job.owner, job.request, job.attempt) == ("queued", "ann", {"size": 64}, 0)
    assert store.jobs("ann") == [job] == [store.job(job.id)]
    assert store.counts() == {**dict.fromkeys(STATES, 0), "queued": 1}


def test_nobody_sees_the_jobs_of_others(store: JobStore) -> None:
    job = accept(store)
    assert store.jobs("bob") == []
    for act in (store.job, store.stop, store.cancel, store.go_on):
        with pytest.raises(KeyError):
            act(job.id, "bob")
    assert store.job(job.id).state == "queued"
    assert store.job(job.id).wish == ""


def test_jobs_are_listed_newest_first_in_pages(store: JobStore) -> None:
    made = [accept(store) for _ in range(5)]
    first = store.jobs("ann", limit=2)
    second = store.jobs("ann", limit=2, before=(first[-1].created, first[-1].id))
    assert [job.id for job in (*first, *second)] == [job.id for job in reversed(made[1:])]
    assert [store.ahead(job) for job in made] == [0, 1, 2, 3, 4]


def test_hundreds_of_cancelled_jobs_hide_no_other(store: JobStore) -> None:
    """Three at each moment: a page may end between any two of them."""
    states = ["cancelled", "done", "stopped", "cancelled"] * 200
    rows = [
        {
            "id": f"{number * 7919 % 10007:05}", "owner": "ann", "kind": "paint", "state": state,
            "request": {}, "created": float(number // 3), "queued": 0.0,
        }
        for number, state in enumerate(states)
    ]  # fmt: skip
    with store.engine.begin() as connection:
        connection.execute(sa.insert(jobs), rows)
    rows.sort(key=lambda row: (row["created"], row["id"]), reverse=True)
    for cancelled in (False, True):
        expected = [row["id"] for row in rows if cancelled or row["state"] != "cancelled"]
        found, before, pages = [], None, 0
        while page := store.jobs("ann", limit=24, before=before, cancelled=cancelled):
            found += [job.id for job in page]
            before, pages = (page[-1].created, page[-1].id), pages + 1
        assert found == expected
        assert pages == -(-len(expected) // 24)


def test_of_jobs_made_at_one_moment_none_is_passed_over(store: JobStore) -> None:
    made = {accept(store).id for _ in range(5)}
    with store.engine.begin() as connection:
        connection.execute(sa.update(jobs).values(created=1.5))
    found, before = [], None
    while page := store.jobs("ann", limit=2, before=before):
        found += page
        before = page[-1].created, page[-1].id
    assert len(found) == 5
    assert {job.id for job in found} == made


def test_cancelled_jobs_can_be_left_out_and_take_no_place(store: JobStore) -> None:
    first, second, third = (accept(store) for _ in range(3))
    claimed(store, first)
    for job in (first, third):  # the one is about to be, the other is
        store.cancel(job.id, "ann")
    assert [job.id for job in store.jobs("ann", limit=1, cancelled=False)] == [second.id]


@pytest.mark.parametrize("id", ["", "a\0b", "x" * 65, "é", "../x"])
def test_a_text_that_is_no_id_is_unknown(store: JobStore, id: str) -> None:
    with pytest.raises(NoSuchJob):
        store.job(id)


def test_bounds_hold_for_clients_that_come_at_the_same_moment(store: JobStore) -> None:
    bounded = JobStore(store.engine, max_queue=5)
    outcomes = at_once(THREADS, lambda n: accept(bounded, f"client {n}"))
    full = [outcome for outcome in outcomes if isinstance(outcome, QueueFull)]
    assert store.counts()["queued"] == 5
    assert len(full) == THREADS - 5
    assert {(error.what, error.most) for error in full} == {("queue", 5)}


def test_one_client_cannot_take_all_places(store: JobStore) -> None:
    bounded = JobStore(store.engine, max_jobs=3)
    outcomes = at_once(THREADS, lambda _: accept(bounded, "ann"))
    assert sum(isinstance(outcome, Job) for outcome in outcomes) == 3
    assert {e.what for e in outcomes if isinstance(e, QueueFull)} == {"client"}
    assert accept(bounded, "bob").state == "queued"


def test_a_running_job_counts_for_its_client_and_not_for_the_queue(store: JobStore) -> None:
    claimed(store, accept(store))
    with pytest.raises(QueueFull, match="client"):
        accept(JobStore(store.engine, max_jobs=1))
    assert accept(JobStore(store.engine, max_queue=1, max_jobs=2)).state == "queued"


def test_a_key_that_comes_again_makes_no_second_job(store: JobStore) -> None:
    job = accept(store, key="k", fingerprint="f")
    # Even where there is no room for another one.
    full = JobStore(store.engine, max_queue=1, max_jobs=1)
    again = accept(full, key="k", fingerprint="f")
    assert again == job
    assert store.jobs("ann") == [job]
    with pytest.raises(KeyReused):
        accept(store, key="k", fingerprint="g")
    assert accept(store, "bob", key="k", fingerprint="g").id != job.id


@pytest.mark.parametrize("done", [False, True])
def test_a_key_that_comes_several_times_at_the_same_moment_makes_one_job(
    store: JobStore, done: bool
) -> None:
    for number in range(5):
        given = {"key": f"key {number}", "fingerprint": "f", "done": done}
        made = at_once(THREADS, lambda _, given=given: accept(store, **given))
        assert len({job.id for job in made}) == 1
    assert len(store.jobs("ann")) == 5


def test_a_waiting_job_stops_and_ends_at_once(store: JobStore) -> None:
    stopped, cancelled = accept(store), accept(store)
    assert store.stop(stopped.id, "ann").state == "stopped"
    assert store.cancel(cancelled.id, "ann").state == "cancelled"
    assert store.claim("one") is None
    assert store.job(cancelled.id).ended is not None


def test_wishes_reach_the_worker(store: JobStore) -> None:
    claim = claimed(store, accept(store))
    assert store.beat(claim) == ""
    assert store.stop(claim.id, "ann").state == "running"
    assert store.beat(claim) == "stop"
    store.cancel(claim.id, "ann")
    store.stop(claim.id, "ann")  # too late
    assert store.beat(claim) == "cancel"
    store.end(claim, "cancelled")
    assert store.cancel(claim.id, "ann").state == "cancelled"
    with pytest.raises(WrongState):
        store.stop(claim.id, "ann")


def test_a_stopped_job_goes_on_after_those_that_wait(store: JobStore) -> None:
    job, other = accept(store), accept(store)
    store.stop(job.id, "ann")
    again = store.go_on(job.id, "ann")
    assert (again.state, again.ended, store.ahead(again)) == ("queued", None, 1)
    claimed(store, other)
    claim = claimed(store, job, "two")
    store.stop(job.id, "ann")
    assert store.go_on(job.id, "ann").wish == ""  # before the worker heard of it
    store.end(claim, "done")
    with pytest.raises(WrongState):
        store.go_on(job.id, "ann")


def test_going_on_is_bounded_as_well(store: JobStore) -> None:
    job = accept(store)
    store.stop(job.id, "ann")
    accept(store)
    for bounds in ({"max_queue": 1}, {"max_jobs": 1}):
        with pytest.raises(QueueFull):
            JobStore(store.engine, **bounds).go_on(job.id, "ann")
    assert store.job(job.id).state == "stopped"
    assert JobStore(store.engine, max_queue=2, max_jobs=2).go_on(job.id, "ann").state == "queued"


def test_a_wish_never_slips_through_between_two_states(store: JobStore) -> None:
    """A job goes to and fro between waiting and running while its owner wants it ended."""
    for _ in range(10):
        job, asked = accept(store), threading.Event()

        def to_and_fro(_: int, job: Job = job, asked: threading.Event = asked) -> None:
            rounds = 0
            while rounds < 3:
                rounds += asked.is_set()
                if claim := store.claim("one"):
                    if store.beat(claim) == "cancel":
                        store.end(claim, "cancelled")
                        return
                    store.release(claim)
                elif store.job(job.id).state == "cancelled":
                    return
            pytest.fail("the wish was lost")

        def cancel(_: int, job: Job = job, asked: threading.Event = asked) -> None:
            store.cancel(job.id, "ann")
            asked.set()

        acts = (to_and_fro, cancel)
        outcomes = at_once(2, lambda n, acts=acts: acts[n](n))
        assert not [outcome for outcome in outcomes if isinstance(outcome, BaseException)], outcomes


def test_a_wish_meets_a_job_that_is_let_go_of_at_that_moment(store: JobStore) -> None:
    job = accept(store)
    claimed(store, job)
    cancelling = threading.Thread(target=store.cancel, args=(job.id, "ann"))
    with store.engine.begin() as connection:
        released = sa.update(jobs).where(jobs.c.id == job.id)
        connection.execute(released.values(state="queued"))
        cancelling.start()
        a_moment()  # it sees the job run, and waits for this to end
    cancelling.join()
    assert store.job(job.id).state == "cancelled"


# What workers do.


def test_of_several_workers_one_gets_the_job(store: JobStore) -> None:
    for number in range(10):
        job = accept(store)
        outcomes = at_once(THREADS, lambda n, r=number: store.claim(f"worker {r} {n}"))
        claims = [outcome for outcome in outcomes if outcome is not None]
        assert len(claims) == 1, outcomes
        assert (claims[0].id, claims[0].attempt, store.job(job.id).attempt) == (job.id, 1, 1)
        assert store.beat(claims[0]) == ""


def test_no_two_workers_that_come_at_once_get_the_same_job(store: JobStore) -> None:
    made = {accept(store).id for _ in range(2 * THREADS)}
    taken: list[str] = []
    while len(taken) < len(made):  # PostgreSQL may tell one that comes meanwhile of no job at all
        workers = [f"worker {len(taken)} {n}" for n in range(THREADS)]
        claims = at_once(THREADS, lambda n, workers=workers: store.claim(workers[n]))
        taken += [claim.id for claim in claims if claim]
    assert Counter(taken) == Counter(made)


def test_jobs_are_worked_at_in_their_order(store: JobStore) -> None:
    made = [accept(store) for _ in range(3)]
    for number, job in enumerate(made):
        claimed(store, job, f"worker {number}")
    assert store.claim("another") is None


def test_of_several_claims_of_one_worker_the_latest_holds_the_job(store: JobStore) -> None:
    """A worker may take what it had before; then its earlier claim is void."""
    accept(store)
    claims = at_once(THREADS, lambda _: store.claim("one"))
    # PostgreSQL passes over a row that another is taking at that moment.
    attempts = sorted(claim.attempt for claim in claims if claim)
    assert attempts == list(range(1, len(attempts) + 1))

    def beats(claim: Job) -> bool:
        try:
            store.beat(claim)
        except ClaimLost:
            return False
        return True

    assert [claim.attempt for claim in claims if claim and beats(claim)] == attempts[-1:]


def test_a_job_is_taken_from_a_worker_that_was_not_heard_of(store: JobStore) -> None:
    job = accept(store)
    old = claimed(store, job)
    assert store.claim("two") is None
    silence(store, job.id, GRACE - 5)
    assert store.claim("two") is None
    silence(store, job.id, 6)
    new = claimed(store, job, "two")
    assert (new.attempt, store.claim("three")) == (2, None)

    for act in (
        lambda: store.beat(old, [row(1)]),
        lambda: store.end(old, "failed", error="late"),
        lambda: store.release(old),
    ):
        with pytest.raises(ClaimLost):
            act()
    after = store.job(job.id)
    assert (after.state, after.worker, after.step, after.error) == ("running", "two", 0, None)
    assert store.losses(job.id) == []
    store.end(new, "done", picture="picture-2.png")
    with pytest.raises(ClaimLost):
        store.end(new, "done")
    assert store.job(job.id).picture == "picture-2.png"


def test_a_worker_takes_its_own_job_back_at_once(store: JobStore) -> None:
    job = accept(store)
    claimed(store, job, "one")
    assert claimed(store, job, "one").attempt == 2


def test_an_abandoned_job_is_taken_over_once_and_before_those_that_wait(store: JobStore) -> None:
    job = accept(store)
    old = claimed(store, job)
    accept(store)
    silence(store, job.id)
    assert claimed(store, job, "two").attempt == 2
    with pytest.raises(ClaimLost):
        store.beat(old)
    assert store.claim("three").id != job.id  # type: ignore[union-attr]
    assert store.claim("four") is None


def test_a_released_job_is_first_in_the_queue_and_not_held_against_it(store: JobStore) -> None:
    job, other = accept(store), accept(store)
    claim = claimed(store, job)
    assert store.ahead(other) == 0
    store.release(claim)
    after = store.job(job.id)
    assert (after.state, after.stuck, after.worker) == ("queued", 0, "")
    assert store.ahead(other) == 1
    with pytest.raises(ClaimLost):
        store.beat(claim)
    assert claimed(store, job, "two").attempt == 2
    claimed(store, other, "three")


def test_steps_done_again_replace_those_of_before(store: JobStore) -> None:
    job = accept(store)
    first = claimed(store, job)
    store.beat(first, [row(1), row(2), row(3)], loss=1.0, steps=9)
    silence(store, job.id)
    second = claimed(store, job, "two")
    with pytest.raises(ClaimLost):
        store.begin(first)
    store.begin(second, [row(1)])
    assert store.losses(job.id) == [row(1)]
    store.beat(second, [row(2, 7.0)])
    assert store.losses(job.id) == [row(1), row(2, 7.0)]
    assert store.losses(job.id, after=1) == [row(2, 7.0)]
    assert store.job(job.id).step == 2


def test_steps_may_be_told_twice(store: JobStore) -> None:
    """The database took them down, but its answer was lost."""
    claim = claimed(store, accept(store))
    store.beat(claim, [row(1), row(2)])
    store.beat(claim, [row(1), row(2), row(3)])
    assert store.losses(claim.id) == [row(1), row(2), row(3)]


def test_steps_that_were_kept_but_never_told_are_told(store: JobStore) -> None:
    job = accept(store)
    store.beat(claimed(store, job), [row(1), row(2)])
    store.begin(claimed(store, job), [row(step) for step in range(1, 6)])
    assert store.losses(job.id) == [row(step) for step in range(1, 6)]


def test_claims_without_progress_are_counted(store: JobStore) -> None:
    job = accept(store)

    def attempt(*steps: int) -> int:
        claim = claimed(store, job)
        store.begin(claim, [row(step) for step in range(1, steps[0])] if steps else ())
        if steps:
            store.beat(claim, [row(step) for step in steps])
        return store.job(job.id).stuck

    assert attempt() == 1
    assert attempt() == 2
    assert attempt(1, 2, 3) == 0
    assert attempt(2, 3) == 1  # it fell where it fell before
    assert attempt(2, 3) == 2
    assert attempt(2, 3, 4) == 0


def test_the_end_clears_what_was_wished(store: JobStore) -> None:
    claim = claimed(store, accept(store))
    store.stop(claim.id, "ann")
    store.end(claim, "stopped", picture="p")
    job = store.job(claim.id)
    assert (job.state, job.wish, job.remaining, job.picture) == ("stopped", "", None, "p")
    assert job.ended is not None


def test_only_ended_jobs_are_removed_and_their_losses_with_them(store: JobStore) -> None:
    job = accept(store)
    assert not store.remove(job.id)
    claim = claimed(store, job)
    store.beat(claim, [row(1)])
    assert not store.remove(job.id)
    store.end(claim, "done")
    assert [found.id for found in store.outdated(keep=-1)] == [job.id]
    assert store.outdated(keep=60) == []
    assert store.some([job.id, "other"]).keys() == {job.id}
    assert store.remove(job.id)
    assert store.losses(job.id) == []
    with store.engine.connect() as connection:
        count = sa.select(sa.func.count()).select_from(losses)
        assert connection.execute(count).scalar_one() == 0


def test_what_is_done_already_can_be_kept(store: JobStore) -> None:
    request = {"style": "wave"}
    job = store.accept("ann", "apply", request, id=new_id(), done=True, picture="picture-1.png")
    assert (job.state, job.picture, job.kind) == ("done", "picture-1.png", "apply")
    assert store.claim("one") is None


def test_a_database_that_cannot_be_used_is_named_without_its_password(tmp_path: Path) -> None:
    url = read(
        data=str(tmp_path), database="postgresql://me:secret@127.0.0.1:1/x?connect_timeout=1"
    ).database_url
    with pytest.raises(OutputError, match="cannot be used") as caught:
        database.connect(url)
    assert "secret" not in str(caught.value)


def test_several_processes_may_start_with_an_empty_database(database_url: URL) -> None:
    def start(_: int) -> None:
        engine = database.connect(database_url)
        accept(JobStore(engine))
        engine.dispose()

    assert at_once(3, start) == [None] * 3
    engine = database.connect(database_url)
    assert len(JobStore(engine).jobs("ann")) == 3
    engine.dispose()


class Anything(RuleBasedStateMachine):
    """Clients and two workers do anything in any order to one job."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = database.connect(URL.create("sqlite"))  # in memory
        self.store = JobStore(self.engine)
        self.id = accept(self.store).id
        self.claims: list[Job] = []
        self.final: Job | None = None
        self.silent = False

    def teardown(self) -> None:
        self.engine.dispose()

    @property
    def job(self) -> Job:
        return self.store.job(self.id)

    @rule(wish=st.sampled_from(["stop", "cancel", "go_on"]))
    def client(self, wish: str) -> None:
        with suppress(WrongState):
            getattr(self.store, wish)(self.id, "ann")

    @rule(worker=st.sampled_from(["one", "two"]))
    def claim(self, worker: str) -> None:
        job = self.job
        claim = self.store.claim(worker)
        left = job.state == "running" and (worker == job.worker or self.silent)
        assert bool(claim) == (job.state == "queued" or left)
        if claim:
            assert claim.attempt == job.attempt + 1
            self.claims.append(claim)
            self.silent = False

    @precondition(lambda self: self.job.state == "running")
    @rule()
    def silence(self) -> None:
        silence(self.store, self.id)
        self.silent = True

    @precondition(lambda self: self.claims)
    @rule(which=st.integers(0, 3), act=st.sampled_from(["beat", "release", "done", "stopped"]))
    def worker(self, which: int, act: str) -> None:
        """A worker does something with a claim, which may be an old one."""
        claim, before = self.claims[-1 - which % len(self.claims)], self.job
        try:
            if act == "beat":
                self.store.beat(claim, [row(before.step + 1)])
                self.silent = False
            elif act == "release":
                self.store.release(claim)
            else:
                self.store.end(claim, act)
        except ClaimLost:
            assert self.job == before
            assert not self.holds(claim, before)
        else:
            assert self.holds(claim, before)

    @staticmethod
    def holds(claim: Job, job: Job) -> bool:
        return job.state == "running" and job.attempt == claim.attempt

    @invariant()
    def what_has_ended_stays_as_it_was(self) -> None:
        job = self.job
        if self.final:
            assert job == self.final
        if job.state in FINAL:
            self.final = job


Anything.TestCase.settings = hypothesis.settings(
    max_examples=25, stateful_step_count=25, deadline=None
)
test_whatever_happens_a_job_has_one_holder_and_one_end = Anything.TestCase
