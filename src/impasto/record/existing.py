"""Files of an earlier run may be replaced; any other existing file may not."""

from __future__ import annotations

import json
import mmap
from pathlib import Path
from typing import BinaryIO

from impasto.errors import OutputError
from impasto.text import reason, shown

MARK = "Impasto: plot or time-lapse of a run"
"""Written into every plot and time-lapse to identify it. A log is identified by its content."""

_MARKED = frozenset({".gif", ".webp", ".mp4", ".png", ".pdf", ".svg"})
_LONGEST_LINE = 1 << 16
_FIRST = b'{"step": '


def check_replaceable(path: Path) -> None:
    """Raise `OutputError` if a file exists and does not come from an earlier run.

    Plots, time-lapses and logs may be replaced; a photo named ``plot.png`` may not. Empty files
    may be replaced.
    """
    try:
        if not path.exists() or not path.stat().st_size:
            return
        with path.open("rb") as file:
            ours = _is_marked(file) if path.suffix.lower() in _MARKED else _is_log(file)
    except OSError as error:
        raise OutputError(f"{shown(path)}: cannot be read: {reason(error)}") from error
    if not ours:
        raise OutputError(
            f"{shown(path)}: already exists and was not written by Impasto; choose another name"
        )


def _is_marked(file: BinaryIO) -> bool:
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return data.find(MARK.encode()) >= 0


def _is_log(file: BinaryIO) -> bool:
    line = file.readline(_LONGEST_LINE)
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        # A run that was killed at its first step may leave part of a line.
        return not line.endswith(b"\n") and _FIRST.startswith(line[: len(_FIRST)])
    return isinstance(row, dict) and {"step", "loss"} <= row.keys()
