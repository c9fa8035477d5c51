"""The losses as JSON lines: one object per step, written as soon as it is known."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable
from pathlib import Path

from impasto.errors import OutputError
from impasto.events import Losses
from impasto.text import reason, shown

EXTENSIONS = (".jsonl", ".ndjson", ".json", ".log", ".txt")


class Log:
    """A file of JSON lines. It is not kept open: each line is in the file when `add` returns."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, rows: Iterable[Losses]) -> None:
        """Make the file contain exactly these rows; truncate it if it already starts with them."""
        lines = b"".join(_line(row) for row in rows)
        try:
            if self._starts_with(lines):
                os.truncate(self.path, len(lines))
            else:
                self.path.write_bytes(lines)
        except OSError as error:
            raise self._error(error) from error

    def add(self, row: Losses) -> None:
        """Append the line of one step."""
        try:
            with self.path.open("ab") as file:
                file.write(_line(row))
        except OSError as error:
            raise self._error(error) from error

    def _starts_with(self, lines: bytes) -> bool:
        if not self.path.is_file():
            return False
        with self.path.open("rb") as file:
            return file.read(len(lines)) == lines

    def _error(self, error: OSError) -> OutputError:
        return OutputError(f"{shown(self.path)}: cannot be written: {reason(error)}")


def _line(row: Losses) -> bytes:
    """Return a line of the log with its newline. Values that are not finite become null."""
    values = {name: _finite(value) for name, value in row._asdict().items()}
    return json.dumps(values, allow_nan=False).encode() + b"\n"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
