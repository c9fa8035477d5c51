"""Rows: styles without their network, a few kB each, in one safetensors file.

In a network with conditional instance normalisation (Dumoulin et al. 2017), a style's own
parameters are one row of each of a few tensors: scales and shifts, and the amounts of noise and of
the photo. A file of rows identifies its network by the hash of everything that the styles share.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from impasto.atomic import atomic_write
from impasto.errors import WeightsError
from impasto.nets.architecture import ARCHITECTURES, ORIGINAL, style_tensors
from impasto.text import reason, shown
from impasto.zoo import files
from impasto.zoo.cards import StyleCard

Arrays = Mapping[str, NDArray[Any]]

KIND = "styles"
VERSION = 1
MAX_BYTES = 64 * 2**20
MAX_ROWS = 1024
MAX_PAINTING = 256 * 2**10
"""The largest size of a painting's copy, in bytes."""

_ROWS, _PAINTING = "rows", "painting"


@dataclass(frozen=True, eq=False)
class Row:
    """A style: its card, and its row of each per-style tensor, float32.

    ``learning`` describes how it was learnt, as plain data; ``painting`` holds a small copy of its
    painting as the bytes of a picture file, or is empty.
    """

    card: StyleCard
    tensors: Arrays
    learning: Mapping[str, Any] = field(default_factory=dict)
    painting: bytes = b""

    @cached_property
    def sha256(self) -> str:
        """The hash of the tensors, at the precision of a file."""
        digest = hashlib.sha256()
        for name in sorted(self.tensors):
            digest.update(np.ascontiguousarray(self.tensors[name], np.float16).data)
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows that were learnt on one network, given by its architecture and its ``body`` hash."""

    architecture: str
    body: str
    rows: tuple[Row, ...]
    name: str = "<memory>"

    @property
    def styles(self) -> tuple[str, ...]:
        """The names of the styles."""
        return tuple(row.card.name for row in self.rows)


def write_rows(rows: Rows, path: str | os.PathLike[str]) -> None:
    """Write rows as float16, atomically. Raises `OutputError`."""
    with atomic_write(path) as file:
        file.write(serialised(rows))


def serialised(rows: Rows) -> bytes:
    """Return the bytes of a file of rows."""
    names = style_tensors(ARCHITECTURES[rows.architecture])
    table = [np.concatenate([row.tensors[name] for name in names]) for row in rows.rows]
    tensors: dict[str, NDArray[Any]] = {_ROWS: np.stack(table).astype(np.float16)}
    for number, row in enumerate(rows.rows):
        if row.painting:
            tensors[f"{_PAINTING}.{number}"] = np.frombuffer(row.painting, np.uint8)
    about = {
        "kind": KIND,
        "version": VERSION,
        "architecture": rows.architecture,
        "body": rows.body,
        "styles": [row.card.to_dict() for row in rows.rows],
        "learning": [dict(row.learning) for row in rows.rows],
    }
    return files.serialised(tensors, about)


def read_rows(path: str | os.PathLike[str]) -> Rows:
    """Read rows and check them completely. Raises `WeightsError` saying what is wrong."""
    return parsed(files.read(Path(path), MAX_BYTES), os.fspath(path))


def parsed(data: bytes, name: str = "<memory>") -> Rows:
    """Return the rows in the bytes of a file, checked completely. Raises `WeightsError`."""
    try:
        tensors = load(data)  # also checks the header
        return _rows(files.metadata_in(data), tensors, name)
    except (SafetensorError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as e:
        raise WeightsError(
            f"{shown(name)}: is not a file of styles that Impasto can read: {reason(e)}"
        ) from e


def holds_rows(path: str | os.PathLike[str]) -> bool:
    """Return whether a file's header declares rows; the content is not checked."""
    try:
        return files.metadata(Path(path)).get("kind") == KIND
    except (ValueError, TypeError, AttributeError, RecursionError):
        return False


def _rows(about: Mapping[str, Any], tensors: Arrays, name: str) -> Rows:
    """Check the content of a file. Raises `ValueError`, `KeyError` or `TypeError`."""
    if about.get("kind") != KIND:
        raise ValueError("it holds a network, not rows of styles")
    if about.get("version") != VERSION:
        raise ValueError(f"it has version {about.get('version')!r}, supported is {VERSION}")
    size, body = about["architecture"], about["body"]
    if size not in ARCHITECTURES or not ARCHITECTURES[size].photo:
        raise ValueError(f"there is no network {size!r} that styles can be added to")
    if not isinstance(body, str) or not re.fullmatch("[0-9a-f]{64}", body):
        raise ValueError("it does not name the network it belongs to")
    cards = [StyleCard.from_dict(card) for card in about["styles"]]
    names = {card.name for card in cards}
    if not 0 < len(cards) <= MAX_ROWS or len(names) != len(cards) or ORIGINAL in names:
        raise ValueError(
            f"it has {len(cards)} styles, {len(names - {ORIGINAL})} of them distinct; allowed are "
            f"1 to {MAX_ROWS} distinct styles"
        )
    learning = about.get("learning", [])
    if len(learning) != len(cards) or not all(isinstance(entry, dict) for entry in learning):
        raise ValueError("it lacks the learning record of a style")
    table = _table(tensors[_ROWS], size, len(cards))
    copies = {f"{_PAINTING}.{number}": number for number in range(len(cards))}
    paintings = [b""] * len(cards)
    for key in tensors.keys() - {_ROWS}:
        found = tensors[key]
        if key not in copies:
            raise ValueError(f"the tensor {key!r} is unknown")
        if found.dtype != np.uint8 or found.ndim != 1 or not 0 < len(found) <= MAX_PAINTING:
            raise ValueError(f"{key} is {found.dtype} {found.shape}, not the bytes of a picture")
        paintings[copies[key]] = found.tobytes()
    rows = zip(cards, table, learning, paintings, strict=True)
    return Rows(size, body, tuple(Row(*row) for row in rows), name)


def _table(rows: NDArray[Any], size: str, count: int) -> list[Arrays]:
    """Return the tensors of each row. Raises `ValueError` if they do not match the network."""
    shapes = ARCHITECTURES[size].shapes(1)
    names = style_tensors(ARCHITECTURES[size])
    lengths = [math.prod(shapes[name]) for name in names]
    expected = (count, sum(lengths))
    if rows.shape != expected or rows.dtype.kind != "f":
        raise ValueError(f"its rows are {rows.dtype} {rows.shape}, not floats {expected}")
    with np.errstate(over="ignore"):
        values = rows.astype(np.float16).astype(np.float32)
    if not np.isfinite(values).all():
        raise ValueError("its rows have values that are not finite, or too large for float16")
    parts = np.split(values, np.cumsum(lengths)[:-1], axis=1)
    return [dict(zip(names, row, strict=True)) for row in zip(*parts, strict=True)]
