"""Photos and quick results of the last hours, as files that give way to newer ones."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import threading
import time
from contextlib import suppress
from pathlib import Path

from impasto.atomic import atomic_path
from impasto.studio.storage import make_folder

MOST = 512 * 2**20
"""Most bytes that are kept."""

KEEP = 24 * 3600.0
"""Seconds after which an unused picture is removed."""

_TOKEN = re.compile(r"[A-Za-z0-9_-]{24}")


class PictureCache:
    """Pictures by owner and token: a token of another owner finds nothing.

    The files survive a restart of the server, so that open pages can go on.
    """

    def __init__(self, folder: Path, most: int = MOST) -> None:
        self._folder, self._most = folder, most
        self._lock = threading.Lock()

    def put(self, owner: str, data: bytes) -> str:
        """Store a picture and return its token. Raises `OutputError`."""
        token = secrets.token_urlsafe(18)
        make_folder(self._folder, 0o700)
        with self._lock:
            self._make_room(len(data))
            with atomic_path(self._path(owner, token)) as path:
                path.write_bytes(data)
        return token

    def get(self, owner: str, token: str) -> bytes:
        """Return a picture. Raises `KeyError` for an unknown token."""
        if not _TOKEN.fullmatch(token):
            raise KeyError(token)
        path = self._path(owner, token)
        try:
            data = path.read_bytes()
        except OSError:
            raise KeyError(token) from None
        with suppress(OSError):
            os.utime(path)  # pictures in use are removed last
        return data

    def _path(self, owner: str, token: str) -> Path:
        return self._folder / f"{hashlib.sha256(owner.encode()).hexdigest()[:16]}-{token}"

    def _make_room(self, coming: int) -> None:
        files = []
        for path in self._folder.iterdir():
            with suppress(OSError):
                state = path.stat()
                files.append((state.st_mtime, state.st_size, path))
        total = coming + sum(size for _, size, _ in files)
        for used, size, path in sorted(files):
            if total <= self._most and used > time.time() - KEEP:
                break
            with suppress(OSError):
                path.unlink()
            total -= size
