import json
import sys

import pytest
from commands import first_line, log_lines, run
from common import Row, parser, report, table


def test_a_row_knows_whether_its_target_is_met():
    assert Row("time", 1.2, at_most=1.3).met is True
    assert Row("time", 1.4, at_most=1.3).met is False
    assert Row("likeness", 0.8, at_least=0.9).met is False
    assert Row("time", 1.2).met is None, "no target"
    assert Row("time", None, at_most=1.3).met is None, "no number"


def test_table_is_aligned_markdown():
    rows = [Row("a step", 0.123456, "s", at_most=0.2), Row("loss", 22345.6), Row("open", None)]
    assert table(rows).splitlines() == [
        "| what   | measured | target | met |",
        "| ------ | -------- | ------ | --- |",
        "| a step | 0.1235 s | ≤ 0.2  | yes |",
        "| loss   | 22346    |        |     |",
        "| open   |          |        |     |",
    ]


def test_report_prints_and_writes_the_same_json(tmp_path, capsys):
    file = tmp_path / "new" / "out.json"
    arguments = parser("Why?\n\nBecause.").parse_args(["--json", str(file)])
    report("Why?\n\nBecause.", [Row("a", 2.0, at_most=1)], arguments, seconds=[1.0, 2.5])
    printed, _, shown = capsys.readouterr().out.partition("\n\n")
    outcome = json.loads(printed)
    assert outcome == json.loads(file.read_text())
    assert outcome["question"] == "Why?"
    assert outcome["rows"][0]["met"] is False
    assert outcome["seconds"] == [1.0, 2.5]
    assert {"cpu", "cores", "torch", "threads", "date"} <= set(outcome["machine"])
    assert "NO" in shown


def test_a_command_is_timed_and_weighed():
    code = "import time; x = b'1' * 400_000_000; time.sleep(0.2)"
    ran = run(sys.executable, "-c", code)
    assert ran.seconds > 0.2
    assert 400e6 < ran.peak < 450e6


def test_a_command_that_fails_says_why():
    with pytest.raises(SystemExit, match=r"exit code 3 from: python.*\n.*no such colour"):
        run(sys.executable, "-c", "import sys; print('no such colour', file=sys.stderr); exit(3)")


def test_the_first_line_of_a_log_ends_the_wait(tmp_path):
    log = tmp_path / "log.jsonl"
    code = f"import time; open({str(log)!r}, 'w').write('{{\"step\": 1}}\\n'); time.sleep(3000)"
    assert first_line(log, sys.executable, "-c", code) > 0
    assert log_lines(log) == [{"step": 1}]
