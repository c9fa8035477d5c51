"""Finds the pictures in a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from impasto.errors import ImageError
from impasto.images.opening import REFUSED
from impasto.text import reason, shown

_HEIC = frozenset({".heic", ".heif"})


def picture_extensions() -> frozenset[str]:
    """Return the extensions of all readable picture formats, in lower case with the dot."""
    kinds = Image.registered_extensions()
    readable = {extension for extension, kind in kinds.items() if kind in Image.OPEN}
    refused = {extension for extension, kind in kinds.items() if kind in REFUSED}
    return frozenset(readable - refused) | _HEIC


@dataclass(frozen=True)
class Folder:
    """A folder that was looked through once, without keeping the names of its pictures.

    ``endings`` are the extensions of its pictures as they are spelled; ``folders`` the names of the
    folders in it. Hidden ones are left out. ``listed`` are the names where they were kept all the
    same.
    """

    path: str
    endings: frozenset[str]
    folders: tuple[str, ...]
    listed: tuple[str, ...] | None = None

    @classmethod
    def scan(cls, path: str) -> Folder:
        """Look through a folder. Raises `OSError`."""
        endings, folders = set(), []
        extensions = picture_extensions()
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.name[0] == ".":
                    continue
                if entry.is_dir():
                    folders.append(entry.name)
                elif (ending := os.path.splitext(entry.name)[1]).lower() in extensions:  # noqa: PTH122
                    endings.add(ending)
        return cls(path, frozenset(endings), tuple(sorted(folders)))

    def names(self) -> Iterator[str]:
        """Yield the names of its pictures, as the disk has them. Raises `OSError`."""
        if self.listed is not None or not self.endings:
            yield from self.listed or ()
            return
        endings = tuple(self.endings)
        with os.scandir(self.path) as entries:
            for entry in entries:
                if entry.name[0] != "." and entry.name.endswith(endings) and not entry.is_dir():
                    yield entry.name


def walk(
    root: str,
    *,
    without: str | None = None,
    unreadable: Callable[[ImageError], None] | None = None,
) -> Iterator[Folder]:
    """Yield a folder and all folders in it, those above first, then by name.

    Links to folders are followed, into each folder once. The folder ``without`` is left out. A
    folder that cannot be read is passed to ``unreadable``, and the rest goes on; without
    that it is raised: `ImageError`. Memory grows with the number of folders, not with that of
    files.
    """
    seen = set()

    def tell(error: OSError, place: str) -> None:
        found = ImageError(f"{shown(place)}: the folder cannot be read: {reason(error)}")
        if unreadable is None:
            raise found from error
        unreadable(found)

    def fresh(place: str) -> bool:
        if _same(place, without):
            return False
        try:
            found = Path(place).stat()
        except OSError as error:
            tell(error, place)
            return False
        known = (found.st_dev, found.st_ino) in seen
        seen.add((found.st_dev, found.st_ino))
        return not known

    fresh(root)
    left = [root]
    while left:
        place = left.pop()
        try:
            folder = Folder.scan(place)
        except OSError as error:
            tell(error, place)
            continue
        yield folder
        below = (str(Path(place) / name) for name in folder.folders)
        left += reversed([path for path in below if fresh(path)])


def pictures_in(
    folder: Path,
    *,
    without: Path | None = None,
    unreadable: Callable[[ImageError], None] | None = None,
) -> Iterator[Path]:
    """Yield the picture files in a folder and its subfolders, sorted by name.

    Pictures are recognised by extension; hidden files are skipped. The rest is as in `walk`.
    """
    outside = None if without is None else str(without)
    for found in walk(str(folder), without=outside, unreadable=unreadable):
        for name in sorted(found.names()):
            yield Path(found.path) / name


def _same(path: str, other: str | None) -> bool:
    if other is None:
        return False
    try:
        return Path(path).samefile(other)
    except OSError:  # one of them is not there
        return False
