"""The files of jobs, in a folder or a bucket. A file is whole or not there."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fsspec
from fsspec.implementations.local import LocalFileSystem

from impasto.errors import OutputError
from impasto.images.atomic import atomic_path

_ID = re.compile(r"[A-Za-z0-9_-]{20,40}")
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,60}")


class Files:
    """Files by job and name: ``files.put(job, "photo", data)``.

    ``root`` is a folder or a URL that fsspec knows. A job's id and a file's name are checked
    against what we make ourselves, so no text from outside becomes a path. Raises `OutputError`
    when nothing can be written, `FileNotFoundError` for what is not there.
    """

    def __init__(self, root: str) -> None:
        self._fs, self._root = fsspec.core.url_to_fs(root)
        self._local = isinstance(self._fs, LocalFileSystem)
        if self._local:
            try:
                Path(self._root).mkdir(parents=True, exist_ok=True, mode=0o700)
            except OSError as error:
                raise OutputError(f"{self._root}: cannot be made: {error.strerror}") from error

    def put(self, job: str, name: str, data: bytes) -> None:
        """Write a file, whole at once."""
        with self.writing(job, name) as path:
            path.write_bytes(data)

    @contextmanager
    def writing(self, job: str, name: str) -> Iterator[Path]:
        """Give a local path to write to; the file is there when the block ends without an error."""
        key = self._key(job, name)
        if self._local:
            Path(key).parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(key) as path:
                yield path
            return
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            yield path
            self._fs.put_file(str(path), key)

    @contextmanager
    def reading(self, job: str, name: str) -> Iterator[Path]:
        """Give a local path to read from."""
        key = self._key(job, name)
        if self._local:
            yield Path(key)
            return
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            self._fs.get_file(key, str(path))
            yield path

    def get(self, job: str, name: str) -> bytes:
        """Return what a file holds."""
        data: bytes = self._fs.cat_file(self._key(job, name))
        return data

    def exists(self, job: str, name: str) -> bool:
        """Tell whether a file is there."""
        return bool(self._fs.exists(self._key(job, name)))

    def remove(self, job: str, *names: str) -> None:
        """Remove some files of a job, or without names all; what is not there is no error."""
        for name in names:
            key = self._key(job, name)
            if self._fs.exists(key):
                self._fs.rm_file(key)
        if not names:
            folder = self._folder(job)
            if self._local:
                shutil.rmtree(folder, ignore_errors=True)
            elif self._fs.exists(folder):
                self._fs.rm(folder, recursive=True)

    def jobs(self) -> list[str]:
        """Return the ids of all jobs that have files."""
        root = f"{self._root}/jobs"
        if not self._fs.exists(root):
            return []
        names = [
            str(path).rstrip("/").rsplit("/", 1)[-1] for path in self._fs.ls(root, detail=False)
        ]
        return [name for name in names if _ID.fullmatch(name)]

    def _folder(self, job: str) -> str:
        if not _ID.fullmatch(job):
            raise ValueError(f"{job!r} is no id of a job")
        return f"{self._root}/jobs/{job}"

    def _key(self, job: str, name: str) -> str:
        if not _NAME.fullmatch(name) or ".." in name:
            raise ValueError(f"{name!r} is no name of a file")
        return f"{self._folder(job)}/{name}"
