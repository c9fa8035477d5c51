"""Existing files: replaced if they come from a run, otherwise refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from impasto.errors import OutputError
from impasto.options import RecordOptions
from impasto.record import Recorder
from impasto.record.existing import check_replaceable


@pytest.mark.parametrize(
    ("flag", "name", "text"),
    [
        ("log", "thesis.txt", "Chapter 1\n"),
        ("log", "data.json", '{"name": "mine"}\n'),
        ("log", "list.json", "[1, 2]\n"),
        ("plot", "plan.png", "not a plot"),
        ("plot", "plan.svg", "not a plot"),
        ("plot", "plan.pdf", "%!PS"),
        ("timelapse", "film.gif", "not a film"),
        ("timelapse", "film.mp4", "not a film at all"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, flag: str, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(OutputError, match=f"{name}: already exists and was not written by Impas"):
        Recorder(RecordOptions(**{flag: path}), 8, 8)
    assert path.read_text() == text


@pytest.mark.parametrize(("flag", "name"), [("plot", "a.png"), ("timelapse", "a.webp")])
def test_a_photo_of_ones_own_is_not_replaced(tmp_path: Path, flag: str, name: str) -> None:
    Image.new("RGB", (9, 9), (200, 30, 9)).save(tmp_path / name)
    before = (tmp_path / name).read_bytes()
    with pytest.raises(OutputError, match="was not written by Impasto"):
        Recorder(RecordOptions(**{flag: tmp_path / name}), 8, 8)
    assert (tmp_path / name).read_bytes() == before


@pytest.mark.parametrize(("plot", "film"), [("png", "webp"), ("svg", "gif"), ("pdf", "mp4")])
def test_what_an_earlier_run_left_is_replaced(tmp_path, recorder, steps, plot, film):
    if film == "mp4":
        pytest.importorskip("av")
    paths = {"log": "a.txt", "plot": f"a.{plot}", "timelapse": f"a.{film}"}
    options = RecordOptions(**{flag: tmp_path / name for flag, name in paths.items()})
    for _ in range(2):
        record = recorder(options)
        for event in steps(3):
            record.take(event)
        assert len(record.finish()) == 3


def test_a_log_of_which_there_is_half_a_line_is_a_log(tmp_path: Path) -> None:
    for text in ('{"st', '{"step": 1, "lo'):
        (tmp_path / "a.jsonl").write_text(text)
        check_replaceable(tmp_path / "a.jsonl")


def test_an_empty_file_is_nothing_to_lose(tmp_path: Path) -> None:
    (tmp_path / "a.gif").touch()
    check_replaceable(tmp_path / "a.gif")
    check_replaceable(tmp_path / "nothing.gif")
