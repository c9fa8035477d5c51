"""``impasto train`` on the command line: real processes, killed and resumed, one or several."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cli.shell import IMPASTO, draw, impasto, struck
from impasto.cli import process_group
from impasto.errors import ImpastoError
from impasto.runtime import checkpoint
from impasto.training.loop import Loop
from impasto.zoo import registry
from impasto.zoo.pack import Pack, read_pack
from patience import LIMIT, wait_for
from zoo.making import write

TINY = [
    "--model=turbo",
    "--size=64",
    "--batch=2",
    "--style-size=64",
    "--style-layers=relu1_1",
    "--content-layers=relu1_2",
    "--precision=float32",
    "--device=cpu",
    "--from=none",
]


@pytest.fixture
def inputs(tmp_path: Path) -> list[str]:
    """A painting and photos, as arguments."""
    (tmp_path / "photos").mkdir()
    for i in range(3):
        draw(tmp_path / "photos" / f"{i}.png", 90, 70, seed=i)
    painting = draw(tmp_path / "waves.png", 80, 64, seed=9)
    return ["--style", str(painting), "--photos", str(tmp_path / "photos")]


def _environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def _log(out: Path) -> list[str]:
    return Path(f"{out}.training/losses.jsonl").read_text().splitlines()


def _equal(one: Pack, other: Pack) -> bool:
    return all((one.tensors[name] == other.tensors[name]).all() for name in one.tensors)


def test_train_writes_a_pack_with_its_history(
    capfd: pytest.CaptureFixture[str], inputs: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "waves.safetensors"
    sheets = tmp_path / "sheets"
    outcome = impasto(
        capfd, "train", *inputs, *TINY, "--steps", 20, "-o", out, "--preview", sheets, "--json"
    )
    assert outcome.code == 0
    told = json.loads(outcome.out)
    assert told["weights"].keys() == {"waves"}
    pack = read_pack(out)
    assert pack.styles == ("original", "waves")
    assert pack.card.training["command"].startswith("impasto train --style")
    rows = [json.loads(line) for line in _log(out)]
    assert [row["step"] for row in rows] == [10, 20]
    assert (sheets / "finished.png").stat().st_size > 1000
    assert not (tmp_path / "waves.safetensors.training/state.safetensors").exists()


@pytest.fixture
def given(tmp_path: Path) -> str:
    """A pack of two styles."""
    return str(write(tmp_path / "given.safetensors", "swirls", "dots"))


def test_a_pack_can_be_begun_with_and_learnt_from(
    capfd: pytest.CaptureFixture[str], inputs: list[str], tmp_path: Path, given: str
) -> None:
    for flag, origin, styles in (
        ("--from", "started_from", ["waves"]),
        ("--teacher", "taught_by", ["swirls", "dots"]),
    ):
        out = tmp_path / f"{origin}.safetensors"
        own = inputs[2:] if flag == "--teacher" else inputs
        outcome = impasto(
            capfd, "train", *own, *TINY, "--steps", 2, flag, given, "-o", out, "--json"
        )
        assert outcome.code == 0, outcome.err
        pack = read_pack(out)
        assert pack.styles == ("original", *styles)
        assert pack.card.training[origin]["sha256"] == read_pack(given).sha256


def test_it_begins_with_what_ships_and_learns_from_the_samples(
    capfd: pytest.CaptureFixture[str],
    inputs: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing but a painting has to be said; what was taken is told."""
    monkeypatch.setattr(registry, "BUNDLED", tmp_path / "ships")
    monkeypatch.setattr(registry, "user_folder", lambda: tmp_path / "own")
    write(tmp_path / "ships" / "nine.safetensors", "swirls")
    out = tmp_path / "waves.safetensors"
    tiny = [flag for flag in TINY if flag != "--from=none"]
    outcome = impasto(capfd, "train", *inputs[:2], *tiny, "--steps", 1, "-o", out)
    assert outcome.code == 0, outcome.err
    assert "starting from nine.safetensors" in outcome.err
    assert "the 4 photos that come with scikit-image" in outcome.err
    training = read_pack(out).card.training
    assert training["photos"] == 4
    assert "started_from" in training


def test_progress_is_printed_in_lines(
    capfd: pytest.CaptureFixture[str], inputs: list[str], tmp_path: Path
) -> None:
    outcome = impasto(
        capfd, "train", *inputs, *TINY, "--steps", 3, "-o", tmp_path / "a.safetensors"
    )
    assert "training turbo on cpu" in outcome.err
    assert "step 3" in outcome.err
    assert "left" in outcome.err


