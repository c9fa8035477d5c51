"""Workers as processes: how they start, share, leave and are looked after."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import sqlalchemy as sa

from impasto.errors import OutputError
from impasto.studio import slots, supervisor, worker
from impasto.studio.database import connect
from impasto.studio.jobs import GRACE, Job, JobStore
from impasto.studio.runner import WorkerContext
from impasto.studio.settings import Settings
from impasto.studio.storage import Storage
from impasto.studio.supervisor import Workers
from patience import LIMIT, Clock, a_moment, wait_for
from studio.jobs import accept, assert_as_good, context_for, settings_for


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    # No checkpoint of its own accord: what is kept was kept on leaving.
    return settings_for(tmp_path / "data", checkpoint_every=60, workers=1)


@pytest.fixture
def engine(settings: Settings) -> Iterator[sa.Engine]:
    made = connect(settings.database_url)
    yield made
    made.dispose()


@pytest.fixture
def store(engine: sa.Engine) -> JobStore:
    return JobStore(engine)


@pytest.fixture
def files(settings: Settings) -> Storage:
    return Storage(settings.data)


@pytest.fixture(autouse=True)
def _nobody_stays() -> Iterator[None]:
    yield
    for left in processes():
        left.kill()


def processes() -> list[psutil.Process]:
    """Return the workers that this process started."""
    children = psutil.Process().children()
    return [one for one in children if any("impasto.studio.worker" in w for w in one.cmdline())]


Process = subprocess.Popen[bytes]

WAITING = """
from impasto.studio import worker
from impasto.studio import runner

take = runner.PaintRunner._take

def waiting(self, event):
    take(self, event)
    if self.step == {step}:
        self._context.leaving.wait()

runner.PaintRunner._take = waiting
raise SystemExit(worker.main())
"""
"""A worker that paints no further than to a step, until it is to leave."""


def start(
    settings: Settings, *arguments: str, stdin: int = subprocess.DEVNULL, wait_at: int = 0
) -> Process:
    """Start a worker as somebody at a shell does, or one that waits at a step."""
    code = ["-c", WAITING.format(step=wait_at)] if wait_at else ["-m", "impasto.studio.worker"]
    return subprocess.Popen(
        [sys.executable, *code, *arguments],
        env=dict(supervisor._environment(settings)),
        stdin=stdin,
        stderr=subprocess.PIPE,
    )


def ended(process: Process) -> str:
    """Wait for the end of a process; return what it logged."""
    _, log = process.communicate(timeout=LIMIT)
    return log.decode()


def test_what_one_worker_kept_the_next_goes_on_with_and_after_a_kill_it_has_its_job_at_once(
    settings: Settings, store: JobStore, files: Storage
) -> None:
    job = accept(store, files)
    first = start(settings, wait_at=4)
    wait_for(lambda: store.job(job.id).step == 4)
    first.send_signal(signal.SIGTERM)
    log = ended(first)
    assert first.returncode == 0, log
    left = store.job(job.id)
    assert (left.state, left.stuck, left.step) == ("queued", 0, 4)
    assert "checkpoint-1" in files.names(job.id)

    second = start(settings, wait_at=6)
    wait_for(lambda: store.job(job.id).step == 6)
    second.kill()
    assert "attempt 2 begins after step 4" in ended(second)
    left = store.job(job.id)  # it still runs, to all appearances

    third = start(settings)
    wait_for(lambda: store.job(job.id).attempt == 3)
    assert store.job(job.id).worker == left.worker
    wait_for(lambda: store.job(job.id).state == "done")
    third.send_signal(signal.SIGTERM)
    log = ended(third)
    assert "attempt 3 begins after step 4" in log
    assert "Traceback" not in log
    assert_as_good(settings, store.job(job.id), files)


def test_a_worker_started_by_hand_outlives_its_terminal_and_a_tied_one_does_not(
    settings: Settings,
) -> None:
    free = start(settings, stdin=subprocess.DEVNULL)
    tied = start(settings, "--tied", "--slot", "5", stdin=subprocess.PIPE)
    held = Path(settings.data) / "workers"
    wait_for(lambda: len([p for p in held.rglob("*") if p.is_file()]) == 2)
    a_moment()
    assert tied.poll() is None
    assert tied.stdin
    tied.stdin.close()
    assert tied.wait(timeout=LIMIT) == 0
    assert free.poll() is None
    free.send_signal(signal.SIGINT)
    ended(free)
    assert free.returncode == 0
    assert tied.stderr
    tied.stderr.close()


@pytest.fixture
def context(settings: Settings, engine: sa.Engine) -> WorkerContext:
    return context_for(settings, engine)


def test_a_step_that_takes_too_long_to_leave_does_not_keep_the_worker(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a thread of this process: what `leave` does when no event comes."""
    job, go = accept(context.store, context.files), threading.Event()

    def endless(context: WorkerContext, claim: Job) -> None:
        context.claim = claim
        go.wait(LIMIT)

    monkeypatch.setattr(worker, "execute", endless)
    monkeypatch.setattr(worker, "_TO_LEAVE", 0.2)
    working = worker.Worker(context)
    working.start()
    wait_for(lambda: context.claim)
    context.leaving.set()
    assert not working.leave()
    assert (context.store.job(job.id).state, context.store.job(job.id).worker) == ("queued", "")
    go.set()
    monkeypatch.setattr(worker, "_TO_LEAVE", LIMIT)
    assert working.leave()


