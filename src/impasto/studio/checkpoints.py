"""Checkpoints of a job: one file for each attempt, of which the newest counts."""

from __future__ import annotations

import re
from pathlib import Path

from impasto.errors import CheckpointError
from impasto.studio.storage import Storage

_NAME = re.compile(r"checkpoint-(\d+)")


class JobCheckpoints:
    """The checkpoints of a job that are kept. ``attempt`` is the one that writes."""

    def __init__(self, files: Storage, job: str, attempt: int) -> None:
        self._files, self._job, self._attempt = files, job, attempt

    def names(self) -> list[str]:
        """Return their names, the newest first."""
        found = [match for name in self._files.names(self._job) if (match := _NAME.fullmatch(name))]
        return [match[0] for match in sorted(found, key=lambda match: -int(match[1]))]

    def put(self, path: Path) -> None:
        """Move a checkpoint in, in place of this attempt's last and of those of earlier ones."""
        mine = f"checkpoint-{self._attempt}"
        self._files.take(self._job, mine, path)
        names = self.names()
        if older := names[names.index(mine) + 1 :]:
            self._files.remove(self._job, *older)

    def fetch(self, name: str, path: Path) -> None:
        """Bring one to a path of the worker's own. Raises `CheckpointError` if it is gone."""
        try:
            self._files.fetch(self._job, name, path)
        except FileNotFoundError as error:
            raise CheckpointError(f"{name}: no longer exists") from error
