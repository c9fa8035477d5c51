"""Packs: a network with its styles in one safetensors file, read as plain data and checked."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from impasto.atomic import atomic_write
from impasto.errors import OptionsError, OutputError, WeightsError, nearest
from impasto.nets.architecture import (
    ARCHITECTURES,
    ORIGINAL,
    Architecture,
    architecture,
    style_tensors,
)
from impasto.text import reason, shown
from impasto.zoo import files
from impasto.zoo.cards import PackCard, StyleCard
from impasto.zoo.files import EXTENSION as EXTENSION
from impasto.zoo.rows import Arrays, Row

MAX_BYTES = 256 * 2**20
MAX_STYLES = 4096
_LARGEST = float(np.finfo(np.float16).max)
VERSION = 2
"""The version with three-level networks. Version 1 had another shape and is no longer supported."""


@dataclass(frozen=True, eq=False)
class Pack:
    """A network's tensors, float32, with the names and shapes of its architecture."""

    card: PackCard
    tensors: Arrays
    name: str = "<memory>"
    sha256: str = ""

    @property
    def architecture(self) -> Architecture:
        """The network's layers."""
        return architecture(self.card.architecture)

    @property
    def styles(self) -> tuple[str, ...]:
        """The names of the styles, in the order of the tensors' rows."""
        return self.card.names

    @property
    def has_original(self) -> bool:
        """Whether the photo itself is one of the styles, so that the strength can vary."""
        return ORIGINAL in self.styles

    def mix(self, shares: Mapping[str, float], strength: float = 1.0) -> NDArray[np.float32]:
        """Return the share of each style: (styles,), float32, adding up to 1.

        ``shares`` maps style names to shares and is normalised; ``strength`` runs from the photo
        (0) to the styles (1) and beyond. Raises `OptionsError` for an unknown style.
        """
        mix = np.zeros(len(self.styles))
        for name, share in shares.items():
            if name not in self.styles:
                raise OptionsError(f"{self.name} has no style {name!r}{nearest(name, self.styles)}")
            mix[self.styles.index(name)] += share
        if not (np.isfinite(mix).all() and (mix >= 0).all() and mix.sum() > 0):
            raise OptionsError("the shares of styles must be at least 0, and not all 0")
        mix /= mix.sum()
        if strength != 1:
            if not self.has_original:
                raise OptionsError(f"{self.name} cannot vary its strength; leave out --strength")
            mix *= strength
            mix[self.styles.index(ORIGINAL)] += 1 - strength
        return mix.astype(np.float32)

    @cached_property
    def body(self) -> str:
        """The SHA-256 of everything that the styles share, at the precision of a file.

        It identifies the network: rows learnt on one network work with no other.
        """
        digest = hashlib.sha256(self.card.architecture.encode())
        of_styles = style_tensors(self.architecture)
        for name in sorted(self.tensors.keys() - of_styles):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(self.tensors[name], np.float16).data)
        return digest.hexdigest()

    def row(self, style: str) -> Row:
        """Return a style's row: the parameters that it does not share with the others."""
        number = self.styles.index(style)
        tensors = {name: self.tensors[name][number] for name in style_tensors(self.architecture)}
        return Row(self.card.styles[number], tensors)

    def with_rows(self, rows: Sequence[Row]) -> Pack:
        """Return the pack with added styles, from rows that were learnt on its network."""
        of_styles = style_tensors(self.architecture)
        tensors = {
            name: np.concatenate([array, *(row.tensors[name][None] for row in rows)])
            if name in of_styles
            else array
            for name, array in self.tensors.items()
        }
        styles = (*self.card.styles, *(row.card for row in rows))
        digest = hashlib.sha256("".join([self.sha256, *(row.sha256 for row in rows)]).encode())
        return Pack(replace(self.card, styles=styles), tensors, self.name, digest.hexdigest())

    def only(self, names: Iterable[str]) -> Pack:
        """Return the pack with only these styles, in this order."""
        rows = [self.styles.index(name) for name in names]
        of_styles = style_tensors(self.architecture)
        tensors = {
            name: tensor[rows] if name in of_styles else tensor
            for name, tensor in self.tensors.items()
        }
        styles = tuple(self.card.styles[row] for row in rows)
        return Pack(replace(self.card, styles=styles), tensors, self.name, self.sha256)


