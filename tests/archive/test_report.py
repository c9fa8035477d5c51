"""Reports: a line for each file, added to what was there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from impasto.archive.engine import Failed, Made
from impasto.archive.plan import Item, Skipped, UnreadableFolder
from impasto.archive.report import Report
from impasto.errors import OutputError

ITEM = Item("a.jpg", "out/a.jpg")


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_for_each_file_in_run_after_run(tmp_path: Path) -> None:
    path = tmp_path / "report.jsonl"
    for event in (
        Made(ITEM, 1.23456), Skipped(ITEM), Failed(ITEM, "a.jpg: is bad", 0.5),
        UnreadableFolder("locked"),
    ):  # fmt: skip
        with Report(path) as report:
            report.take(event)
    assert lines(path) == [
        {"photo": "a.jpg", "out": "out/a.jpg", "seconds": 1.235},
        {"photo": "a.jpg", "out": "out/a.jpg", "seconds": 0.5, "error": "a.jpg: is bad"},
        {"error": "locked"},
    ]


def test_a_line_that_a_kill_left_unfinished_is_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "report.jsonl"
    for left in (b'{"photo": "x"}\n{"pho', b'{"pho'):
        path.write_bytes(left if b"\n" in left else b'{"error": ""}\n' + left)
        with Report(path) as report:
            report.take(Made(ITEM, 1))
        assert len(lines(path)) == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
def test_a_full_disk_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"report.jsonl: cannot be written: No space left"):
        write_to_full_disk(tmp_path / "report.jsonl")


def write_to_full_disk(path: Path) -> None:
    with Report(path) as report:
        assert report._file
        report._file.close()
        report._file = Path("/dev/full").open("wb")  # noqa: SIM115 (the report closes it)
        report.take(Made(ITEM, 1))


def test_folders_of_a_report_are_created(tmp_path: Path) -> None:
    path = tmp_path / "reports" / "today" / "report.jsonl"
    with Report(path) as report:
        report.take(Made(ITEM, 1))
    assert len(lines(path)) == 1
    with pytest.raises(OutputError, match=r"below.jsonl: cannot be written"):
        Report(path / "below.jsonl")


def test_none_is_no_report() -> None:
    with Report(None) as report:
        report.take(Made(ITEM, 1))


@pytest.mark.parametrize(
    ("name", "text", "wrong"),
    [
        ("a.txt", None, "has the extension '.txt'"),
        ("a.jsonl", "my notes\n", "is not a report"),
        ("a.jsonl", '{"step": 1}\n', "is not a report"),
    ],
)
def test_other_files_are_left_alone(
    tmp_path: Path, name: str, text: str | None, wrong: str
) -> None:
    path = tmp_path / name
    if text:
        path.write_text(text)
    with pytest.raises(OutputError, match=wrong):
        Report(path)
    assert not text or path.read_text() == text
