"""``impasto train`` as a user meets it: real processes, killed and resumed, alone and together."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from cli.shell import IMPASTO, draw, impasto
from impasto.zoo.pack import Pack, read_pack

TINY = [
    "--model=turbo",
    "--size=64",
    "--batch=2",
    "--style-size=64",
    "--style-layers=relu1_1",
    "--content-layer=relu1_2",
    "--precision=float32",
    "--device=cpu",
    "--workers=0",
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


def test_what_ships_can_be_started_from_and_added_to(
    capfd: pytest.CaptureFixture[str], inputs: list[str], tmp_path: Path
) -> None:
    for flag, origin, styles in (("--start", "started_from", 2), ("--add-to", "added_to", 11)):
        out = tmp_path / f"{origin}.safetensors"
        outcome = impasto(
            capfd, "train", *inputs, *TINY, "--steps", 2, flag, "turbo", "-o", out, "--json"
        )
        assert outcome.code == 0, outcome.err
        pack = read_pack(out)
        assert len(pack.styles) == styles
        assert pack.styles[-1] == "waves"
        assert "painters.json" in pack.card.training[origin]["command"]


def test_progress_is_told_in_lines(
    capfd: pytest.CaptureFixture[str], inputs: list[str], tmp_path: Path
) -> None:
    outcome = impasto(
        capfd, "train", *inputs, *TINY, "--steps", 3, "-o", tmp_path / "a.safetensors"
    )
    assert "training turbo on cpu" in outcome.err
    assert "step 3" in outcome.err
    assert "left" in outcome.err


def test_killed_and_resumed_it_ends_in_the_same_network(inputs: list[str], tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole.safetensors", tmp_path / "killed.safetensors"
    command = [*IMPASTO, "train", *inputs, *TINY, "--steps", "40", "--checkpoint-every", "0"]
    subprocess.run([*command, "-o", whole], check=True, capture_output=True, env=_environment())
    state = tmp_path / "killed.safetensors.training/losses.jsonl"
    with subprocess.Popen(
        [*command, "-o", killed], stderr=subprocess.PIPE, env=_environment()
    ) as run:
        deadline = time.monotonic() + 120
        while not state.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        run.send_signal(signal.SIGKILL)
    assert not killed.exists()
    again = subprocess.run(
        [*command, "-o", killed, "--resume", "--json"],
        check=True,
        capture_output=True,
        env=_environment(),
    )
    assert json.loads(again.stdout)["steps"] == 40
    assert _equal(read_pack(whole), read_pack(killed))


def test_ctrl_c_keeps_the_state_and_says_how_to_go_on(inputs: list[str], tmp_path: Path) -> None:
    out = tmp_path / "long.safetensors"
    command = [*IMPASTO, "train", *inputs, *TINY, "--minutes", "60", "-o", str(out)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=_environment()) as run:
        deadline = time.monotonic() + 120
        while not Path(f"{out}.training/losses.jsonl").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "--resume" in err
    assert "Traceback" not in err
    assert Path(f"{out}.training/state.safetensors").exists()


def test_two_processes_train_as_one(
    capfd: pytest.CaptureFixture[str], inputs: list[str], tmp_path: Path
) -> None:
    """Each sees a half of every batch; the network moves as from the whole of it."""
    start, one, two = (tmp_path / f"{name}.safetensors" for name in ("start", "one", "two"))
    train = ["train", *inputs, *TINY, "--json"]
    assert not impasto(capfd, *train, "--steps=1", "--learning-rate=1e-9", "-o", start).code
    alone = impasto(capfd, *train, "--steps=12", "--batch=4", "-o", one)
    assert alone.code == 0, alone.err
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--no-python"]
    run = subprocess.run(
        [sys.executable, *torchrun, *IMPASTO, *train, "--steps=12", "-o", str(two)],
        capture_output=True,
        text=True,
        env=_environment(),
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    # One process speaks.
    assert json.loads(run.stdout)["samples"] == json.loads(alone.out)["samples"] == 48
    packs = [read_pack(path).tensors for path in (start, one, two)]
    moved, apart = (
        np.sqrt(sum(((packs[i][name] - packs[j][name]) ** 2).sum() for name in packs[0]))
        for i, j in ((0, 1), (1, 2))
    )
    assert apart < 0.1 * moved


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--steps", "3", "--minutes", "2"], "--steps and --minutes"),
        (["--steps", "0"], "--steps"),
        (["--content-layer", "relu9"], "relu9"),
        (["--model", "huge"], "huge"),
        (["--add-to", "nothing.safetensors"], "nothing.safetensors"),
        (["--start", "nothing.safetensors"], "nothing.safetensors"),
        (["--start", "stanard"], "there is no pack 'stanard'"),
        (["--start", "standard", "--model", "turbo"], "its network is standard"),
        (["--start", "turbo", "--add-to", "turbo"], "give one"),
        (["--cards", "nothing.json"], "nothing.json"),
        (["--resume"], "no checkpoint"),
    ],
)
def test_mistakes_are_named(
    capfd: pytest.CaptureFixture[str],
    inputs: list[str],
    tmp_path: Path,
    arguments: list[str],
    told: str,
) -> None:
    out = tmp_path / "x.safetensors"
    outcome = impasto(capfd, "train", *inputs, *TINY, *arguments, "-o", out)
    assert outcome.code == 2
    assert told in outcome.err
    assert not out.exists()


def test_missing_things_are_named(
    capfd: pytest.CaptureFixture[str], inputs: list[str], tmp_path: Path
) -> None:
    assert "photos" in impasto(capfd, "train", *inputs[:2], "-o", tmp_path / "x.safetensors").err
    wrong = impasto(capfd, "train", *inputs, "-o", tmp_path / "x.pth")
    assert (wrong.code, ".safetensors" in wrong.err) == (2, True)
    inputs[1] = str(tmp_path / "none.jpg")
    outcome = impasto(capfd, "train", *inputs, "-o", tmp_path / "x.safetensors")
    assert (outcome.code, "none.jpg" in outcome.err) == (2, True)
