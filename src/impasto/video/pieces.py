"""The finished pieces of a film in progress, which survive a killed run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from impasto.atomic import hidden_name
from impasto.errors import CheckpointError, OutputError
from impasto.runtime import checkpoint
from impasto.text import reason, shown

Arrays = checkpoint.Arrays


class Pieces:
    """Pieces in a hidden folder beside the film, and the state after the last one.

    ``run`` identifies the film and its settings, as plain data; only the same run can resume.
    """

    def __init__(self, out: Path, run: Mapping[str, Any]) -> None:
        target = Path(os.path.realpath(out))
        self._out = out
        self._run = dict(run)
        self._folder = target.with_name(hidden_name(target, ".film"))
        self._state = self._folder / "state"
        self.count = 0

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the folder against other runs. Raises `CheckpointError`."""
        with checkpoint.locked(self._folder):
            yield

    def begin(self, *, resume: bool) -> tuple[Arrays, dict[str, Any]] | None:
        """Return the state to resume from; None to start over, with an empty folder.

        Raises `CheckpointError` for pieces of another run, and `OutputError`.
        """
        found = None
        if resume and self._state.exists():
            arrays, data = checkpoint.read(self._state)
            checkpoint.check_same_run(self._state, data.get("run"), self._run)
            self.count = int(data["pieces"])
            if not all(self.path(number).is_file() for number in range(self.count)):
                raise CheckpointError(
                    f"{shown(self._folder)}: pieces are missing; start without --resume"
                )
            found = arrays, data
        try:
            if found is None:
                self.count = 0
                self.remove()
            self._folder.mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(f"{shown(self._out)}: cannot be written: {reason(error)}") from error
        return found

    def path(self, number: int) -> Path:
        """Return the file of a piece."""
        return self._folder / f"{number:06}.piece"

    @property
    def next(self) -> Path:
        """The file of the piece in progress."""
        return self._folder / "next.piece"

    @property
    def paths(self) -> list[Path]:
        """The files of all finished pieces."""
        return [self.path(number) for number in range(self.count)]

    def keep(self, arrays: Arrays, data: Mapping[str, Any]) -> None:
        """Save the piece that was written, and the state after it. Raises `OutputError`."""
        try:
            with self.next.open("rb+") as file:
                os.fsync(file.fileno())
            self.next.replace(self.path(self.count))
        except OSError as error:
            raise OutputError(f"{shown(self._out)}: cannot be written: {reason(error)}") from error
        self.count += 1
        checkpoint.write(self._state, arrays, {**data, "run": self._run, "pieces": self.count})

    def remove(self) -> None:
        """Remove all pieces."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self._folder)
