import json
import math

import pytest

from impasto.errors import OutputError
from impasto.events import Losses
from impasto.options import RecordOptions
from impasto.record.log import Log

KEYS = ["step", "scale", "width", "height", "loss", "content", "style", "tv", "seconds"]


def read(path):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return [json.loads(line, parse_constant=refuse) for line in path.read_text().splitlines()]


def test_a_line_a_step_with_exactly_the_keys(tmp_path, recorder, steps):
    path = tmp_path / "log.jsonl"
    record = recorder(RecordOptions(log=path))
    for count, event in enumerate(steps(6), start=1):
        record.take(event)
        assert path.read_bytes().endswith(b"}\n"), "each line is whole as soon as it is taken"
        assert len(read(path)) == count
    lines = read(path)
    assert all(list(line) == KEYS for line in lines)
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert [(line["scale"], line["width"], line["height"]) for line in lines[::2]] == [
        (1, 16, 12),
        (2, 32, 24),
        (3, 64, 48),
    ]
    assert lines[2]["seconds"] == 0.37
    assert lines[0] | {"loss": 0} == lines[0] | {"loss": 0, "style": 1e4, "tv": 0.125}
    assert lines[3]["loss"] == pytest.approx(sum(lines[3][k] for k in ("content", "style", "tv")))


def test_values_that_are_not_finite_are_null(step, tmp_path):
    path = tmp_path / "losses.jsonl"
    Log(path).add(Losses.of(step(1, 2, loss=math.nan, style=math.inf)))
    line = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert line["loss"] is None
    assert line["style"] is None
    assert line["tv"] == 0.125


def test_a_fresh_run_replaces_an_old_log_only_with_its_first_step(tmp_path, recorder, step):
    path = tmp_path / "log.jsonl"
    earlier = '{"step": 1, "loss": 5.0, "scale": "an earlier run"}\n'
    path.write_text(earlier)
    record = recorder(RecordOptions(log=path))
    assert record.finish() == []
    assert path.read_text() == earlier
    record.take(step(1, 5))
    assert [line["step"] for line in read(path)] == [1]


@pytest.mark.parametrize("left", ["past the checkpoint", "a half line", "nothing", "another run"])
def test_a_resume_cuts_the_log_to_the_checkpoint(tmp_path, recorder, steps, left):
    path, whole = tmp_path / "log.jsonl", tmp_path / "whole.jsonl"
    for event in steps(9):
        Log(whole).add(Losses.of(event))
    first = recorder(RecordOptions(log=path))
    for event in steps(9, until=5):
        first.take(event)
    state = first.state()
    inode = path.stat().st_ino
    if left == "nothing":
        path.unlink()
    elif left == "another run":
        path.write_text('{"step": 1, "loss": 1}\n')
    else:
        with path.open("ab") as file:
            file.write(whole.read_bytes().splitlines(True)[5])
            file.write(b'{"step": 7, "sca' if left == "a half line" else b"")
    again = recorder(RecordOptions(log=path))
    again.restore(state)
    for event in steps(9, after=5):
        again.take(event)
    assert path.read_bytes() == whole.read_bytes()
    assert left == "nothing" or path.stat().st_ino == inode, "who follows the file still does"


def test_a_resume_without_steps_left_still_truncates(tmp_path, recorder, steps):
    path = tmp_path / "log.jsonl"
    record = recorder(RecordOptions(log=path))
    for event in steps(4):
        record.take(event)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"st')
    again = recorder(RecordOptions(log=path))
    again.restore(record.state())
    again.finish()
    assert path.read_bytes() == whole


def test_steps_done_again_are_logged_once(tmp_path, recorder, steps, step):
    path = tmp_path / "log.jsonl"
    record = recorder(RecordOptions(log=path))
    for event in steps(9, until=6):
        record.take(event)
    record.take(step(4, 9, loss=1.5))
    record.take(step(5, 9))
    assert [line["step"] for line in read(path)] == [1, 2, 3, 4, 5]
    assert read(path)[3]["loss"] == 1.5


def test_a_log_that_cannot_be_written_says_so(tmp_path, step):
    log = Log(tmp_path / "gone" / "log.jsonl")
    with pytest.raises(OutputError, match=r"gone/log\.jsonl: cannot be written: No such file"):
        log.begin([])
    with pytest.raises(OutputError, match=r"gone/log\.jsonl: cannot be written"):
        log.add(Losses.of(step(1, 2)))
