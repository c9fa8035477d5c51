"""The files of jobs, in a folder or a bucket. A file is whole or not there."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import fsspec
import platformdirs
from fsspec.implementations.local import LocalFileSystem

from impasto.atomic import atomic_path, sync_folder
from impasto.errors import OutputError

_ID = re.compile(r"[A-Za-z0-9_-]{20,40}")
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,60}")


class Storage:
    """Files by job and name: ``files.put(job, "photo", data)``.

    ``root`` is a folder or a URL that fsspec knows. A job's id and a file's name are checked
    against what we make ourselves, so no text from outside becomes a path. Raises `OutputError`
    when nothing can be written, `FileNotFoundError` for what is not there.
    """

    def __init__(self, root: str) -> None:
        self._fs, self._root = fsspec.core.url_to_fs(root)
        self._local = isinstance(self._fs, LocalFileSystem)
        if self._local:
            make_folder(Path(self._root), 0o700)

    @property
    def home(self) -> Path:
        """A local folder for what workers of this machine need for themselves."""
        if self._local:
            return Path(self._root)
        return Path(platformdirs.user_cache_dir("impasto")) / "studio"

    def put(self, job: str, name: str, data: bytes) -> None:
        """Write a file, whole at once."""
        key = self._key(job, name)
        if not self._local:
            self._fs.pipe_file(key, data)
            return
        make_folder(Path(key).parent)
        with atomic_path(key) as path:
            path.write_bytes(data)
        sync_folder(Path(key).parent)

    def take(self, job: str, name: str, path: Path) -> None:
        """Move a file that is whole to where it belongs; from `scratch` that costs nothing."""
        key = self._key(job, name)
        if not self._local:
            self._fs.put_file(str(path), key)
            path.unlink()
            return
        make_folder(Path(key).parent)
        try:
            path.replace(key)
        except OSError as error:
            raise OutputError(f"{name}: cannot be written: {error.strerror}") from error
        sync_folder(Path(key).parent)

    def copy(self, job: str, name: str, path: Path) -> None:
        """Store a copy of a file that never changes; on this machine it takes no room."""
        key = self._key(job, name)
        if not self._local:
            self._fs.put_file(str(path), key)
            return
        make_folder(Path(key).parent)
        try:
            Path(key).hardlink_to(path)
        except FileExistsError:
            pass
        except OSError:  # there are no hard links here
            with atomic_path(key) as copy:
                shutil.copyfile(path, copy)
        sync_folder(Path(key).parent)

    def fetch(self, job: str, name: str, path: Path) -> None:
        """Bring a file to a local path of its own: changing that leaves the file as it is."""
        key = self._key(job, name)
        path.unlink(missing_ok=True)
        if self._local:
            with suppress(OSError):
                path.hardlink_to(key)
                return
        self._fs.get_file(key, str(path))

    def scratch(self, worker: str) -> Path:
        """Return an empty local folder for one worker to write in; what it held is gone."""
        folder = self.home / "scratch" / worker
        shutil.rmtree(folder, ignore_errors=True)
        make_folder(folder, 0o700)
        return folder

    def read(self, job: str, name: str, start: int, end: int) -> bytes:
        """Return a part of a file, from one byte to before another."""
        data: bytes = self._fs.cat_file(self._key(job, name), start=start, end=end)
        return data

    def size(self, job: str, name: str) -> int:
        """Return the size of a file in bytes."""
        return int(self._fs.size(self._key(job, name)))

    @property
    def incoming(self) -> Path:
        """A local folder for large files that are being sent; `take` moves them from there."""
        folder = self.home / "incoming"
        make_folder(folder)
        return folder

    def path(self, job: str, name: str) -> Path | None:
        """Return where a file lies on this machine; None where it lies elsewhere."""
        key = self._key(job, name)
        return Path(key) if self._local else None

    def get(self, job: str, name: str) -> bytes:
        """Return what a file holds."""
        data: bytes = self._fs.cat_file(self._key(job, name))
        return data

    def names(self, job: str) -> list[str]:
        """Return the names of all files of a job, and what a killed process left among them."""
        return sorted(path.rsplit("/", 1)[-1] for path in self._list(self._folder(job)))

    def touched(self, job: str) -> float:
        """Return when a file of a job was last changed, in seconds since 1970."""
        with suppress(OSError, NotImplementedError):
            paths = self._list(self._folder(job)) or [self._folder(job)]
            return max(float(self._fs.modified(path).timestamp()) for path in paths)
        return time.time()  # who cannot tell has it removed later, not sooner

    def sweep(self, job: str, keep: Callable[[str], bool]) -> None:
        """Remove those files of a job that are not to be kept, and unfinished ones."""
        for path in self._list(self._folder(job)):
            if not keep(path.rsplit("/", 1)[-1]):
                with suppress(FileNotFoundError):
                    self._fs.rm_file(path)

    def remove(self, job: str, *names: str) -> None:
        """Remove some files of a job, or without names all; what is not there is no error."""
        for name in names:
            with suppress(FileNotFoundError):
                self._fs.rm_file(self._key(job, name))
        if not names and self._fs.exists(self._folder(job)):
            with suppress(FileNotFoundError):
                self._fs.rm(self._folder(job), recursive=True)

    def jobs(self) -> list[str]:
        """Return the ids of all jobs that have files."""
        names = [path.rsplit("/", 1)[-1] for path in self._list(f"{self._root}/jobs")]
        return [name for name in names if _ID.fullmatch(name)]

    def _list(self, folder: str) -> list[str]:
        try:
            self._fs.invalidate_cache(folder)  # other processes write there as well
            return [str(path).rstrip("/") for path in self._fs.ls(folder, detail=False)]
        except FileNotFoundError:
            return []

    def _folder(self, job: str) -> str:
        if not _ID.fullmatch(job):
            raise ValueError(f"{job!r} is not an id of a job")
        return f"{self._root}/jobs/{job}"

    def _key(self, job: str, name: str) -> str:
        if not _NAME.fullmatch(name) or ".." in name:
            raise ValueError(f"{name!r} is not a name of a file")
        return f"{self._folder(job)}/{name}"


def make_folder(folder: Path, mode: int = 0o777) -> None:
    """Make a folder, unless it is there. Raises `OutputError`."""
    if not folder.is_dir():
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=mode)
        except OSError as error:
            raise OutputError(f"{folder}: cannot be made: {error.strerror}") from error
        sync_folder(folder.parent)
