"""The shares of several styles, over all layers or layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from impasto.errors import OptionsError

if TYPE_CHECKING:
    from impasto.options.parsing import Blend, Shares


def layer_shares(blend: Blend, styles: int, layer: str) -> list[float]:
    """Return each style's share in a layer, adding up to 1; an unnamed layer has equal shares.

    Raises `OptionsError` if the counts differ.
    """
    by_layer = dict(_by_layer(blend))
    if blend is not None and not by_layer:
        return blend_shares(blend, styles)
    return _normalised(by_layer.get(layer), styles)


def shares_of(
    blend: Blend, all_styles: Sequence[int], styles: Sequence[int], layer: str
) -> list[float]:
    """Return the shares of paintings of ``styles`` in a layer, adding up to 1.

    ``all_styles`` are the styles of all paintings, numbered from 0; paintings of one style have
    equal shares.
    """
    shares = layer_shares(blend, max(all_styles) + 1, layer)
    found = [shares[style] / styles.count(style) for style in styles]
    if sum(found) == 0:  # in this layer, the blend has only styles of other regions
        found = [1.0] * len(styles)
    return [share / sum(found) for share in found]


def blend_shares(blend: Blend, styles: int) -> list[float]:
    """Return each style's share over all layers, adding up to 1.

    Raises `OptionsError` if the counts differ.
    """
    by_layer = _by_layer(blend)
    if not by_layer:
        return _normalised(blend, styles)  # type: ignore[arg-type]
    each = [_normalised(shares, styles) for _, shares in by_layer]
    return [sum(shares) / len(each) for shares in zip(*each, strict=True)]


def _by_layer(blend: Blend) -> tuple[tuple[str, Shares], ...]:
    return blend if blend and isinstance(blend[0], tuple) else ()


def _normalised(blend: Shares | None, styles: int) -> list[float]:
    if blend is None:
        return [1 / styles] * styles
    if len(blend) != styles:
        raise OptionsError(f"--blend has {len(blend)} shares, but {styles} styles were given")
    largest = max(blend)  # divide by it first, so that no sum overflows
    shares = [share / largest for share in blend]
    return [share / sum(shares) for share in shares]
