"""Finds the pictures in a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
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


def pictures_in(
    folder: Path,
    *,
    without: Path | None = None,
    unreadable: Callable[[ImageError], None] | None = None,
) -> Iterator[Path]:
    """Yield the picture files in a folder and its subfolders, sorted by name.

    Pictures are recognised by extension. Hidden files and the folder ``without`` are skipped. Links
    to folders are followed, but each folder is visited once. The `ImageError` of a folder that
    cannot be read is passed to ``unreadable`` and the search goes on; without it, it is raised.
    """
    extensions = picture_extensions()
    seen = set()

    def report(error: OSError) -> None:
        name = shown(error.filename)
        found = ImageError(f"{name}: the folder cannot be read: {reason(error)}")
        if unreadable is None:
            raise found from error
        unreadable(found)

    def is_new(place: Path) -> bool:
        if _same(place, without):
            return False
        try:
            found = place.stat()
        except OSError as error:
            report(error)
            return False
        known = (found.st_dev, found.st_ino) in seen
        seen.add((found.st_dev, found.st_ino))
        return not known

    is_new(folder)
    for place, folders, files in os.walk(folder, onerror=report, followlinks=True):
        here = Path(place)
        folders[:] = [name for name in sorted(folders) if name[0] != "." and is_new(here / name)]
        for name in sorted(files):
            path = here / name
            if name[0] != "." and path.suffix.lower() in extensions:
                yield path


def _same(path: Path, other: Path | None) -> bool:
    return other is not None and other.exists() and path.exists() and path.samefile(other)
