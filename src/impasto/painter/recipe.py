"""The pictures in a recipe: how they are recorded, and how they are found again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from impasto.errors import ImageError
from impasto.images.picture import Stored
from impasto.text import shown
from impasto.zoo.exemplars import TEXTURES

T = TypeVar("T")


def recorded(picture: Stored) -> dict[str, str]:
    """Return the entry of a picture in a recipe: its name and its hash."""
    return {"name": picture.name, "sha256": picture.sha256}


def located(name: str, folder: Path, way_out: str = "give its new path") -> Path:
    """Find a recorded file at its old path or in ``folder``. Raises `ImageError`.

    It may also be one of the textures that come with Impasto.
    """
    for candidate in (Path(name), folder / Path(name).name, TEXTURES / Path(name).name):
        if os.path.isfile(candidate):  # noqa: PTH113 (a name may be too long for the disk)
            return candidate
    raise ImageError(f"{shown(name)}: not found here nor in {shown(folder)}; {way_out}")


def grouped(pictures: Sequence[T], style_of_painting: Sequence[int]) -> list[T | list[T]]:
    """Group pictures by style: a list for several of one style, a single picture as it is."""
    pairs = list(zip(pictures, style_of_painting, strict=True))
    groups = [
        [one for one, own in pairs if own == style] for style in sorted(set(style_of_painting))
    ]
    return [group if len(group) > 1 else group[0] for group in groups]
