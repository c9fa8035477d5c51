"""The file format shared by packs and styles: safetensors with JSON in the header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors.numpy import save

from impasto.errors import WeightsError
from impasto.text import reason, shown

EXTENSION = ".safetensors"
_KEY = "impasto"
_LONGEST_HEADER = 16 * 2**20


def read(path: Path, most: int) -> bytes:
    """Return the content of a file of at most ``most`` bytes. Raises `WeightsError`."""
    try:
        if path.is_dir():
            raise WeightsError(f"{shown(path)}: is a folder; give a {EXTENSION} file")
        size = path.stat().st_size
        if size > most:
            raise WeightsError(f"{shown(path)}: has {size:,} bytes, more than the {most:,} allowed")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise WeightsError(f"{shown(path)}: no such file") from error
    except (OSError, ValueError) as error:
        raise WeightsError(f"{shown(path)}: cannot be read: {reason(error)}") from error


def read_header(path: Path) -> bytes:
    """Return the start of a file, as much as `metadata` reads. Raises `WeightsError`."""
    try:
        with path.open("rb") as file:
            length = file.read(8)
            return length + file.read(min(int.from_bytes(length, "little"), _LONGEST_HEADER))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{shown(path)}: cannot be read: {reason(error)}") from error


def metadata(data: bytes) -> dict[str, Any]:
    """Return Impasto's metadata from the header of a file. Raises `ValueError` if there is none."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > len(data) - 8:
        raise ValueError("it is not a safetensors file, or is truncated")
    header = json.loads(data[8 : 8 + length])
    found = json.loads(header.get("__metadata__", {}).get(_KEY, "null"))
    if not isinstance(found, dict):
        raise ValueError("its header has no Impasto metadata")
    return found


def serialised(tensors: Mapping[str, NDArray[Any]], about: Mapping[str, Any]) -> bytes:
    """Return the bytes of a file with these tensors and metadata, which is plain data."""
    return save(dict(tensors), {_KEY: json.dumps(about, ensure_ascii=True)})
