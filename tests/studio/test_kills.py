"""Killed at any moment, the studio loses nothing: processes really die here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

import psutil
import pytest
from sqlalchemy.engine import URL

from impasto.runtime import checkpoint
from impasto.studio.database import connect
from impasto.studio.jobs import UNDER_WAY, Job, JobStore
from impasto.studio.settings import Settings
from impasto.studio.storage import Storage
from patience import LIMIT, wait_for
from studio.jobs import accept, assert_as_good, pixels, settings_for

KILLS = {"sqlite": ("power",), "postgresql": ("worker", "server")}
"""What is killed, one after the other. It is the starting again that takes long."""

STEPS = 20
EVERY = 1e-9  # a checkpoint as often as its cost allows

PARENT = """
import sys, threading
from impasto.studio.settings import read
from impasto.studio.supervisor import Workers
workers = Workers(read())
workers.start()
sys.stdin.read()
workers.stop()
"""
"""Stands for the server, of which only the supervisor matters here."""


class Studio:
    """A studio whose processes can be killed."""

    def __init__(self, folder: Path, url: URL, workers: int) -> None:
        self.settings: Settings = settings_for(
            folder,
            database=url.render_as_string(hide_password=False).replace("+psycopg", ""),
            workers=workers,
            checkpoint_every=EVERY,
        )
        self.engine = connect(self.settings.database_url)
        self.store = JobStore(self.engine)
        self.files = Storage(self.settings.data)
        self.log = folder / "log"
        self.server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        theirs = ("data", "database", "workers", "threads", "nice", "checkpoint_every")
        given = {f"IMPASTO_{n.upper()}": str(getattr(self.settings, n)) for n in theirs}
        with self.log.open("ab") as log:
            self.server = subprocess.Popen(
                [sys.executable, "-c", PARENT],
                env={**os.environ, **given},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )

    @property
    def workers(self) -> list[psutil.Process]:
        assert self.server
        return psutil.Process(self.server.pid).children()

    def kill_worker(self, slots: Collection[str]) -> list[str]:
        """Kill one that has one of these slots; return the beginning of its name."""
        alive = [worker for worker in self.workers if worker.status() != psutil.STATUS_ZOMBIE]
        found = [(worker, worker.cmdline()[-1]) for worker in alive]
        victim, slot = next((one for one in found if one[1] in slots), (None, ""))
        if victim is None:
            return []
        victim.kill()
        wait_for(lambda: not victim.is_running() or victim.status() == psutil.STATUS_ZOMBIE)
        return [f"{slot}-"]

    def kill_server(self) -> list[psutil.Process]:
        """Kill the server alone; its workers are to notice. Return them."""
        assert self.server
        assert self.server.stdin
        workers = self.workers
        self.server.kill()
        self.server.wait()
        self.server.stdin.close()
        return workers

    def cut_the_power(self) -> None:
        """Kill all at once."""
        assert self.server
        for worker in [psutil.Process(self.server.pid), *self.workers]:
            worker.suspend()  # or the workers would notice that the server is gone
        for worker in self.workers:
            worker.kill()
        psutil.wait_procs(self.kill_server(), timeout=LIMIT)

    def stop(self) -> None:
        """Stop everything as Ctrl-C does."""
        assert self.server
        assert self.server.stdin
        self.server.stdin.close()
        self.server.wait(timeout=LIMIT)

    def close(self) -> None:
        if self.server and self.server.poll() is None:
            self.cut_the_power()
        self.engine.dispose()


@pytest.fixture
def studio(tmp_path: Path, database_url: URL) -> Iterator[Studio]:
    """On SQLite a worker, on PostgreSQL two."""
    workers = 1 if database_url.get_backend_name() == "sqlite" else 2
    made = Studio(tmp_path / "data", database_url, workers)
    yield made
    made.close()


class Visitor:
    """Looks at every job all the time, as pages do, and reads what its row names."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.seen: Counter[str] = Counter()
        self.wrong: list[str] = []

    def __enter__(self) -> Visitor:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ending.wait(0.05):
            for job in self._studio.store.jobs("ann"):
                for column in ("preview", "picture", "timelapse"):
                    if name := getattr(job, column):
                        self._read(job, column, name)

    def _read(self, job: Job, column: str, name: str) -> None:
        try:
            data = self._studio.files.get(job.id, name)
            assert data[4:8] == b"ftyp" if column == "timelapse" else pixels(data).size
            self.seen[column] += 1
        except FileNotFoundError:
            # Gone because there is a newer one by now, or it is missing.
            if getattr(self._studio.store.job(job.id), column) == name:
                self.wrong.append(f"{name} is not there")
        except Exception as error:
            self.wrong.append(f"{name}: {error}")


