"""Atomic file writes: files are written under a temporary name, then moved into place."""

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
"""The longest file name, in bytes."""

_ABANDONED = 24 * 3600.0
"""Seconds without a change after which a temporary file counts as abandoned."""


@contextmanager
def atomic_write(path: AnyPath) -> Iterator[BinaryIO]:
    """Open a binary file that appears at ``path`` only when the block ends without an error.

    As `atomic_path`, but gives a file object.
    """
    with atomic_path(path) as temporary, temporary.open("xb") as file:
        yield file


@contextmanager
def atomic_path(path: AnyPath) -> Iterator[Path]:
    """Yield a temporary path; the file moves to ``path`` when the block ends without an error.

    The temporary file is hidden, lies in the same folder, and is removed on any failure; an
    existing file at ``path`` stays unchanged until then, so no reader ever sees half a file. A link
    is followed and its target replaced. A new file gets the permissions of the one it replaces, or
    those of the umask; a write-protected file is refused. If the existing file has other names
    (hard links), those keep the earlier content, since they may be a backup; a `Notice` says so.
    Raises `OutputError` for any `OSError`, including one from inside the block (such as a full
    disk); other errors pass through.
    """
    try:
        target = _target(path)
        temporary = _temporary(target)
        try:
            _check_writable(target)
            yield temporary
            _to_disk(temporary)
            _replace(temporary, target)
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
    """Raise `OutputError` now for anything that would prevent writing ``path`` later.

    Checks that the extension is one of ``extensions`` (lower case, with the dot), that the folder
    exists and is writable, that ``path`` is neither a folder nor one of ``inputs`` (even through a
    link), and that ``need_bytes`` bytes are free. Leaves nothing behind.
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
        raise OutputError(
            f"{shown(path)}: needs {need_bytes:,} bytes, but the disk has only {free:,} free"
        )


def check_extension(path: AnyPath, extensions: Sequence[str]) -> str:
    """Return the extension in lower case. Raises `OutputError` unless it is in ``extensions``."""
    extension = Path(path).suffix.lower()
    if extension not in extensions:
        hint = nearest(extension, extensions)
        allowed = "" if hint.startswith("; choose") else f" (known: {', '.join(extensions)})"
        found = f"the extension {extension!r}" if extension else "no extension"
        raise OutputError(f"{shown(path)}: has {found}{hint}{allowed}")
    return extension


def _temporary(target: Path) -> Path:
    """Return a temporary name in the folder of ``target``, and delete abandoned temporary files.

    A process that is killed while writing leaves its file behind, which may be large. A process id
    could not identify the owner, which may run in another container on the same disk; so the age
    of the file decides.
    """
    begin = hidden_name(target, "")
    for stale in target.parent.glob(f"{begin}-*.tmp"):
        with suppress(OSError):
            if time.time() - stale.stat().st_mtime > _ABANDONED:
                stale.unlink()
    return target.parent / f"{begin}-{secrets.token_hex(8)}.tmp"


def hidden_name(target: Path, ending: str) -> str:
    """Return the name of a hidden file that belongs to ``target``; its length is fixed."""
    return f".impasto-{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:12]}{ending}"


def beside(path: Path, ending: str) -> Path:
    """Return ``path`` with ``ending`` appended to its name, shortening the name if necessary."""
    room = _LONGEST_NAME - len(os.fsencode(ending))
    name = path.name
    while len(os.fsencode(name)) > room:
        name = name[:-1]
    return path.with_name(name + ending)


def _replace(temporary: Path, target: Path) -> None:
    """Move a finished file to ``target``, with the permissions of the file it replaces."""
    try:
        there = target.stat()
    except FileNotFoundError:
        temporary.replace(target)
        return
    _check_writable(target)
    if temporary.stat().st_mode != there.st_mode:
        with suppress(OSError):  # some file systems do not support permissions
            temporary.chmod(stat.S_IMODE(there.st_mode))
    temporary.replace(target)
    if there.st_nlink > 1:
        message = f"{shown(target)}: had other names (hard links); they keep the earlier content"
        warnings.warn(message, Notice, stacklevel=2)


def _check_writable(target: Path) -> None:
    """Raise `OutputError` for a write-protected file."""
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
    """Resolve links to the file to replace. Raises `OutputError` if it must not be replaced."""
    try:
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise OutputError(f"{shown(path)}: is a folder; give a file name")
        # Moving a file onto /dev/null or a pipe would replace the device itself.
        if target.exists() and not target.is_file():
            raise OutputError(f"{shown(path)}: is not a regular file; give a file name")
    except ValueError as error:  # a NUL character in the name
        raise OutputError(f"{shown(path)}: is not a file name: {reason(error)}") from error
    if not target.parent.is_dir():
        raise OutputError(f"{shown(path)}: the folder {shown(target.parent)} does not exist")
    return target


def _same(target: Path, source: AnyPath) -> bool:
    try:
        return target.samefile(source)
    except (OSError, ValueError):  # one of them does not exist
        return False


def _probe(folder: Path) -> None:
    """Write a test file: permission bits do not show read-only mounts and quotas."""
    temporary = folder / f".impasto-{secrets.token_hex(8)}.tmp"
    try:
        temporary.write_bytes(b"\0")
    finally:
        with suppress(OSError):
            temporary.unlink()
