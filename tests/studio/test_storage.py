from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from impasto.errors import OutputError
from impasto.studio.jobs import new_id
from impasto.studio.storage import Storage

HOSTILE = [
    "", ".", "..", "../photo", "a/b", "/etc/passwd", "a\\b", "photo\0", "photo\n", "Photo", "-rf",
    ".hidden", "a..b", "a" * 62, "ä", "photo ", "%2e%2e", "checkpoint_1",
]  # fmt: skip


@pytest.fixture(params=["folder", "memory", "bucket"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    """In a folder, in memory, and behind an interface that knows no folders of its own."""
    roots = {
        "folder": str(tmp_path / "data"),
        "memory": f"memory://studio-{new_id()}",
        "bucket": f"dir::memory://bucket-{new_id()}",
    }
    yield Storage(roots[request.param])
    fsspec.filesystem("memory").store.clear()


@pytest.fixture
def local(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "data"))


def test_what_is_put_can_be_had_and_removed(files: Storage) -> None:
    job, other = new_id(), new_id()
    files.put(job, "photo", b"one")
    files.put(job, "style-0", b"two")
    files.put(other, "photo", b"three")
    files.put(job, "photo", b"four")
    assert files.get(job, "photo") == b"four"
    assert files.names(job) == ["photo", "style-0"]
    assert sorted(files.jobs()) == sorted([job, other])
    assert files.get(job, "style-0") == b"two"
    path = files.path(job, "style-0")
    assert path is None or path.read_bytes() == b"two"
    files.remove(job, "photo", "never-there")
    assert "photo" not in files.names(job)
    assert "style-0" in files.names(job)
    files.remove(job)
    files.remove(job)
    assert files.names(job) == []
    assert files.jobs() == [other]


def test_what_is_not_there_is_a_file_not_found(files: Storage, tmp_path: Path) -> None:
    job = new_id()
    for act in (
        lambda: files.get(job, "photo"),
        lambda: files.fetch(job, "photo", tmp_path / "mine"),
    ):
        with pytest.raises(FileNotFoundError):
            act()
    assert "photo" not in files.names(job)
    assert (files.names(job), files.jobs()) == ([], [])


def test_a_file_is_whole_or_not_there(local: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    job, write = new_id(), Path.write_bytes

    def break_off(self: Path, data: bytes) -> int:
        write(self, data[:2])
        raise ZeroDivisionError

    for before in ([], ["photo"]):
        with monkeypatch.context() as patch:
            patch.setattr(Path, "write_bytes", break_off)
            with pytest.raises(ZeroDivisionError):
                local.put(job, "photo", b"other")
        assert local.names(job) == before
        local.put(job, "photo", b"whole")
    assert local.get(job, "photo") == b"whole"


def test_files_are_taken_in_and_fetched(files: Storage) -> None:
    job = new_id()
    scratch = files.scratch("one")
    path = scratch / "checkpoint"
    path.write_bytes(b"first")
    files.take(job, "checkpoint-1", path)
    assert not path.exists()
    files.fetch(job, "checkpoint-1", path)
    assert path.read_bytes() == b"first"
    # What replaces the fetched file leaves the one that is kept as it is.
    (scratch / "new").write_bytes(b"second")
    (scratch / "new").replace(path)
    assert files.get(job, "checkpoint-1") == b"first"
    files.fetch(job, "checkpoint-1", path)
    assert path.read_bytes() == b"first"


def test_from_scratch_nothing_is_copied(local: Storage) -> None:
    path = local.scratch("one") / "checkpoint"
    path.write_bytes(b"large")
    inode = path.stat().st_ino
    job = new_id()
    local.take(job, "checkpoint-1", path)
    local.fetch(job, "checkpoint-1", path)
    assert path.stat().st_ino == inode


def test_scratch_is_empty_and_nobody_elses(local: Storage) -> None:
    scratch = local.scratch("one")
    (scratch / "left").write_bytes(b"by a killed one")
    (local.scratch("two") / "mine").write_bytes(b"x")
    assert list(local.scratch("one").iterdir()) == []
    assert (local.scratch("one").parent / "two" / "mine").exists()
    assert local.scratch("one").stat().st_mode & 0o077 == 0


def test_what_killed_processes_left_is_swept(local: Storage) -> None:
    job = new_id()
    for name in ("photo", "picture-1.png", "picture-2.png"):
        local.put(job, name, b"x")
    folder = local.home / "jobs" / job
    (folder / ".impasto-0123-99-aa.tmp").write_bytes(b"half")
    local.sweep(job, lambda name: name in ("photo", "picture-2.png"))
    assert sorted(path.name for path in folder.iterdir()) == ["photo", "picture-2.png"]


def test_age_is_that_of_the_newest_file(files: Storage) -> None:
    job = new_id()
    before = files.touched(job)  # who cannot tell says now
    for name in ("photo", "picture-1.png"):
        files.put(job, name, b"x")
        assert files.touched(job) >= before - 1  # file systems may count in whole seconds
        before = files.touched(job)


def test_old_files_are_old(local: Storage) -> None:
    job = new_id()
    local.put(job, "photo", b"x")
    os.utime(local.home / "jobs" / job / "photo", (1e9, 1e9))
    assert local.touched(job) == 1e9


@pytest.mark.parametrize("name", HOSTILE)
def test_no_hostile_text_becomes_a_path(local: Storage, tmp_path: Path, name: str) -> None:
    job = new_id()
    source = tmp_path / "source"
    source.write_bytes(b"x")
    acts = [
        lambda: local.put(job, name, b"x"),
        lambda: local.get(job, name),
        lambda: local.path(job, name),
        lambda: local.remove(job, name),
        lambda: local.take(job, name, source),
        lambda: local.fetch(job, name, source),
        lambda: local.put(name, "photo", b"x"),
        lambda: local.get(name, "photo"),
        lambda: local.names(name),
        lambda: local.touched(name),
        lambda: local.sweep(name, lambda _: False),
        lambda: local.remove(name),
    ]
    for act in acts:
        with pytest.raises(ValueError, match=r"is not (an id of a job|a name of a file)"):
            act()
    assert source.exists()
    assert list(local.home.iterdir()) == []


@given(name=st.text(max_size=70), id=st.text(max_size=45))
def test_whatever_is_written_lies_in_its_jobs_folder(
    tmp_path_factory: pytest.TempPathFactory, name: str, id: str
) -> None:
    root = tmp_path_factory.getbasetemp() / "anything"
    files = Storage(str(root))
    for job, file in ((id, "photo"), ("A" * 24, name), (id, name)):
        try:
            files.put(job, file, b"x")
        except ValueError:
            continue
        assert (root / "jobs" / job / file).read_bytes() == b"x"
    written = {p for p in root.rglob("*") if p.is_file()}
    assert all(len(p.relative_to(root).parts) == 3 for p in written)


def test_a_folder_that_cannot_be_used_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(OutputError, match="cannot be made"):
        Storage(str(tmp_path / "file" / "data"))
    files = Storage(str(tmp_path / "data"))
    (tmp_path / "data" / "jobs").write_bytes(b"in the way")
    with pytest.raises(OutputError, match="cannot be made"):
        files.put(new_id(), "photo", b"x")
    (tmp_path / "data" / "jobs").unlink()
    with pytest.raises(OutputError, match="photo: cannot be written"):
        files.take(new_id(), "photo", tmp_path / "not there")


def test_a_copy_is_stored_and_read_in_parts(files: Storage, tmp_path: Path) -> None:
    job, path = new_id(), tmp_path / "piece"
    path.write_bytes(b"0123456789")
    files.copy(job, "piece-1-0", path)
    files.copy(job, "piece-1-0", path)
    path.unlink()
    assert files.get(job, "piece-1-0") == b"0123456789"
    assert files.read(job, "piece-1-0", 2, 5) == b"234"
    assert files.size(job, "piece-1-0") == 10


def test_a_copy_where_there_are_no_hard_links(
    local: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    job, path = new_id(), tmp_path / "piece"
    path.write_bytes(b"whole")
    local.copy(job, "piece-1-0", path)
    path.write_bytes(b"other")
    assert local.get(job, "piece-1-0") == b"whole"
