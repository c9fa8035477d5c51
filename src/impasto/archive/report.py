"""The report of an archive: one JSON object per line and photo."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import IO, Self

from impasto.archive.engine import Event, Failed, Made
from impasto.archive.plan import UnreadableFolder
from impasto.atomic import check_output
from impasto.errors import OutputError
from impasto.text import reason, shown, without_password

EXTENSION = ".jsonl"

_LONGEST = 2**20
"""The most bytes of a line."""


class Report:
    """A file to which lines are appended: `photo`, `out`, `seconds`, and `error` for failures.

    Existing lines are kept, so a resumed run continues its report. Missing folders are created. If
    ``path`` is None, nothing is written. Raises `OutputError`, also if the file exists and is not a
    report.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: IO[bytes] | None = None
        if path is not None:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except (OSError, ValueError) as error:
                raise self._wrong(error) from error
            check_output(path, extensions=(EXTENSION,))
            self._check()

    def __enter__(self) -> Self:
        if self._path is not None:
            try:
                self._file = self._path.open("ab+")
                self._cut(self._file)
            except OSError as error:
                raise self._wrong(error) from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            with suppress(OSError):  # a full disk, which was told when the line was written
                self._file.close()

    def take(self, event: Event) -> None:
        """Append a line for a finished or failed picture."""
        match event:
            case Made(item, seconds):
                line = {"photo": item.photo, "out": item.out, "seconds": round(seconds, 3)}
            case Failed(item, error, seconds):
                line = {"photo": item.photo, "out": item.out, "seconds": round(seconds, 3)}
                line["error"] = error
            case UnreadableFolder(error):
                line = {"error": error}
            case _:
                return
        if self._file:
            try:
                self._file.write(without_password(json.dumps(line)).encode() + b"\n")
                self._file.flush()
            except OSError as error:
                raise self._wrong(error) from error

    def _check(self) -> None:
        assert self._path
        try:
            with self._path.open("rb") as file:
                first = file.readline(_LONGEST)
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._wrong(error) from error
        try:
            found = json.loads(first) if first else {"photo": ""}
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict) or not found.keys() & {"photo", "error"}:
            raise OutputError(
                f"{shown(self._path)}: already exists and is not a report; choose another name"
            )

    @staticmethod
    def _cut(file: IO[bytes]) -> None:
        """Remove an incomplete last line, left by a killed process."""
        start = max(0, file.tell() - _LONGEST)
        file.seek(start)
        file.truncate(start + file.read().rfind(b"\n") + 1)

    def _wrong(self, error: Exception) -> OutputError:
        assert self._path
        return OutputError(f"{shown(self._path)}: cannot be written: {reason(error)}")
