from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from impasto.atomic import atomic_path, atomic_write, beside, check_output
from impasto.errors import Notice, OutputError

PNG = (".png", ".jpg")


def only(folder, *names):
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)


def test_a_file_appears_at_the_end(tmp_path):
    path = tmp_path / "a.bin"
    with atomic_write(path) as file:
        file.write(b"new")
        file.flush()
        assert not path.exists()
        (hidden,) = tmp_path.iterdir()
        assert hidden.name.startswith(".")
    assert path.read_bytes() == b"new"
    only(tmp_path, "a.bin")


def write_half(path, then):
    with atomic_write(path) as file:
        file.write(b"half")
        then()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_the_earlier_file(error, tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def fail():
        raise error

    with pytest.raises(error):
        write_half(path, fail)
    assert path.read_bytes() == b"old"
    only(tmp_path, "a.bin")


@pytest.mark.parametrize("where", ["write", "fsync", "replace"])
def test_a_full_disk(where, tmp_path, monkeypatch):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if where == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    if where == "replace":
        monkeypatch.setattr(Path, "replace", full)
    message = r"a\.bin: cannot be written: No space left on device"
    with pytest.raises(OutputError, match=message):
        write_half(path, full if where == "write" else int)
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    only(tmp_path, "a.bin")


def test_a_really_full_device(tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with (
        Path("/dev/full").open("wb", buffering=0) as full,
        pytest.raises(OutputError, match="No space left"),
    ):
        write_half(tmp_path / "a", lambda: full.write(b"x"))
    only(tmp_path)


def test_a_process_that_dies_leaves_the_earlier_file(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    code = (
        "import os, sys\nfrom impasto.atomic import atomic_path, atomic_write, beside\n"
        "with atomic_write(sys.argv[1]) as f:\n f.write(b'half'); f.flush(); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, path], check=False).returncode == 9
    assert path.read_bytes() == b"old"


def test_a_reader_sees_whole_files_only(tmp_path):
    path, size, wrong, done = tmp_path / "a.bin", 200_000, [], threading.Event()
    path.write_bytes(b"0" * size)

    def read():
        while not done.is_set():
            data = path.read_bytes()
            if len(data) != size or len(set(data)) != 1:
                wrong.append(len(data))

    reader = threading.Thread(target=read)
    reader.start()
    for i in range(60):
        with atomic_write(path) as file:
            for _ in range(10):
                file.write(b"%d" % (i % 10) * (size // 10))
    done.set()
    reader.join()
    assert not wrong


def test_writers_at_once_do_not_disturb_each_other(tmp_path):
    path = tmp_path / "a.bin"

    def write(letter):
        for _ in range(20):
            with atomic_write(path) as file:
                file.write(letter * 1000)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(path.read_bytes())) == 1
    only(tmp_path, "a.bin")


def test_a_link_is_followed(tmp_path):
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "a.bin", tmp_path / "link.bin"
    target.write_bytes(b"old")
    link.symlink_to(target)
    with atomic_write(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_a_long_name_is_no_trouble(tmp_path):
    path = tmp_path / ("x" * 251 + ".png")
    with atomic_write(path) as file:
        file.write(b"new")
    assert path.exists()


def bad_paths(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    return [
        (tmp_path / "folder.png", "is a folder"),
        (tmp_path / "none" / "a.png", "the folder .*none does not exist"),
        (tmp_path / "file" / "a.png", "does not exist"),
        (tmp_path / "pipe.png", "not a regular file"),
        (tmp_path / ("x" * 300 + ".png"), "cannot be written"),
        ("a\0b.png", "not a file name"),
    ]


def test_places_that_cannot_be_written(tmp_path):
    for path, match in bad_paths(tmp_path):
        with pytest.raises(OutputError, match=match) as caught, atomic_write(path) as file:
            file.write(b"new")
        assert str(caught.value).isprintable()
    only(tmp_path, "file", "folder.png", "pipe.png")


def test_check_output_finds_the_same_beforehand(tmp_path):
    for path, match in bad_paths(tmp_path):
        with pytest.raises(OutputError, match=match):
            check_output(path, extensions=PNG)
    only(tmp_path, "file", "folder.png", "pipe.png")


def test_check_output_passes_and_leaves_nothing(tmp_path):
    check_output(tmp_path / "a.PNG", extensions=PNG, inputs=[tmp_path / "b.png"], need_bytes=1)
    only(tmp_path)
    (tmp_path / "a.png").write_bytes(b"old")
    check_output(tmp_path / "a.png", extensions=PNG)
    assert (tmp_path / "a.png").read_bytes() == b"old"


def test_check_output_wants_a_known_extension(tmp_path):
    with pytest.raises(OutputError, match=r"'\.pgn'; did you mean '\.png'\? \(known: .*\.jpg\)"):
        check_output(tmp_path / "a.pgn", extensions=PNG)
    with pytest.raises(OutputError, match=r"has no extension; choose from \.png, \.jpg"):
        check_output(tmp_path / "a", extensions=PNG)


def test_check_output_guards_the_inputs(tmp_path, monkeypatch):
    source = tmp_path / "in.png"
    source.write_bytes(b"photo")
    (tmp_path / "soft.png").symlink_to(source)
    (tmp_path / "hard.png").hardlink_to(source)
    monkeypatch.chdir(tmp_path)
    for path in ("in.png", "./in.png", "soft.png", "hard.png", source):
        with pytest.raises(OutputError, match="is also an input"):
            check_output(path, extensions=PNG, inputs=["none.png", "b\0.png", source])


def test_check_output_tries_to_write(tmp_path, monkeypatch):
    def read_only(*_args, **_kwargs):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "write_bytes", read_only)
    with pytest.raises(OutputError, match=r"a\.png: cannot be written: Read-only file system"):
        check_output(tmp_path / "a.png", extensions=PNG)


def test_check_output_wants_space(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 8, 1000))
    check_output(tmp_path / "a.png", extensions=PNG, need_bytes=1000)
    with pytest.raises(OutputError, match="needs 1,001 bytes, but the disk has only 1,000 free"):
        check_output(tmp_path / "a.png", extensions=PNG, need_bytes=1001)


def test_what_a_process_left_that_died_is_swept_by_its_age(tmp_path):
    """By nothing else: a process of another container has a number that says nothing here."""
    path = tmp_path / "a.bin"
    with atomic_path(path) as young:
        young.write_bytes(b"of a writer at work")
        with atomic_write(path) as file:
            file.write(b"one")
        assert young.exists()
        os.utime(young, (0, 0))
        with atomic_write(path) as file:
            file.write(b"two")
        assert not young.exists()
        young.write_bytes(b"three")
    assert path.read_bytes() == b"three"
    only(tmp_path, "a.bin")


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_what_replaces_a_file_has_its_permissions(tmp_path, mode):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    path.chmod(mode)
    with atomic_write(path) as file:
        file.write(b"new")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", mode)


def test_a_file_that_is_protected_stays(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    path.chmod(0o444)
    with pytest.raises(OutputError, match=r"a\.png: is write-protected"):
        check_output(path, extensions=PNG)
    with (
        pytest.raises(OutputError, match=r"a\.png: is write-protected"),
        atomic_write(path) as file,
    ):
        file.write(b"new")
    assert path.read_bytes() == b"old"
    only(tmp_path, "a.png")


def test_hard_links_keep_the_earlier_content_with_a_notice(tmp_path):
    path, backup = tmp_path / "a.bin", tmp_path / "b.bin"
    path.write_bytes(b"old")
    backup.hardlink_to(path)
    with pytest.warns(Notice, match=r"a\.bin: had other names"), atomic_write(path) as file:
        file.write(b"new")
    assert (path.read_bytes(), backup.read_bytes()) == (b"new", b"old")
    only(tmp_path, "a.bin", "b.bin")


@pytest.mark.parametrize("letter", ["x", "é", "夜"])
def test_what_stands_beside_a_file_of_a_long_name_has_one_that_fits(tmp_path, letter):
    name = (letter * 255).encode()[: 251 // len(letter.encode()) * len(letter.encode())].decode()
    path = beside(tmp_path / f"{name}.png", ".checkpoint")
    path.touch()
    assert path.name.startswith(letter * 70)
    assert path.name.endswith(".checkpoint")
    assert beside(tmp_path / "a.png", ".checkpoint") == tmp_path / "a.png.checkpoint"
