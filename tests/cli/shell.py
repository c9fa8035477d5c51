"""Helpers to run the command line: tiny pictures, shallow layers, real and fake shells."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from impasto.cli import main
from impasto.optimize.lbfgs import LBFGS
from patience import LIMIT, now, one_thread

IMPASTO = [sys.executable, "-c", "from impasto.cli.main import run; run()"]
SHALLOW = [
    "--style-layers=relu1_1,relu2_1",
    "--content-layers=relu2_2",
    "--precision=float32",
    "--device=cpu",
]


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


def impasto(capfd: pytest.CaptureFixture[str], *arguments: Any) -> Outcome:
    """Run a command in this process, as `impasto` in a shell would."""
    code = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["impasto", *map(str, arguments)])
        patch.setattr("impasto.cli.BEGAN", now())
        try:
            main.run()
        except SystemExit as end:
            code = int(end.code or 0)
    return Outcome(code, *capfd.readouterr())


STRUCK = """
import os, signal, sys

wish, where, left = int(sys.argv.pop(1)), sys.argv.pop(1), [int(sys.argv.pop(1))]

def strike():
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), wish)

def stepping(kind):
    tell = kind.tell
    def told(self, *given):
        strike()
        return tell(self, *given)
    kind.tell = told

def heard(event, arguments):
    changes = event in ("os.rename", "os.remove")
    writes = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if (changes or writes) and isinstance(arguments[0], (str, os.PathLike)):
        if os.path.abspath(arguments[0]).startswith(os.getcwd()):
            strike()

if where == "step":
    from impasto.optimize.lbfgs import LBFGS
    stepping(LBFGS)
else:
    sys.addaudithook(heard)
from impasto.cli.main import run; run()
"""
"""`impasto` that gets a signal at a step, or when it writes, moves or removes a file here, of which
number. So it is struck at the same moments on every machine, in the middle of saving, too."""


def struck(
    folder: Path, wish: signal.Signals, where: str, number: int, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in a process that gets a signal, unless it ends before."""
    return scripted(folder, STRUCK, str(int(wish)), where, str(number), *arguments)


def scripted(folder: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own, of one thread."""
    return subprocess.run(
        [IMPASTO[0], "-c", script, *arguments],
        cwd=folder,
        env=one_thread(),
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )


def interrupt_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Press Ctrl-C in this process, in the middle of a step of painting, counted over all."""
    tell, told = LBFGS.tell, []

    def interrupted(self: LBFGS, *what: Any) -> str | None:
        told.append(what)
        if len(told) == step:
            signal.raise_signal(signal.SIGINT)
        return tell(self, *what)

    monkeypatch.setattr(LBFGS, "tell", interrupted)


def draw(path: Path, width: int = 64, height: int = 48, seed: int = 0) -> Path:
    """Write a picture of smooth blotches."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    small.resize((width, height), Image.Resampling.BICUBIC).save(path)
    return path


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def listing(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder with its bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
