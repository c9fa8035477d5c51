"""A folder of pictures, one every few steps."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import impasto
from impasto.atomic import check_output
from impasto.errors import OutputError
from impasto.events import Step
from impasto.images import save_picture
from impasto.images.resize import resize_plane
from impasto.text import reason, shown

_MARK = '"kind": "frame"'
"""The part of a frame's recipe that identifies it in the file."""

_PNG, _HEAD = b"\x89PNG", 1 << 16

_NAME = re.compile(r"frame-\d{6,}\.png")


class Frames:
    """Writes ``frame-000010.png`` and so on, each at the size of its scale.

    ``alpha`` (h, w) in [0, 1] is the transparency of all frames.
    """

    def __init__(self, folder: Path, every: int, alpha: NDArray[np.float32] | None = None) -> None:
        self.folder = folder
        self._alpha = alpha
        self.every = every

    def check(self, others: Iterable[Path]) -> None:
        """Raise `OutputError` if the folder is not writable or a frame could overwrite a file."""
        existing = self._existing()
        if not existing.is_dir():
            raise OutputError(f"--frames {shown(self.folder)}: {shown(existing)} is not a folder")
        check_output(existing / "frame.png", extensions=(".png",))
        for other in others:
            if _NAME.fullmatch(other.name) and other.resolve().parent == self.folder.resolve():
                raise OutputError(f"--frames {shown(self.folder)} could overwrite {shown(other)}")
        self._of_earlier_runs()

    def begin(self, step: int) -> None:
        """Remove frames of an earlier run from this step on; they would mix with the new ones.

        Raises `OutputError`.
        """
        for path in self._of_earlier_runs():
            if int(path.stem.removeprefix("frame-")) >= step:
                try:
                    path.unlink()
                except OSError as error:
                    raise OutputError(
                        f"{shown(path)}: cannot be replaced: {reason(error)}"
                    ) from error

    def _of_earlier_runs(self) -> list[Path]:
        """Return the existing frames. Raises `OutputError` for other files named like a frame."""
        if not self.folder.is_dir():
            return []
        try:
            found = [path for path in self.folder.iterdir() if _NAME.fullmatch(path.name)]
        except OSError as error:
            message = f"--frames {shown(self.folder)}: cannot be read: {reason(error)}"
            raise OutputError(message) from error
        for path in found:
            if not _is_frame(path):
                raise OutputError(
                    f"--frames {shown(self.folder)}: {path.name} already exists and is not a frame "
                    "written by Impasto; choose another folder"
                )
        return found

    def _existing(self) -> Path:
        """Return the folder, or its nearest parent that exists."""
        folder = self.folder.absolute()
        try:
            return next(path for path in (folder, *folder.parents) if path.exists())
        except OSError as error:
            raise OutputError(f"--frames {shown(self.folder)}: {reason(error)}") from error

    def due(self, event: Step) -> bool:
        """Return whether to save the picture of this step: every few steps, and the last."""
        return event.step % self.every == 0 or event.step == event.steps

    def save(self, step: int, rgb: NDArray[np.float32]) -> Path:
        """Write the picture of a step atomically; create the folder if it is missing."""
        path = self.folder / f"frame-{step:06d}.png"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"{shown(self.folder)}: the folder cannot be created: {reason(error)}"
            raise OutputError(message) from error
        height, width, _ = rgb.shape
        alpha = self._alpha
        if alpha is not None:
            alpha = resize_plane(alpha, width, height)
        about = {"kind": "frame", "step": step, "version": impasto.__version__}
        save_picture(np.nan_to_num(rgb).clip(0, 1), path, alpha=alpha, recipe=about)
        return path


def _is_frame(path: Path) -> bool:
    """Return whether a file begins like a frame; empty files count as frames."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    return not head or (head.startswith(_PNG) and _MARK.encode() in head)