@pytest.mark.usefixtures("networks_kept")  # as in the other process
def test_killed_and_resumed_it_ends_in_the_same_network(
    capfd: pytest.CaptureFixture[str], inputs: list[str], tmp_path: Path
) -> None:
    whole, killed = tmp_path / "whole.safetensors", tmp_path / "killed.safetensors"
    line = ["train", *inputs, *TINY, "--steps=12"]
    assert impasto(capfd, *line, "-o", whole).code == 0
    line += ["--checkpoint-every=0", "-o", str(killed)]
    done = struck(tmp_path, signal.SIGKILL, "file", 21, *line)  # of 40: some steps are kept by then
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert Path(f"{killed}.training/state.safetensors").exists()
    assert not killed.exists()
    again = impasto(capfd, *line, "--resume", "--json")
    assert again.code == 0, again.err
    assert json.loads(again.out)["steps"] == 12
    assert _equal(read_pack(whole), read_pack(killed))


def test_ctrl_c_keeps_the_state_and_says_how_to_go_on(
    capfd: pytest.CaptureFixture[str],
    inputs: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    learn, told = Loop._learn, []

    def interrupted(self: Loop, began: float) -> tuple[list[float], list[str]]:
        told.append(began)
        if len(told) == 2:
            signal.raise_signal(signal.SIGINT)
        return learn(self, began)

    monkeypatch.setattr(Loop, "_learn", interrupted)
    out = tmp_path / "long.safetensors"
    outcome = impasto(capfd, "train", *inputs, *TINY, "--steps=20", "-o", out)
    assert outcome.code == 130
    assert "--resume" in outcome.err
    assert len(told) == 3  # one more, in which all processes hear of it
    assert Path(f"{out}.training/state.safetensors").exists()
    assert not out.exists()


@pytest.mark.usefixtures("networks_kept")  # as in the other process
def test_two_processes_train_as_one(
    capfd: pytest.CaptureFixture[str], inputs: list[str], tmp_path: Path
) -> None:
    """Each sees a half of every batch; the network moves as from the whole of it."""
    start, one, two = (tmp_path / f"{name}.safetensors" for name in ("start", "one", "two"))
    train = ["train", *inputs, *TINY, "--json", "--batch=4"]
    assert not impasto(capfd, *train, "--steps=1", "--learning-rate=1e-9", "-o", start).code
    for processes, out in ((1, one), (2, two)):
        run = impasto(capfd, *train, "--steps=12", f"--processes={processes}", "-o", out)
        assert run.code == 0, run.err
        assert json.loads(run.out)["samples"] == 48
    assert "2 processes" in run.err
    packs = [read_pack(path).tensors for path in (start, one, two)]
    moved, apart = (
        np.sqrt(sum(((packs[i][name] - packs[j][name]) ** 2).sum() for name in packs[0]))
        for i, j in ((0, 1), (1, 2))
    )
    assert apart < 0.1 * moved


def _later(out: Path) -> int:
    """Return a step later than the one that a training was stopped at."""
    return int(json.loads(_log(out)[-1])["step"]) + 10


def test_ctrl_c_ends_all_processes_with_the_state_kept(
    capfd: pytest.CaptureFixture[str], inputs: list[str], tmp_path: Path
) -> None:
    """Both stop after the same step, whoever hears of it first."""
    out = tmp_path / "long.safetensors"
    line = ["train", *inputs, *TINY, "--batch=4", "-o", str(out)]
    with subprocess.Popen(
        [*IMPASTO, *line, "--processes=2", "--budget=1h"],
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(),
        start_new_session=True,
    ) as process:
        wait_for(Path(f"{out}.training/losses.jsonl").exists)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        _, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 130
    assert "--resume" in err
    assert "Traceback" not in err
    assert Path(f"{out}.training/state.safetensors").exists()
    steps = _later(out)
    again = impasto(capfd, *line, "--resume", f"--steps={steps}", "--json")
    assert again.code == 0, again.err
    assert json.loads(again.out)["steps"] == steps


TORCHRUN = [
    *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"),
    "--no-python",
]


def test_torchrun_starts_stops_and_goes_on(inputs: list[str], tmp_path: Path) -> None:
    out = tmp_path / "long.safetensors"
    command = [*TORCHRUN, *IMPASTO, "train", *inputs, *TINY, "--batch=4", "-o", str(out)]
    with subprocess.Popen(
        [*command, "--budget=1h"],
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(),
        start_new_session=True,
    ) as process:
        wait_for(Path(f"{out}.training/losses.jsonl").exists)
        process.send_signal(signal.SIGINT)  # its processes have sessions of their own
        _, err = process.communicate(timeout=LIMIT)
    assert "2 processes" in err
    assert "--resume" in err
    assert Path(f"{out}.training/state.safetensors").exists()
    steps = _later(out)
    again = subprocess.run(
        [*command, "--resume", f"--steps={steps}", "--json"],
        capture_output=True,
        text=True,
        env=_environment(),
        timeout=LIMIT,
    )
    assert again.returncode == 0, again.stderr
    told = json.loads(again.stdout)  # one process speaks
    assert (told["steps"], told["samples"]) == (steps, 4 * steps)


def test_what_was_stopped_before_is_not_lost(
    capfd: pytest.CaptureFixture[str], inputs: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "waves.safetensors"
    state = tmp_path / "waves.safetensors.training/state.safetensors"
    state.parent.mkdir()
    line = ["train", *inputs, *TINY, "--steps", 2, "-o", out]
    checkpoint.write(state, {}, {"run": {}, "loop": {}})
    before = state.read_bytes()
    outcome = impasto(capfd, *line)
    assert outcome.code == 2
    assert "continue with --resume, or use --restart" in outcome.err
    assert state.read_bytes() == before
    assert impasto(capfd, *line, "--restart").code == 0
    assert not state.exists()
    assert impasto(capfd, *line).code == 0  # a pack is replaced by the next
    for text in (b"Chapter 1", b"{}"):
        out.write_bytes(text)
        outcome = impasto(capfd, *line)
        assert (outcome.code, out.read_bytes()) == (2, text)
        assert "waves.safetensors: already exists and is not a pack" in outcome.err


def test_a_broken_link_among_the_photos_is_reported(
    capfd: pytest.CaptureFixture[str], inputs: list[str], tmp_path: Path
) -> None:
    photos = Path(inputs[inputs.index("--photos") + 1])
    (photos / "zzz.png").symlink_to(photos / "nothing.png")
    outcome = impasto(
        capfd, "train", *inputs, *TINY, "--steps", 6, "-o", tmp_path / "a.safetensors"
    )
    assert outcome.code == 0, outcome.err
    assert "skipped: " in outcome.err
    assert "zzz.png" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--steps", "3", "--budget", "2m"], "--steps and --budget"),
        (["--steps", "0"], "--steps"),
        (["--content-layers", "relu9"], "relu9"),
        (["--model", "huge"], "huge"),
        (["--from", "nothing.safetensors"], "nothing.safetensors"),
        (["--teacher", "nothing.safetensors"], "nothing.safetensors"),
        (["--from", "stanard"], "there is no pack 'stanard'"),
        (["--from", "given", "--model", "standard"], "its network is turbo"),
        (["--teacher", "given"], "has no style 'waves'"),
        (["--processes", "none"], "--processes"),
        (["--distance", "0.5,0.6"], "--distance has 2 numbers"),
        (["--cards", "nothing.json"], "nothing.json"),
        (["--resume"], "no checkpoint"),
    ],
)
def test_mistakes_are_named(
    capfd: pytest.CaptureFixture[str],
    inputs: list[str],
    tmp_path: Path,
    given: str,
    arguments: list[str],
    told: str,
) -> None:
    out = tmp_path / "x.safetensors"
    arguments = [given if argument == "given" else argument for argument in arguments]
    outcome = impasto(capfd, "train", *inputs, *TINY, *arguments, "-o", out)
    assert outcome.code == 2
    assert told in outcome.err
    assert not out.exists()


