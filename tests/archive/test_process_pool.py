"""Processes as workers: they make, break, are killed, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier

import fsspec
import pytest

from archive.making import Fake, photos
from cli.shell import draw
from impasto.archive.engine import Archive, Failed, Made
from impasto.archive.plan import Item
from impasto.archive.process_pool import InProcessPool, Layout, ProcessPool, lay_out
from impasto.archive.worker import Compute, Open, Worker
from impasto.errors import ImpastoError, OptionsError
from impasto.options import ApplyOptions
from patience import LIMIT, one_thread, wait_for


def plan(tmp_path: Path, *names: str) -> list[Item]:
    folder = photos(tmp_path / "in", *(f"{name}.png" for name in names), draw=draw)
    return [
        Item(str(folder / f"{name}.png"), str(tmp_path / "out" / f"{name}.png")) for name in names
    ]


def by_name(events: list[object]) -> dict[str, str]:
    found = {}
    for event in events:
        assert isinstance(event, Made | Failed)
        stem = Path(event.item.photo).stem
        found[stem] = "made" if isinstance(event, Made) else event.reason
    return found


def test_pictures_are_made_by_several_and_failures_are_told(tmp_path: Path) -> None:
    work = plan(tmp_path, "a", "b", "c", "bad", "d", "e")
    found = by_name(list(Archive(work, ProcessPool(Fake(), lambda: Layout(2, 1)))))
    assert found.pop("bad").endswith("bad.png: is bad")
    assert found == dict.fromkeys("abcde", "made")
    texts = {path.read_text() for path in (tmp_path / "out").iterdir()}
    numbers = {int(text.split()[0]) for text in texts}
    assert os.getpid() not in numbers


def test_a_killed_worker_is_restarted_and_its_items_are_repeated(tmp_path: Path) -> None:
    work = plan(tmp_path, "a", "once", "b", "c")
    fake = Fake(marks=str(tmp_path / "mark"))
    found = by_name(list(Archive(work, ProcessPool(fake, lambda: Layout(2, 1)))))
    assert found == dict.fromkeys(("a", "once", "b", "c"), "made")


def test_an_item_that_kills_two_workers_has_failed(tmp_path: Path) -> None:
    work = plan(tmp_path, "a", "kill", "b", "c")
    found = by_name(list(Archive(work, ProcessPool(Fake(), lambda: Layout(2, 1)))))
    assert "its process died 2 times: killed" in found.pop("kill")
    assert found == dict.fromkeys("abc", "made")


def test_what_keeps_all_from_working_is_raised(tmp_path: Path) -> None:
    with pytest.raises(OptionsError, match="no such style"):
        list(
            Archive(
                plan(tmp_path, "a"), ProcessPool(Fake(broken="no such style"), lambda: Layout(1, 1))
            )
        )
    with pytest.raises(ImpastoError, match="die while they start: exit code 3"):
        list(
            Archive(
                plan(tmp_path / "2", "a"), ProcessPool(Fake(broken="gone"), lambda: Layout(1, 1))
            )
        )


def test_left_in_between_no_process_stays(tmp_path: Path) -> None:
    pool = ProcessPool(Fake(), lambda: Layout(1, 1))
    work = Archive(plan(tmp_path, "a", "b", "c", "d"), pool).work()
    made = next(work)
    number = int(Path(made.item.out).read_text().split()[0])
    work.close()
    wait_for(lambda: not _runs(number))
    left = [path.name for path in (tmp_path / "out").iterdir()]
    assert all(name.endswith(".png") for name in left)


def _runs(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


def test_ctrl_c_does_not_reach_the_workers(tmp_path: Path) -> None:
    pool = ProcessPool(Fake(), lambda: Layout(1, 1))
    work = Archive(plan(tmp_path, *"abcdef"), pool).work()
    number = int(Path(next(work).item.out).read_text().split()[0])
    os.kill(number, signal.SIGINT)
    assert all(isinstance(event, Made) for event in work)


def test_this_process_alone_tells_how_far_it_is(tmp_path: Path) -> None:
    shares: list[float] = []
    work = plan(tmp_path, "a", "b")
    assert by_name(list(Archive(work, InProcessPool(Worker(Fake()), shares.append)))) == {
        "a": "made", "b": "made",
    }  # fmt: skip
    assert shares == [0.5, 0.5]


def test_what_is_there_is_left_alone_but_where_it_is_to_be_made_anew(tmp_path: Path) -> None:
    (item,) = plan(tmp_path, "a")
    worker = Worker(Fake())
    assert not worker(item).existed
    Path(item.out).write_text("mine")
    assert worker(item).existed
    assert Path(item.out).read_text() == "mine"
    assert not worker(Item(item.photo, item.out, overwrite=True)).existed
    assert Path(item.out).read_text() != "mine"


@pytest.mark.usefixtures("store")
def test_what_somebody_else_put_into_a_store_meanwhile_is_left_alone(tmp_path: Path) -> None:
    (item,) = plan(tmp_path, "a")
    out = "memory://bucket/a.png"

    @dataclass(frozen=True)
    class Slow(Fake):
        def begin(self, threads: int | None, device: str | None) -> Open:
            read = super().begin(threads, device)

            def slowly(item: Item) -> Compute:
                made = read(item)
                fsspec.filesystem("memory").pipe_file("bucket/a.png", b"theirs")
                return made

            return slowly

    result = Worker(Slow())(Item(item.photo, out))
    assert (result.error, result.existed) == ("", True)
    assert fsspec.filesystem("memory").cat_file("bucket/a.png") == b"theirs"


@pytest.fixture
def store() -> Iterator[None]:
    yield
    fsspec.filesystem("memory").store.clear()


@pytest.mark.parametrize(
    ("cores", "gigabytes", "jobs", "expected"),
    [
        (4, 64, "auto", Layout(4, 1)),
        (16, 9, "auto", Layout(4, 4)),
        (2, 1, "auto", Layout(1, 2)),
        (8, 64, 2, Layout(2, 4)),
        (2, 64, 5, Layout(5, 1)),
    ],
)
def test_how_many_work(
    monkeypatch: pytest.MonkeyPatch, cores: int, gigabytes: int, jobs: object, expected: Layout
) -> None:
    monkeypatch.setattr("impasto.archive.process_pool.processors", lambda: cores)
    monkeypatch.setattr("impasto.archive.process_pool.available", lambda: gigabytes * 2**30)
    options = ApplyOptions(jobs=jobs, device="cpu")
    assert lay_out(options) == expected
    assert lay_out(options, most=1).jobs == 1


def test_on_gpus_there_is_one_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.archive.process_pool.processors", lambda: 8)
    monkeypatch.setattr("impasto.apply.backends.has_cuda", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    found = lay_out(ApplyOptions())
    assert found == Layout(2, 4, ("cuda:0", "cuda:1"))
    assert found.depth > Layout(2, 4).depth
    assert lay_out(ApplyOptions(device="cuda:1")).devices == ("cuda:1",)
    assert lay_out(ApplyOptions(backend="onnx")).devices == ()


KILLED = """
import os, signal, sys
from archive.making import Fake
from impasto.archive.engine import Archive
from impasto.archive.plan import Item
from impasto.archive.process_pool import Layout, ProcessPool
work = [Item(photo, photo.replace("/in/", "/out/")) for photo in sys.argv[1:]]
for event in Archive(work, ProcessPool(Fake(), lambda: Layout(1, 1))):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    work = plan(tmp_path, "a", "b")
    line = [sys.executable, "-c", KILLED, *(item.photo for item in work)]
    path = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(line, env=one_thread(PYTHONPATH=path), check=False, timeout=LIMIT)
    assert done.returncode == -signal.SIGKILL
    finished = [path for item in work if (path := Path(item.out)).exists()]  # either may be first
    number = int(finished[0].read_text().split()[0])
    wait_for(lambda: not _runs(number))


def test_several_files_are_uploaded_at_the_same_time(tmp_path: Path) -> None:
    """Each upload waits for the other."""
    both = Barrier(2, timeout=LIMIT)

    class Made:
        def save(self, path: Path, **_: object) -> None:
            both.wait()
            path.write_bytes(b"")

    class Waiting(Fake):
        def begin(self, threads: int | None, device: str | None) -> Open:  # noqa: ARG002
            return lambda item: lambda progress: Made()  # noqa: ARG005

    worker = Worker(Waiting())
    with ThreadPoolExecutor(2) as executor:
        results = list(executor.map(worker, plan(tmp_path, "a", "b")))
    assert [result.error for result in results] == ["", ""]
    assert lay_out(ApplyOptions(device="cpu"), uploads=True).depth > Layout(1, 1).depth