class Losses:
    """Where the jobs have to go on after each kill: at the step of their checkpoint."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self.kept: dict[tuple[str, int], int] = {}
        """After which step the attempt after this one has to begin."""

    def note(self, workers: list[str]) -> None:
        """Look at what is left of the jobs of workers whose names begin so."""
        for job, name in self.checkpoints():
            if any(job.worker.startswith(worker) for worker in workers):
                self._note(job, name)

    def checkpoints(self) -> list[tuple[Job, str]]:
        """Return the running jobs that have a checkpoint of the attempt under way."""
        running = [job for job in self._studio.store.jobs("ann") if job.state == "running"]
        found = []
        for job in running:
            names = [n for n in self._studio.files.names(job.id) if n.startswith("check")]
            if names == [f"checkpoint-{job.attempt}"] and (job.id, job.attempt) not in self.kept:
                found.append((job, names[0]))
        return found

    def slots(self) -> set[str]:
        """Return the slots of the workers that have such a job."""
        return {job.worker.partition("-")[0] for job, _ in self.checkpoints()}

    def _note(self, job: Job, name: str) -> None:
        path = Path(self._studio.settings.data) / "jobs" / job.id / name
        arrays, _ = checkpoint.read(path)
        self.kept[job.id, job.attempt] = len(arrays["losses"])


def progress(studio: Studio) -> dict[str, int]:
    return {job.id: job.step for job in studio.store.jobs("ann")}


def at_work(studio: Studio, before: dict[str, int]) -> bool:
    """Tell whether some job is on its way, and further than before."""
    jobs = studio.store.jobs("ann")
    return any(job.state == "running" and job.step > before.get(job.id, 0) for job in jobs)


def under_way(studio: Studio) -> int:
    return sum(job.state in UNDER_WAY for job in studio.store.jobs("ann"))


def kill(studio: Studio, what: str, losses: Losses) -> None:
    """Kill something at work, and see to it that everything runs again.

    With something to lose, that is, unless all is done in the meantime.
    """
    before = progress(studio)
    wait_for(lambda: at_work(studio, before) or not under_way(studio))
    if what == "server":
        orphans = studio.kill_server()
        studio.start()  # it is there before they are gone
        _, alive = psutil.wait_procs(orphans, timeout=LIMIT)
        assert not alive, "workers outlive their server"
        return
    wait_for(lambda: losses.checkpoints() or not under_way(studio))
    if what == "worker":
        losses.note(studio.kill_worker(losses.slots()))
    else:
        studio.cut_the_power()
        losses.note([""])
        studio.start()


@pytest.mark.long
@pytest.mark.usefixtures("networks_kept")
def test_whatever_is_killed_no_job_is_lost_or_done_twice(studio: Studio) -> None:
    losses = Losses(studio)
    jobs: list[Job] = []
    studio.start()
    with Visitor(studio) as visitor:
        for what in KILLS[studio.engine.dialect.name]:
            while under_way(studio) <= studio.settings.workers:
                jobs.append(accept(studio.store, studio.files, steps=STEPS, seed=len(jobs)))
            kill(studio, what, losses)
        wait_for(lambda: under_way(studio) == 0)
        studio.stop()
    assert visitor.wrong == []
    assert visitor.seen["preview"] > 0
    assert_all_done(studio, jobs)
    assert_they_went_on(studio, losses)


def assert_all_done(studio: Studio, jobs: list[Job]) -> None:
    log = studio.log.read_text()
    for job in jobs:
        done = studio.store.job(job.id)
        assert (done.state, done.step, done.error) == ("done", STEPS, None)
        assert log.count(f"{job.id}: done") == 1
        assert [row.step for row in studio.store.losses(job.id)] == list(range(1, STEPS + 1))
        kept = {"photo", "style-0", done.preview, done.picture, done.timelapse}
        assert set(studio.files.names(job.id)) == kept
        assert pixels(studio.files.get(job.id, done.picture or "")).size
        assert_as_good(studio.settings, done, studio.files)
    assert "Traceback" not in log
    scratch = Path(studio.settings.data) / "scratch"
    assert [path.name for path in scratch.rglob("*") if path.is_file()] == []


def assert_they_went_on(studio: Studio, losses: Losses) -> None:
    log = studio.log.read_text()
    for (id, attempt), step in losses.kept.items():
        begun = re.findall(rf"{id}: attempt (\d+) begins after step (\d+)", log)
        later = [int(after) for number, after in begun if int(number) > attempt]
        assert later[0] == step
