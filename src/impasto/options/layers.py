"""VGG-19 by the names of its layers, and the ways to say some of them with weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from impasto.errors import OptionsError, nearest
from impasto.options.checked import flag, shown

CONVOLUTIONS_PER_BLOCK = (2, 2, 4, 4, 4)
"""VGG-19: how many 3×3 convolutions each of its five blocks holds."""

LAYER_NAMES: tuple[str, ...] = tuple(
    name
    for block, convolutions in enumerate(CONVOLUTIONS_PER_BLOCK, start=1)
    for name in (
        *(f"{kind}{block}_{i}" for i in range(1, convolutions + 1) for kind in ("conv", "relu")),
        f"pool{block}",
    )
)
"""The names of VGG-19's layers, in order: conv1_1, relu1_1, conv1_2, ... relu5_4, pool5."""

VGG_WIDTHS = (64, 128, 256, 512, 512)
"""VGG-19: the channels of each of its five blocks."""

POOLINGS = ("max", "average", "l2")
PADDINGS = ("zeros", "replicate", "reflect")

LayerWeights = tuple[tuple[str, float], ...]
"""Pairs of a name and what it weighs."""


def layer_weights(name: str, value: Any, preset: LayerWeights) -> LayerWeights:
    """Bring any way to say layers to pairs of name and weight."""
    if value is None:
        return preset
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    if isinstance(value, Mapping):
        value = list(value.items())
    if not isinstance(value, Sequence):
        raise OptionsError(f"{flag(name)} takes names or name:weight, got {shown(value)}")
    known = dict(preset)
    pairs: dict[str, float] = {}
    for item in value:
        layer, weight = _layer_weight(name, item, known)
        if layer not in LAYER_NAMES:
            raise OptionsError(f"{flag(name)} does not know {layer!r}{nearest(layer, LAYER_NAMES)}")
        if layer in pairs:
            raise OptionsError(f"{flag(name)} names {layer} twice")
        if not math.isfinite(weight) or weight < 0:
            raise OptionsError(
                f"{flag(name)}: the weight of {layer} must be at least 0, got {weight}"
            )
        pairs[layer] = weight
    if not pairs:
        raise OptionsError(f"{flag(name)} is empty; to leave a term out set its weight to 0")
    return tuple(pairs.items())


def _layer_weight(name: str, item: Any, known: Mapping[str, float]) -> tuple[str, float]:
    if isinstance(item, str):
        layer, colon, weight = item.partition(":")
        if not colon:
            return layer, known.get(layer, 1.0)
        return layer.strip(), _number_from(weight, f"{flag(name)}: weights")
    try:
        layer, weight = item
        return str(layer), float(weight)
    except (TypeError, ValueError, OverflowError):
        raise OptionsError(f"{flag(name)} takes names or name:weight, got {shown(item)}") from None


def _number_from(text: str, what: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise OptionsError(f"{what} must be numbers, got {shown(text)}") from None
