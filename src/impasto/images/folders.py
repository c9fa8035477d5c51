"""The pictures of a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from impasto.errors import ImageError
from impasto.images.opening import REFUSED
from impasto.images.text import reason, shown

_HEIC = frozenset({".heic", ".heif"})


def picture_extensions() -> frozenset[str]:
    """Return the extensions, lower case with the dot, of all kinds of picture that are read."""
    kinds = Image.registered_extensions()
    readable = {extension for extension, kind in kinds.items() if kind in Image.OPEN}
    refused = {extension for extension, kind in kinds.items() if kind in REFUSED}
    return frozenset(readable - refused) | _HEIC


def pictures_in(folder: Path, *, without: Path | None = None) -> Iterator[Path]:
    """Yield the picture files of a folder and all folders in it, by name.

    They are told by their extensions. Hidden ones are left out, and so is the folder ``without``.
    Raises `ImageError` for a folder that cannot be looked into.
    """
    extensions = picture_extensions()
    for place, folders, files in os.walk(folder, onerror=_raise):
        here = Path(place)
        folders[:] = sorted(
            name for name in folders if name[0] != "." and not _same(here / name, without)
        )
        for name in sorted(files):
            path = here / name
            if name[0] != "." and path.suffix.lower() in extensions:
                yield path


def _same(path: Path, other: Path | None) -> bool:
    return other is not None and other.exists() and path.exists() and path.samefile(other)


def _raise(error: OSError) -> None:
    raise ImageError(f"{shown(error.filename)}: cannot be looked into: {reason(error)}") from error
