"""Packs: a network with its styles in one safetensors file, read as data and checked."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from impasto.errors import OptionsError, WeightsError, nearest
from impasto.images.atomic import atomic_write
from impasto.images.text import reason
from impasto.nets.architecture import (
    ARCHITECTURES,
    ORIGINAL,
    Architecture,
    architecture,
    style_tensors,
)
from impasto.zoo.cards import PackCard, StyleCard

Arrays = Mapping[str, NDArray[Any]]

EXTENSION = ".safetensors"
MAX_BYTES = 256 * 2**20
MAX_STYLES = 4096
VERSION = 2
"""Of the networks with three levels. The first had another shape and cannot be read any more."""
_KEY = "impasto"


@dataclass(frozen=True, eq=False)
class Pack:
    """A network's tensors, float32, under the names and in the shapes of its architecture."""

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
        """Whether the photo itself is one of the styles, so that strength can reach it."""
        return ORIGINAL in self.styles

    def mix(self, shares: Mapping[str, float], strength: float = 1.0) -> NDArray[np.float32]:
        """Return how much of each style: (styles,), float32, adding up to 1.

        ``shares`` by style name are made to add up to 1; ``strength`` goes from the photo (0) to
        the styles (1) and beyond. Raises `OptionsError` for a style that is not here.
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
                raise OptionsError(f"{self.name} cannot vary its strength: it was not trained to")
            mix *= strength
            mix[self.styles.index(ORIGINAL)] += 1 - strength
        return mix.astype(np.float32)

    def only(self, names: Iterable[str]) -> Pack:
        """Return the pack with these styles alone, in this order."""
        rows = [self.styles.index(name) for name in names]
        of_styles = style_tensors(self.architecture)
        tensors = {
            name: tensor[rows] if name in of_styles else tensor
            for name, tensor in self.tensors.items()
        }
        styles = tuple(self.card.styles[row] for row in rows)
        card = PackCard(
            architecture=self.card.architecture, styles=styles, training=self.card.training
        )
        return Pack(card, tensors, self.name, self.sha256)


def write_pack(pack: Pack, path: str | os.PathLike[str]) -> None:
    """Write a pack as float16 safetensors, whole or not at all. Raises `OutputError`."""
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
        file.write(save(tensors, {_KEY: json.dumps(about, ensure_ascii=True)}))


def read_pack(path: str | os.PathLike[str]) -> Pack:
    """Read a pack and check all of it. Raises `WeightsError` with what is wrong."""
    name = os.fspath(path)
    data = _bytes(Path(path))
    try:
        about = _about(data)
        tensors = load(data)
        card = PackCard(
            architecture=about["architecture"],
            styles=tuple(StyleCard.from_dict(style) for style in about["styles"]),
            training=about["training"] if isinstance(about.get("training"), dict) else {},
        )
        _check(card, tensors)
    except (SafetensorError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as e:
        raise WeightsError(
            f"{name}: is no pack of styles that Impasto can read: {reason(e)}"
        ) from e
    arrays = {key: np.ascontiguousarray(value, np.float32) for key, value in tensors.items()}
    return Pack(card, arrays, name, hashlib.sha256(data).hexdigest())


def _bytes(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise WeightsError(f"{path}: is a folder; give a pack of styles")
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise WeightsError(f"{path}: has {size:,} bytes, more than the {MAX_BYTES:,} allowed")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise WeightsError(f"{path}: no such file") from error
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path}: cannot be read: {error}") from error


def _about(data: bytes) -> dict[str, Any]:
    """Return what the header says of the pack."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > len(data) - 8:
        raise ValueError("it is no safetensors file, or cut short")
    header = json.loads(data[8 : 8 + length])
    about = json.loads(header.get("__metadata__", {}).get(_KEY, "null"))
    if not isinstance(about, dict):
        raise ValueError("its header says nothing of styles")
    if about.get("version") == 1:
        raise ValueError(
            "it holds a network of the first family, which Impasto no longer has; train its styles "
            "again with impasto train"
        )
    if about.get("version") != VERSION:
        raise ValueError(f"it is of version {about.get('version')!r}, known is {VERSION}")
    return about


def _check(card: PackCard, tensors: Arrays) -> None:
    if card.architecture not in ARCHITECTURES:
        raise ValueError(f"there is no architecture {card.architecture!r}")
    names = card.names
    if not 0 < len(names) <= MAX_STYLES or len(set(names)) != len(names):
        raise ValueError(f"it has {len(names)} styles, {len(set(names))} of them different")
    expected = ARCHITECTURES[card.architecture].shapes(len(names))
    for name in expected.keys() ^ tensors.keys():
        raise ValueError(f"the tensor {name!r} is {'missing' if name in expected else 'unknown'}")
    for name, shape in expected.items():
        tensor = tensors[name]
        if tensor.shape != shape or tensor.dtype.kind != "f":
            raise ValueError(f"{name} is {tensor.dtype} {tensor.shape}, not floats {shape}")
        if not np.isfinite(tensor).all():
            raise ValueError(f"{name} holds values that are not finite")
