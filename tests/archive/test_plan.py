"""Folders as a plan: listed as it goes, with what is wrong told, whatever their size."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archive.making import photos
from cli.shell import draw
from impasto.archive import plan as planning
from impasto.archive.plan import FolderPlan, Item, Planned, Skipped, Survey
from impasto.errors import ImageError, OutputError
from impasto.images import save_picture
from impasto.options import SaveOptions

SAVE = SaveOptions()


def planned(*given: object, out: Path, form: str | None = None, **options: Any) -> FolderPlan:
    return FolderPlan(tuple(map(str, given)), str(out), form, SAVE, **options)


def outs(plan: Iterator[Planned] | FolderPlan, folder: Path) -> list[str]:
    return [str(Path(item.out).relative_to(folder)) for item in plan if isinstance(item, Item)]


def test_a_folder_keeps_its_structure_and_its_order(tmp_path: Path) -> None:
    folder = photos(tmp_path / "in", "b.png", "a.JPG", "c/d.bmp", "c/e/f.png", draw=draw)
    plan = planned(folder, out=tmp_path / "out")
    assert outs(plan, tmp_path / "out") == ["a.JPG", "b.png", "c/d.png", "c/e/f.png"]
    assert outs(plan, tmp_path / "out") == outs(plan, tmp_path / "out"), (
        "each iteration lists again"
    )
    jpegs = planned(folder, out=tmp_path / "out", form=".jpg")
    assert outs(jpegs, tmp_path / "out") == ["a.jpg", "b.jpg", "c/d.jpg", "c/e/f.jpg"]


def test_what_is_there_is_passed_over_but_where_it_is_to_be_made_anew(tmp_path: Path) -> None:
    folder = photos(tmp_path / "in", "a.png", "b.png", draw=draw)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.png").write_bytes(b"there")
    out = tmp_path / "out"
    first, second = planned(folder, out=out)
    assert isinstance(first, Skipped)
    assert isinstance(second, Item)
    first, second = planned(folder, out=out, overwrite=True)
    assert (first.overwrite, second.overwrite) == (True, False)


def test_results_of_other_settings_are_not_mixed_with_new_ones(tmp_path: Path) -> None:
    folder = photos(tmp_path / "in", "a.png", "b.png", draw=draw)
    (tmp_path / "out").mkdir()
    grey = np.zeros((8, 8, 3), np.uint8)
    save_picture(grey, tmp_path / "out" / "a.png", recipe={"strength": 0.5})
    out = tmp_path / "out"
    with pytest.raises(OutputError, match=r"a.png: already exists, made with other settings \(x"):
        list(planned(folder, out=out, differs=lambda recipe: "x" * bool(recipe)))
    assert len(list(planned(folder, out=out, differs=lambda _: ""))) == 2


def test_two_folders_of_the_same_names_are_an_error_and_of_different_ones_are_not(
    tmp_path: Path,
) -> None:
    one = photos(tmp_path / "one", "a.png", "in/b.bmp", draw=draw)
    two = photos(tmp_path / "two", "in/c.png", draw=draw)
    plan = planned(one, two, out=tmp_path / "out")
    assert outs(plan, tmp_path / "out") == ["a.png", "in/b.png", "in/c.png"]
    photos(tmp_path / "two", "in/b.png", draw=draw)
    with pytest.raises(OutputError, match=r"one/in/b.bmp and .*two/in/b.png would both become"):
        list(plan)
    named = planned(one, tmp_path / "two" / "in" / "b.png", one / "a.png", out=tmp_path / "out")
    assert outs(named, tmp_path / "out") == ["in/b.png", "b.png", "a.png"]


def test_no_input_is_written_over(tmp_path: Path) -> None:
    folder = photos(tmp_path / "in", "a.png", "deep/in/a.png", draw=draw)
    for overwrite in (False, True):
        with pytest.raises(OutputError, match=r"a.png: is also an input"):
            list(planned(folder / "deep", folder, out=tmp_path, overwrite=overwrite))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.png").symlink_to(folder / "a.png")
    with pytest.raises(OutputError, match=r"out/a.png: is also an input"):
        list(planned(folder, out=tmp_path / "out", overwrite=True))


def test_a_folder_without_pictures_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    with pytest.raises(ImageError, match="in: contains no pictures"):
        list(planned(tmp_path / "in", out=tmp_path / "out"))


def test_the_memory_does_not_grow_with_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a listing takes at its peak: of ten times the files no more."""
    monkeypatch.setattr(planning, "_BATCH", 100)
    peaks = []
    for count in (300, 3000):
        names = (f"{number}.png" for number in range(count))
        folder = photos(tmp_path / str(count), *names, draw=draw)
        plan = planned(folder, out=tmp_path / "out")
        assert sum(1 for _ in plan) == count  # what is loaded once is loaded
        tracemalloc.start()
        assert sum(1 for _ in plan) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def test_the_survey_counts_all_and_tells_what_is_wrong(tmp_path: Path) -> None:
    folder = photos(tmp_path / "in", *(f"{n}.png" for n in range(30)), draw=draw)
    survey = Survey(planned(folder, out=tmp_path / "out"))
    survey.wait(300)
    assert (survey.total, survey.wrong) == (30, False)
    photos(folder, "3.bmp", draw=draw)
    survey = Survey(planned(folder, out=tmp_path / "out"))
    with pytest.raises(OutputError, match=r"3.bmp and .*3.png would both become"):
        survey.wait(300)
    assert survey.wrong
