"""Budgets and time estimates on the command line, with a fake clock."""

from __future__ import annotations

import inspect
import json
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cli import shell
from cli.shell import SHALLOW, Outcome, pixels
from impasto.cli.painting_progress import PaintingProgress
from impasto.cli.words import about
from impasto.events import Replanned, Started
from impasto.images import read_recipe
from impasto.optimize.lbfgs import LBFGS
from impasto.options import QUALITIES
from impasto.painter import Painter
from patience import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that goes on by itself, for whatever a painter does."""
    clock = Clock(tick=0.02)
    init = inspect.unwrap(Painter.__init__)
    given = {**(init.__kwdefaults__ or {}), "clock": clock}
    monkeypatch.setattr(init, "__kwdefaults__", given)
    monkeypatch.setattr(shell, "now", clock)
    return clock


@pytest.fixture
def paint_for(run: Callable[..., Outcome], clock: Clock) -> Callable[..., Outcome]:  # noqa: ARG001
    """Run `impasto paint` for as long as --budget says."""

    def paint(budget: str, *arguments: Any, size: int = 96) -> Outcome:
        sized = [f"--size={size}", f"--budget={budget}"]
        return run("paint", "photo.png", "style.png", "-o", "out.png", *SHALLOW, *sized, *arguments)

    return paint


def test_a_command_takes_the_time_of_its_budget(
    folder: Path, paint_for: Callable[..., Outcome], run: Callable[..., Outcome], clock: Clock
) -> None:
    began = clock.now
    outcome = paint_for("3s", "--log=log.jsonl", size=64)
    assert outcome.code == 0, outcome.err
    assert clock.now - began == pytest.approx(3, rel=0.1)
    first, *lines = outcome.err.splitlines()
    assert re.fullmatch(
        r"painting at 64×48, about \d+ steps( in about [23] s)?, cpu float32", first
    )
    assert all(line.startswith("step ") for line in lines)
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    recipe = read_recipe(folder / "out.png")
    assert recipe["options"]["budget"] == 3
    assert recipe["ran"]["schedule"][0][:3] == [64, 48, len(rows)]
    # Once more, without a clock.
    outcome = run("rerun", "out.png")
    assert outcome.out == "painting  out-again.png\nevery pixel is the same\n"
    assert f"painting at 64×48, {len(rows)} steps" in outcome.err
    assert (folder / "out-again.png").read_bytes() == (folder / "out.png").read_bytes()


def test_too_little_time_is_reported_and_paints_smaller(
    folder: Path, paint_for: Callable[..., Outcome], run: Callable[..., Outcome]
) -> None:
    outcome = paint_for("0.001", size=260)
    assert outcome.code == 0, outcome.err
    lines = outcome.err.splitlines()
    assert lines[0].startswith("painting at 65×49, about 6 steps")
    assert lines[1] == "too little time for 260×195: painting at 65×49 and enlarging"
    assert pixels(folder / "out.png").shape == (195, 260, 3)
    assert read_recipe(folder / "out.png")["ran"]["schedule"] == [[65, 49, 2, []]]
    outcome = run("rerun", "out.png")
    assert outcome.out.endswith("every pixel is the same\n")
    assert "too little time" not in outcome.err


def test_a_budget_survives_ctrl_c(
    folder: Path, paint_for: Callable[..., Outcome], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell, told = LBFGS.tell, []

    def interrupted(self: LBFGS, *what: Any) -> str | None:
        told.append(what)
        if len(told) == 3:
            signal.raise_signal(signal.SIGINT)
        return tell(self, *what)

    monkeypatch.setattr(LBFGS, "tell", interrupted)
    outcome = paint_for("2s", "--log=log.jsonl")
    assert outcome.code == 130
    assert re.search(r"stopped at step 3 of \d+; the picture so far is", outcome.err)
    unfinished = read_recipe(folder / "out.unfinished.png")
    assert unfinished["ran"]["schedule"] == [[96, 72, 3, []]]

    began = clock.now
    outcome = paint_for("2s", "--log=log.jsonl", "--resume")
    assert outcome.code == 0, outcome.err
    assert "resuming at step 3" in outcome.err
    assert clock.now - began < 2.2
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(1, len(rows) + 1))
    assert read_recipe(folder / "out.png")["ran"]["schedule"][0][:3] == [96, 72, len(rows)]
    outcome = paint_for("3s", "--resume")
    assert outcome.code == 2  # the checkpoint is gone


def test_an_unfinished_picture_can_be_painted_again(
    folder: Path, paint: Callable[..., Outcome], run: Callable[..., Outcome], monkeypatch: Any
) -> None:
    tell, told = LBFGS.tell, []

    def interrupted(self: LBFGS, *what: Any) -> str | None:
        told.append(what)
        if len(told) == 4:
            signal.raise_signal(signal.SIGINT)
        return tell(self, *what)

    monkeypatch.setattr(LBFGS, "tell", interrupted)
    assert paint("-o", "out.png", "--scales=24,48", steps=5).code == 130
    outcome = run("rerun", "out.unfinished.png", "-o", "again.png")
    assert outcome.out == "painting  again.png\nevery pixel is the same\n"
    np.testing.assert_array_equal(
        pixels(folder / "again.png"), pixels(folder / "out.unfinished.png")
    )


def test_a_word_for_the_steps(folder: Path, run: Callable[..., Outcome]) -> None:
    line = ["paint", "photo.png", "style.png", "-o", "out.png", *SHALLOW, "--size=24"]
    assert run(*line, "--quality=draft").code == 0
    recipe = read_recipe(folder / "out.png")
    assert recipe["options"]["quality"] == "draft"
    assert recipe["ran"]["schedule"][0][:3] == [24, 18, QUALITIES["draft"]]


def test_the_expected_time_comes_before_the_first_step(
    paint: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert " in about " not in paint("-o", "out.png").err  # too quick to be worth a word
    monkeypatch.setattr("impasto.painter.painter._QUICK", 0)
    monkeypatch.setattr("impasto.cli.painting_progress._SOON", 0)
    first, *_ = paint("-o", "out.png").err.splitlines()
    assert re.fullmatch(r"painting at 48×36, 3 steps in about \d+ s, cpu float32", first)


SCALES = ((320, 240, 180), (640, 480, 120))


@pytest.mark.parametrize(
    ("event", "planned", "lines"),
    [
        (
            Started(0, 300, SCALES, "cpu", "float32", 252.0),
            False,
            ["painting at 320×240 → 640×480, 300 steps in about 4 min, cpu float32"],
        ),
        (
            Started(0, 300, SCALES, "cuda", "bfloat16", 1.9),
            False,
            ["painting at 320×240 → 640×480, 300 steps, cuda bfloat16"],
        ),
        (
            Started(7, 300, SCALES, "cpu", "float32", 55.0),
            True,
            [
                "painting at 320×240 → 640×480, about 300 steps in about 55 s, cpu float32, "
                "resuming at step 7"
            ],
        ),
        (
            Replanned(25, SCALES[:1]),
            True,
            [
                "now painting at 320×240, about 25 steps",
                "too little time for 640×480: painting at 320×240 and enlarging",
            ],
        ),
    ],
)
def test_the_description_of_a_plan(
    capfd: pytest.CaptureFixture[str], event: Started | Replanned, planned: bool, lines: list[str]
) -> None:
    PaintingProgress((640, 480), planned=planned, quiet=False).take(event)
    assert capfd.readouterr().err.splitlines() == lines
    PaintingProgress((640, 480), planned=planned, quiet=True).take(event)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(7.4, "7 s"), (89, "89 s"), (91, "2 min"), (3599, "60 min"), (9000, "2.5 h")],
)
def test_about(seconds: float, text: str) -> None:
    assert about(seconds) == f"about {text}"
