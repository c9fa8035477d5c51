"""Loads the bytes of a picture file, and recognises files that are not pictures."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from impasto.errors import ImageError
from impasto.options import ReadOptions
from impasto.text import reason, shown

_LOOKS = (
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"<svg", "an SVG drawing; export it as PNG"),
    (b"<?xml", "an XML document"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x89PNG", "a damaged PNG"),
    (b"\xff\xd8\xff", "a damaged JPEG"),
    (b"GIF8", "a damaged GIF"),
    (b"II*\x00", "a damaged TIFF or one of an unknown kind"),
    (b"MM\x00*", "a damaged TIFF or one of an unknown kind"),
    (b"RIFF", "a RIFF file (WebP, WAV, AVI), damaged or not a picture"),
)


def load_bytes(path: str | os.PathLike[str], options: ReadOptions) -> bytes:
    """Read a file of at most ``options.max_bytes`` bytes. Raises `ImageError`."""
    try:
        with _opened(path, options) as file:
            # The file may have grown since it was measured; one extra byte shows that.
            data = file.read(options.max_bytes + 1)
    except FileNotFoundError as error:
        raise ImageError(f"{shown(path)}: no such file") from error
    except PermissionError as error:
        raise ImageError(f"{shown(path)}: permission denied") from error
    except (OSError, ValueError, MemoryError) as error:
        raise ImageError(f"{shown(path)}: cannot be read: {reason(error)}") from error
    check_bytes(len(data), path, options)
    return data


def _opened(path: str | os.PathLike[str], options: ReadOptions) -> BinaryIO:
    found = Path(path).stat()
    if stat.S_ISDIR(found.st_mode):
        raise ImageError(f"{shown(path)}: is a folder; give a picture file")
    if not stat.S_ISREG(found.st_mode):
        raise ImageError(f"{shown(path)}: is not a regular file; give a picture file")
    check_bytes(found.st_size, path, options)
    return Path(path).open("rb")


def check_bytes(size: int, path: str | os.PathLike[str], options: ReadOptions) -> None:
    """Raise `ImageError` if a file is empty or larger than ``options.max_bytes``."""
    if size == 0:
        raise ImageError(f"{shown(path)}: is empty (0 bytes)")
    if size > options.max_bytes:
        raise ImageError(
            f"{shown(path)}: has more than the {options.max_bytes:,} bytes allowed; "
            "raise --max-bytes or give a smaller file"
        )


def check_pixels(width: int, height: int, name: str, options: ReadOptions) -> None:
    """Raise `ImageError` if a picture has more than ``options.max_pixels``."""
    if width * height > options.max_pixels:
        raise ImageError(
            f"{shown(name)}: has {width}x{height} pixels, more than the "
            f"{options.max_pixels:,} allowed; raise --max-pixels or give a smaller picture"
        )


def looks_like(data: bytes) -> str:
    """Describe what a file looks like that no decoder recognises."""
    start = data[:512].lstrip()
    for magic, look in _LOOKS:
        if start[: len(magic)].lower() == magic.lower():
            return f"it looks like {look}"
    if data[4:8] == b"ftyp":
        return "it looks like a video or an unsupported kind of picture"
    return f"it starts with {data[:12]!r}"
