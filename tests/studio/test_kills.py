"""Killed at any moment, the studio loses nothing: processes really die here, 20 times in all."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import URL

from impasto.optimize import checkpoint
from impasto.studio import queue
from impasto.studio.database import connect
from impasto.studio.files import Files
from impasto.studio.settings import Settings
from impasto.studio.store import UNDER_WAY, Job, Store
from studio.jobs import accept, pixels, settings_for, uninterrupted

KILLS = 10  # on each database
STEPS = 60
EVERY = 0.2

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
        queue.prepare(self.engine)
        self.store = Store(self.engine, queue.enqueuer(self.engine))
        self.files = Files(self.settings.data)
        self.log = folder / "log"
        self.server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        theirs = ("data", "database", "workers", "threads", "checkpoint_every")
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

    def kill_worker(self, rng: random.Random) -> list[str]:
        """Kill one of them; return the beginning of its name."""
        alive = [worker for worker in self.workers if worker.status() != psutil.STATUS_ZOMBIE]
        if not alive:
            return []
        victim = rng.choice(alive)
        slot = victim.cmdline()[-1]
        victim.kill()
        wait_until(lambda: not victim.is_running() or victim.status() == psutil.STATUS_ZOMBIE)
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
        psutil.wait_procs(self.kill_server(), timeout=10)

    def stop(self) -> float:
        """Stop everything as Ctrl-C does; return the seconds that took."""
        assert self.server
        assert self.server.stdin
        began = time.monotonic()
        self.server.stdin.close()
        self.server.wait(timeout=15)
        return time.monotonic() - began

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


def wait_until(ready: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.02)


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
    """How much work each kill cost: the age of the checkpoint that is left of a running job."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self.ages: list[float] = []
        self.kept: dict[tuple[str, int], int] = {}
        """After which step the attempt after this one has to begin."""

    def note(self, killed: float, workers: list[str]) -> None:
        """Look at what is left of the jobs of workers whose names begin so."""
        for job in self._studio.store.jobs("ann"):
            if job.state == "running" and any(job.worker.startswith(name) for name in workers):
                names = [n for n in self._studio.files.names(job.id) if n.startswith("check")]
                dead_before = (job.id, job.attempt) in self.kept
                if names == [f"checkpoint-{job.attempt}"] and not dead_before:
                    self._note(job, killed, names[0])

    def _note(self, job: Job, killed: float, name: str) -> None:
        path = Path(self._studio.settings.data) / "jobs" / job.id / name
        arrays, _ = checkpoint.read(path)
        self.kept[job.id, job.attempt] = len(arrays["losses"])
        if len(arrays["losses"]) < STEPS - 1:  # after the last step there is nothing to keep
            self.ages.append(killed - path.stat().st_mtime)


def progress(studio: Studio) -> dict[str, int]:
    return {job.id: job.step for job in studio.store.jobs("ann")}


def under_way(studio: Studio) -> int:
    return sum(job.state in UNDER_WAY for job in studio.store.jobs("ann"))


def killed_at_random(studio: Studio, rng: random.Random, losses: Losses) -> str:
    """Kill something at a random moment, and see to it that everything runs again."""
    before = progress(studio)
    wait_until(lambda: progress(studio) != before)
    time.sleep(rng.uniform(0, 1))
    killed, how = time.time(), rng.choice(["worker", "worker", "server", "power"])
    if how == "worker":
        losses.note(killed, studio.kill_worker(rng))
    elif how == "power":
        studio.cut_the_power()
        losses.note(killed, [""])
        studio.start()
    else:
        orphans = studio.kill_server()
        if rng.random() < 0.5:  # else the next one is there before they are gone
            _, alive = psutil.wait_procs(orphans, timeout=10)
            assert not alive, "workers outlive their server"
        studio.start()
    return how


@pytest.mark.long
def test_killed_again_and_again_no_job_is_lost_or_done_twice(studio: Studio) -> None:
    rng = random.Random(5)
    losses, kills = Losses(studio), []
    jobs: list[Job] = []
    studio.start()
    with Visitor(studio) as visitor:
        for _ in range(KILLS):
            while under_way(studio) <= studio.settings.workers:
                jobs.append(accept(studio.store, studio.files, steps=STEPS, seed=len(jobs)))
            kills.append(killed_at_random(studio, rng, losses))
        wait_until(lambda: under_way(studio) == 0, 180)
        assert studio.stop() < 10
    assert visitor.wrong == []
    assert visitor.seen["preview"] > 0
    assert_all_done(studio, jobs)
    assert_little_lost(studio, losses)
    assert set(kills) == {"worker", "server", "power"}


def assert_all_done(studio: Studio, jobs: list[Job]) -> None:
    log = studio.log.read_text()
    for job in jobs:
        done = studio.store.job(job.id)
        assert (done.state, done.step, done.error) == ("done", STEPS, None)
        assert log.count(f"{job.id}: done") == 1
        assert [row.step for row in studio.store.losses(job.id)] == list(range(1, STEPS + 1))
        kept = {"photo", "style-0", done.preview, done.picture, done.timelapse}
        assert set(studio.files.names(job.id)) == kept
        np.testing.assert_array_equal(
            pixels(studio.files.get(job.id, done.picture or "")),
            uninterrupted(studio.settings, job, studio.files),
        )
    assert "Traceback" not in log
    scratch = Path(studio.settings.data) / "scratch"
    assert [path.name for path in scratch.rglob("*") if path.is_file()] == []
    with studio.engine.connect() as connection:
        schema = "" if studio.engine.dialect.name == "sqlite" else f"{queue.SCHEMA}."
        query = sa.text(f"SELECT DISTINCT status FROM {schema}workflow_status")
        # None has failed. Of a job that another worker took over and did, one may be left waiting.
        assert set(connection.execute(query).scalars()) <= {"SUCCESS", "PENDING", "ENQUEUED"}


def assert_little_lost(studio: Studio, losses: Losses) -> None:
    ages = [round(age, 2) for age in losses.ages]
    print("seconds of work that kills cost:", ages)  # noqa: T201 - shown when it fails
    log = studio.log.read_text()
    for (id, attempt), step in losses.kept.items():
        begun = re.findall(rf"{id}: attempt (\d+) begins after step (\d+)", log)
        later = [int(after) for number, after in begun if int(number) > attempt]
        assert later[0] == step
    assert len(losses.ages) >= 3
    assert max(losses.ages) < EVERY + 2 * longest_step(studio) + 1


def longest_step(studio: Studio) -> float:
    """Return what the longest step took: on a busy machine that is a lot."""
    rows = [studio.store.losses(job.id) for job in studio.store.jobs("ann")]
    return max(b.seconds - a.seconds for steps in rows for a, b in pairwise(steps))
