"""Folders and stores as the same thing: listed, read and written by their places."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest
from PIL import Image

from impasto.archive.engine import Made
from impasto.archive.filesystems import Files, RemoteFiles, files_at
from impasto.archive.plan import FolderPlan, Item, Skipped
from impasto.archive.report import Report
from impasto.archive.worker import StyliseTask, Worker
from impasto.errors import ImageError, MissingExtraError, OptionsError, OutputError
from impasto.images import read_recipe
from impasto.options import ApplyOptions, ReadOptions, SaveOptions
from zoo.making import random_pack

READ = ReadOptions()


@pytest.fixture(params=["path", "memory", "dir"])
def root(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """An empty place: of this machine, in a store, and behind a file system that is none."""
    if request.param == "path":
        yield str(tmp_path)
        return
    monkeypatch.setattr("impasto.archive.filesystems._remote", unkept)
    if request.param == "dir":
        (tmp_path / "bucket").mkdir()
        told = {"path": str(tmp_path), "target_protocol": "file"}
        monkeypatch.setitem(fsspec.config.conf, "dir", told)
        yield "dir://bucket"
        return
    yield "memory://bucket"
    fsspec.filesystem("memory").store.clear()


def unkept(host: str) -> Files:
    system, _ = fsspec.core.url_to_fs(host, use_listings_cache=False)
    return RemoteFiles(system, host.partition("://")[0])


def write(files: Files, place: str, data: bytes) -> None:
    with files.writing(place) as path:
        path.write_bytes(data)


def broken(files: Files, place: str) -> None:
    with files.writing(place) as path:
        path.write_bytes(b"half")
        raise OutputError(f"{path}: is bad")


def a_picture() -> bytes:
    data = io.BytesIO()
    Image.fromarray(np.full((4, 6, 3), 99, np.uint8)).save(data, "PNG")
    return data.getvalue()


def fill(root: str) -> Files:
    files = files_at(root)
    for name in ("b.png", "a.JPG", "in/c.png", ".hidden.png", "notes.txt"):
        write(files, files.join(root, name), a_picture())
    return files


def test_what_is_there(root: str) -> None:
    files = fill(root)
    assert files.is_folder(files.join(root, "in"))
    assert not files.is_folder(files.join(root, "out"))
    assert files.is_file(files.join(root, "in/c.png"))
    assert not files.is_file(files.join(root, "in"))
    found = files.scan(root)
    assert (found.endings, found.folders) == ({".png", ".JPG"}, ("in",))
    assert sorted(found.names()) == ["a.JPG", "b.png"]
    there = files.names_in(files.join(root, "in"))
    assert (there("c.png"), there("d.png")) == (True, False)
    assert not files.names_in(files.join(root, "nowhere"))("c.png")


def test_a_plan_goes_through_it_and_passes_over_what_is_there(root: str) -> None:
    files = fill(root)
    out = files.join(root, "out")
    plan = FolderPlan((root,), out, None, SaveOptions())
    named = [item.out.removeprefix(out)[1:] for item in plan if isinstance(item, Item)]
    assert named == ["a.JPG", "b.png", "in/c.png"]
    write(files, files.join(out, "in/c.png"), a_picture())
    assert [isinstance(planned, Skipped) for planned in plan] == [False, False, True]


def test_pictures_keep_their_place_as_their_name(root: str) -> None:
    files = fill(root)
    place = files.join(root, "b.png")
    found = files.read(place, READ)
    assert (found.name, found.rgb.shape) == (place, (4, 6, 3))
    with pytest.raises(ImageError, match=r"nix.png: no such file"):
        files.read(files.join(root, "nix.png"), READ)
    with pytest.raises(ImageError, match="has more than the 9 bytes allowed"):
        files.read(place, ReadOptions(max_bytes=9))


def test_what_fails_leaves_nothing(root: str) -> None:
    files, place = files_at(root), files_at(root).join(root, "x/a.png")
    if "://" not in root:
        return  # there who writes takes care of it: impasto.atomic
    with pytest.raises(OutputError, match=r"://.*x/a.png: is bad"):
        broken(files, place)
    assert not files.is_file(place)


def test_urls_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionsError, match="nonsense://x: cannot be used"):
        files_at("nonsense://x/y")
    with pytest.raises(ImageError, match=r"memory://nowhere/photos: no such folder"):
        list(FolderPlan(("memory://nowhere/photos",), "out", None, SaveOptions()))
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(MissingExtraError, match=r"s4:// needs an extra: .*impasto\[ray\]"):
        files_at("s4://bucket")


def test_a_password_in_a_url_is_told_nowhere(tmp_path: Path) -> None:
    files, place = files_at("memory://me:secret@bucket/a.png"), "memory://me:secret@bucket/a.png"
    with pytest.raises(ImageError, match=r"memory://me:\*\*\*@bucket/a.png: no such file"):
        files.read(place, READ)
    write(files, place, a_picture())
    assert files.read(place, READ).name == "memory://me:***@bucket/a.png"
    with Report(tmp_path / "report.jsonl") as report:
        report.take(Made(Item(place, place), 1.0))
    assert "secret" not in (tmp_path / "report.jsonl").read_text()
    fsspec.filesystem("memory").store.clear()


def test_a_recipe_has_no_password(tmp_path: Path) -> None:
    place, out = "memory://me:secret@bucket/a.png", tmp_path / "a.png"
    write(files_at(place), place, a_picture())
    task = StyliseTask(random_pack("wave"), {"wave": 1}, ApplyOptions(), SaveOptions(), READ)
    assert Worker(task)(Item(place, str(out))).error == ""
    assert read_recipe(out)["content"]["name"] == "memory://me:***@bucket/a.png"
    fsspec.filesystem("memory").store.clear()


def test_a_server_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(host: str, **_options: object) -> None:
        raise ConnectionRefusedError(111, "Connection refused", host)

    monkeypatch.setattr("fsspec.core.url_to_fs", refuse)
    with pytest.raises(OptionsError, match="sftp://me@nowhere: cannot be used: Connection refused"):
        files_at("sftp://me@nowhere/photos")


def test_a_store_may_list_the_folder_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    files = fill("memory://album")
    assert isinstance(files, RemoteFiles)
    own = {"name": "/album/", "type": "directory", "size": 0}
    listed = files._system.ls("/album", detail=True)
    monkeypatch.setattr(files._system, "ls", lambda _path, **_detail: [own, *listed])
    assert files.scan("memory://album").folders == ("in",)
    fsspec.filesystem("memory").store.clear()
