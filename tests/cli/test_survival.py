"""A painting killed at any moment can be resumed and gives the same result."""

from __future__ import annotations

import json
import random
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cli.shell import IMPASTO, SHALLOW, Outcome, interrupt_at, listing, pixels, struck
from impasto.optimize import lbfgs

pytestmark = pytest.mark.usefixtures("networks_kept")  # as in the processes that are killed

LBFGS = ["--steps=12", "--scales=32,48,64", "--size=64", "--history=4"]
RECORDS = ["--log=log.jsonl", "--plot=plot.png", "--timelapse=film.gif", "--frames=frames"]
STATE = ["--checkpoint=out.state", "--checkpoint-every=0", "--save-every=2"]


def command(*arguments: str) -> list[str]:
    return ["paint", "photo.png", "style.png", "-o", "out.png", *SHALLOW, *arguments]


def uninterrupted(run: Callable[..., Outcome], folder: Path, *arguments: str) -> dict[str, bytes]:
    """Paint in this process; return the files, and take them away again."""
    before = listing(folder)
    arguments = tuple(a for a in arguments if not a.startswith("--checkpoint"))
    outcome = run(*command(*arguments))
    assert outcome.code == 0, outcome.err
    made = {name: data for name, data in listing(folder).items() if name not in before}
    for name in made:
        (folder / name).unlink()
    return made


def assert_same(folder: Path, made: dict[str, bytes]) -> None:
    """Hold the files of an interrupted run against those of an uninterrupted one."""
    assert not (folder / "out.state").exists()
    for name, data in made.items():
        if name == "plot.png":
            assert (folder / name).stat().st_size > 0  # its axis of seconds differs
        elif name != "log.jsonl":
            np.testing.assert_array_equal(pixels(folder / name), pixels_of(data, folder), name)
    if "log.jsonl" in made:
        ours, theirs = (
            [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in lines]
            for lines in ((folder / "log.jsonl").read_text().splitlines(), logged(made))
        )
        assert [row["step"] for row in ours] == list(range(1, len(theirs) + 1))
        assert ours == theirs
    if "film.gif" in made:
        assert (folder / "film.gif").read_bytes() == made["film.gif"]


def logged(made: dict[str, bytes]) -> list[str]:
    return made["log.jsonl"].decode().splitlines()


def pixels_of(data: bytes, folder: Path) -> np.ndarray:
    path = folder / "expected.tmp"
    path.write_bytes(data)
    found = pixels(path)
    path.unlink()
    return found


def steps_in(log: Path) -> int:
    return log.read_bytes().count(b"\n") if log.exists() else 0


def going_on(folder: Path, *arguments: str) -> list[str]:
    """The command, from where the state is, if there is one."""
    return command(*arguments, *(["--resume"] if (folder / "out.state").exists() else []))


def test_killed_again_and_again_lbfgs_ends_in_the_same_files(
    folder: Path, run: Callable[..., Outcome]
) -> None:
    everything = [*LBFGS, *RECORDS, *STATE]
    made = uninterrupted(run, folder, *everything)
    (folder / ".impasto-0123456789abcdef.tmp").write_bytes(b"left by an earlier kill")
    rng = random.Random(21)
    for moment in (rng.randrange(24, 44) for _ in range(2)):  # the first state is there by then
        done = struck(folder, signal.SIGKILL, "file", moment, *going_on(folder, *everything))
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert (folder / "out.state").exists()
    outcome = run(*going_on(folder, *everything))
    assert outcome.code == 0, outcome.err
    assert_same(folder, made)


@pytest.mark.parametrize("kept", [True, False], ids=["checkpoint", "no checkpoint asked for"])
def test_ctrl_c_keeps_the_picture_and_resume_ends_in_the_same(
    folder: Path, run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    """Once in a process of its own, once in this one."""
    arguments = [*LBFGS, "--log=log.jsonl", *(STATE if kept else [])]
    made = uninterrupted(run, folder, *arguments)
    (folder / "out.png").write_bytes(b"an earlier result")

    if kept:
        done = struck(folder, signal.SIGINT, "step", 3, *command(*arguments))
        stopped = Outcome(done.returncode, done.stdout, done.stderr)
    else:
        with monkeypatch.context() as patch:
            interrupt_at(patch, 3)
            stopped = run(*command(*arguments))

    state = "out.state" if kept else "out.png.checkpoint"
    assert stopped.code == 130
    assert stopped.out == ""
    last = stopped.err.splitlines()[-1]
    assert last.startswith("impasto: stopped at step ")
    assert all(part in last for part in ("out.unfinished.png", "--resume", state))
    assert (folder / "out.png").read_bytes() == b"an earlier result"
    assert pixels(folder / "out.unfinished.png").shape == (48, 64, 3)
    assert (folder / state).exists()

    outcome = run(*command(*arguments, "--resume"))
    assert outcome.code == 0, outcome.err
    assert "resuming at step" in outcome.err
    assert_same(folder, made)
    assert not (folder / state).exists()


def test_a_step_taken_back_is_no_place_to_stop_at(
    folder: Path, paint: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while a step is taken back: its losses must be in the log after going on."""
    Optimizer = lbfgs.LBFGS
    tell, told = Optimizer.tell, []

    def interrupted(self: lbfgs.LBFGS, loss: float, gradient: object) -> str | None:
        told.append(loss)
        if len(told) == 3:
            signal.raise_signal(signal.SIGINT)
            tell(self, float("inf"), gradient)  # type: ignore[arg-type]
            return "step shortened"
        return tell(self, loss, gradient)  # type: ignore[arg-type]

    monkeypatch.setattr(Optimizer, "tell", interrupted)
    arguments = ["-o", "out.png", "--log=log.jsonl"]
    assert paint(*arguments, steps=5).code == 130
    assert steps_in(folder / "log.jsonl") == 3
    assert paint(*arguments, "--resume", steps=5).code == 0
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5]


def test_ctrl_c_before_the_first_step_leaves_nothing(folder: Path) -> None:
    before = listing(folder)
    code = (
        "import impasto.painter.painter, signal\n"
        "impasto.painter.painter.weights.find = lambda *_: signal.raise_signal(signal.SIGINT)\n"
        "from impasto.cli.main import run; run()"
    )
    line = [IMPASTO[0], "-c", code, *command(*LBFGS)]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "impasto: stopped\n")
    assert listing(folder) == before


def test_what_was_stopped_earlier_is_not_written_over(
    run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C twice, without --resume: both states are kept, and the second is named."""
    for name in ("out.png.checkpoint", "out.png.2.checkpoint"):
        with monkeypatch.context() as patch:
            interrupt_at(patch, 3)
            outcome = run(*command(*LBFGS))
        assert outcome.code == 130, outcome.err
        assert f"the state is in {name}" in outcome.err
    assert "--resume --checkpoint out.png.2.checkpoint" in outcome.err
