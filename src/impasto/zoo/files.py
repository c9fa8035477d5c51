"""The file format shared by packs and styles: safetensors with JSON in the header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from impasto.errors import WeightsError
from impasto.text import reason, shown

EXTENSION = ".safetensors"
_KEY = "impasto"


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


def metadata(path: Path) -> dict[str, Any]:
    """Return Impasto's metadata from the header of a file. Raises `ValueError` if there is none."""
    try:
        with safe_open(path, framework="numpy") as file:
            found = json.loads((file.metadata() or {}).get(_KEY, "null"))
    except (OSError, SafetensorError) as error:
        raise ValueError("it is not a safetensors file, or is truncated") from error
    if not isinstance(found, dict):
        raise ValueError("its header has no Impasto metadata")
    return found


def metadata_in(data: bytes) -> dict[str, Any]:
    """Return Impasto's metadata from the bytes of a file. Raises `ValueError` if there is none."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    about = header.get("__metadata__") if isinstance(header, dict) else None
    found = json.loads(about.get(_KEY, "null")) if isinstance(about, dict) else None
    if not isinstance(found, dict):
        raise ValueError("its header has no Impasto metadata")
    return found


def serialised(tensors: Mapping[str, NDArray[Any]], about: Mapping[str, Any]) -> bytes:
    """Return the bytes of a file with these tensors and metadata, which is plain data."""
    return save(dict(tensors), {_KEY: json.dumps(about, ensure_ascii=True)})
