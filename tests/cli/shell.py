"""The command line as a user meets it: tiny pictures, shallow layers, real and faked shells."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from impasto.cli import main
from patience import now

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
