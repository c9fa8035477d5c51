from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from cli.shell import SHALLOW, Outcome, draw, impasto
from impasto import weights
from impasto.metrics import transport

_directions = lru_cache(transport.directions)


@pytest.fixture(autouse=True)
def _networks_thin(networks_thin: None) -> None:
    """Build each network once, with a quarter of its channels."""


@pytest.fixture(autouse=True)
def _found_once(original: weights.Found, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash the network's file once, and draw once the directions that pictures are measured in."""
    find = weights.find

    def found(choice: str = "auto", **options: Any) -> weights.Found:
        return original if choice in ("auto", "original") else find(choice, **options)

    monkeypatch.setattr(weights, "find", found)
    monkeypatch.setattr(transport, "directions", _directions)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a photo and two paintings."""
    draw(tmp_path / "photo.png", 64, 48, seed=1)
    draw(tmp_path / "style.png", 48, 64, seed=2)
    draw(tmp_path / "other.png", 56, 56, seed=3)
    return tmp_path


@pytest.fixture
def run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Outcome]:
    """Run `impasto` inside `folder`."""
    monkeypatch.chdir(folder)
    return lambda *arguments: impasto(capfd, *arguments)


@pytest.fixture
def paint(run: Callable[..., Outcome]) -> Callable[..., Outcome]:
    """Run `impasto paint` on a small picture; --size can be given again."""

    def paint(*arguments: Any, size: int = 48, steps: int = 3) -> Outcome:
        sized = [f"--size={size}", f"--steps={steps}"]
        return run("paint", "photo.png", "style.png", *SHALLOW, *sized, *arguments)

    return paint
