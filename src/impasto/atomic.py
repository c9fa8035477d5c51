"""Files that are whole or not there: written beside their place, then moved into it."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import stat
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from impasto.errors import Notice, OutputError, nearest
from impasto.text import reason, shown

AnyPath = str | os.PathLike[str]

_LONGEST_NAME = 255
"""Bytes of a file's name, at most."""

_ABANDONED = 24 * 3600.0
"""Seconds without a change, after which nobody writes to a temporary file any more."""


@contextmanager
def atomic_write(path: AnyPath) -> Iterator[BinaryIO]:
    """Open a binary file that appears at ``path`` only when the block ends without an error.

    As `atomic_path`, for who writes through a file object.
    """
    with atomic_path(path) as temporary, temporary.open("xb") as file:
        yield file


@contextmanager
def atomic_path(path: AnyPath, *, tell: bool = True) -> Iterator[Path]:
    """Give a name to write to; the file moves to ``path`` when the block ends without an error.

    Until then it is a hidden file in the same folder, removed on any failure; an earlier file at
    ``path`` stays as it was, and no reader ever sees half a file. A link is followed: its target
    is replaced. A file that replaces another has its permissions, else those that the umask says;
    one that nobody may write is refused. Of a file with several names (hard links) the others keep
    the earlier content, for they may be a backup's; a `Notice` says so, unless it is not to
    ``tell``. Raises `OutputError` for any `OSError`, also one from inside the block (a full disk);
    other errors pass through.
    """
    try:
        target = _target(path)
        temporary = _temporary(target)
        try:
            _check_writable(target)
            yield temporary
            _to_disk(temporary)
            _take_place(temporary, target, tell=tell)
        finally:
            with suppress(OSError):
                temporary.unlink()
    except OSError as error:
        raise OutputError(f"{shown(path)}: cannot be written: {reason(error)}") from error


def sync_folder(folder: Path) -> None:
    """Have the names in a folder survive a power cut, where the system can do that."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def check_output(
    path: AnyPath,
    *,
    extensions: Sequence[str],
    inputs: Sequence[AnyPath] = (),
    need_bytes: int = 0,
) -> None:
    """Raise `OutputError` now for what would keep ``path`` from being written later.

    The extension is one of ``extensions`` (lower case, with the dot), the folder exists and takes
    files, ``path`` is not a folder and none of ``inputs`` (links included), and ``need_bytes``
    bytes are free. Leaves nothing behind.
    """
    check_extension(path, extensions)
    try:
        target = _target(path)
        for source in inputs:
            if _same(target, source):
                raise OutputError(
                    f"{shown(path)}: is also an input ({shown(source)}); choose another name"
                )
        _check_writable(target)
        _probe(target.parent)
        free = shutil.disk_usage(target.parent).free
    except OSError as error:
        raise OutputError(f"{shown(path)}: cannot be written: {reason(error)}") from error
    if free < need_bytes:
        raise OutputError(f"{shown(path)}: needs {need_bytes:,} bytes, the disk has {free:,} free")


def check_extension(path: AnyPath, extensions: Sequence[str]) -> str:
    """Return the extension in lower case; `OutputError` if it is none of ``extensions``."""
    extension = Path(path).suffix.lower()
    if extension not in extensions:
        hint = nearest(extension, extensions)
        allowed = "" if hint.startswith("; choose") else f" (known: {', '.join(extensions)})"
        found = f"the extension {extension!r}" if extension else "no extension"
        raise OutputError(f"{shown(path)}: has {found}{hint}{allowed}")
    return extension


def _temporary(target: Path) -> Path:
    """Name a file beside ``target`` after it; sweep those that nobody writes to any more.

    A process that was killed while writing leaves its file behind, and it may be large. Whose it is
    cannot be told by the number of a process: that of another container on the same disk is alive
    there, and not here. So its age tells.
    """
    begin = hidden_name(target, "")
    for stale in target.parent.glob(f"{begin}-*.tmp"):
        with suppress(OSError):
            if time.time() - stale.stat().st_mtime > _ABANDONED:
                stale.unlink()
    return target.parent / f"{begin}-{secrets.token_hex(8)}.tmp"


def hidden_name(target: Path, ending: str) -> str:
    """Return the name of a hidden file that belongs to ``target``, of the same length for all."""
    return f".impasto-{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:12]}{ending}"


def beside(path: Path, ending: str) -> Path:
    """Return ``path`` with more at the end of its name, which is shortened where that is needed."""
    room = _LONGEST_NAME - len(os.fsencode(ending))
    name = path.name
    while len(os.fsencode(name)) > room:
        name = name[:-1]
    return path.with_name(name + ending)


def _take_place(temporary: Path, target: Path, *, tell: bool) -> None:
    """Move a finished file to where it belongs, with the permissions of what was there."""
    try:
        there = target.stat()
    except FileNotFoundError:
        temporary.replace(target)
        return
    _check_writable(target)
    if temporary.stat().st_mode != there.st_mode:
        with suppress(OSError):  # some disks of others have permissions for all alike
            temporary.chmod(stat.S_IMODE(there.st_mode))
    temporary.replace(target)
    if there.st_nlink > 1 and tell:
        told = f"{shown(target)}: had other names (hard links); they keep the earlier content"
        warnings.warn(told, Notice, stacklevel=2)


def _check_writable(target: Path) -> None:
    """Raise `OutputError` for a file that its owner protects from being written."""
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return
    if not mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
        raise OutputError(f"{shown(target)}: is write-protected; choose another name")


def _to_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _target(path: AnyPath) -> Path:
    """Follow links to the file to replace; refuse what must not be replaced by a file."""
    try:
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise OutputError(f"{shown(path)}: is a folder; give the name of a file")
        # Moving a file onto /dev/null or a pipe would replace the device itself.
        if target.exists() and not target.is_file():
            raise OutputError(f"{shown(path)}: is not a regular file; give the name of a file")
    except ValueError as error:  # a NUL character in the name
        raise OutputError(f"{shown(path)}: is not a file name: {reason(error)}") from error
    if not target.parent.is_dir():
        raise OutputError(f"{shown(path)}: the folder {shown(target.parent)} does not exist")
    return target


def _same(target: Path, source: AnyPath) -> bool:
    try:
        return target.samefile(source)
    except (OSError, ValueError):  # one of them is not there
        return False


def _probe(folder: Path) -> None:
    """Really write a file: permission bits know nothing of read-only mounts and quotas."""
    temporary = folder / f".impasto-{secrets.token_hex(8)}.tmp"
    try:
        temporary.write_bytes(b"\0")
    finally:
        with suppress(OSError):
            temporary.unlink()
