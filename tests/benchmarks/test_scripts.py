"""Every command shown by the scripts, their README and the Makefile is valid."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
SCRIPTS = sorted(path for path in FOLDER.glob("*.py") if "def main(" in path.read_text())


class Parsed(Exception):  # noqa: N818 (no error: the script stops where its work would begin)
    """The command line was taken."""


@pytest.fixture(autouse=True)
def _only_parse(monkeypatch, tmp_path):
    parse_args = argparse.ArgumentParser.parse_args

    def stop(self, argv):
        parse_args(self, argv)
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop)
    monkeypatch.chdir(tmp_path)


def commands():
    shown = "\n".join(path.read_text() for path in [*SCRIPTS, FOLDER / "README.md"])
    yield from re.findall(r"python benchmarks/(\w+)\.py(.*)", re.sub(r"\\+\n", "", shown))
    makefile = (FOLDER.parent / "Makefile").read_text().replace("$(PAIRS)", "sample")
    yield from re.findall(r"\$\(MEASURE\)/(\w+)\.py(.*)", makefile.replace("\\\n", ""))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_help_shows_examples(script, capsys):
    with pytest.raises(SystemExit) as end:
        importlib.import_module(script.stem).main(["--help"])
    assert end.value.code == 0
    assert f"python benchmarks/{script.name}" in capsys.readouterr().out


@pytest.mark.parametrize(("script", "words"), sorted(set(commands())))
def test_commands_shown_are_taken(script, words):
    argv = shlex.split(words.split("#")[0].split("`")[0])
    with pytest.raises(Parsed):
        importlib.import_module(script).main(argv)