def test_missing_things_are_named(
    capfd: pytest.CaptureFixture[str], inputs: list[str], tmp_path: Path
) -> None:
    assert "--style" in impasto(capfd, "train", *inputs[2:], "-o", tmp_path / "x.safetensors").err
    wrong = impasto(capfd, "train", *inputs, "-o", tmp_path / "x.pth")
    assert (wrong.code, ".safetensors" in wrong.err) == (2, True)
    inputs[1] = str(tmp_path / "none.jpg")
    outcome = impasto(capfd, "train", *inputs, "-o", tmp_path / "x.safetensors")
    assert (outcome.code, "none.jpg" in outcome.err) == (2, True)


def test_a_process_that_ends_at_its_start_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    inputs: list[str],
    tmp_path: Path,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "argv", ["impasto", "no-such-command"])
        with pytest.raises(ImpastoError, match=r"ended while it started \(exit code 2\)"):  # noqa: SIM117
            with process_group._started(2):
                pytest.fail("joined")
    # It leaves nothing behind in PyTorch, so the next group of this process meets.
    out = tmp_path / "x.safetensors"
    three = [*TINY, "--processes", "2", "--batch", "3"]
    outcome = impasto(capfd, "train", *inputs, *three, "-o", out)
    assert (outcome.code, out.exists()) == (2, False)
    assert "cannot be divided evenly among 2" in outcome.err
