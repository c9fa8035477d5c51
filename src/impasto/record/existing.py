"""What an earlier run left may be replaced; what never came from a run may not."""

from __future__ import annotations

import json
from pathlib import Path

from impasto.errors import OutputError
from impasto.images.text import reason, shown

_BEGINNINGS = {
    ".gif": (b"GIF8",),
    ".webp": (b"RIFF",),
    ".png": (b"\x89PNG",),
    ".pdf": (b"%PDF",),
    ".svg": (b"<?xml", b"<svg"),
}
"""How files of a kind begin; those of .mp4 have a word at byte 4, logs are JSON."""

_LONGEST_LINE = 1 << 16
_FIRST = b'{"step": '


def check_kind(path: Path) -> None:
    """Raise `OutputError` for a file that is there and is not of the kind its extension says.

    A plot, a film or a log of losses is replaced by the next one; a letter that is called
    ``losses.txt`` is not. An empty file is nothing to lose.
    """
    try:
        if not path.exists():
            return
        with path.open("rb") as file:
            line = file.readline(_LONGEST_LINE)
    except OSError as error:
        raise OutputError(f"{shown(path)}: cannot be looked into: {reason(error)}") from error
    if line and not _is_of_kind(line, path.suffix.lower()):
        raise OutputError(
            f"{shown(path)}: is there already and does not come from Impasto; give another name"
        )


def _is_of_kind(line: bytes, extension: str) -> bool:
    if extension == ".mp4":
        return line[4:8] == b"ftyp"
    if extension in _BEGINNINGS:
        return line.startswith(_BEGINNINGS[extension])
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        # Of a run that was killed at its first step.
        return not line.endswith(b"\n") and _FIRST.startswith(line[: len(_FIRST)])
    return isinstance(row, dict) and {"step", "loss"} <= row.keys()
