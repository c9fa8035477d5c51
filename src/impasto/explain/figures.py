"""The pictures of the page, with their sizes and colour scales."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from impasto.explain.explanation import Channel, Explanation, Floats, Grams, PerPicture
from impasto.explain.inline import InlineImage, map_of, matrix, photograph, scale_bar

_FAINT = 1e-4
"""Entries below this share of the largest one are treated as equal."""

DOUBLINGS = 4
"""The ratio of two Gram matrices is shown up to two to this power."""

SHOWN = ("photo", "result", "painting")
"""The pictures whose maps and matrices are shown, in this order."""

_PICTURE, _SMALL, _MAP = 512, 256, 144
"""Long sides in pixels of pictures, reconstructions and feature maps."""

_DARK, _BRIGHT = 3.0, 99.5
"""Percentiles of the painting's Gram matrix at which the colour scale begins and ends."""

_OUTLIERS = 99.8
"""Percentile of a feature map's values shown at full brightness."""

_MAGNITUDE, _RATIO = "magma", "coolwarm"


@dataclass(frozen=True)
class MapFigure:
    """The maps of one filter, keyed by `SHOWN`; ``largest`` is shown at full brightness."""

    channel: Channel
    largest: float
    maps: Mapping[str, InlineImage]


@dataclass(frozen=True)
class GramFigure:
    """Gram matrices, and their ratios to the painting's.

    Entries up to ``dark`` are darkest; those from ``bright`` are brightest.
    """

    matrices: Mapping[str, InlineImage]
    ratios: Mapping[str, InlineImage]
    dark: float
    bright: float


@dataclass(frozen=True)
class Figures:
    """All pictures of the page; those of a layer are keyed by its name."""

    pictures: PerPicture[InlineImage]
    reconstructions: Mapping[tuple[str, ...], InlineImage]
    maps: Mapping[str, tuple[MapFigure, ...]]
    grams: Mapping[str, GramFigure]
    snapshots: tuple[InlineImage, ...]
    magnitudes: InlineImage
    ratios: InlineImage


def figures(explanation: Explanation) -> Figures:
    """Make every picture of the page."""
    reconstructions = (*explanation.contents, *explanation.styles)
    return Figures(
        pictures=PerPicture(*(photograph(p, side=_PICTURE) for p in explanation.pictures)),
        reconstructions={r.layers: photograph(r.picture, side=_SMALL) for r in reconstructions},
        maps={
            view.layer.name: tuple(_maps(channel) for channel in view.channels)
            for view in explanation.layers
        },
        grams={v.layer.name: _gram(v.grams) for v in explanation.layers if v.grams},
        snapshots=tuple(photograph(m.picture, quality=80) for m in explanation.run.snapshots),
        magnitudes=scale_bar(_MAGNITUDE),
        ratios=scale_bar(_RATIO),
    )


def _maps(channel: Channel) -> MapFigure:
    shown = {who: getattr(channel.maps, who) for who in SHOWN}
    largest = max(float(np.percentile(values, _OUTLIERS)) for values in shown.values())
    maps = {who: map_of(values, largest, _MAP) for who, values in shown.items()}
    return MapFigure(channel, largest, maps)


def _gram(grams: Grams) -> GramFigure:
    A = grams.matrices.painting
    largest = max(float(A.max()), 1e-30)
    # Without this floor, layers with many silent pairs would start at 0.
    dark = max(float(np.percentile(A, _DARK)), largest * _FAINT)
    bright = max(float(np.percentile(A, _BRIGHT)), 2 * dark)
    shown = {who: getattr(grams.matrices, who) for who in SHOWN}
    return GramFigure(
        matrices={w: matrix(magnitudes(G, dark, bright), _MAGNITUDE) for w, G in shown.items()},
        ratios={w: matrix(log_ratios(G, A, largest * _FAINT), _RATIO) for w, G in shown.items()},
        dark=dark,
        bright=bright,
    )


def magnitudes(G: Floats, dark: float, bright: float) -> Floats:
    """Return the position of entries on a log scale: 0 for ``dark``, 1 for ``bright``."""
    share: Floats = np.log(np.maximum(G, dark) / dark) / np.log(bright / dark)
    return np.clip(share, 0, 1).astype(np.float32)


def log_ratios(G: Floats, A: Floats, floor: float) -> Floats:
    """Return log2 G / A scaled to 0 to 1, ½ if equal; entries are at least ``floor``."""
    ratio = np.log2(np.maximum(G, floor) / np.maximum(A, floor))
    share: Floats = np.clip(0.5 + ratio / (2 * DOUBLINGS), 0, 1).astype(np.float32)
    return share
