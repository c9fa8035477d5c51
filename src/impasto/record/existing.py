"""What an earlier run left may be replaced; what never came from a run may not."""

from __future__ import annotations

import json
import mmap
from pathlib import Path
from typing import BinaryIO

from impasto.errors import OutputError
from impasto.text import reason, shown

MARK = "Impasto: plot or time-lapse of a run"
"""Stands in every plot and film, by which it is known. Logs of losses are known as they are."""

_MARKED = frozenset({".gif", ".webp", ".mp4", ".png", ".pdf", ".svg"})
_LONGEST_LINE = 1 << 16
_FIRST = b'{"step": '


def check_kind(path: Path) -> None:
    """Raise `OutputError` for a file that is there and that no run has left.

    A plot, a film or a log of losses is replaced by the next one; a photo that is called
    ``plot.png`` is not. An empty file is nothing to lose.
    """
    try:
        if not path.exists() or not path.stat().st_size:
            return
        with path.open("rb") as file:
            ours = _is_marked(file) if path.suffix.lower() in _MARKED else _is_log(file)
    except OSError as error:
        raise OutputError(f"{shown(path)}: cannot be looked into: {reason(error)}") from error
    if not ours:
        raise OutputError(
            f"{shown(path)}: is there already and does not come from Impasto; give another name"
        )


def _is_marked(file: BinaryIO) -> bool:
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return data.find(MARK.encode()) >= 0


def _is_log(file: BinaryIO) -> bool:
    line = file.readline(_LONGEST_LINE)
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        # Of a run that was killed at its first step.
        return not line.endswith(b"\n") and _FIRST.startswith(line[: len(_FIRST)])
    return isinstance(row, dict) and {"step", "loss"} <= row.keys()
