"""Files that are whole or not there: written beside their place, then moved into it."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from impasto.errors import OutputError, nearest
from impasto.images.text import reason, shown

AnyPath = str | os.PathLike[str]


@contextmanager
def atomic_write(path: AnyPath) -> Iterator[BinaryIO]:
    """Open a binary file that appears at ``path`` only when the block ends without an error.

    As `atomic_path`, for who writes through a file object.
    """
    with atomic_path(path) as temporary, temporary.open("xb") as file:
        yield file


@contextmanager
def atomic_path(path: AnyPath) -> Iterator[Path]:
    """Give a name to write to; the file moves to ``path`` when the block ends without an error.

    Until then it is a hidden file in the same folder, removed on any failure; an earlier file at
    ``path`` stays as it was, and no reader ever sees half a file. A link is followed: its target
    is replaced. Permissions are what the umask says. Raises `OutputError` for any `OSError`, also
    one from inside the block (a full disk); other errors pass through.
    """
    try:
        target = _target(path)
        temporary = _temporary(target)
        try:
            yield temporary
            _to_disk(temporary)
            temporary.replace(target)
        finally:
            with suppress(OSError):
                temporary.unlink()
    except OSError as error:
        raise OutputError(f"{shown(path)}: cannot be written: {reason(error)}") from error


def check_output(
    path: AnyPath,
    *,
    extensions: Sequence[str],
    inputs: Sequence[AnyPath] = (),
    need_bytes: int = 0,
) -> None:
    """Raise `OutputError` now for what would keep ``path`` from being written later.

    The extension is one of ``extensions`` (lower case, with the dot), the folder exists and takes
    files, ``path`` is no folder and none of ``inputs`` (links included), and ``need_bytes`` bytes
    are free. Leaves nothing behind.
    """
    check_extension(path, extensions)
    try:
        target = _target(path)
        for source in inputs:
            if _same(target, source):
                raise OutputError(
                    f"{shown(path)}: is also an input ({shown(source)}); choose another name"
                )
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
    """Name a file beside ``target`` after it and this process; sweep those of dead processes.

    A process that was killed while writing leaves its file behind, and it may be large.
    """
    mark = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:12]
    for stale in target.parent.glob(f".impasto-{mark}-*.tmp"):
        pid = stale.name.split("-")[2]
        if pid.isdigit() and not _alive(int(pid)):
            with suppress(OSError):
                stale.unlink()
    return target.parent / f".impasto-{mark}-{os.getpid()}-{secrets.token_hex(8)}.tmp"


def _alive(pid: int) -> bool:
    if os.name == "nt":  # there, signal 0 would end the process
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # it is somebody else's
        return True
    return True


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
            raise OutputError(f"{shown(path)}: is no regular file; give the name of a file")
    except ValueError as error:  # a NUL character in the name
        raise OutputError(f"{shown(path)}: is no file name: {reason(error)}") from error
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
