"""Slots: names of workers that outlive them, each held by one process at a time.

A restarted worker takes back at once what it had, which it knows by its name. So the name must be
the same after a restart, and no other living worker may have it, on any machine: it is drawn by lot
when a slot is first taken, and lies in the file that is locked.
"""

from __future__ import annotations

import fcntl
import secrets
import socket
import time
from pathlib import Path
from typing import IO, NamedTuple

from impasto.errors import OutputError

_MOST = 256
_PAUSE = 0.1


class Slot(NamedTuple):
    """A slot that is held until its file is closed, or until the process ends, however it does."""

    number: int
    name: str
    file: IO[str]


def take(folder: Path, number: int | None = None, patience: float = 0.0) -> Slot:
    """Take slot ``number``, or the first that is free after ``patience`` seconds of trying.

    Raises `OutputError` when the folder cannot be written to, or no slot is free.
    """
    end = time.monotonic() + patience
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        while number is not None:
            if slot := _try(folder, number):
                return slot
            if time.monotonic() >= end:
                break
            time.sleep(_PAUSE)
        for other in range(_MOST):
            if slot := _try(folder, other):
                return slot
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error.strerror}") from error
    raise OutputError(f"{folder}: {_MOST} workers run already")


def _try(folder: Path, number: int) -> Slot | None:
    file = (folder / f"{socket.gethostname()}-{number}").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    file.seek(0)
    name = file.read(64).strip()
    if not name:
        name = f"{number}-{secrets.token_hex(8)}"
        file.write(name)
        file.flush()
    return Slot(number, name, file)
