"""The pictures of the page: which there are, at which size, with which scale of colours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from impasto.explain.explanation import Channel, Each, Explanation, Floats, Grams
from impasto.explain.inline import Inline, map_of, matrix, photograph, scale_bar

_FAINT = 1e-4
"""Of the largest entry: what is smaller says nothing by being a little more or less."""

DOUBLINGS = 4
"""What lies between two Gram matrices is shown up to a factor of two to this power."""

SHOWN = ("photo", "result", "painting")
"""The pictures whose maps and matrices are shown, in this order."""

_PICTURE, _SMALL, _MAP = 512, 256, 144
"""Long sides in pixels: of pictures, of reconstructions, of feature maps."""

_DARK, _BRIGHT = 3.0, 99.5
"""Percentiles of the entries of the painting's Gram matrix at which its colours begin and end."""

_OUTLIERS = 99.8
"""Percentile of a feature map's values that is as bright as it gets."""

_MAGNITUDE, _RATIO = "magma", "coolwarm"


@dataclass(frozen=True)
class MapFigure:
    """The maps of one filter by `SHOWN`; what is as bright as it gets is ``largest``."""

    channel: Channel
    largest: float
    maps: Mapping[str, Inline]


@dataclass(frozen=True)
class GramFigure:
    """Gram matrices, and how those of photo and result compare with the painting's.

    Entries up to ``dark`` are darkest and those from ``bright`` on brightest.
    """

    matrices: Mapping[str, Inline]
    ratios: Mapping[str, Inline]
    dark: float
    bright: float


@dataclass(frozen=True)
class Figures:
    """All pictures of the page; what belongs to a layer goes by its name."""

    pictures: Each[Inline]
    reconstructions: Mapping[tuple[str, ...], Inline]
    maps: Mapping[str, tuple[MapFigure, ...]]
    grams: Mapping[str, GramFigure]
    moments: tuple[Inline, ...]
    magnitudes: Inline
    ratios: Inline


def figures(explanation: Explanation) -> Figures:
    """Make every picture of the page."""
    alone = (*explanation.contents, *explanation.styles)
    return Figures(
        pictures=Each(*(photograph(p, side=_PICTURE) for p in explanation.pictures)),
        reconstructions={r.layers: photograph(r.picture, side=_SMALL) for r in alone},
        maps={
            view.layer.name: tuple(_maps(channel) for channel in view.channels)
            for view in explanation.layers
        },
        grams={v.layer.name: _gram(v.grams) for v in explanation.layers if v.grams},
        moments=tuple(photograph(m.picture, quality=80) for m in explanation.run.moments),
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
    # Of layers with many silent pairs the darkest would be nothing at all.
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
    """Return where on a logarithmic scale entries lie: 0 for ``dark``, 1 for ``bright``."""
    share: Floats = np.log(np.maximum(G, dark) / dark) / np.log(bright / dark)
    return np.clip(share, 0, 1).astype(np.float32)


def log_ratios(G: Floats, A: Floats, floor: float) -> Floats:
    """Return log2 G / A as 0 to 1, ½ for equal; entries below ``floor`` count as it."""
    ratio = np.log2(np.maximum(G, floor) / np.maximum(A, floor))
    share: Floats = np.clip(0.5 + ratio / (2 * DOUBLINGS), 0, 1).astype(np.float32)
    return share
