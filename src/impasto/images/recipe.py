"""The recipe that a picture was made with, embedded in the picture file.

It is one JSON object in ASCII. All formats but GIF store it in the same way: the EXIF tag
ImageDescription holds the recipe, and the tag Software the name of the program. A GIF has no EXIF,
so its comment holds the recipe.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from PIL import Image

from impasto.errors import ImageError, OutputError
from impasto.images.load import load_bytes
from impasto.images.opening import measured, open_image, translated
from impasto.images.quiet import quiet
from impasto.options import ReadOptions
from impasto.text import shown

IMAGE_DESCRIPTION, SOFTWARE = 0x010E, 0x0131
MAX_CHARACTERS = 2**20
_DEFAULTS = ReadOptions()


def read_recipe(path: str | os.PathLike[str], options: ReadOptions = _DEFAULTS) -> dict[str, Any]:
    """Return the recipe embedded in a picture file, without decoding the picture.

    Raises `ImageError` if there is none, if it is larger than 1 MiB or not a JSON object, and where
    `read_picture` would raise it before decoding.
    """
    return recipe_in(load_bytes(path, options), os.fspath(path), options)


def recipe_in(data: bytes, name: str, options: ReadOptions = _DEFAULTS) -> dict[str, Any]:
    """Return the recipe in the bytes of a picture file, as `read_recipe` does."""
    with translated(name), quiet(), measured(open_image(data), data, name, options) as image:
        text = image.getexif().get(IMAGE_DESCRIPTION)
        if image.format == "GIF":
            text = bytes(image.info.get("comment", b"")).decode("ascii", "replace") or None
    if not isinstance(text, str) or len(text) > MAX_CHARACTERS:
        raise ImageError(f"{shown(name)}: has no Impasto recipe")
    try:
        recipe = json.loads(text)
    except (ValueError, RecursionError):  # not JSON, or nested too deeply
        recipe = None
    if not isinstance(recipe, dict):
        raise ImageError(f"{shown(name)}: has no Impasto recipe, but another description")
    return recipe


def recipe_text(recipe: Mapping[str, Any], name: str) -> str:
    """Return a recipe as one JSON object in ASCII. Raises `OutputError` if that is impossible."""
    try:
        text = json.dumps(dict(recipe), ensure_ascii=True, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise OutputError(f"{shown(name)}: the recipe is not JSON data: {error}") from error
    if len(text) > MAX_CHARACTERS:
        raise OutputError(
            f"{shown(name)}: the recipe has {len(text):,} characters; at most {MAX_CHARACTERS:,} "
            "are allowed"
        )
    return text


def software(recipe: Mapping[str, Any]) -> str:
    """Return the program's name, with the version from the recipe, if any."""
    version = str(recipe.get("version", ""))
    return (
        f"Impasto {version}"
        if version.isascii() and version.isprintable() and version
        else "Impasto"
    )


def exif_bytes(recipe: Mapping[str, Any], name: str) -> bytes:
    """Return an EXIF block that holds the recipe, starting with ``Exif\\0\\0``."""
    exif = Image.Exif()
    exif[IMAGE_DESCRIPTION] = recipe_text(recipe, name)
    exif[SOFTWARE] = software(recipe)
    return exif.tobytes()
