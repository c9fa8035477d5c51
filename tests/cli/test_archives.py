"""Folders and lists as the commands take them: going on, reports, Ctrl-C."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest

from archive.making import photos
from cli.shell import SHALLOW, Outcome, draw, listing, scripted
from impasto.images import read_recipe
from impasto.painter import Painter
from zoo.making import write

Run = Callable[..., Outcome]

QUICK = [*SHALLOW, "--size=32", "--steps=2"]


@pytest.fixture
def style(folder: Path) -> str:
    """The name of a network's style."""
    write(folder / "styles" / "painters.safetensors", "starry")
    return "styles/painters.safetensors/starry"


@pytest.fixture
def album(folder: Path) -> Path:
    """A folder with twelve photos."""
    return photos(folder / "album", *(f"{n}.png" for n in range(10, 22)), draw=draw)


def report(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_report_has_a_line_for_each_and_goes_on(
    folder: Path, album: Path, style: str, run: Run
) -> None:
    (album / "bad.png").write_bytes(b"no picture")
    line = ["apply", style, "album", "-o", "painted", "--jobs=1", "--report=report.jsonl"]
    assert run(*line).code == 1
    lines = report(folder / "report.jsonl")
    assert len(lines) == 13
    (bad,) = (entry for entry in lines if "error" in entry)
    assert bad["photo"] == "album/bad.png"
    assert "is not a picture" in str(bad["error"])
    made = {entry["photo"]: entry["out"] for entry in lines if "out" in entry}
    assert made["album/10.png"] == "painted/10.png"
    (folder / "painted" / "11.png").unlink()
    outcome = run(*line)
    assert outcome.out.startswith(
        "1 stylised, 11 already existed (--overwrite replaces them), 1 failed"
    )
    assert [entry["photo"] for entry in report(folder / "report.jsonl")[13:]] == [
        "album/11.png",
        "album/bad.png",
    ]


@pytest.mark.usefixtures("album")
def test_other_settings_do_not_go_on_in_the_same_folder(folder: Path, style: str, run: Run) -> None:
    line = ["apply", style, "album", "-o", "painted", "--jobs=1"]
    assert run(*line).code == 0
    before = listing(folder / "painted")
    outcome = run(*line, "--strength=0.5")
    assert outcome.code == 2
    assert "made with other settings (strength 1.0, now 0.5)" in outcome.err
    assert listing(folder / "painted") == before
    assert run(*line, "--strength=0.5", "--overwrite").code == 0
    assert read_recipe(folder / "painted" / "10.png")["strength"] == 0.5


@pytest.mark.usefixtures("album")
def test_by_itself_it_takes_processes_for_many_and_none_for_few(
    folder: Path, style: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("impasto.archive.process_pool.processors", lambda: 2)
    outcome = run("apply", style, "album", "-o", "painted")
    assert (outcome.code, outcome.out) == (0, "12 stylised: painted\n"), outcome.err
    shutil.rmtree(folder / "painted")

    def refused(*_: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr("impasto.cli.batch.ProcessPool", refused)
    for number in range(10, 16):
        (folder / "album" / f"{number}.png").unlink()
    assert run("apply", style, "album", "-o", "painted").out == "6 stylised: painted\n"


STRUCK = """
import os, signal
from impasto.cli.counter import Counter
advance, struck = Counter.advance, []
def strike(self):
    advance(self)
    if len(struck) < {times}:
        struck.append(1)
        os.kill(os.getpid(), signal.SIGINT)
Counter.advance = strike
from impasto.cli.main import run
run()
"""


@pytest.mark.usefixtures("album")
def test_ctrl_c_finishes_what_is_under_way_in_all_processes(
    folder: Path, style: str, run: Run
) -> None:
    line = ["apply", style, "album", "-o", "painted", "--jobs=2"]
    process = scripted(folder, STRUCK.format(times=1), *line)
    assert process.returncode == 130
    done = int(process.stdout.split()[0])
    assert 1 <= done <= 5
    assert f"stopped with {12 - done} left; repeat the command to continue" in process.stderr
    assert "finishing the pictures under way (" in process.stderr
    assert len(listing(folder / "painted")) == done
    again = run(*line)
    assert again.out.startswith(f"{12 - done} stylised, {done} already existed")


@pytest.mark.usefixtures("album")
def test_a_second_ctrl_c_ends_at_once_and_leaves_nothing_half_written(
    folder: Path, style: str
) -> None:
    line = ["apply", style, "album", "-o", "painted", "--jobs=2"]
    process = scripted(folder, STRUCK.format(times=2), *line)
    assert process.returncode == 130
    assert process.stderr.endswith("impasto: stopped\n")
    assert all(read_recipe(folder / "painted" / name) for name in listing(folder / "painted"))


def test_a_list_is_painted_row_by_row_and_goes_on(folder: Path, run: Run) -> None:
    (folder / "jobs.csv").write_text(
        "photo,styles,out,steps\nphoto.png,style.png,one.png,\nother.png,style.png;photo.png,,3\n"
    )
    line = ["paint", "--list", "jobs.csv", "-o", "painted", "--report=r.jsonl", *QUICK]
    outcome = run(*line)
    assert (outcome.code, outcome.out) == (0, "2 painted: painted\n"), outcome.err
    recipes = {
        name: read_recipe(folder / "painted" / name) for name in ("one.png", "other-style.png")
    }
    assert [recipe["options"]["steps"] for recipe in recipes.values()] == [2, 3]
    assert len(recipes["other-style.png"]["styles"]) == 2
    assert len(report(folder / "r.jsonl")) == 2
    done = json.loads(run(*line, "--overwrite", "--json", "--quiet").out)["done"]
    assert [(entry["photo"], entry["out"]) for entry in done] == [
        ("photo.png", "painted/one.png"),
        ("other.png", "painted/other-style.png"),
    ]
    before = listing(folder / "painted")
    assert run(*line).out == "0 painted, 2 already existed (--overwrite replaces them): painted\n"
    assert listing(folder / "painted") == before
    (folder / "jobs.csv").write_text(
        (folder / "jobs.csv").read_text().replace("one.png,", "one.png,4")
    )
    assert run(*line).out.startswith("1 painted, 1 already existed")
    assert read_recipe(folder / "painted" / "one.png")["options"]["steps"] == 4


def test_a_folder_of_photos_is_painted(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    album = photos(folder / "album", "a.png", "in/b.png", draw=draw)
    for path in album.rglob("*.png"):
        path.unlink()
    for name in ("a.png", "in/b.png"):
        draw(album / name)
    (album / "c.png").write_bytes(b"no picture")
    line = ["paint", "album", "style.png", "-o", "painted", *QUICK]
    outcome = run(*line)
    assert (outcome.code, outcome.out) == (1, "2 painted, 1 failed: painted\n")
    assert outcome.err.startswith("impasto: album/c.png: is not a picture")
    assert sorted(listing(folder / "painted")) == ["a.png", "in/b.png"]

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("it was painted again")

    monkeypatch.setattr(Painter, "__init__", refused)
    (album / "c.png").unlink()
    assert run(*line).out.startswith("0 painted, 2 already existed")


def test_a_single_photo_may_be_in_a_store(folder: Path, run: Run) -> None:
    store = fsspec.filesystem("memory")
    store.pipe_file("shop/photo.png", (folder / "photo.png").read_bytes())
    line = ["paint", "memory://shop/photo.png", "style.png", "-o", "painted", *QUICK]
    outcome = run(*line)
    store.store.clear()
    assert (outcome.code, outcome.out) == (0, "1 painted: painted\n"), outcome.err
    made = read_recipe(folder / "painted" / "photo.png")
    assert made["content"]["name"] == "memory://shop/photo.png"


MISTAKES: dict[str, tuple[list[str], str]] = {
    "list and photo": (
        ["photo.png", "--list", "jobs.csv"],
        "--list contains the photos and styles",
    ),
    "bad row": (["--list", "bad.csv"], "bad.csv: row 2: photo: nix.png: no such file"),
    "list of nothing": (["--list", "nix.csv"], "nix.csv: no such file"),
    "folder to nowhere": (["album", "style.png"], "give a folder for the results with -o"),
    "folder without style": (["album", "-o", "d"], "Missing argument STYLE"),
    "folder with no style": (["album", "nix.png", "-o", "d"], "nix.png: no such file"),
    "film of many": (
        ["album", "style.png", "-o", "d", "--timelapse=film.gif"],
        "are for a single painting",
    ),
    "report of one": (["photo.png", "style.png", "--report=r.jsonl"], "--report and --ray need"),
    "report of a kind": (
        ["album", "style.png", "-o", "d", "--report=r.txt"],
        "has the extension '.txt'",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_one_line_and_nothing_is_painted(folder: Path, run: Run, mistake: str) -> None:
    photos(folder / "album", "a.png", draw=draw)
    (folder / "jobs.csv").write_text("photo,styles\nphoto.png,style.png\n")
    (folder / "bad.csv").write_text("photo,styles\nnix.png,style.png\n")
    before = listing(folder)
    arguments, part = MISTAKES[mistake]
    outcome = run("paint", *arguments, *QUICK)
    assert (outcome.code, outcome.out) == (2, "")
    (line,) = outcome.err.splitlines()
    assert part in line
    assert listing(folder) == before


def test_one_photo_is_not_for_a_cluster(run: Run, style: str) -> None:
    outcome = run("apply", style, "photo.png", "-o", "out.png", "--ray=auto")
    assert (outcome.code, outcome.out) == (2, "")
    assert "--ray is for folders" in outcome.err


def test_urls_of_a_library_that_is_missing_are_one_line(
    run: Run, style: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    outcome = run("apply", style, "s4://bucket/in", "-o", "s4://bucket/out")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == "impasto: s4:// needs an extra: pip install 'impasto[ray]'\n"


def test_what_is_found_to_be_wrong_beside_the_work_stops_it(
    folder: Path, album: Path, style: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("impasto.cli.batch._PATIENCE", 0.0)
    photos(album, "z/a.bmp", "z/a.png", draw=draw)
    outcome = run("apply", style, "album", "-o", "painted", "--jobs=1")
    assert outcome.code == 2
    assert "album/z/a.bmp and album/z/a.png would both become painted/z/a.png" in outcome.err
    assert not (folder / "painted" / "z").exists()
