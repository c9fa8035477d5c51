"""``impasto explain`` on the command line; tests/explain tests the page."""

from __future__ import annotations

import errno
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer

from cli.shell import Outcome, draw, listing
from impasto import atomic
from impasto.cli.main import app
from impasto.explain.explainer import Explainer
from impasto.options import ReadOptions
from impasto.options.explain import ExplainOptions

SMALL = ["--size=64", "--steps=2", "--precision=float32", "--device=cpu"]
COMMAND: Any = typer.main.get_command(app).commands["explain"]  # type: ignore[attr-defined]
PARTS = 12


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a photo, a painting and some that are none."""
    draw(tmp_path / "photo.png", 64, 48, seed=1)
    draw(tmp_path / "style.png", 48, 64, seed=2)
    draw(tmp_path / "thread.png", 64, 2, seed=3)
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "subfolder").mkdir()
    return tmp_path


@pytest.fixture
def explain(run: Callable[..., Outcome]) -> Callable[..., Outcome]:
    return lambda *arguments: run("explain", *SMALL, *arguments)


def test_it_explains(folder: Path, explain: Callable[..., Outcome]) -> None:
    before = listing(folder)
    outcome = explain("photo.png", "style.png", "-o", "my report.html")
    assert (outcome.code, outcome.out) == (0, "report  my report.html\n"), outcome.err
    page = (folder / "my report.html").read_text(encoding="utf-8")
    assert listing(folder).keys() - before.keys() == {"my report.html"}
    (command,) = re.findall(r'<pre id="command"><code>(.*?)</code>', page)
    line = ["impasto", "explain", *SMALL, "photo.png", "style.png", "-o", "my report.html"]
    assert shlex.split(command.replace("&#39;", "'")) == line
    lines = outcome.err.splitlines()
    assert len(lines) == PARTS
    assert lines[0] == f"1/{PARTS} the photo from relu1_2"
    assert all(re.fullmatch(rf"\d+/{PARTS} .+  \d+:\d\d left", line) for line in lines[1:])
    assert lines[-1].startswith(f"{PARTS}/{PARTS} what each layer sees")


def test_flags_are_the_fields_of_the_options() -> None:
    parameters = {parameter.name: parameter for parameter in COMMAND.params}
    derived = [f for cls in (ExplainOptions, ReadOptions) for f in fields(cls)]
    for field in derived:
        flag = parameters.pop(field.name)
        assert flag.opts == ["--" + field.name.replace("_", "-")]
        assert (flag.default, flag.help) == (field.default, field.metadata["help"])
    assert parameters.keys() == {"photo", "painting", "out", "quiet"}


def test_the_examples_of_the_help_are_parsed(run: Callable[..., Outcome]) -> None:
    text = run("explain", "--help").out
    assert all(len(line) <= 80 for line in text.splitlines())
    examples = re.findall(r"^ +impasto explain (.+(?:\n    \S.*)?)$", text, re.MULTILINE)
    assert len(examples) == 2
    for arguments in examples:
        assert COMMAND.make_context("explain", arguments.split()).params["out"]


MISTAKES = {
    "missing photo": (["nix.png", "style.png"], ["nix.png", "no such file"]),
    "missing painting": (["photo.png", "nix.png"], ["nix.png", "no such file"]),
    "text": (["text.jpg", "style.png"], ["text.jpg"]),
    "folder": (["photo.png", "subfolder"], ["subfolder", "is a folder"]),
    "narrow photo": (["thread.png", "style.png"], ["thread.png", "64x2", "too small for relu5"]),
    "narrow painting": (["photo.png", "thread.png"], ["thread.png", "too small", "--size"]),
    "no painting": (["photo.png"], ["Missing", "PAINTING"]),
    "output is photo": (["photo.png", "style.png", "-o", "photo.png"], [".html"]),
    "no page": (["photo.png", "style.png", "-o", "out.pdf"], [".pdf", ".html"]),
    "no folder": (["photo.png", "style.png", "-o", "nowhere/out.html"], ["nowhere"]),
    "too small": (["photo.png", "style.png", "--size=63"], ["--size", "64 to 1024"]),
    "too large": (["photo.png", "style.png", "--size=1025"], ["--size", "64 to 1024"]),
    "steps and quality": (["photo.png", "style.png", "--quality=draft"], ["--steps and --quality"]),
    "over max pixels": (["photo.png", "style.png", "--max-pixels=100"], ["--max-pixels"]),
    "all weights 0": (
        ["photo.png", "style.png", "--content-weight=0", "--style-weight=0"],
        ["--content-weight, ", "--style-weight", "nothing to optimise"],
    ),
    "missing weights": (["photo.png", "style.png", "--weights=nix.pth"], ["nix.pth"]),
}


@pytest.mark.parametrize(("arguments", "parts"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_and_touches_nothing(
    folder: Path, explain: Callable[..., Outcome], arguments: list[str], parts: list[str]
) -> None:
    (folder / "out.html").write_text("an earlier report")
    before = listing(folder)
    outcome = explain("-o", "out.html", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    (line,) = outcome.err.splitlines()
    assert line.startswith("impasto: ")
    assert all(part in line for part in parts), line
    assert listing(folder) == before


@pytest.fixture
def instant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the work out: what is written does not matter here."""
    monkeypatch.setattr(Explainer, "__iter__", lambda _: iter(()))
    monkeypatch.setattr(Explainer, "explanation", None)
    monkeypatch.setattr("impasto.explain.render.render", lambda *_, **__: "<page>é")


@pytest.mark.usefixtures("instant")
def test_quiet_is_quiet(folder: Path, explain: Callable[..., Outcome]) -> None:
    outcome = explain("photo.png", "style.png", "-o", "out.htm", "--quiet")
    assert outcome == Outcome(0, "", "")
    assert (folder / "out.htm").read_bytes() == "<page>é".encode()


@pytest.mark.usefixtures("instant")
def test_a_full_disk_leaves_the_earlier_report(
    folder: Path, explain: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (folder / "out.html").write_text("an earlier report")
    before = listing(folder)
    monkeypatch.setattr(atomic, "_to_disk", fail)
    outcome = explain("photo.png", "style.png", "-o", "out.html")
    assert (outcome.code, outcome.out) == (2, "")
    assert "No space left" in outcome.err
    assert listing(folder) == before


def test_ctrl_c_leaves_the_earlier_report(
    folder: Path, explain: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of the work: after the first event of the second part."""
    work = Explainer.__iter__

    def interrupted(self: Explainer) -> Iterator[Any]:
        for event in work(self):
            yield event
            if event.number == 2:
                signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Explainer, "__iter__", interrupted)
    (folder / "out.html").write_text("an earlier report")
    before = listing(folder)
    outcome = explain("photo.png", "style.png", "-o", "out.html")
    assert (outcome.code, outcome.out) == (130, "")
    assert outcome.err.splitlines()[-1] == "impasto: stopped"
    assert listing(folder) == before


def test_the_command_line_stays_light() -> None:
    code = "import sys; import impasto.cli.explain; print(*sys.modules)"
    line = [sys.executable, "-c", code]
    loaded = subprocess.run(line, capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "numpy", "jinja2", "rich", "PIL", "matplotlib"} & set(loaded)
