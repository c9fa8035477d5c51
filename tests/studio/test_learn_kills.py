"""Learning by worker processes that really run, and are really killed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from impasto.studio.jobs import Job
from impasto.zoo import registry
from patience import LIMIT, one_thread, wait_for
from studio.learning import learn, pixels
from studio.serving import PHOTO, Served, served

LONG = 100_000.0
"""Seconds of learning after which no test waits for its end."""

SMALLER = """
from dataclasses import replace
from impasto.studio import learn_runner
from impasto.studio.learnt import options

learn_runner.options = lambda asked: replace(options(asked), size=128)
"""
"""Run by every worker when it starts: its crops have a quarter of the pixels."""


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Served]:
    """A studio with a network that the workers have, too."""
    (tmp_path / "none").mkdir()
    shutil.copy(registry.BUNDLED / "painters-turbo.safetensors", tmp_path / "none")
    with served(tmp_path, max_learn=LONG) as found:
        yield found


class Workers:
    """Processes that work for a studio, in slots of theirs."""

    def __init__(self, api: Served, folder: Path) -> None:
        (folder / "sitecustomize.py").write_text(SMALLER)
        settings = api.studio.settings
        self._environment = one_thread(
            IMPASTO_DATA=settings.data,
            IMPASTO_DATABASE=f"sqlite:///{settings.database_url.database}",
            IMPASTO_CHECKPOINT_EVERY="0.01",
            IMPASTO_THREADS="1",
            PYTHONPATH=f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
        )
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, slot: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "impasto.studio.worker", "--slot", str(slot)]
        started = subprocess.Popen(command, env=self._environment)
        self.processes.append(started)
        return started

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait(LIMIT)


@pytest.fixture
def workers(api: Served, tmp_path: Path) -> Iterator[Workers]:
    started = Workers(api, tmp_path)
    yield started
    started.stop()


def job(api: Served, id: str) -> Job:
    return api.studio.store.job(id)


def stylized(api: Served, style: str):
    return pixels(
        api.client.post(
            "/v1/stylize", files={"photo": PHOTO}, data={"style": style, "format": "png"}
        )
    )


@pytest.mark.long
def test_a_killed_worker_loses_nothing_of_a_style(api: Served, workers: Workers):
    id = learn(api, name="mine", budget=LONG).json()["id"]
    first = workers.start(0)
    wait_for(lambda: job(api, id).learnt)
    wait_for(lambda: "checkpoint-1" in api.studio.files.names(id))
    first.kill()
    first.wait()
    before = job(api, id)
    assert (before.state, before.attempt) == ("running", 1)
    assert stylized(api, "mine").any()
    workers.start(0)
    wait_for(lambda: job(api, id).step > before.step)
    again = job(api, id)
    assert (again.state, again.attempt) == ("running", 2)
    steps = [row.step for row in api.studio.store.losses(id)]
    assert steps == sorted(set(steps))
    api.client.post(f"/v1/jobs/{id}/stop")
    wait_for(lambda: job(api, id).state == "stopped")
    assert job(api, id).learnt.startswith("row-2-")
    assert stylized(api, "mine").any()


@pytest.mark.long
def test_two_learnings_leave_the_server_its_processor(api: Served, workers: Workers):
    """Both go on, and photos are stylised before either comes to its end."""
    ids = [learn(api, name=name, budget=LONG).json()["id"] for name in ("one", "two")]
    started = [workers.start(slot) for slot in range(2)]
    wait_for(lambda: all(job(api, id).learnt for id in ids))
    steps = [job(api, id).step for id in ids]
    for _ in range(3):
        assert stylized(api, "one").shape == stylized(api, "two").shape
    wait_for(lambda: all(job(api, id).step > step for id, step in zip(ids, steps, strict=True)))
    assert {job(api, id).state for id in ids} == {"running"}
    for process in started:
        assert psutil.Process(process.pid).nice() > psutil.Process().nice()