def write_pack(pack: Pack, path: str | os.PathLike[str]) -> None:
    """Write a pack as float16 safetensors, atomically. Raises `OutputError`."""
    tensors = {
        name: np.ascontiguousarray(tensor, np.float16) for name, tensor in pack.tensors.items()
    }
    about = {
        "version": VERSION,
        "architecture": pack.card.architecture,
        "styles": [style.to_dict() for style in pack.card.styles],
        "training": dict(pack.card.training),
    }
    with atomic_write(path) as file:
        file.write(files.serialised(tensors, about))


def check_replaceable(path: Path) -> None:
    """Raise `OutputError` if a file exists that is not a pack, so that it is not overwritten."""
    if path.is_file() and path.stat().st_size and not _looks_like_pack(path):
        raise OutputError(f"{shown(path)}: already exists and is not a pack; give another name")


def _looks_like_pack(path: Path) -> bool:
    try:
        about = files.metadata(path)
        return about.get("kind") is None and "architecture" in about
    except (ValueError, TypeError, AttributeError, RecursionError):
        return False


def read_pack(path: str | os.PathLike[str]) -> Pack:
    """Read a pack and check it completely. Raises `WeightsError` saying what is wrong."""
    name = os.fspath(path)
    data = files.read(Path(path), MAX_BYTES)
    try:
        about = _known(files.metadata(Path(path)))
        tensors = load(data)
        card = PackCard(
            architecture=about["architecture"],
            styles=tuple(StyleCard.from_dict(style) for style in about["styles"]),
            training=about["training"] if isinstance(about.get("training"), dict) else {},
        )
        _check(card, tensors)
    except (SafetensorError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as e:
        raise WeightsError(
            f"{name}: is not a pack of styles that Impasto can read: {reason(e)}"
        ) from e
    arrays = {key: np.ascontiguousarray(value, np.float32) for key, value in tensors.items()}
    return Pack(card, arrays, name, hashlib.sha256(data).hexdigest())


def _known(about: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return ``about`` if this version can read it, else raise `ValueError`."""
    if about.get("kind") is not None:
        raise ValueError("it holds styles without a network")
    if about.get("version") == 1:
        raise ValueError(
            "it holds a network of version 1, which is no longer supported; train its styles "
            "again with impasto train"
        )
    if about.get("version") != VERSION:
        raise ValueError(f"it has version {about.get('version')!r}, supported is {VERSION}")
    return about


def _check(card: PackCard, tensors: Arrays) -> None:
    if card.architecture not in ARCHITECTURES:
        raise ValueError(f"its architecture {card.architecture!r} is unknown")
    names = card.names
    if not 0 < len(names) <= MAX_STYLES or len(set(names)) != len(names):
        raise ValueError(
            f"it has {len(names)} styles, {len(set(names))} of them distinct; allowed are 1 to "
            f"{MAX_STYLES} distinct styles"
        )
    expected = ARCHITECTURES[card.architecture].shapes(len(names))
    for name in expected.keys() ^ tensors.keys():
        raise ValueError(f"the tensor {name!r} is {'missing' if name in expected else 'unknown'}")
    for name, shape in expected.items():
        tensor = tensors[name]
        if tensor.shape != shape or tensor.dtype.kind != "f":
            raise ValueError(f"{name} is {tensor.dtype} {tensor.shape}, not floats {shape}")
        if not (np.abs(tensor) <= _LARGEST).all():
            raise ValueError(f"{name} has values that are not finite, or too large for float16")
