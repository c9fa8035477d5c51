"""Parses the layers of VGG-19 with their weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from impasto.errors import OptionsError, nearest
from impasto.nets.feature_net import VGG19
from impasto.options.checked import flag, quoted

LayerWeights = tuple[tuple[str, float], ...]
"""Pairs of name and weight."""


def layer_weights(name: str, value: Any, preset: LayerWeights) -> LayerWeights:
    """Convert layers in any accepted form to pairs of name and weight."""
    if value is None:
        return preset
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    if isinstance(value, Mapping):
        value = list(value.items())
    if not isinstance(value, Sequence):
        raise OptionsError(f"{flag(name)} must be names or name:weight, got {quoted(value)}")
    known = dict(preset)
    pairs: dict[str, float] = {}
    for item in value:
        layer, weight = _layer_weight(name, item, known)
        if layer not in VGG19.names:
            raise OptionsError(f"{flag(name)} does not know {layer!r}{nearest(layer, VGG19.names)}")
        if layer in pairs:
            raise OptionsError(f"{flag(name)} names {layer} twice")
        if not math.isfinite(weight) or weight < 0:
            raise OptionsError(
                f"{flag(name)}: the weight of {layer} must be at least 0, got {weight}"
            )
        pairs[layer] = weight
    if not pairs:
        raise OptionsError(f"{flag(name)} is empty; to omit a term, set its weight to 0")
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
        raise OptionsError(
            f"{flag(name)} must be names or name:weight, got {quoted(item)}"
        ) from None


def _number_from(text: str, what: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise OptionsError(f"{what} must be numbers, got {quoted(text)}") from None
