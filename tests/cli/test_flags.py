"""Flags are the fields of the options: same names, same defaults, same help."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

import pytest
import typer

from cli.shell import Outcome
from impasto import cli
from impasto.cli.main import app
from impasto.options import (
    ApplyOptions,
    CheckpointOptions,
    LearnOptions,
    PaintOptions,
    ReadOptions,
    RecordOptions,
    SaveOptions,
    TrainOptions,
)
from patience import now

BUNDLES = {
    "paint": (PaintOptions, RecordOptions, CheckpointOptions, SaveOptions, ReadOptions),
    "apply": (ApplyOptions, SaveOptions, ReadOptions),
    "train": (TrainOptions, ReadOptions),
    "learn": (LearnOptions, ReadOptions),
}
OWN = {
    "paint": {
        "content",
        "style",
        "out",
        "rows",
        "overwrite",
        "report",
        "ray",
        "quiet",
        "as_json",
    },
    "apply": {
        "model",
        "photos",
        "out",
        "fast",
        "form",
        "overwrite",
        "budget",
        "refine",
        "report",
        "ray",
        "quiet",
        "as_json",
    },
    "learn": {
        "paintings",
        "name",
        "out",
        "photos",
        "cards",
        "preview",
        "quiet",
        "as_json",
    },
    "train": {
        *("style", "photos", "out", "begin", "teacher", "cards", "processes"),
        *("checkpoint", "checkpoint_every", "resume", "restart"),
        *("preview", "preview_every", "quiet", "as_json"),
    },
}
COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
EXAMPLES = re.compile(r"^ +impasto (\w+) ([^(\n]*(?:\n    [^\s(][^(\n]*)?)", re.MULTILINE)


def parameters(command: str) -> dict[str, Any]:
    return {parameter.name: parameter for parameter in COMMANDS[command].params}


@pytest.mark.parametrize(
    ("command", "field"),
    [
        pytest.param(command, f, id=f"{command}-{cls.__name__}.{f.name}")
        for command, bundles in BUNDLES.items()
        for cls in bundles
        for f in fields(cls)
    ],
)
def test_a_field_has_its_flag(command: str, field: Field[Any]) -> None:
    flag = parameters(command)[field.name]
    assert flag.opts == ["--" + field.name.replace("_", "-")]
    assert flag.default == field.default
    assert flag.help == field.metadata["help"]
    if "choices" in field.metadata:
        assert flag.metavar == "|".join(field.metadata["choices"])


@pytest.mark.parametrize("command", BUNDLES)
def test_there_are_no_other_flags(command: str) -> None:
    derived = {f.name for cls in BUNDLES[command] for f in fields(cls)}
    assert parameters(command).keys() - derived == OWN[command]


def test_without_flags_the_options_are_the_defaults(
    run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def look(_: Any, *arguments: Any, **others: Any) -> None:
        seen.extend([*arguments, others])
        raise KeyboardInterrupt

    monkeypatch.setattr("impasto.painter.Painter.__init__", look)
    run("paint", "photo.png", "style.png", "other.png", "-o", "out.png")
    photo, styles = Path("photo.png"), [Path("style.png"), Path("other.png")]
    assert cli.BEGAN < seen[-1].pop("began") < now()
    others = {"read": ReadOptions(), "checkpoint": CheckpointOptions(), "start": None}
    assert seen == [photo, styles, PaintOptions(), others]


@pytest.mark.parametrize("command", ["", *COMMANDS, "models show"])
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help(run: Callable[..., Outcome], command: str, flag: str) -> None:
    outcome = run(*command.split(), flag)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith(f"Usage: impasto {command}")
    assert all(len(line) <= 80 for line in outcome.out.splitlines())


def test_without_arguments_there_is_help(run: Callable[..., Outcome]) -> None:
    assert run() == run("--help")


@pytest.mark.parametrize(
    "command",
    ["apply", "paint", "rerun", "sheet", "models", "import", "export", "samples", "train"],
)
def test_the_examples_of_the_help_are_parsed(run: Callable[..., Outcome], command: str) -> None:
    examples = EXAMPLES.findall(run(command, "--help").out)
    assert examples
    for name, arguments in examples:
        assert name == command
        context = COMMANDS[name].make_context(name, arguments.split())
        assert context.params
