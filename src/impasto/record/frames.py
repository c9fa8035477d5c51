"""A folder of pictures, one every so many steps."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from impasto.errors import OutputError
from impasto.events import Step
from impasto.images import check_output, resize, save_picture
from impasto.images.text import reason, shown

_NAME = re.compile(r"frame-\d{6,}\.png")


class Frames:
    """Writes ``frame-000010.png`` and so on, each at the size of its own scale.

    ``alpha`` (h, w) in [0, 1] is the transparency of them all.
    """

    def __init__(self, folder: Path, every: int, alpha: NDArray[np.float32] | None = None) -> None:
        self.folder = folder
        self._alpha = alpha
        self.every = every

    def check(self, others: Iterable[Path]) -> None:
        """Raise `OutputError` where the folder cannot be written or a frame could hit a file."""
        existing = self._existing()
        if not existing.is_dir():
            raise OutputError(f"--frames {shown(self.folder)}: {shown(existing)} is not a folder")
        check_output(existing / "frame.png", extensions=(".png",))
        for other in others:
            if _NAME.fullmatch(other.name) and other.resolve().parent == self.folder.resolve():
                raise OutputError(f"--frames {shown(self.folder)} could write over {shown(other)}")

    def _existing(self) -> Path:
        """Return the folder, or the nearest one above it that exists."""
        folder = self.folder.absolute()
        try:
            return next(path for path in (folder, *folder.parents) if path.exists())
        except OSError as error:
            raise OutputError(f"--frames {shown(self.folder)}: {reason(error)}") from error

    def due(self, event: Step) -> bool:
        """Tell whether this step's picture is one to keep: every so many, and the last."""
        return event.step % self.every == 0 or event.step == event.steps

    def save(self, step: int, rgb: NDArray[np.float32]) -> Path:
        """Write the picture of a step, atomically; a missing folder is made."""
        path = self.folder / f"frame-{step:06d}.png"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"{shown(self.folder)}: the folder cannot be made: {reason(error)}"
            raise OutputError(message) from error
        height, width, _ = rgb.shape
        alpha = self._alpha
        if alpha is not None:
            alpha = resize(alpha[:, :, None], width, height)[:, :, 0]
        save_picture(np.nan_to_num(rgb).clip(0, 1), path, alpha=alpha)
        return path
