"""How to stylise pictures with a trained network."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from impasto.errors import OptionsError
from impasto.options import parsing
from impasto.options.checked import Checked, option, quoted
from impasto.options.machine import check_device
from impasto.options.pictures import MAX_SIDE

COLORS = ("style", "photo", "luminance")
AUTO = "auto"
MAX_JOBS = 1024
"""The most processes, or actors of a cluster, that work at once."""

BACKENDS = ("auto", "onnx", "torch")

MAX_SEED = 2**31 - 2
"""The largest seed of the noise that networks add."""

SMALLEST_TILE = 64
"""The smallest side of a tile, in pixels."""


@dataclass(frozen=True, kw_only=True)
class ApplyOptions(Checked):
    """How to stylise pictures with a trained network."""

    strength: float = option(
        1.0, "Strength of the style: 0 is the photo, 1 the style as trained; up to 1.5."
    )
    color: str = option(
        "style",
        "Which colours to use: the style's, or the photo's by restoring its chroma at the end; "
        "luminance also turns the photo grey before stylising it.",
        choices=COLORS,
    )
    style_scale: float = option(
        1.0,
        "Size of the strokes: 2 for twice as large, 0.5 for half. They look the same in pictures "
        "of any size from 1024 pixels up.",
    )
    seed: int = option(0, "Another seed gives another painting of the same photo.")
    mask: tuple[str, ...] | None = option(
        None,
        "A picture, white where the photo is painted and black where it stays unchanged; or one "
        "for each style of a mixture, white where the style belongs: sky.png,ground.png.",
        metavar="FILES",
    )
    size: int | None = option(
        None, "Long side of the results in pixels. Default: that of the photo."
    )
    tile: str | int = option(
        "auto",
        "Side in pixels of the tiles in which large pictures are computed; auto chooses it.",
        metavar="auto|PX",
    )
    backend: str = option(
        "auto",
        "Library that runs the network: ONNX Runtime or PyTorch; auto picks the faster one.",
        choices=BACKENDS,
    )
    device: str = option("auto", "auto, cpu, cuda, cuda:N or mps.", metavar="DEVICE")
    jobs: str | int = option(
        AUTO,
        "Of a folder, how many processes work on it, each with a network of its own; auto is what "
        "the cores and the memory here are best used by.",
        metavar="auto|N",
    )

    def __post_init__(self) -> None:
        """Normalise and check all fields."""
        self._number("strength", 0, 1.5)
        self._choice("color", COLORS)
        self._number("style_scale", 0.5, 2)
        self._integer("seed", 0, MAX_SEED)
        self._set("mask", parsing.files("mask", self.mask))
        if self.size is not None:
            self._integer("size", 1, MAX_SIDE)
        self._set("tile", _tile(self.tile))
        self._choice("backend", BACKENDS)
        self._text("device")
        check_device(self.device)
        self._set("jobs", _jobs(self.jobs))


def _jobs(value: Any) -> str | int:
    """Bring ``jobs`` to "auto" or a number."""
    if value == AUTO:
        return AUTO
    digits = isinstance(value, str) and re.fullmatch(r"[0-9]{1,6}", value)
    count = int(value) if digits or (isinstance(value, int) and not isinstance(value, bool)) else 0
    if not 1 <= count <= MAX_JOBS:
        raise OptionsError(f"--jobs must be auto or from 1 to {MAX_JOBS}, got {quoted(value)}")
    return count


def _tile(value: Any) -> str | int:
    """Parse ``tile`` as "auto" or a side in pixels."""
    if value == "auto":
        return "auto"
    digits = isinstance(value, str) and re.fullmatch(r"[0-9]{1,6}", value)
    side = int(value) if digits or (isinstance(value, int) and not isinstance(value, bool)) else 0
    if not SMALLEST_TILE <= side <= MAX_SIDE:
        raise OptionsError(
            f"--tile must be auto or {SMALLEST_TILE} to {MAX_SIDE} pixels, got {quoted(value)}"
        )
    return side
