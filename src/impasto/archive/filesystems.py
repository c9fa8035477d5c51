"""Access to pictures in local folders, and by URL in any store that fsspec supports."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from impasto.errors import ImageError, MissingExtraError, OptionsError, OutputError
from impasto.images.folders import Folder, picture_extensions, walk
from impasto.images.load import check_bytes, load_bytes
from impasto.images.picture import Stored
from impasto.images.read import read_bytes
from impasto.options import ReadOptions
from impasto.text import reason, shown, without_password

OnUnreadable = Callable[[ImageError], None]

_WHOLE = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oci", "memory"})
"""Protocols of stores in which a file appears only when it is complete."""


class Files(Protocol):
    """A file system. A place is a path or a URL."""

    def join(self, folder: str, name: str) -> str:
        """Return the place of a name, or of a relative path, in a folder."""

    def is_folder(self, place: str) -> bool:
        """Return whether there is a folder. Raises `ImageError` where nobody answers."""

    def is_file(self, place: str) -> bool:
        """Return whether there is a file now, whoever wrote it. Raises as `is_folder`."""

    def names_in(self, folder: str) -> Callable[[str], bool]:
        """Return a test for the names of pictures in a folder, which may not exist."""

    def scan(self, folder: str) -> Folder:
        """Scan a folder. Raises `OSError`."""

    def walk(self, root: str, without: str | None, unreadable: OnUnreadable) -> Iterator[Folder]:
        """As `images.folders.walk`."""

    def load(self, place: str, options: ReadOptions) -> bytes:
        """Return the bytes of a file of a picture. Raises `ImageError`."""

    def read(self, place: str, options: ReadOptions) -> Stored:
        """Read a picture. Raises `ImageError`."""

    @contextmanager
    def writing(self, place: str) -> Iterator[Path]:
        """Yield a local path to write to; the complete file is then moved to its place.

        Creates the folder. Raises `OutputError`.
        """


def is_url(place: str) -> bool:
    """Return whether a place is a URL."""
    return "://" in place


def resolved(place: str) -> str:
    """Return where a place really is: links are followed."""
    return place.rstrip("/") if is_url(place) else os.path.realpath(place)


def files_at(place: str) -> Files:
    """Return the file system of a place.

    Raises `MissingExtraError` if fsspec is not installed, and `OptionsError` for an invalid URL.
    """
    return _remote("/".join(place.split("/")[:3])) if is_url(place) else LocalFiles()


@lru_cache(maxsize=64)
def _remote(host: str) -> RemoteFiles:
    protocol = host.partition("://")[0]
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise MissingExtraError(f"{protocol}://", "ray") from error
    try:
        system, _ = url_to_fs(host, use_listings_cache=False)
    except Exception as error:  # a library is missing, nobody knows it, or nobody answers
        raise OptionsError(f"{shown(host)}: cannot be used: {reason(error)}") from error
    return RemoteFiles(system, protocol)


class LocalFiles:
    """The file system of this machine."""

    def join(self, folder: str, name: str) -> str:
        """As `Files.join`."""
        return os.path.join(folder, name)  # noqa: PTH118 (a million of them)

    def is_folder(self, place: str) -> bool:
        """As `Files.is_folder`."""
        return os.path.isdir(place)  # noqa: PTH112 (a name may be too long for the disk)

    def is_file(self, place: str) -> bool:
        """As `Files.is_file`."""
        return os.path.isfile(place)  # noqa: PTH113 (a million of them)

    def names_in(self, folder: str) -> Callable[[str], bool]:
        """As `Files.names_in`, with one look-up per name."""
        before = self.join(folder, "")
        return lambda name: os.path.isfile(before + name)  # noqa: PTH113

    def scan(self, folder: str) -> Folder:
        """As `Files.scan`."""
        return Folder.scan(folder)

    def walk(self, root: str, without: str | None, unreadable: OnUnreadable) -> Iterator[Folder]:
        """As `Files.walk`."""
        return walk(root, without=without, unreadable=unreadable)

    def load(self, place: str, options: ReadOptions) -> bytes:
        """As `Files.load`."""
        return load_bytes(place, options)

    def read(self, place: str, options: ReadOptions) -> Stored:
        """As `Files.read`."""
        return read_bytes(self.load(place, options), without_password(place), options)

    @contextmanager
    def writing(self, place: str) -> Iterator[Path]:
        """As `Files.writing`: pictures are written atomically anyway."""
        folder = Path(place).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:
            raise OutputError(f"{shown(folder)}: cannot be created: {reason(error)}") from error
        yield Path(place)


class RemoteFiles:
    """A file system of fsspec."""

    def __init__(self, system: Any, protocol: str) -> None:
        self._system, self._protocol = system, protocol

    def join(self, folder: str, name: str) -> str:
        """As `Files.join`."""
        return f"{folder.rstrip('/')}/{name.replace(os.sep, '/')}"

    def is_folder(self, place: str) -> bool:
        """As `Files.is_folder`."""
        return self._ask(place, self._system.isdir)

    def is_file(self, place: str) -> bool:
        """As `Files.is_file`."""
        return self._ask(place, self._system.isfile)

    def names_in(self, folder: str) -> Callable[[str], bool]:
        """As `Files.names_in`. Lists all names at once; a request per name would take hours."""
        try:
            return frozenset(self.scan(folder).names()).__contains__
        except OSError:
            return lambda name: False  # noqa: ARG005

    def scan(self, folder: str) -> Folder:
        """As `Files.scan`. Keeps the names, because stores return them all in one listing."""
        try:
            found = self._system.ls(self._path(folder), detail=True)
        except OSError:
            raise
        except Exception as error:  # stores raise what they like
            raise OSError(str(error)) from error
        extensions, names, folders = picture_extensions(), [], []
        own = self._path(folder).strip("/")
        for entry in found:
            path = str(entry["name"]).strip("/")
            name = path.rpartition("/")[2]
            if not name or name[0] == "." or path == own:  # some stores list the folder itself
                continue
            if entry["type"] == "directory":
                folders.append(name)
            elif _ending(name).lower() in extensions:
                names.append(name)
        endings = frozenset(map(_ending, names))
        return Folder(folder, endings, tuple(sorted(folders)), tuple(names))

    def walk(self, root: str, without: str | None, unreadable: OnUnreadable) -> Iterator[Folder]:
        """As `Files.walk`."""
        left = [root.rstrip("/")]
        while left:
            place = left.pop()
            try:
                folder = self.scan(place)
            except OSError as error:
                unreadable(
                    ImageError(f"{shown(place)}: the folder cannot be read: {reason(error)}")
                )
                continue
            yield folder
            below = [self.join(place, name) for name in folder.folders]
            left += reversed([path for path in below if path != (without or "").rstrip("/")])

    def load(self, place: str, options: ReadOptions) -> bytes:
        """As `Files.load`."""
        try:
            data = self._system.cat_file(self._path(place), start=0, end=options.max_bytes + 1)
        except FileNotFoundError as error:
            raise ImageError(f"{shown(place)}: no such file") from error
        except Exception as error:  # stores raise what they like
            raise ImageError(f"{shown(place)}: cannot be read: {reason(error)}") from error
        check_bytes(len(data), without_password(place), options)
        return bytes(data)

    def read(self, place: str, options: ReadOptions) -> Stored:
        """As `Files.read`."""
        return read_bytes(self.load(place, options), without_password(place), options)

    @contextmanager
    def writing(self, place: str) -> Iterator[Path]:
        """As `Files.writing`."""
        with tempfile.TemporaryDirectory(prefix="impasto-") as folder:
            local = Path(folder) / place.rpartition("/")[2]
            try:
                yield local
            except OutputError as error:
                raise OutputError(str(error).replace(str(local), shown(place))) from error
            try:
                self._put(str(local), self._path(place))
            except Exception as error:  # stores raise what they like
                raise OutputError(f"{shown(place)}: cannot be written: {reason(error)}") from error

    def _ask(self, place: str, question: Callable[[str], Any]) -> bool:
        try:
            return bool(question(self._path(place)))
        except Exception as error:  # stores raise what they like
            told = f"{shown(place)}: cannot be reached: {reason(error)}"
            raise ImageError(told) from error

    def _put(self, local: str, path: str) -> None:
        if self._protocol in _WHOLE:
            self._system.put_file(local, path)
            return
        folder, _, name = path.rpartition("/")
        self._system.makedirs(folder, exist_ok=True)
        beside = f"{folder}/.impasto-{secrets.token_hex(8)}-{name}"
        try:
            self._system.put_file(local, beside)
            self._system.mv(beside, path)
        except BaseException:
            with suppress(Exception):
                self._system.rm_file(beside)
            raise

    def _path(self, place: str) -> str:
        return str(self._system._strip_protocol(place))


def _ending(name: str) -> str:
    return os.path.splitext(name)[1]  # noqa: PTH122
