"""Checkpoints of a job: one file for each attempt, of which the newest counts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors

from impasto.errors import CheckpointError
from impasto.runtime import checkpoint as checkpoints
from impasto.studio.storage import Storage

_NAME = re.compile(r"checkpoint-(\d+)")
_PLACE = ("ran", "versions")
"""The parts of a recipe that say where it was painted, not what."""


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
            raise CheckpointError(f"{name}: is not there any more") from error


def adopt(path: Path, recipe: Mapping[str, Any]) -> None:
    """Make a checkpoint of another machine go on here: with its threads, its kind of device.

    ``recipe`` is that of the painting here. The picture will differ from one painted in one place
    by what arithmetic differs by. What is painted has to be the same, as ever. Raises
    `CheckpointError`.
    """
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            data = json.loads(file.metadata()["data"])
        there = data["run"]
        here = json.loads(json.dumps({name: recipe[name] for name in _PLACE}))
        # What it ran so far is the checkpoint's own business.
        here["ran"] = {
            **there["ran"],
            **{k: here["ran"][k] for k in ("device", "precision", "threads")},
        }
        same = all(there[name] == here[name] for name in _PLACE)
    except (OSError, safetensors.SafetensorError, LookupError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path.name}: is damaged ({error})") from error
    if not same:
        arrays, data = checkpoints.read(path)
        checkpoints.write(path, arrays, {**data, "run": {**data["run"], **here}})