def test_a_worker_does_one_job_after_the_other_and_waits_when_there_is_none(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def execute(context: WorkerContext, claim: Job) -> None:
        done.append(claim.id)
        context.store.end(claim, "done")

    monkeypatch.setattr(worker, "execute", execute)
    monkeypatch.setattr(worker, "_TO_LEAVE", LIMIT)
    made = [accept(context.store, context.files).id for _ in range(2)]
    working = worker.Worker(context)
    working.start()
    wait_for(lambda: done == made)
    made.append(accept(context.store, context.files).id)
    wait_for(lambda: done == made)
    context.leaving.set()
    assert working.leave()


@pytest.mark.parametrize("error", [ConnectionError("gone"), ZeroDivisionError("a mistake")])
def test_after_an_error_the_job_is_tried_again_but_not_at_once(
    context: WorkerContext, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    pauses: list[float] = []
    context.leaving.wait = lambda seconds: pauses.append(seconds) or False  # type: ignore

    def execute(context: WorkerContext, claim: Job) -> None:
        if claim.attempt == 1:
            raise error
        context.store.end(claim, "done")
        context.leaving.set()

    monkeypatch.setattr(worker, "execute", execute)
    monkeypatch.setattr(worker, "_TO_LEAVE", LIMIT)
    job = accept(context.store, context.files)
    working = worker.Worker(context)
    working.start()
    wait_for(context.leaving.is_set)
    assert working.leave()
    assert context.store.job(job.id).state == "done"
    assert pauses[:1] == [GRACE]


def test_what_a_worker_cannot_use_is_said_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMPASTO_WORKERS", "many")
    assert worker.main([]) == 1
    assert capsys.readouterr().err.startswith("impasto worker: IMPASTO_WORKERS: ")
    monkeypatch.delenv("IMPASTO_WORKERS")
    (tmp_path / "file").write_bytes(b"x")
    settings = settings_for(tmp_path / "file" / "data")
    broken = start(settings)
    log = ended(broken)
    assert broken.returncode == 1
    assert log.startswith("impasto worker: ")
    assert len(log.splitlines()) == 1


# Slots.


def test_a_slot_has_one_holder_and_keeps_its_name(tmp_path: Path) -> None:
    first, second = slots.take(tmp_path, 0), slots.take(tmp_path, 0)
    assert (first.number, second.number) == (0, 1)
    third = slots.take(tmp_path)
    assert third.number == 2
    third.file.close()
    name = first.name
    first.file.close()
    again = slots.take(tmp_path, 0)
    assert (again.number, again.name) == (0, name)
    assert len({again.name, second.name}) == 2
    again.file.close()
    second.file.close()


def test_a_slot_is_free_when_its_holder_was_killed(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from impasto.studio import slots;"
        "slot = slots.take(Path(sys.argv[1]), 0); print(slot.name, flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout
    name = holder.stdout.readline().decode().strip()
    other = slots.take(tmp_path, 0)
    assert other.number == 1
    other.file.close()
    threading.Timer(0.3, holder.kill).start()
    slot = slots.take(tmp_path, 0, patience=LIMIT)  # worth waiting for
    assert (slot.number, slot.name) == (0, name)
    slot.file.close()
    holder.communicate()


def test_machines_that_share_a_folder_share_no_slot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = slots.take(tmp_path, 0)
    monkeypatch.setattr(slots.socket, "gethostname", lambda: "elsewhere")
    there = slots.take(tmp_path, 0)
    assert there.number == 0
    assert there.name != here.name
    here.file.close()
    there.file.close()


def test_a_folder_for_slots_that_cannot_be_had_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(OutputError, match="cannot be written"):
        slots.take(tmp_path / "file" / "slots")


# The supervisor.


def alive(workers: Workers) -> int:
    return sum(child.alive for child in workers._children)


def test_dead_workers_are_replaced_and_all_leave_in_time(tmp_path: Path) -> None:
    workers = Workers(settings_for(tmp_path / "data", workers=2))
    workers.start()
    assert alive(workers) == 2
    victim, _ = processes()
    victim.kill()
    wait_for(lambda: not victim.is_running() and alive(workers) == 2)
    children = processes()
    assert len(children) == 2
    workers.stop()
    assert alive(workers) == 0
    assert not any(child.is_running() for child in children)
    workers.stop()  # again does nothing


def test_workers_that_do_not_leave_are_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stubborn = (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True)\n"
        "while True: signal.pause()"
    )
    popen, started = subprocess.Popen, []

    def instead(_: object, **given: Any) -> Process:
        process = popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE, **given)
        assert process.stdout
        process.stdout.readline()
        process.stdout.close()
        started.append(process)
        return process

    monkeypatch.setattr(supervisor.subprocess, "Popen", instead)
    workers = Workers(settings_for(tmp_path / "data", workers=2))
    workers.start()
    workers.stop(timeout=0.5)
    assert alive(workers) == 0
    assert [process.returncode for process in started] == [-signal.SIGKILL] * 2


def test_a_worker_that_dies_at_once_is_not_started_all_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, starts, popen = Clock(), [], subprocess.Popen

    def instead(_: object, **given: Any) -> Process:
        starts.append(clock.now)
        return popen([sys.executable, "-S", "-c", "raise SystemExit(3)"], **given)

    monkeypatch.setattr(supervisor.subprocess, "Popen", instead)
    child = supervisor._Child(0, settings_for(tmp_path / "data", workers=1), clock)

    def next_start_after(ran: float) -> float:
        """Return the seconds from the end of a worker, which ran so long, to the next start."""
        wait_for(lambda: not child.alive)
        clock.go_on(ran)
        ended, count = clock.now, len(starts)
        while len(starts) == count:
            child.look()
            clock.go_on(0.125)
        return starts[-1] - ended

    child.start()
    assert [next_start_after(0.0) for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert next_start_after(supervisor._WELL + 1) == 0.25  # it was healthy
    assert next_start_after(0.0) == 0.5
    wait_for(lambda: not child.alive)
    child.wait(0)


def test_without_workers_there_is_nothing_to_do(tmp_path: Path) -> None:
    workers = Workers(settings_for(tmp_path / "data", workers=0))
    workers.stop()  # before the start
    workers = Workers(settings_for(tmp_path / "data", workers=0))
    workers.start()
    assert alive(workers) == 0
    workers.stop()
