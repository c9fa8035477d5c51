"""The pictures of a folder."""

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
    """Return the extensions, lower case with the dot, of all kinds of picture that are read."""
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
    """Yield the picture files of a folder and all folders in it, by name.

    They are told by their extensions. Hidden ones are left out, and so is the folder ``without``.
    Links to folders are followed, into each folder once. A folder that cannot be looked into is
    handed to ``unreadable``, and the rest goes on; without that it is raised: `ImageError`.
    """
    extensions = picture_extensions()
    seen = set()

    def tell(error: OSError) -> None:
        name = shown(error.filename)
        found = ImageError(f"{name}: cannot be looked into: {reason(error)}")
        if unreadable is None:
            raise found from error
        unreadable(found)

    def fresh(place: Path) -> bool:
        if _same(place, without):
            return False
        try:
            found = place.stat()
        except OSError as error:
            tell(error)
            return False
        known = (found.st_dev, found.st_ino) in seen
        seen.add((found.st_dev, found.st_ino))
        return not known

    fresh(folder)
    for place, folders, files in os.walk(folder, onerror=tell, followlinks=True):
        here = Path(place)
        folders[:] = [name for name in sorted(folders) if name[0] != "." and fresh(here / name)]
        for name in sorted(files):
            path = here / name
            if name[0] != "." and path.suffix.lower() in extensions:
                yield path


def _same(path: Path, other: Path | None) -> bool:
    return other is not None and other.exists() and path.exists() and path.samefile(other)
