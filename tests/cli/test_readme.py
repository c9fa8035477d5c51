"""Every command and flag in the README exists."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer

from impasto.cli.main import app

README = (Path(__file__).parents[2] / "README.md").read_text()
PROSE, FENCED = README.split("```")[::2], README.split("```")[1::2]
LINES = [line for block in FENCED for line in block.splitlines() if line.startswith("impasto ")]
SPANS = [span for text in PROSE for span in re.findall(r"`([^`\n]+)`", text) if " -o " in span]
SHOWN = sorted({text[text.index("impasto ") :] for text in (*LINES, *SPANS)})
COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
OTHERS = {"--nproc-per-node", "--no-python", "--help", "--install-completion"}
"""Flags of torchrun, of every command, and of the program itself."""


@pytest.mark.parametrize("line", SHOWN)
def test_a_command_is_parsed(line: str) -> None:
    _, name, *arguments = shlex.split(line, comments=True)
    assert COMMANDS[name].make_context(name, arguments) is not None


def test_the_main_commands_are_shown() -> None:
    names = {line.split()[1] for line in SHOWN}
    assert {"paint", "apply", "sheet", "models", "train", "export", "import", "samples"} <= names


def test_the_flags_are_there() -> None:
    known = {
        opt
        for command in COMMANDS.values()
        for p in command.params
        for opt in (*p.opts, *p.secondary_opts)
    }
    shown = set(re.findall(r"--[a-z][a-z-]*", README))
    assert shown <= known | OTHERS


def test_the_extras_are_those_of_the_package() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    extras = set(project["optional-dependencies"]) - {"all", "dev"}
    assert set(re.findall(r"^\| `([a-z]+)` \|", README, re.MULTILINE)) == extras
