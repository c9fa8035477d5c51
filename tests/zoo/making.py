"""Small packs for the tests: random tensors under the right names."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from impasto.nets.architecture import ORIGINAL, architecture
from impasto.zoo.cards import PackCard, StyleCard
from impasto.zoo.pack import Pack, write_pack


def random_pack(*styles: str, size: str = "turbo", seed: int = 0, **card: str) -> Pack:
    """A pack of untrained styles; of the house's own sizes `original` is the first."""
    names = styles if size == "transformer-net" else (ORIGINAL, *styles)
    tensors = {name: value.copy() for name, value in _drawn(size, len(names), seed).items()}
    cards = tuple(StyleCard(name=name, **card) for name in names)
    return Pack(PackCard(architecture=size, styles=cards, training={"steps": 3}), tensors)


@lru_cache(maxsize=32)
def _drawn(size: str, styles: int, seed: int) -> dict[str, NDArray[np.float32]]:
    """The tensors of a pack with so many styles: drawn once, which takes longer than a copy."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for name, shape in architecture(size).shapes(styles).items():
        fan = int(np.prod(shape[1:])) if name.endswith("weight") else 100
        value = rng.standard_normal(shape) / np.sqrt(fan)
        if name.endswith("scale"):
            value = 0.5 + 0.1 * value
        tensors[name] = value.astype(np.float16).astype(np.float32)
    if size != "transformer-net":  # the photo itself
        for name in tensors:
            if name.endswith(("scale", "shift")):
                tensors[name][0] = 0
        tensors["photo_scale"][0] = 1
    return tensors


def write(path: Path, *styles: str, **options: object) -> Path:
    """Write a pack of untrained styles, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_pack(random_pack(*styles, **options), path)  # type: ignore[arg-type]
    return path
